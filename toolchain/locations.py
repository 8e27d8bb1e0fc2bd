"""Where things live on this machine: what can be made again, what can't, and what only this boot knows.

The folders follow the XDG base directory specification, so that a second clone finds what the first one built.
Nothing is created here; whoever writes creates.
"""

import os
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


def tools_dir() -> Path:
    """Return the folder of built tools: one sub-folder for each version and recipe."""
    return cache_dir() / "tools"


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
    path = Path(value).expanduser()
    if not path.is_absolute():
        message = (
            f"{variable}={value} is a relative path, which would mean another folder wherever it is used; "
            "give an absolute one"
        )
        raise LocationError(message)
    return path
