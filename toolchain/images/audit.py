"""Known vulnerabilities of an image's locked packages, by pip-audit.

It asks a service that knows them (PyPI's own, or OSV), which a machine that reaches package indexes only can't: there
the audit fails and says so, as an image that nobody could look up is not a clean one. CI runs it.
"""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from toolchain.images import dependencies
from toolchain.images.errors import AuditError
from toolchain.images.recipe import recipe_of

_PIP_AUDIT = "pip-audit==2.10.1"
"""Run by uv in an environment of its own: it is no part of the product."""
_TIMEOUT_S = "15"


@dataclass(frozen=True)
class Vulnerability:
    """One known fault of a package.

    Attributes:
        package: Name and version.
        identifier: As the service calls it, such as GHSA-…, PYSEC-….
        fixed_in: Versions without it; empty where there are none.
    """

    package: str
    identifier: str
    fixed_in: tuple[str, ...]


def audit(name: str, *, service: str = "pypi") -> list[Vulnerability]:
    """Look up the packages that uv.lock pins for an image; one without any has nothing to look up here.

    Args:
        name: Of the image.
        service: What is asked: `pypi` or `osv`.

    Raises:
        AuditError: the service can't be reached, or knows none of the packages; nothing is said about the image then.
        DependenciesError: uv.lock can't be read.
    """
    wanted = recipe_of(name).locked_packages(cpu=False)
    if not wanted:
        return []  # Debian's packages alone: a registry's own scanner knows them by the image's list
    with tempfile.TemporaryDirectory(prefix="modelfleet-audit-") as scratch:
        listed = Path(scratch) / "requirements.txt"
        listed.write_text(wanted, encoding="utf-8")
        command = [str(dependencies.find_uv()), "tool", "run", "--from", _PIP_AUDIT, "pip-audit"]
        command += ["--requirement", str(listed), "--require-hashes", "--disable-pip", "--format", "json"]
        command += ["--vulnerability-service", service, "--timeout", _TIMEOUT_S, "--progress-spinner", "off"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    # It exits with 1 where it has found something, and prints it all the same.
    try:
        told = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise AuditError(f"pip-audit could not look up the packages of image '{name}' ({service}): {last}") from error
    skipped = [dependency["name"] for dependency in told if "skip_reason" in dependency]
    if skipped:
        raise AuditError(
            f"{len(skipped)} of {len(told)} packages of image '{name}' could not be looked up by {service} "
            f"({', '.join(sorted(skipped)[:3])} …): is it reachable from here? Until it is, nothing is known"
        )
    return [
        Vulnerability(f"{dependency['name']} {dependency['version']}", each["id"], tuple(each["fix_versions"]))
        for dependency in told
        for each in dependency["vulns"]
    ]
