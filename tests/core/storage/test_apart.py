"""Workspaces apart: a stranger who calls the storage with our ids finds nothing and changes nothing.

A new function that takes a transaction belongs into one of the lists here: who reads, who writes, and who walks over
the whole house because the engine itself asks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from core.contract import CallOff, Configured, Inbound, PhoneReply, Receipt, Slip, Sweep
from core.domain.approved import News, Status, Template
from core.domain.campaigns import END
from core.domain.events import Event, Kind, Wish
from core.domain.messages import Channel, MessageClass, State
from core.domain.occasions import Answer, Occasion
from core.domain.reach import Ability
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.segments import Every, OnList
from core.domain.text.links import Link, Visitor
from core.domain.waitlist import OfferState, Person, SlotState, Terms
from core.secrets import Vault, hashed
from core.storage import (
    accounts,
    answers,
    approved,
    audit,
    called_off,
    campaigns,
    carts,
    conversations,
    conversions,
    erasure,
    exported,
    exports,
    feedback,
    idempotency,
    inbox,
    installations,
    keywords,
    ledger,
    links,
    measures,
    oauth,
    occasions,
    outbox,
    pages,
    people,
    reach,
    request_log,
    rules,
    segments,
    series,
    simulated,
    slips,
    surveys,
    uploads,
    verifications,
    visits,
    waitlist,
    webhooks,
)
from core.storage import tables as t
from core.storage.database import Database, Transaction

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
SOON = NOW + timedelta(days=2)
VAULT = Vault((Fernet.generate_key().decode(),))
ANA = Recipient.parse("+33639980001")
WHY = Reason("by_person")
URL = "https://relance.example"
SLIP = Slip("mark", {"to": ANA.number}, "whole", 1, 2)
REQUEST = Inbound("POST", f"{URL}/hooks/shop/x", (), b"{}", NOW)

Call = Callable[[Transaction, Mapping[str, str]], Any]

READS: dict[str, Call] = {
    "accounts.get": lambda tx, our: accounts.get(tx, VAULT, our["account"], URL),
    "accounts.get_any": lambda tx, our: accounts.get_any(tx, our["account"], VAULT),
    "accounts.listed": lambda tx, our: accounts.listed(tx, VAULT, URL),
    "answers.about": lambda tx, our: answers.about(tx, [our["occasion"]]),
    "answers.modes": lambda tx, our: answers.modes(tx),
    "audit.actors": lambda tx, our: audit.actors(tx),
    "audit.listed": lambda tx, our: audit.listed(tx),
    "audit.whats": lambda tx, our: audit.whats(tx),
    "feedback.waiting_reports": lambda tx, our: feedback.waiting_reports(tx, our["installation"]),
    "called_off.already": lambda tx, our: called_off.already(tx, our["installation"], [A_WISH]),
    "approved.listed": lambda tx, our: approved.listed(tx, account=our["account"]),
    "approved.shelves": lambda tx, our: approved.shelves(tx),
    "approved.syncs": lambda tx, our: approved.syncs(tx),
    "surveys.answers": lambda tx, our: surveys.answers(tx, our["survey"]),
    "surveys.busy": lambda tx, our: surveys.busy(tx, our["survey"], [ANA.number], NOW),
    "surveys.by_ids": lambda tx, our: surveys.by_ids(tx, [our["asked"]]),
    "surveys.counted": lambda tx, our: surveys.counted(tx, our["survey"]),
    "surveys.figures": lambda tx, our: surveys.figures(tx, [our["survey"]]),
    "surveys.hold": lambda tx, our: surveys.hold(tx, our["asked"]),
    "surveys.hours": lambda tx, our: surveys.hours(tx, our["survey"]),
    "surveys.last_answer": lambda tx, our: surveys.last_answer(tx, our["asked"]),
    "surveys.open_of": lambda tx, our: surveys.open_of(tx, ANA.number),
    "surveys.people": lambda tx, our: surveys.people(tx, our["survey"]),
    "surveys.person": lambda tx, our: surveys.person(tx, our["asked"]),
    "surveys.row": lambda tx, our: surveys.row(tx, our["survey"]),
    "surveys.rows": lambda tx, our: surveys.rows(tx),
    "surveys.used_by": lambda tx, our: surveys.used_by(tx, our["survey"]),
    "surveys.values": lambda tx, our: surveys.values(tx, our["survey"]),
    "keywords.active": lambda tx, our: keywords.active(tx),
    "keywords.row": lambda tx, our: keywords.row(tx, our["keyword"]),
    "keywords.rows": lambda tx, our: keywords.rows(tx),
    "keywords.taken": lambda tx, our: keywords.taken(tx, frozenset({"AVIS"})),
    "campaigns.answered": lambda tx, our: campaigns.answered(tx, our["campaign"])["stopped"],
    "campaigns.counted": lambda tx, our: campaigns.counted(tx, our["campaign"]),
    "campaigns.known": lambda tx, our: campaigns.known(tx, [our["campaign"]]),
    "campaigns.lost": lambda tx, our: campaigns.lost(tx, our["campaign"]),
    "campaigns.messages": lambda tx, our: campaigns.messages(tx, our["campaign"]),
    "campaigns.names": lambda tx, our: campaigns.names(tx, [our["campaign"]]),
    "campaigns.of_number": lambda tx, our: campaigns.of_number(tx, ANA.number),
    "campaigns.ordered": lambda tx, our: list(campaigns.ordered(tx, our["campaign"], timedelta(days=1), SOON)),
    "campaigns.people": lambda tx, our: campaigns.people(tx, our["campaign"]),
    "campaigns.place_at": lambda tx, our: campaigns.place_at(tx, our["campaign"], 1),
    "campaigns.row": lambda tx, our: campaigns.row(tx, our["campaign"]),
    "campaigns.rows": lambda tx, our: campaigns.rows(tx),
    "campaigns.still_waiting": lambda tx, our: campaigns.still_waiting(tx, our["campaign"]),
    "campaigns.to_begin": lambda tx, our: campaigns.to_begin(tx, NOW, SOON),
    "campaigns.waiting": lambda tx, our: campaigns.waiting(tx, our["campaign"], END, 10),
    "campaigns.written_down": lambda tx, our: campaigns.written_down(tx, our["campaign"]),
    "carts.control": lambda tx, our: [
        one for one in carts.control(tx, [our["installation"]]).values() if one != (None, False)],
    "carts.company": lambda tx, our: carts.company(tx, [AN_ORDER], NOW)[0],
    "carts.nudges": lambda tx, our: carts.nudges(tx, [ANA.number], NOW),
    "carts.of_people": lambda tx, our: carts.of_people(tx, [AN_ORDER], Kind.CART, NOW),
    "carts.past": lambda tx, our: carts.past(tx, our["installation"], NOW, SOON),
    "carts.shop": lambda tx, our: carts.shop(tx, [AN_ORDER], NOW).carts,
    "conversations.authors": lambda tx, our: conversations.authors(tx, ["usr_1"]),
    "conversations.counts": lambda tx, our: conversations.counts(tx),
    "conversations.entries": lambda tx, our: conversations.entries(tx, {"id": our["talk"], "number": ANA.number}),
    "conversations.get": lambda tx, our: conversations.get(tx, our["talk"]),
    "conversations.last_words": lambda tx, our: any(conversations.last_words(
        tx, [{"reply": our["reply"], "message": our["sent"]}])),
    "conversations.listed": lambda tx, our: conversations.listed(tx, conversations.Filter()),
    "conversations.of_number": lambda tx, our: conversations.of_number(tx, ANA.number),
    "conversations.said_before": lambda tx, our: conversations.said_before(
        tx, {"id": our["talk"], "number": ANA.number}, feedback.AUTOMATIC),
    "conversations.to_answer": lambda tx, our: conversations.to_answer(tx, 9),
    "conversations.wrote_by": lambda tx, our: conversations.wrote_by(tx, Channel.SMS, [ANA.number]),
    "conversions.clicked": lambda tx, our: conversions.clicked(tx, our["installation"], NOW, SOON),
    "conversions.converted": lambda tx, our: conversions.converted(tx, our["installation"], NOW, SOON),
    "conversions.groups": lambda tx, our: any(conversions.groups(tx, our["installation"], NOW, SOON)),
    "conversions.kept_back": lambda tx, our: conversions.kept_back(tx, our["installation"], NOW, SOON),
    "conversions.led_by": lambda tx, our: conversions.led_by(tx, ["b" * 11]),
    "conversions.said": lambda tx, our: conversions.said(tx, [our["cart"]], NOW),
    "conversions.sent": lambda tx, our: conversions.sent(tx, our["installation"], NOW, SOON),
    "conversions.stopped": lambda tx, our: conversions.stopped(tx, our["installation"], NOW, SOON),
    "erasure.some_there": lambda tx, our: erasure.some_there(tx, our["installation"], "z", 10),
    "erasure.still_asked": lambda tx, our: erasure.still_asked(tx, our["erasure"]),
    "exported.get": lambda tx, our: exported.get(tx, our["export"]),
    "exported.listed": lambda tx, our: exported.listed(tx),
    "exported.names": lambda tx, our: any(exported.names(tx).values()),
    "exported.part": lambda tx, our: exported.part(tx, our["export"], 0),
    "exported.unfinished": lambda tx, our: exported.unfinished(tx),
    "feedback.answered_lately": lambda tx, our: feedback.answered_lately(tx, ANA.number, NOW - timedelta(days=9)),
    "feedback.asked_which": lambda tx, our: feedback.asked_which(tx, ANA.number, NOW - timedelta(days=9), but=""),
    "feedback.last_to": lambda tx, our: feedback.last_to(tx, ANA.number),
    "feedback.messages_of": lambda tx, our: feedback.messages_of(
        tx, our["account"], [Receipt("ref_1", State.READ, "x", NOW, our["sent"])]),
    "feedback.overtaken": lambda tx, our: feedback.overtaken(
        tx, [{"id": "", "kind": "state", "message": our["sent"]}]),
    "feedback.newer_report": lambda tx, our: feedback.newer_report(tx, our["occasion"], ""),
    "feedback.questions": lambda tx, our: feedback.questions(tx, ANA.number, NOW),
    "feedback.receipts_of": lambda tx, our: feedback.receipts_of(tx, our["sent"]),
    "feedback.replies": lambda tx, our: feedback.replies(tx),
    "feedback.reply_named": lambda tx, our: feedback.reply_named(tx, our["account"], "r1"),
    "feedback.reply": lambda tx, our: feedback.reply(tx, our["reply"]),
    "feedback.told_before": lambda tx, our: feedback.told_before(
        tx, [{"id": "rpt_z", "kind": "state", "message": our["sent"]}]),
    "inbox.get": lambda tx, our: inbox.get(tx, our["inbox"]),
    "inbox.listed": lambda tx, our: inbox.listed(tx),
    "inbox.seen": lambda tx, our: inbox.seen(
        tx, our["installation"], REQUEST, "d1", same_content=timedelta(days=9)),
    "installations.adapter_of": lambda tx, our: installations.adapter_of(tx, our["installation"]),
    "installations.get": lambda tx, our: installations.get(tx, VAULT, our["installation"], URL),
    "installations.is_there": lambda tx, our: installations.is_there(tx, our["installation"]),
    "installations.hold": lambda tx, our: installations.hold(tx, our["installation"]),
    "installations.learnt": lambda tx, our: installations.learnt(tx, our["installation"]),
    "installations.of_adapter": lambda tx, our: installations.of_adapter(tx, VAULT, URL, "shop"),
    "slips.known": lambda tx, our: slips.known(tx, our["installation"], [SLIP.mark], "another", (), NOW),
    "slips.parts": lambda tx, our: slips.parts(tx, our["installation"], [SLIP.whole]),
    "installations.listed": lambda tx, our: installations.listed(tx, VAULT, URL),
    "installations.connected": lambda tx, our: installations.connected(tx),
    "ledger.history": lambda tx, our: [one for many in ledger.history(tx, our["sent"]) for one in many],
    "links.click_rate": lambda tx, our: links.click_rate(tx, NOW - timedelta(days=1)),
    "links.clicks_of": lambda tx, our: links.clicks_of(tx, our["sent"]),
    "links.counts": lambda tx, our: links.counts(tx, [our["link"]]),
    "links.get": lambda tx, our: links.get(tx, our["link"]),
    "links.hours": lambda tx, our: links.hours(tx, our["link"]),
    "links.listed": lambda tx, our: links.listed(tx),
    "measures.answer_times": lambda tx, our: any(measures.answer_times(tx, NOW, SOON, {}, [timedelta(hours=1)])),
    "measures.shops": lambda tx, our: measures.shops(tx),
    "measures.choices": lambda tx, our: any(measures.choices(tx, NOW.date(), SOON.date()).values()),
    "measures.cohorts": lambda tx, our: any(map(any, measures.cohorts(tx, [NOW - timedelta(days=31)]))),
    "measures.elsewhere": lambda tx, our: measures.elsewhere(tx, "Asia/Tokyo"),
    "measures.recovered": lambda tx, our: measures.recovered(tx, NOW, SOON, {}),
    "measures.stale": lambda tx, our: measures.stale(tx, limit=9),
    "measures.sums": lambda tx, our: measures.sums(tx, measures.Asked(NOW.date(), NOW.date(), {}), "day"),
    "measures.visits_between": lambda tx, our: any(measures.visits_between(tx, NOW, SOON + timedelta(days=1))),
    "pages.count_codes": lambda tx, our: any(pages.count_codes(tx, our["page"])),
    "pages.get": lambda tx, our: pages.get(tx, our["page"]),
    "pages.give_code": lambda tx, our: pages.give_code(tx, our["page"], our["sent"], NOW),
    "pages.listed": lambda tx, our: pages.listed(tx),
    "occasions.all_of": lambda tx, our: occasions.all_of(tx, our["installation"]),
    "occasions.by_ids": lambda tx, our: occasions.by_ids(tx, [our["occasion"]]),
    "occasions.by_keys": lambda tx, our: occasions.by_keys(tx, our["installation"], ["visit"]),
    "occasions.get": lambda tx, our: occasions.get(tx, our["occasion"]),
    "occasions.known_numbers": lambda tx, our: occasions.known_numbers(tx, [ANA.number]),
    "occasions.listed": lambda tx, our: occasions.listed(tx),
    "occasions.numbers_of": lambda tx, our: occasions.numbers_of(tx, our["installation"], ["person/1"]),
    "occasions.newest": lambda tx, our: occasions.newest(tx),
    "occasions.of_person": lambda tx, our: occasions.of_person(tx, our["installation"], number=ANA.number),
    "occasions.open_ones": lambda tx, our: occasions.open_ones(tx, NOW),
    "occasions.subjects_of": lambda tx, our: occasions.subjects_of(tx, our["installation"], [ANA.number]),
    "occasions.swept": lambda tx, our: occasions.swept(
        tx, our["installation"], Sweep("", NOW, NOW + timedelta(days=9), frozenset()), NOW),
    "occasions.numbers_by_key": lambda tx, our: occasions.numbers_by_key(tx, our["installation"], ["visit"]),
    "occasions.told": lambda tx, our: occasions.told(tx, [our["occasion"]]),
    "outbox.by_ids": lambda tx, our: outbox.by_ids(tx, [our["waiting"], our["sent"]]),
    "outbox.counts": lambda tx, our: outbox.counts(tx, NOW - timedelta(days=9), NOW + timedelta(days=9)),
    "outbox.get": lambda tx, our: outbox.get(tx, our["waiting"]),
    "outbox.said": lambda tx, our: any(outbox.said(tx, [our["occasion"]])),
    "outbox.known": lambda tx, our: outbox.known(tx, [our["occasion"]]),
    "outbox.listed": lambda tx, our: outbox.listed(tx, outbox.Filter()),
    "outbox.of_occasions": lambda tx, our: outbox.of_occasions(tx, [our["occasion"]]),
    "outbox.to_look_at": lambda tx, our: outbox.to_look_at(tx, our["installation"], 10),
    "people.by_language": lambda tx, our: people.by_language(tx),
    "people.consents": lambda tx, our: people.consents(tx),
    "people.contact": lambda tx, our: people.contact(tx, our["contact"]),
    "people.contact_of": lambda tx, our: people.contact_of(tx, ANA.number),
    "people.contacts": lambda tx, our: people.contacts(tx),
    "people.in_quarantine": lambda tx, our: people.in_quarantine(tx),
    "people.known_among": lambda tx, our: people.known_among(tx, [ANA.number]),
    "people.names": lambda tx, our: people.names(tx, [ANA.number]),
    "people.newest": lambda tx, our: people.newest(tx, [ANA.number]),
    "reach.counted": lambda tx, our: reach.counted(tx, [ANA.number], NOW).reachable,
    "reach.wanted": lambda tx, our: reach.wanted(tx, "agent", Channel.RCS, NOW, until=SOON, limit=9),
    "rules.active": lambda tx, our: rules.active(tx, our["installation"]),
    "rules.folder_of": lambda tx, our: rules.folder_of(tx, "hello"),
    "rules.folders": lambda tx, our: rules.folders(tx),
    "rules.row": lambda tx, our: rules.row(tx, our["rule"]),
    "rules.rows": lambda tx, our: rules.rows(tx),
    "rules.template_keys": lambda tx, our: rules.template_keys(tx),
    "rules.template_version": lambda tx, our: rules.template_version(tx, "hello", "fr", 1),
    "rules.template_versions": lambda tx, our: rules.template_versions(tx, "hello"),
    "rules.texts": lambda tx, our: rules.texts(tx),
    "rules.written_from": lambda tx, our: rules.written_from(tx, our["template"]),
    "series.active": lambda tx, our: series.active(tx),
    "series.row": lambda tx, our: series.row(tx, our["series"]),
    "series.rows": lambda tx, our: series.rows(tx),
    "series.runs": lambda tx, our: series.runs(tx, our["series"]),
    "uploads.content": lambda tx, our: uploads.content(tx, our["upload"]),
    "uploads.get": lambda tx, our: uploads.get(tx, our["upload"]),
    "segments.by_numbers": lambda tx, our: segments.by_numbers(tx, [ANA.number]),
    "segments.contacts_of": lambda tx, our: segments.contacts_of(tx, [ANA.number]),
    "segments.count": lambda tx, our: segments.count(tx, OnList(our["segment"]), SOON),
    "segments.counts": lambda tx, our: any(segments.counts(tx, {"all": Every(())}, SOON).values()),
    "segments.lists": lambda tx, our: segments.lists(tx, [our["segment"]]),
    "segments.people": lambda tx, our: segments.people(tx, Every(()), SOON),
    "segments.row": lambda tx, our: segments.row(tx, our["segment"]),
    "segments.rows": lambda tx, our: segments.rows(tx),
    "segments.used_by": lambda tx, our: segments.used_by(tx, our["segment"]),
    "simulated.find_last_to": lambda tx, our: simulated.find_last_to(tx, ANA.number),
    "simulated.listed": lambda tx, our: simulated.listed(tx),
    "verifications.get": lambda tx, our: verifications.get(tx, our["verification"]),
    "verifications.last_sent": lambda tx, our: verifications.last_sent(tx, ANA.number, NOW - timedelta(days=1)),
    "verifications.listed": lambda tx, our: verifications.listed(tx),
    "verifications.since": lambda tx, our: verifications.since(tx, NOW - timedelta(days=1)),
    "request_log.hours": lambda tx, our: request_log.hours(tx, NOW - timedelta(days=1)),
    "request_log.listed": lambda tx, our: request_log.listed(tx),
    "request_log.routes": lambda tx, our: request_log.routes(tx),
    "visits.attended": lambda tx, our: visits.attended(tx, [our["occasion"]]),
    "visits.groups": lambda tx, our: any(visits.groups(tx, NOW, SOON + timedelta(days=1), [our["rule"]])),
    "visits.missed_share": lambda tx, our: any(visits.missed_share(tx, NOW, SOON + timedelta(days=1))),
    "webhooks.deliveries": lambda tx, our: webhooks.deliveries(tx, our["webhook"]),
    "webhooks.get": lambda tx, our: webhooks.get(tx, our["webhook"]),
    "webhooks.listed": lambda tx, our: webhooks.listed(tx),
    "oauth.use": lambda tx, our: oauth.use(tx, hashed("state"), VAULT, NOW),
    "waitlist.alive": lambda tx, our: waitlist.alive(tx, NOW),
    "waitlist.all_terms": lambda tx, our: waitlist.all_terms(tx),
    "waitlist.any_alive": lambda tx, our: waitlist.any_alive(tx, NOW),
    "waitlist.asked_lately": lambda tx, our: waitlist.asked_lately(tx, [ANA.number], NOW - timedelta(days=9)),
    "waitlist.asked_now": lambda tx, our: waitlist.asked_now(tx),
    "waitlist.busy": lambda tx, our: waitlist.busy(tx, SOON - timedelta(hours=1), SOON + timedelta(hours=1)),
    "waitlist.entries": lambda tx, our: waitlist.entries(tx, number=ANA.number),
    "waitlist.entries_by_ids": lambda tx, our: waitlist.entries_by_ids(tx, [our["entry"]]),
    "waitlist.entry": lambda tx, our: waitlist.entry(tx, our["entry"]),
    "waitlist.is_on": lambda tx, our: waitlist.is_on(tx),
    "waitlist.missed": lambda tx, our: waitlist.missed(tx, our["slot"]),
    "waitlist.next_of": lambda tx, our: waitlist.next_of(tx, our["installation"], ANA.number, NOW),
    "waitlist.of_occasion": lambda tx, our: waitlist.of_occasion(tx, our["occasion"]),
    "waitlist.offer": lambda tx, our: waitlist.offer(tx, our["offer"]),
    "waitlist.offers": lambda tx, our: waitlist.offers(tx, slots=[our["slot"]]),
    "waitlist.overlapping": lambda tx, our: waitlist.overlapping(
        tx, our["installation"], SOON - timedelta(hours=1), SOON + timedelta(hours=1)),
    "waitlist.passed_over": lambda tx, our: waitlist.passed_over(tx, our["slot"]),
    "waitlist.slot": lambda tx, our: waitlist.slot(tx, our["slot"]),
    "waitlist.slots": lambda tx, our: waitlist.slots(tx),
    "waitlist.steps": lambda tx, our: waitlist.steps(tx, our["slot"]),
    "waitlist.steps_of": lambda tx, our: waitlist.steps_of(tx, ANA.number),
    "waitlist.terms": lambda tx, our: waitlist.terms(tx, our["installation"]).on,
}

WRITES: dict[str, Call] = {
    "erasure.all_gone": lambda tx, our: erasure.all_gone(tx, our["erasure"]),
    "erasure.forget_requests": lambda tx, our: erasure.forget_requests(tx, our["installation"], "z", 10),
    "erasure.went_on": lambda tx, our: erasure.went_on(tx, our["erasure"], {"inbox": 1}),
    "approved.change": lambda tx, our: approved.change(
        tx, our["account"], News("hello", "fr", SOON, Status.PAUSED), SOON),
    "approved.forget": lambda tx, our: approved.forget(tx, our["account"]),
    "approved.soon": lambda tx, our: approved.soon(tx, our["account"], NOW),
    "accounts.change": lambda tx, our: accounts.change(tx, VAULT, our["account"], name="Mine"),
    "surveys.asked": lambda tx, our: surveys.asked(tx, {**A_PERSON, "id": our["asked"]}, A_SURVEY, 2, "msg_x", NOW),
    "surveys.change": lambda tx, our: surveys.change(tx, our["survey"], {"name": "Mine"}, NOW),
    "surveys.change_person": lambda tx, our: surveys.change_person(tx, our["asked"], question=3),
    "surveys.end": lambda tx, our: surveys.end(tx, our["asked"], "done", NOW),
    "surveys.end_of": lambda tx, our: surveys.end_of(tx, NOW, "ended", WHY, survey=our["survey"]),
    "surveys.first_left": lambda tx, our: surveys.first_left(tx, {**A_PERSON, "id": our["asked"]}, A_SURVEY, NOW),
    "surveys.remove": lambda tx, our: surveys.remove(tx, our["survey"]),
    "keywords.came": lambda tx, our: keywords.came(tx, our["keyword"], NOW),
    "keywords.change": lambda tx, our: keywords.change(tx, our["keyword"], {"active": False}),
    "campaigns.change": lambda tx, our: campaigns.change(tx, our["campaign"], {"name": "Mine"}, NOW),
    "campaigns.hold": lambda tx, our: campaigns.hold(tx, our["campaign"], WHY, NOW),
    "campaigns.leave_out_waiting": lambda tx, our: campaigns.leave_out_waiting(tx, our["campaign"], WHY),
    "campaigns.remove": lambda tx, our: campaigns.remove(tx, our["campaign"]),
    "conversations.change": lambda tx, our: conversations.change(tx, our["talk"], state="closed"),
    "conversations.said": lambda tx, our: conversations.said(tx, our["talk"], our["sent"], NOW, read=our["reply"]),
    "conversations.settled": lambda tx, our: conversations.settled(tx, ANA.number, NOW),
    "exported.failed": lambda tx, our: exported.failed(tx, our["export"], WHY, NOW, again_at=None),
    "exported.withdraw": lambda tx, our: exported.withdraw(tx, our["export"], WHY),
    "exported.write": lambda tx, our: exported.write(tx, {"id": our["export"], "parts": 1}, b"", rows=1),
    "feedback.call_off_reports": lambda tx, our: feedback.call_off_reports(tx, our["installation"], WHY),
    "feedback.handled": lambda tx, our: feedback.handled(tx, our["reply"], NOW),
    "feedback.understood": lambda tx, our: feedback.understood(tx, our["reply"], meaning="stop", outcome=WHY),
    "feedback.put_off_reports": lambda tx, our: feedback.put_off_reports(
        tx, SOON, installation=our["installation"], due_before=SOON),
    "inbox.replayed": lambda tx, our: inbox.replayed(tx, our["inbox"], "unreadable", WHY, NOW),
    "installations.change": lambda tx, our: installations.change(tx, our["installation"], name="Mine"),
    "installations.heard": lambda tx, our: installations.heard(tx, our["installation"], NOW, {}, over=True),
    "installations.in_trouble": lambda tx, our: installations.in_trouble(tx, our["installation"], WHY),
    "installations.keep_secrets": lambda tx, our: installations.keep_secrets(tx, VAULT, our["installation"], {}),
    "installations.remember": lambda tx, our: installations.remember(tx, our["installation"], {}, {"mine": 1}),
    "installations.take": lambda tx, our: installations.take(tx, our["installation"], NOW, timedelta(minutes=5)),
    "installations.wake": lambda tx, our: installations.wake(tx, our["installation"], NOW),
    "links.end": lambda tx, our: links.end(tx, our["link"], NOW),
    "links.only": lambda tx, our: links.only(tx, our["waiting"], []),
    "occasions.answered": lambda tx, our: occasions.answered(tx, our["occasion"], Answer.DECLINED, NOW),
    "occasions.correct": lambda tx, our: occasions.correct(tx, our["occasion"], muted=True),
    "occasions.merged": lambda tx, our: occasions.merged(tx, our["installation"], "person/1", "person/2"),
    "outbox.call_off": lambda tx, our: outbox.call_off(tx, [our["occasion"]], WHY, NOW),
    "outbox.call_again": lambda tx, our: outbox.call_again(
        tx, {"id": our["sent"], "channel_step": 0, "calls": 0}, WHY, WHY, SOON, NOW),
    "outbox.advance_all": lambda tx, our: outbox.advance_all(tx, [our["sent"]], State.READ, None, NOW, step=0),
    "outbox.cancel": lambda tx, our: outbox.cancel(tx, our["waiting"], WHY, NOW),
    "outbox.end_one": lambda tx, our: outbox.end_one(tx, our["waiting"], State.CANCELLED, WHY, NOW),
    "outbox.end_waiting": lambda tx, our: outbox.end_waiting(tx, NOW, State.CANCELLED, WHY),
    "outbox.end_waiting_for": lambda tx, our: outbox.end_waiting_for(
        tx, ANA.number, ["transactional"], State.SUPPRESSED, WHY, NOW),
    "outbox.end_waiting_of": lambda tx, our: outbox.end_waiting_of(
        tx, our["installation"], State.CANCELLED, WHY, NOW),
    "outbox.end_these": lambda tx, our: outbox.end_these(
        tx, [our["waiting"], our["asking"]], State.CANCELLED, WHY, NOW),
    "outbox.look_elsewhere": lambda tx, our: outbox.look_elsewhere(tx, our["installation"], WHY, NOW),
    "outbox.looked_at": lambda tx, our: outbox.looked_at(tx, [our["asking"]], WHY, NOW),
    "outbox.put_back": lambda tx, our: outbox.put_back(tx, our["sent"], WHY, NOW, NOW),
    "outbox.release": lambda tx, our: outbox.release(tx, "account", WHY, NOW),
    "pages.change": lambda tx, our: pages.change(tx, our["page"], {"name": "Mine"}, NOW),
    "people.change_contact": lambda tx, our: people.change_contact(tx, our["contact"], {"name": "Mine"}),
    "people.forget_contact": lambda tx, our: people.forget_contact(tx, our["contact"]),
    "rules.change": lambda tx, our: rules.change(tx, our["rule"], {"body": "Mine"}),
    "rules.put_in_folder": lambda tx, our: rules.put_in_folder(tx, "hello", "Mine"),
    "rules.remove_template": lambda tx, our: rules.remove_template(tx, "hello", NOW),
    "segments.change": lambda tx, our: segments.change(tx, our["segment"], {"name": "Mine"}, NOW),
    "segments.take_off": lambda tx, our: segments.take_off(tx, our["segment"], [our["contact"]]),
    "series.change": lambda tx, our: series.change(tx, our["series"], {"name": "Mine"}, NOW),
    "uploads.add": lambda tx, our: uploads.add(tx, our["upload"], 1, b"mine", last=False),
    "uploads.drop": lambda tx, our: uploads.drop(tx, our["upload"]),
    "verifications.end_older": lambda tx, our: verifications.end_older(tx, ANA.number, "", NOW),
    "verifications.ended": lambda tx, our: verifications.ended(tx, our["verification"], "approved", NOW),
    "verifications.tried": lambda tx, our: verifications.tried(tx, our["verification"], 1, "pending", NOW),
    "slips.taken_over": lambda tx, our: slips.taken_over(tx, our["installation"], ["1000000001"], "z"),
    "slips.over": lambda tx, our: slips.over(tx, [our["slip"]]),
    "webhooks.change": lambda tx, our: webhooks.change(tx, our["webhook"], url="https://mine.example"),
    "webhooks.remove": lambda tx, our: webhooks.remove(tx, our["webhook"]),
    "waitlist.answered": lambda tx, our: waitlist.answered(tx, our["offer"], OfferState.NO, NOW),
    "waitlist.bears": lambda tx, our: waitlist.bears(tx, our["offer"], "msg_1"),
    "waitlist.change_entry": lambda tx, our: waitlist.change_entry(tx, our["entry"], {"name": "Mine"}, NOW),
    "waitlist.change_slot": lambda tx, our: waitlist.change_slot(tx, our["slot"], NOW, title="Mine"),
    "waitlist.close_asked": lambda tx, our: waitlist.close_asked(tx, our["slot"], WHY),
    "waitlist.end_slot": lambda tx, our: waitlist.end_slot(tx, our["slot"], SlotState.OVER, WHY, NOW),
    "waitlist.give_back": lambda tx, our: waitlist.give_back(tx, our["slot"], our["offer"], NOW),
    "waitlist.off_the_list": lambda tx, our: waitlist.off_the_list(tx, ANA.number, WHY, NOW),
    "waitlist.set_terms": lambda tx, our: waitlist.set_terms(tx, our["installation"], Terms(), NOW),
    "waitlist.take": lambda tx, our: waitlist.take(tx, our["slot"], our["offer"], NOW),
    "waitlist.unask": lambda tx, our: waitlist.unask(tx, our["offer"]),
    "waitlist.wake": lambda tx, our: waitlist.wake(tx, NOW),
}

OF_ITS_OWN = """
    audit.chain audit.erased audit.note audit.verify
    surveys.add surveys.alone surveys.begin surveys.keep keywords.add
    campaigns.add campaigns.alone campaigns.write_down segments.add segments.list_named segments.put_on segments.where
    visits.attend measures.move measures.touch measures.touch_message pages.add pages.counted pages.put_codes
    accounts.add called_off.remember conversations.heard conversations.note conversions.put exported.add
    erasure.ask_for_all erasure.forget erasure.forget_there
    exports.rows feedback.keep_receipts feedback.keep_reply
    feedback.queue_report idempotency.begun idempotency.ended idempotency.keep idempotency.known inbox.keep
    installations.add links.add links.keep verifications.add verifications.alone oauth.begin occasions.apply
    outbox.accept
    outbox.carry_out outbox.keep_unfulfilled
    people.number_hash people.quarantine people.remember people.remember_all people.start people.stop people.welcome
    reach.learn approved.asked approved.replaced
    rules.add rules.save_template series.add series.alone uploads.begin slips.add slips.names
    webhooks.add webhooks.again webhooks.delivery webhooks.keep_secrets
    waitlist.add_entry waitlist.ask waitlist.free waitlist.note
""".split()
"""They write rows of the caller's own workspace, or are tried below."""

OF_THE_HOUSE = """
    audit.prune audit.unchained
    surveys.any_due surveys.asked_by_rules surveys.due surveys.of_rules surveys.prune
    erasure.any_asked_for_all erasure.asked_for_all campaigns.due campaigns.pause_all campaigns.settle campaigns.stopped
    measures.added_up measures.mark measures.news measures.prune measures.put pages.find pages.picture pages.prune
    links.find links.followed links.prune verifications.hide verifications.spent_messages accounts.back
    accounts.some_back accounts.hold accounts.judged accounts.try_one answers.keep conversions.any_left_out
    conversions.note_left_out exported.due exported.prune exported.take request_log.keep
    feedback.any_due feedback.belongs feedback.early feedback.missed feedback.queue_reports
    feedback.report_done feedback.reports_done feedback.take_reports feedback.written_lately installations.by_account
    installations.due installations.fell_silent installations.let_go installations.seize
    installations.speaking installations.standing installations.parted installations.to_maintain
    installations.workspace_of ledger.unsaid ledger.write_steps oauth.bring outbox.advance
    outbox.arrived_earlier outbox.ask_again outbox.called outbox.calling outbox.claim
    outbox.doubt outbox.doubtful outbox.give_back outbox.held_for_nothing outbox.held_too_long outbox.hurry
    outbox.next_channel outbox.next_due outbox.not_begun outbox.orphaned outbox.some_orphaned outbox.overdue
    outbox.platforms_to_ask outbox.record outbox.stays_with outbox.untold
    slips.arrived slips.waiting_since
    series.any_due series.due series.pause_all uploads.prune
    people.hasher people.refused_since people.standings people.untold reach.known simulated.advance
    simulated.due simulated.next_at webhooks.delivered webhooks.listening webhooks.queue webhooks.take
    waitlist.any_due waitlist.any_to_write waitlist.due waitlist.next_due waitlist.to_write
""".split()
"""The engine's own walks, on rows that it has read; each row bears its workspace."""

MODULES: tuple[ModuleType, ...] = (
    accounts, answers, approved, audit, called_off, campaigns, carts, conversations, conversions, erasure, exported,
    exports, idempotency, inbox, installations, keywords, ledger, links, oauth, occasions, people, reach, request_log,
    rules, segments, series, simulated, slips, surveys, uploads, verifications, waitlist, webhooks,
    *(import_module(f"{story.__name__}.{one.name}") for story in (feedback, outbox)
      for one in iter_modules(story.__path__)),
)  # fmt: skip


def test_every_function_is_on_one_list() -> None:
    there = {
        f"{module.__name__.split('.')[2]}.{name}"
        for module in MODULES
        for name, work in inspect.getmembers(module, inspect.isfunction)
        if work.__module__ == module.__name__
        and not name.startswith("_")
        and next(iter(inspect.signature(work).parameters), "") == "tx"
    }
    listed = [*READS, *WRITES, *OF_ITS_OWN, *OF_THE_HOUSE]
    assert there - set(listed) == set(), "say above who may call it, and try it with a stranger"
    assert len(set(listed)) == len(listed)


@pytest.fixture
def ours(database: Database, workspace: str) -> dict[str, str]:
    """One of everything in our workspace, by its name."""
    new = outbox.New(to=ANA.number, country="FR", text="Rappel", encoding="GSM-7", segments=1, due_at=NOW,
                     message_class=MessageClass.TRANSACTIONAL, channels=(Channel.SMS,), asks=True,
                     reference=feedback.AUTOMATIC)  # fmt: skip
    our: dict[str, str] = {}
    with database.write(workspace) as tx:
        our["installation"] = installations.add(tx, VAULT, "shop", "Shop", Configured({}, {"a": "b"}), NOW, zone="UTC",
                                                country="FR")  # fmt: skip
        installations.change(tx, our["installation"], learnt={"uid:a": ANA.number})
        our["account"] = accounts.add(tx, VAULT, "memory", "M", Configured({}, {}), NOW, public_url=URL).account.id
        approved.replaced(tx, our["account"], [Template("hello", "fr", Status.APPROVED)], NOW)
        approved.asked(tx, our["account"], NOW, SOON, None)
        our["rule"] = rules.add(tx, {"name": "r", "on": "appointment", "class": "transactional", "body": "x",
                                     "when": {"before": "PT1H"}}, NOW)  # fmt: skip
        our["template"] = rules.save_template(tx, "hello", "fr", "Bonjour", NOW)
        rules.put_in_folder(tx, "hello", "Ours")
        our["upload"] = uploads.begin(tx, "contacts.csv", "usr_1", NOW)
        uploads.add(tx, our["upload"], 0, b"telephone", last=True)
        call = request_log.Made(workspace, "key_1", NOW, "GET", "/v1/rules", None, 200, None, False, 900, "req_1")
        request_log.keep(tx, [call], {(workspace, NOW, "done"): (1, 900)})
        visit = Event(Kind.APPOINTMENT, "visit", NOW, start=SOON, recipient=ANA, subject="person/1")
        [occasion] = occasions.apply(tx, our["installation"], [visit], backlog=False, now=NOW)
        our["occasion"] = occasion.id
        common = {"installation": our["installation"], "occasion": our["occasion"], "about": SOON}
        [our["waiting"], our["held"], our["sent"], our["asking"]] = outbox.accept(tx, [
            outbox.New(**{**{name: getattr(new, name) for name in new.__dataclass_fields__}, **common, "key": f"k{n}"})
            for n in range(4)
        ], NOW)  # fmt: skip
        our["cart"], our["nudge"] = _a_cart_with_its_nudge(tx, our)
        outbox.accept(tx, [replace(new, to="+33639980009", channels=(Channel.RCS, Channel.SMS))], NOW)
        reach.learn(tx, "agent", [(Ability(ANA.number, True), NOW)])
        erasure.ask_for_all(tx, our["installation"], NOW)
        our["erasure"] = erasure.asked_for_all(tx)[0]["id"]
        called_off.remember(tx, our["installation"], CallOff(subject="person/1", at=SOON))
        our["contact"] = people.remember(tx, ANA, {"name": "Ana", "language": "fr"}, NOW)
        our["segment"] = segments.add(tx, "List", None, NOW)
        segments.put_on(tx, our["segment"], [our["contact"]])
        our["campaign"] = _a_campaign(tx, our)
        our["series"] = series.add(tx, {"name": "s", "every": "week", "first": "2026-12-01", "at": "10:00",
                                        "zone": "UTC", "campaign": {}, "who": "usr_1"}, NOW)  # fmt: skip
        campaigns.add(tx, {"name": "s", "class": "marketing", "audience": {}, "useful": 60, "holdout": 0, "message": {},
                           "test": False, "series": our["series"], "send_at": NOW}, NOW)  # fmt: skip
        people.quarantine(tx, ANA, WHY, NOW)
        people.stop(tx, ANA.number, "marketing", "reply", {}, NOW)
        reply = PhoneReply(ANA.number, "38555", "oui", NOW, "r1")
        our["reply"] = feedback.keep_reply(tx, our["account"], reply, NOW) or ""
        feedback.understood(tx, our["reply"], meaning="confirm", outcome=Reason("asked_which", {"choices": {}}))
        our["talk"] = conversations.heard(tx, ANA.number, our["reply"], "sms", NOW, waits=True, settled=False)
        conversations.note(tx, {"id": our["talk"], "number": ANA.number}, "usr_1", "vu", NOW)
        said = t.replies.c.id == our["reply"]
        tx.connection.execute(t.replies.update().where(said).values(channel="sms"))
        tx.connection.execute(t.users.insert().values(id="usr_1", email="ana@example.org", name="Ana", password_hash="",
                                                      language="fr", created_at=NOW))  # fmt: skip
        tx.connection.execute(t.memberships.insert().values(id="mbr_1", workspace=tx.owned, user="usr_1", role="owner"))
        audit.note(tx, "usr_1", "noted", None, {}, NOW)
        our["export"] = exported.add(tx, "messages", "csv", {}, "fr", "usr_1", NOW)
        tx.connection.execute(t.exports.update().values(state="running"))
        exported.write(tx, {"id": our["export"], "parts": 0}, b"x", rows=1)
        our["inbox"] = inbox.keep(tx, REQUEST, "shop", "read", installation=our["installation"], delivery="d1")
        our["slip"] = slips.add(tx, our["installation"], [("1000000001", SLIP)], "own", NOW)[0].id
        our["webhook"] = webhooks.add(tx, VAULT, "https://hook.example", ["message.sent"], "secret", NOW)
        feedback.queue_report(tx, our["installation"], occasion=our["occasion"], message=our["sent"], kind="reply",
                              content={}, now=NOW)  # fmt: skip
        feedback.queue_report(tx, our["installation"], occasion=our["occasion"], message=our["sent"], kind="state",
                              content={"state": "sent"}, now=NOW)  # fmt: skip
        told = t.reports.c.kind == "state"
        tx.connection.execute(t.reports.update().where(told).values(state="told"))
        oauth.begin(tx, state_hash=hashed("state"), adapter="shop", user="usr_1", browser_hash="b", kept={},
                    vault=VAULT, expires_at=NOW + timedelta(minutes=9))  # fmt: skip
        idempotency.begun(tx, "key", "digest", NOW)
        shop = Link("a" * 11, "https://shop.example/")
        links.keep(tx, [links.Bearing(our["sent"], (shop,), NOW, False)], NOW)
        row = links.find(tx, shop.code)
        assert row is not None
        assert links.followed(tx, row, Visitor.HUMAN, NOW)
        our["link"], our["verification"] = row["id"], "ver_1"
        verifications.add(tx, {
            "id": "ver_1", "number": ANA.number, "country": "FR", "purpose": "", "channel": "sms", "language": "fr",
            "origin": "public_form", "message": our["sent"], "code_hash": "x", "state": "pending", "test": False,
            "created_at": NOW, "expires_at": SOON,
        })  # fmt: skip
        m = t.messages
        tx.connection.execute(m.update().where(m.c.id == our["held"]).values(state="held", held_by="account"))
        tx.connection.execute(m.update().where(m.c.id == our["asking"]).values(
            state="held", held_by=outbox.looking(our["installation"])))  # fmt: skip
        tx.connection.execute(m.update().where(m.c.id == our["sent"]).values(
            state="sent", account=our["account"], provider_ref="ref_1", left_at=NOW))  # fmt: skip
        ledger.write_steps(tx, [(our["sent"], workspace, State.SENT, None)], NOW)
        [(row, _)] = feedback.keep_receipts(tx, our["account"], [Receipt("ref_1", State.SENT, "s", NOW)], NOW)
        feedback.belongs(tx, [(row, our["sent"])])
        _figures_and_a_page(tx, our)
        _a_survey(tx, our)
        _a_slot(tx, our)
    return our


A_WISH = Occasion("run", Kind.REQUEST, NOW, "d", wish=Wish("transactional", "x"), subject="person/1", id="occ_run")
AN_ORDER = Occasion("order", Kind.ORDER, NOW, "d", found=ANA, id="occ_order", installation="ins_elsewhere")


def _a_cart_with_its_nudge(tx: Transaction, our: dict[str, str]) -> tuple[str, str]:
    """A cart whose nudge left, was followed and stopped, and led to an order; and that it might have been left out."""
    installations.change(tx, our["installation"], control_group=5)
    event = Event(Kind.CART, "cart", NOW, recipient=ANA, values={"total": {"amount": 1, "currency": "EUR"}})
    [cart] = occasions.apply(tx, our["installation"], [event], backlog=False, now=NOW)
    new = outbox.New(to=ANA.number, country="FR", text="Panier", encoding="GSM-7", segments=1, due_at=NOW,
                     message_class=MessageClass.MARKETING, channels=(Channel.SMS,), rule=our["rule"], key="cart/r",
                     installation=our["installation"], occasion=cart.id)  # fmt: skip
    [nudge] = outbox.accept(tx, [new], NOW)
    m = t.messages
    tx.connection.execute(m.update().where(m.c.id == nudge).values(state="sent", left_at=NOW))
    link = Link("b" * 11, "https://shop.example/cart")
    links.keep(tx, [links.Bearing(nudge, (link,), NOW, False)], NOW)
    row = links.find(tx, link.code)
    assert row is not None
    links.followed(tx, row, Visitor.HUMAN, NOW)
    reply = feedback.keep_reply(tx, our["account"], PhoneReply(ANA.number, "38555", "STOP", NOW, "r0"), NOW) or ""
    feedback.understood(tx, reply, meaning="stop", outcome=WHY)
    tx.connection.execute(t.replies.update().where(t.replies.c.id == reply).values(message=nudge))
    same = {"installation": our["installation"], "rule": our["rule"], "cart": cart.id}
    conversions.put(tx, [{**same, "purchase": "occ_order", "message": nudge, "kind": "click", "nudged_at": NOW,
                          "at": NOW, "amount": 1, "currency": "EUR"}], [])  # fmt: skip
    tx.connection.execute(t.left_out.insert().values(**same, workspace=tx.owned, at=NOW))
    return cart.id, nudge


def _figures_and_a_page(tx: Transaction, our: dict[str, str]) -> None:
    """The day is added up, and then something else happens on it; Ana said yes to marketing once."""
    measures.touch(tx, [NOW.date()], "UTC")
    [day] = measures.stale(tx, limit=1)
    measures.put(tx, day, measures.added_up(tx, day))
    measures.touch(tx, [NOW.date()], "UTC")
    people.start(tx, "+33639980007", "marketing", "form", {}, NOW)
    reply = PhoneReply("+33639980007", "38555", "oui", NOW, "r8")
    feedback.understood(tx, feedback.keep_reply(tx, our["account"], reply, NOW) or "", meaning="confirm", outcome=WHY,
                        message=our["sent"])  # fmt: skip
    visits.attend(tx, our["occasion"], SOON, True, "usr_1", NOW)
    tx.connection.execute(t.left_out.insert().values(
        cart=our["occasion"], workspace=tx.owned, installation=our["installation"], rule=our["rule"], at=NOW))
    our["page"] = pages.add(tx, "Page", {"action": "none", "languages": {"fr": {"title": "x"}}}, NOW, test=False)
    pages.put_codes(tx, our["page"], ["CODE-1"])


def _a_survey(tx: Transaction, our: dict[str, str]) -> None:
    """Ana is in the middle of it, and a word starts it."""
    our["survey"] = surveys.add(tx, {**A_SURVEY, "test": False}, NOW)
    begun = surveys.Begun(ANA.number, "FR", our["sent"], NOW, NOW)
    [our["asked"]] = surveys.begin(tx, A_SURVEY | {"id": our["survey"]}, [begun], surveys.KEYWORD, NOW, test=False)
    person = surveys.person(tx, our["asked"])
    assert person is not None
    surveys.keep(tx, person, "7", "7", our["reply"], NOW)
    our["keyword"] = keywords.add(tx, {"words": ["AVIS"], "survey": our["survey"], "active": True}, NOW)


def _a_slot(tx: Transaction, our: dict[str, str]) -> None:
    """A free time that is offered to Ana, whose message will not arrive."""
    waitlist.set_terms(tx, our["installation"], Terms(on=True), NOW)
    our["entry"] = waitlist.add_entry(tx, ANA, Person(proof={"text": "oui"}), NOW, NOW)
    our["slot"] = waitlist.free(tx, {
        "installation": our["installation"], "occasion": our["occasion"], "origin": "visit", "cause": "cancelled",
        "start": SOON, "end": None, "zone": "UTC", "title": "", "place": "", "state": "open", "deadline": SOON,
        "next_at": SOON}, NOW) or ""  # fmt: skip
    entry = waitlist.entry(tx, our["entry"])
    assert entry is not None
    our["offer"] = waitlist.ask(tx, our["slot"], entry, WHY, SOON, NOW) or ""
    [lost] = outbox.accept(tx, [outbox.New(
        to=ANA.number, country="FR", text="x", encoding="GSM-7", segments=1, due_at=NOW, state=State.SUPPRESSED,
        message_class=MessageClass.TRANSACTIONAL, channels=(Channel.SMS,))], NOW)  # fmt: skip
    waitlist.bears(tx, our["offer"], lost)
    waitlist.note(tx, our["slot"], "passed_over", NOW, number=ANA.number, entry=our["entry"], reason=WHY)


A_SURVEY: dict[str, Any] = {
    "name": "Avis", "class": "transactional", "language": "fr", "questions": [{"text": "Combien ?", "kind": "scale"}],
    "unclear": "Pardon ?", "reminder": None, "lasts": 3600, "rest": 0,
}  # fmt: skip
A_PERSON: dict[str, Any] = {"reminded_at": None}


def _a_campaign(tx: Transaction, our: dict[str, str]) -> str:
    """A draft that has somehow begun: one waits, one was lost, one message left and was stopped, one waits."""
    texts = [{"name": "A", "share": 100, "body": "x"}]
    campaign = campaigns.add(tx, {
        "name": "Sales", "class": "marketing", "audience": {"segment": our["segment"]}, "useful": 60, "holdout": 0,
        "message": {"channels": ["sms"], "variants": texts}, "test": False,
    }, NOW)  # fmt: skip
    whom = [ANA, *(Recipient.parse(f"+3363998000{last}") for last in (2, 3, 4))]
    campaigns.write_down(tx, campaign, [campaigns.Meant(one, place) for place, one in enumerate(whom)])
    sent, waits = outbox.accept(tx, [outbox.New(
        to=one.number, country="FR", text="x", encoding="GSM-7", segments=1, due_at=NOW, campaign=campaign,
        message_class=MessageClass.MARKETING, channels=(Channel.SMS,)) for one in whom[2:]], NOW)  # fmt: skip
    rows = campaigns.people(tx, campaign)
    said = {"variant": "A", "step": None, "reason": None, "message": None, "at": NOW}
    campaigns.settle(tx, [
        {**said, "id": rows[1]["id"], "state": "left_out", "step": "number", "reason": WHY},
        {**said, "id": rows[2]["id"], "state": "planned", "message": sent},
        {**said, "id": rows[3]["id"], "state": "planned", "message": waits},
    ])  # fmt: skip
    m = t.messages
    tx.connection.execute(m.update().where(m.c.id == sent).values(state="sent", left_at=NOW))
    reply = feedback.keep_reply(tx, our["account"], PhoneReply(whom[2].number, "38555", "STOP", NOW, "r9"), NOW) or ""
    feedback.understood(tx, reply, meaning="stop", outcome=WHY)
    tx.connection.execute(t.replies.update().where(t.replies.c.id == reply).values(message=sent))
    return campaign


def picture(database: Database) -> dict[str, list[str]]:
    with database.read() as tx:
        return {table.name: sorted(repr(tuple(row)) for row in tx.connection.execute(select(table)))
                for table in t.metadata.sorted_tables}  # fmt: skip


def test_a_stranger_reads_nothing_and_we_do(database: Database, workspace: str, stranger: str, ours) -> None:
    before = picture(database)
    leaks = []
    for name, call in READS.items():
        with database.write(stranger) as tx:
            if call(tx, ours):
                leaks.append(name)
    assert leaks == []
    assert picture(database) == before
    # What is not found by us either would prove nothing.
    with database.write(workspace) as tx:
        empty = {name for name, call in READS.items() if not call(tx, ours)}
    assert empty <= {"answers.about", "feedback.answered_lately", "simulated.find_last_to", "simulated.listed",
                     "webhooks.deliveries"}  # fmt: skip


def test_a_stranger_changes_nothing(database: Database, stranger: str, ours) -> None:
    before = picture(database)
    for name, call in WRITES.items():
        with database.write(stranger) as tx:
            call(tx, ours)
        after = picture(database)
        changed = {table for table in before if before[table] != after[table]}
        assert changed == set(), name


def test_a_key_and_a_row_of_two_workspaces_with_the_same_name_are_two(database: Database, stranger: str, ours) -> None:
    with database.write(stranger) as tx:
        assert idempotency.known(tx, "key", "digest").what == "fresh"
        assert idempotency.begun(tx, "key", "other", NOW).what == "fresh"
        people.stop(tx, ANA.number, "all", "console", {}, NOW)
        assert people.remember(tx, ANA, {"name": "Autre"}, NOW) != ours["contact"]
        rules.save_template(tx, "hello", "fr", "Salut", NOW)
        assert rules.texts(tx) == {"hello": {"fr": "Salut"}}
        assert webhooks.delivery(tx, ours["webhook"], "dlv_1") is None
        assert people.number_hash(tx, ANA.number) != people.hasher(tx, "wsp_other")(ANA.number)
