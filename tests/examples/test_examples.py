"""Examples are right: each file passes the checks that `fleet up` makes, with the tenants beside it; programs run."""

from pathlib import Path

import pytest

from infra.config import StackKind, from_stack_file
from tenants import TenantFolder
from tests.infra.policy.judged import violations

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(folder for folder in EXAMPLES.iterdir() if folder.is_dir())
STACKS = sorted(EXAMPLES.glob("*/Pulumi.*.yaml"))


@pytest.mark.parametrize("file", STACKS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_stack_file_is_right(file: Path) -> None:
    settings = from_stack_file(file)
    if settings.kind is StackKind.REGION:
        assert settings.gpu_pools


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_tenant_is_hosted_by_a_stack_of_its_example(folder: Path) -> None:
    stacks = {file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in folder.glob("Pulumi.*.yaml")}
    assert stacks
    for tenant in TenantFolder(folder).all():
        assert set(tenant.stacks) <= stacks


@pytest.mark.parametrize(
    ("example", "stack"),
    [
        ("smallest-region", "aws-eu-central-1"),
        ("closed-network", "azure-germanywestcentral"),
        ("three-cloud-production", "gcp-europe-west4"),
    ],
)
def test_an_example_runs_and_keeps_to_the_policies(example: str, stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert violations(stack, monkeypatch, folder=EXAMPLES / example) == []


def test_the_readme_lists_every_example() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [folder.name for folder in FOLDERS if f"({folder.name})" not in text] == []
