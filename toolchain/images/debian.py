"""Debian packages taken apart: their files in an archive, none installed, none of their scripts run.

They come from the mirror that this machine's apt uses, through mmdebstrap, so that a closed network and a machine that
runs another distribution get the same files.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from toolchain.images.errors import DebianPackagesError

SUITE = "bookworm"
STATUS = "var/lib/dpkg/status"
"""dpkg's list of what is installed, in an archive."""

# Scanners read which packages an image holds from dpkg's status file, which extracting alone doesn't write.
_RECORD_PACKAGES = (
    'for deb in "$1"/var/cache/apt/archives/*.deb; do dpkg-deb --field "$deb" '
    '&& printf "Status: install ok installed\\n\\n"; done > "$1"/var/lib/dpkg/status'
)


def extract(packages: Sequence[str], archive: Path, *, epoch_s: int, hooks: Sequence[str] = ()) -> None:
    """Write the files of packages, and of what they depend on, into a tar archive.

    Args:
        packages: Names.
        archive: Is written; mmdebstrap's own files go into its folder meanwhile.
        epoch_s: Newest time stamp of a file in it.
        hooks: Shell commands that are run on the extracted files' folder, `$1`.

    Raises:
        DebianPackagesError: mmdebstrap is missing, or the packages can't be fetched or unpacked.
    """
    if shutil.which("mmdebstrap") is None:
        raise DebianPackagesError(
            "mmdebstrap is missing: apt-get install mmdebstrap (or name a base in a registry, see docs)"
        )
    scratch = archive.parent
    command = [
        "mmdebstrap", "--mode=root", "--variant=extract", "--format=tar", f"--include={','.join(packages)}",
        f"--aptopt={_apt_options(scratch)}",
        *(f"--extract-hook={hook}" for hook in (_RECORD_PACKAGES, *hooks)),
        SUITE, str(archive),
    ]  # fmt: skip
    sources = _sources()
    if sources:
        listed = scratch / "sources.list"
        listed.write_text(sources)
        command.append(str(listed))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch_s), "TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"}
    made = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise DebianPackagesError(
            f"mmdebstrap could not unpack {', '.join(packages)} of Debian {SUITE}: {made.stderr.strip()[-1500:]}"
        )


def _sources() -> str:
    """Return the lines of this machine's own mirror for the suite; none where it runs another distribution."""
    if shutil.which("apt-get") is None:
        return ""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CREATED_BY)|$(ORIGIN)|$(SITE)|$(RELEASE)|$(COMPONENT)"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    lines = set()
    for line in listing.splitlines():
        kind, origin, site, release, component = line.split("|")
        if kind == "Packages" and origin == "Debian" and component == "main" and release.partition("-")[0] == SUITE:
            lines.add(f"deb {site} {release} main\n")
    # Without the suite itself (only its updates, say) the default mirror is the better choice.
    return "".join(sorted(lines)) if any(f" {SUITE} main" in line for line in lines) else ""


def _apt_options(scratch: Path) -> Path:
    """Write this machine's proxy and certificate settings where mmdebstrap's own apt, which reads none, finds them."""
    options = scratch / "apt.conf"
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    wanted = ("Acquire::http::", "Acquire::https::", "Acquire::Retries", "Acquire::ForceIPv4")
    lines = [line for line in dump.splitlines() if line.startswith(wanted)]
    options.write_text("".join(f"{line}\n" for line in lines))
    return options
