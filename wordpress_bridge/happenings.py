"""What the plugin tells, event by event, in our words. Unknown fields are ignored; a wrong one is `Unreadable`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core.contract import ConsentWord, Erasure, Inbound, Installation
from core.domain.discounts import IN_LINK
from core.domain.errors import InvalidNumber, Unreadable
from core.domain.events import Closed, Event, Evidence, Kind, Wish
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.shoppers import Shopper, Written, language_of, line_of, sum_of, whose
from wordpress_bridge import wire

CODE_IN_LINK = "relance_code"
"""By which the plugin's link to a cart takes a code of ours."""
MOST_EVENTS = 100
MOST_PEOPLE = 100
LONGEST = 500
NEW = timedelta(days=1)
"""Who registered longer ago is told of because the site's members are, and typed nothing today."""
# WooCommerce's: what is no order any more. "cancelled" and "failed" stay open, so that a rule can speak of them.
_GONE = frozenset({"trash", "deleted"})


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the plugin: its own id, and all that follows from it."""

    id: str
    events: tuple[Event, ...] = ()
    consents: tuple[ConsentWord, ...] = ()
    erasures: tuple[Erasure, ...] = ()
    gone: bool = False
    known: bool = True


@dataclass(frozen=True, slots=True)
class Said:
    """The data of one event, read with care: every `text` is one line, every number is parsed once."""

    data: Mapping[str, Any]
    at: datetime
    installation: Installation

    def text(self, name: str, longest: int = LONGEST) -> str:
        value = self.data.get(name)
        if value is None or isinstance(value, bool):
            return ""
        if not isinstance(value, str | int | float):
            raise Unreadable("wordpress_unreadable", what=name)
        return " ".join(str(value).split())[:longest]

    def needed(self, name: str) -> str:
        value = self.text(name, 90)
        if not value:
            raise Unreadable("wordpress_unreadable", what=name)
        return value

    def moment(self, name: str) -> datetime:
        return wire.moment(self.data.get(name), self.at)

    @property
    def country(self) -> str:
        said = self.text("country", 2).upper()
        return said if len(said) == 2 and said.isascii() and said.isalpha() else self.installation.country

    @property
    def email(self) -> str | None:
        said = self.text("email", 190).lower()
        return said if "@" in said else None

    def shopper(self, *names: str) -> Shopper:
        """Whose phone the fields `names` mean."""
        return whose([Written(name, self.text(name, 40), self.country) for name in names],
                     self.installation.country, self.installation.own_numbers)

    def person(self, name: str = "phone") -> dict[str, Any]:
        """Recipient, trouble and evidence of an event, by the number in field `name`. The owner's own is one, too."""
        text = self.text(name, 40)
        if not text:
            return {"trouble": Reason("wordpress_no_phone")}
        try:
            recipient = Recipient.parse(text, self.country)
        except InvalidNumber as error:
            return {"trouble": error.reason, "evidence": Evidence(name, text, 0, len(text))}
        return {"recipient": recipient, "evidence": Evidence(name, text, 0, len(text))}

    def values(self, *names: str, **more: Any) -> dict[str, Any]:
        """What texts may name: the fields `names` that were said, and `more`."""
        said = {name: self.text(name) for name in names}
        said["language"] = language_of(self.text("language", 10)) or ""
        return {name: value for name, value in {**said, **more}.items() if value not in ("", None)}

    def consent(self, number: str | None, subject: str | None = None) -> tuple[ConsentWord, ...]:
        """The yes or no that came with the event, if one did and there is a number that it is about."""
        given = self.data.get("consent")
        if given is None or (number is None and subject is None):
            return ()
        if not isinstance(given, Mapping) or not isinstance(given.get("granted"), bool):
            raise Unreadable("wordpress_unreadable", what="consent")
        proof = {name: str(given[name])[:1000] for name in ("text", "version", "place", "ip", "way", "asked")
                 if given.get(name) not in (None, "")}
        if given["granted"] and "text" not in proof:
            # A yes whose words nobody knows is no proof, and so it is no yes.
            return ()
        return (ConsentWord(given["granted"], wire.moment(given.get("at"), self.at), number=number, subject=subject,
                            proof=proof),)


def told(request: Inbound, installation: Installation) -> Iterator[Told]:
    """Every event of the request, in its order. Raises `Unreadable`."""
    body = wire.document(request)
    events = body.get("events", [body] if "type" in body else None)
    if not isinstance(events, list) or not 0 < len(events) <= MOST_EVENTS:
        raise Unreadable("wordpress_unreadable", what="events")
    for place, one in enumerate(events):
        if not isinstance(one, Mapping) or not isinstance(one.get("type"), str):
            raise Unreadable("wordpress_unreadable", what=f"events/{place}")
        data = one.get("data", {})
        if not isinstance(data, Mapping):
            raise Unreadable("wordpress_unreadable", what=f"events/{place}/data")
        name = str(one.get("id", place))[:64]
        read = _READERS.get(one["type"])
        if read is None:
            yield Told(name, known=False)
            continue
        moment = wire.moment(one.get("at"), request.received_at)
        language = data.get("language") or body.get("language")
        yield replace(read(Said({**data, "language": language}, moment, installation)), id=name)


def _form(said: Said) -> Told:
    form, entry = said.needed("form"), said.needed("entry")
    person = said.person()
    recipient = person.get("recipient")
    values = said.values("form", "title", "name", "page", what="form", audience="visitor")
    events = [Event(Kind.FORM, f"form/{form}/{entry}", said.at, values=values, email=said.email, typed=True,
                    **person)]
    if said.text("owner"):
        # The owner reads who wrote: number and address as they were typed.
        events.append(Event(Kind.FORM, f"alert/{form}/{entry}", said.at,
                            values=said.values("form", "title", "name", "phone", "email", what="form",
                                               audience="owner"), **said.person("owner")))
    return Told("", tuple(events), said.consent(recipient.number if recipient else None))


def _comment(said: Said) -> Told:
    values = said.values("title", name=said.text("author"), what="comment", audience="owner",
                         waits=said.data.get("waits") is True)
    return Told("", (Event(Kind.FORM, f"comment/{said.needed('comment')}", said.at, values=values,
                           **said.person("owner")),))


def _member(said: Said) -> Told:
    subject = f"user/{said.needed('user')}"
    roles = said.data.get("roles")
    role = next((one for one in roles if isinstance(one, str)), "") if isinstance(roles, list) else ""
    registered = said.moment("registered")
    event = Event(Kind.CONTACT, subject, said.at, values=said.values("name", "first_name", what="member", role=role),
                  subject=subject, email=said.email, booked_at=registered, typed=said.at - registered < NEW,
                  **said.person())
    return Told("", (event,))


def _subscriber(said: Said) -> Told:
    subject = f"subscriber/{said.needed('token')}"
    person = said.person()
    recipient = person.get("recipient")
    values = said.values("name", first_name=said.text("name", 80), what="subscriber", leave_link=said.text("leave"))
    event = Event(Kind.CONTACT, subject, said.at, values=values, subject=subject, email=said.email, **person)
    return Told("", (event,), said.consent(recipient.number if recipient else None, subject))


def _consent(said: Said) -> Told:
    recipient = said.person().get("recipient")
    return Told("", consents=said.consent(recipient.number if recipient else None))


def _post(said: Said) -> Told:
    people = said.data.get("to")
    if not isinstance(people, list) or len(people) > MOST_PEOPLE:
        raise Unreadable("wordpress_unreadable", what="to")
    post, events = said.needed("post"), []
    values = said.values("title", "link", what="post", type=said.text("type", 40))
    for one in people:
        if not isinstance(one, Mapping):
            raise Unreadable("wordpress_unreadable", what="to")
        reader = Said({**one, "language": said.data.get("language")}, said.at, said.installation)
        phone = reader.text("phone", 40)
        person = reader.person()
        number = person["recipient"].number if "recipient" in person else phone
        name = reader.text("name", 80)
        token = reader.text("token", 40)
        events.append(Event(
            Kind.CAMPAIGN, f"post/{post}/{hashlib.sha256(number.encode()).hexdigest()[:16]}", said.at,
            values={**values, **({"name": name, "first_name": name} if name else {})},
            subject=f"subscriber/{token}" if token else None, **person))
    return Told("", tuple(events))


def _cart(said: Said) -> Told:
    key = f"cart/{said.needed('cart')}"
    if said.text("state") == "emptied":
        return Told("", (Event(Kind.CART, key, said.moment("at"), Closed.DELETED),))
    person = said.shopper("phone")
    event = Event(
        Kind.CART, key, said.moment("at"), start=said.moment("changed"), recipient=person.recipient,
        trouble=person.trouble, evidence=person.evidence, values=_basket(said, "first_name", "link"),
        private={IN_LINK: CODE_IN_LINK}, subject=_user(said), email=said.email)
    return Told("", (event,), said.consent(person.recipient.number if person.recipient else None))


def _order(said: Said) -> Told:
    key, status = f"order/{said.needed('order')}", said.needed("status").removeprefix("wc-")
    if status in _GONE:
        return Told("", (Event(Kind.ORDER, key, said.moment("at"), Closed.DELETED),))
    person = said.shopper("phone", "other")
    cart, codes = said.text("cart", 64), said.data.get("codes")
    used = [one[:60] for one in codes[:10] if isinstance(one, str) and one] if isinstance(codes, list) else []
    event = Event(
        Kind.ORDER, key, said.moment("at"), Closed.SILENCED if said.data.get("tell") is False else None,
        start=said.moment("created"), recipient=person.recipient, trouble=person.trouble, evidence=person.evidence,
        values=_basket(said, "first_name", "name", "number", "link", status=status, codes=used or None),
        subject=_user(said), email=said.email, closes=(f"cart/{cart}",) if cart else ())
    return Told("", (event,), said.consent(person.recipient.number if person.recipient else None))


def _basket(said: Said, *names: str, **more: Any) -> dict[str, Any]:
    """What a cart and an order hold."""
    items = said.data.get("items")
    lines = [line_of(str(one.get("name", "")), one.get("quantity", 1)) for one in items
             if isinstance(one, Mapping)] if isinstance(items, list) else []
    total = sum_of(said.data.get("total"), said.text("currency", 3))
    return said.values(*names, items=[line for line in lines if line] or None, total=total, **more)


def _user(said: Said) -> str | None:
    user = said.text("user", 20)
    return f"user/{user}" if user not in ("", "0") else None


def _erase(said: Said) -> Told:
    phones = said.data.get("phones", [])
    if not isinstance(phones, list):
        raise Unreadable("wordpress_unreadable", what="phones")
    erasures = [Erasure(email=said.email)] if said.email else []
    for phone in phones[:50]:
        try:
            erasures.append(Erasure(number=Recipient.parse(str(phone), said.country).number))
        except InvalidNumber:
            # A number that nobody could write to is with us only in the words it was typed in: the address finds those.
            continue
    return Told("", erasures=tuple(erasures))


def _test(said: Said) -> Told:
    site = said.text("site", 40) or said.installation.name
    text = (f"{site}: this is the test you asked for. Your site and Relance are connected."
            if language_of(said.text("language", 10)) == "en" else
            f"{site} : voici l'essai que vous avez demandé. Votre site et Relance sont bien reliés.")
    # Whoever asks is there and waits for it, at any hour: it is an answer.
    person = said.person()
    number = person["recipient"].number if "recipient" in person else said.text("phone", 40)
    key = f"test/{hashlib.sha256(f'{number}{said.at.timestamp()}'.encode()).hexdigest()[:16]}"
    return Told("", (Event(Kind.REQUEST, key, said.at, values=said.values(what="test"),
                           wish=Wish("conversational", body=text, label="test"), **person),))


def _gone(said: Said) -> Told:
    return Told("", gone=True)


_READERS: Mapping[str, Callable[[Said], Told]] = {
    "form": _form, "comment": _comment, "member": _member, "subscriber": _subscriber, "consent": _consent,
    "post": _post, "cart": _cart, "order": _order, "erase": _erase, "test": _test, "gone": _gone,
}
