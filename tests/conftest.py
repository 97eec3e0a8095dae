"""What every test may ask for: the services on loopback, each of them left out politely when it is not there.

A test names the service it needs as a fixture. Missing, the test is skipped with one clear line; with
RELANCE_TEST_REQUIRE_ALL=1 (`make test-all`) the run fails before the first test. `make services` brings all of them.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import settings

from tests.support import databases

# The same examples on each run and on each machine; a slow machine is not a failed property.
settings.register_profile("relance", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("relance")

# Processes that tests start by the dozen find what they import compiled, as they do on any machine of an operator.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

PATIENCE = 3  # seconds: everything is on loopback


@dataclass(frozen=True)
class Service:
    """One thing outside Python that tests can use.

    `find` gives its address or path, or None when it is not there.
    """

    name: str
    setting: str
    find: Callable[[], str | None]

    @property
    def missing(self) -> str:
        return f"{self.name} is not here: left out (make services installs it, {self.setting} names another)"


def _postgres() -> str | None:
    url = os.environ.get("RELANCE_TEST_POSTGRES_URL", "postgresql://relance:relance@127.0.0.1:5432/relance_test")
    try:
        psycopg.connect(url, connect_timeout=PATIENCE).close()
    except psycopg.OperationalError:
        return None
    return url


def _listens(setting: str, default: str, port: int) -> Callable[[], str | None]:
    def find() -> str | None:
        url = os.environ.get(setting, default)
        parts = urlsplit(url)
        try:
            socket.create_connection((parts.hostname or "127.0.0.1", parts.port or port), timeout=PATIENCE).close()
        except OSError:
            return None
        return url

    return find


def _program(setting: str, *names: str) -> Callable[[], str | None]:
    def find() -> str | None:
        return next(filter(None, (shutil.which(name) for name in (os.environ.get(setting, ""), *names) if name)), None)

    return find


def _kannel() -> str | None:
    # Debian puts servers where an ordinary user does not look for programs.
    where = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    found = [shutil.which(name, path=where) for name in ("bearerbox", "smsbox")]
    return found[0] if all(found) else None


def _wordpress() -> str | None:
    folder = Path(os.environ.get("RELANCE_TEST_WORDPRESS", "/usr/share/wordpress"))
    return str(folder) if (folder / "wp-includes" / "version.php").is_file() else None


def _mariadb() -> str | None:
    """By its socket, as its root: a test makes a database of its own."""
    command = shutil.which("mariadb")
    asked = [command or "mariadb", "-u", "root", "-e", "SELECT 1"]
    try:
        done = subprocess.run(asked, capture_output=True, timeout=PATIENCE * 3)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return command if done.returncode == 0 else None


POSTGRES = Service("PostgreSQL", "RELANCE_TEST_POSTGRES_URL", _postgres)
REDIS = Service(
    "Redis",
    "RELANCE_TEST_REDIS_URL",
    # Database 15, so that a developer's own keys in 0 are out of reach.
    _listens("RELANCE_TEST_REDIS_URL", "redis://127.0.0.1:6379/15", 6379),
)
RABBITMQ = Service(
    "RabbitMQ",
    "RELANCE_TEST_RABBITMQ_URL",
    _listens("RELANCE_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//", 5672),
)
CHROMIUM = Service(
    "Chromium",
    "RELANCE_TEST_CHROMIUM",
    _program("RELANCE_TEST_CHROMIUM", "chromium", "chromium-browser", "google-chrome"),
)
PHP = Service("PHP", "RELANCE_TEST_PHP", _program("RELANCE_TEST_PHP", "php"))
WORDPRESS = Service("WordPress", "RELANCE_TEST_WORDPRESS", _wordpress)
MARIADB = Service("MariaDB", "the root of its socket", _mariadb)
KANNEL = Service("Kannel", "PATH", _kannel)
SERVICES = (POSTGRES, REDIS, RABBITMQ, CHROMIUM, PHP, WORDPRESS, MARIADB, KANNEL)


def _all_are_required() -> bool:
    return os.environ.get("RELANCE_TEST_REQUIRE_ALL", "") not in ("", "0", "false")


def _needed(service: Service) -> str:
    found = service.find()
    if found is not None:
        return found
    if _all_are_required():
        pytest.fail(service.missing, pytrace=False)
    pytest.skip(service.missing)


LONGEST = Path(__file__).parent / "core" / "runners"
"""Where tests wait for processes for half a minute each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: whoever has nothing left takes the others meanwhile, and nobody waits for them at the end."""
    items.sort(key=lambda item: not item.path.is_relative_to(LONGEST))


def pytest_sessionstart(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        return
    if server := POSTGRES.find():
        databases.sweep(server)
    if not _all_are_required():
        return
    absent = [service.missing for service in SERVICES if service.find() is None]
    if absent:
        pytest.exit("\n".join(absent), returncode=1)


def pytest_sessionfinish() -> None:
    databases.settle()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for service in SERVICES:
        if service.find() is None:
            terminalreporter.write_line(service.missing)


# ------------------------------------------------------------------ four houses

STORIES = Path(__file__).parent / "story"
HOUSES = ("sqlite embedded", "sqlite distributed", "postgresql embedded", "postgresql distributed")
IN_HAND = "in hand"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each story is told in the test's own hand. Those marked `houses` are told in the four houses besides, all the
    others in the slow form."""
    if not metafunc.definition.path.is_relative_to(STORIES):
        return
    chosen = metafunc.definition.get_closest_marker("houses") is not None
    marks = {"postgresql": pytest.mark.postgres, "distributed": pytest.mark.redis}
    houses = [
        pytest.param(house, marks=[
            *(mark for word, mark in marks.items() if word in house), *([] if chosen else [pytest.mark.slow]),
        ])
        for house in HOUSES
    ]  # fmt: skip
    # RELANCE_TEST_HOUSE names the one house in which somebody wants them.
    others = [] if os.environ.get("RELANCE_TEST_HOUSE") else houses
    metafunc.parametrize("_house", [IN_HAND, *others], indirect=True)


@pytest.fixture(autouse=True)
def _house(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where the houses of this test stand (see `tests.support.running.Running`)."""
    where: str = getattr(request, "param", IN_HAND)
    if where == IN_HAND:
        yield
        return
    from tests.support.running import HOUSE, House

    _, _, runner = where.partition(" ")
    template = request.getfixturevalue("postgres_template") if where.startswith("postgresql") else ""
    broker = request.getfixturevalue("redis_url") if runner == "distributed" else ""
    stands = HOUSE.set(House(where, template, broker))
    yield
    HOUSE.reset(stands)


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """A PostgreSQL server, by the address of its test database: `postgresql://user:password@host:port/database`."""
    return _needed(POSTGRES)


@pytest.fixture
def postgres_database(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """The address of a database that this test has for itself, with today's schema and nothing in it.

    A whole database and not a schema: LISTEN, NOTIFY and advisory locks reach as far as the database does, and two
    tests that run side by side must not wake each other.
    """
    with _database(postgres_url, postgres_template) as address:
        yield address


@pytest.fixture
def postgres_empty(postgres_url: str) -> Iterator[str]:
    """The same without a schema."""
    with _database(postgres_url, "template0") as address:
        yield address


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """The name of a database that was migrated once, to be copied: migrating takes longer than most tests do."""
    from core.storage.database import Database
    from core.storage.migrate import upgrade

    with _database(postgres_url, "template0") as address:
        database = Database(address)
        upgrade(database)
        database.close()
        yield urlsplit(address).path[1:]


@contextmanager
def _database(postgres_url: str, template: str) -> Iterator[str]:
    """A copy of `template`, dropped afterwards whoever is still connected."""
    address = databases.create(postgres_url, template)
    try:
        yield address
    finally:
        databases.drop(postgres_url, address)


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A Redis server: `redis://host:port/database`. Tests prefix their keys; nothing is flushed."""
    return _needed(REDIS)


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    """A RabbitMQ server: `amqp://user:password@host:port//`. Tests name their own queues and delete them."""
    return _needed(RABBITMQ)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that Playwright can drive (`executable_path`)."""
    return _needed(CHROMIUM)


@pytest.fixture(scope="session")
def php() -> str:
    """The path of PHP's command."""
    return _needed(PHP)


@pytest.fixture(scope="session")
def wordpress(php: str) -> Path:
    """The folder of a WordPress to read from: a test copies what it changes."""
    return Path(_needed(WORDPRESS))


@pytest.fixture(scope="session")
def mariadb() -> str:
    """MariaDB's command, whose root may make databases by the socket. Tests name their own and drop them."""
    return _needed(MARIADB)


@pytest.fixture(scope="session")
def kannel() -> str:
    """The path of Kannel's bearerbox; its smsbox is there too."""
    return _needed(KANNEL)
