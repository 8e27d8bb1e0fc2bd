from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from models.training import architecture, checkpoint
from models.training.batches import Batches, encode, rows
from models.training.checkpoint import CheckpointError, Measurement
from models.training.schedule import Schedule
from models.training.trainer import MEASURE_EVERY, Settings, stop_on_signals, train

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

    from models.training.batches import TokenStream
    from models.training.checkpoint import Checkpoint
    from models.training.corpus import Corpus

CONTEXT, SIZE = 32, 4


class Bench:
    """Runs of the tiny network on one thread, with a clock that the test owns."""

    def __init__(self, vocabulary: int, stream: TokenStream, held_out: TokenStream) -> None:
        self.vocabulary, self.stream = vocabulary, stream
        self.held_out = rows(held_out, context=CONTEXT, seed=0)[: 2 * SIZE].astype(np.int64)
        self.now_s = 0.0
        self.points: list[Measurement] = []

    def run(self, folder: Path, *, steps: int | None, stop_after: int | None = None, **changed: Any) -> Checkpoint:
        stop = threading.Event()
        batches = Batches(self.stream, context=CONTEXT, size=SIZE, seed=5)

        def clock() -> float:
            self.now_s += 0.25
            return self.now_s

        def report(point: Measurement) -> None:
            self.points.append(point)
            if stop_after is not None and point.step >= stop_after:
                stop.set()

        settings = {
            "folder": folder,
            "schedule": Schedule(steps, None if steps else self.now_s + 20.0, 0.0 if steps else 10.0),
            "seed": 5,
            "corpus": "c0ffee",
            "clock": clock,
            "report": report,
            "stop": stop,
            "compiled": False,
            **changed,
        }
        return train(architecture.network(self.vocabulary, seed=5), batches, self.held_out, Settings(**settings))


@pytest.fixture(scope="module")
def streams(small_tokenizer: Tokenizer, small_corpus: Corpus) -> tuple[TokenStream, TokenStream]:
    return (
        encode(small_tokenizer, small_corpus.training[:400], cut_share=0.2, seed=0),
        encode(small_tokenizer, small_corpus.held_out[:40], cut_share=0.0, seed=0),
    )


@pytest.fixture
def bench(tiny_shape: int, small_tokenizer: Tokenizer, streams: tuple[TokenStream, TokenStream]) -> Bench:
    assert architecture.config(8).num_hidden_layers == tiny_shape
    torch.set_num_threads(1)
    return Bench(small_tokenizer.get_vocab_size(), *streams)


def test_the_loss_falls_and_the_curve_says_so(bench: Bench, tmp_path: Path) -> None:
    state = bench.run(tmp_path, steps=4 * MEASURE_EVERY)
    losses = [point.training_loss for point in state.history if point.training_loss is not None]
    assert abs(losses[0] - np.log(bench.vocabulary)) < 0.5
    assert losses[-1] < losses[0] - 0.7
    assert state.history[-1].held_out_loss is not None
    assert state.history[-1].held_out_loss < losses[0] - 0.7
    assert state.history == bench.points
    assert state.tokens == 4 * MEASURE_EVERY * CONTEXT * SIZE


def test_an_interrupted_run_ends_with_the_same_weights(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "halves").mkdir()
    whole = bench.run(tmp_path / "whole", steps=2 * MEASURE_EVERY)
    half = bench.run(tmp_path / "halves", steps=2 * MEASURE_EVERY, stop_after=MEASURE_EVERY)
    assert half.step == MEASURE_EVERY
    halves = bench.run(tmp_path / "halves", steps=2 * MEASURE_EVERY)
    assert halves.step == whole.step
    for name, weight in whole.model.items():
        assert torch.equal(weight, halves.model[name]), name
    assert [(point.step, point.training_loss) for point in halves.history] == [
        (point.step, point.training_loss) for point in whole.history
    ]


def test_a_deadline_ends_a_run_at_rate_zero(bench: Bench, tmp_path: Path) -> None:
    state = bench.run(tmp_path, steps=None)
    assert state.step > 0
    assert state.history[-1].rate == 0.0
    assert state.elapsed_s == pytest.approx(20.0, abs=2.0)


def test_a_finished_run_is_not_trained_further(bench: Bench, tmp_path: Path) -> None:
    first = bench.run(tmp_path, steps=MEASURE_EVERY)
    again = bench.run(tmp_path, steps=MEASURE_EVERY)
    assert again.step == first.step
    assert all(torch.equal(weight, again.model[name]) for name, weight in first.model.items())


@pytest.mark.parametrize(
    ("changed", "says"), [({"seed": 6}, "with seed 5, not 6"), ({"corpus": "beef"}, "another corpus")]
)
def test_another_runs_checkpoint_is_refused(bench: Bench, tmp_path: Path, changed: dict[str, Any], says: str) -> None:
    bench.run(tmp_path, steps=1)
    with pytest.raises(CheckpointError, match=says):
        bench.run(tmp_path, steps=2, **changed)


@pytest.mark.parametrize("damage", [lambda raw: raw[: len(raw) // 2], lambda _: b"", lambda raw: b"x" * len(raw)])
def test_a_damaged_checkpoint_names_the_way_out(bench: Bench, tmp_path: Path, damage: Any) -> None:
    bench.run(tmp_path, steps=1)
    file = tmp_path / checkpoint.FILE
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(CheckpointError, match=r"can't be read \(\w+\); delete .* to start again"):
        bench.run(tmp_path, steps=2)


def test_a_full_disk_leaves_the_checkpoint_before(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(tmp_path, steps=1)
    before = (tmp_path / checkpoint.FILE).read_bytes()
    write = torch.save

    def fill_up(content: object, file: Any) -> None:
        write(content, file)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fill_up)
    with pytest.raises(OSError, match="No space left"):
        bench.run(tmp_path, steps=2)
    assert (tmp_path / checkpoint.FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.FILE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.wait(5)
        assert signal.getsignal(number) == before
    assert signal.getsignal(number) == before
