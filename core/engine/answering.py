"""What a platform hears back at once: what became of each event, and the answers to what it asks."""

from __future__ import annotations

from collections.abc import Sequence

from core.contract import Asks, Inbound, Option, Question, Reply, Result
from core.domain.errors import BadInput, NotFound, RelanceError, from_reason
from core.domain.events import Event
from core.domain.messages import State
from core.domain.policy.pumping import Origin
from core.domain.reasons import Reason
from core.engine import outways, verifying
from core.storage import answers, installations, occasions, outbox, rules
from core.storage.database import Transaction
from core.suite import Suite


def results(tx: Transaction, installation: str, events: Sequence[Event]) -> list[Result]:
    """What became of each event, from what is known now: so a repeated request is answered as the first one was."""
    known = {one.key: one for one in occasions.by_keys(tx, installation, {event.key for event in events})}
    ids = [one.id for one in known.values()]
    messages = outbox.of_occasions(tx, ids)
    said = answers.about(tx, ids)
    found = []
    for event in events:
        occasion = known.get(event.key)
        mine = messages.get(occasion.id, ()) if occasion else ()
        if mine:
            first = mine[0]
            found.append(
                Result(
                    event.key,
                    State(first["state"]),
                    first["id"],
                    from_reason(first["reason"]) if first["reason"] else None,
                    first["due_at"],
                    first["segments"],
                    first["price_micros"],
                    first["currency"],
                )
            )
            continue
        why = next((one["reason"] for one in said.get(occasion.id, ()) if one["reason"]), None) if occasion else None
        found.append(Result(event.key, State.SUPPRESSED, reason=from_reason(why) if why else Reason("no_rule")))
    return found


def answered(suite: Suite, adapter: Asks, row: installations.Row, request: Inbound, question: Question) -> Reply:
    """The answer to a (verified) question; what is wrong with it is said in the platform's own form."""
    try:
        found, after = _found(suite, row, question)
    except RelanceError as error:
        return adapter.options(request, question, (), None, error.reason)
    return adapter.options(request, question, found, after, None)


def _found(suite: Suite, row: installations.Row, question: Question) -> tuple[Sequence[Option], str | None]:
    match question.what:
        case "templates":
            return _templates(suite, row, question)
        case "senders" | "channels":
            return _ways(suite, row, question), None
        case "start_code":
            return _started(suite, row, question), None
        case "check_code":
            return _checked(suite, row, question), None
    raise BadInput("question_unknown", text=question.what[:40])


def _templates(suite: Suite, row: installations.Row, question: Question) -> tuple[Sequence[Option], str | None]:
    """Templates by name, narrowed by what was typed (in the name or the words), a page at a time."""
    with suite.database.read(row.installation.workspace) as tx:
        texts = rules.texts(tx)
    sought, language = question.search.strip().casefold(), row.installation.language
    listed = []
    for key, variants in sorted(texts.items()):
        text = variants.get(language) or next(iter(variants.values()))
        if question.after is not None and key <= question.after:
            continue
        if sought in key.casefold() or sought in text.casefold():
            listed.append(Option(key, key, text))
    page = listed[: question.limit]
    return page, page[-1].id if len(listed) > len(page) else None


def _ways(suite: Suite, row: installations.Row, question: Question) -> Sequence[Option]:
    with suite.database.read(row.installation.workspace) as tx:
        found = outways.senders(tx) if question.what == "senders" else outways.channels(suite, tx)
    sought = question.search.strip().casefold()
    return [Option(one, _SAID.get(one, one)) for one in found if sought in one.casefold()]


def _started(suite: Suite, row: installations.Row, question: Question) -> Sequence[Option]:
    given = {name: str(value) for name, value in question.arguments.items() if value not in (None, "")}
    if "number" not in given:
        raise BadInput("no_number", pointer="/number")
    with suite.database.write(row.installation.workspace) as tx:
        started = verifying.start(
            suite, tx, given["number"], country=given.get("country") or row.installation.country, ip=given.get("ip"),
            language=given.get("language"), purpose=given.get("purpose", ""),
            origin=Origin.AUTHENTICATED if "signed_in" in given else Origin.PUBLIC_FORM,
            app=given.get("app") or row.installation.name, installation=row.installation.id,
        )  # fmt: skip
    suite.wake()
    return [Option(started.id, started.state)]


def _checked(suite: Suite, row: installations.Row, question: Question) -> Sequence[Option]:
    verification, code = (str(question.arguments.get(name, ""))[:80] for name in ("verification", "code"))
    with suite.database.write(row.installation.workspace) as tx:
        try:
            checked = verifying.check(suite, tx, verification, code)
        except NotFound:
            return [Option(verification, "expired")]
    return [Option(checked.id, checked.state, checked.to)]


_SAID = {"sms": "SMS", "rcs": "RCS", "whatsapp": "WhatsApp", "voice": "Voice"}
