"""`relance plan`: what would be scheduled for a calendar file or a recorded request, and why. Opens nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from core.cli.desk import Country, Desk, Moment, Refusal, Zone, command, rfc3339
from core.contract import Adapter, Configured, Inbound, Installation, Pulls, Pushes, Tools
from core.domain.errors import BadInput
from core.domain.events import Event, Kind
from core.domain.messages import MessageClass
from core.domain.occasions import Occasion, updated
from core.domain.planning import Send, Skip, plan
from core.domain.policy.decision import Policy
from core.domain.policy.walltime import local
from core.domain.reasons import Reason
from core.domain.rules import Rule
from core.domain.text.price import Money
from core.domain.when import When, parse_short, parse_when
from core.plugins import load_adapters

EVENING_BEFORE = "-1d@18:00"
TEXT = "RDV le {{ start|date }} à {{ start|time }}"
MOST_BYTES = 10_000_000
MOST_PAGES = 200
WINDOW_DAYS = 400


@dataclass(frozen=True, slots=True)
class Answered:
    """One rule's answer about one occasion."""

    occasion: Occasion
    rule: str
    answer: Send | Skip


class ShortWhen(click.ParamType):
    """`-1d@18:00`, `-48h`, `+2h`; kept with the words in which it was written."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, When]:
        if isinstance(value, tuple):
            return value
        try:
            return value, parse_short(value)
        except BadInput:
            self.fail(f"'{value}' is not a moment around the appointment. Example: -1d@18:00, -48h, +2h", param, ctx)


@command("plan", home=False)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.ics|RECORDING")
@click.option("--now", type=Moment(), required=True, metavar="MOMENT", help="As if it were then: 2026-10-20T08:00:00Z.")
@click.option("--zone", type=Zone(), default="Europe/Paris", show_default=True,
              help="Of times that state none, and of the workspace.")
@click.option("--country", type=Country(), default="FR", show_default=True,
              help="Of telephone numbers that are written without one, and whose holidays count.")
@click.option("--when", "whens", type=ShortWhen(), multiple=True, metavar="WHEN",
              help=f"When a message leaves: -1d@18:00, -48h, +2h. May be repeated. Default: {EVENING_BEFORE}.")
@click.option("--text", default=None, help=f"The text. Default: {TEXT}")
@click.option("--class", "message_class", type=click.Choice([str(one) for one in MessageClass]),
              default="transactional", show_default=True)
@click.option("--own-number", "own_numbers", multiple=True, metavar="NUMBER",
              help="A number of the business itself (E.164), never a recipient's.")
def plan_command(
    desk: Desk, file: Path, now: datetime, zone: str, country: str, whens: tuple[tuple[str, When], ...],
    text: str | None, message_class: str, own_numbers: tuple[str, ...],
) -> None:
    """Say what would be scheduled for a calendar file or a recorded request, and why. Writes nothing."""
    now = now.astimezone(UTC)
    written = _read(file)
    adapters = load_adapters(Tools(urls={}, clients={}, fetch=_no_network))
    if written.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"{":
        adapter, events, problems = _recorded(desk, written, adapters, zone, country, own_numbers)
    else:
        adapter, events, problems = _from_calendar(desk, written, adapters, zone, country, own_numbers, now)
    rules = _rules(adapter, {event.kind for event in events}, whens, text, MessageClass(message_class), desk.language)
    answers = planned(events, rules, zone, country, desk.language, now)
    for problem in problems:
        click.echo(problem.sentence(desk.language), err=True)
    desk.show({"answers": [as_json(one, desk.language) for one in answers]}, lambda: _shown(desk, answers))


def planned(
    events: Iterable[Event], rules: Sequence[Rule], zone: str, country: str, language: str, now: datetime
) -> list[Answered]:
    """Every rule's answer about every occasion that the events make, in the order of their start. Pure."""
    occasions: dict[str, Occasion] = {}
    for event in events:
        after = updated(occasions.get(event.key), event)
        if after is not None:
            occasions[event.key] = replace(after, first_seen=now)
    policy = Policy(ZoneInfo(zone), country, language)
    names = {rule.id: rule.name for rule in rules}
    in_order = sorted(occasions.values(), key=lambda one: (one.start or one.at, one.key))
    return [Answered(one, names[answer.rule], answer) for one in in_order for answer in plan(one, rules, policy, now)]


def as_json(one: Answered, language: str) -> dict[str, Any]:
    """The form that other programs rely on; `start` and `due_local` bear the offset of the occasion's own place."""
    occasion, answer = one.occasion, one.answer
    said: dict[str, Any] = {
        "occasion": {
            "uid": occasion.private.get("uid") or occasion.key,
            "recurrence_id": occasion.private.get("recurrence_id"),
            "start": local(occasion.start, _zone(occasion)).isoformat() if occasion.start else None,
            "title": occasion.values.get("title", ""),
        },
        "rule": one.rule,
    }
    if isinstance(answer, Skip):
        reason = answer.reason
        return {**said, "answer": "skip", "reason": {"code": reason.code, "detail": reason.sentence(language)}}
    evidence = occasion.evidence
    return {
        **said,
        "answer": "send",
        "to": answer.recipient.number,
        "text": answer.text,
        "due_at": rfc3339(answer.send_at),
        "due_local": local(answer.send_at, _zone(occasion)).isoformat(),
        "segments": answer.measure.segments,
        "phone_evidence": {"field": evidence.field, "text": evidence.text} if evidence else None,
    }


# ---------------------------------------------------------------------------------------------- what was given


def _read(file: Path) -> bytes:
    if file.stat().st_size > MOST_BYTES:
        raise Refusal(f"{file}: more than {MOST_BYTES // 1_000_000} MB")
    return file.read_bytes()


def _no_network(*_: Any, **__: Any) -> Any:
    raise Refusal("`relance plan` opens no connection")


def _from_calendar(
    desk: Desk, written: bytes, adapters: Mapping[str, Adapter], zone: str, country: str, own_numbers: Sequence[str],
    now: datetime,
) -> tuple[Adapter, list[Event], tuple[Reason, ...]]:
    adapter, configured = calendar_reader(adapters, written.decode("utf-8", "replace"), zone, country)
    # The file as it is: a reader of calendars knows what older programs wrote, line by line.
    installation = _installation(
        adapter, {**configured.config, "window_days": WINDOW_DAYS, "behind_days": WINDOW_DAYS},
        {**configured.secrets, "ics": written}, zone, country, desk.language, own_numbers)
    events: list[Event] = []
    problems: tuple[Reason, ...] = ()
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        batch = adapter.pull(installation, cursor, now)
        events += batch.events
        problems += batch.problems
        cursor = batch.cursor
        if batch.memory is not None:
            installation = replace(installation, memory=batch.memory)
        if not batch.more:
            break
    return adapter, events, problems


def calendar_reader(
    adapters: Mapping[str, Adapter], ics: str, zone: str, country: str
) -> tuple[Pulls, Configured]:
    """The registered platform that reads a calendar's file, and its configuration for this one. Raises `BadInput`
    with what is wrong with the file, `Refusal` when no platform reads calendars."""
    wrong: BadInput | None = None
    for adapter in adapters.values():
        if not isinstance(adapter, Pulls) or Kind.APPOINTMENT not in adapter.manifest.kinds:
            continue
        try:
            return adapter, adapter.configured({"ics": ics, "zone": zone, "country": country})
        except BadInput as error:
            wrong = error
    if wrong is not None:
        wrong.pointer = ""
        raise wrong
    raise Refusal("no registered platform reads calendar files: see `relance adapters list`")


def _recorded(
    desk: Desk, written: bytes, adapters: Mapping[str, Adapter], zone: str, country: str, own_numbers: Sequence[str]
) -> tuple[Adapter, list[Event], tuple[Reason, ...]]:
    try:
        kept = json.loads(written)
        request = Inbound.read(written)
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(desk.say("Ni un calendrier, ni une requête enregistrée par `relance record`.",
                               "Neither a calendar nor a request that `relance record` wrote.")) from error
    slug = kept.get("adapter") or next((part for part in request.url.split("/") if part in adapters), "")
    adapter = adapters.get(slug)
    if not isinstance(adapter, Pushes):
        raise Refusal(desk.say(f"La plateforme « {slug} » n'est pas connue ici.", f"“{slug}” is no platform here."))
    installation = _installation(adapter, kept.get("config", {}), {}, zone, country, desk.language, own_numbers)
    return adapter, list(adapter.parse(request, installation).events), ()


def _installation(
    adapter: Adapter, config: Mapping[str, Any], secrets: Mapping[str, Any], zone: str, country: str, language: str,
    own_numbers: Sequence[str],
) -> Installation:
    return Installation(
        id="ins_plan", workspace="wsp_plan", adapter=adapter.manifest.slug, name="plan", config=config, secrets=secrets,
        memory={}, zone=zone, country=country, language=language, hook_url="", own_numbers=frozenset(own_numbers))


def _rules(
    adapter: Adapter, kinds: set[Kind], whens: tuple[tuple[str, When], ...], text: str | None, klass: MessageClass,
    language: str,
) -> list[Rule]:
    """Those that were asked for; without any the evening before an appointment, and for the rest what the platform
    itself proposes."""
    rules = []
    for kind in sorted(kinds or {Kind.APPOINTMENT}):
        own = whens or (((EVENING_BEFORE, parse_short(EVENING_BEFORE)),) if kind is Kind.APPOINTMENT else ())
        rules += [Rule(f"{kind}/{name}", name, kind, klass, when, text or TEXT) for name, when in own]
        if not own:
            from core.engine import presets

            rules += [
                Rule(one["key"], one["key"], kind, MessageClass(one["class"]), parse_when(one["when"]),
                     text or one["body"].get(language, one["body"]["en"]))
                for one in presets.of(adapter) if one["on"] == kind
            ]
    return rules


# ---------------------------------------------------------------------------------------------- for people


def _zone(occasion: Occasion) -> ZoneInfo:
    return ZoneInfo(occasion.zone or "UTC")


def _shown(desk: Desk, answers: Sequence[Answered]) -> None:
    sends = [one for one in answers if isinstance(one.answer, Send)]
    by_day: dict[str, list[Answered]] = {}
    for one in sorted(sends, key=_due):
        by_day.setdefault(f"{local(_due(one), _zone(one.occasion)):%d/%m/%Y}", []).append(one)
    headings = [desk.say("heure", "time"), desk.say("rendez-vous", "about"), desk.say("à", "to"), "SMS",
                desk.say("coût", "cost"), desk.say("texte", "text")]
    for day, found in by_day.items():
        desk.table(headings, [_send_row(one) for one in found], title=day)
    skips = [one for one in answers if isinstance(one.answer, Skip)]
    if skips:
        desk.table([desk.say("rendez-vous", "about"), desk.say("quand", "when"), desk.say("règle", "rule"),
                    desk.say("pourquoi rien ne part", "why nothing leaves")],
                   [_skip_row(one, desk.language) for one in skips], title=desk.say("Rien ne part", "Nothing leaves"))
    segments = sum(one.answer.measure.segments for one in sends if isinstance(one.answer, Send))
    click.echo(desk.say(f"{len(sends)} messages, {segments} SMS, {_cost(sends, 'fr')} ; {len(skips)} sans message",
                        f"{len(sends)} messages, {segments} SMS, {_cost(sends, 'en')}; {len(skips)} without message"))


def _due(one: Answered) -> datetime:
    assert isinstance(one.answer, Send)
    return one.answer.send_at


def _send_row(one: Answered) -> list[str]:
    send = one.answer
    assert isinstance(send, Send)
    return [f"{local(send.send_at, _zone(one.occasion)):%H:%M}", str(one.occasion.values.get("title", ""))[:40],
            send.recipient.number, str(send.measure.segments), str(send.price or "?"), send.text]


def _skip_row(one: Answered, language: str) -> list[str]:
    occasion, skip = one.occasion, one.answer
    assert isinstance(skip, Skip)
    start = f"{local(occasion.start, _zone(occasion)):%d/%m/%Y %H:%M}" if occasion.start else "–"
    return [str(occasion.values.get("title", ""))[:40], start, one.rule, skip.reason.sentence(language)]


def _cost(sends: Sequence[Answered], language: str) -> str:
    totals: dict[str, int] = {}
    for one in sends:
        if isinstance(one.answer, Send) and one.answer.price:
            totals[one.answer.price.currency] = totals.get(one.answer.price.currency, 0) + one.answer.price.amount
    return " + ".join(Money(amount, currency).shown(language) for currency, amount in sorted(totals.items())) or "0"
