"""A seeded part of the drill in which every operation fails once; `make rehearse-all` plays all of it.

`MODELFLEET_SEED` draws other faults than the usual ones.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.engine import UpdateFailedError
from fleet.faults import FaultDrill
from fleet.isolated_faults import IsolatedDrill
from fleet.played_scenario import play
from fleet.rehearse import Identity, Rehearsal
from fleet.short_life import Run, ShortLife, Stage, undisturbed
from rehearsal.journal import Outcome, entries
from rehearsal.mishaps import Fault, Plan, Rule
from rehearsal.scenario import Drift, PlantedFault, Scenario
from rehearsal.world import World

PROGRAMS = Path(__file__).parent / "programs"
SEED = int(os.environ.get("MODELFLEET_SEED", "20261121"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def opened(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, program: str) -> Rehearsal:
    monkeypatch.setenv("MODELFLEET_STATE", str(folder))
    return Rehearsal.open(
        "test", World.named(name), Identity("modelfleet-test", "europe-west4"), project=PROGRAMS / program
    )


def test_a_stack_becomes_what_it_is_without_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"MODELFLEET_SEED={SEED}")  # noqa: T201 - shown where the test fails
    without = undisturbed(ShortLife(opened(tmp_path, monkeypatch, "without", "gcp"), until=Stage.UP))
    life = ShortLife(replace(opened(tmp_path, monkeypatch, "with", "gcp"), goes_on=True), until=Stage.UP)
    begun: list[Run] = []
    [up] = FaultDrill(life, without, seed=SEED, sample=2, killed_every=0, on_run=begun.append).play()
    assert up.problems == ()
    assert [run.number for run in begun] == list(range(1, up.runs + 1))
    assert begun[0].faulted == 0
    assert begun[-1].faulted == begun[-1].planned == 2
    assert (up.planned, up.faulted, up.possible) == (2, 2, 7)
    assert 2 <= up.runs <= 3
    assert sum(up.met.values()) == 2


def test_a_fault_alone_is_healed_and_then_the_world_is_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"MODELFLEET_SEED={SEED}")  # noqa: T201 - shown where the test fails
    rehearsal = opened(tmp_path, monkeypatch, "alone", "gcp-keys")
    [up] = IsolatedDrill(ShortLife(rehearsal, until=Stage.UP), each=1, seed=SEED).play()
    assert up.problems == ()
    assert (up.planned, up.faulted, up.runs) == (1, 1, 2)
    assert not [entry for entry in entries(rehearsal.world.memory) if entry.fault], "the life without faults is kept"


def test_what_was_changed_behind_its_back_is_found_and_put_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsal = opened(tmp_path, monkeypatch, "drift", "gcp-keys")
    scenario = Scenario(
        faults=(PlantedFault(fault=(Fault.THROTTLED,), attempts=2),),
        drift=(Drift(type="gcp:kms/cryptoKey:CryptoKey", set={"rotationPeriod": "86400s"}),),
    )
    told = play(rehearsal, scenario)
    assert told["faults"] == {"throttled": len(told["met"])}
    assert {each["retries"] for each in told["met"]} == {2}
    assert told["failures"] == []
    assert told["healed"]["update"] == len(told["drift"]) > 0


def test_a_killed_engine_was_killed_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = opened(tmp_path, monkeypatch, "killed", "gcp-keys")
    Plan(rules=(Rule(id="a", faults=(Fault.ENGINE_KILLED,), at=(2,)),)).write(rehearsal.world.folder)
    with pytest.raises(UpdateFailedError):
        rehearsal.up()
    [killed] = [entry for entry in entries(rehearsal.world.memory) if entry.fault]
    assert killed.outcome is Outcome.BEGUN
    assert killed.fault.startswith("engine killed")
