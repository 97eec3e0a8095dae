"""On what a file lies: a disk of this machine, where locks hold, or one that several machines share."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
# proc_pid_mountinfo(5): the mount point is the fifth field, the type follows " - "; blanks are written in octal.
_LINE = re.compile(r"\S+ \S+ \S+ \S+ (?P<place>\S+) .*? - (?P<type>\S+)")
_OCTAL = re.compile(r"\\([0-7]{3})")
_SHARED = frozenset({
    "afs", "beegfs", "ceph", "cifs", "davfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2",
    "orangefs", "smb3", "smbfs",
    *(f"fuse.{name}" for name in ("ceph", "ceph-fuse", "davfs2", "gcsfuse", "glusterfs", "goofys", "juicefs", "mfs",
                                  "rclone", "s3fs", "sshfs")),
})  # fmt: skip


def shared_by_machines(path: Path, mounts: str | None = None) -> str | None:
    """The kind of file system (`nfs4`) when `path`, or the folder in which it is to be made, lies on one that several
    machines may use at a time; None for a disk of this machine, and where the system does not tell. `mounts` is read
    in place of the machine's own list."""
    if mounts is None:
        try:
            mounts = MOUNTS.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    place = path.resolve()
    found, longest = "", -1
    for line in _LINE.finditer(mounts):
        mounted = Path(_OCTAL.sub(lambda octal: chr(int(octal[1], 8)), line["place"]))
        # The last one on the same place hides those before it.
        if place.is_relative_to(mounted) and len(mounted.parts) >= longest:
            found, longest = line["type"], len(mounted.parts)
    return found if found in _SHARED else None
