"""A rehearsal's folder as it was: several things can be tried from the same point, each as if there were no others."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rehearsal.clusters.mode import ClusterMode, mode_of
from rehearsal.world import RehearsalError, World


@dataclass(frozen=True)
class Snapshot:
    """A copy of a world.

    Attributes:
        world: whose it is.
        kept: the copy's folder.
    """

    world: World
    kept: Path

    @classmethod
    @contextmanager
    def of(cls, world: World) -> Generator[Self]:
        """Copy a world that is held, and in which no operation is under way; the copy is there meanwhile.

        Raises:
            RehearsalError: its clusters are API servers, whose databases can't be copied while they run.
        """
        if mode_of(world.folder) is ClusterMode.REAL:
            raise RehearsalError(
                f"the clusters of {world.folder.name} are API servers, which no copy can be made of: "
                "use --clusters remembered"
            )
        with tempfile.TemporaryDirectory(prefix=f".{world.folder.name}-", dir=world.folder.parent) as folder:
            kept = Path(folder) / "world"
            shutil.copytree(world.folder, kept, symlinks=True)
            yield cls(world, kept)

    def restore(self) -> None:
        """Make the world what it was."""
        shutil.rmtree(self.world.folder)
        shutil.copytree(self.kept, self.world.folder, symlinks=True)
