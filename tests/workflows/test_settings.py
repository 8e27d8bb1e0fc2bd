"""What the workflows' jobs have in common, read from their files."""

import re
from typing import Any, Final

import pytest
import yaml

from toolchain.locations import clone_dir

_WORKS_ON_STACKS: Final = re.compile(
    r"fleet (up|preview|drift) |fleet release (deploy|rollback|pin|status)|actions/propose-release"
)
_UPDATES: Final = re.compile(r"fleet up |fleet release (deploy|rollback) ")


def _jobs(pattern: re.Pattern[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for file in (clone_dir() / ".github" / "workflows").glob("*.yml"):
        for name, job in yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"].items():
            if any(pattern.search(step.get("run", "") + step.get("uses", "")) for step in job["steps"]):
                found[f"{file.stem}/{name}"] = job
    return found


@pytest.mark.parametrize("name", _jobs(_WORKS_ON_STACKS))
def test_a_job_that_works_on_stacks_is_told_where_they_are(name: str) -> None:
    job = _jobs(_WORKS_ON_STACKS)[name]
    assert job["env"]["PULUMI_BACKEND_URL"] == "${{ vars.PULUMI_BACKEND_URL }}"
    assert "environment" in job, "its identity"


def test_what_updates_stacks_waits_in_one_queue() -> None:
    updates = _jobs(_UPDATES)
    assert set(updates) == {"deploy/wave", "deploy/finish", "rollback/rollback", "tenant/provision"}
    for name, job in updates.items():
        assert job["concurrency"] == {"group": "fleet", "queue": "max", "cancel-in-progress": False}, name
    for workflow in ("rollback", "tenant"):  # nor does one wait as a whole for a deployment that waits for approval
        text = (clone_dir() / ".github" / "workflows" / f"{workflow}.yml").read_text(encoding="utf-8")
        assert "${{ github." in yaml.safe_load(text)["concurrency"]["group"]


@pytest.mark.parametrize("name", _jobs(_UPDATES))
def test_credentials_last_as_long_as_an_update_may(name: str) -> None:
    job = _jobs(_UPDATES)[name]
    (login,) = [step["with"] for step in job["steps"] if step.get("uses") == "./.github/actions/cloud-login"]
    assert int(login["aws-seconds"]) >= job["timeout-minutes"] * 60
