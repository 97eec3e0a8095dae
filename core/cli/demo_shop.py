"""`relance demo shop`: a shop whose last fortnight is played through the real intake, the clock turned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.cli import demo_house
from core.contract import Adapter, Deed, Demonstrates
from core.domain.errors import NotFound, Unreadable
from core.domain.events import Kind
from core.engine import attributing, installing, intake, linking, recipes, switching, turning
from core.storage import installations, outbox, simulated
from core.storage import shops as stored
from core.suite import Suite, turn_clock

NAME, SHOP, EMAIL = "Boutique démo", "Maison Lune", "demo@boutique.example"
FORTNIGHT = timedelta(days=14, hours=23)
_LINK = re.compile(r"/s/([A-Za-z0-9_-]+)")
_TELEPHONE = {"user-agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126.0 Mobile"}


@dataclass(frozen=True, slots=True)
class Played:
    """What there is to look at, and how to sign in."""

    workspace: str
    installation: str
    carts: int
    orders: int
    messages: int
    email: str
    password: str


def load(suite: Suite) -> Played:
    """Makes the shop, or lets the one that is there live on until now. The clock stands as before when it returns."""
    slug, adapter = _adapter(suite)
    turned, now = suite.clock.turned, suite.now()
    workspace = demo_house.workspace(suite, NAME, {"people": "client", "sender": "MAISONLUNE"})
    known = _known(suite, workspace, slug)
    try:
        if known is None:
            turn_clock(suite, turned - FORTNIGHT)
            place = installing.add(suite, workspace, slug, SHOP, {}, who=demo_house.WHO)
            _prepared(suite, workspace, place)
        else:
            place = known.installation.id
        row = _row(suite, workspace, place)
        since = row.heard_at or suite.now()
        left = _play(suite, workspace, row, [one for one in adapter.played(row.installation, now) if one.at > since])
        _until(suite, now)
    finally:
        turn_clock(suite, turned)
    with suite.database.read(workspace) as tx:
        everything = stored.newest(tx, place, (Kind.CART, Kind.ORDER), now - FORTNIGHT, 10_000)
    carts = sum(one.kind is Kind.CART for one in everything)
    password = demo_house.person(suite, workspace, EMAIL)
    return Played(workspace, place, carts, len(everything) - carts, left, EMAIL, password)


def _adapter(suite: Suite) -> tuple[str, Demonstrates]:
    for slug, one in suite.adapters.items():
        if isinstance(one, Demonstrates) and isinstance(one, Adapter) and Kind.CART in one.manifest.kinds:
            return slug, one
    raise NotFound("adapter")


def _known(suite: Suite, workspace: str, slug: str) -> installations.Row | None:
    with suite.database.read(workspace) as tx:
        rows = installations.listed(tx, suite.vault, suite.public_url)
    return next((row for row in rows if row.installation.adapter == slug and row.installation.name == SHOP), None)


def _row(suite: Suite, workspace: str, place: str) -> installations.Row:
    with suite.database.read(workspace) as tx:
        row = installations.get(tx, suite.vault, place, suite.public_url)
    assert row is not None
    return row


def _prepared(suite: Suite, workspace: str, place: str) -> None:
    """Both recipes are chosen, and it is live."""
    row = _row(suite, workspace, place)
    with suite.database.write(workspace) as tx:
        known = recipes.read(tx, row)
        chosen = replace(known, first=replace(known.first, on=True), second=replace(known.second, on=True))
        recipes.save(tx, row, chosen, suite.now(), demo_house.WHO)
        orders = {one["id"] for one in recipes.of_kinds(tx, place, [Kind.ORDER])}
        recipes.switch(tx, place, [Kind.ORDER], orders, {}, suite.now(), demo_house.WHO)
    switching.go_live(suite, workspace, place, who=demo_house.WHO)


def _play(suite: Suite, workspace: str, row: installations.Row, deeds: Sequence[Deed]) -> int:
    left = 0
    for deed in deeds:
        left += _until(suite, deed.at)
        if deed.request is not None:
            try:
                intake.receive(suite, row.installation.adapter, row.installation.id, deed.request)
            except Unreadable:
                # The story has one with a mistake: it is kept, and the page shows it.
                continue
        elif deed.follows is not None:
            _follow(suite, workspace, deed.follows)
    return left


def _until(suite: Suite, moment: datetime) -> int:
    with suite.database.read() as tx:
        due = min((one for one in (outbox.next_due(tx), simulated.next_at(tx)) if one is not None), default=moment)
    if due >= moment:
        # Nothing happens on the way: the clock is only set.
        turn_clock(suite, suite.clock.turned + (moment - suite.now()))
        return 0
    done = turning.jump(suite, moment)
    attributing.run_due(suite)
    return done.left


def _follow(suite: Suite, workspace: str, number: str) -> None:
    """The person opens the newest link that was sent to them, if there is one."""
    with suite.database.read(workspace) as tx:
        newest = outbox.listed(tx, outbox.Filter(to=number), limit=5)
    for message in newest:
        found = _LINK.search(message["text"])
        if found is not None and message["left_at"] is not None:
            linking.follow(suite, found[1], "GET", _TELEPHONE)
            return
