"""Times and regions of a rollout, read from the journal of one."""

from pathlib import Path

import pytest

from fleet.release_drill.story import Story
from tests.release.fleet import GOOD, MISSING, PLAN, STACKS, WRONG, SimulatedFleet
from tests.release.simulated import Behaviour, digest

WAVES = tuple(wave.name for wave in PLAN.waves)
_TAKES_S = {"update": 20.0, "revert": 15.0, "gate": 8.0, "verify": 9.0}


@pytest.fixture
def fleet(tmp_path: Path) -> SimulatedFleet:
    return SimulatedFleet(tmp_path)


def told(fleet: SimulatedFleet, number: int) -> Story:
    """Release something whose steps take their time."""

    def pass_time(point: str) -> None:
        step, _, moment = point.partition(":")
        if moment == "announced":
            fleet.clock.wait(_TAKES_S.get(step, 0.0))

    fleet.deploy(number, hook=pass_time)
    latest = fleet.releases().journals.latest()
    assert latest is not None
    return Story.of(latest.entries, WAVES)


def test_of_a_good_release(fleet: SimulatedFleet) -> None:
    story = told(fleet, GOOD)
    assert story.outcome == "released"
    assert list(story.touched) == STACKS
    assert story.passed == WAVES
    assert story.refusals == ()
    assert story.returns == {}


def test_of_one_that_the_gate_refuses(fleet: SimulatedFleet) -> None:
    story = told(fleet, WRONG)
    assert story.outcome == "rolled back"
    assert story.touched == {"c": "canary"}
    (refusal,) = story.refusals
    assert (refusal.stack, refusal.checks) == ("c", ("answers",))
    assert refusal.detected_s == _TAKES_S["update"] + _TAKES_S["gate"]
    back = story.returns["c"]
    assert (back.restored_s, back.rollout_s) == (_TAKES_S["revert"] + _TAKES_S["verify"], _TAKES_S["revert"])
    assert back.beyond_s == _TAKES_S["verify"]


def test_of_one_whose_update_fails(fleet: SimulatedFleet) -> None:
    (refusal,) = told(fleet, MISSING).refusals
    assert refusal.checks == ("update",)
    assert refusal.detected_s == _TAKES_S["update"]


def test_a_later_wave_s_refusal_takes_all_back(fleet: SimulatedFleet) -> None:
    fleet.by_stack["f2"] = {digest(GOOD): Behaviour.WRONG}
    story = told(fleet, GOOD)
    assert story.passed == ("canary",)
    assert set(story.returns) == {"c", "f1", "f2"}
    assert story.returns["c"].restored_s > story.returns["f1"].restored_s  # the newest wave goes first


def test_one_without_an_end_has_no_outcome(fleet: SimulatedFleet) -> None:
    fleet.deploy(GOOD)
    latest = fleet.releases().journals.latest()
    assert latest is not None
    assert Story.of(latest.entries[:4], WAVES).outcome == ""
