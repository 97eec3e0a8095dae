"""The way out that French marketing messages must name, and the room that it takes.

Source: charter of the French operators (af2m): a message under a sender name carries `STOP 36xxx`.
"""

from __future__ import annotations

import re

from core.domain.text.segments import Measure, measure

MENTION = " STOP 36034"
"""11 septets: a text of 149 septets is the longest that stays one part with it."""

_ALREADY = re.compile(r"\bSTOP\s+(?:au\s+)?3[68]\d{3}\b", re.IGNORECASE)


def with_stop(text: str, mention: str = MENTION) -> str:
    """`text` followed by `mention`; a text that already names a short code is given back as it is."""
    return text if _ALREADY.search(text) else text.rstrip() + mention


def reserve(text: str, mention: str = MENTION) -> Measure:
    """The length of `text` once it carries `mention`: what is counted, shown and billed for marketing."""
    return measure(with_stop(text, mention))
