"""Surveys, who is asked and how far they are, and what was answered: each question of each person once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, delete, func, insert, or_, select, update
from sqlalchemy import type_coerce as as_type

from core.domain.messages import LEFT
from core.domain.reasons import Reason
from core.ids import new_id, new_ids
from core.storage import bulk
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.cleaning import clean
from core.storage.database import Glance, Transaction
from core.storage.ledger import reason_row

CAMPAIGN, RULE, KEYWORD = "campaign", "rule", "keyword"
OPEN = ("planned", "asked")
_s, _p, _a, _m, _r = t.surveys.c, t.survey_people.c, t.survey_answers.c, t.messages.c, t.rules.c
_LEFT = [str(state) for state in LEFT]
_HOUR = 3_600_000_000


# ---------------------------------------------------------------------------------------------- surveys


def add(tx: Transaction, values: Mapping[str, Any], now: datetime) -> str:
    """A new draft; its id. `values`: plain columns of `surveys`."""
    survey_id = new_id("srv")
    tx.connection.execute(
        insert(t.surveys).values(
            {**values, "id": survey_id, "workspace": tx.owned, "state": "draft", "created_at": now, "changed_at": now}
        )
    )
    return survey_id


def row(tx: Transaction, survey_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.surveys).where(_s.id == survey_id))


def rows(
    tx: Transaction, *, state: str | None = None, after: str | None = None, limit: int = 50
) -> list[Mapping[str, Any]]:
    """Newest first."""
    query = tx.mine(t.surveys).order_by(_s.id.desc()).limit(limit)
    if state is not None:
        query = query.where(_s.state == state)
    return tx.rows(query if after is None else query.where(_s.id < after))


def change(
    tx: Transaction, survey_id: str, values: Mapping[str, Any], now: datetime, *, only: Iterable[str] = ()
) -> bool:
    """`values`: plain columns. `only`: if it is in one of these states; False (and nothing written) when it is not."""
    allowed = sorted(only)
    done = tx.connection.execute(
        update(t.surveys)
        .where(_s.id == survey_id, _s.workspace == tx.owned, *([_s.state.in_(allowed)] if allowed else []))
        .values({**values, "changed_at": now})
    )
    return bool(done.rowcount)


def remove(tx: Transaction, survey_id: str) -> bool:
    """Throws a draft away; False when it is none."""
    return bool(
        tx.connection.execute(
            delete(t.surveys).where(_s.id == survey_id, _s.workspace == tx.owned, _s.state == "draft")
        ).rowcount
    )


def used_by(tx: Transaction, survey_id: str) -> list[tuple[str, str, str]]:
    """(what, id, name) of the campaigns that are not over, the rules and the keywords that ask it."""
    c, k = t.campaigns.c, t.keywords.c
    campaigns = tx.mine(t.campaigns, c.id, c.name).where(
        c.survey == survey_id, c.state.not_in(["done", "cancelled"])
    )
    rules = tx.mine(t.rules, _r.id, _r.name).where(_r.survey == survey_id, _r.removed_at.is_(None))
    keywords = tx.mine(t.keywords, k.id, k["words"]).where(k.survey == survey_id, k.removed_at.is_(None))
    found = [(CAMPAIGN, one.id, one.name) for one in tx.connection.execute(campaigns.order_by(c.id))]
    found += [(RULE, one.id, one.name) for one in tx.connection.execute(rules.order_by(_r.id))]
    return found + [(KEYWORD, one["id"], one["words"][0]) for one in tx.rows(keywords.order_by(k.id))]


# ---------------------------------------------------------------------------------------------- who is asked


@dataclass(frozen=True, slots=True)
class Begun:
    """Somebody whose first question is the message `message`. `left_at`: when it left, if it has."""

    number: str
    country: str
    message: str
    due_at: datetime
    left_at: datetime | None = None
    occasion: str | None = None
    rule: str | None = None
    campaign: str | None = None


def alone(tx: Transaction) -> None:
    """Nobody else begins to ask people of this workspace until the end of the transaction."""
    tx.alone(f"surveys:{tx.owned}")


def begin(
    tx: Transaction, survey: Mapping[str, Any], people: Sequence[Begun], origin: str, now: datetime, *, test: bool
) -> list[str]:
    """Writes down whom the survey (its row) is asked, who have no other one open; their ids."""
    ids = new_ids("svp", len(people)) if people else []
    lasts = timedelta(seconds=survey["lasts"])
    bulk.insert(
        tx,
        t.survey_people,
        [
            {
                "id": id, "workspace": tx.owned, "survey": survey["id"], "number": one.number, "country": one.country,
                "origin": origin, "campaign": one.campaign, "rule": one.rule, "occasion": one.occasion,
                "message": one.message, "state": "asked" if one.left_at else "planned", "question": 1,
                "asked": one.message, "asked_at": one.left_at, "started_at": one.left_at,
                "expires_at": one.left_at + lasts if one.left_at else None,
                "next_at": _next(survey, one.left_at) if one.left_at else max(one.due_at, now),
                "test": test, "created_at": now,
            }
            for id, one in zip(ids, people, strict=True)
        ],
    )  # fmt: skip
    return ids


def _next(survey: Mapping[str, Any], asked_at: datetime) -> datetime:
    reminder = survey["reminder"]
    return asked_at + timedelta(seconds=min(survey["lasts"], reminder["after"] if reminder else survey["lasts"]))


def asked(
    tx: Transaction, person: Mapping[str, Any], survey: Mapping[str, Any], question: int, message: str, at: datetime
) -> None:
    """Another question is open now."""
    values = {"state": "asked", "question": question, "asked": message, "asked_at": at, "unclear": False,
              "expires_at": at + timedelta(seconds=survey["lasts"])}  # fmt: skip
    at_next = values["expires_at"] if person["reminded_at"] else _next(survey, at)
    change_person(tx, person["id"], **values, next_at=at_next)


def first_left(tx: Transaction, person: Mapping[str, Any], survey: Mapping[str, Any], at: datetime) -> None:
    """The first question has left."""
    change_person(
        tx, person["id"], state="asked", asked_at=at, started_at=at,
        expires_at=at + timedelta(seconds=survey["lasts"]), next_at=_next(survey, at),
    )  # fmt: skip


def change_person(tx: Transaction, person_id: str, **values: Any) -> bool:
    """`values`: columns of `survey_people`; of one whose survey is still open. False when it is not."""
    if isinstance(values.get("reason"), Reason):
        values["reason"] = reason_row(values["reason"])
    mine = (_p.id == person_id, _p.workspace == tx.owned, _p.state.in_(OPEN))
    return bool(tx.connection.execute(update(t.survey_people).where(*mine).values(**values)).rowcount)


def end(tx: Transaction, person_id: str, state: str, now: datetime, reason: Reason | None = None) -> bool:
    """It is over for this person. False when it was."""
    return change_person(tx, person_id, state=state, ended_at=now, next_at=None, reason=reason)


def end_of(tx: Transaction, now: datetime, state: str, reason: Reason, *, number: str | None = None,
           survey: str | None = None) -> int:  # fmt: skip
    """It is over for everybody of a survey, or for one number; for how many it was not yet."""
    mine = [_p.workspace == tx.owned, _p.state.in_(OPEN)]
    if number is not None:
        mine.append(_p.number == number)
    if survey is not None:
        mine.append(_p.survey == survey)
    over = {"state": state, "ended_at": now, "next_at": None, "reason": reason_row(reason)}
    return int(tx.connection.execute(update(t.survey_people).where(*mine).values(over)).rowcount)


def open_of(tx: Transaction, number: str) -> Mapping[str, Any] | None:
    """What this number is being asked."""
    return tx.row(tx.mine(t.survey_people).where(_p.number == number, _p.state.in_(OPEN)))


def person(tx: Transaction, person_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.survey_people).where(_p.id == person_id))


def people(
    tx: Transaction, survey_id: str, *, state: str | None = None, after: str | None = None, limit: int = 50
) -> list[Mapping[str, Any]]:
    """Everybody who was to be asked, newest first."""
    query = tx.mine(t.survey_people).where(_p.survey == survey_id).order_by(_p.id.desc()).limit(limit)
    if state is not None:
        query = query.where(_p.state == state)
    return tx.rows(query if after is None else query.where(_p.id < after))


def busy(
    tx: Transaction, survey_id: str, numbers: Iterable[str], since: datetime
) -> dict[str, tuple[str, datetime | None]]:
    """Those of the numbers who must not be asked now → "open" (they are being asked something), or "lately" and when
    they were last asked this survey, if that was after `since`."""
    found: dict[str, tuple[str, datetime | None]] = {}
    for some in chunks(sorted(set(numbers))):
        lately = tx.mine(t.survey_people, _p.number, func.max(as_type(_p.started_at, BigInteger))).where(
            _p.number.in_(some), _p.survey == survey_id, _p.started_at > since
        )
        for number, at in tx.connection.execute(lately.group_by(_p.number)):
            found[number] = "lately", t.from_micros(int(at))
        asked_now = tx.mine(t.survey_people, _p.number).where(_p.number.in_(some), _p.state.in_(OPEN))
        for number in tx.connection.execute(asked_now).scalars():
            found[number] = "open", None
    return found


def of_rules(
    tx: Transaction, since: datetime, *, number: str | None = None, limit: int = 200
) -> list[Mapping[str, Any]]:
    """Messages with which rules asked a first question, that left since then and that nobody has written down as such:
    of a number, or of the whole house."""
    taken = select(_p.id).where(_p.message == _m.id).exists()
    query = (
        select(
            _m.workspace, _m.id, _m.to, _m.country, _m.rule, _m.occasion, _m.due_at, _m.left_at, _m.test, _r.survey,
        )
        .join(t.rules, and_(_r.id == _m.rule, _r.workspace == _m.workspace))
        .where(_r.survey.is_not(None), _m.state.in_(_LEFT), _m.left_at >= since, ~taken)
        .order_by(_m.left_at, _m.id)
        .limit(limit)
    )  # fmt: skip
    if number is not None:
        return tx.rows(query.where(_m.workspace == tx.owned, _m.to == number))
    # Through the index of states: what is due long before it leaves is an exception, and found when it is answered.
    return tx.rows(query.where(_m.due_at >= since - timedelta(hours=2)))


def asked_by_rules(tx: Transaction | Glance) -> bool:
    """Whether any rule of the house asks a survey."""
    return bool(tx.quick("SELECT 1 FROM rules WHERE survey IS NOT NULL LIMIT 1"))


def any_due(tx: Transaction | Glance, now: datetime) -> bool:
    """Whether `due` would find anybody."""
    return bool(tx.quick("SELECT 1 FROM survey_people WHERE next_at <= ? LIMIT 1", (t.micros(now),)))


def due(tx: Transaction, now: datetime, limit: int = 200) -> list[tuple[str, str]]:
    """(workspace, person) of those about whom something is to be done now, over the whole house."""
    query = select(_p.workspace, _p.id).where(_p.next_at <= now).order_by(_p.next_at).limit(limit)
    return [(one.workspace, one.id) for one in tx.connection.execute(query)]


def asking(person: Mapping[str, Any]) -> ColumnElement[bool]:
    """The condition that a message asks this person's open question (for `outbox.end_waiting`)."""
    return _m.id == person["asked"]


def asking_any(survey_id: str) -> ColumnElement[bool]:
    """The condition that a message asks an open question of that survey."""
    return _m.id.in_(select(_p.asked).where(_p.survey == survey_id, _p.state.in_(OPEN)))


def by_ids(tx: Transaction, ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """The people with these ids whose survey is still open, without those who are just answering."""
    return tx.rows(tx.unshared(tx.mine(t.survey_people).where(_p.id.in_(ids), _p.state.in_(OPEN))))


def hold(tx: Transaction, person_id: str) -> Mapping[str, Any] | None:
    """Somebody whose survey is still open; until the end of the transaction nobody else goes on with it."""
    query = tx.mine(t.survey_people).where(_p.id == person_id, _p.state.in_(OPEN))
    return tx.row(query if tx.is_sqlite else query.with_for_update())


# ---------------------------------------------------------------------------------------------- answers


def keep(
    tx: Transaction, person: Mapping[str, Any], value: str | None, text: str, reply: str, now: datetime
) -> str | None:
    """Keeps the answer to the question that is open; its id, or None when it was answered already."""
    known = tx.mine(t.survey_answers, _a.id).where(_a.person == person["id"], _a.question == person["question"])
    if tx.connection.execute(known).first() is not None:
        return None
    answer_id = new_id("sva")
    tx.connection.execute(
        insert(t.survey_answers).values(
            id=answer_id, workspace=tx.owned, survey=person["survey"], person=person["id"], number=person["number"],
            occasion=person["occasion"], question=person["question"], value=value, text=clean(text), reply=reply,
            at=now,
        )
    )  # fmt: skip
    if person["answered_at"] is None:
        change_person(tx, person["id"], answered_at=now)
    return answer_id


def answers(
    tx: Transaction, survey_id: str | None, *, question: int | None = None, person: str | None = None,
    free: bool = False, after: str | None = None, limit: int = 50,
) -> list[Mapping[str, Any]]:  # fmt: skip
    """Of one survey, or of all; newest first. `free` for those in words of the person's own."""
    query = tx.mine(t.survey_answers).order_by(_a.id.desc()).limit(limit)
    if survey_id is not None:
        query = query.where(_a.survey == survey_id)
    if question is not None:
        query = query.where(_a.question == question)
    if person is not None:
        query = query.where(_a.person == person)
    if free:
        query = query.where(_a.value.is_(None))
    return tx.rows(query if after is None else query.where(_a.id < after))


def last_answer(tx: Transaction, person_id: str) -> Mapping[str, Any] | None:
    """What the person answered last."""
    return tx.row(tx.mine(t.survey_answers).where(_a.person == person_id).order_by(_a.id.desc()).limit(1))


# ---------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Sums:
    """People in one state whose last question was that one: how many, to how many the first question left, and how
    many of those answered anything."""

    state: str
    question: int
    count: int
    asked: int
    answered: int


def counted(tx: Transaction, survey_id: str) -> list[Sums]:
    """Everybody who was to be asked, by state and question."""
    query = tx.mine(
        t.survey_people, _p.state, _p.question, func.count(), func.count(_LEFT_AT), func.count(_p.answered_at)
    ).where(_p.survey == survey_id)
    return [
        Sums(one[0], int(one[1]), int(one[2]), int(one[3]), int(one[4]))
        for one in tx.connection.execute(_with_first(query).group_by(_p.state, _p.question))
    ]


# As the ledger has it, and not only once somebody has looked.
_LEFT_AT = func.coalesce(_p.started_at, _m.left_at)


def _with_first(query: Select[Any]) -> Select[Any]:
    return query.outerjoin(t.messages, _m.id == _p.message)


def values(tx: Transaction, survey_id: str) -> dict[int, dict[str | None, int]]:
    """question → value → how many answered so."""
    query = tx.mine(t.survey_answers, _a.question, _a.value, func.count()).where(_a.survey == survey_id)
    found: dict[int, dict[str | None, int]] = {}
    for question, value, count in tx.connection.execute(query.group_by(_a.question, _a.value)):
        found.setdefault(int(question), {})[value] = int(count)
    return found


def hours(tx: Transaction, survey_id: str, limit: int = 24 * 14) -> list[tuple[datetime, int]]:
    """The hours in which somebody answered, oldest first: when it began, and how many answers came."""
    hour = (as_type(_a.at, BigInteger) - as_type(_a.at, BigInteger) % _HOUR).label("hour")
    query = tx.mine(t.survey_answers, hour, func.count()).where(_a.survey == survey_id)
    found = tx.connection.execute(query.group_by(hour).order_by(hour.desc()).limit(limit))
    return sorted((t.from_micros(int(start)), int(count)) for start, count in found)


def figures(tx: Transaction, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """survey → to how many people its first question left, and how many of them answered anything."""
    query = tx.mine(t.survey_people, _p.survey, func.count(_LEFT_AT), func.count(_p.answered_at)).where(
        _p.survey.in_(ids)
    )
    found = tx.connection.execute(_with_first(query).group_by(_p.survey)) if ids else ()
    return {one[0]: (int(one[1]), int(one[2])) for one in found}


def prune(tx: Transaction, texts: datetime, all_before: datetime, nothing: str) -> int:
    """Over all workspaces: the words of answers older than `texts` become `nothing`, people and answers of what was
    over by `all_before` go; how many rows."""
    old = select(_p.id).where(or_(_p.ended_at < all_before, _p.created_at < all_before))
    done = tx.connection.execute(
        update(t.survey_answers).where(_a.at < texts, _a.text != nothing).values(text=nothing)
    ).rowcount
    done += tx.connection.execute(delete(t.survey_answers).where(_a.person.in_(old))).rowcount
    return int(done + tx.connection.execute(delete(t.survey_people).where(_p.id.in_(old))).rowcount)
