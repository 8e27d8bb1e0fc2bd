"""A release through its waves and back: what runs, what is pinned, what is recorded at the end."""

import pytest

from release.artefacts import Target
from release.journal import TakenOverError
from release.record import Outcome
from release.releases import NothingToResumeError, UnfinishedRolloutError, UnknownReleaseError, WaveOrderError
from release.steps import Moment, Step, fault_point
from tests.release.fleet import GOOD, HALF, LATE, MISSING, PLAN, STACKS, WRONG, SimulatedFleet
from tests.release.simulated import Behaviour, KilledError, Killer, artefacts, digest, server


def test_a_good_release_passes_every_wave(fleet: SimulatedFleet) -> None:
    end = fleet.deploy(GOOD)
    assert end is not None
    assert end.outcome is Outcome.RELEASED
    assert fleet.servers() == [GOOD] * 4
    for stack in STACKS:
        record = fleet.last(stack)
        assert (record.outcome, record.artefacts, record.who) == (Outcome.RELEASED, artefacts(GOOD), "tester")
        assert [str(verdict.result) for verdict in record.verdicts] == ["passed"]
        assert record.deployed is not None
        assert record.deployed.images["server"].endswith(digest(GOOD))


def test_regions_bake_before_the_next_wave(fleet: SimulatedFleet) -> None:
    fleet.deploy(GOOD)
    assert fleet.clock.waits == [30, 30, 60]
    order = [line for line in fleet.said if line.startswith("wave")]
    assert order == [
        "wave canary: c",
        "wave canary: look 1 of 2",
        "wave canary: look 2 of 2",
        "wave canary has passed",
        "wave first: f1, f2",
        "wave first: look 1 of 1",
        "wave first has passed",
        "wave last: l",
        "wave last has passed",
    ]


@pytest.mark.parametrize("bad", [WRONG, MISSING, HALF, LATE])
def test_a_bad_release_is_caught_in_the_canary(fleet: SimulatedFleet, bad: int) -> None:
    end = fleet.deploy(bad)
    assert end is not None
    assert end.outcome is Outcome.ROLLED_BACK
    assert fleet.servers() == [1, 1, 1, 1]
    assert fleet.regions()["c"].artefacts() == artefacts(1)
    record = fleet.last("c")
    assert (record.outcome, record.artefacts, record.attempted) == (Outcome.ROLLED_BACK, artefacts(1), artefacts(bad))
    assert record.reason in end.reason
    assert record.verdicts
    assert [len(fleet.releases().history.of(stack)) for stack in STACKS] == [1, 0, 0, 0]  # nobody after it was touched


def test_a_later_wave_s_refusal_takes_every_touched_region_back_newest_first(fleet: SimulatedFleet) -> None:
    fleet.by_stack["f2"] = {digest(GOOD): Behaviour.WRONG}
    end = fleet.deploy(GOOD)
    assert end is not None
    assert end.outcome is Outcome.ROLLED_BACK
    assert fleet.servers() == [1, 1, 1, 1]
    reverts = [line for line in fleet.said if line.endswith(Step.REVERT)]
    assert sorted(reverts[:2]) == ["f1: revert", "f2: revert"]
    assert reverts[2:] == ["c: revert"]
    assert [record.outcome for record in fleet.releases().history.of("c")] == [Outcome.RELEASED, Outcome.ROLLED_BACK]
    assert fleet.releases().history.of("l") == []


def test_a_region_that_does_not_come_back_stops_the_rollback_with_commands(fleet: SimulatedFleet) -> None:
    fleet.deploy(GOOD)
    fleet.broken["f1"] = digest(HALF)
    fleet.by_stack["c"] = {digest(HALF): Behaviour.GOOD}
    end = fleet.deploy(HALF)
    assert end is not None
    assert end.outcome is Outcome.STUCK
    assert "f1 takes no update any more" in end.reason
    assert [command.partition("  #")[0] for command in end.commands] == [
        f"fleet release rollback f1 --to {digest(GOOD)}",
        f"fleet release rollback c --to {digest(GOOD)}",
    ]
    assert fleet.last("f1").outcome is Outcome.STUCK
    assert fleet.last("f2").outcome is Outcome.ROLLED_BACK
    assert fleet.servers()[0] == HALF  # the canary serves well, and waits for a person


def test_a_wave_rests_where_it_is_asked_to(fleet: SimulatedFleet) -> None:
    target = Target.parse([digest(GOOD)])
    with pytest.raises(WaveOrderError, match=r"wave 1 \(first\) comes after wave 0 \(canary\)"):
        fleet.releases().start(target, PLAN, "", wave=1)
    assert fleet.drive(fleet.releases().start(target, PLAN, "", wave=0), through=0) is None
    assert fleet.servers() == [GOOD, 1, 1, 1]
    with pytest.raises(WaveOrderError, match="by --wave 1"):
        fleet.releases().start(target, PLAN, "", wave=2)
    fleet.by_stack["f1"] = {digest(GOOD): Behaviour.WRONG}
    end = fleet.drive(fleet.releases().start(target, PLAN, "", wave=1), through=1)
    assert end is not None
    assert end.outcome is Outcome.ROLLED_BACK
    assert fleet.servers() == [1, 1, 1, 1]


def test_another_release_supersedes_one_that_rests_and_waits_for_one_under_way(fleet: SimulatedFleet) -> None:
    journal = fleet.releases().start(Target.parse([digest(GOOD)]), PLAN, "")
    with pytest.raises(KilledError):
        fleet.drive(journal, hook=Killer("update:half"))
    with pytest.raises(UnfinishedRolloutError, match=r"rollout 0 .* is under way since .* \(c\): wait .*--resume"):
        fleet.deploy(7)
    fleet.drive(fleet.releases().unfinished(), through=0)
    end = fleet.deploy(7)
    assert end is not None
    assert end.outcome is Outcome.RELEASED
    assert fleet.servers() == [7] * 4
    with pytest.raises(NothingToResumeError):
        fleet.resume()


def test_a_driver_that_lives_on_stops_at_its_next_step(fleet: SimulatedFleet) -> None:
    journal = fleet.releases().start(Target.parse([digest(GOOD)]), PLAN, "")

    def taken_over(point: str) -> None:
        if point == fault_point(Step.CONFIGURE, Moment.DONE) and fleet.releases().journals.latest() is not None:
            fleet.resume()

    with pytest.raises(TakenOverError, match="driven by another process"):
        fleet.drive(journal, hook=taken_over)
    assert fleet.servers() == [GOOD] * 4


def test_a_rollback_by_hand(fleet: SimulatedFleet) -> None:
    fleet.deploy(GOOD)
    fleet.deploy(7)
    releases = fleet.releases()
    with pytest.raises(
        UnknownReleaseError, match=r"never had a good release of sha256:0+abc; known: registry\.example"
    ):
        releases.chosen("c", digest(0xABC), artefacts(7))
    chosen = releases.chosen("c", digest(GOOD), artefacts(7))
    end = fleet.drive(releases.back("c", chosen.artefacts, PLAN.gate, "by hand"))
    assert end is not None
    assert end.outcome is Outcome.ROLLED_BACK
    assert fleet.servers() == [GOOD, 7, 7, 7]
    assert fleet.last("c").artefacts == artefacts(GOOD)
    assert fleet.last("c").attempted is None
    assert releases.chosen("c", None, artefacts(GOOD)).artefacts == artefacts(7)


def test_a_bare_digest_needs_a_repository(fleet: SimulatedFleet) -> None:
    fleet.regions()["c"].pin(artefacts(1).model_copy(update={"server": "build"}))
    with pytest.raises(Exception, match="stack c builds its server from the checkout"):
        fleet.deploy(GOOD)
    assert fleet.releases().unfinished()


def test_what_is_gone_back_to_is_compared_with_itself(fleet: SimulatedFleet) -> None:
    """A release that passed and was found wrong later is no measure for the one that replaces it again."""
    fleet.deploy(GOOD)
    fleet.deploy(7)
    assert (server(7), server(GOOD)) in fleet.compared
    fleet.compared.clear()
    fleet.drive(fleet.releases().back("c", artefacts(GOOD), PLAN.gate, "wrong answers"))
    assert fleet.compared == [(server(GOOD), server(GOOD))]
    fleet.compared.clear()
    fleet.deploy(WRONG)
    assert fleet.compared == [(server(WRONG), server(GOOD)), (server(GOOD), server(GOOD))]
