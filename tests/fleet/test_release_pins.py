"""The digests in a stack's file: read, written, and everything else left as it was."""

from pathlib import Path

import pytest

from fleet.release_pins import config_hash, pin, pinned
from infra.config import from_stack_file
from release.artefacts import Artefacts
from release.errors import RegionError

DIGEST = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
LOCAL = """\
# One machine.
config:
  modelfleet:cloud: local
  modelfleet:model:   # the demo
    name: demo-coder
  modelfleet:serving:
    image: build  # from this checkout
    replicas: 2
"""
PINNED = Artefacts(
    server=f"registry.example/server@{DIGEST}", gateway=f"registry.example/gateway@{DIGEST}", model=OTHER
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "Pulumi.one.yaml"
    made.write_text(LOCAL, encoding="utf-8")
    return made


def test_what_is_written_is_read(file: Path) -> None:
    assert pinned(from_stack_file(file)) == Artefacts(server="build", gateway="build")
    pin(file, PINNED)
    assert pinned(from_stack_file(file)) == PINNED


def test_all_else_stays(file: Path) -> None:
    pin(file, PINNED)
    text = file.read_text(encoding="utf-8")
    assert f"image: registry.example/server@{DIGEST}  # from this checkout" in text
    assert set(LOCAL.replace("image: build", "").split()) <= set(text.split())
    pin(file, PINNED)
    assert file.read_text(encoding="utf-8") == text
    assert list(file.parent.iterdir()) == [file]


def test_going_back_is_exact_but_for_what_was_added(file: Path) -> None:
    pin(file, PINNED)
    pin(file, Artefacts(server="build", gateway="build", model=OTHER))
    assert "image: build  # from this checkout" in file.read_text(encoding="utf-8")


def test_a_file_that_would_be_wrong_stays_as_it_was(file: Path) -> None:
    file.write_text(LOCAL + "  modelfleet:gateway: {image: build}\n  modelfleet:gatway: {}\n", encoding="utf-8")
    before = file.read_bytes()
    with pytest.raises(RegionError, match="did you mean 'gateway'"):
        pin(file, PINNED)
    assert file.read_bytes() == before


def test_the_hash_of_settings_leaves_digests_out(file: Path) -> None:
    before = config_hash(from_stack_file(file))
    pin(file, PINNED)
    assert config_hash(from_stack_file(file)) == before
    file.write_text(file.read_text(encoding="utf-8").replace("replicas: 2", "replicas: 3"), encoding="utf-8")
    assert config_hash(from_stack_file(file)) != before
