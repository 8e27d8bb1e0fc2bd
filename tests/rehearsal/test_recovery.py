"""What a cloud keeps is found again by the product's own keys: a vault comes back, a ring is taken over."""

from pathlib import Path

import pytest

from documents.yaml_edit import set_at
from fleet.engine import Summary, UpdateFailedError
from fleet.rehearse import Identity, Rehearsal
from fleet.remains import recorded, remains
from rehearsal.world import World

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path))
    return World.named("test")


def opened(world: World, program: str, account: str, region: str) -> Rehearsal:
    return Rehearsal.open("test", world, Identity(account, region), project=PROGRAMS / program)


def taken_over(run: Summary) -> set[str]:
    return {step.name for step in run.steps if step.operation == "import"}


def test_a_deleted_vault_comes_back_with_its_key_once_the_file_names_it(world: World) -> None:
    rehearsal = opened(world, "azure-keys", "00000000-0000-4000-8000-000000000001", "westeurope")
    rehearsal.up()
    left = remains(rehearsal.checkpoint())
    assert [each.type.rsplit(":", 1)[-1] for each in left] == ["Key", "Vault"]
    rehearsal.down()
    assert {each["state"] for each in rehearsal.holdings()} == {"soft-deleted"}
    with pytest.raises(UpdateFailedError, match="it was deleted and is kept for its retention time"):
        rehearsal.up()
    file = world.stack_file("test")
    file.write_text(set_at(file.read_text(), ("config", "rehearsed:kept"), recorded(left, [])))
    assert taken_over(rehearsal.up()) == {"storage-key"}
    assert not rehearsal.preview_nothing().changed
    assert {each["state"] for each in rehearsal.holdings()} == {"live"}


def test_a_ring_is_taken_over_and_its_dead_keys_get_successors(world: World) -> None:
    rehearsal = opened(world, "gcp-keys", "modelfleet-test", "europe-west4")
    rehearsal.up()
    first = rehearsal.engine.outputs("test")["keys"]
    rehearsal.down()
    assert {each["state"] for each in rehearsal.holdings()} == {"permanent"}
    assert taken_over(rehearsal.up()) == {"keys"}
    again = rehearsal.engine.outputs("test")["keys"]
    assert again == {purpose: f"{key}-2" for purpose, key in first.items()}
    assert not rehearsal.preview_nothing().changed
