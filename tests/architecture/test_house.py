"""The rules of the house that no linter knows: who is registered, who reads the clock, what a lock may hold.

Folders without Python files yet are passed over; everything else is held to the rules from its first file on.
"""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-dev.lock")

TOP_LEVEL_PACKAGES = {"core", "integrations", "gcal_reminders", "wordpress_bridge", "tests", "bench"}
ADAPTERS_AT_THE_TOP = ("gcal_reminders", "wordpress_bridge")

# The doors to the clock: the clock itself, time-ordered ids, and the threads and processes whose trade is to wait.
MAY_READ_THE_CLOCK = ("core/clock.py", "core/ids.py", "core/cli.py", "core/cli/", "core/logs.py")
# A writer on SQLite waits for other processes, which no event of this one tells of.
MAY_WAIT = (*MAY_READ_THE_CLOCK, "core/runners/", "core/providers/simulator.py", "core/storage/database.py")
# `monotonic` and `perf_counter` measure how long something took; they decide nothing about moments.
READS_THE_CLOCK = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns",
                   "time.localtime", "time.gmtime", "utcnow"}
WAITS = {"time.sleep", "sleep"}


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def entry_points(group: str) -> dict[str, str]:
    points: dict[str, str] = pyproject()["project"]["entry-points"][group]
    return points


def adapter_folders() -> list[Path]:
    candidates = [ROOT / name for name in ADAPTERS_AT_THE_TOP]
    integrations = ROOT / "integrations"
    if integrations.is_dir():
        candidates += sorted(folder for folder in integrations.iterdir() if folder.is_dir())
    return [folder for folder in candidates if any(folder.glob("*.py"))]


def dotted(node: ast.expr) -> str:
    """`datetime.datetime.now` as `datetime.now`: the last two names of a call say which clock is read."""
    if isinstance(node, ast.Attribute):
        owner = node.value
        left = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
        return f"{left}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def provider_modules() -> list[str]:
    """The modules of core/providers that hold a way out; the others are what several ways out share."""
    return [path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
            for path in sorted((ROOT / "core" / "providers").rglob("*.py")) if defines_a_provider(path)]


def defines_a_provider(path: Path) -> bool:
    classes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef)]
    return any(dotted(base).split(".")[-1] == "Provider" for node in classes for base in node.bases)


def our_modules() -> list[Path]:
    """Every Python file of core and of the adapters, without their generated or copied data."""
    tops = [ROOT / "core", ROOT / "integrations", *(ROOT / name for name in ADAPTERS_AT_THE_TOP)]
    return sorted(path for top in tops for path in top.rglob("*.py")
                  if not {"__pycache__", "node_modules"} & set(path.parts))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def folder_name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("folder", adapter_folders(), ids=folder_name)
def test_every_adapter_is_registered_and_documented(folder: Path) -> None:
    package = name_of(folder).replace("/", ".")

    assert folder.name in entry_points("relance.adapters"), f"add {folder.name} to relance.adapters in pyproject.toml"
    assert entry_points("relance.adapters")[folder.name].split(":")[0].startswith(package)
    assert (folder / "README.md").is_file(), f"{name_of(folder)} has no README.md"
    assert package.split(".")[0] in pyproject()["tool"]["importlinter"]["root_packages"], (
        f"add {package} to the import-linter contracts in pyproject.toml"
    )


@pytest.mark.parametrize("module", provider_modules())
def test_every_provider_is_registered(module: str) -> None:
    registered = {target.split(":")[0] for target in entry_points("relance.providers").values()}

    # A package may register the module inside it that holds the class, or itself.
    assert registered & {module, module.rpartition(".")[0]}, f"add {module} to relance.providers in pyproject.toml"


@pytest.mark.parametrize("group", ["relance.adapters", "relance.providers"])
def test_every_entry_point_names_a_class_that_is_there(group: str) -> None:
    for name, target in entry_points(group).items():
        module, _, attribute = target.partition(":")
        folder = ROOT / Path(*module.split("."))
        if not any(folder.parent.glob("*.py")) and not any(folder.glob("*.py")):
            continue
        source = next((path for path in (folder.with_suffix(".py"), folder / "__init__.py") if path.is_file()), None)
        assert source is not None, f"{group}: {name} names {module}, which does not exist"
        assert re.search(rf"\b{attribute}\b", source.read_text(encoding="utf-8")), f"{module} has no {attribute}"


def test_no_stray_module_at_the_top() -> None:
    strays = {path.name for path in ROOT.glob("*.py")}
    strays |= {path.parent.name for path in ROOT.glob("*/__init__.py")} - TOP_LEVEL_PACKAGES

    assert not strays, f"everything of ours lives in {sorted(TOP_LEVEL_PACKAGES)}"


@pytest.mark.parametrize("path", our_modules(), ids=name_of)
def test_every_file_says_first_why_it_exists(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    assert not tree.body or ast.get_docstring(tree), f"{name_of(path)} does not begin with a docstring"


def calls(path: Path, wanted: set[str]) -> list[str]:
    """Where `path` uses one of `wanted`, called or handed on as a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [f"{name_of(path)}:{node.lineno} {dotted(node)}" for node in ast.walk(tree)
             if isinstance(node, ast.Attribute) and dotted(node) in wanted]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"{name_of(path)}:{node.lineno} from time import {alias.name}" for alias in node.names
                      if f"time.{alias.name}" in wanted]
    return found


def test_only_the_clock_reads_the_clock() -> None:
    readings = [reading for path in our_modules() if not name_of(path).startswith(MAY_READ_THE_CLOCK)
                for reading in calls(path, READS_THE_CLOCK)]

    assert not readings, "take `now` as an argument, or ask core.clock: " + ", ".join(readings)


def test_nobody_sleeps_but_those_whose_trade_it_is() -> None:
    naps = [nap for path in our_modules() if not name_of(path).startswith(MAY_WAIT) for nap in calls(path, WAITS)]

    assert not naps, "wait on an event or on the next tick: " + ", ".join(naps)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_everything_with_hashes(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]

    assert requirements
    for requirement in requirements:
        assert re.match(r"[a-z0-9.\-]+(\[[a-z0-9,\-]+\])?==\S+ ", requirement), requirement[:80]
        assert "--hash=sha256:" in requirement, requirement[:80]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_holds_no_address_and_no_path(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")

    assert not re.findall(r"\S*(?:://|/|--index|--extra-index|--find-links|--trusted-host)\S*", text)


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.\-]+)(?:\[.*\])?==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


def test_what_is_tested_is_what_runs() -> None:
    run, dev = (pins(lock) for lock in LOCKS)

    assert {name: dev.get(name) for name in run} == run


def test_every_dependency_is_locked() -> None:
    run, dev = (pins(lock) for lock in LOCKS)

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=!~; ]", requirement)[0].lower() for requirement in requirements}

    assert names(pyproject()["project"]["dependencies"]) <= run.keys()
    assert names(pyproject()["dependency-groups"]["build"]) <= run.keys()
    assert names(pyproject()["dependency-groups"]["dev"]) <= dev.keys()
