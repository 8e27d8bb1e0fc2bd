"""A region of a cloud that is right, to be made wrong one key at a time."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.config import SettingsError, StackSettings, from_stack_file

DIGEST = "sha256:" + "0" * 64
CLOUDS: dict[str, dict[str, Any]] = {
    "aws": {"region": "us-west-2", "account": "111122223333"},
    "azure": {"region": "westeurope", "account": "00000000-0000-4000-8000-000000000001"},
    "gcp": {"region": "europe-west4", "account": "example-project"},
}


def region(cloud: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {
        "cloud": cloud,
        **CLOUDS[cloud],
        "model": {"digest": DIGEST},
        "serving": {"image": f"server@{DIGEST}"},
        "gateway": {"image": f"gateway@{DIGEST}"},
        "monitoring": {"image": f"prometheus@{DIGEST}"},
        **changes,
    }
    return {"config": {f"modelfleet:{key}": value for key, value in config.items()}}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a stack file: a cloud's region with some keys changed."""

    def write(stack: str = "test", cloud: str = "aws", **changes: Any) -> Path:
        file = tmp_path / f"Pulumi.{stack}.yaml"
        file.write_text(yaml.safe_dump(region(cloud, changes), sort_keys=False), encoding="utf-8")
        return file

    return write


@pytest.fixture
def load(write: Callable[..., Path]) -> Callable[..., StackSettings]:
    """Write a stack file and read it."""
    return lambda **changes: from_stack_file(write(**changes))


@pytest.fixture
def told(write: Callable[..., Path]) -> Callable[..., list[str]]:
    """Write a stack file and give what is wrong with it, a finding a line, without the file's name."""

    def told(**changes: Any) -> list[str]:
        file = write(**changes)
        try:
            from_stack_file(file)
        except SettingsError as error:
            return [f"{finding.path}: {finding.problem}" for finding in error.findings]
        return []

    return told


@pytest.fixture
def tenant(tmp_path: Path) -> Callable[..., None]:
    """Write a tenant's file beside the stack files."""

    def tenant(name: str, **keys: Any) -> None:
        folder = tmp_path / "tenants"
        folder.mkdir(exist_ok=True)
        content = {"name": name, "stacks": ["test"], **keys}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")

    return tenant
