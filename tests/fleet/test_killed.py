"""The engine is killed in the middle: the next run finds what was made, and the account holds what the state says."""

import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from fleet import console
from fleet.convergence import misfits
from fleet.engine import UpdateFailedError
from fleet.inventory.scratch import ScratchStack
from fleet.rehearse import Identity, Rehearsal
from fleet.repair import release_lock, repair, workplace
from fleet.sweep import Sweep
from fleet.update_view import UpdateView
from rehearsal.account import Account, Resource, holdings
from rehearsal.journal import Operation
from rehearsal.mishaps import Fault, Moment, Plan, Rule
from rehearsal.world import World

PROGRAM = Path(__file__).parent / "programs" / "network"
MADE = 11
"""Resources of the program."""
ALL_POINTS = bool(os.environ.get("MODELFLEET_ALL_POINTS"))
"""Whether every point is tried (`make kill-everywhere`), or one that the seed draws."""


def points(what: str) -> list[int]:
    """Numbers of the operations at which the engine is killed."""
    everywhere = list(range(1, MADE + 1))
    if ALL_POINTS:
        return everywhere
    return [random.Random(f"{os.environ.get('MODELFLEET_SEED', '0')}/{what}").choice(everywhere)]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path))
    return World.named("test")


def opened(world: World) -> Rehearsal:
    return Rehearsal.open("test", world, Identity("no account", "no region"), project=PROGRAM)


def living(world: World) -> list[Resource]:
    return [each for _, _, each in holdings(world.memory) if each.afterlife is None]


def kill_at(world: World, point: int, operation: Operation) -> None:
    """Let the engine die once: the cloud has done what was asked, and nobody was told."""
    rule = Rule(
        id=f"{operation} {point}",
        faults=(Fault.ENGINE_KILLED,),
        operations=(operation,),
        at=(point,),
        when=Moment.AFTER,
    )
    Plan(0, (rule,)).write(world.folder)


def neighbours(world: World) -> set[tuple[str, str]]:
    """Put something of another stack into the account; give its type and id."""
    account = Account(world.memory, "aws", "111122223333")
    network = next(each for each in account.living() if each.type == "aws:ec2/vpc:Vpc")
    tags = {**network.outputs["tags"], "modelfleet-stack": "other"}
    changed = {"arn": f"{network.outputs['arn']}0", "tags": tags, "tagsAll": tags}
    account.create(
        replace(
            network,
            id=f"{network.id}0",
            inputs={**network.inputs, "tags": tags},
            outputs={**network.outputs, **changed},
        )
    )
    account.close()
    return {(network.type, f"{network.id}0")}


def pending_instead(rehearsal: Rehearsal) -> int:
    """Make a state of one whose every creation was killed: nothing is known but what was to be made."""
    (file,) = (rehearsal.world.folder / "backend").rglob("stacks/*/test.json")  # an import would drop what is pending
    stored = json.loads(file.read_text(encoding="utf-8"))
    latest = stored["checkpoint"]["latest"]
    made = [each for each in latest["resources"] if each["custom"] and not each["type"].startswith("pulumi:")]
    latest["resources"] = [each for each in latest["resources"] if each not in made]
    latest["pending_operations"] = [
        {"type": "creating", "resource": {key: value for key, value in each.items() if key not in {"id", "outputs"}}}
        for each in made
    ]
    file.write_text(json.dumps(stored), encoding="utf-8")
    return len(made)


@pytest.mark.slow
def test_every_creation_that_nobody_saw_end_is_found_again(world: World) -> None:
    rehearsal = opened(world)
    rehearsal.up()
    before = {(each["urn"], each.get("id")) for each in rehearsal.checkpoint()["deployment"]["resources"]}
    assert pending_instead(rehearsal) == MADE
    settled = repair(rehearsal.engine, "test", backend=f"file://{world.folder}/backend", adopts=False)
    assert settled is not None
    assert len(settled.adopted) == MADE
    assert {(each["urn"], each.get("id")) for each in rehearsal.checkpoint()["deployment"]["resources"]} == before
    assert not rehearsal.preview_nothing().changed


@pytest.mark.skipif(not ALL_POINTS, reason="`make kill-everywhere`; tests/rehearsal/test_faults.py kills engines too")
@pytest.mark.slow
@pytest.mark.parametrize("point", points("up"))
def test_an_update_goes_on_after_its_engine_was_killed(world: World, point: int) -> None:
    rehearsal = opened(world)
    kill_at(world, point, Operation.CREATE)
    with pytest.raises(UpdateFailedError):
        rehearsal.up()
    assert list(misfits(rehearsal.checkpoint(), living(world))), "the state can't know what was made"
    rehearsal.up()
    assert not list(misfits(rehearsal.checkpoint(), living(world)))
    assert len(living(world)) == MADE
    assert not rehearsal.preview_nothing().changed


@pytest.mark.slow
@pytest.mark.parametrize("point", points("down"))
def test_a_sweep_finds_what_a_killed_destroy_left_and_nothing_else(world: World, point: int) -> None:
    rehearsal = opened(world)
    rehearsal.up()
    theirs = neighbours(world)
    kill_at(world, point, Operation.DELETE)
    with pytest.raises(UpdateFailedError):
        rehearsal.down()
    left = {(each.type, each.id) for each in living(world)} - theirs

    backend = f"file://{world.folder}/backend"
    release_lock("test", backend)
    sweep = Sweep(rehearsal.engine, "test", "rehearsed", backend)
    with ScratchStack.beside(rehearsal.engine, "test", "rehearsed", workplace(rehearsal.engine)) as scratch:
        found = sweep.find(scratch)
        assert {(each.type, each.id) for each in found.leftovers} == left
        assert not found.unknown
        sweep.delete(scratch, found, found.leftovers, UpdateView(console.err))
    assert {(each.type, each.id) for each in living(world)} == theirs
    assert not list(misfits(rehearsal.checkpoint(), ()))
