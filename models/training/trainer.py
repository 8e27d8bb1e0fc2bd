"""The training loop: batch, loss, gradients, step; measured, stopped and resumed between two steps."""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

from models.training import checkpoint, optimizer
from models.training.checkpoint import Checkpoint, Measurement
from models.training.tokenizer import END_OF_TEXT_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import Qwen3ForCausalLM

    from models.training.batches import Batches
    from models.training.schedule import Schedule

MEASURE_EVERY = 20
"""Steps between two points of the loss curve."""
HELD_OUT_EVERY_S = 300.0
CHECKPOINT_EVERY_S = 120.0
CAN_COMPILE = torch.cuda.is_available() or shutil.which("g++") is not None
IGNORED = -100
"""Target of a position that isn't learnt from."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the loop needs beside model and data."""

    folder: Path
    """Of the checkpoint."""
    schedule: Schedule
    seed: int
    corpus: str
    clock: Callable[[], float]
    report: Callable[[Measurement], None]
    stop: threading.Event = field(default_factory=threading.Event)
    """Set: make no further step, save, return."""
    compiled: bool = field(default_factory=lambda: CAN_COMPILE)
    """Fuse kernels first: takes a minute, then steps are three to five times faster on a CPU."""


@contextlib.contextmanager
def stop_on_signals() -> Generator[threading.Event]:
    """Turn the first SIGINT or SIGTERM into a set event; a second one acts as usual."""
    event = threading.Event()
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def ask(_number: int, _frame: object) -> None:
        event.set()
        restore()

    for number in previous:
        signal.signal(number, ask)
    try:
        yield event
    finally:
        restore()


def device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(model: Qwen3ForCausalLM, batches: Batches, held_out: NDArray[np.int64], settings: Settings) -> Checkpoint:
    """Train until the schedule ends or `stop` is set, from the folder's checkpoint where there is one.

    Args:
        model: freshly initialised; its weights are changed in place.
        batches: training rows by step.
        held_out: rows that are measured from time to time, [rows, context], a multiple of the batch size.
        settings: see there.

    Returns:
        The last state, which is also in the folder.

    Raises:
        checkpoint.CheckpointError: the folder holds another run's state.
        OSError: disk full or no permission; the checkpoint before stays.
    """
    loop = _Loop(model, held_out, settings)
    while not settings.stop.is_set() and not settings.schedule.ended(loop.step, settings.clock()):
        loop.learn(batches.at(loop.step))
        if loop.step % MEASURE_EVERY == 0:
            loop.measure()
        loop.save_if_due()
    if not settings.stop.is_set():
        loop.conclude()
    return loop.save()


class _Loop:
    """What changes from step to step."""

    def __init__(self, model: Qwen3ForCausalLM, held_out: NDArray[np.int64], settings: Settings) -> None:
        self._settings, self._device = settings, device()
        self._model = model.to(self._device).train()
        self._held_out = torch.from_numpy(held_out).to(self._device)
        self._optimizers = optimizer.optimizers(model)
        self._loss_of = _loss_of(model)
        if settings.compiled:
            self._loss_of = torch.compile(self._loss_of, dynamic=False)
        self._losses: list[Tensor] = []
        self.step, self._tokens, self._before_s, self._rate, self._rows = 0, 0, 0.0, 0.0, len(held_out)
        self._history: list[Measurement] = []
        self._restore()
        self._started_s = self._saved_s = self._measured_s = settings.clock()

    def _restore(self) -> None:
        state = checkpoint.load(self._settings.folder, seed=self._settings.seed, corpus=self._settings.corpus)
        if state is None:
            return
        self._model.load_state_dict(state.model)
        for one, its_state in zip(self._optimizers, state.optimizers, strict=True):
            one.load_state_dict(its_state)
        self.step, self._tokens = state.step, state.tokens
        self._before_s, self._history = state.elapsed_s, state.history

    def learn(self, rows: NDArray[np.int64]) -> None:
        """One step."""
        self._rate = self._settings.schedule.factor(self.step, self._settings.clock())
        optimizer.set_rate(self._optimizers, self._rate)
        batch = torch.from_numpy(rows).to(self._device)
        loss = self._loss_of(batch)
        loss.backward()
        for one in self._optimizers:
            one.step()
            one.zero_grad(set_to_none=True)
        self._losses.append(loss.detach())
        self.step, self._tokens, self._rows = self.step + 1, self._tokens + batch.numel(), len(rows)

    def measure(self) -> None:
        """Add a point to the loss curve; with the held-out loss where its time has come."""
        now_s = self._settings.clock()
        held_out = None
        if now_s - self._measured_s >= HELD_OUT_EVERY_S:
            held_out, self._measured_s = self._held_out_loss(), now_s
        training = torch.stack(self._losses).mean().item()
        self._losses.clear()
        self._add(Measurement(self.step, self._tokens, self._elapsed_s(), self._rate, training, held_out))

    def conclude(self) -> None:
        """Add the last point, at rate zero: the mark of a finished run."""
        held_out = self._held_out_loss()
        self._add(Measurement(self.step, self._tokens, self._elapsed_s(), 0.0, None, held_out))

    def save_if_due(self) -> None:
        """Save a checkpoint now and then."""
        if self._settings.clock() - self._saved_s >= CHECKPOINT_EVERY_S:
            self.save()
            self._saved_s = self._settings.clock()

    def save(self) -> Checkpoint:
        """Save a checkpoint."""
        state = Checkpoint(
            step=self.step,
            tokens=self._tokens,
            elapsed_s=self._elapsed_s(),
            seed=self._settings.seed,
            corpus=self._settings.corpus,
            model=self._model.state_dict(),
            optimizers=[one.state_dict() for one in self._optimizers],
            history=self._history,
        )
        state.save(self._settings.folder)
        return state

    def _elapsed_s(self) -> float:
        return self._before_s + self._settings.clock() - self._started_s

    def _add(self, point: Measurement) -> None:
        self._history.append(point)
        self._settings.report(point)

    def _held_out_loss(self) -> float:
        """Mean loss of the held-out rows. Gradients stay on so that the compiled step serves here too."""
        batches = self._held_out.split(self._rows)
        return sum(self._loss_of(batch).item() for batch in batches) / len(batches)


def _loss_of(model: Qwen3ForCausalLM) -> Callable[[Tensor], Tensor]:
    """Mean cross entropy of the next token, in nats; what follows an end of text is another document: not learnt."""

    def loss_of(batch: Tensor) -> Tensor:
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=batch.device.type == "cuda"):
            hidden = model.model(input_ids=batch, use_cache=False).last_hidden_state
            logits = model.lm_head(hidden[:, :-1])
        targets = batch[:, 1:].masked_fill(batch[:, :-1] == END_OF_TEXT_ID, IGNORED)
        return cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)

    return loss_of
