"""One training run from nothing to a checkpoint: corpus, tokenizer, rows, network, loop; each kept for a resumption."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from filelock import FileLock, Timeout
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from tokenizers import Tokenizer

from models.training import architecture, batches, checkpoint, corpus, sources, tokenizer, trainer
from models.training.checkpoint import CheckpointError
from models.training.corpus import Corpus
from models.training.schedule import DECAY_SHARE, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from models.training.checkpoint import Checkpoint, Measurement
    from models.training.documents import Document

ROWS = 12
"""Rows of one batch: 6,144 tokens, few enough for many steps, enough that the optimizer takes a tenth of the time."""
HELD_OUT_ROWS = 4 * ROWS
"""Measured while training; the card's numbers are from all held-out documents."""
TOKENIZER_DOCUMENTS = 40_000
"""The tokenizer is learnt from every n-th document, about this many: more hardly changes its merges."""


class RunInUseError(RuntimeError):
    """Another process trains in this folder."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was made or interrupted."""

    corpus: Corpus
    training_tokens: int
    """Tokens of the training documents, each once."""
    tokenizer: Tokenizer
    checkpoint: Checkpoint
    finished: bool
    """Its schedule ended (rather than it was stopped)."""
    batch_rows: int
    device: str
    threads: int


@dataclass(frozen=True, slots=True)
class _Material:
    """What a run trains on and with, all kept in its folder."""

    corpus: Corpus
    tokenizer: Tokenizer
    training: batches.TokenStream
    held_out: batches.TokenStream

    def run(self, state: Checkpoint, *, finished: bool) -> Run:
        return Run(
            self.corpus,
            len(self.training.tokens),
            self.tokenizer,
            state,
            finished=finished,
            batch_rows=ROWS,
            device=_device_name(),
            threads=_threads(),
        )


def make(work: Path, *, minutes: float, steps: int | None, seed: int, console: Console) -> Run:
    """Make or continue the run of this folder.

    Args:
        work: folder of corpus, tokenizer and checkpoint; made where it is missing.
        minutes: end this long after the training proper begins, the learning rate's decay included.
        steps: end after this many steps in all instead.
        seed: of weights and order.
        console: where progress is shown.

    Raises:
        CheckpointError: the folder holds another run's state.
        RunInUseError: another process trains there.
        OSError: disk full or no permission.
    """
    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / "lock", timeout=0), trainer.stop_on_signals() as stop, _progress(console) as progress:
            material = _material(work, progress)
            torch.set_num_threads(_threads())
            console.print(
                f"corpus: {len(material.corpus.training):,} documents, {len(material.training.tokens):,} tokens; "
                f"held out: {len(material.corpus.held_out):,} documents, {len(material.held_out.tokens):,} tokens"
            )
            clock = time.monotonic
            started_s, span_s = clock(), 60 * minutes
            if steps is None:
                schedule = Schedule(steps=None, deadline_s=started_s + span_s, decay_s=span_s * DECAY_SHARE)
            else:
                schedule = Schedule(steps=steps, deadline_s=None)
            task = progress.add_task("training", total=span_s if steps is None else steps)

            def report(point: Measurement) -> None:
                done = clock() - started_s if steps is None else point.step
                progress.update(task, completed=done, description=_line(point))
                if not console.is_terminal or point.held_out_loss is not None:
                    console.print(_line(point))

            state = trainer.train(
                architecture.network(material.tokenizer.get_vocab_size(), seed=seed),
                batches.Batches(material.training, context=architecture.CONTEXT, size=ROWS, seed=seed),
                batches.rows(material.held_out, context=architecture.CONTEXT, seed=0)[:HELD_OUT_ROWS].astype(np.int64),
                trainer.Settings(work, schedule, seed, material.corpus.digest, clock, report, stop),
            )
            return material.run(state, finished=not stop.is_set())
    except Timeout as error:
        raise RunInUseError(
            f"another process trains in {work}; wait for it, or name another folder by --work"
        ) from error


def load(work: Path, *, seed: int, console: Console) -> Run:
    """The run that was made in this folder, as far as it went.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    if not (work / checkpoint.FILE).exists():
        raise CheckpointError(f"{work} holds no checkpoint: train first (python -m models.training train)")
    with _progress(console) as progress:
        material = _material(work, progress)
    state = checkpoint.load(work, seed=seed, corpus=material.corpus.digest)
    if state is None:
        raise CheckpointError(f"{work / checkpoint.FILE} was removed meanwhile")
    return material.run(state, finished=bool(state.history) and state.history[-1].rate == 0.0)


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def _device_name() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"a CPU ({torch.backends.cpu.get_cpu_capability()})"


def _line(point: Measurement) -> str:
    losses = f"loss {point.training_loss:.3f}" if point.training_loss is not None else "end"
    if point.held_out_loss is not None:
        losses += f", held out {point.held_out_loss:.3f}"
    speed = point.tokens / max(point.elapsed_s, 1e-9)
    return (
        f"step {point.step}, {point.tokens / 1e6:.2f} M tokens, {losses}, "
        f"rate {point.rate:.2f}, {speed:,.0f} tokens/s, {point.elapsed_s / 60:.1f} min"
    )


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


def _material(work: Path, progress: Progress) -> _Material:
    found = _corpus(work, progress)
    learnt = _tokenizer(work, found, progress)
    training = _stream(work, "training", learnt, found.training, batches.CUT_SHARE)
    held_out = _stream(work, "held-out", learnt, found.held_out, 0.0)
    return _Material(found, learnt, training, held_out)


def _corpus(work: Path, progress: Progress) -> Corpus:
    """The corpus of this run: read once, then kept, so that a resumption goes on with the same texts."""
    file = work / "corpus.json"
    if file.exists():
        return Corpus.from_json(file.read_text(encoding="utf-8"))
    task = progress.add_task("reading sources", total=None)

    def report(name: str, done: int, total: int) -> None:
        progress.update(task, description=f"reading {name}", completed=done, total=total)

    found = corpus.build(sources.all_sources(), workers=os.cpu_count() or 1, progress=report)
    _write(file, found.to_json().encode())
    progress.remove_task(task)
    return found


def _tokenizer(work: Path, found: Corpus, progress: Progress) -> Tokenizer:
    file = work / "tokenizer.json"
    if file.exists():
        return Tokenizer.from_file(str(file))
    task = progress.add_task("learning the tokenizer", total=None)
    every = max(1, len(found.training) // TOKENIZER_DOCUMENTS)
    learnt = tokenizer.train(document.text for document in found.training[::every])
    _write(file, learnt.to_str(pretty=False).encode())
    progress.remove_task(task)
    return learnt


def _stream(
    work: Path, name: str, learnt: Tokenizer, found: Sequence[Document], cut_share: float
) -> batches.TokenStream:
    """Encoded documents, kept under a name that changes with the tokenizer."""
    version = hashlib.sha256(learnt.to_str().encode()).hexdigest()[:12]
    file = work / f"{name}-{version}.npz"
    if not file.exists():
        stream = batches.encode(learnt, found, cut_share=cut_share, seed=0)
        unfinished = file.with_suffix(".new.npz")
        np.savez(unfinished, tokens=stream.tokens, starts=stream.starts)
        unfinished.replace(file)
    with np.load(file) as content:
        return batches.TokenStream(content["tokens"], content["starts"])


def _write(file: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    unfinished = file.with_name(file.name + ".new")
    unfinished.write_bytes(content)
    unfinished.replace(file)
