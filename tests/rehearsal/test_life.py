"""A sample of stacks' lives under the real engine, drawn by a seed; `make rehearse-all` plays all of them.

`MODELFLEET_SEED` draws another sample than the usual one.
"""

import os
import random
import re
from pathlib import Path

import pytest

from fleet.leaks import leaks
from fleet.life import Act, Life, Played
from fleet.policies import policy_arguments
from fleet.rehearse import Identity, Rehearsal
from infra.config import from_stack_file
from rehearsal.world import World

ROOT = Path(__file__).parents[2]
CANARY = "canary-of-a-life-0123456789"
SEED = int(os.environ.get("MODELFLEET_SEED", "20261121"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def draw() -> random.Random:
    print(f"MODELFLEET_SEED={SEED}")  # noqa: T201 - shown where the test fails
    return random.Random(SEED)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path))
    for name in ("AWS_SECRET_ACCESS_KEY", "ARM_CLIENT_SECRET", "GOOGLE_CREDENTIALS", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.setenv(name, CANARY)
    return World.named("life")


def life(stack: str, world: World, files: Path) -> Life:
    settings = from_stack_file(files / f"Pulumi.{stack}.yaml")
    rehearsal = Rehearsal.open(
        stack, world, Identity(settings.account, settings.region), files=files, policies=policy_arguments()
    )
    return Life(rehearsal, settings)


def problems(played: Played) -> list[str]:
    return [f"{played.act}: {problem}" for problem in played.problems]


def undocumented(rehearsal: Rehearsal) -> list[str]:
    """Inputs of which only the type is known, and that docs/clouds.md doesn't list."""
    text = (ROOT / "docs" / "clouds.md").read_text(encoding="utf-8").split("## Inputs that no source covers")[1]
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", text, re.MULTILINE)
    listed = {(kind, place) for kind, places in rows for place in re.findall(r"`([^`]+)`", places)}
    found = {(each["type"], each["property"]) for each in rehearsal.unproved()}
    return sorted(f"{kind} {place}" for kind, place in found - listed)


def test_the_smallest_region_has_its_parts_keeps_its_secrets_and_changes_as_it_should(
    draw: random.Random, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    drawn = draw.choice([Act.TENANT, Act.POOL])
    played = life("aws-eu-central-1", world, ROOT / "examples" / "smallest-region")
    acts = list(played.play(without=set(Act) - {Act.UP, drawn}))
    assert [act.act for act in acts] == [Act.UP, drawn]
    assert [problem for act in acts for problem in problems(act)] == []
    assert list(leaks({CANARY}, world.folder, outside=(world.project,))) == []
    assert undocumented(played.rehearsal) == []
    said = "".join(capfd.readouterr())
    outputs = played.rehearsal.engine.outputs(played.rehearsal.stack)
    for secret in (CANARY, *outputs["apiKeys"].values(), "PRIVATE KEY"):
        assert secret not in said


def test_an_account_ends_and_begins_again(draw: random.Random, world: World) -> None:
    stack = draw.choice(["azure-account", "gcp-account"])
    acts = list(life(stack, world, ROOT).play(without={Act.SAME}))
    assert [act.act for act in acts] == [Act.UP, Act.DOWN, Act.AGAIN, Act.SETTLED]
    assert [problem for act in acts for problem in problems(act)] == []
