"""Killed at any point and resumed, a release ends as one that nobody disturbed."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release.steps import fault_points
from tests.release.fleet import GOOD, WRONG, SimulatedFleet
from tests.release.simulated import Behaviour, KilledError, Killer, digest

POINTS = [*fault_points(), "update:half"]
STORIES = ["passes", "refused by the canary", "refused by the first wave"]


def prepared(folder: Path, story: str) -> tuple[SimulatedFleet, int]:
    fleet = SimulatedFleet(folder)
    if story == "refused by the first wave":
        fleet.by_stack["f2"] = {digest(GOOD): Behaviour.WRONG}
    return fleet, WRONG if story == "refused by the canary" else GOOD


def undisturbed(folder: Path, story: str) -> dict[str, Any]:
    fleet, number = prepared(folder / "undisturbed", story)
    fleet.deploy(number)
    return fleet.state()


def test_there_are_points_between_all_that_is_written() -> None:
    assert len(POINTS) >= 12
    assert len(set(POINTS)) == len(POINTS)


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("point", POINTS)
def test_killed_once(tmp_path: Path, story: str, point: str) -> None:
    fleet, number = prepared(tmp_path, story)
    killer = Killer(point)
    try:
        fleet.deploy(number, hook=killer)
    except KilledError:
        fleet.fresh_checkout()
        fleet.resume()
    else:
        assert point not in killer.passed  # the other story's step
    assert fleet.state() == undisturbed(tmp_path, story)


@given(
    story=st.sampled_from(STORIES),
    kills=st.lists(st.tuples(st.sampled_from(POINTS), st.integers(1, 4)), min_size=1, max_size=5),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_killed_again_and_again(
    tmp_path_factory: pytest.TempPathFactory, story: str, kills: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("kills")
    fleet, number = prepared(folder, story)
    resumed = False
    for point, count in kills:
        try:
            end = (
                fleet.resume(hook=Killer(point, count)) if resumed else fleet.deploy(number, hook=Killer(point, count))
            )
        except KilledError:
            resumed = True
            fleet.fresh_checkout()
        else:
            assert end is not None
            break
    else:
        fleet.resume()
    assert fleet.state() == undisturbed(folder, story)
