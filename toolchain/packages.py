"""Debian packages: which ones a feature needs, which of them are missing, and installing those."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

from toolchain.errors import DiskFullError, PackagesError
from toolchain.progress import Progress, default_progress

CLUSTER: Final = frozenset(
    {
        "conntrack",  # kube-proxy forgets connections to pods that are gone
        "containerd",
        "containernetworking-plugins",
        "ethtool",
        "iproute2",
        "iptables",  # kube-proxy
        "kmod",
        "mount",
        "nftables",  # network policies
        "procps",
        "runc",
        "socat",  # kubectl port-forward
        "util-linux",  # nsenter, unshare
    }
)
"""What the embedded cluster runs with."""

IMAGES: Final = frozenset(
    {
        "buildah",
        "g++",  # the model server's kernels
        "mmdebstrap",  # a base image where no container registry is reachable
        "runc",
    }
)
"""What builds container images."""

TESTS: Final = frozenset(
    {
        "curl",
        "docker-registry",  # a real registry to push to
        "jq",  # the workflows, as GitHub's runners have it
        "openssl",
        "zstd",
    }
)
"""What the tests run beside the product's own parts."""

_ATTEMPTS: Final = 3
_PAUSE_S: Final = 5.0
_LOCK_TIMEOUT_S: Final = 120
_INDEX_AGE_S: Final = 24 * 3600.0
"""Package lists older than a day name versions that a mirror may have removed."""
_LISTS: Final = Path("/var/lib/apt/lists")
_DISK_FULL: Final = re.compile(r"No space left on device|don't have enough free space", re.IGNORECASE)
_UNKNOWN: Final = re.compile(r"Unable to locate package (\S+)|Package '?(\S+?)'? has no installation candidate")
_NETWORK: Final = re.compile(r"Failed to fetch|Temporary failure resolving|Could not connect|Could not resolve")
_LOCKED: Final = re.compile(r"Could not get lock|is held by process")


def missing(packages: Collection[str]) -> list[str]:
    """Return which of these packages aren't installed, in alphabetical order.

    Raises:
        PackagesError: this isn't a Debian system.
    """
    if shutil.which("dpkg-query") is None:
        raise PackagesError(
            f"this machine has no dpkg, so it isn't Debian or Ubuntu. Install by its own means: {_words(packages)}"
        )
    # It exits with 1 where it doesn't know a package at all; the lines for the others are right nevertheless.
    done = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Abbrev}\\n", *sorted(packages)],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {line.split()[0] for line in done.stdout.splitlines() if line.rstrip().endswith(" ii")}
    return sorted(set(packages) - installed)


def ensure(packages: Collection[str], progress: Progress | None = None) -> list[str]:
    """Install the packages that are missing and return their names; nothing is touched where none is.

    Args:
        packages: names of Debian packages.
        progress: what to report an installation to; by default stderr.

    Raises:
        PackagesError: they can't be installed; the message says why and has the command to run by hand.
        DiskFullError: there is no room for them.
    """
    absent = missing(packages)
    if not absent:
        return []
    by_hand = f"apt-get install {' '.join(absent)}"
    if shutil.which("apt-get") is None:
        raise PackagesError(f"this machine has no apt-get. Install by its own means: {_words(absent)}")
    if os.geteuid() != 0:
        raise PackagesError(f"Debian packages are missing and only root can install them: sudo {by_hand}")
    with default_progress() if progress is None else progress as report:
        report.begin(f"installing {len(absent)} Debian packages")
        _install(absent, report)
        report.end(f"installed {_words(absent)}")
    if still := missing(packages):
        raise PackagesError(f"apt-get said nothing wrong, but these are not installed: {_words(still)}")
    return absent


def _install(names: list[str], report: Progress) -> None:
    if _index_age_s() > _INDEX_AGE_S:
        report.update("refreshing the package lists")
        _apt("update")
    for attempt in range(1, _ATTEMPTS + 1):
        report.update(" ".join(names))
        said = _apt("install", "--yes", "--no-install-recommends", *names)
        if said is None:
            return
        error = _explained(said, names)
        if attempt == _ATTEMPTS or not (_NETWORK.search(said) or _LOCKED.search(said) or _UNKNOWN.search(said)):
            raise error
        # The lists may name versions that the mirror replaced meanwhile.
        report.update("refreshing the package lists")
        time.sleep(0 if _UNKNOWN.search(said) else _PAUSE_S)
        _apt("update")


def _apt(*arguments: str) -> str | None:
    """Run apt-get; return what it printed when it failed."""
    command = ["apt-get", "-o", f"DPkg::Lock::Timeout={_LOCK_TIMEOUT_S}", "-o", "Dpkg::Use-Pty=0", "-q"]
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "LC_ALL": "C.UTF-8",  # its messages are read below
        "NEEDRESTART_MODE": "l",  # Ubuntu: list what wants a restart, don't ask
        "RUNLEVEL": "1",  # no service is started (sysvinit): the cluster runs a containerd of its own
    }
    done = subprocess.run(
        [*command, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return done.stdout if done.returncode else None


def _explained(said: str, names: list[str]) -> PackagesError | DiskFullError:
    by_hand = f"apt-get install {' '.join(names)}"
    tail = "\n".join(f"  {line}" for line in said.strip().splitlines()[-8:])
    if _DISK_FULL.search(said):
        return DiskFullError(f"there is no room for Debian packages:\n{tail}\nMake room under /var and run again.")
    if match := _UNKNOWN.search(said):
        return PackagesError(
            f"this machine's package sources don't have {match[1] or match[2]}; it takes Debian 12 or "
            f"Ubuntu 22.04 or later, with `universe` enabled on Ubuntu:\n{tail}"
        )
    if _LOCKED.search(said):
        return PackagesError(f"another program has been installing packages for two minutes:\n{tail}\nRun again.")
    if _NETWORK.search(said):
        return PackagesError(
            f"the package mirror can't be reached:\n{tail}\nCheck the network, then run again: {by_hand}"
        )
    return PackagesError(f"`{by_hand}` failed:\n{tail}\nA broken package is repaired by: dpkg --configure -a")


def _index_age_s() -> float:
    """Return the age of apt's package lists; infinite where there are none."""
    lists = [file.stat().st_mtime for file in _LISTS.glob("*_Packages*")]
    return time.time() - max(lists) if lists else float("inf")


def _words(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
