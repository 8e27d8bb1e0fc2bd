"""One workplace with one account of a simulated cloud for all workflows."""

from collections.abc import Iterator

import pytest

from tests.fleet.review.simulated_github import SimulatedGitHub
from tests.workflows.act import Workplace

STACK = "gcp-account"


@pytest.fixture(scope="session", name="workplace")
def _workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    workplace = Workplace.make(tmp_path_factory.mktemp("workflows"))
    for file in [*workplace.folder.glob("Pulumi.*.yaml"), *(workplace.folder / "tenants").glob("*.yaml")]:
        if file.name not in {"Pulumi.yaml", f"Pulumi.{STACK}.yaml"}:
            file.unlink()
    workplace.commit("one stack")
    world = workplace.fleet("env", "--rehearsal", "workflows").strip().partition("=")[2]
    workplace.environment["MODELFLEET_REHEARSAL"] = world
    workplace.fleet("up", STACK, "--yes")
    return workplace


@pytest.fixture(name="github")
def _github() -> Iterator[SimulatedGitHub]:
    github = SimulatedGitHub()
    with github.served():
        yield github
