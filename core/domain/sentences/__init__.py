"""The sentences behind the reasons: a catalogue for each story in `*.toml`, French and English side by side.

Adding a code to the catalogue of its story is all that a new reason needs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.resources import files

LANGUAGES = ("fr", "en")


class _Catalogues(Mapping[str, Mapping[str, str]]):
    """code → language → sentence. Read when the first one is asked for: most processes never say a word."""

    @cached_property
    def _read(self) -> Mapping[str, Mapping[str, str]]:
        found: dict[str, Mapping[str, str]] = {}
        for source in sorted(files(__name__).iterdir(), key=lambda one: one.name):
            if source.name.endswith(".toml"):
                for code, words in tomllib.loads(source.read_text(encoding="utf-8")).items():
                    if code in found or set(words) != set(LANGUAGES):
                        raise ValueError(f"{source.name}: {code} is there twice, or lacks a language")
                    found[code] = words
        return found

    def __getitem__(self, code: str) -> Mapping[str, str]:
        return self._read[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


SENTENCES: Mapping[str, Mapping[str, str]] = _Catalogues()
