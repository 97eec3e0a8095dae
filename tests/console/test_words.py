"""The catalogues: French and English complete, every key that a page names is there, French is set as French."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from core.domain.messages import State
from core.storage.access import ROLES
from core.web.console import words
from core.web.console.connections import FORMS
from core.web.console.developers import SCOPES
from core.web.console.settings import COUNTRIES
from core.web.console.start import STEPS

CONSOLE = Path(words.__file__).parent
SOURCES = [*sorted(CONSOLE.rglob("*.html")), *sorted(set(CONSOLE.rglob("*.py")) - {CONSOLE / "words.py"})]
NARROW, WIDE = "\u202f", "\u00a0"
# `_("a.key")`, `t("a.key")`, and with `_n`, `tn` the two forms of a count; a key that is put together is not seen here.
NAMED = re.compile(r"""(?<![\w.])(?:_|t)\(\s*"([a-z0-9_.]+)"\s*[,)]""")
COUNTED = re.compile(r"""(?<![\w.])(?:_n|tn)\(\s*"([a-z0-9_.]+)"\s*,""")
FLASHED = re.compile(r"""flash\(\s*"(?:good|warn|bad|info)",\s*"([a-z0-9_.]+)\"""")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_every_key_that_is_named_is_there(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    wanted = set(NAMED.findall(text)) | set(FLASHED.findall(text))
    wanted |= {f"{key}.{form}" for key in COUNTED.findall(text) for form in ("one", "many")}

    assert not {key for key in wanted if not key.endswith(".")} - set(words.catalogue())


def test_both_languages_fill_the_same_values() -> None:
    def names(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    unlike = {key: both for key, both in words.catalogue().items() if names(both["fr"]) != names(both["en"])}
    # The weekday or a count may be said in one language only.
    assert not {key for key in unlike if not key.endswith((".one", ".many"))}, unlike


def test_no_word_is_empty_or_left_in_the_other_language() -> None:
    for key, both in words.catalogue().items():
        assert both["fr"].strip(), key
        assert both["en"].strip(), key


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_a_name_and_says_what_it_may(role: str) -> None:
    assert {f"role.{role}", f"role_text.{role}"} <= set(words.catalogue())


@pytest.mark.parametrize(
    ("written", "set_as"),
    [
        ("Que faire ?", f"Que faire{NARROW}?"),
        ("Attention : « oui »", f"Attention{WIDE}: «{WIDE}oui{WIDE}»"),
        ("l'agenda", "l’agenda"),
        ("48 h avant, 0,052 EUR", f"48{WIDE}h avant, 0,052{WIDE}EUR"),
        ("Voir https://exemple.fr ; fini !", f"Voir https://exemple.fr{NARROW}; fini{NARROW}!"),
    ],
)
def test_french_is_set_as_french(written: str, set_as: str) -> None:
    assert words.french(written) == set_as


def test_no_french_word_keeps_a_space_that_could_break_before_a_sign() -> None:
    broken = {key: both["fr"] for key, both in words.catalogue().items() if re.search(r" [:;!?»]|« ", both["fr"])}

    assert not broken


def test_keys_that_are_put_together_are_there_too() -> None:
    pieces = (CONSOLE / "templates" / "components.html").read_text(encoding="utf-8")
    states = re.findall(r'"([a-z]+)": \("(?:blue|green|amber|red|grey)"', pieces)
    wanted = {f"state.{name}" for name in states} | {f"state.{state}" for state in State}
    wanted |= {f"error.{status}.{part}" for status in (400, 403, 404, 405, 409, 413, 429, 500, 503)
               for part in ("title", "text")}  # fmt: skip
    wanted |= {f"sign_in.{why}.{part}" for why in ("wrong", "slow") for part in ("title", "text")}
    wanted |= {f"connections.did.account_{verb}" for verb in ("up", "try", "pause", "resume", "remove")}
    wanted |= {f"connections.field.{name}" for fields in FORMS.values() for name in fields}
    wanted |= {f"start.found.in_{field}" for field in ("title", "description", "location")}
    wanted |= {f"start.steps.{step}" for step in STEPS} | {f"scope.{scope}" for scope in SCOPES}
    wanted |= {f"country.{code}" for code in COUNTRIES} | {f"when.weekday.{day}" for day in range(7)}
    wanted |= {f"when.month.{month}" for month in range(1, 13)}

    assert not wanted - set(words.catalogue())
