"""What became of a message, written into the org: the message's own record, the status, a task, the refusal.

Every step may be repeated: records are known by the message's id, a status is the same status again, and a task is
looked for before it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.contract import Installation, Report
from core.domain.errors import BadInput, NotNow
from core.domain.messages import State
from integrations.salesforce import moments
from integrations.salesforce.client import Client, Done, SalesforceSaysNo
from integrations.salesforce.fields import PERSONS
from integrations.salesforce.ids import long_id, object_of
from integrations.salesforce.records import converted, numbers_of, person_of
from integrations.salesforce.shapes import Shape

MESSAGE = "Relance_Message__c"
BY = "Message_Id__c"
BULK_FROM = 400
"""From so many records on, one job of Bulk API 2.0 is cheaper than a call for each 200."""
LOOK_BACK = timedelta(days=7)
LAST_DIGITS = 8
"""Of a number, whatever stands before them in the record."""
NUMBERS_AT_ONCE = 10
_TEXTS = {"Status__c": 20, "Reason_Code__c": 80, "Reason__c": 255, "Channel__c": 20, "Body__c": 4_000,
          "Reply__c": 4_000, "Flow__c": 40, "Phone__c": 40, "Currency__c": 3}  # fmt: skip
_SUBJECTS = {
    "sent": {"fr": "Message envoyé ({channel})", "en": "Message sent ({channel})"},
    "reply": {"fr": "Réponse reçue ({channel})", "en": "Reply received ({channel})"},
    "stop": {"fr": "STOP reçu ({channel})", "en": "STOP received ({channel})"},
}
_CHANNELS = {"sms": "SMS", "rcs": "RCS", "whatsapp": "WhatsApp", "voice": "Voice"}
_LEFT = frozenset({State.SENT, State.DELIVERED, State.READ})


@dataclass(frozen=True, slots=True)
class Whom:
    """Whose record it is now: the person's own record (a converted lead's is its contact's), the contact or lead that a
    task may name, and the record that the message was about."""

    name: str
    person: str
    who: str | None
    what: str | None


@dataclass(slots=True)
class Work:
    """One report, and what went wrong with it so far."""

    report: Report
    whom: Whom | None = None
    trouble: Exception | None = None

    def failed(self, error: Exception | None) -> None:
        # What may be tried again outweighs what never will: the rest of the report is not lost then.
        if error is not None and not isinstance(self.trouble, NotNow):
            self.trouble = error


@dataclass(slots=True)
class Writer:
    """Writes a batch of reports into one org."""

    client: Client
    shape: Callable[[str], Shape | None]
    closed_status: Callable[[], str]
    installation: Installation
    now: datetime
    works: list[Work] = field(default_factory=list)

    def write(self, reports: Sequence[Report]) -> list[Exception | None]:
        """None for each report that the org knows now, else why it does not. Raises `NeedsReconnect`, and `NotNow` when
        nothing was written."""
        self.works = [Work(report) for report in reports]
        self._find()
        wishes = self.installation.config.get("write_back") or {}
        # The refusal first: nothing that fails beside it may keep it from being written.
        steps = (
            (self._refusals, True, True),
            (self._messages, wishes.get("messages"), False),
            (self._statuses, wishes.get("status"), False),
            (self._tasks, wishes.get("tasks"), False),
        )
        for step, wished, about_consent in steps:
            if not wished:
                continue
            try:
                step()
            except SalesforceSaysNo as error:
                for work in self.works:
                    if (work.report.kind == "consent") is about_consent:
                        work.failed(error)
        return [work.trouble for work in self.works]

    # Whose record ------------------------------------------------------------------------------------------------

    def _find(self) -> None:
        known = [(work, *_named(work.report)) for work in self.works]
        people = [person for _, _, person in known if person]
        moved = self._converted([one for one in people if object_of(one) == "Lead"])
        contacts = self._person_accounts([*(one for one in people if object_of(one) == "Account"),
                                          *(one for one in moved.values() if object_of(one) == "Account")])  # fmt: skip
        for work, record, person in known:
            person = moved.get(person, person) if person else None
            name = object_of(person) if person else None
            if person is None or name is None:
                # About a record of which nobody said whose it is: it can be named, and nothing be written on it.
                work.whom = Whom("", "", None, record) if record else None
                continue
            if name == "Account" and person not in contacts:
                work.whom = Whom("Account", person, None, person)
                continue
            who = contacts.get(person, person)
            # With a lead nothing else may be named, and a person account is its contact already.
            what = record if record and record != person and object_of(record) is None and name != "Lead" else None
            work.whom = Whom(name, person, who, what)

    def _converted(self, leads: Sequence[str]) -> dict[str, str]:
        if not leads:
            return {}
        found: dict[str, str] = {}
        for some in _chunks(leads):
            soql = "SELECT Id, ConvertedContactId, ConvertedAccountId FROM Lead WHERE IsConverted = true AND Id IN {}"
            for one in self.client.query(soql, some):
                new = one.get("ConvertedContactId") or one.get("ConvertedAccountId")
                if (old := long_id(str(one.get("Id")))) and (contact := long_id(str(new or ""))):
                    found[old] = contact
        return found

    def _person_accounts(self, accounts: Sequence[str]) -> dict[str, str]:
        if not accounts or self.shape("Account") is None:
            return {}
        found: dict[str, str] = {}
        for some in _chunks(accounts):
            for one in self.client.query(
                "SELECT Id, PersonContactId FROM Account WHERE IsPersonAccount = true AND Id IN {}", some
            ):
                if (account := long_id(str(one.get("Id")))) and (contact := long_id(str(one.get("PersonContactId")))):
                    found[account] = contact
        return found

    # The message's own record --------------------------------------------------------------------------------------

    def _messages(self) -> None:
        shape = self.shape(MESSAGE)
        mine = [work for work in self.works if work.report.message_id]
        if shape is None or BY not in shape.types or not mine:
            return
        records: dict[str, dict[str, Any]] = {}
        stops = self._stops()
        for work in mine:
            fields = _message_fields(work.report, work.whom, self.installation.language)
            if work.report.kind == "reply" and _words(work) in stops:
                fields["Answer__c"] = "stop"
            kept = records.setdefault(str(work.report.message_id), {BY: work.report.message_id})
            kept |= {name: value for name, value in fields.items() if name in shape.types}
        done = dict(zip(records, self._upsert(MESSAGE, BY, list(records.values())), strict=True))
        for work in mine:
            work.failed(done[str(work.report.message_id)].error)

    def _upsert(self, name: str, by: str, records: list[dict[str, Any]]) -> list[Done]:
        if len(records) >= BULK_FROM:
            return self.client.upsert_in_bulk(name, by, records)
        return self.client.upsert(name, by, [_json(one) for one in records])

    # The status on the person's record -----------------------------------------------------------------------------

    def _statuses(self) -> None:
        chosen: dict[str, dict[str, dict[str, Any]]] = {}
        mine: list[Work] = []
        for work in sorted(self.works, key=lambda one: one.report.at):
            whom, report = work.whom, work.report
            shape = self.shape(whom.name) if whom is not None and whom.name else None
            if whom is None or shape is None or report.kind not in ("state", "reply"):
                continue
            fields: dict[str, Any] = {}
            if (name := shape.mapped.status) in shape.writable and name:
                fields[name] = str(report.state or report.answer or "replied")[:40]
            if (name := shape.mapped.status_at) in shape.writable and name:
                fields[name] = report.at
            if fields:
                chosen.setdefault(whom.name, {})[whom.person] = {"Id": whom.person, **fields}
                mine.append(work)
        self._change(chosen, mine)

    def _change(self, chosen: Mapping[str, Mapping[str, dict[str, Any]]], mine: Sequence[Work]) -> None:
        """Changes the records (object → person → fields), each once, with its last word."""
        for name, records in chosen.items():
            if len(records) >= BULK_FROM:
                done = self.client.upsert_in_bulk(name, "Id", list(records.values()))
            else:
                done = self.client.update(name, [_json(one, Id="id") for one in records.values()])
            results = dict(zip(records, done, strict=True))
            for work in mine:
                if work.whom is not None and work.whom.name == name:
                    work.failed(results[work.whom.person].error)

    # The refusal ---------------------------------------------------------------------------------------------------

    def _refusals(self) -> None:
        chosen: dict[str, dict[str, dict[str, Any]]] = {}
        mine: list[Work] = []
        words = [work for work in self.works if work.report.kind == "consent"]
        strangers = self._people_with({work.report.consent.number for work in words
                                       if work.whom is None and work.report.consent is not None})  # fmt: skip
        for work in sorted(words, key=lambda one: one.report.at):
            word = work.report.consent
            if word is None:
                continue
            for whom in [work.whom] if work.whom is not None else strangers.get(word.number or "", ()):
                shape = self.shape(whom.name) if whom.name else None
                fields = _refusal(shape, granted=word.granted, scope=word.scope, at=word.at) if shape else {}
                if not fields:
                    work.failed(BadInput("salesforce_no_opt_out_field", object=whom.name or "–"))
                    continue
                work.whom = whom
                kept = chosen.setdefault(whom.name, {}).setdefault(whom.person, {"Id": whom.person})
                kept |= fields
                mine.append(Work(work.report, whom))
        self._change(chosen, mine)
        for written in mine:
            for work in self.works:
                if work.report is written.report:
                    work.failed(written.trouble)

    def _people_with(self, numbers: set[str | None]) -> dict[str, list[Whom]]:
        """number → whoever has it in the org, however it is written there. Nobody is no error."""
        found: dict[str, list[Whom]] = {}
        sought = sorted(number for number in numbers if number)
        for name in PERSONS if sought else ():
            shape = self.shape(name)
            phones = shape.there(*shape.mapped.phones) if shape is not None else ()
            if shape is None or not phones or not shape.refusing:
                continue
            for some in _chunks(sought, NUMBERS_AT_ONCE):
                patterns = ["%" + "%".join(number.lstrip("+")[-LAST_DIGITS:]) for number in some]
                where = " OR ".join(f"{phone} LIKE {{}}" for phone in phones for _ in patterns)
                soql = f"SELECT {', '.join(shape.selected())} FROM {name} WHERE {where} LIMIT 2000"  # noqa: S608 # nosec B608
                for record in self.client.query(soql, *(patterns * len(phones))):
                    person = person_of(shape, record)
                    if person is None or converted(record):
                        continue
                    whom = Whom(name, person.id, None if name == "Account" else person.id, None)
                    for number in set(some) & set(numbers_of(person, self.installation)):
                        found.setdefault(number, []).append(whom)
        return found

    # Tasks ---------------------------------------------------------------------------------------------------------

    def _tasks(self) -> None:
        if self.shape("Task") is None:
            return
        wanted: dict[str, tuple[Work, dict[str, Any]]] = {}
        stops = self._stops()
        for work in self.works:
            sort = _sort(work.report)
            if sort == "reply" and _words(work) in stops:
                # One text of a person's is one task.
                continue
            if sort is None or work.whom is None or not (work.whom.who or work.whom.what):
                continue
            mark = _mark(work.report, sort)
            wanted.setdefault(mark, (work, self._task(work, sort, mark)))
        there = self._known_tasks([task for _, task in wanted.values()])
        for mark in there & set(wanted):
            del wanted[mark]
        if not wanted:
            return
        done = self.client.create("Task", [task for _, task in wanted.values()])
        again: list[tuple[Work, dict[str, Any]]] = []
        for (work, task), result in zip(wanted.values(), done, strict=True):
            if isinstance(result.error, SalesforceSaysNo) and task["WhoId"] and task["WhatId"]:
                # Some objects take no tasks: then it is the person's alone.
                again.append((work, {**task, "WhatId": None}))
            else:
                work.failed(result.error)
        for (work, _), result in zip(again, self.client.create("Task", [task for _, task in again]), strict=True):
            work.failed(result.error)

    def _stops(self) -> set[tuple[str, str]]:
        """Whose words, and which, were a STOP."""
        return {_words(work) for work in self.works if _sort(work.report) == "stop"}

    def _task(self, work: Work, sort: str, mark: str) -> dict[str, Any]:
        report, whom = work.report, work.whom
        assert whom is not None
        language = "en" if self.installation.language == "en" else "fr"
        said = report.body if sort == "sent" else _words(work)[1]
        at_home = (report.sent_at or report.at).astimezone(moments.zone(self.installation.zone))
        return {
            "Subject": _SUBJECTS[sort][language].format(channel=_CHANNELS.get(str(report.channel), "SMS")),
"Status": self.closed_status(), "Priority": "Normal",
            "TaskSubtype": "Task", "ActivityDate": at_home.date().isoformat(), "WhoId": whom.who, "WhatId": whom.what,
            "Description": f"{(said or '')[:30_000]}\n\n{mark}".strip(),
        }  # fmt: skip

    def _known_tasks(self, tasks: Sequence[Mapping[str, Any]]) -> set[str]:
        """The marks of those that are there already."""
        found: set[str] = set()
        for some in _chunks(tasks):
            ids = sorted({str(one[name]) for one in some for name in ("WhoId", "WhatId") if one[name]})
            subjects = sorted({str(one["Subject"]) for one in some})
            soql = ("SELECT Description FROM Task WHERE (WhoId IN {} OR WhatId IN {}) AND Subject IN {} "
                    "AND CreatedDate >= {}")  # fmt: skip
            for one in self.client.query(soql, ids, ids, subjects, self.now - LOOK_BACK):
                found.add(str(one.get("Description") or "").rpartition("\n")[2])
        return found


def _named(report: Report) -> tuple[str | None, str | None]:
    """(record, person) of the report, as ids of 18 characters."""
    record = long_id(str(report.private.get("record") or ""))
    person = long_id(str(report.private.get("person") or report.subject or ""))
    if person is not None and object_of(person) is None:
        person = None
    if person is None and record is not None and object_of(record) is not None:
        person = record
    return record or person, person


def _message_fields(report: Report, whom: Whom | None, language: str) -> dict[str, Any]:
    record = long_id(str(report.private.get("record") or report.subject or ""))
    fields: dict[str, Any] = {
        "Record_Id__c": record, "Phone__c": report.to, "Flow__c": report.private.get("flow"),
        "Channel__c": str(report.channel) if report.channel else None, "Body__c": report.body,
        "Sent_At__c": report.sent_at, "Segments__c": report.segments, "Currency__c": report.currency,
        "Price__c": report.price_micros / 1_000_000 if report.price_micros is not None else None,
    }  # fmt: skip
    if whom is not None and whom.who:
        fields["Lead__c" if object_of(whom.who) == "Lead" else "Contact__c"] = whom.who
    if whom is not None and whom.name == "Account":
        fields["Account__c"] = whom.person
    if report.kind == "state" and report.state is not None:
        fields |= {"Status__c": str(report.state), "Status_At__c": report.at}
        if report.reason is not None:
            fields |= {"Reason_Code__c": report.reason.code, "Reason__c": report.reason.sentence(language)}
    elif report.kind == "reply":
        fields |= {"Reply__c": report.text, "Replied_At__c": report.at, "Answer__c": report.answer or "other"}
    elif report.kind == "click":
        fields["Clicked_At__c"] = report.at
    kept = {name: value for name, value in fields.items() if value is not None}
    return {name: value[:_TEXTS[name]] if name in _TEXTS and isinstance(value, str) else value
            for name, value in kept.items()}  # fmt: skip


def _refusal(shape: Shape, *, granted: bool, scope: str, at: datetime) -> dict[str, Any]:
    """The boxes to be ticked, or unticked. A no to advertising has its own box where there is one."""
    boxes = [name for name in shape.mapped.opt_out if name in shape.writable and shape.types[name] == "boolean"]
    own = [name for name in shape.mapped.marketing_opt_out
           if name in shape.writable and shape.types[name] == "boolean"]  # fmt: skip
    chosen = [*boxes, *own] if granted or scope != "marketing" else own or boxes
    if not chosen:
        return {}
    fields: dict[str, Any] = dict.fromkeys(chosen, not granted)
    if (name := shape.mapped.opt_out_at) and name in shape.writable:
        fields[name] = None if granted else at
    return fields


def _sort(report: Report) -> str | None:
    """What a task is made of; None for what is worth none."""
    if report.kind == "state":
        return "sent" if report.state in _LEFT and report.message_id else None
    if report.kind == "reply":
        return "reply"
    if report.kind == "consent" and report.consent is not None and not report.consent.granted:
        return "stop"
    return None


def _words(work: Work) -> tuple[str, str]:
    """Whose words they are, and which."""
    said = work.report.text
    if work.report.consent is not None:
        said = str(work.report.consent.proof.get("text") or "")
    return (work.whom.person if work.whom is not None else ""), said or ""


def _mark(report: Report, sort: str) -> str:
    """The task's last line, by which it is known again."""
    if sort == "sent":
        return f"Relance {report.message_id} {sort}"
    return f"Relance {report.message_id or report.subject or report.occasion_key} {sort} {report.at:%Y%m%d%H%M%S}"


def _json(record: Mapping[str, Any], **renamed: str) -> dict[str, Any]:
    """The record as the REST API wants it."""
    return {renamed.get(name, name): value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
            for name, value in record.items()}  # fmt: skip


def _chunks(many: Sequence[Any], size: int = 200) -> list[list[Any]]:
    unique = list(dict.fromkeys(many)) if many and isinstance(many[0], str) else list(many)
    return [unique[start:start + size] for start in range(0, len(unique), size)]

