"""`relance clock`: turns the house's clock, to see today what would leave on Thursday. Demo and test mode only."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import click

from core.cli.desk import Desk, command
from core.engine import turning
from core.engine.shown import moment

_STEP = re.compile(r"([+-])(\d{1,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Turn(click.ParamType):
    """`+2d`, `+90m`, a moment with its offset, or `reset`."""

    name = "turn"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta | datetime | str:
        if isinstance(value, timedelta | datetime):
            return value
        text = str(value)
        if text == "reset":
            return text
        if match := _STEP.fullmatch(text):
            sign = 1 if match.group(1) == "+" else -1
            return sign * timedelta(**{_UNITS[match.group(3)]: int(match.group(2))})
        try:
            read: datetime | None = datetime.fromisoformat(text)
        except ValueError:
            read = None
        if read is None or read.tzinfo is None:
            self.fail(f"'{text}' is no turn of the clock. Example: +2d, +90m, 2026-12-01T18:01:00+01:00, reset",
                      param, ctx)
        return read


@command("clock", home=False, writes=True, context_settings={"ignore_unknown_options": True})
@click.argument("to", type=Turn(), metavar="+2d|+90m|MOMENT|reset")
def clock_command(desk: Desk, to: timedelta | datetime | str) -> None:
    """Turn the clock; what falls due on the way leaves in its order."""
    suite = desk.suite
    if isinstance(to, str):
        goal = suite.now() - suite.clock.turned
    else:
        goal = suite.now() + to if isinstance(to, timedelta) else to
    if desk.dry_run:
        turned = turning.Turned(goal, suite.clock.turned + (goal - suite.now()), 0)
    elif isinstance(to, str):
        turned = turning.reset(suite)
    else:
        turned = turning.jump(suite, goal)
    answer = {"now": moment(turned.now), "turned_seconds": int(turned.turned.total_seconds()), "left": turned.left,
              "dry_run": desk.dry_run}
    desk.show(answer, desk.say(f"Il est {desk.local(turned.now)} : {turned.left} messages sont partis.",
                               f"It is {desk.local(turned.now)}: {turned.left} messages left."))
