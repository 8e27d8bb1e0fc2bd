"""`make up` installs the packages of the project itself, none of its groups: `fleet` has to start with those alone."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
_IMPORT = """
import sys
missing = set(sys.argv[2:])
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"{name} is in a group that `make up` leaves out")
sys.meta_path.insert(0, Missing())
__import__(sys.argv[1])
"""


def _runtime() -> set[str]:
    """Name the distributions that the project needs, directly or not."""
    found: set[str] = set()
    asked = [Requirement("modelfleet")]
    while asked:
        requirement = asked.pop()
        key = canonicalize_name(requirement.name)
        try:
            needs = distribution(key).requires or []
        except PackageNotFoundError:
            continue
        if key in found and not requirement.extras:
            continue
        found.add(key)
        extras = {"", *requirement.extras}
        asked.extend(
            need
            for need in map(Requirement, needs)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras)
        )
    return found


@pytest.mark.parametrize("module", ["fleet.app", "fleet.stacks", "fleet.commands.tools", "fleet.commands.stack"])
def test_fleet_starts_without_the_groups(module: str) -> None:
    runtime = _runtime()
    left_out = [
        name
        for name, owners in packages_distributions().items()
        if not runtime & {canonicalize_name(owner) for owner in owners}
    ]
    assert "botocore" in left_out
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT, module, *left_out], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
