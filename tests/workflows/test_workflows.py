"""The workflows as they stand, run by `act` against a simulated cloud and a simulated GitHub."""

from pathlib import Path

import pytest

from rehearsal.drift import make
from rehearsal.scenario import Drift
from tests.fleet.review.simulated_github import SimulatedGitHub
from tests.workflows.act import Workplace
from tests.workflows.conftest import STACK

pytestmark = pytest.mark.slow

_REPOSITORY = {"full_name": "owner/name"}


def _of(github: SimulatedGitHub) -> dict[str, str]:
    return {"GITHUB_API_URL": github.address, "GITHUB_REPOSITORY": "owner/name"}


def test_pull_request_gets_one_comment_with_its_plan(workplace: Workplace, github: SimulatedGitHub) -> None:
    base = workplace.git("rev-parse", "HEAD")
    workplace.git("checkout", "--quiet", "-b", "dearer")
    file = workplace.folder / f"Pulumi.{STACK}.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("monthlyUsd: 250000", "monthlyUsd: 260000"), "utf-8")
    head = workplace.commit("more money")
    event = {
        "repository": _REPOSITORY,
        "pull_request": {"number": 42, "base": {"sha": base}, "head": {"sha": head, "repo": _REPOSITORY}},
    }
    try:
        ran = workplace.run("preview", "pull_request", event, environment=_of(github))
    finally:
        workplace.git("checkout", "--quiet", "main")
    assert ran.status == 0, ran.text
    assert set(ran.jobs.values()) == {"success"}
    (comment,) = github.comments.values()
    assert comment["issue"] == 42
    assert f"of {head[:12]}" in comment["body"]
    assert f"### `{STACK}`: 1 to update" in comment["body"]
    assert "`gcp:billing/budget:Budget`" in comment["body"]


def test_drift_fails_the_job_and_opens_an_issue(workplace: Workplace, github: SimulatedGitHub) -> None:
    memory = Path(workplace.environment["MODELFLEET_REHEARSAL"]) / "account.sqlite"
    changed = Drift(type="gcp:serviceaccount/account:Account", id="*preview*", set={"displayName": "changed by hand"})
    assert list(make(memory, changed))
    ran = workplace.run("drift", "schedule", {"repository": _REPOSITORY}, environment=_of(github))
    assert ran.status != 0
    assert ran.jobs == {"Drift/All stacks": "success", f"Drift/{STACK}": "failure"}, ran.text
    (issue,) = github.issues.values()
    assert issue["title"] == f"{STACK} drifts"
    assert "`gcp:serviceaccount/account:Account`" in issue["body"]
    workplace.fleet("up", STACK, "--yes")


def test_wrong_tenant_is_answered_on_its_line_and_nothing_is_provisioned(
    workplace: Workplace, github: SimulatedGitHub
) -> None:
    before = workplace.git("rev-parse", "HEAD")
    file = workplace.folder / "tenants" / "initech.yaml"
    file.write_text("name: initech\nstacks: [moon]\nplan: standard\n", encoding="utf-8")
    workplace.commit("a tenant")
    try:
        event = {"repository": _REPOSITORY, "before": before, "ref": "refs/heads/main"}
        ran = workplace.run("tenant", "push", event, environment=_of(github))
    finally:
        file.unlink()
        workplace.commit("no tenant")
    assert ran.status != 0
    assert ran.jobs == {"Tenants/Stacks that host them": "failure"}, ran.text
    assert "::error file=tenants/initech.yaml,line=2::stacks[0]: 'moon' is no stack" in ran.text
