"""Configuration as code: what is exported can be applied, twice is once, the difference is told first, and a slip of
the pen is named with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from core.cli import cli
from core.domain.errors import BadInput, Conflict
from core.storage import accounts, house, outbox, rules, segments
from core.web.config import applying, current, written
from core.web.problems import Several
from tests.support.clinic import ANA, BOB, DIARY, Clinic
from tests.support.running import Running

LATER = "2026-12-02T10:00:00+01:00"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Clinic]]:
    with Running(tmp_path_factory.mktemp("config"), adapters=DIARY) as running:
        clinic = Clinic.inside(running)
        clinic.write("ana", LATER)
        clinic.write("bob", LATER, BOB)
        with running.suite.database.write(running.workspace) as tx:
            segments.add(tx, "Français", {"field": "country", "is": "FR"}, running.suite.now())
            some = segments.add(tx, "Salon 2026", None, running.suite.now())
            segments.add(tx, "Du salon", {"all": [{"list": some}, {"consent": "in"}]}, running.suite.now())
            rules.save_template(tx, "bienvenue", "fr", "Bonjour {{ name }}\nA bientot", running.suite.now())
        made = running.client.post("/v1/provider-accounts", {
            "provider": "smsmode", "name": "Principal", "config": {"api_key": "s3cret-k3y"}, "countries": ["FR"],
        })  # fmt: skip
        assert made.status_code == 201, made.text
        yield running, clinic


def exported(running: Running) -> dict[str, Any]:
    with running.suite.database.read(running.workspace) as tx:
        return current.document(running.suite, tx)


def apply(running: Running, document: Any, *, dry: bool = False, **more: Any) -> applying.Applied:
    if not dry:
        with running.suite.database.write(running.workspace) as tx:
            return applying.apply(running.suite, tx, document, running.suite.now(), who="test", **more)
    answer = None
    with pytest.raises(ZeroDivisionError), running.suite.database.write(running.workspace) as tx:
        answer = applying.apply(running.suite, tx, document, running.suite.now(), who="test", replan=False, **more)
        raise ZeroDivisionError
    assert answer is not None
    return answer


def test_what_is_exported_holds_no_secret_and_changes_nothing_when_it_is_applied(clinic) -> None:
    running, _ = clinic
    document = exported(running)
    text = written.write(document)

    assert "s3cret" not in text
    assert document["accounts"]["Principal"]["secrets"] == {"api_key": {"env": "RELANCE_PRINCIPAL_API_KEY"}}
    assert document["segments"]["Du salon"]["conditions"] == {"all": [{"list": "Salon 2026"}, {"consent": "in"}]}
    assert document["rules"][0]["connection"] == "Agenda du cabinet"
    assert "installation" not in text
    assert apply(running, written.read(text).value, prune=True).changes == ()


def test_the_difference_is_told_before_and_the_second_time_there_is_none(clinic) -> None:
    running, place = clinic
    document = deepcopy(exported(running))
    document["rules"][0]["when"] = {"days": -1, "at": "17:00"}
    document["rules"].append({"name": "Deux heures avant", "connection": "Agenda du cabinet", "on": "appointment",
                              "class": "transactional", "when": {"before": "PT2H"}, "body": "A tout a l'heure"})
    document["templates"]["bienvenue"]["fr"] = "Bonjour"
    document["workspace"]["own_numbers"] = ["01 99 00 12 34"]
    before = exported(running)

    told = apply(running, document, dry=True)
    assert exported(running) == before
    assert told.difference is not None
    assert (told.difference.moved, told.difference.new, told.difference.cancelled) == (2, 2, 0)
    assert {(one.what, one.change) for one in told.changes} == {
        ("rule", "changed"), ("rule", "added"), ("template", "changed"), ("workspace", "changed")}
    moved = next(one for one in told.changes if (one.what, one.change) == ("rule", "changed"))
    assert (moved.was, moved.becomes) == (
        {"when": {"days": -1, "at": "18:00"}}, {"when": {"days": -1, "at": "17:00"}})

    done = apply(running, document)
    assert done.changes == told.changes
    with running.suite.database.read(place.workspace) as tx:
        hours = {row["due_at"].hour for row in outbox.listed(tx, outbox.Filter(to=ANA), limit=9)}
    assert hours == {16, 7}
    assert apply(running, document).changes == ()
    assert apply(running, before, prune=True).difference.cancelled == 2  # type: ignore[union-attr]
    assert exported(running) == before


def wrong(running: Running, **sections: Any) -> list[tuple[str, str]]:
    try:
        apply(running, {"relance": 1, **sections}, dry=True)
    except Several as error:
        return [(pointer, reason.code) for pointer, reason in error.wrong]
    except BadInput as error:
        return [(error.pointer or "", error.reason.code)]
    raise AssertionError("it was taken")


RULE = {"name": "r", "on": "appointment", "class": "transactional", "when": {"before": "PT1H"}, "body": "x"}


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"rulez": []}, ("/rulez", "field_unknown")),
        ({"rules": [{**RULE, "bodi": "x"}]}, ("/rules/0/bodi", "field_unknown")),
        ({"rules": [{**RULE, "when": {"before": "soon"}}]}, ("/rules/0/when/before", "bad_duration")),
        ({"rules": [{**RULE, "connection": "Ailleurs"}]}, ("/rules/0/connection", "config_connection_unknown")),
        ({"rules": [RULE, RULE]}, ("/rules/1/name", "config_name_again")),
        ({"rules": [{**RULE, "template": "t"}]}, ("/rules/0/body", "field_body_or_template")),
        ({"rules": [{**RULE, "body": "{{ nonsense }}"}]}, ("/rules/0/body", "unknown_variables")),
        ({"templates": {"t": {"fr": "{{ x"}}}, ("/templates/t/fr", "bad_template")),
        ({"segments": {"s": {"conditions": {"list": "Nulle part"}}}}, ("/segments/s/conditions", "field_unknown_id")),
        ({"segments": {"s": {"conditions": {"x": 1}}}}, ("/segments/s/conditions", "segment_condition")),
        ({"workspace": {"zone": "Mars/Olympus"}}, ("/workspace/zone", "zone_unknown")),
        ({"workspace": {"sender": "MON CABINET"}}, ("/workspace/sender", "sender_characters")),
        ({"workspace": {"own_numbers": ["12"]}}, ("/workspace/own_numbers/0", "number")),
        ({"links": {"domain": "http://x"}}, ("/links/domain", "link_domain_wrong")),
        ({"accounts": {"A": {"provider": "nobody"}}}, ("/accounts/A/provider", "unknown_provider")),
        ({"accounts": {"A": {"provider": "smsmode", "secrets": {"api_key": {"env": "NOPE"}}}}},
         ("/accounts/A/secrets/api_key", "config_secret_missing")),
        ({"accounts": {"A": {"provider": "smsmode", "config": {"nonsense": 1}}}}, ("/accounts/A", "")),
    ],
)  # fmt: skip
def test_a_slip_of_the_pen_is_named_with_its_place(clinic, sections, expected) -> None:
    found = wrong(clinic[0], **sections)
    assert found[0][0].startswith(expected[0])
    assert expected[1] in found[0][1] or expected[1] in ("number", "segment_condition", "sender_characters",
                                                         "bad_template")


def test_secrets_come_from_where_the_document_says_and_a_changed_one_is_only_named(clinic) -> None:
    running, _ = clinic
    said = {"relance": 1, "accounts": {"Second": {"provider": "smsmode", "secrets": {"api_key": {"env": "K"}}}}}
    apply(running, said, secret=lambda where: "first-key" if where == {"env": "K"} else None)
    told = apply(running, said, secret=lambda where: "other-key")
    assert [one.becomes for one in told.changes] == [{"secrets": ["api_key"]}]
    assert "other-key" not in repr(told.changes)
    assert apply(running, said, secret=lambda where: None).changes == (), "what is not given stays"
    with running.suite.database.read(running.workspace) as tx:
        kept = next(row for row in accounts.listed(tx, running.suite.vault, "") if row.name == "Second")
    assert kept.account.secrets["api_key"] == "other-key"
    assert [one.change for one in apply(running, {"relance": 1, "accounts": {
        "Principal": exported(running)["accounts"]["Principal"]}}, prune=True).changes] == ["removed"]


def test_two_rules_with_one_name_are_not_told_apart(clinic) -> None:
    running, place = clinic
    with running.suite.database.write(running.workspace) as tx:
        twin = rules.add(tx, {**RULE, "installation": place.installation, "name": "La veille à 18 h"},
                         running.suite.now())
    with pytest.raises(Conflict) as refused:
        exported(running)
    assert refused.value.reason.code == "config_same_name"
    with running.suite.database.write(running.workspace) as tx:
        rules.change(tx, twin, {"removed_at": running.suite.now(), "active": False})


def test_programs_do_the_same(clinic) -> None:
    running, _ = clinic
    document = running.client.get("/v1/config").json()
    assert running.client.post("/v1/config", document).json() == {"changes": [], "difference": None}
    document["rules"][0]["body"] = "Autre texte"
    dry = running.client.post("/v1/config?dry_run=true", document).json()
    assert (dry["changes"][0]["what"], dry["changes"][0]["becomes"]) == ("rule", {"body": "Autre texte"})
    assert running.client.get("/v1/config").json()["rules"][0]["body"] != "Autre texte"
    refused = running.client.post("/v1/config", {**document, "accounts": {"X": {
        "provider": "smsmode", "secrets": {"api_key": {"file": "/etc/hostname"}}}}})  # fmt: skip
    assert (refused.status_code, refused.json()["code"]) == (422, "config_secret_missing")
    bad = running.client.post("/v1/config", {"relance": 2})
    assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "/relance")


# ---------------------------------------------------------------------------------------------- as a file

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-10**15, 10**15)
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)
    | st.sampled_from(["NO", "on", "18:00", "0x10", "1e3", "~", "null", "2026-01-01", "=", "<<", "a\nb\n", " x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcé:# ", min_size=1, max_size=6), inner,
                                                               max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["on", "no", "a", "b"]), PLAIN))
def test_what_is_written_is_read_again_as_it_was(value: dict[str, Any]) -> None:
    assert written.read(written.write(value)).value == value


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\nb: 2\na: 3", 3), ("a:\n  b: [1", 2), ("- 1", 1), ("a: !!python/name:os.system\n", 1),
     ("a: &x [1]\nb: *x", 1), ("a: " + "[" * 60 + "]" * 60, 1)],
)  # fmt: skip
def test_what_is_no_document_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(written.ConfigUnreadable) as refused:
        written.read(text)
    assert refused.value.line == line


def test_the_command_line_names_the_line(tmp_path: Path) -> None:
    env = {"RELANCE_DATA_DIR": str(tmp_path / "var"), "RELANCE_MODE": "test", "RELANCE_LANGUAGE": "en",
           "RELANCE_SECRET_KEYS": Fernet.generate_key().decode(), "K": "key-of-the-account"}  # fmt: skip

    def relance(*words: str, status: int = 0) -> str:
        result = CliRunner().invoke(cli, ["config", *words], env=env)
        assert result.exit_code == status, result.output
        return result.output

    file = tmp_path / "relance.yaml"
    relance("export", str(file))
    text = file.read_text(encoding="utf-8")
    assert text.startswith("relance: 1\n")
    assert relance("apply", str(file)) == "Nothing to change.\n"

    file.write_text(text.replace("language: en", "language: xx"), encoding="utf-8")
    place = text.split("\n").index("  language: en") + 1
    assert f"{file}:{place}: /workspace/language" in relance("apply", str(file), status=1)
    account = "accounts:\n  SMS:\n    provider: smsmode\n    secrets:\n      api_key:\n        env: K\n"
    file.write_text(text.replace("accounts: {}", account), encoding="utf-8")
    assert "+ provider account SMS" in relance("apply", str(file), "--dry-run")
    applied = json.loads(relance("apply", str(file), "--json"))
    assert [one["name"] for one in applied["changes"]] == ["SMS"]
    assert relance("apply", str(file)) == "Nothing to change.\n"


def test_settings_that_a_document_may_say_are_all_there(clinic) -> None:
    assert set(current.SETTINGS) <= set(house.DEFAULTS)


def test_the_example_of_the_documentation_is_a_good_one(clinic) -> None:
    text = (Path(__file__).parents[3] / "docs" / "developers.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    told = apply(clinic[0], written.read(example).value, dry=True, secret=lambda where: "a-key")
    assert ("template", "veille") in {(one.what, one.name) for one in told.changes}
    assert told.difference is not None
