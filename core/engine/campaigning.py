"""A campaign at work: its people are written down, their messages are made batch by batch, the first part is judged.

Each turn is one transaction: who is written down, planned or left out is so for good, and a process that dies in the
middle leaves everybody else to the next turn. What is made waits in the outbox like any message and takes the same last
look, behind whatever is more urgent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from core.domain.campaigns import END, RUNNING, Campaign, Phase, cut, draw, too_bad
from core.domain.errors import BadInput, Conflict
from core.domain.messages import State
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.segments import parse
from core.engine import campaign_results, notices, sending, surveying
from core.engine.campaign_drafts import Drafted, drafted, recipient
from core.engine.singly import singly
from core.storage import campaigns, house, ledger, outbox, segments, surveys
from core.storage.campaigns import Meant
from core.storage.database import Transaction
from core.suite import Suite

BATCH = 250
"""Messages of a transaction: while one is written, a reminder waits for a tenth of a second at most."""
PAGE = 1000
AT_ONCE = 0.4
"""Seconds that one tick works on campaigns."""
LOOKS_EVERY = timedelta(seconds=15)
HOLDS_EVERY = timedelta(minutes=1)
JOIN_EVERY = timedelta(minutes=10)
_BAD = frozenset({"campaign_many_stops", "campaign_many_failures"})
log = structlog.get_logger(__name__)
Row = Mapping[str, Any]


# ---------------------------------------------------------------------------------------------- what people decide


def send(tx: Transaction, row: Row, who: str, now: datetime) -> None:
    """It begins. A second click changes nothing. Raises `Conflict` when it was called off, `BadInput` for a segment
    that is gone."""
    if row["state"] == Phase.CANCELLED:
        raise Conflict("campaign_state", state=row["state"])
    if row["state"] != Phase.DRAFT:
        return
    audience = resolved(tx, row["audience"])
    if row["survey"] is not None:
        _asks(tx, row, now)
    begun = {"state": str(Phase.GATHERING), "audience": audience, "next_at": now, "started_at": now}
    if campaigns.change(tx, row["id"], begun, now, only=[Phase.DRAFT]):
        house.note(tx, who, "campaign_sent", row["id"], {}, now)


def _asks(tx: Transaction, row: Row, now: datetime) -> None:
    """Its text is the survey's first question as it is now, and stays so."""
    survey = surveying.opened(tx, row["survey"], now)
    message = {**row["message"], "variants": [{**row["message"]["variants"][0], "body": surveying.first_text(survey)}]}
    campaigns.change(tx, row["id"], {"message": message}, now, only=[Phase.DRAFT])


def pause(tx: Transaction, row: Row, who: str, now: datetime) -> None:
    """What has not left waits. Raises `Conflict` unless it is at work."""
    if row["state"] == Phase.PAUSED:
        return
    if row["state"] not in RUNNING:
        raise Conflict("campaign_state", state=row["state"])
    _held(tx, row, Reason("campaign_paused"), now)
    house.note(tx, who, "campaign_paused", row["id"], {}, now)


def resume(tx: Transaction, row: Row, who: str, now: datetime) -> None:
    """It goes on after a pause; after its first part, the rest follows. Raises `Conflict` when neither is so."""
    if row["state"] == Phase.WAITING:
        _go_on(tx, row, now)
    elif row["state"] == Phase.PAUSED:
        outbox.release(tx, campaigns.held_by(row["id"]), Reason("campaign_resumed"), now)
        seen = bool(row["trouble"]) and row["trouble"]["code"] in _BAD
        state = Phase.SENDING if row["gathered"] else Phase.GATHERING
        values = {"state": str(state), "trouble": None, "next_at": now, "let_go": row["let_go"] or seen}
        campaigns.change(tx, row["id"], values, now)
        if seen and row["first_only"]:
            # Whoever has seen the figures of the first part and goes on lets the rest follow.
            _go_on(tx, {**row, **values}, now)
    else:
        raise Conflict("campaign_state", state=row["state"])
    house.note(tx, who, "campaign_resumed", row["id"], {}, now)


def cancel(tx: Transaction, row: Row, who: str, now: datetime) -> int:
    """What has not left never will; how many messages. Raises `Conflict` for a draft or one that is over."""
    if row["state"] == Phase.CANCELLED:
        return 0
    if row["state"] in (Phase.DRAFT, Phase.DONE):
        raise Conflict("campaign_state", state=row["state"])
    why = Reason("campaign_cancelled")
    ended = outbox.end_waiting(
        tx, now, State.CANCELLED, why, campaigns.of_campaign(row["id"]), by_person=True
    )
    campaigns.leave_out_waiting(tx, row["id"], why)
    over = {"state": str(Phase.CANCELLED), "next_at": None, "ended_at": now, "trouble": None}
    campaigns.change(tx, row["id"], over, now)
    house.note(tx, who, "campaign_cancelled", row["id"], {"messages": ended}, now)
    return ended


def resolved(tx: Transaction, audience: Mapping[str, Any]) -> dict[str, Any]:
    """With what its segment says at this moment: another one tomorrow is another campaign's."""
    if "segment" not in audience:
        return dict(audience)
    segment = segments.row(tx, audience["segment"])
    if segment is None:
        raise BadInput("field_unknown_id", pointer="/audience/segment", text=audience["segment"][:40])
    return {**audience, "conditions": segment["conditions"] or {"list": segment["id"]}}


# ---------------------------------------------------------------------------------------------- at work


def run_due(suite: Suite) -> int:
    """Campaigns that have something to do, for a moment. Returns how many turns were taken."""
    until, turns = time.monotonic() + AT_ONCE, 0
    while time.monotonic() < until:
        with suite.database.read() as tx:
            found = campaigns.due(tx, suite.now())
        if not found:
            break
        turns += singly(partial(turn, suite), found, partial(_put_off, suite))
    return turns


def turn(suite: Suite, named: tuple[str, str]) -> None:
    """One transaction's work on the campaign `named` (workspace, id)."""
    workspace, campaign_id = named
    with suite.database.write(workspace) as tx:
        campaigns.alone(tx, campaign_id)
        row, now = campaigns.row(tx, campaign_id), suite.now()
        if row is None or row["next_at"] is None or row["next_at"] > now:
            return
        match Phase(row["state"]):
            case Phase.GATHERING:
                _gather(tx, row, now)
            case Phase.SENDING:
                _send(suite, tx, row, now)
            case Phase.WAITING:
                _judge_first(tx, row, now)
            case Phase.PAUSED:
                # What had been claimed just before, or waited for something else, is held too.
                campaigns.hold(tx, campaign_id, Reason("campaign_paused"), now)
                campaigns.change(tx, campaign_id, {"next_at": now + HOLDS_EVERY}, now)
            case _:
                campaigns.change(tx, campaign_id, {"next_at": None}, now)
    suite.wake()


def _put_off(suite: Suite, named: tuple[str, str]) -> None:
    workspace, campaign_id = named
    with suite.database.write(workspace) as tx:
        campaigns.change(tx, campaign_id, {"next_at": suite.now() + HOLDS_EVERY}, suite.now())


def _gather(tx: Transaction, row: Row, now: datetime) -> None:
    """Writes down one page of its people; after the last one, cuts the row of their places."""
    people, cursor = audience_page(tx, row["audience"], row["cursor"], PAGE, now)
    meant = [
        Meant(whom, draw(row["id"], whom.number), contact) for whom, contact in people
    ]
    campaigns.write_down(tx, row["id"], meant)
    if cursor is not None:
        campaigns.change(tx, row["id"], {"cursor": cursor, "next_at": now}, now)
        return
    values: dict[str, Any] = {"state": str(Phase.SENDING), "cursor": None, "next_at": now}
    if not row["gathered"]:
        campaign = campaigns.campaign(row)
        parts = cut(campaigns.written_down(tx, row["id"]), campaign.holdout, campaign.first_percent)
        values |= {
            "gathered": True,
            "first_only": campaign.staged is not None,
            "left_out_below": _place(tx, row["id"], parts.left_out),
            "first_below": _place(tx, row["id"], parts.left_out + parts.first),
        }
    campaigns.change(tx, row["id"], values, now)


def _place(tx: Transaction, campaign_id: str, rank: int) -> int:
    place = campaigns.place_at(tx, campaign_id, rank) if rank else 0
    return END if place is None else place


def audience_page(
    tx: Transaction, audience: Mapping[str, Any], cursor: str | None, limit: int, now: datetime
) -> tuple[list[tuple[Recipient, str | None]], str | None]:
    """(recipient, contact) of the next people of an audience, and where to go on; None after the last page."""
    if "numbers" in audience:
        first = int(cursor or 0)
        some = audience["numbers"][first : first + limit]
        # Who was erased in the meantime is no number any more.
        found: list[tuple[Recipient, str | None]] = [
            (recipient(number, "FR" if number.startswith("+33") else ""), None)
            for number in some if number.startswith("+")
        ]
        return found, str(first + limit) if first + limit < len(audience["numbers"]) else None
    rows = segments.people(tx, parse(audience["conditions"]), now, after=cursor or "", limit=limit)
    people = [(recipient(one["number"], one["country"]), one["id"]) for one in rows]
    return people, rows[-1]["id"] if len(rows) == limit else None


def _send(suite: Suite, tx: Transaction, row: Row, now: datetime) -> None:
    """Makes one batch of messages; when there is nobody left, sees how it goes."""
    campaign = campaigns.campaign(row)
    if row["survey"] is not None:
        surveys.alone(tx)
    people = campaigns.waiting(tx, row["id"], row["first_below"] if row["first_only"] else END, BATCH)
    if people:
        drafts = drafted(tx, campaign, people, now, placed=row["placed"], left_out_below=row["left_out_below"],
                         won=row["won"])  # fmt: skip
        _settle(suite, tx, row, drafts, now)
        placed = row["placed"] + sum(one["place"] >= row["left_out_below"] for one in people)
        campaigns.change(tx, row["id"], {"placed": placed, "next_at": now}, now)
        return
    if row["first_only"]:
        campaigns.change(tx, row["id"], {"state": str(Phase.WAITING), "first_over_at": None, "next_at": now}, now)
        notices.campaign_changed(tx, "campaign.waiting", {**row, "state": Phase.WAITING}, None, now)
    elif _braked(tx, row, campaign, now):
        return
    elif row["open_until"] is not None and now < row["open_until"]:
        later = min(now + JOIN_EVERY, row["open_until"])
        campaigns.change(tx, row["id"], {"state": str(Phase.GATHERING), "next_at": later}, now)
    elif campaigns.still_waiting(tx, row["id"]):
        campaigns.change(tx, row["id"], {"next_at": now + LOOKS_EVERY}, now)
    else:
        nobody = not campaigns.written_down(tx, row["id"])
        trouble = Reason("campaign_nobody") if nobody else None
        over = {"state": str(Phase.DONE), "next_at": None, "ended_at": now, "trouble": ledger.reason_row(trouble)}
        campaigns.change(tx, row["id"], over, now)
        notices.campaign_changed(tx, "campaign.done", {**row, **over}, trouble, now)


def _settle(suite: Suite, tx: Transaction, row: Row, drafts: list[Drafted], now: datetime) -> None:
    leaving = [one.message for one in drafts if one.message is not None]
    accepted = sending.accept(suite, tx, leaving) if leaving else []
    if row["survey"] is not None:
        asked = [surveys.Begun(one.to, one.country, message, one.due_at, campaign=row["id"])
                 for message, one in zip(accepted, leaving, strict=True)]  # fmt: skip
        surveys.begin(tx, surveying.known(tx, row["survey"]), asked, surveys.CAMPAIGN, now, test=row["test"])
    ids = iter(accepted)
    campaigns.settle(
        tx,
        [
            {
                "id": one.person["id"],
                "state": campaigns.PLANNED if one.message is not None
                else campaigns.CONTROL if one.control else campaigns.LEFT_OUT,
                "variant": one.variant,
                "step": one.step,
                "reason": one.reason,
                "message": next(ids) if one.message is not None else None,
                "at": one.at,
            }
            for one in drafts
        ],
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------- the first part


def _judge_first(tx: Transaction, row: Row, now: datetime) -> None:
    """Whether the rest may follow by itself: its first part is over, has had its time, and did well."""
    campaign = campaigns.campaign(row)
    staged = campaign.staged
    assert staged is not None
    if _braked(tx, row, campaign, now):
        return
    over_at = row["first_over_at"]
    if over_at is None and not campaigns.still_waiting(tx, row["id"], below=row["first_below"]):
        over_at = now
    if staged.after is not None and over_at is not None and now - over_at >= staged.after:
        _go_on(tx, row, now)
        return
    waits = ledger.reason_row(Reason("campaign_waits_for_person")) if staged.after is None else None
    again = now + LOOKS_EVERY
    if staged.after is not None and over_at is not None:
        again = min(again, over_at + staged.after)
    campaigns.change(tx, row["id"], {"first_over_at": over_at, "trouble": waits, "next_at": again}, now)


def _go_on(tx: Transaction, row: Row, now: datetime) -> None:
    campaign = campaigns.campaign(row)
    won = row["won"]
    if campaign.winner is not None and won is None:
        won = campaign_results.best(tx, campaign, campaign.winner, now)
        log.info("campaign text chosen", campaign=row["id"], variant=won, by=str(campaign.winner))
    on = {"state": str(Phase.SENDING), "first_only": False, "won": won, "trouble": None, "next_at": now}
    campaigns.change(tx, row["id"], on, now)


def _braked(tx: Transaction, row: Row, campaign: Campaign, now: datetime) -> bool:
    """Holds what waits when too many failed or sent STOP, unless a person has seen that and goes on."""
    if campaign.staged is None or row["let_go"]:
        return False
    bad = too_bad(campaign.staged, campaign_results.total(campaign_results.figures(tx, campaign).values()))
    if bad is None:
        return False
    _held(tx, row, bad, now)
    house.note(tx, "engine", "campaign_stopped", row["id"], {"code": bad.code}, now)
    log.warning("campaign stopped", campaign=row["id"], code=bad.code)
    return True


def _held(tx: Transaction, row: Row, why: Reason, now: datetime) -> None:
    campaigns.hold(tx, row["id"], why, now)
    values = {"state": str(Phase.PAUSED), "trouble": ledger.reason_row(why), "next_at": now + HOLDS_EVERY}
    campaigns.change(tx, row["id"], values, now)
    notices.campaign_changed(tx, "campaign.paused", {**row, **values}, why, now)
