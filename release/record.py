"""What runs where, since when, and why: one entry of a stack's history."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from release.artefacts import Artefacts
from release.baseline import Fingerprint
from release.gate.verdict import Verdict
from release.stored import Stored


class Outcome(StrEnum):
    """How a rollout ended, for one stack or for all."""

    RELEASED = "released"
    """The new digests run and were healthy until the wave's bake ended."""
    ROLLED_BACK = "rolled back"
    """The digests from before run again, and were judged by the same gate."""
    STUCK = "stuck"
    """Going back failed: what runs is for a person to find out."""
    SUPERSEDED = "superseded"
    """Another rollout took its place while it rested between two waves, or after its driver was lost."""


class Deployed(Stored):
    """What really runs in a region.

    Attributes:
        images: Full references by digest, by workload.
        model: Digest of the model's manifest.
        config_hash: SHA-256 of the stack's settings, digests left out: two releases of one hash differ in these alone.
    """

    images: Mapping[str, str]
    model: str
    config_hash: str


class Record(Stored):
    """One entry of a stack's history. What it says is meant to run from then on, until the next entry.

    Attributes:
        stack: The stack.
        rollout: Number of the rollout that it belongs to.
        outcome: What became of the rollout in this stack.
        artefacts: What the stack's file pins.
        attempted: What was tried and taken back; None where that is what runs.
        deployed: What really runs; None where that couldn't be found out.
        at: When, UTC.
        who: Who asked for it.
        reason: Why, in words: of a rollback, what condemned the release.
        verdicts: The gate's.
        fingerprint: The model's answers to the pinned texts, which the next release is compared with.
        writer: Random id of the process that wrote it.
    """

    stack: str
    rollout: int
    outcome: Outcome
    artefacts: Artefacts
    attempted: Artefacts | None = None
    deployed: Deployed | None = None
    at: datetime
    who: str
    reason: str
    verdicts: tuple[Verdict, ...] = ()
    fingerprint: Fingerprint | None = Field(None, repr=False)
    writer: str

    @property
    def good(self) -> bool:
        """Whether the gate has passed what runs."""
        return self.outcome in {Outcome.RELEASED, Outcome.ROLLED_BACK}
