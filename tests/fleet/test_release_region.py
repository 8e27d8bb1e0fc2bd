"""Looks at a deployed region that can't be looked at."""

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.console import FleetError
from fleet.release_cluster import BeforeUpdate
from fleet.release_region import DeployedRegion, _OpenRegion
from release.baseline import Baseline
from release.gate.check import PodTrouble
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


class Watched:
    """A cluster whose pods are watched: what they are compared with."""

    def __init__(self) -> None:
        self.compared_with: BeforeUpdate | None = None

    def before_update(self) -> BeforeUpdate:
        return BeforeUpdate({"server": 9}, {"server-1/server": 4})

    def troubles_since(self, before: BeforeUpdate) -> list[PodTrouble]:
        self.compared_with = before
        return []


@pytest.mark.parametrize(
    ("before", "compared_with"),
    [
        # A killed run of this update has brought revision 9, whose pods are to be watched in the resumed one.
        (
            Baseline(revisions={"server": 8}, restarts={"server-1/server": 3}),
            BeforeUpdate({"server": 8}, {"server-1/server": 3}),
        ),
        # It couldn't be looked at then, or this is the way back: only what comes from now on is the update's.
        (Baseline(), BeforeUpdate({"server": 9}, {"server-1/server": 4})),
        (None, BeforeUpdate({"server": 9}, {"server-1/server": 4})),
    ],
)
def test_an_update_s_pods_are_compared_with_before_the_rollout(
    monkeypatch: pytest.MonkeyPatch, before: Baseline | None, compared_with: BeforeUpdate
) -> None:
    cluster = Watched()

    @contextmanager
    def opened(_: DeployedRegion) -> Any:
        yield SimpleNamespace(cluster=cluster)

    monkeypatch.setattr(DeployedRegion, "_opened", opened)
    monkeypatch.setattr("fleet.release_region.StackUpdate.run", lambda update: update.troubles())
    DeployedRegion("local", GateSettings(), NoMigration(), print).update(before)
    assert cluster.compared_with == compared_with
