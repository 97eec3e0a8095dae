"""Files to take away: asked for, made by the engine part by part, downloaded for some days, then deleted.

Each kind of file is a list of the API, read in the same way and with the same filters, from the newest row down: what
comes while a file is made has a newer id, and is not in it. A part and how far the file is are one transaction, so
that a process that dies leaves nothing half-written, and any other goes on.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import structlog

from core.domain.errors import Conflict, NotFound, RelanceError
from core.domain.reasons import Reason
from core.domain.surveys import parse
from core.domain.text.cells import MARK, decimal, line
from core.engine import conversing, explaining, linking, shown, survey_shown
from core.storage import conversations, exported, feedback, house, links, occasions, outbox, people, surveys
from core.storage.campaigns_figures import narrowed
from core.storage.database import Transaction
from core.suite import Suite

CSV, JSONL = "csv", "jsonl"
FORMATS = {CSV: "text/csv; charset=utf-8", JSONL: "application/x-ndjson"}
LANGUAGES = ("fr", "en")
KEPT = timedelta(days=7)
AT_ONCE = 5
"""So many files of one workspace are made at the same time."""
BATCH = 1000
TURNS = 10
"""After so many parts the other work of a tick has its turn."""
LEASE = timedelta(minutes=1)
MOST_TRIES = 5
log = structlog.get_logger(__name__)


class Gone(RelanceError):
    """The file was there, and is not any more."""

    status = 410


# ---------------------------------------------------------------------------------------------- asking


def ask(
    tx: Transaction, what: str, form: str, filters: Mapping[str, Any], now: datetime, *, language: str | None, who: str
) -> Mapping[str, Any]:
    """A file is wanted; its row. `filters`: names and values as `Kind.rows` reads them. Raises `Conflict`."""
    if what not in KINDS or form not in FORMATS:
        raise NotFound("export")
    tx.alone(f"exports:{tx.owned}")
    if exported.unfinished(tx) >= AT_ONCE:
        raise Conflict("too_many_exports", most=AT_ONCE)
    place = house.workspace(tx, tx.owned)
    spoken = language or (place["settings"]["language"] if place else LANGUAGES[0])
    export_id = exported.add(tx, what, form, filters, spoken if spoken in LANGUAGES else "en", who, now)
    house.note(tx, who, "export_asked", export_id, {"what": what, "format": form}, now)
    return known(tx, export_id)


def known(tx: Transaction, export_id: str) -> Mapping[str, Any]:
    """The row of a file that was asked for. Raises `NotFound`."""
    row = exported.get(tx, export_id)
    if row is None:
        raise NotFound("export")
    return row


def remove(tx: Transaction, export_id: str, now: datetime, *, who: str) -> None:
    """Nobody wants the file any more. Raises `NotFound`."""
    known(tx, export_id)
    exported.withdraw(tx, export_id, Reason("export_removed"))
    house.note(tx, who, "export_removed", export_id, {}, now)


def as_json(row: Mapping[str, Any], public_url: str, language: str = "en") -> dict[str, Any]:
    """A file as programs see it."""
    ready = row["state"] == "done"
    return {
        "id": row["id"],
        "what": row["what"],
        "format": row["format"],
        "filters": row["filters"],
        "language": row["language"],
        "state": row["state"],
        "reason": shown.reason(row["trouble"], language),
        "rows": row["rows"],
        "bytes": row["bytes"],
        "file_url": f"{public_url}/v1/exports/{row['id']}/file" if ready else None,
        "expires_at": shown.moment(row["expires_at"]),
        "created_at": shown.moment(row["created_at"]),
        "done_at": shown.moment(row["done_at"]),
    }


def name_of(row: Mapping[str, Any]) -> str:
    """What the file is called where it is downloaded to."""
    return f"{row['what']}-{row['created_at']:%Y-%m-%d}-{row['id'][-6:]}.{row['format']}"


def downloaded(suite: Suite, tx: Transaction, export_id: str, *, who: str) -> tuple[Mapping[str, Any], Iterator[bytes]]:
    """The row of a finished file, and its bytes, read part by part. Raises `NotFound`, `Conflict` (not yet), `Gone`."""
    row = known(tx, export_id)
    if row["state"] in exported.UNFINISHED:
        raise Conflict("export_not_ready")
    if row["state"] == "failed":
        raise Conflict("export_failed")
    if row["state"] != "done" or row["expires_at"] <= suite.now():
        if row["trouble"]:
            raise Gone(row["trouble"]["code"])
        raise Gone("export_over", days=KEPT.days)
    house.note(tx, who, "exported", export_id, {"what": row["what"], "rows": row["rows"]}, suite.now())
    return row, _parts(suite, row)


def _parts(suite: Suite, row: Mapping[str, Any]) -> Iterator[bytes]:
    for number in range(row["parts"]):
        with suite.database.read(row["workspace"]) as tx:
            packed = exported.part(tx, row["id"], number)
        if packed is None:
            # Its length was said before: whoever downloads notices that the end is missing.
            return
        yield gzip.decompress(packed)


# ---------------------------------------------------------------------------------------------- making


def run_due(suite: Suite) -> int:
    """Goes on with the files that were asked for; how many parts were written."""
    for done in range(TURNS):
        with suite.database.read() as tx:
            if not exported.due(tx, suite.now()):
                return done
        with suite.database.write() as tx:
            row = exported.take(tx, suite.now(), LEASE)
        if row is None:
            return done
        try:
            _go_on(suite, row)
        except RelanceError as error:
            _failed(suite, row, error.reason)
        except Exception:
            log.exception("export interrupted", export=row["id"])
            _failed(suite, row, Reason("export_interrupted"))
    return TURNS


def _go_on(suite: Suite, row: Mapping[str, Any]) -> None:
    """One part more: read without holding anybody up, and written with what it brings the file to."""
    kind, now = KINDS[row["what"]], suite.now()
    with suite.database.read(row["workspace"]) as tx:
        place = house.workspace(tx, row["workspace"])
        zone = ZoneInfo(place["settings"]["zone"] if place else "UTC")
        found = kind.rows(tx, row["filters"], row["cursor"], BATCH)
        lines = kind.shown(suite, tx, found, row["language"], now)
        names = exported.names(tx) if row["format"] == CSV else {}
    writer = Writer(row["format"], row["language"], zone, kind.columns, names)
    content = (writer.head() if row["parts"] == 0 else b"") + b"".join(writer.line(one) for one in lines)
    over = len(found) < BATCH
    values: dict[str, Any] = {"rows": row["rows"] + len(found), "bytes": row["bytes"] + len(content), "lease": now,
                              "trouble": None}  # fmt: skip
    if found:
        values["cursor"] = kind.cursor(found[-1])
    if over:
        values |= {"state": "done", "done_at": now, "expires_at": now + KEPT}
    with suite.database.write(row["workspace"]) as tx:
        exported.write(tx, row, gzip.compress(content, 6), **values)


def _failed(suite: Suite, row: Mapping[str, Any], why: Reason) -> None:
    now, last = suite.now(), row["tries"] + 1 >= MOST_TRIES
    with suite.database.write(row["workspace"]) as tx:
        reason = Reason("export_failed") if last and why.code == "export_interrupted" else why
        exported.failed(tx, row["id"], reason, now, again_at=None if last else now + LEASE * (row["tries"] + 1))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file for spreadsheets: its name in JSON (dots lead inwards), and what it is called in French."""

    path: str
    french: str
    kind: str = "text"
    """text | moment | money | state | installation | rule"""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes rows (JSON objects) as lines of a file. Moments of spreadsheets are those of `zone`, with their offset."""

    form: str
    language: str
    zone: ZoneInfo
    columns: Sequence[Column]
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of a kind of column: id → what people call it."""

    def head(self) -> bytes:
        """What stands before the first row."""
        if self.form == JSONL:
            return b""
        names = [one.french if self.language == "fr" else one.path for one in self.columns]
        return (MARK + line(names, self.language)).encode()

    def line(self, row: Mapping[str, Any]) -> bytes:
        if self.form == JSONL:
            return orjson.dumps(row, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE)
        return line([self._cell(row, one) for one in self.columns], self.language).encode()

    def _cell(self, row: Mapping[str, Any], column: Column) -> str:
        value: Any = row
        for name in column.path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is None:
            return ""
        if column.kind in self.names:
            return self.names[column.kind].get(value, str(value))
        if column.kind == "state" and self.language == "fr":
            return _STATES.get(value, str(value))
        if column.kind == "money":
            return decimal(int(value), self.language)
        if column.kind == "moment":
            return datetime.fromisoformat(value).astimezone(self.zone).isoformat(timespec="seconds")
        if isinstance(value, bool):
            return str(value).lower()
        return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else _compact(value)


def _compact(value: Any) -> str:
    if isinstance(value, Sequence) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


# ---------------------------------------------------------------------------------------------- kinds

_STATES = {
    "scheduled": "prévu", "held": "retenu", "sending": "en cours", "uncertain": "inconnu", "sent": "envoyé",
    "delivered": "remis", "read": "lu", "failed": "échoué", "suppressed": "ignoré", "cancelled": "annulé",
    "superseded": "remplacé", "expired": "trop tard", "open": "à répondre", "waiting": "en attente", "closed": "close",
}  # fmt: skip
Rows = Callable[[Transaction, Mapping[str, Any], str | None, int], Sequence[Any]]
Shown = Callable[[Suite, Transaction, Sequence[Any], str, datetime], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: how its rows are read (transaction, filters, after, how many), how they are shown as JSON, and
    the columns of a spreadsheet."""

    rows: Rows
    shown: Shown
    columns: Sequence[Column]

    def cursor(self, row: Any) -> str:
        return str(row.id if hasattr(row, "id") else row["id"])


def _moment(filters: Mapping[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(filters[name]) if filters.get(name) else None


def _messages(tx: Transaction, filters: Mapping[str, Any], after: str | None, limit: int) -> Sequence[Any]:
    did = filters.get("did")
    wanted = outbox.Filter(
        state=tuple(filters.get("state") or ()),
        **{name: filters.get(name) for name in ("to", "reference", "installation", "occasion", "campaign", "rule")},
        since=_moment(filters, "since"),
        until=_moment(filters, "until"),
        after=after,
        extra=narrowed(reason=filters.get("reason"), clicked=did == "clicked", stopped=did == "stopped"),
    )
    return outbox.listed(tx, wanted, limit=limit)


def _occasions(tx: Transaction, filters: Mapping[str, Any], after: str | None, limit: int) -> Sequence[Any]:
    return occasions.newest(
        tx, installation=filters.get("installation"), recipient=filters.get("to"), start=_moment(filters, "since"),
        end=_moment(filters, "until"), open_only=bool(filters.get("open")), after=after, limit=limit,
    )  # fmt: skip


def _conversations(tx: Transaction, filters: Mapping[str, Any], after: str | None, limit: int) -> Sequence[Any]:
    wanted = conversations.Filter(
        state=tuple(filters.get("state") or ()), assigned=filters.get("assigned"), unread=filters.get("unread"),
        channel=filters.get("channel"), number=filters.get("number"), digits=filters.get("digits"), after=after,
    )  # fmt: skip
    return conversations.listed(tx, wanted, limit=limit, by_id=True)


def _replies(_s: Suite, _tx: Transaction, rows: Sequence[Any], language: str, _n: datetime) -> list[dict[str, Any]]:
    return [{**shown.reply(row, language), "channel": row["channel"]} for row in rows]


def _links(suite: Suite, tx: Transaction, rows: Sequence[Any], _l: str, now: datetime) -> list[dict[str, Any]]:
    counted, base = links.counts(tx, [row["id"] for row in rows]), linking.base(suite, tx)
    return [linking.as_json(row, counted.get(row["id"], {}), base, now) for row in rows]


def _survey_answers(
    _s: Suite, tx: Transaction, rows: Sequence[Any], _l: str, _n: datetime
) -> list[dict[str, Any]]:
    known = {one: surveys.row(tx, one) for one in sorted({row["survey"] for row in rows})}
    asked = {one: parse(row["questions"]) for one, row in known.items() if row is not None}
    return [
        {**survey_shown.answer(row, asked[row["survey"]]), "survey_name": (known[row["survey"]] or {}).get("name")}
        for row in rows if row["survey"] in asked
    ]  # fmt: skip


KINDS: Mapping[str, Kind] = {
    "messages": Kind(
        _messages,
        lambda _s, _tx, rows, language, _n: [shown.message(row, language) for row in rows],
        (
            Column("id", "identifiant"), Column("state", "état", "state"), Column("reason.detail", "raison"),
            Column("to", "numéro"), Column("class", "catégorie"), Column("channel", "canal"), Column("text", "texte"),
            Column("due_at", "prévu le", "moment"), Column("left_at", "parti le", "moment"),
            Column("created_at", "demandé le", "moment"),
            Column("installation", "connexion", "installation"), Column("rule", "règle", "rule"),
            Column("campaign", "campagne"), Column("occasion", "occasion"), Column("reference", "référence"),
            Column("estimate.segments", "parties"), Column("estimate.price.amount", "prix", "money"),
            Column("estimate.price.currency", "devise"), Column("test", "essai"),
        ),
    ),
    "contacts": Kind(
        lambda tx, filters, after, limit: people.contacts(
            tx, number=filters.get("number"), email=filters.get("email"), after=after, limit=limit),
        lambda _s, _tx, rows, language, _n: [shown.contact(row, language) for row in rows],
        (
            Column("id", "identifiant"), Column("number", "numéro"), Column("country", "pays"), Column("name", "nom"),
            Column("first_name", "prénom"), Column("email", "adresse e-mail"), Column("language", "langue"),
            Column("zone", "fuseau"), Column("values", "valeurs"), Column("quarantine.detail", "mis de côté"),
            Column("created_at", "ajouté le", "moment"),
        ),
    ),
    "consents": Kind(
        lambda tx, filters, after, limit: people.consents(tx, to=filters.get("to"), after=after, limit=limit),
        lambda _s, _tx, rows, _l, _n: [explaining.shown_consent(row) for row in rows],
        (
            Column("id", "identifiant"), Column("to", "numéro"), Column("scope", "portée"), Column("state", "réponse"),
            Column("at", "le", "moment"), Column("source", "source"), Column("proof.text", "texte montré"),
            Column("proof.place", "lieu"), Column("proof.moment", "preuve du"), Column("proof", "preuve"),
        ),
    ),
    "occasions": Kind(
        _occasions,
        lambda _s, _tx, rows, language, _n: [shown.occasion(row, language) for row in rows],
        (
            Column("id", "identifiant"), Column("installation", "connexion", "installation"), Column("kind", "sorte"),
            Column("open", "ouvert"), Column("closed", "clos par"), Column("start", "début", "moment"),
            Column("end", "fin", "moment"), Column("to", "numéro"), Column("values.title", "titre"),
            Column("values.name", "nom"), Column("values", "valeurs"), Column("answer", "réponse"),
            Column("trouble.detail", "difficulté"), Column("changed_at", "changé le", "moment"),
        ),
    ),
    "links": Kind(
        lambda tx, filters, after, limit: links.listed(
            tx, message=filters.get("message"), own=bool(filters.get("own")), after=after, limit=limit),
        _links,
        (
            Column("id", "identifiant"), Column("url", "lien court"), Column("target", "adresse"),
            Column("name", "nom"), Column("message", "message"), Column("state", "état"),
            Column("clicks.human", "clics"), Column("clicks.preview", "aperçus"), Column("clicks.robot", "robots"),
            Column("clicked_at", "premier clic", "moment"), Column("created_at", "créé le", "moment"),
            Column("expires_at", "jusqu'au", "moment"),
        ),
    ),
    "replies": Kind(
        lambda tx, filters, after, limit: feedback.replies(
            tx, number=filters.get("number"), waiting=bool(filters.get("waiting")), after=after, limit=limit),
        _replies,
        (
            Column("id", "identifiant"), Column("from", "de"), Column("to", "à"), Column("channel", "canal"),
            Column("text", "texte"), Column("at", "le", "moment"), Column("meaning", "sens"),
            Column("outcome.detail", "suite"), Column("message", "message"),
            Column("handled_at", "traité le", "moment"),
        ),
    ),
    "survey_answers": Kind(
        lambda tx, filters, after, limit: surveys.answers(
            tx, filters.get("survey"), question=filters.get("question"), after=after, limit=limit),
        _survey_answers,
        (
            Column("id", "identifiant"), Column("survey_name", "sondage"), Column("question", "n° de question"),
            Column("asked", "question"), Column("value", "réponse"), Column("label", "libellé"),
            Column("text", "texte reçu"), Column("from", "de"), Column("at", "le", "moment"),
            Column("person", "participation"),
        ),
    ),
    "conversations": Kind(
        _conversations,
        lambda _s, tx, rows, _l, now: [conversing.as_json(talk, now) for talk in conversing.talks(tx, rows)],
        (
            Column("id", "identifiant"), Column("number", "numéro"), Column("name", "nom"),
            Column("state", "état", "state"),
            Column("unread", "non lus"), Column("assigned_name", "suivie par"), Column("channel", "canal"),
            Column("last.text", "dernier mot"), Column("last.at", "dit le", "moment"),
            Column("opted_out", "ne veut plus"), Column("created_at", "depuis le", "moment"),
        ),
    ),
}  # fmt: skip
"""What may be asked for. `verifications` and received requests are not: codes and proofs leave the house nowhere."""
