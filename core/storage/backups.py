"""Copies of the whole database while it is used, and their return: SQLite's online backup, PostgreSQL's own tools."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess  # nosec B404
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from sqlalchemy import func, or_, select, update

from core.domain.messages import State
from core.domain.reasons import Reason
from core.secrets import Vault
from core.storage import number_key
from core.storage import tables as t
from core.storage.database import Database, Transaction
from core.storage.ledger import reason_row, write_steps
from core.storage.outbox import doubt

BEGUN = "backup_begun"
DONE = "backup"
RESTORED = "restored"
HELD_BY = "restore"
_m = t.messages.c


class NoBackup(Exception):
    """It cannot be copied, or the file is no copy of ours; the text says why."""


def copy(database: Database, target: Path) -> int:
    """Writes a consistent copy to `target` (mode 0600), whole or not at all; its size in bytes. Raises `NoBackup`."""
    unfinished = target.with_name(target.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        if database.is_sqlite:
            _copy_sqlite(_path(database), unfinished)
        else:
            _run("pg_dump", database, "--format=custom", f"--file={unfinished}")
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def put_back(database: Database, source: Path) -> Path | None:
    """Replaces the database by the copy `source`. On SQLite what was there is kept beside it; its path. Raises
    `NoBackup`, and then nothing has changed."""
    database.close()
    if not database.is_sqlite:
        _put_back_postgresql(database, source)
        return None
    _check_sqlite(source)
    place, kept = _path(database), None
    if place.exists():
        kept = place.with_name(place.name + ".before-restore")
        kept.unlink(missing_ok=True)
        os.close(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _copy_sqlite(place, kept)
    _copy_sqlite(source, place, journal="WAL")
    return kept


_EMPTY = """
DO $$
DECLARE ours record;
BEGIN
    FOR ours IN SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
        WHERE schemaname = 'public' AND tableowner = current_user
    LOOP
        EXECUTE 'DROP TABLE ' || ours.name || ' CASCADE';
    END LOOP;
END $$;
"""
"""Not only the tables that the copy knows (`pg_restore --clean`): those that a newer version added would be in the way
when the copy is brought up to date again."""


def _put_back_postgresql(database: Database, source: Path) -> None:
    # The copy is read whole before anything is touched, and takes the place of what is there in one transaction. What
    # it says is written out beside it, for nobody else to read: there is room for such a file there.
    beside = source.resolve().parent
    with TemporaryDirectory(dir=beside if os.access(beside, os.W_OK) else None) as folder:
        emptied, script = Path(folder) / "empty.sql", Path(folder) / "copy.sql"
        emptied.write_text(_EMPTY)
        _run("pg_restore", None, "--no-owner", "--no-privileges", f"--file={script}", str(source))
        _run(
            "psql", database, "--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1",
            f"--file={emptied}", f"--file={script}",
        )  # fmt: skip


def check(database: Database, source: Path) -> None:
    """Raises `NoBackup` unless `source` is a whole copy of ours. (PostgreSQL's tool checks while it restores.)"""
    if database.is_sqlite:
        _check_sqlite(source)


def check_keys(database: Database, vault: Vault, source: Path) -> None:
    """Raises `number_key.KeysWrong` when the copy `source` was written under other secret keys than ours: it would be
    put back, and could not be opened. Raises `NoBackup`."""
    sealed = _sealed_sqlite(source) if database.is_sqlite else _sealed_postgresql(source)
    if sealed is not None:
        number_key.unsealed(vault, orjson.loads(sealed))


def _sealed_sqlite(source: Path) -> str | None:
    _check_sqlite(source)
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT value FROM house WHERE name = ?", (number_key.NAME,)).fetchone()
    return str(found[0]) if found else None


def _sealed_postgresql(source: Path) -> str | None:
    with TemporaryDirectory() as folder:
        rows = Path(folder) / "house.sql"
        _run("pg_restore", None, "--data-only", "--table=house", f"--file={rows}", str(source))
        # One row a line, its columns apart by tabs (PostgreSQL, COPY): a sealed value has none of what COPY escapes.
        for line in rows.read_text().splitlines():
            if line.startswith(f"{number_key.NAME}\t"):
                return line.split("\t")[1]
    return None


def hold_due(tx: Transaction, now: datetime) -> int:
    """After a restore: what waits in the copy and is due by `now` may have left since it was taken (also what waited
    for a cap or a person, who may have let it go), and waits for a look-up; what was being handed over is in doubt.
    Over all workspaces. Returns how many messages are held."""
    reason = Reason("held_since_restore")
    rows = tx.rows(
        update(t.messages)
        .where(_m.state.in_(["scheduled", "held"]), _m.due_at <= now, _m.held_by.is_distinct_from(HELD_BY))
        .values(state="held", held_by=HELD_BY, reason=reason_row(reason), changed_at=now)
        .returning(_m.id, _m.workspace)
    )
    write_steps(tx, [(row["id"], row["workspace"], State.HELD, reason) for row in rows], now)
    in_air = tx.rows(select(_m.id, _m.workspace).where(_m.state == "sending"))
    doubt(tx, [(row["id"], row["workspace"]) for row in in_air], reason, now)
    return len(rows)


def hold_news(tx: Transaction, installation: str, now: datetime) -> int:
    """The first time that a platform is asked after a restore: what would be told at once of what has happened there
    since the copy was taken was perhaps told. `now`: when it was planned. Returns how many messages are held."""
    reason = Reason("held_since_restore")
    rows = tx.rows(
        update(t.messages)
        .where(
            _m.installation == installation,
            _m.workspace == tx.owned,
            _m.state == "scheduled",
            _m.changed_at == now,
            # The hours may have moved it: what counts is when it was wanted.
            func.coalesce(_m.wanted_at, _m.due_at) <= now,
        )
        .values(state="held", held_by=HELD_BY, reason=reason_row(reason))
        .returning(_m.id)
    )
    write_steps(tx, [(row["id"], tx.owned, State.HELD, reason) for row in rows], now)
    return len(rows)


def held(tx: Transaction) -> list[tuple[str, str | None, bool]]:
    """(id, account, test) of this workspace's messages that wait since a restore."""
    rows = tx.rows(tx.mine(t.messages, _m.id, _m.account, _m.test).where(_m.state == "held", _m.held_by == HELD_BY))
    return [(row["id"], row["account"], row["test"]) for row in rows]


def settle(tx: Transaction, message_id: str, state: State, reason: Reason, now: datetime, **values: object) -> bool:
    """What a look-up found about a message that waits since a restore: it left after all, or it may go."""
    done = tx.connection.execute(
        update(t.messages)
        .where(_m.id == message_id, _m.workspace == tx.owned, _m.state == "held", _m.held_by == HELD_BY)
        .values(state=str(state), reason=reason_row(reason), held_by=None, changed_at=now, **values)
    )
    if done.rowcount:
        write_steps(tx, [(message_id, tx.owned, state, reason)], now)
    return bool(done.rowcount)


def vacuum(database: Database) -> None:
    """Gives the room of deleted rows back, so that nothing of them stays in the file. SQLite; elsewhere the server's
    own vacuum does it."""
    if not database.is_sqlite:
        return
    with closing(sqlite3.connect(_path(database), timeout=30, isolation_level=None)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def whole(database: Database) -> str:
    """What the database says about its own files: "ok", or the first trouble."""
    if not database.is_sqlite:
        return "ok"
    with closing(sqlite3.connect(f"file:{_path(database)}?mode=ro", uri=True, timeout=30)) as connection:
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])


def clock(database: Database) -> datetime:
    """The database's own clock (on SQLite it is this machine's)."""
    with database.read() as tx:
        if tx.is_sqlite:
            said = tx.connection.exec_driver_sql("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')").scalar()
            return datetime.fromisoformat(str(said)).replace(tzinfo=UTC)
        found: datetime = tx.connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return found


def in_doubt(tx: Transaction, before: datetime) -> tuple[int, datetime | None]:
    """How many messages are due since before that moment without having left, and since when."""
    rows = tx.rows(
        select(_m.due_at).where(or_(_m.state == "scheduled", _m.state == "sending"), _m.due_at < before)
        .order_by(_m.due_at).limit(1000)
    )
    return len(rows), rows[0]["due_at"] if rows else None


def _path(database: Database) -> Path:
    path = database.url.removeprefix("sqlite:///")
    if not path or path == ":memory:":
        raise NoBackup("a database in memory has no file")
    return Path(path)


def _copy_sqlite(source: Path, target: Path, journal: str = "DELETE") -> None:
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as here,
        closing(sqlite3.connect(target, timeout=30)) as there,
    ):
        # All pages in one step: the copy is the state of one moment, and writers go on in their log meanwhile.
        here.backup(there, pages=-1)
        there.execute(f"PRAGMA journal_mode={journal}")
        if (said := there.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise NoBackup(f"the copy is damaged: {said}")


def _check_sqlite(source: Path) -> None:
    try:
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise NoBackup(f"{source} is damaged")
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
            if connection.execute("SELECT 1 FROM house WHERE name = ?", (BEGUN,)).fetchone() is None:
                raise NoBackup(f"{source} does not say when it was taken: it was not written by `relance backup`")
    except sqlite3.Error as error:
        raise NoBackup(f"{source} is not a database of Relance: {error}") from error


def _run(tool: str, database: Database | None, *arguments: str) -> None:
    found = shutil.which(tool)
    if found is None:
        raise NoBackup(f"{tool} is not installed: PostgreSQL is copied with its own tools (postgresql-client)")
    env, address = _address(database) if database is not None else (dict(os.environ), [])
    # No shell, one of three programs of the system, and the operator's own address.
    ended = subprocess.run(  # noqa: S603  # nosec B603
        [found, *address, *arguments], env=env, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise NoBackup(f"{tool}: {ended.stderr.strip().splitlines()[-1] if ended.stderr.strip() else 'failed'}")


def _address(database: Database) -> tuple[dict[str, str], list[str]]:
    """How PostgreSQL's own tools reach the database: an environment and arguments. The password goes by the
    environment, since a command line can be read by everybody on the machine."""
    url = database.engine.url
    env = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    address = ["--host", url.host or "127.0.0.1", "--port", str(url.port or 5432), "--dbname", url.database or ""]
    return env, [*address, *(["--username", url.username] if url.username else []), "--no-password"]
