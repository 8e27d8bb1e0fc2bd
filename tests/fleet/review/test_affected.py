"""Which stacks a change touches, in a real repository."""

import subprocess
from pathlib import Path

import pytest

from fleet.console import FleetError
from fleet.review.affected import affected, as_matrix, changed_files
from toolchain.locations import clone_dir

_STACKS = ("azure-westeurope", "gcp-europe-west4", "aws-account", "local")


@pytest.fixture(name="repository")
def _repository(tmp_path: Path) -> Path:
    for stack in _STACKS:
        name = f"Pulumi.{stack}.yaml"
        (tmp_path / name).write_bytes((clone_dir() / name).read_bytes())
    (tmp_path / "tenants").mkdir()
    for file in (clone_dir() / "tenants").glob("*.yaml"):
        (tmp_path / "tenants" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "__main__.py").write_text("", encoding="utf-8")
    _git(tmp_path, "init", "-q", "-b", "main")
    _commit(tmp_path)
    _git(tmp_path, "checkout", "-q", "-b", "change")
    return tmp_path


def _git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def _commit(root: Path) -> None:
    _git(root, "add", "--all")
    _git(root, "commit", "-q", "--allow-empty", "-m", "change")


def _touched(root: Path) -> list[str]:
    _commit(root)
    return [each.stack for each in affected(root, changed_files(root, "main"), base="main")]


def test_nothing_that_a_stack_is_made_of(repository: Path) -> None:
    (repository / "README.md").write_text("new", encoding="utf-8")
    assert _touched(repository) == []


def test_stack_file_touches_its_stack(repository: Path) -> None:
    with (repository / "Pulumi.azure-westeurope.yaml").open("a", encoding="utf-8") as file:
        file.write("# more\n")
    assert _touched(repository) == ["azure-westeurope"]


def test_program_touches_all_but_local_ones(repository: Path) -> None:
    (repository / "infra" / "new.py").write_text("", encoding="utf-8")
    assert _touched(repository) == ["aws-account", "azure-westeurope", "gcp-europe-west4"]


def test_tenant_touches_the_stacks_that_it_names_or_named(repository: Path) -> None:
    file = repository / "tenants" / "new.yaml"
    file.write_text("stacks: [azure-westeurope]\n", encoding="utf-8")
    _commit(repository)
    _git(repository, "branch", "-f", "main")
    file.write_text("stacks: [gcp-europe-west4]\n", encoding="utf-8")
    assert _touched(repository) == ["azure-westeurope", "gcp-europe-west4"]


def test_removed_tenant_touches_its_stacks(repository: Path) -> None:
    file = repository / "tenants" / "new.yaml"
    file.write_text("stacks: [gcp-europe-west4]\n", encoding="utf-8")
    _commit(repository)
    _git(repository, "branch", "-f", "main")
    file.unlink()
    assert _touched(repository) == ["gcp-europe-west4"]


@pytest.mark.parametrize("text", ["stacks: [", "stacks: nope", "- a list", "\0", "stacks: [1, {}]"])
def test_tenant_file_that_is_wrong_is_the_checks_to_refuse(repository: Path, text: str) -> None:
    (repository / "tenants" / "new.yaml").write_text(text, encoding="utf-8")
    assert _touched(repository) == []


def test_stack_file_that_is_wrong_is_told_as_such(repository: Path) -> None:
    (repository / "Pulumi.azure-westeurope.yaml").write_text("config: {modelfleet:cloud: moon}\n", encoding="utf-8")
    _commit(repository)
    (found,) = affected(repository, changed_files(repository, "main"))
    assert (found.stack, found.valid) == ("azure-westeurope", False)


def test_matrix_holds_what_a_job_needs(repository: Path) -> None:
    (repository / "Pulumi.yaml").write_text("name: modelfleet\n", encoding="utf-8")
    _commit(repository)
    rows = as_matrix(affected(repository, changed_files(repository, "main")))["include"]
    assert {row["stack"]: (row["cloud"], row["kind"]) for row in rows} == {
        "aws-account": ("aws", "account"),
        "azure-westeurope": ("azure", "region"),
        "gcp-europe-west4": ("gcp", "region"),
    }
    assert all(row["account"] and row["region"] and row["environment"] for row in rows)


def test_unknown_commit_is_told_with_the_way_out(repository: Path) -> None:
    with pytest.raises(FleetError, match="fetch-depth: 0"):
        changed_files(repository, "no-such-branch")
