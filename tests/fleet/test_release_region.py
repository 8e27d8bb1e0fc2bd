"""Looks at a deployed region that can't be looked at."""

from types import SimpleNamespace

import pytest

from fleet.console import FleetError
from fleet.release_region import DeployedRegion, _OpenRegion
from release.baseline import Baseline
from release.gate.verdict import failures
from release.region import NoMigration
from release.waves import GateSettings


class Unreadable(DeployedRegion):
    """Every way to it fails."""

    def _opened(self) -> _OpenRegion:
        raise FleetError("the tunnel is closed")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def region(said: list[str]) -> Unreadable:
    return Unreadable("local", GateSettings(), NoMigration(), said.append)


def test_one_that_cannot_be_looked_at_was_ill_before(region: Unreadable) -> None:
    assert region.observe().ills == ("it can't be looked at: the tunnel is closed",)


def test_the_gate_looks_again_for_a_while(region: Unreadable, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(passed), sleep=passed.append)
    monkeypatch.setattr("fleet.release_region.time", clock)
    verdicts = region.judge(Baseline(), None)
    assert "the tunnel is closed" in str(failures(verdicts))
    assert sum(passed) == 60
    assert len(said) == len(passed) > 2
