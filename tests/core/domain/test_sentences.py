"""Every reason has its sentence, in French and English, and both say the same values."""

from __future__ import annotations

import ast
from pathlib import Path
from string import Formatter

import pytest

from core.domain.sentences import SENTENCES

ROOT = Path(__file__).resolve().parents[3]
HOMES = ("core", "integrations", "gcal_reminders", "wordpress_bridge")
BEARERS = {"Reason", "BadInput", "Unreadable", "NeedsReconnect", "NotNow", "Conflict"}


def named(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def codes(path: Path) -> set[str]:
    """Those that a file gives to a reason, or to an error that bears one, in so many words."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return {
        first.value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in BEARERS and call.args
        and isinstance(first := call.args[0], ast.Constant) and isinstance(first.value, str)
    }  # fmt: skip


@pytest.mark.parametrize("home", HOMES)
def test_every_code_that_is_given_has_a_sentence(home: str) -> None:
    given = {code for path in (ROOT / home).rglob("*.py") for code in codes(path)}

    assert given
    assert given - SENTENCES.keys() == set(), "add them to the catalogue of their story in core/domain/sentences"


def test_every_sentence_is_in_both_languages_and_french_promises_no_value_that_english_lacks() -> None:
    assert {code for code, words in SENTENCES.items() if set(words) != {"fr", "en"} or not all(words.values())} == set()
    assert {code for code, words in SENTENCES.items() if named(words["fr"]) - named(words["en"])} == set()
