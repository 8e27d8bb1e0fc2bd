"""Weights in this machine's bucket: published whole, and anew where they were damaged."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from service.weights.manifest import Manifest
from service.weights.store import fetch, publish
from toolchain.modelfleet_provider import model_weights
from toolchain.modelfleet_provider.model_weights import ModelWeights
from toolchain.modelfleet_provider.resource_type import InputError


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A small model in a clone and a state folder of its own."""
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(model_weights, "clone_dir", lambda: tmp_path)
    source = tmp_path / "model"
    source.mkdir()
    (source / "config.json").write_text("{}")
    (source / "model.safetensors").write_bytes(os.urandom(4096))
    (source / "manifest.json").write_bytes(Manifest.of_folder(source, name="small").to_bytes())
    return {**ModelWeights().check({"model": "small", "source": "model", "stack": "one"})}


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[7] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("file", ["model.safetensors", "manifest.json"])
@pytest.mark.parametrize("damage", [flip, cut, empty, Path.unlink])
def test_damage_is_seen_and_mended(inputs: dict[str, str], damage: Callable[[Path], None], file: str) -> None:
    weights = ModelWeights()
    resource_id, outputs = weights.create(inputs, print)
    assert weights.stale(outputs) is None
    folder = Path(outputs["folder"])
    damage(folder / file)
    assert str(folder) in (weights.stale(outputs) or "")

    assert weights.update(resource_id, inputs, outputs, print) == outputs
    assert weights.stale(outputs) is None
    assert fetch(folder.as_uri(), folder, outputs["digest"], in_place=True) == folder


def test_damage_at_the_source_names_the_file(inputs: dict[str, str], tmp_path: Path) -> None:
    flip(tmp_path / "model" / "model.safetensors")
    with pytest.raises(InputError, match=r"does not match the folder's files: model\.safetensors; bring .* back"):
        ModelWeights().create(inputs, print)
    assert not list((tmp_path / "state").rglob("manifest.json"))


def test_a_publishing_that_was_killed_goes_on(inputs: dict[str, str], tmp_path: Path) -> None:
    _, outputs = ModelWeights().create(inputs, print)
    folder = Path(outputs["folder"])
    (folder / "manifest.json").unlink()
    cut(folder / "model.safetensors")
    ModelWeights().create(inputs, print)
    assert publish(tmp_path / "model", folder.as_uri()) == outputs["digest"]
    fetch(folder.as_uri(), tmp_path / "cache", outputs["digest"])


def test_a_stack_deletes_its_own_copy_and_no_other_s(inputs: dict[str, str]) -> None:
    weights = ModelWeights()
    _, mine = weights.create(inputs, print)
    resource_id, theirs = weights.create({**inputs, "stack": "two"}, print)
    weights.delete(resource_id, theirs)
    assert weights.stale(mine) is None
    assert not Path(theirs["folder"]).exists()
