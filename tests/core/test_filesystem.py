"""Where a SQLite file may lie when several processes write it: on a disk of this machine, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.filesystem import shared_by_machines
from core.settings import Settings, WrongSetting

MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:5 / /proc rw,nosuid - proc proc rw
30 22 0:40 / /srv/data rw,relatime shared:7 master:2 - nfs4 filer:/exports/data rw,vers=4.2
31 22 0:41 / /srv/over rw,relatime - nfs4 filer:/exports/over rw
32 31 254:1 / /srv/over rw,relatime - xfs /dev/vdb1 rw
33 22 0:42 / /mnt/with\040blank rw - cifs //filer/share rw
34 22 0:43 / /home/ana/far rw - fuse.sshfs ana@far: rw
"""


@pytest.mark.parametrize(("path", "kind"), [
    ("/var/lib/relance/relance.db", None),
    ("/srv/data/relance.db", "nfs4"),
    ("/srv/database/relance.db", None),             # a name that only begins like the mount's
    ("/srv/data/new/folder/relance.db", "nfs4"),    # which nobody has made yet
    ("/srv/over/relance.db", None),                 # a disk that was mounted over it
    ("/mnt/with blank/relance.db", "cifs"),
    ("/home/ana/far/relance.db", "fuse.sshfs"),
])  # fmt: skip
def test_the_mount_that_is_nearest_decides(path: str, kind: str | None) -> None:
    assert shared_by_machines(Path(path), MOUNTS) == kind


def test_this_machines_own_list_can_be_read(tmp_path: Path) -> None:
    assert shared_by_machines(tmp_path) is None
    assert shared_by_machines(tmp_path, "nonsense\n\n- \n") is None


DISTRIBUTED = {"RELANCE_RUNNER": "distributed", "RELANCE_BROKER_URL": "redis://127.0.0.1:6379/0"}


def given(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"RELANCE_DATA_DIR": str(tmp_path), **{f"RELANCE_{name}": value for name, value in more.items()}}


def test_several_processes_may_share_a_file_of_this_machine(tmp_path: Path) -> None:
    settings = Settings.read({**given(tmp_path), **DISTRIBUTED})

    assert settings.shares_sqlite
    assert settings.sqlite_file == tmp_path / "relance.db"
    assert not Settings.read(given(tmp_path)).shares_sqlite


def test_a_file_on_a_network_disk_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    env = {**given(tmp_path, DATABASE_URL="sqlite:////srv/data/relance.db"), **DISTRIBUTED}

    with pytest.raises(WrongSetting, match=r"RELANCE_DATABASE_URL: /srv/data/relance.db .*nfs4.*PostgreSQL"):
        Settings.read(env, mounts=MOUNTS)
    # One process alone may, at its own risk: `relance doctor` warns.
    assert Settings.read(given(tmp_path, DATABASE_URL="sqlite:////srv/data/relance.db"), mounts=MOUNTS).is_sqlite


def test_what_is_in_memory_cannot_be_shared(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match="RELANCE_DATABASE_URL"):
        Settings.read({**given(tmp_path, DATABASE_URL="sqlite:///:memory:"), **DISTRIBUTED})
