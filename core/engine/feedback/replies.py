"""Replies are bound to the question that they answer, and do what they ask for where that is certain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.contract import Account, PhoneReply
from core.domain.channels import message_of
from core.domain.errors import InvalidNumber
from core.domain.messages import Channel, MessageClass
from core.domain.occasions import Answer, Occasion
from core.domain.policy.consent import MARKETING, TRANSACTIONAL
from core.domain.policy.walltime import local
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.replies import Meaning, meaning, normalised
from core.domain.text.alphabet import GSM7
from core.domain.text.segments import measure
from core.domain.text.spoken_time import moment_in_words
from core.domain.text.transliteration import raw_map, to_gsm7
from core.engine import calling, conversing, keywording, notices, surveying
from core.engine.consenting import call_off
from core.engine.feedback.telling import report
from core.engine.scheduling import live_installations, replan, replan_open
from core.engine.waitlist import answers as offered
from core.engine.waitlist import freeing
from core.storage import feedback, house, occasions, outbox, people
from core.storage.cleaning import clean
from core.storage.database import Transaction
from core.suite import Suite

WHICH_LIVES = timedelta(hours=24)
AUTOMATIC_AT_MOST = 3
AUTOMATIC_WITHIN = timedelta(hours=1)


def take_reply(suite: Suite, tx: Transaction, account: Account, reply: PhoneReply) -> str | None:
    """Keeps a reply and does what it asks for, if that is certain. Its id; None when it came before."""
    now = suite.now()
    key = calling.key_pressed(tx, account.id, reply)
    by = Channel.VOICE if key is not None else _channel_of(suite, account, reply)
    reply_id = feedback.keep_reply(tx, account.id, reply, now, channel=by)
    if reply_id is None:
        return None
    call: Mapping[str, Any] | None = None
    if key is not None:
        call, step, says = key
        calling.heard_out(tx, call, step, reply.text.strip(), now)
        if says is None:
            why = Reason("call_key_unknown", {"key": reply.text.strip()})
            feedback.understood(
                tx, reply_id, meaning=Meaning.OTHER, outcome=why, message=call["id"], occasion=call["occasion"],
                handled=now,
            )  # fmt: skip
            notices.reply_came(tx, reply_id, now)
            return reply_id
        reply = replace(reply, text=says)
    questions = _open_questions(tx, reply, min(reply.at, now))
    survey = surveying.open_for(tx, reply, now) if call is None else None
    understood = surveying.answer(survey, reply.text)
    offers = offered.offered(tx, reply.sender, min(reply.at, now), reply.answers) if call is None else []
    said = meaning(reply.text, question_open=bool(questions) or bool(offers) or call is not None)
    slot_meant, rivals_of_slot = offered.meant(tx, offers, questions, reply.answers, asked=understood is not None)
    which = feedback.asked_which(tx, reply.sender, now - WHICH_LIVES, but=reply_id)
    chosen = None if which is None else _chosen(which, reply.text)
    if which is not None and chosen is not None:
        feedback.handled(tx, which["id"], now)
        if survey is not None and chosen == survey.person["id"]:
            meant = surveying.answer(replace(survey, named=True), which["text"])
            if meant is not None:
                surveying.answered(suite, tx, reply_id, which["text"], survey, meant, by, now)
        elif (slot := next((one for one in offers if one.id == chosen), None)) is not None:
            _answer_offer(tx, reply_id, reply, Meaning(which["meaning"]), slot, now)
        else:
            _answer(suite, tx, reply_id, reply, Meaning(which["meaning"]), chosen, questions, now)
    elif said is Meaning.STOP:
        _stop(suite, tx, account, reply_id, reply, now, call=call)
        surveying.stopped(tx, reply.sender, now)
    elif said is Meaning.START:
        people.start(tx, reply.sender, MARKETING, "reply", {"reply": reply_id}, now)
        people.start(tx, reply.sender, TRANSACTIONAL, "reply", {"reply": reply_id}, now)
        feedback.understood(tx, reply_id, meaning=said, outcome=Reason("started"), handled=now)
        replan_open(tx, now, live_installations(tx), recipient=reply.sender)
    elif said in (Meaning.CONFIRM, Meaning.CANCEL) and slot_meant is not None:
        _answer_offer(tx, reply_id, reply, said, slot_meant, now)
    elif said in (Meaning.CONFIRM, Meaning.CANCEL) and rivals_of_slot:
        alive = [one for one in questions if one[1].closed is None and one[1].answer is None]
        asks = survey if understood is not None else None
        _ask_which(tx, reply_id, reply, said, alive, now, survey=asks, slots=rivals_of_slot)
    elif said in (Meaning.CONFIRM, Meaning.CANCEL) and questions and (survey is None or understood is None):
        _answer(suite, tx, reply_id, reply, said, None, questions, now)
    elif said in (Meaning.CONFIRM, Meaning.CANCEL) and survey and (rivals := _rivals(questions, survey, reply)):
        # "1" may be meant for the appointment, or for the survey: N10 holds for both.
        _ask_which(tx, reply_id, reply, said, rivals, now, survey=survey)
    elif survey is not None and understood is not None and not _named(questions, survey, reply, said):
        surveying.answered(suite, tx, reply_id, reply.text, survey, understood, by, now)
    elif said in (Meaning.CONFIRM, Meaning.CANCEL) and questions:
        _answer(suite, tx, reply_id, reply, said, None, questions, now)
    elif call is None and (joined := offered.keyword(tx, reply_id, reply.sender, reply.text, now)) is not None:
        feedback.understood(tx, reply_id, meaning=said, outcome=joined, handled=now)
    elif call is None and (keyword := keywording.find(tx, reply.text)) is not None:
        before = feedback.last_to(tx, reply.sender)
        keywording.take(suite, tx, reply_id, reply, keyword, by, now, test=bool(before and before["test"]))
    elif call is None and surveying.unclear(suite, tx, reply_id, reply, survey, by, now):
        pass
    else:
        last = feedback.last_to(tx, reply.sender)
        feedback.understood(
            tx,
            reply_id,
            meaning=said,
            outcome=Reason("for_a_person"),
            message=last["id"] if last else None,
            occasion=_spoken_of(tx, last),
        )
    conversing.reply_came(tx, reply_id, now, settled=chosen is not None)
    _pass_on(tx, reply, now)
    notices.reply_came(tx, reply_id, now)
    return reply_id


def _named(
    questions: list[tuple[Mapping[str, Any], Occasion]], survey: surveying.Open, reply: PhoneReply, said: Meaning
) -> bool:
    """Whether the provider says that an appointment's question is answered, and not the survey's."""
    if survey.named or said not in (Meaning.CONFIRM, Meaning.CANCEL) or reply.answers is None:
        return False
    own = message_of(reply.answers)[0]
    return any(reply.answers == message["provider_ref"] or own == message["id"] for message, _ in questions)


def _rivals(
    questions: list[tuple[Mapping[str, Any], Occasion]], survey: surveying.Open, reply: PhoneReply
) -> list[tuple[Mapping[str, Any], Occasion]]:
    """The appointments that may be meant as well as the survey: open ones that nobody answered yet, unless the provider
    says which message is answered."""
    if survey.named or _named(questions, survey, reply, Meaning.CONFIRM):
        return []
    return [one for one in questions if one[1].closed is None and one[1].answer is None]


def _spoken_of(tx: Transaction, last: Mapping[str, Any] | None) -> str | None:
    """The occasion that a conversation began with: what a person of the house answered since speaks of no other."""
    if last is not None and last["class"] == MessageClass.CONVERSATIONAL and last["occasion"] is None:
        last = feedback.last_to(tx, last["to"], but=MessageClass.CONVERSATIONAL)
    return last["occasion"] if last else None


def _pass_on(tx: Transaction, reply: PhoneReply, now: datetime) -> None:
    """The platform that asked for the last message hears what the person wrote back."""
    last = feedback.last_to(tx, reply.sender, but=MessageClass.CONVERSATIONAL)
    if last is not None and last["told"] is not None and last["installation"]:
        said = {"text": clean(reply.text[:1600]), "at": reply.at.isoformat()}
        feedback.queue_report(
            tx, last["installation"], occasion=last["occasion"], message=last["id"], kind="text", content=said, now=now
        )


def _channel_of(suite: Suite, account: Account, reply: PhoneReply) -> Channel | None:
    """As the provider says, or the only one that it has."""
    provider = suite.providers.get(account.provider)
    only = provider.channels if provider is not None and len(provider.channels) == 1 else frozenset()
    return reply.channel or next(iter(only), None)


def _open_questions(tx: Transaction, reply: PhoneReply, at: datetime) -> list[tuple[Mapping[str, Any], Occasion]]:
    """(message, occasion) of each question that was open when the person wrote, however late the reply reached us; one
    for each occasion, newest question first. If the provider says which message is answered, only that one counts."""
    asked = feedback.questions(tx, reply.sender, at)
    if reply.answers is not None:
        own = message_of(reply.answers)[0]
        named = [one for one in asked if reply.answers == one["provider_ref"] or own == one["id"]]
        asked = named or asked
    known = {one.id: one for one in occasions.by_ids(tx, {one["occasion"] for one in asked})}
    found: dict[str, tuple[Mapping[str, Any], Occasion]] = {}
    for message in asked:
        occasion = known.get(message["occasion"])
        if occasion is None or message["occasion"] in found:
            continue
        ends = max((moment for moment in (occasion.start, message["about"]) if moment), default=None)
        if ends is not None and ends > at:
            found[message["occasion"]] = (message, occasion)
    return list(found.values())


def _answer(
    suite: Suite,
    tx: Transaction,
    reply_id: str,
    reply: PhoneReply,
    said: Meaning,
    chosen: str | None,
    questions: list[tuple[Mapping[str, Any], Occasion]],
    now: datetime,
) -> None:
    if chosen is not None:
        questions = [one for one in questions if one[1].id == chosen]
    alive = [one for one in questions if one[1].closed is None]
    if len(alive) > 1 and alive[0][1].answer is None and all(one[1].answer is not None for one in alive[1:]):
        # The others were answered, and this one was asked last.
        alive = alive[:1]
    if len(alive) > 1:
        _ask_which(tx, reply_id, reply, said, alive, now)
        return
    if not alive:
        message, occasion = questions[0] if questions else (None, None)
        feedback.understood(
            tx,
            reply_id,
            meaning=said,
            outcome=Reason("answers_closed"),
            message=message["id"] if message else None,
            occasion=occasion.id if occasion else None,
        )
        if occasion is not None and occasion.start is not None:
            _say(tx, reply.sender, "closed", now, when=occasion)
        return
    message, occasion = alive[0]
    if message["about"] != occasion.start:
        # A "yes" to the old time is no "yes" to the new one.
        feedback.understood(
            tx, reply_id, meaning=said, outcome=Reason("answers_old_time"), message=message["id"], occasion=occasion.id
        )
        _say(tx, reply.sender, "moved", now, when=occasion)
        return
    answer = Answer.CONFIRMED if said is Meaning.CONFIRM else Answer.DECLINED
    if answer is Answer.CONFIRMED and not freeing.confirmed(tx, occasion, now):
        # They had said no, and their time has another's name on it.
        given = Reason("waitlist_given_away")
        feedback.understood(tx, reply_id, meaning=said, outcome=given, message=message["id"], occasion=occasion.id)
        _say(tx, reply.sender, "given", now, when=occasion)
        return
    occasions.answered(tx, occasion.id, answer, now)
    feedback.understood(
        tx,
        reply_id,
        meaning=said,
        outcome=Reason(f"answer_{answer}"),
        message=message["id"],
        occasion=occasion.id,
        handled=now,
    )
    replan(tx, occasions.by_ids(tx, [occasion.id]), now, live_installations(tx))
    if answer is Answer.DECLINED:
        freeing.declined(tx, occasion, now)
    report(
        suite,
        tx,
        occasion.installation,
        occasion.id,
        message["id"],
        "reply",
        {"answer": str(answer), "text": reply.text[:160], "at": reply.at.isoformat()},
        now,
    )


def _ask_which(
    tx: Transaction,
    reply_id: str,
    reply: PhoneReply,
    said: Meaning,
    alive: list[tuple[Mapping[str, Any], Occasion]],
    now: datetime,
    *,
    survey: surveying.Open | None = None,
    slots: Sequence[offered.Offered] = (),
) -> None:
    """Asks which appointment is meant, or whether one or the `survey`, or one of the `slots` that were offered, is. The
    letters are none of the survey's own."""
    language = _language(tx)
    listed = sorted(alive, key=lambda one: one[1].start or now)[: 4 - len(slots[:2]) - (survey is not None)]
    own = _WORDS[language]["own"] if slots else "{when}"
    meant = [(occasion.id, own.format(when=_when(occasion, language))) for _, occasion in listed]
    meant += [(one.id, one.words(language)) for one in slots[:2]]
    if survey is not None:
        meant.append((survey.person["id"], _WORDS[language]["survey"].format(name=survey.name[:40])))
    named = list(zip("WXYZ" if survey else "ABCD", meant, strict=False))
    letters = {letter: one for letter, (one, _) in named}
    feedback.understood(tx, reply_id, meaning=said, outcome=Reason("asked_which", {"choices": letters}))
    lines = ", ".join(f"{letter} = {words}" for letter, (_, words) in named)
    _say(tx, reply.sender, "which_of_both" if survey or slots else "which", now, choices=lines)


def _answer_offer(
    tx: Transaction, reply_id: str, reply: PhoneReply, said: Meaning, slot: offered.Offered, now: datetime
) -> None:
    """The answer to a slot that was offered to somebody on the waiting list."""
    outcome, done = offered.answer(tx, slot, said is Meaning.CONFIRM, min(reply.at, now), now)
    feedback.understood(
        tx, reply_id, meaning=said, outcome=outcome, message=slot.offer["message"], handled=now if done else None
    )


def _chosen(which: Mapping[str, Any], text: str) -> str | None:
    choices: Mapping[str, str] = which["outcome"]["values"]["choices"]
    return choices.get(normalised(text))


def _stop(
    suite: Suite,
    tx: Transaction,
    account: Account,
    reply_id: str,
    reply: PhoneReply,
    now: datetime,
    *,
    call: Mapping[str, Any] | None = None,
) -> None:
    """STOP ends the marketing; said to a reminder, the reminders too. What waits is called off at once, and the person
    is told so once: not when all of it was stopped before, nor where the provider does. By a key of `call` it is said
    to that one, and heard in it."""
    last = call or feedback.last_to(tx, reply.sender, but=MessageClass.CONVERSATIONAL)
    # Said to an offer, it ends the place on the waiting list: reminders of the person's own appointments are none.
    of_list = offered.spoke_of(last)
    to_reminder = last is not None and last["class"] == "transactional" and not of_list
    scopes = {MARKETING} | ({TRANSACTIONAL} if to_reminder else set())
    left = offered.stopped(tx, reply.sender, now)
    proof = {"reply": reply_id, "text": clean(reply.text[:160])} | ({"call": call["id"]} if call else {})
    news = [people.stop(tx, reply.sender, scope, "reply", proof, now) for scope in sorted(scopes)]
    call_off(tx, reply.sender, scopes, now)
    provider = suite.providers.get(account.provider)
    if (any(news) or left) and call is None and not (provider is not None and provider.confirms_stop):
        what = "stopped_all" if TRANSACTIONAL in scopes else "stopped_list" if of_list else "stopped"
        _say(tx, reply.sender, what, now, reference=feedback.STOP_CONFIRMED)
    feedback.understood(
        tx,
        reply_id,
        meaning=Meaning.STOP,
        outcome=Reason("stopped", {"scopes": ", ".join(sorted(scopes))}),
        message=last["id"] if last else None,
        occasion=last["occasion"] if last else None,
        handled=now,
    )
    replan_open(tx, now, live_installations(tx), recipient=reply.sender)


def _say(
    tx: Transaction,
    number: str,
    what: str,
    now: datetime,
    *,
    when: Occasion | None = None,
    choices: str = "",
    reference: str = feedback.AUTOMATIC,
) -> None:
    """An automatic answer; at most three an hour to one number, so that two machines do not talk for ever."""
    if feedback.answered_lately(tx, number, now - AUTOMATIC_WITHIN) >= AUTOMATIC_AT_MOST:
        return
    try:
        recipient = Recipient.parse(number)
    except InvalidNumber:
        return
    language = _language(tx)
    words = _WORDS[language][what]
    text = to_gsm7(words.format(when=_when(when, language) if when else "", choices=choices, name=_name(tx)))
    measured = measure(text)
    outbox.accept(
        tx,
        [
            outbox.New(
                to=recipient.number,
                country=recipient.country,
                text=text,
                encoding=measured.encoding,
                segments=measured.segments,
                message_class=MessageClass.CONVERSATIONAL,
                channels=(Channel.SMS,),
                due_at=now,
                expires_at=now + timedelta(hours=1),
                reference=reference,
            )
        ],
        now,
    )


def _when(occasion: Occasion, language: str) -> str:
    return moment_in_words(local(occasion.start, ZoneInfo(occasion.zone or "UTC")), language) if occasion.start else "?"


def _name(tx: Transaction) -> str:
    """The workspace's name, in so few and such letters that a short answer stays one part."""
    known = house.workspace(tx, tx.owned)
    name = raw_map(" ".join(known["name"].split())) if known else ""
    return "".join(letter for letter in name if GSM7.fullmatch(letter))[:40].strip() or name[:40]


def _language(tx: Transaction) -> str:
    known = house.workspace(tx, tx.owned)
    language = known["settings"]["language"] if known else "fr"
    return language if language in _WORDS else "en"


_WORDS: Mapping[str, Mapping[str, str]] = {
    "fr": {
        "which": "Vous avez plusieurs rendez-vous. Duquel parlez-vous ? Répondez par la lettre : {choices}",
        "which_of_both": "Vous répondez à quelle question ? Répondez par la lettre : {choices}",
        "survey": "notre sondage ({name})",
        "moved": "Ce rendez-vous a changé : il est maintenant {when}. Répondez au dernier message ou appelez-nous.",
        "closed": "Le rendez-vous du {when} a été annulé. Appelez-nous pour en prendre un autre.",
        "stopped": "{name} : c'est noté, vous ne recevrez plus de publicité de notre part.",
        "stopped_all": "{name} : c'est noté, vous ne recevrez plus ni rappel ni publicité de notre part.",
        "stopped_list": "{name} : c'est noté, vous avez quitté la liste d'attente et ne recevrez plus de publicité.",
        "given": "Le rendez-vous du {when} a été donné à une autre personne. Appelez-nous pour en prendre un autre.",
        "own": "votre rendez-vous du {when}",
    },
    "en": {
        "which": "You have several appointments. Which one do you mean? Answer with its letter: {choices}",
        "which_of_both": "Which question do you answer? Answer with its letter: {choices}",
        "survey": "our survey ({name})",
        "moved": "This appointment has moved: it is now {when}. Answer the latest message, or call us.",
        "closed": "The appointment of {when} was cancelled. Call us to book another one.",
        "stopped": "{name}: noted, you will get no more advertising from us.",
        "stopped_all": "{name}: noted, you will get no more reminders or advertising from us.",
        "stopped_list": "{name}: noted, you are no longer on the waiting list and will get no more advertising.",
        "given": "The appointment of {when} was given to somebody else. Call us to book another one.",
        "own": "your appointment of {when}",
    },
}
