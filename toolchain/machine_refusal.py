"""What a full disk, a missing right or a read-only file system is told, wherever it turns up."""

import errno
from pathlib import Path

from toolchain.locations import unusable

_WAYS_OUT = {
    errno.ENOSPC: "make room, or name a folder on another disk in MODELFLEET_STATE and MODELFLEET_CACHE",
    errno.EDQUOT: "make room, or name a folder on another disk in MODELFLEET_STATE and MODELFLEET_CACHE",
    errno.EACCES: "run as root (sudo), or name folders of yours in MODELFLEET_STATE and MODELFLEET_CACHE",
    errno.EPERM: "run as root (sudo), or name folders of yours in MODELFLEET_STATE and MODELFLEET_CACHE",
    errno.EROFS: "name writable folders in MODELFLEET_STATE and MODELFLEET_CACHE",
    errno.ENOTDIR: "something on the way to it is a file: move that away, or name other folders in MODELFLEET_STATE "
    "and MODELFLEET_CACHE",
}


def machine_refusal(error: BaseException) -> str | None:
    """Say what the machine refused and what to do, or None where it is nothing that a person can mend.

    Args:
        error: any error; only those of the operating system are known here.
    """
    if not isinstance(error, OSError):
        return None
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    if not full and isinstance(error.filename, str) and (wrong := unusable(Path(error.filename))):
        return wrong
    if error.errno not in _WAYS_OUT:
        return None
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    return f"{what}: {_WAYS_OUT[error.errno]}; then run the same command again"
