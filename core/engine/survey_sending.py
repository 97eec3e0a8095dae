"""A survey to many people is a campaign whose text is its first question: the same estimate, the same parts, the same
brake. And the end of a survey, wherever it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.domain.campaigns import RUNNING, USEFUL, Phase
from core.domain.errors import Conflict
from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from core.domain.surveys import Part
from core.domain.surveys import Phase as Life
from core.engine import campaigning, surveying
from core.engine.scheduling import live_installations, replan_open
from core.storage import campaigns, house, outbox, rules, surveys
from core.storage.database import Transaction

Row = Mapping[str, Any]


def drafted(
    tx: Transaction, row: Row, audience: Mapping[str, Any], now: datetime, *, test: bool, who: str,
    **more: Any,
) -> str:  # fmt: skip
    """A campaign that is to ask the survey (its row), as a draft; its id. `more`: further columns of it. Raises
    `Conflict` for a survey that was stopped."""
    if row["state"] == Life.STOPPED:
        raise Conflict("survey_state", state=row["state"])
    values = {
        "name": row["name"], "class": row["class"], "audience": dict(audience), "message": message(row),
        "useful": int(USEFUL.total_seconds()), "holdout": 0, "test": test, "survey": row["id"], **more,
    }  # fmt: skip
    campaign_id = campaigns.add(tx, values, now)
    house.note(tx, who, "campaign_saved", campaign_id, {"survey": row["id"]}, now)
    return campaign_id


def message(row: Row) -> dict[str, Any]:
    """What a campaign says that asks the survey."""
    body = surveying.first_text(row)
    return {
        "channels": [str(Channel.SMS)], "budgets": None, "sender": row["sender"], "shorten": True, "fallbacks": {},
        "variants": [{"name": "A", "share": 100, "body": body, "template": None, "content": None}],
    }  # fmt: skip


def changed(tx: Transaction, survey_id: str, now: datetime) -> None:
    """A draft of a survey was changed: campaigns that are still drafts say its new first question."""
    row = surveying.known(tx, survey_id)
    for what, campaign_id, _ in surveys.used_by(tx, survey_id):
        if what == surveys.CAMPAIGN:
            known = campaigns.row(tx, campaign_id)
            kept = (known["message"]["fallbacks"] if known else None) or {}
            new = {"message": {**message(row), "fallbacks": kept}, "class": row["class"]}
            campaigns.change(tx, campaign_id, new, now, only=[Phase.DRAFT])


def stop(tx: Transaction, row: Row, who: str, now: datetime) -> int:
    """Nobody is asked any more, and who is in the middle of it is asked nothing further; how many people that were.
    Campaigns that ask it end, rules that ask it are switched off. Raises `Conflict` for a draft."""
    if row["state"] == Life.STOPPED:
        return 0
    if row["state"] == Life.DRAFT:
        raise Conflict("survey_state", state=row["state"])
    why = Reason("survey_stopped")
    for what, used_id, _ in surveys.used_by(tx, row["id"]):
        campaign = campaigns.row(tx, used_id) if what == surveys.CAMPAIGN else None
        if campaign is not None and campaign["state"] in (*RUNNING, Phase.PAUSED):
            campaigns.alone(tx, used_id)
            campaigning.cancel(tx, campaign, who, now)
        elif campaign is not None:
            campaigns.remove(tx, used_id)
        elif what == surveys.RULE:
            rules.change(tx, used_id, {"active": False})
            replan_open(tx, now, live_installations(tx))
    outbox.end_waiting(tx, now, State.CANCELLED, why, surveys.asking_any(row["id"]), by_person=True)
    ended = surveys.end_of(tx, now, Part.ENDED, why, survey=row["id"])
    surveys.change(tx, row["id"], {"state": str(Life.STOPPED), "ended_at": now}, now)
    house.note(tx, who, "survey_stopped", row["id"], {"people": ended}, now)
    return ended


def remove(tx: Transaction, row: Row, who: str, now: datetime) -> None:
    """Throws a draft away. Raises `Conflict` when it was begun, or something is to ask it."""
    for _, _, name in surveys.used_by(tx, row["id"]):
        raise Conflict("survey_used", name=name)
    if not surveys.remove(tx, row["id"]):
        raise Conflict("survey_state", state=row["state"])
    house.note(tx, who, "survey_removed", row["id"], {}, now)
