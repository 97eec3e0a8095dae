"""What a process reads once and asks for every message (holidays, hours): read before it is needed."""

from __future__ import annotations

from core.domain.messages import Channel, MessageClass
from core.domain.recipients import Line, Recipient
from core.storage import house
from core.suite import Suite


def warm_up(suite: Suite) -> None:
    """Takes one decision for each workspace's country, so that the first reminder does not wait for the calendars."""
    now = suite.now()
    with suite.database.read() as tx:
        settings = [one["settings"] for one in house.workspaces(tx)]
    for one in {known["country"]: known for known in settings}.values():
        anybody = Recipient("+33639980000", one["country"], Line.MOBILE)
        for klass in (MessageClass.MARKETING, MessageClass.TRANSACTIONAL):
            house.policy(one).decide(anybody, Channel.SMS, klass, wanted=now, until=None, now=now)
