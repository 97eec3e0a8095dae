"""Why something leaves, waits or never leaves: a stable code, its values, and the sentence for a person.

The ledger keeps the code and the values. Sentences are made when they are shown, so that one stored
reason reads well in every language of `SENTENCES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.domain.nothing import NOTHING
from core.domain.sentences import SENTENCES


@dataclass(frozen=True, slots=True)
class Reason:
    """A code of `SENTENCES` and the values (JSON only) that its sentence names."""

    code: str
    values: Mapping[str, Any] = field(default_factory=lambda: NOTHING)

    def sentence(self, language: str = "fr") -> str:
        """One sentence in `language` ("fr" or "en"); an unknown code is shown as it is, never hidden."""
        words = SENTENCES.get(self.code)
        if words is None:
            return self.code
        return words.get(language, words["en"]).format_map(_Shown(self.values))

    def as_json(self, language: str = "en") -> dict[str, Any]:
        """`{"code", "detail", "values"}`, as the API and the command line show a reason."""
        return {"code": self.code, "detail": self.sentence(language), "values": dict(self.values)}


class _Shown(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "…"
