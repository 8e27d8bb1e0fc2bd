"""The state of a run on disk: written beside the old one and renamed over it, so that a kill leaves a whole file."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from pathlib import Path

FILE = "checkpoint.pt"


class CheckpointError(RuntimeError):
    """A checkpoint that can't be continued from; says which file and what to do."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One point of the loss curve."""

    step: int
    tokens: int
    elapsed_s: float
    """Time spent training, over all resumptions."""
    rate: float
    """Share of the peak learning rate."""
    training_loss: float | None = None
    """Nats a token, mean since the point before."""
    held_out_loss: float | None = None


@dataclass(slots=True)
class Checkpoint:
    """All that continuing needs; the batch of a step follows from the seed."""

    step: int
    """Steps made."""
    tokens: int
    elapsed_s: float
    seed: int
    corpus: str
    """Digest of the corpus: another corpus is another run."""
    model: dict[str, Any]
    optimizers: list[dict[str, Any]]
    history: list[Measurement] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Write atomically.

        Raises:
            OSError: disk full or no permission; the checkpoint before stays.
        """
        unfinished = folder / (FILE + ".new")
        content = {name: getattr(self, name) for name in self.__slots__}
        content["history"] = [asdict(point) for point in self.history]
        try:
            with unfinished.open("wb") as file:
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(folder / FILE)
        finally:
            unfinished.unlink(missing_ok=True)


def load(folder: Path, *, seed: int, corpus: str) -> Checkpoint | None:
    """Return the checkpoint of this folder, or None where there is none.

    Raises:
        CheckpointError: it is damaged, or of another seed or corpus.
    """
    file = folder / FILE
    if not file.exists():
        return None
    remedy = f"delete {folder} to start again, or name another folder by --work"
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        content["history"] = [Measurement(**point) for point in content["history"]]
        found = Checkpoint(**content)
    except Exception as error:
        # Not torch's message: it advises to load damaged files unsafely.
        raise CheckpointError(f"{file} can't be read ({type(error).__name__}); {remedy}") from error
    if found.seed != seed:
        raise CheckpointError(f"{file} was made with seed {found.seed}, not {seed}; {remedy}")
    if found.corpus != corpus:
        raise CheckpointError(f"{file} was trained on another corpus (packages were changed since); {remedy}")
    return found
