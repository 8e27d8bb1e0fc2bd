"""A fleet of simulated regions."""

from pathlib import Path

import pytest

from tests.release.fleet import SimulatedFleet


@pytest.fixture
def fleet(tmp_path: Path) -> SimulatedFleet:
    return SimulatedFleet(tmp_path)
