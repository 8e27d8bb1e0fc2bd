"""The whole program on a small corpus and a tiny network: train, interrupt, go on, publish, describe."""

from __future__ import annotations

import io
import os
import signal
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from rich.console import Console
from typer.testing import CliRunner

from models.training import __main__ as program
from models.training import card, checkpoint, curve, demo, publication, run, sources, trainer
from models.training.results import NAME as RESULTS
from models.training.results import Results
from service.weights.manifest import MANIFEST_NAME, Manifest, verify_file

if TYPE_CHECKING:
    from pathlib import Path

    from models.training.sources import Source


@pytest.fixture
def small(tiny_shape: int, source: Source, monkeypatch: pytest.MonkeyPatch) -> int:
    """Few sources, small batches, no kernel fusion; the number of rows of a batch."""
    assert tiny_shape
    few = sources.Source(source.name, source.version, source.licence, source.files[:60])
    monkeypatch.setattr(sources, "all_sources", lambda: [few])
    monkeypatch.setattr("models.training.corpus.SOURCE_SHARE", 1.0)
    monkeypatch.setattr("models.training.corpus.HELD_OUT_OF", 8)
    monkeypatch.setattr(run, "ROWS", 2)
    monkeypatch.setattr(run, "HELD_OUT_ROWS", 4)
    monkeypatch.setattr(trainer, "MEASURE_EVERY", 2)
    monkeypatch.setattr("models.training.evaluation.PREFIXES", 3)
    monkeypatch.setattr("models.training.completion.MOST_TOKENS", 8)
    monkeypatch.setattr(trainer, "CAN_COMPILE", False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return run.ROWS


class Interrupting(io.StringIO):
    """Somebody who presses Ctrl-C once, when the screen says that step 2 was made."""

    pressed = False

    def write(self, text: str) -> int:
        if "step 2," in text and not self.pressed:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)
        return super().write(text)


def console(file: io.StringIO | None = None) -> Console:
    return Console(file=file or io.StringIO(), width=200)


def test_interrupted_continued_and_published(small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, folder = tmp_path / "work", tmp_path / "tiny-coder"
    stopped = run.make(work, minutes=1, steps=6, seed=0, console=console(Interrupting()))
    assert not stopped.finished
    assert stopped.checkpoint.step == 2
    before = {path.name: path.stat().st_mtime_ns for path in work.iterdir() if path.name != checkpoint.FILE}

    assert demo.train_demo(minutes=0.05, console=console(), work=work, folder=folder)
    made = run.load(work, seed=0, console=console())
    assert made.finished
    assert made.checkpoint.step > 2
    assert made.checkpoint.tokens == made.checkpoint.step * small * 512
    kept = {path.name: path.stat().st_mtime_ns for path in work.iterdir() if path.name in before}
    assert {name for name in before if before[name] != kept[name]} <= {"lock"}  # corpus and tokenizer were reused

    raw = (folder / MANIFEST_NAME).read_bytes()
    manifest = Manifest.from_bytes(raw, source="tiny-coder")
    assert manifest.to_bytes() == raw
    assert manifest.name == "tiny-coder"
    for name, entry in manifest.files.items():
        verify_file(folder / name, entry, name=name)
    assert {path.name for path in folder.iterdir()} == {*manifest.files, MANIFEST_NAME}
    results = Results.model_validate_json((folder / RESULTS).read_text("utf-8"))
    assert results.training.steps == made.checkpoint.step
    assert len(results.prefixes) == 3
    assert len(results.samples) == 20
    assert (folder / card.NAME).read_text("utf-8") == card.card(results)
    assert (folder / curve.NAME).read_bytes().startswith(b"\x89PNG")

    untouched = {path.name: path.read_bytes() for path in folder.iterdir()}
    publication.redescribe(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == untouched

    monkeypatch.setattr(publication, "SIZE_LIMIT_BYTES", 1_000)
    with pytest.raises(publication.TooLargeError, match="the limit is 1,000"):
        publication.redescribe(folder)
    assert not (folder / MANIFEST_NAME).exists()  # nothing loads what is not to be shipped


def test_a_folder_is_trained_in_by_one_process(small: int, tmp_path: Path) -> None:
    assert small
    with FileLock(tmp_path / "lock"), pytest.raises(run.RunInUseError, match="another process trains"):
        run.make(tmp_path, minutes=1, steps=1, seed=0, console=console())


def test_publishing_before_training_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(checkpoint.CheckpointError, match="train first"):
        run.load(tmp_path, seed=0, console=console())


@pytest.mark.parametrize("arguments", [["publish"], ["card"]])
def test_an_error_is_one_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    option = "--work" if arguments == ["publish"] else "--folder"
    monkeypatch.setattr("sys.argv", ["training", *arguments, option, str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_interrupting_the_command_ends_with_130_and_says_how_to_go_on(
    small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert small
    monkeypatch.setattr(program, "Console", lambda **_: console(Interrupting()))
    result = CliRunner().invoke(program.app, ["train", "--work", str(tmp_path), "--steps", "6"])
    assert result.exit_code == 130
