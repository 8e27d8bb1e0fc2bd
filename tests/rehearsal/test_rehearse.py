"""Programs for each cloud under the real engine: up, nothing to change, nothing drifted, down."""

from pathlib import Path
from typing import Any

import pytest

from fleet.engine import UpdateFailedError
from fleet.rehearse import Identity, Rehearsal
from rehearsal.world import World

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "must-not-reach-a-plugin")
    return World.named("test")


def opened(world: World, program: Path) -> Rehearsal:
    return Rehearsal.open("test", world, Identity("111122223333", "us-east-1"), project=program)


def made(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    resources = rehearsal.engine.export("test")["deployment"]["resources"]
    return [each for each in resources if not each["type"].startswith("pulumi:")]


@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp"])
def test_a_stack_lives(cloud: str, world: World) -> None:
    rehearsal = opened(world, PROGRAMS / cloud)
    assert rehearsal.up().changes["create"] >= 8
    assert not rehearsal.preview_nothing().changed
    assert all(each["outputs"]["simulated"] for each in made(rehearsal))
    outputs = rehearsal.engine.outputs("test")
    assert outputs
    assert all(outputs.values())
    written = [each for each in world.folder.rglob("*") if each.is_file() and "project" not in each.parts]
    assert len(written) > 3
    assert not [each for each in written if b"canary-of-this-test" in each.read_bytes()]
    rehearsal.down()
    left = {(each["type"], each["state"]) for each in rehearsal.holdings()}
    assert (
        left
        == {
            "aws": {("aws:kms/key:Key", "scheduled")},
            "azure": {("azure-native:keyvault:Vault", "soft-deleted"), ("azure-native:keyvault:Key", "soft-deleted")},
            "gcp": {("gcp:kms/cryptoKey:CryptoKey", "permanent"), ("gcp:kms/keyRing:KeyRing", "permanent")},
        }[cloud]
    )


def test_a_mistake_fails_before_anything_of_it_is_made(world: World, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.test.yaml"):
        (program / name).write_text((PROGRAMS / "aws" / name).read_text())
    (program / "__main__.py").write_text(
        "import pulumi_aws as aws\n"
        "aws.eks.NodeGroup('gpu', cluster_name='c', node_role_arn='arn:aws:iam::111122223333:role/r',\n"
        "    subnet_ids=[], scaling_config={'min_size': 0, 'max_size': 1, 'desired_size': 0},\n"
        "    capacity_type='RESERVED')\n"
    )
    rehearsal = opened(world, program)
    with pytest.raises(UpdateFailedError, match="one of ON_DEMAND, SPOT, CAPACITY_BLOCK"):
        rehearsal.up()
    assert rehearsal.holdings() == []
