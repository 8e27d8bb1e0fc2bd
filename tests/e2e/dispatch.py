"""Workflows that are dispatched to a local stack: `act` runs them in a repository of that stack alone.

They change the stack as a person does, through the backend and the cluster; what this checkout then has to do is what a
checkout on GitHub has to: take the files as they were proposed.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.e2e.local_stack import LocalStack
from tests.fleet.review.simulated_github import SimulatedGitHub
from tests.workflows.act import Ran, Workplace


@dataclass(frozen=True)
class Dispatched:
    """What a dispatched workflow did.

    Attributes:
        ran: The run.
        issues: What it opened, but for pull requests.
        proposal: The stack's file in the pull request that it opened; empty where it opened none.
    """

    ran: Ran
    issues: list[Mapping[str, str]]
    proposal: str


@dataclass(frozen=True)
class Dispatcher:
    """A repository on a simulated GitHub, from which workflows change a stack.

    Attributes:
        place: The repository.
        stack: The stack.
    """

    place: Workplace
    stack: LocalStack

    @classmethod
    def make(cls, folder: Path, stack: LocalStack, waves: str) -> Self:
        """Make one.

        Args:
            folder: A folder of its own.
            stack: The stack, the only one in the repository.
            waves: The text of its `release/waves.yaml`.
        """
        place = Workplace.make(folder)
        for file in [*place.folder.glob("Pulumi.*.yaml"), *(place.folder / "tenants").glob("*.yaml")]:
            file.unlink()
        (place.folder / "release" / "waves.yaml").write_text(waves, encoding="utf-8")
        place.environment["MODELFLEET_STATE"] = str(stack.state)
        return cls(place, stack)

    def run(self, workflow: str, inputs: Mapping[str, str], environment: Mapping[str, str] | None = None) -> Dispatched:
        """Run a workflow on what this checkout says of the stack; then say here what it has released."""
        shutil.copy2(self.stack.file, self.place.folder / self.stack.file.name)
        self.place.git("add", "--force", self.stack.file.name)  # stacks of tests are ignored
        self.place.commit("as it stands")
        backend = re.search(r"PULUMI_BACKEND_URL=(\S+)", self.stack.fleet("env").stdout)
        assert backend is not None
        github = SimulatedGitHub()
        with github.served():
            own = {"GITHUB_API_URL": github.address, "GITHUB_REPOSITORY": "owner/name"}
            ran = self.place.run(
                workflow,
                "workflow_dispatch",
                inputs=inputs,
                environment={**own, **(environment or {})},
                variables={"PULUMI_BACKEND_URL": backend[1]},
            )
        self.stack.fleet("release", "pin", self.stack.name)
        opened = list(github.issues.values())
        proposals = [self._proposed(str(each["head"])) for each in opened if "head" in each]
        return Dispatched(ran, [each for each in opened if "head" not in each], "\n".join(proposals))

    def _proposed(self, branch: str) -> str:
        origin = self.place.git("remote", "get-url", "origin")
        return self.place.git("--git-dir", origin, "show", f"{branch}:{self.stack.file.name}")
