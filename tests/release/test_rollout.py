"""A release through its waves and back: what runs, what is pinned, what is recorded at the end."""

import pytest

from release.artefacts import Target
from release.errors import RegionBusyError, RegionIllError
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
        assert [str(verdict.result) for verdict in record.verdicts] == ["passed", "passed"]
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


def test_a_region_that_does_not_come_back_holds_up_no_other(fleet: SimulatedFleet) -> None:
    fleet.deploy(GOOD)
    fleet.broken["f1"] = digest(HALF)
    fleet.by_stack["c"] = {digest(HALF): Behaviour.GOOD}
    end = fleet.deploy(HALF)
    assert end is not None
    assert end.outcome is Outcome.STUCK
    assert "f1 takes no update any more" in end.reason
    assert [command.partition("  #")[0] for command in end.commands] == [
        f"fleet release rollback f1 --to server={digest(GOOD)} --to gateway={digest(99)} --to model={digest(77)}"
    ]
    assert fleet.last("f1").outcome is Outcome.STUCK
    assert fleet.last("f2").outcome is Outcome.ROLLED_BACK
    assert fleet.last("c").outcome is Outcome.ROLLED_BACK
    assert fleet.servers() == [GOOD, HALF, GOOD, GOOD]


def test_the_printed_command_goes_back_by_every_component(fleet: SimulatedFleet) -> None:
    """Of a release of the gateway alone the server's digest says nothing; and before the first one no record is."""
    gateway = digest(98)
    fleet.regions()["f1"].say("refuses")
    journal = fleet.releases().start(Target.parse([f"gateway={gateway}"]), PLAN, "")
    end = fleet.drive(journal)
    assert end is not None
    assert end.outcome is Outcome.STUCK
    (command,) = end.commands
    words = command.partition("  #")[0].split()[5::2]
    chosen = fleet.releases().chosen("f1", words, None)
    assert chosen.artefacts == artefacts(1)
    running = [region.running()["gateway"] for stack, region in fleet.regions().items() if stack != "f1"]
    assert running == [artefacts(1).gateway] * 3


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
        releases.chosen("c", [digest(0xABC)], artefacts(7))
    assert releases.chosen("c", [], artefacts(1)).artefacts == artefacts(GOOD)  # a file that is behind says nothing
    chosen = releases.chosen("c", [digest(GOOD)], artefacts(7))
    end = fleet.drive(releases.back("c", chosen.artefacts, PLAN.gate, "by hand"))
    assert end is not None
    assert end.outcome is Outcome.ROLLED_BACK
    assert fleet.servers() == [GOOD, 7, 7, 7]
    assert fleet.last("c").artefacts == artefacts(GOOD)
    assert fleet.last("c").attempted == artefacts(7)
    with pytest.raises(UnknownReleaseError, match="another good release"):  # not to and fro
        releases.chosen("c", [], artefacts(GOOD))
    assert releases.chosen("c", [digest(7)], artefacts(GOOD)).artefacts == artefacts(7)  # unless it is asked for
    assert releases.history.last_good("c") == fleet.last("c")


def test_what_was_refused_elsewhere_is_not_gone_back_to(fleet: SimulatedFleet) -> None:
    fleet.deploy(7)
    fleet.by_stack["f1"] = {digest(GOOD): Behaviour.WRONG}
    fleet.deploy(GOOD)  # good in the canary, taken back there too
    with pytest.raises(UnknownReleaseError):
        fleet.releases().chosen("c", [], None)


def test_a_resumed_rollback_needs_no_file_of_the_first_checkout(fleet: SimulatedFleet) -> None:
    fleet.deploy(GOOD)
    fleet.deploy(7)
    journal = fleet.releases().back("c", artefacts(GOOD), PLAN.gate, "bad")
    with pytest.raises(KilledError):
        fleet.drive(journal, hook=Killer("revert:announced"))
    fleet.fresh_checkout()
    fleet.resume()
    assert fleet.servers()[0] == GOOD


def test_an_update_that_reached_nothing_is_no_release(fleet: SimulatedFleet) -> None:
    fleet.regions()["c"].say("deaf")
    end = fleet.deploy(GOOD)
    assert end is not None
    assert end.outcome is Outcome.ROLLED_BACK
    assert f"deployed: not what was wanted: {digest(GOOD)} isn't deployed" in end.reason


def test_a_condemned_rollout_goes_back_whatever_wave_is_asked_for(fleet: SimulatedFleet) -> None:
    fleet.by_stack["f1"] = {digest(GOOD): Behaviour.WRONG}
    with pytest.raises(KilledError):
        fleet.deploy(GOOD, hook=Killer("rollback:decided"))
    end = fleet.drive(fleet.releases().unfinished(), through=0)
    assert end is not None
    assert end.outcome is Outcome.ROLLED_BACK
    assert fleet.servers() == [1, 1, 1, 1]


def test_a_wave_out_of_order_gives_no_resting_rollout_up(fleet: SimulatedFleet) -> None:
    fleet.drive(fleet.releases().start(Target.parse([digest(GOOD)]), PLAN, "", wave=0), through=0)
    with pytest.raises(WaveOrderError):
        fleet.releases().start(Target.parse([digest(7)]), PLAN, "typo", wave=1)
    assert fleet.releases().unfinished().number == 0


def test_a_live_driver_between_waves_does_not_rest(fleet: SimulatedFleet) -> None:
    refused: list[str] = []

    def another(point: str) -> None:
        if point == "wave:passed":
            with pytest.raises(UnfinishedRolloutError) as error:
                fleet.releases().start(Target.parse([digest(7)]), PLAN, "other")
            refused.append(str(error.value))

    end = fleet.deploy(GOOD, hook=another)
    assert end is not None
    assert end.outcome is Outcome.RELEASED
    assert len(refused) == len(PLAN.waves)


def test_a_look_that_is_interrupted_leaves_the_rollout_at_rest(
    fleet: SimulatedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tests.release.simulated.SimulatedRegion.observe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fleet.deploy(GOOD)
    end = fleet.deploy(7)
    assert end is not None
    assert fleet.servers() == [7] * 4


def test_another_engine_s_lock_condemns_nothing(fleet: SimulatedFleet) -> None:
    fleet.regions()["f1"].say("lock")
    with pytest.raises(RegionBusyError, match=r"f1 is being updated by process 7.*--resume"):
        fleet.deploy(GOOD)
    assert fleet.servers() == [GOOD, 1, GOOD, 1]
    fleet.regions()["f1"].unsay("lock")
    end = fleet.resume()
    assert end is not None
    assert end.outcome is Outcome.RELEASED


def test_a_lock_on_the_way_back_waits_and_the_others_go_back(fleet: SimulatedFleet) -> None:
    fleet.by_stack["f2"] = {digest(GOOD): Behaviour.WRONG}
    fleet.regions()["f1"].say("lock")
    with pytest.raises(RegionBusyError):
        fleet.deploy(GOOD)
    fleet.regions()["f1"].unsay("lock")
    end = fleet.resume()
    assert end is not None
    assert end.outcome is Outcome.ROLLED_BACK
    assert fleet.servers() == [1, 1, 1, 1]


def test_a_region_that_was_ill_before_is_not_touched(fleet: SimulatedFleet) -> None:
    fleet.regions()["f1"].say("ill", "node n1 doesn't offer 1 GPU")
    with pytest.raises(RegionIllError, match=r"f1: node n1 doesn't offer 1 GPU.*--anyway"):
        fleet.deploy(GOOD)
    assert fleet.servers() == [GOOD, 1, 1, 1]
    end = fleet.drive(fleet.releases().start(Target.parse([digest(GOOD)]), PLAN, ""), anyway=True)
    assert end is not None
    assert end.outcome is Outcome.RELEASED


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
