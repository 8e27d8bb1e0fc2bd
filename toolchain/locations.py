"""Where things live on this machine: what can be made again, what can't, and what only this boot knows.

The folders follow the XDG base directory specification, so that a second clone finds what the first one built.
Nothing is created here; whoever writes creates.
"""

import os
import tempfile
from pathlib import Path

from toolchain.errors import LocationError


def cache_dir() -> Path:
    """Return the folder of everything that can be made again: binaries, Go's caches, base images.

    ``$MODELFLEET_CACHE``, else ``$XDG_CACHE_HOME/modelfleet``, else ``~/.cache/modelfleet``.

    Raises:
        LocationError: the environment names a relative path.
    """
    return _folder("MODELFLEET_CACHE", "XDG_CACHE_HOME", ".cache")


def state_dir() -> Path:
    """Return the folder of what is lost when it is deleted: cluster data, Pulumi state, local buckets.

    ``$MODELFLEET_STATE``, else ``$XDG_STATE_HOME/modelfleet``, else ``~/.local/state/modelfleet``.

    Raises:
        LocationError: the environment names a relative path.
    """
    return _folder("MODELFLEET_STATE", "XDG_STATE_HOME", ".local/state")


def run_dir() -> Path:
    """Return the folder of what the whole machine shares until the next boot: leases of subnets and names.

    ``$MODELFLEET_RUN``, else ``/run/modelfleet``.

    Raises:
        LocationError: the environment names a relative path.
    """
    named = _absolute("MODELFLEET_RUN")
    return Path("/run/modelfleet") if named is None else named


def unusable(path: Path) -> str | None:
    """Say which variable to change where one of these folders is why the operating system refused a path.

    Args:
        path: what it refused, below the folder or above it.

    Returns:
        What is wrong and what would be right; None where the folder can be written.
    """
    for variable, folder in (
        ("MODELFLEET_CACHE", cache_dir),
        ("MODELFLEET_STATE", state_dir),
        ("MODELFLEET_RUN", run_dir),
    ):
        ours = folder()
        if ours != path and ours not in path.parents and path not in ours.parents:
            continue
        try:
            ours.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=ours).close()
        except OSError as error:
            named = (
                f"{variable}={os.environ[variable]}" if os.environ.get(variable) else f"{ours} (no {variable} is set)"
            )
            return (
                f"{named}: nothing can be written there ({error.strerror}); set {variable} to a folder, there or not "
                "yet, that this user may write to"
            )
    return None


def tools_dir() -> Path:
    """Return the folder of built tools: one sub-folder for each version and recipe."""
    return cache_dir() / "tools"


def bucket_dir(stack: str) -> Path:
    """Return the folder that a local stack has in place of a cloud's bucket."""
    return state_dir() / "buckets" / stack


def clone_dir() -> Path:
    """Return the root of this clone, which holds Pulumi.yaml."""
    return Path(__file__).resolve().parent.parent


def _folder(own_variable: str, xdg_variable: str, below_home: str) -> Path:
    named = _absolute(own_variable)
    if named is not None:
        return named
    # The specification says that a relative path in an XDG variable is invalid and to be ignored.
    xdg = os.environ.get(xdg_variable, "")
    if xdg.startswith("/"):
        return Path(xdg) / "modelfleet"
    return Path.home() / below_home / "modelfleet"


def _absolute(variable: str) -> Path | None:
    value = os.environ.get(variable, "")
    if not value:
        return None
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:
        raise LocationError(f"{variable}={value}: {error}; give an absolute path") from None
    if not path.is_absolute():
        message = (
            f"{variable}={value} is a relative path, which would mean another folder wherever it is used; "
            "give an absolute one"
        )
        raise LocationError(message)
    return path
