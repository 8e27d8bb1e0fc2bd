"""What a drill says of a release's end: each thing that isn't as it has to be is told."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from fleet.release_drill.clients import Seen
from fleet.release_drill.finding import BEYOND_LIMIT_S, Finding, RegionAfter
from fleet.release_drill.scenario import BAD, GOOD
from fleet.release_drill.standing import Standing
from fleet.release_drill.story import Refusal, Return, Story

OLD, NEW = "server@old", "server@new"
CANARY, LATER = "drill-canary", "drill-last"
SLOW = next(scenario for scenario in BAD if scenario.name == "slow")


def standing(image: str, generation: int = 1) -> Standing:
    return Standing(
        {"model-server": image}, {"model-server": generation}, {"model-server": frozenset({image})}, frozenset({"pod"})
    )


def region(before: Standing, after: Standing, *recorded: str) -> RegionAfter:
    return RegionAfter("wave", before, after, recorded, answers=True, seen=Seen(answered=30))


def caught() -> Finding:
    """A bad release that ended as it has to."""
    story = Story(
        outcome="rolled back",
        touched={CANARY: "canary"},
        passed=(),
        refusals=(Refusal(CANARY, ("latency (probe)",), "latency (probe): 3 times", 40.0),),
        returns={CANARY: Return(restored_s=30.0, rollout_s=18.0)},
        took_s=90.0,
    )
    regions = {
        CANARY: region(standing(OLD), standing(OLD, 3), "rolled back"),
        LATER: region(standing(OLD), standing(OLD)),
    }
    return Finding(SLOW, NEW, (3,), story, regions, 100.0)


def released() -> Finding:
    story = Story("released", {CANARY: "canary", LATER: "last"}, ("canary", "last"), (), {}, 120.0)
    regions = {stack: region(standing(OLD), standing(NEW, 2), "released") for stack in (CANARY, LATER)}
    return Finding(GOOD, NEW, (0,), story, regions, 130.0)


def test_what_ended_as_it_has_to_has_no_problem() -> None:
    assert released().problems == ()
    assert caught().problems == ()
    row = caught().row
    assert (row["caught_in"], row["caught_by"], row["untouched"]) == ("canary", ["latency (probe)"], [LATER])
    assert (row["detected_s"], row["restored_s"], row["rollout_s"], row["beyond_s"]) == (40.0, 30.0, 18.0, 12.0)


def with_story(finding: Finding, **changed: object) -> Finding:
    return replace(finding, story=replace(finding.story, **changed))


def with_region(finding: Finding, stack: str, **changed: object) -> Finding:
    return replace(finding, regions={**finding.regions, stack: replace(finding.regions[stack], **changed)})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda it: with_story(it, outcome="released"), "it ended as released"),
        (lambda it: with_story(it, outcome="stuck"), "it ended as stuck"),
        (lambda it: with_story(it, touched={CANARY: "canary", LATER: "last"}), "not the canary alone"),
        (lambda it: with_story(it, refusals=(Refusal(CANARY, ("readiness",), "", 1.0),)), "refused by readiness"),
        (lambda it: with_story(it, returns={}), "never verified"),
        (lambda it: with_story(it, returns={CANARY: Return(BEYOND_LIMIT_S + 21, 20)}), "61 s beyond its rollout"),
        (lambda it: with_region(it, CANARY, after=standing(NEW)), "isn't told to run what it ran"),
        (
            lambda it: with_region(it, CANARY, after=replace(standing(OLD), serving={"model-server": frozenset()})),
            "doesn't serve from what it did",
        ),
        (lambda it: with_region(it, CANARY, recorded=()), "not one of a rollback"),
        (lambda it: with_region(it, CANARY, answers=False), "doesn't answer as before"),
        (lambda it: with_region(it, LATER, after=standing(OLD, 2)), "drill-last was touched"),
        (lambda it: with_region(it, LATER, recorded=("released",)), "drill-last was touched"),
        (lambda it: with_region(it, LATER, seen=Seen(answered=9, failed=1)), "0 wrong answers and 1 errors"),
    ],
)
def test_each_deviation_of_a_bad_release_is_told(change: Callable[[Finding], Finding], told: str) -> None:
    assert any(told in problem for problem in change(caught()).problems)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda it: with_story(it, outcome="rolled back"), "a good release ended as rolled back"),
        (lambda it: replace(it, statuses=(0, 1)), "a good release ended as released"),
        (lambda it: with_region(it, LATER, after=standing(OLD)), "doesn't serve from the released image alone"),
        (lambda it: with_region(it, LATER, recorded=()), "not one of a release"),
        (lambda it: with_region(it, CANARY, answers=False), "doesn't answer as the good release does"),
        (lambda it: with_region(it, CANARY, seen=Seen(answered=9, wrong=2)), "2 wrong answers and 0 errors"),
    ],
)
def test_each_deviation_of_a_good_release_is_told(change: Callable[[Finding], Finding], told: str) -> None:
    assert any(told in problem for problem in change(released()).problems)


def test_a_standing_counts_pods_that_serve_only() -> None:
    def pod(name: str, image: str, *, ready: bool = True, ending: bool = False) -> dict[str, object]:
        metadata = {"name": name, "labels": {"app.kubernetes.io/name": "model-server"}}
        return {
            "metadata": metadata | ({"deletionTimestamp": "2026-11-22T00:00:00Z"} if ending else {}),
            "spec": {"containers": [{"image": image}]},
            "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
        }

    deployment = {
        "metadata": {"name": "model-server", "generation": 4},
        "spec": {"template": {"spec": {"containers": [{"image": OLD}]}}},
    }
    found = Standing.of([deployment], [pod("a", OLD), pod("b", NEW, ending=True), pod("c", NEW, ready=False)])
    assert found == Standing(
        {"model-server": OLD}, {"model-server": 4}, {"model-server": frozenset({OLD})}, frozenset({"a"})
    )
