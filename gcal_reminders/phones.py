"""Whose phone an appointment means. Found with its evidence, or not sent at all: unsure is better than wrong.

A calendar has no field for a phone, so people write it where they like, among numbers that must never be texted: a
video call's dial-in, the clinic's own line, a fax, a file reference, a social security number. Every number in the text
is looked at once and told apart (`Sort`); what remains is believed only if there is one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

import phonenumbers

from core.domain.errors import InvalidNumber
from core.domain.nothing import NOTHING
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient, mask
from gcal_reminders.appointments import Appointment
from gcal_reminders.names import name_in, without_civility

# ("email" | "name", what to look for) → the numbers of everybody that fits, as an address book writes them.
Contacts = Callable[[str, str], Sequence[str]]
# Nobody describes a visit in more; a longer text is a pasted document.
_LONGEST = 20_000


class Sort(StrEnum):
    """What a number in the text turned out to be."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    FAX = "fax"
    OWN = "own"
    CONFERENCE = "conference"
    SPECIAL = "special"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The exact piece of text that was believed: `text` is `field[start:end]` of the appointment's `title`,
    `description` or `location`. Other fields ("private.relancePhone", "guests", "learnt") are shown whole."""

    field: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A number in the text and what it was taken for, so that a person can judge."""

    evidence: Evidence
    sort: Sort
    recipient: Recipient | None


@dataclass(frozen=True, slots=True)
class Found:
    """One number, sure. `note` says by which way: "property", "learnt", "tag", "place", "text", "guest", "contact"."""

    recipient: Recipient
    evidence: Evidence
    note: str


@dataclass(frozen=True, slots=True)
class Unsure:
    """Several numbers could be meant: a person must choose."""

    candidates: tuple[Found, ...]
    reason: Reason


@dataclass(frozen=True, slots=True)
class Missing:
    """No number to text. `seen` are those that were passed over, and as what."""

    reason: Reason
    seen: tuple[Seen, ...]


Finding = Found | Unsure | Missing


def find_phone(appointment: Appointment, *, country: str, own_numbers: frozenset[str], place: str = "anywhere",
               learnt: Mapping[str, str] = NOTHING, contacts: Contacts | None = None) -> Finding:
    """The phone to text about `appointment`, with the text that says so.

    `country` (ISO 3166) reads national numbers; `own_numbers` are the clinic's, in any writing. `place` is where this
    clinic writes the number: "anywhere", "title", "description", "location", "first_line", "line:3" (the
    description's). `learnt` maps one of `fingerprints` to the number that a person chose before. The
    order: property, choice for this series, tag line, place, whole text, choice for this name, guests, names.
    """
    for name, value in appointment.private.items():
        if name.lower().endswith("phone") and (recipient := _parsed(value, country)) and _textable(recipient):
            return Found(recipient, Evidence(f"private.{name}", value, 0, len(value)), "property")
    prints = fingerprints(appointment)
    if prints and (known := _learnt(learnt, prints[:1], country)):
        return known
    seen = numbers_in(appointment, country=country, own_numbers=own_numbers)
    mobiles = [number for number in seen if number.sort is Sort.MOBILE]
    for note, choice in (
        ("tag", _tagged(appointment, mobiles)),
        ("place", [number for number in mobiles if _is_at(place, appointment, number.evidence)]),
        ("text", mobiles),
    ):
        people = _distinct(choice, note)
        if len(people) == 1:
            return people[0]
        if people:
            chosen = _learnt(learnt, prints[1:], country)
            if chosen is not None and chosen.recipient in [person.recipient for person in people]:
                return chosen
            numbers = ", ".join(person.evidence.text for person in people[:4])
            code = "two_numbers" if len(people) == 2 else "several_numbers"
            return Unsure(tuple(people), Reason(code, {"numbers": numbers, "count": len(people)}))
    return _learnt(learnt, prints[1:], country) or _from_contacts(appointment, contacts, country) or Missing(
        _why_none(seen), tuple(seen))


def fingerprints(appointment: Appointment) -> tuple[str, ...]:
    """What a person's choice is remembered by: the series first, then the name, or the whole title without one."""
    prints = [f"uid:{appointment.uid}"] if appointment.uid else []
    name, _ = name_in(appointment.title)
    words = " ".join(_folded(name or re.sub(r"[\d+]", "", appointment.title)).split())
    return (*prints, f"{'name' if name else 'title'}:{words}") if words else tuple(prints)


def silenced(appointment: Appointment, *, skip_free: bool = False) -> Reason | None:
    """Why nothing may be said about this appointment, whatever its number; None if nothing forbids.

    `skip_free`: the clinic does not want reminders for what its calendar shows as free time.
    """
    if appointment.status == "cancelled":
        return Reason("appointment_cancelled")
    for text in (appointment.title, appointment.description):
        if tag := _SILENCE.search(_folded(text[:_LONGEST])):
            return Reason("silenced", {"tag": text[tag.start():tag.end()].strip()})
    if appointment.event_type not in {"default", "fromGmail"}:
        return Reason("not_an_appointment", {"type": appointment.event_type})
    if skip_free and appointment.transparent:
        return Reason("appointment_free")
    if any(guest.self and guest.response == "declined" for guest in appointment.guests):
        return Reason("declined_by_us")
    visitors = [guest for guest in appointment.guests if not (guest.self or guest.resource or guest.organizer)]
    if visitors and all(guest.response == "declined" for guest in visitors):
        return Reason("declined_by_guest", {"guest": visitors[0].name or visitors[0].email})
    return None


_SILENCE = re.compile(
    r"#\s?no[- _]?(?:rappels?|sms|reminders?)\b|#\s?(?:sans|pas)[- _]?(?:de[- _]?)?(?:rappels?|sms)\b|"
    r"(?<![\w@/.])no[-_]?(?:sms|rappel)(?![\w@]|\.\w)|(?<!\w)(?:pas de|no) sms(?!\w)"
)


# What each number is ----------------------------------------------------------------------------------------------


def numbers_in(appointment: Appointment, *, country: str, own_numbers: frozenset[str]) -> list[Seen]:
    """Every number of the title, the description and the location, and what it is."""
    own = {parsed.number for number in own_numbers if (parsed := _parsed(number, country))}
    dial_ins = {recipient.number for _, _, recipient in _numbers(appointment.conference_text[:_LONGEST], country)}
    seen: list[Seen] = []
    for name in ("title", "description", "location"):
        text: str = getattr(appointment, name)[:_LONGEST]
        if not any(sign.isdigit() for sign in text):
            continue
        folded = _folded(text)
        call = _conference_spans(folded)
        for start, end, recipient in _numbers(text, country):
            sort = _sort(folded, start, end, recipient, own, dial_ins, call)
            seen.append(Seen(Evidence(name, text[start:end], start, end), sort, recipient))
    # A number that the text itself calls a dial-in or a fax somewhere is that everywhere.
    banned = {number.recipient: number.sort for number in seen if number.sort in {Sort.CONFERENCE, Sort.FAX}}
    return [Seen(number.evidence, banned.get(number.recipient, number.sort), number.recipient) for number in seen]


def _sort(folded: str, start: int, end: int, recipient: Recipient, own: set[str], dial_ins: set[str],
          call: Sequence[tuple[int, int, bool]]) -> Sort:
    if recipient.number in own:
        return Sort.OWN
    if recipient.number in dial_ins:
        return Sort.CONFERENCE
    before = folded[folded.rfind("\n", 0, start) + 1:start][-60:]
    mobile = _textable(recipient)
    phone = _PHONE_LABEL.search(before)
    for since, until, surely in call:
        if since <= start < until and (surely or not (mobile and (phone or recipient.line is Line.MOBILE))):
            return Sort.CONFERENCE
    if _AFTER_DIAL_IN.match(folded, end) or _COUNTRY_CODE.search(before):
        return Sort.CONFERENCE
    if _FAX_LABEL.search(before) and not _PHONE_AND_FAX.search(before):
        return Sort.FAX
    if not phone and _REFERENCE_LABEL.search(before):
        return Sort.REFERENCE
    if recipient.line is Line.SPECIAL:
        return Sort.SPECIAL
    return Sort.MOBILE if mobile else Sort.LANDLINE


def _textable(recipient: Recipient) -> bool:
    return recipient.line in {Line.MOBILE, Line.MOBILE_OR_FIXED}


_GAP = r"[\s.:=\-–—°()#n]*"
_PHONE = r"(?:telephone|tel|mobile|portable|port|gsm|cell(?:ulare)?|cel|whatsapp|sms|handy|movil|phone|ph|mob|natel)"
_PHONE_LABEL = re.compile(rf"(?<![a-z]){_PHONE}(?![a-z]){_GAP}$")
_FAX_LABEL = re.compile(rf"(?<![a-z])(?:fax|telecopie(?:ur)?|telefax)(?![a-z]){_GAP}$")
_PHONE_AND_FAX = re.compile(rf"{_PHONE}\W{{1,3}}(?:et |and )?fax{_GAP}$")
_REFERENCE_LABEL = re.compile(
    r"(?<![a-z])(?:dossier|ref(?:erence)?s?|commande|order|facture|invoice|devis|code|digicode|interphone|badge|siret|"
    r"siren|rpps|adeli|finess|nir|iban|bic|tva|secu(?:rite sociale)?|ss|contrat|police|adherent|mutuelle|"
    r"ticket|colis|suivi|"
    r"lot|serie|pin|id|identifiant|carte|ordonnance|acces|reservation|booking|case|file|"
    r"(?:client|patiente?)(?=\s?(?:n|no|nr|num|numero|id)(?![a-z]))|"
    r"(?:n|no|nr|num|numero)[°\s.]{1,3}(?:de |du )?(?:client|patiente?|compte))"
    rf"(?:\s(?:client|patient|dossier|numero|commande|acces|interne))*"
    rf"(?:\s?(?:n|no|nr|num|numero|number|id)(?![a-z]))?{_GAP}$"
)
_AFTER_DIAL_IN = re.compile(
    r"[ \t]?(?:,,|;ext=|;?[ \t]?[\d ]{3,14}#|[ \t,;(–-]*(?:code )?pin\b|"
    r"[^\n\d]{0,40}\b(?:pin|code d['’]acces|access code|passcode|conference id|id de conference)\s?:?\s?[\d ]{3,})|"
    r"%2c|,\*|[^\n\d]{0,20}\btoll[ -]free"
)
_COUNTRY_CODE = re.compile(r"\([a-z]{2}\)\s?(?:tel:)?\s?$")


# Dial-in blocks ---------------------------------------------------------------------------------------------------

# Google fences what it writes into a description with this; everything between two fences is Google's.
_FENCE = re.compile(r"-::~:~::[~:]+::-|-::~[:~]{8,}")
_RULE = re.compile(r"^[ \t]*(?:_{12,}|-{20,}|={20,}|\.{20,}|~{12,}|\*{20,})[ \t]*$", re.MULTILINE)
_OPENER = re.compile(
    r"join (?:by|from|via|with) (?:phone|audio)|joining by phone|dial[- ]?in\b|dial by your location|one tap mobile|"
    r"\bor dial\b|call in \(audio|or call in|phone conference|by phone:|"
    r"\bou composez\b|ou appelez le numero|(?:participer|rejoindre|participation) par telephone|appeler \(audio|"
    r"appelez par telephone|conference telephonique|appel audio|"
    r"partecipa (?:per|tramite) telefono|oppure componi|accedi per telefono|"
    r"telefonisch teilnehmen|per telefon teilnehmen|einwahlnummer|unirse por telefono|unete por telefono|o marca\b"
)
_CLOSER = re.compile(
    r"id de (?:la )?conference|conference id|phone numbers?: https|more phone numbers|autres numeros de telephone|"
    r"plus de numeros|trouver un numero local|find (?:a|your) local number|numeros locaux|altri numeri"
)
_MEETING = re.compile(
    r"google meet|meet\.google|zoom\.us|zoom meeting|reunion zoom|microsoft teams|teams\.microsoft|teams\.live|"
    r"reunion teams|webex|gotomeet|id de reunion|meeting id|whereby|visioconference|video call|appel video"
)


def _conference_spans(folded: str) -> list[tuple[int, int, bool]]:
    """Where dial-ins stand: `(start, end, surely)`. Where it is not sure, a mobile does not belong to the call."""
    spans: list[tuple[int, int, bool]] = []
    fences = list(_FENCE.finditer(folded))
    for opening, closing in zip(fences[::2], fences[1::2], strict=False):
        spans.append((opening.start(), closing.end(), True))
    rules = list(_RULE.finditer(folded))
    for opening, closing in pairwise(rules):
        inside = folded[opening.end():closing.start()]
        if _MEETING.search(inside) or _OPENER.search(inside):
            spans.append((opening.start(), closing.end(), True))
    reach = -1
    for match in _OPENER.finditer(folded):
        if match.start() < reach:
            continue
        reach = _end_of_block(folded, match.end())
        spans.append((match.start(), reach, True))
        spans.append((match.start(), len(folded), False))
    for match in _CLOSER.finditer(folded):
        spans.append((folded.rfind("\n", 0, match.start()) + 1, _line_end(folded, match.end()), True))
        spans.append((match.start(), len(folded), False))
    if meeting := _MEETING.search(folded):
        spans.append((meeting.start(), len(folded), False))
    return spans


def _end_of_block(folded: str, position: int) -> int:
    """The sure part of a block: its line, and the lines below until one is empty or names a phone of its own."""
    position = _line_end(folded, position)
    # "Dial by your location", an empty line, then the numbers.
    blank = re.compile(r"\n[ \t]*\n(?=[ \t]*(?:\+|\([a-z]{2}\)))").match(folded, position)
    if blank:
        position = blank.end()
        position = _line_end(folded, position)
    while position < len(folded):
        line = folded[position + 1:_line_end(folded, position + 1)]
        if not line.strip() or _OWN_LINE.match(line) or _RULE.match(line) or _FENCE.match(line):
            return position
        position = _line_end(folded, position + 1)
    return len(folded)


def _line_end(folded: str, position: int) -> int:
    end = folded.find("\n", position)
    return len(folded) if end < 0 else end


_OWN_LINE = re.compile(rf"\W*(?:(?:m|mme|mlle|mr|mrs|ms|patiente?|cliente?)\b.*|{_PHONE}\b(?!\s?number).*)")


# Tags and places --------------------------------------------------------------------------------------------------

_TAG = re.compile(
    r"(?:^|(?<=[,;|/(–—]))[^\w\n+]{0,4}"
    r"(?P<word>sms|whatsapp|telephone|tel|mobile|portable|port|gsm|cell|cellulare|handy|movil|phone|mob)"
    r"\.?(?:\s?(?:mobile|portable|port|perso))?\s?[:=]\s*$"
)


def _tagged(appointment: Appointment, mobiles: Sequence[Seen]) -> list[Seen]:
    """Numbers behind an explicit word ("sms: 06…"). `sms` and `whatsapp` are written for us: they win."""
    purpose: list[Seen] = []
    others: list[Seen] = []
    last: tuple[str, int, list[Seen]] | None = None
    for number in mobiles:
        field, start = number.evidence.field, number.evidence.start
        text: str = getattr(appointment, field)
        before = _folded(text[max(text.rfind("\n", 0, start) + 1, start - 60):start])
        tag = _TAG.search(before)
        if tag is not None:
            group = purpose if tag["word"] in {"sms", "whatsapp"} else others
            group.append(number)
            last = (field, number.evidence.end, group)
        elif last is not None and last[0] == field and _JOINED.fullmatch(text[last[1]:start]):
            # "Tel: 06 … / 07 …": the word speaks of both.
            last[2].append(number)
            last = (field, number.evidence.end, last[2])
    return purpose or others


_JOINED = re.compile(r"[ \t]*(?:[/,;&|]|-|ou|or|et|and|o|e)?[ \t]*")


def _is_at(place: str, appointment: Appointment, evidence: Evidence) -> bool:
    if place in {"title", "description", "location"}:
        return evidence.field == place
    wanted = 1 if place == "first_line" else _line_number(place)
    if wanted is None or evidence.field != "description":
        return False
    return appointment.description.count("\n", 0, evidence.start) + 1 == wanted


def _line_number(place: str) -> int | None:
    match = re.fullmatch(r"line[ :_]?(\d{1,3})", place)
    return int(match[1]) if match else None


def _distinct(numbers: Iterable[Seen], note: str) -> list[Found]:
    people: dict[str, Found] = {}
    for number in numbers:
        if number.recipient is not None:
            people.setdefault(number.recipient.number, Found(number.recipient, number.evidence, note))
    return list(people.values())


def _learnt(learnt: Mapping[str, str], prints: Iterable[str], country: str) -> Found | None:
    for name in prints:
        number = learnt.get(name, "")
        if number and (recipient := _parsed(number, country)):
            return Found(recipient, Evidence("learnt", number, 0, len(number)), "learnt")
    return None


def _from_contacts(appointment: Appointment, contacts: Contacts | None, country: str) -> Finding | None:
    """Guests by their address, then the name in the title; only a match that leaves one mobile."""
    if contacts is None:
        return None
    by_mail: dict[str, Found] = {}
    for guest in appointment.guests:
        if guest.self or guest.resource or guest.organizer or guest.response == "declined":
            continue
        for recipient in _mobiles(contacts("email", guest.email), country):
            evidence = Evidence("guests", guest.email, 0, len(guest.email))
            by_mail.setdefault(recipient.number, Found(recipient, evidence, "guest"))
    if by_mail:
        return _only(list(by_mail.values()))
    name, _ = name_in(appointment.title)
    if name is None:
        return None
    start = appointment.title.find(name)
    evidence = Evidence("title", name, start, start + len(name)) if start >= 0 else Evidence("name", name, 0, len(name))
    people = [Found(recipient, evidence, "contact") for recipient in _mobiles(contacts("name", without_civility(name)),
                                                                              country)]
    return _only(people) if people else None


def _only(people: list[Found]) -> Finding:
    if len(people) == 1:
        return people[0]
    numbers = ", ".join(mask(person.recipient.number) for person in people[:4])
    return Unsure(tuple(people), Reason("several_contacts", {"who": people[0].evidence.text, "numbers": numbers,
                                                             "count": len(people)}))


def _mobiles(numbers: Iterable[str], country: str) -> list[Recipient]:
    read = {parsed.number: parsed for number in numbers if (parsed := _parsed(number, country)) and _textable(parsed)}
    return list(read.values())


# The kind that tells a person most comes first.
_ONLY = (
    (Sort.LANDLINE, "landline_only"),
    (Sort.OWN, "own_number_only"),
    (Sort.CONFERENCE, "conference_number_only"),
    (Sort.FAX, "fax_only"),
    (Sort.SPECIAL, "special_number_only"),
)


def _why_none(seen: Sequence[Seen]) -> Reason:
    for sort, code in _ONLY:
        for number in seen:
            if number.sort is sort:
                return Reason(code, {"number": number.evidence.text})
    return Reason("no_number")


# Numbers in a text ------------------------------------------------------------------------------------------------

_SEP = " .\u00b7_\\-\u00a0\u202f\u2009\u2007\u2008\u2011\u2010\u2012\u2013\t"
_RUN = re.compile(
    r"(?:(?<![^\W_])|(?<=tel)|(?<=sms)|(?<=gsm)|(?<=port)|(?<=mobile)|(?<=portable)|(?<=phone)|(?<=fax))(?<!\+)"
    rf"(?P<plus>\(?\s?\+\s?\(?|\(?00[ .\u00a0-]?(?=\(?[1-9]))?\(?"
    rf"(?P<digits>\d(?:[{_SEP}/()]{{0,3}}\d)*)(?!\d)(?![^\W\d_]{{1,2}}(?![^\W\d_]))"
)
_HIDDEN = (
    # Addresses of pages and people.
    re.compile(r"\b(?:https?|ftp)://[^\s<>]+|\bwww\.[^\s<>]+|\b(?:wa|t)\.me/[^\s<>]+|"
               r"[\w.+%-]{1,64}@[\w-]{1,63}\.[\w.-]{1,255}"),
    # A French social security number: sex, year, month, department, commune, order, key.
    re.compile(r"(?<!\d)(?<!\d[ .])[123478][ .\u00a0]?\d\d[ .\u00a0]?(?:0[1-9]|1[0-2]|[2-9]\d)[ .\u00a0]?(?:\d\d|2[ab])"
               r"[ .\u00a0]?\d{3}[ .\u00a0]?\d{3}(?:[ .\u00a0/-]{0,3}\d\d)?(?!\d)(?![ .]\d)"),
    # IBAN, and anything as long that begins like one.
    re.compile(r"\b[a-z]{2}\d{2}(?:[ \u00a0]?[a-z0-9]{4}){3,8}(?:[ \u00a0]?[a-z0-9]{1,4})?\b"),
    # Four times four: a payment card.
    re.compile(r"(?<![\d+])\d{4}(?P<gap>[ \u00a0-]?)\d{4}(?P=gap)\d{4}(?P=gap)\d{4}(?!\d)"),
    # Dates, hours, amounts.
    re.compile(r"(?<![\d/.-])(?:\d{1,2}[/.-]\d{1,2}[/.-](?:19|20)\d{2}|(?:19|20)\d{2}[/.-]\d{1,2}[/.-]\d{1,2}|"
               r"\d{1,2}[/.]\d{1,2}[/.]\d{2}|\d{1,2}/\d{1,2})(?![\d/.-]\d?)(?!\d)"),
    re.compile(r"(?<![\d:])\d{1,2}:\d{2}(?::\d{2})?(?![\d:])|(?<!\d)\d{1,2}[ \u00a0]?h(?:\d{2})?(?![\w])"),
    re.compile(r"(?<!\d)\d+(?:[ \u00a0]\d{3})*(?:[.,]\d{1,2})?[ \u00a0]?(?:€|eur\b|euros?\b|chf\b|\$|£)|"
               r"(?:€|\$|£)[ \u00a0]?\d+(?:[.,]\d{2})?|(?<![\d.,])\d+,\d{2}(?![\d,])|"
               r"(?<!\d)\d{1,3}[ \u00a0]?(?:%|(?:kg|mg|ml|cm|mm|ans|min|mn)\b)"),
)


def _numbers(text: str, country: str) -> Iterator[tuple[int, int, Recipient]]:
    """`(start, end, recipient)` of every telephone number written in `text`."""
    if not text:
        return
    hidden = _folded(text)
    for trap in _HIDDEN:
        hidden = trap.sub(lambda found: "\x1f" * len(found[0]), hidden)
    for run in _RUN.finditer(hidden):
        groups = [(group.start() + run.start("digits"), group.end() + run.start("digits"))
                  for group in re.finditer(r"\d+", run["digits"])]
        if len(groups) > 40:
            continue
        start = run.start()
        if run["plus"]:
            taken = _international(text, groups, country)
            if taken is None:
                continue
            used, recipient = taken
            end = groups[used - 1][1]
            yield (*_closed(text, start, end), recipient)
            groups = groups[used:]
        yield from _national(text, groups, country)


def _international(text: str, groups: list[tuple[int, int]], country: str) -> tuple[int, Recipient] | None:
    """How many groups behind + or 00 make a number: the most that do."""
    for used in range(len(groups), 0, -1):
        digits = [text[begin:end] for begin, end in groups[:used]]
        # +33 (0)6: the trunk zero that is not dialled from abroad.
        kept = "".join(part for index, part in enumerate(digits)
                       if not (index and part == "0" and _bracketed(text, groups[index])))
        if 7 <= len(kept) <= 16 and (recipient := _parsed("+" + kept, country)):
            return used, recipient
    return None


def _bracketed(text: str, group: tuple[int, int]) -> bool:
    return text[max(group[0] - 1, 0):group[0]] == "(" and text[group[1]:group[1] + 1] == ")"


def _national(text: str, groups: list[tuple[int, int]], country: str) -> Iterator[tuple[int, int, Recipient]]:
    """Numbers of `country` in a run of digit groups. Loose digits beside one (a room, an age) are tolerated if few."""
    index, loose = 0, 0
    found: list[tuple[int, int, Recipient, bool]] = []
    while index < len(groups):
        taken = _longest(text, groups, index, country)
        if taken is None:
            loose += groups[index][1] - groups[index][0]
            index += 1
            continue
        used, recipient = taken
        begin, end = groups[index][0], groups[index + used - 1][1]
        found.append((begin, end, recipient, _ordinary([text[a:b] for a, b in groups[index:index + used]])))
        index += used
    for begin, end, recipient, ordinary in found:
        if loose == 0 or (loose <= 4 and ordinary):
            yield (*_closed(text, begin, end), recipient)


def _longest(text: str, groups: list[tuple[int, int]], index: int, country: str) -> tuple[int, Recipient] | None:
    for used in range(min(len(groups) - index, 8), 0, -1):
        digits = "".join(text[begin:end] for begin, end in groups[index:index + used])
        if 7 <= len(digits) <= 13 and _dialled_so(digits, country) and (recipient := _parsed(digits, country)):
            return used, recipient
    return None


def _dialled_so(digits: str, country: str) -> bool:
    """Whether somebody of `country` would write a number so: with its trunk zero, or with its country code."""
    prefix, code = _dialling(country)
    if prefix != "0":
        return True
    return digits.startswith("0") or (bool(code) and digits.startswith(code) and len(digits) >= len(code) + 9)


@lru_cache(maxsize=256)
def _dialling(country: str) -> tuple[str, str]:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    return ("", "") if metadata is None else (metadata.national_prefix or "", str(metadata.country_code or ""))


def _ordinary(groups: Sequence[str]) -> bool:
    """In one piece, or in pairs: as people write a number, and not as a serial number happens to fall."""
    return len(groups) == 1 or all(len(group) == 2 for group in groups) or (
        len(groups[0]) in {3, 4} and all(len(group) >= 2 for group in groups[1:]) and len(groups) <= 4)


def _closed(text: str, start: int, end: int) -> tuple[int, int]:
    """The piece as a person would mark it: no blanks at its ends, no lonely bracket."""
    while start < end and text[start].isspace():
        start += 1
    if text[start - 1:start] == "(" and text[start:end].count(")") > text[start:end].count("("):
        start -= 1
    if text[start] == "(" and ")" not in text[start:end]:
        start += 1
        while text[start].isspace():
            start += 1
    return start, end


@lru_cache(maxsize=16_384)
def _parsed(text: str, country: str) -> Recipient | None:
    try:
        return Recipient.parse(text, country)
    except InvalidNumber:
        return None


@lru_cache(maxsize=65_536)
def _letter(sign: str) -> str:
    base = unicodedata.normalize("NFD", sign)[0].lower()
    return base if len(base) == 1 and not unicodedata.combining(base) else sign


def _folded(text: str) -> str:
    """Without accents and capitals, and as long as before: a place found in it is a place in the text."""
    return text.lower() if text.isascii() else "".join(map(_letter, text))
