"""The place of all states under the real engine: made, ended from this machine, and made again.

`MODELFLEET_SEED` draws another cloud than the usual one; `make rehearse-all` takes them all.
"""

import os
import random
from pathlib import Path

import pytest

from fleet.bootstrap_run import RehearsedPlace
from infra.config import from_stack_file
from rehearsal.world import World

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("MODELFLEET_SEED", "20261121"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_place_of_states_ends_and_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path))
    print(f"MODELFLEET_SEED={SEED}")  # noqa: T201 - shown where the test fails
    stack = f"{random.Random(SEED).choice(['aws', 'azure', 'gcp'])}-state"
    place = RehearsedPlace.begin(stack, from_stack_file(ROOT / f"Pulumi.{stack}.yaml"), World.named("place"))
    made = place.bootstrap()
    assert from_stack_file(place.file).backend == made.url
    ended, left = place.undo()  # what the simulated cloud keeps is compared with what is foretold
    assert set(ended.changes) == {"delete"}
    assert left, "no cloud forgets a key at once"
    assert from_stack_file(place.file).backend == ""
    assert "encryptionsalt" not in place.file.read_text(encoding="utf-8")
    assert place.bootstrap().url == made.url
