"""Google in a bad week: notifications are lost and doubled, tokens taken back, quotas used up, pages cut in the middle.

A poll period after the last change every reminder is as the calendar says: moved, cancelled, an occurrence of a
series too.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.engine import installing, pulling
from gcal_reminders import GoogleCalendar
from tests.fakes.google import FakeGoogle, refused
from tests.faults.server import cut_after
from tests.gcal_reminders.practice import CABINET, LYON, NOW, Practice

POLL = GoogleCalendar.manifest.poll_every
HOUR = timedelta(hours=1)


class Week:
    """Changes in a calendar of a practice, and what becomes of the word about each."""

    def __init__(self, folder: Path, google: FakeGoogle, dice: random.Random) -> None:
        self.google, self.dice = google, dice
        self.practice = Practice(folder, google.urls).with_google()
        self.practice.pull()
        installing.maintain_due(self.practice.suite)
        self.people = 0
        self.full: list[datetime] = []

    def phone(self) -> str:
        self.people += 1
        return f"06 39 98 {self.people // 100:02d} {self.people % 100:02d}"

    def moment(self) -> str:
        day = NOW + timedelta(days=self.dice.randint(4, 40))
        return day.replace(hour=self.dice.randint(9, 17), minute=0).isoformat()

    def change(self) -> None:
        """An appointment is added, moved or deleted; or a series is, and one of its occurrences is."""
        google, dice = self.google, self.dice
        alive = [one for one, event in google.events[CABINET].items() if event["status"] != "cancelled"]
        what = dice.choice(["add", "series", "move", "move", "delete", "touch"]) if alive else "add"
        if what == "add":
            google.add(CABINET, f"Mme Roux {self.phone()}", self.moment())
        elif what == "series":
            first = datetime.fromisoformat(self.moment())
            starts = [(first + timedelta(weeks=week)).isoformat() for week in range(3)]
            for start in starts:
                google.series(CABINET, f"Kiné {self.phone()}", [start], master=f"series{self.people}")
        elif what == "move":
            google.move(CABINET, dice.choice(alive), self.moment())
        elif what == "delete":
            google.delete(CABINET, dice.choice(alive))
        else:
            google.change(CABINET, dice.choice(alive), location=f"Salle {dice.randint(1, 9)}")

    def word(self, *, lost: bool = False) -> None:
        """Google says that something changed: once, not at all, or twice."""
        times = 0 if lost else self.dice.choices([0, 1, 2], [20, 60, 20])[0]
        for channel in list(self.google.channels):
            for _ in range(times):
                assert self.practice.hears(self.google.notification(channel)) == 204

    def trouble(self) -> None:
        """One time in six something is wrong over there."""
        match self.dice.randint(1, 24):
            case 1:
                self.google.expire_tokens()
            case 2:
                self.google.fail(refused(403, "quotaExceeded"))
            case 3:
                self.google.before.extend([lambda: None, lambda: self.google.fail(cut_after(), cut_after())])
            case 4:
                self.google.fail(refused(503, "backendError"))

    def goes_by(self, by: timedelta) -> None:
        """Time goes by, and what is due to be asked is asked."""
        ends = self.practice.suite.now() + by
        while (now := self.practice.suite.now()) < ends:
            self.practice.clock.forward(min(ends - now, POLL))
            asked = len(self.google.queries)
            pulling.run_due(self.practice.suite)
            begun = [one for one in self.google.queries[asked:] if "timeMin" in one and "pageToken" not in one]
            self.full += [self.practice.suite.now()] * len(begun)

    def right(self) -> dict[str, str]:
        """What should wait: whose number, and when the evening before is on the wall in Lyon."""
        found = {}
        for event in self.google.events[CABINET].values():
            if event["status"] != "cancelled":
                start = datetime.fromisoformat(event["start"]["dateTime"]).astimezone(LYON)
                found[event["summary"].replace(" ", "")[-4:]] = f"{start - timedelta(days=1):%m-%d} 18:00"
        return found


@pytest.mark.parametrize(("changes", "hours"), [(24, 4), pytest.param(600, 48, marks=pytest.mark.slow)])
def test_a_poll_period_after_the_last_change_every_reminder_is_right(
    tmp_path: Path, changes: int, hours: int
) -> None:
    dice = random.Random(1)
    with FakeGoogle(page_size=2) as google:
        google.calendar(CABINET, "Cabinet Lyon")
        week = Week(tmp_path, google, dice)
        for _ in range(changes):
            week.trouble()
            week.change()
            week.word()
            # Two days in all at most, so that no reminder falls due on the way.
            week.goes_by(timedelta(hours=hours) / changes)
        google.before.clear()
        # A pause that Google asked for is kept, an hour at most.
        week.goes_by(2 * HOUR)
        assert week.practice.waiting == week.right()

        for _ in range(10):
            week.change()
            week.word(lost=True)
        week.goes_by(POLL)
        assert week.practice.waiting == week.right()
        assert all(after - before >= HOUR for before, after in zip(week.full, week.full[1:], strict=False))
        assert week.full, "a token was taken back"
        # Moved and never doubled: one message for each appointment there ever was.
        assert len(week.practice.messages) <= len(google.events[CABINET])
    assert google.violations == []
