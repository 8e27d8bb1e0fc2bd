"""Which phase is due, and where it is recorded."""

from pathlib import Path

import pytest

from fleet.console import FleetError
from fleet.phases import holds_objects, record_phase
from infra.config import Phase

FILE = "# ours\nconfig:\n  modelfleet:cloud: aws # here\n"


def checkpoint(*types: str) -> dict[str, object]:
    return {"deployment": {"resources": [{"type": kind, "urn": kind} for kind in types]}}


def test_a_stack_that_was_never_up_holds_nothing() -> None:
    assert not holds_objects({"deployment": None})
    assert not holds_objects({})


def test_a_provider_is_no_object() -> None:
    """It is made in the first phase already, and asks for nothing."""
    assert not holds_objects(checkpoint("aws:eks/cluster:Cluster", "pulumi:providers:kubernetes"))
    assert holds_objects(checkpoint("aws:eks/cluster:Cluster", "kubernetes:core/v1:Namespace"))


def test_the_phase_is_written_into_the_file_and_replaced_there(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.one.yaml"
    file.write_text(FILE)
    record_phase(file, Phase.CLOUD)
    assert file.read_text() == "# ours\nconfig:\n  modelfleet:phase: cloud\n  modelfleet:cloud: aws # here\n"
    record_phase(file, Phase.COMPLETE)
    assert file.read_text() == "# ours\nconfig:\n  modelfleet:phase: complete\n  modelfleet:cloud: aws # here\n"


def test_a_file_that_cannot_be_changed_is_told_with_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"modelfleet:phase: cloud can't be written .* by hand"):
        record_phase(tmp_path / "missing.yaml", Phase.CLOUD)
