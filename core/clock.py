"""The one door to the clock. A clock can be turned, in demo and test mode only, to see what will leave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the moment (aware, UTC). `turned` is how far it was turned; real time goes on from there. `behind` is how
    far this machine's own clock is behind that of the house, which several machines have together."""

    def __init__(self, turned: timedelta = timedelta()) -> None:
        self.turned = turned
        self.behind = timedelta()

    def own(self) -> datetime:
        """What this machine's clock shows."""
        return datetime.now(UTC)

    def now(self) -> datetime:
        return self.own() + self.behind + self.turned

    def outside(self) -> datetime:
        """What everybody else's clock shows, however far ours is turned: for what others reckon by theirs."""
        return self.own() + self.behind


class FixedClock(Clock):
    """Stands still until it is told otherwise: for tests, rehearsals and `relance plan --now`."""

    def __init__(self, moment: datetime) -> None:
        super().__init__()
        self.moment = moment

    def now(self) -> datetime:
        return self.moment + self.turned

    def forward(self, by: timedelta) -> None:
        self.moment += by
