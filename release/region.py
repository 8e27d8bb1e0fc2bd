"""What a rollout asks of a region, and the place that is left for the database's migrations."""

from typing import Protocol

from release.artefacts import Artefacts
from release.baseline import Baseline, Fingerprint
from release.gate.verdict import Verdict
from release.record import Deployed


class Region(Protocol):
    """One region's stack. Every method may be called again after a kill in its middle, and then ends the same way."""

    @property
    def stack(self) -> str:
        """The stack's name."""
        ...

    def artefacts(self) -> Artefacts:
        """Give what the stack's file pins now.

        Raises:
            RegionError: it can't be read.
        """
        ...

    def observe(self) -> Baseline:
        """Give what the region is like now. One that doesn't answer is no error: the baseline's note says so."""
        ...

    def fingerprint(self) -> Fingerprint | None:
        """Give the model's answers to the pinned texts; None where they can't be had."""
        ...

    def configure(self, artefacts: Artefacts) -> None:
        """Pin these in the stack's file.

        Raises:
            RegionError: the file can't take them.
        """
        ...

    def migrate(self, artefacts: Artefacts) -> None:
        """Expand what the new release needs and the old one doesn't mind (see `Migration`).

        Raises:
            RegionError: it failed; the rollout is taken back, the expansion stays.
        """
        ...

    def update(self, before: Baseline | None = None) -> None:
        """Repair what a killed update left, bring the stack to what its file says, wait for the rollout of its pods.

        Args:
            before: The region before this rollout: what a killed run of this update has brought came since. None on the
                way back, since what has come by then is what is being left.

        Raises:
            RegionError: it failed, or pods of the new release can't run.
        """
        ...

    def judge(self, before: Baseline, last_good: Fingerprint | None) -> tuple[Verdict, ...]:
        """Run the health gate.

        Args:
            before: The region before this rollout.
            last_good: The model's answers as the last good record has them; None: those of `before` count.
        """
        ...

    def interrupt(self) -> None:
        """End what another thread has under way here in order, as Ctrl-C does; the rollout is resumed later."""
        ...

    def deployed(self) -> Deployed:
        """Give what really runs.

        Raises:
            RegionError: that can't be found out.
        """
        ...


class Migration(Protocol):
    """A change of stored data that goes with a release, by expand and contract.

    Expanding comes before the rollout and must suit both releases: add a table or a nullable column, never rename or
    drop. It may run again after a kill. Contracting (dropping what only the old release read) is a later release's
    expansion, once no rollback can lead to code that needs it: so going back never takes data back. A rollback
    therefore runs no migration at all.

    Source: https://martinfowler.com/bliki/ParallelChange.html.
    """

    def expand(self, stack: str, artefacts: Artefacts) -> None:
        """Make room for a release in a stack's data.

        Raises:
            RegionError: it failed; nothing that the running release needs was changed.
        """
        ...


class NoMigration:
    """There is no database yet."""

    def expand(self, stack: str, artefacts: Artefacts) -> None:
        """Do nothing."""
        del stack, artefacts
