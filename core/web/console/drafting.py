"""What a text becomes on a phone: its parts and price, the characters that cost, the words that tell too much.

Pure, and used in two ways: by the pages when they are made, and by their script while somebody types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.errors import BadInput
from core.domain.messages import Channel, MessageClass
from core.domain.policy.walltime import at_wall
from core.domain.reasons import Reason
from core.domain.text.health import health_words
from core.domain.text.links import Shortening
from core.domain.text.price import price
from core.domain.text.segments import Guilty, guilty, measure
from core.domain.text.stop_mention import with_stop
from core.domain.text.templates import compile_template
from core.domain.text.transliteration import to_gsm7

_ALONE = {"GSM-7": 160, "UCS-2": 70}
_JOINED = {"GSM-7": 153, "UCS-2": 67}


@dataclass(frozen=True, slots=True)
class Draft:
    """A text filled with sample values. `trouble` says why it cannot be filled; then `text` is the source as written.

    `respelled` are the characters that leave in their cheap spelling; `costly` those that make it Unicode.
    `room` is what fits into the parts that are used; `price_micros` is None where no price is known.
    """

    text: str
    trouble: Reason | None
    encoding: str
    units: int
    segments: int
    room: int
    price_micros: int | None
    currency: str
    respelled: tuple[Guilty, ...]
    costly: tuple[Guilty, ...]
    health: tuple[str, ...]
    variables: tuple[str, ...]


def drafted(
    source: str,
    values: Mapping[str, Any],
    *,
    zone: ZoneInfo,
    language: str,
    country: str,
    on: date,
    message_class: str = MessageClass.TRANSACTIONAL,
    health: bool = True,
) -> Draft:
    """`source` as `values` fill it. Marketing is measured with the STOP mention that it must carry."""
    trouble: Reason | None = None
    variables: tuple[str, ...] = ()
    written = source
    try:
        template = compile_template(source)
        variables = tuple(sorted(template.variables))
        written = template.fill(values, zone, language)
        if isinstance(values, Shortening) and values.everything:
            written = values.in_text(written)
    except BadInput as error:
        trouble = error.reason
    text = to_gsm7(written)
    blamed = guilty(written)
    sent = with_stop(text) if message_class == MessageClass.MARKETING and country == "FR" and text else text
    measured = measure(sent)
    room = _ALONE[measured.encoding] if measured.segments < 2 else _JOINED[measured.encoding] * measured.segments
    cost = price(measured.segments, country, Channel.SMS, on)
    unicode_anyway = measured.encoding == "UCS-2"
    return Draft(
        text=sent,
        trouble=trouble,
        encoding=measured.encoding,
        units=measured.units,
        segments=measured.segments,
        room=room,
        price_micros=cost.amount if cost else None,
        currency=cost.currency if cost else "EUR",
        respelled=() if unicode_anyway else blamed,
        costly=tuple(one for one in blamed if one.replacement is None) if unicode_anyway else (),
        health=tuple(dict.fromkeys(found.word for found in health_words(sent))) if health else (),
        variables=variables,
    )


def sample(now: datetime, zone: ZoneInfo, language: str) -> dict[str, Any]:
    """Values for a picture, where there is no real occasion yet."""
    start = at_wall((now.astimezone(zone) + timedelta(days=2)).date(), datetime.min.time().replace(hour=9), zone)
    french = language == "fr"
    return {
        "start": start,
        "end": start + timedelta(minutes=30),
        "first_name": "Ana",
        "name": "Ana Martin",
        "last_name": "Martin",
        "title": "Ana Martin",
        "location": "12 rue de la République, Lyon" if french else "12 High Street, Leeds",
        "calendar": "Cabinet",
        "product": "Lampe Lune" if french else "Moon lamp",
        "shop": "Maison Lune" if french else "Moon House",
        "total": {"amount": 49_900_000, "currency": "EUR"},
        "link": "https://exemple.fr/p/8k2" if french else "https://example.org/p/8k2",
        "url": "https://exemple.fr/p/8k2" if french else "https://example.org/p/8k2",
        "items": "Robe longue en lin" if french else "Long linen dress",
        "count": 2,
        "code": "ANA10FR7",
        "status": "confirmed",
        "tracking_link": "https://exemple.fr/s/8k2" if french else "https://example.org/s/8k2",
        "order": "1042",
        "number": "1042",
        "text": "Bonjour" if french else "Hello",
    }
