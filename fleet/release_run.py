"""What `fleet release` works with: the store beside the states, this machine's regions, and who asks."""

import getpass
import os
import secrets
import signal
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fleet import console
from fleet.console import FleetError
from fleet.release_region import DeployedRegion
from fleet.runner_disk import check_backend_lasts
from fleet.stacks import known_stacks, stack_file
from infra.config import SettingsError, StackKind, from_stack_file
from release.append_log import open_store
from release.history import History
from release.journal import Concluded, Journal, Journals
from release.progress import Progress
from release.region import NoMigration
from release.releases import Releases
from release.rollout import Rollout
from release.surroundings import Clock, Surroundings
from release.waves import Wave, WavePlan
from toolchain.locations import clone_dir
from toolchain.pulumi_home import choose_flavour, pulumi_environment

_BACKEND = "PULUMI_BACKEND_URL"
_DIE_AT = "MODELFLEET_RELEASE_DIES_AT"
"""A fault point's name: the process kills itself there, for tests and drills (`release.steps.fault_points`)."""


@dataclass(frozen=True)
class ReleaseDesk:
    """The release store as this process writes it.

    Attributes:
        releases: Rollouts and records.
        writer: Random id of this process.
    """

    releases: Releases
    writer: str

    @classmethod
    def open(cls) -> "ReleaseDesk":
        """Open the store of the backend that stacks are kept in.

        Raises:
            FleetError: it is the disk of a workflow's runner.
            StoreError: it is nothing that releases can be kept in.
        """
        check_backend_lasts("the record of releases")
        backend = os.environ.get(_BACKEND) or pulumi_environment(choose_flavour())[_BACKEND]
        store, writer = open_store(backend), secrets.token_hex(8)
        return cls(Releases(Journals(store, writer=writer, now=_now), History(store)), writer)

    def drive(self, journal: Journal, through: int, *, anyway: bool = False) -> Concluded | None:
        """Drive a rollout on from where it is.

        Args:
            journal: The rollout's.
            through: Number of the last wave to release to now.
            anyway: Whether regions that are ill already are released to all the same.

        Returns:
            How it ended; None where it rests between two waves.

        Raises:
            ReleaseError: it can't go on; the message says why.
        """
        plan = Progress.of(journal.entries).begun.plan
        around = Surroundings(
            history=self.releases.history,
            regions={
                stack: DeployedRegion(stack, plan.gate, NoMigration(), console.note)
                for wave in plan.waves
                for stack in wave.stacks
            },
            clock=Clock(_now, time.sleep),
            tell=console.step,
            writer=self.writer,
            hook=_fault_hook,
            anyway=anyway,
        )
        return Rollout(journal, around).run(who(), through)


def region_stacks(names: Iterable[str] | None = None) -> list[str]:
    """Name the stacks whose file says that they are regions, or can't be read: then it says why when it is used."""
    return [name for name in (known_stacks() if names is None else names) if _is_region(name)]


def plan_of(file: Path | None) -> WavePlan:
    """Read the plan of waves, by default release/waves.yaml.

    Raises:
        SettingsError: it says something wrong.
    """
    return WavePlan.read(clone_dir() / "release" / "waves.yaml" if file is None else file, known=region_stacks())


def environment_of(wave: Wave) -> str:
    """Give the GitHub environment whose identity deploys a wave.

    Raises:
        FleetError: its regions are of several.
    """
    environments = {from_stack_file(stack_file(stack)).environment for stack in wave.stacks}
    if len(environments) > 1:
        raise FleetError(
            f"wave {wave.name} has regions of several environments ({', '.join(sorted(environments))}), and a job has "
            "the identity of one: give each environment a wave of its own"
        )
    return environments.pop()


def who() -> str:
    """Name who asks: the person behind a workflow's run, or this machine's user."""
    return os.environ.get("GITHUB_ACTOR") or f"{getpass.getuser()}@{socket.gethostname()}"


def _is_region(name: str) -> bool:
    try:
        return from_stack_file(stack_file(name)).kind is StackKind.REGION
    except SettingsError:
        return True


def _now() -> datetime:
    return datetime.now(UTC)


def _fault_hook(point: str) -> None:
    if os.environ.get(_DIE_AT) == point:
        os.kill(os.getpid(), signal.SIGKILL)
