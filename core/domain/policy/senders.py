"""Which name or number a message may come from, before an operator refuses it."""

from __future__ import annotations

import re

from core.domain.messages import Channel
from core.domain.policy.countries import OVERSEAS
from core.domain.reasons import Reason

# af2m: letters, or letters and digits, no space. The charter allows one character, most platforms ask for three.
_FRENCH_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{3,11}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 ]{1,9}[A-Za-z0-9]")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_NUMBER = re.compile(r"(?:\+|00)?[0-9]{9,15}")
# Arcep decisions 2018-0881 and 2022-1583: 06 and 07 are for people, not for automated systems.
_FRENCH_PERSONAL = re.compile(r"(?:0|(?:\+|00)?(?:33|262|508|590|594|596)0?)[67][0-9]{8}")
_NO_NAMES = frozenset({"US", "CA"})


def is_number(sender: str) -> bool:
    """Whether it is a number or a short code, and no name."""
    digits = re.sub(r"[ .\-()]", "", sender)
    return _NUMBER.fullmatch(digits) is not None or _SHORT_CODE.fullmatch(digits) is not None


def check_sender(sender: str, country: str, channel: Channel, asks_reply: bool) -> Reason | None:
    """`None` when `sender` may be shown to a recipient in `country` (ISO 3166), or why it may not.

    `asks_reply`: the text asks for an answer, which a name cannot receive. RCS and WhatsApp senders are accounts that
    the platform has checked, and anybody can answer them.
    """
    if channel in (Channel.RCS, Channel.WHATSAPP):
        return None
    french = country == "FR" or country in OVERSEAS
    digits = re.sub(r"[ .\-()]", "", sender)
    if _NUMBER.fullmatch(digits) or _SHORT_CODE.fullmatch(digits):
        if french and _FRENCH_PERSONAL.fullmatch(digits):
            return Reason("sender_personal_number", {"sender": sender[:40]})
        return None
    if channel is Channel.VOICE:
        return Reason("sender_not_a_number", {"sender": sender[:40]})
    if country.partition("-")[0] in _NO_NAMES:
        return Reason("sender_no_names_there", {"sender": sender[:40], "country": country})
    if not (_FRENCH_NAME if french else _NAME).fullmatch(sender):
        return Reason("sender_bad_name", {"sender": sender[:40], "country": country})
    if asks_reply:
        return Reason("sender_cannot_be_answered", {"sender": sender[:40]})
    return None
