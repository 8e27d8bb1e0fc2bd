"""`fleet cluster` clears what is left of a cluster, even where its folder is gone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster


def fleet(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from fleet.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "MODELFLEET_STATE": str(state)},
        check=False,
    )


@pytest.fixture
def remnant() -> Iterator[str]:
    """A cluster whose state folder was deleted by hand: its network namespace is left."""
    name = f"lost{os.getpid() % 10_000}"
    subprocess.run(["ip", "netns", "add", f"modelfleet-{name}"], check=True)
    try:
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", f"modelfleet-{name}"], check=False, capture_output=True)


def test_what_is_left_of_a_cluster_without_a_folder_is_cleared(remnant: str, tmp_path: Path) -> None:
    found = fleet(tmp_path, "leftovers")
    assert f"network namespace /run/netns/modelfleet-{remnant}" in found.stdout

    stopped = fleet(tmp_path, "cluster", "stop", remnant)
    assert stopped.returncode == 0, stopped.stderr
    assert not Path(f"/run/netns/modelfleet-{remnant}").exists()

    again = fleet(tmp_path, "cluster", "stop", remnant)
    assert again.returncode == 1
    assert f"no cluster '{remnant}' here" in again.stderr
