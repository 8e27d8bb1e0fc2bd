"""From a finished run to the model folder in the repository: weights, measurements, curve, card, manifest."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from rich.progress import Progress

from models.training import architecture, card, curve, evaluation, export
from models.training.completion import Completer
from models.training.results import (
    NAME as RESULTS,
)
from models.training.results import (
    CorpusRecord,
    CurvePoint,
    ModelRecord,
    PerplexityRecord,
    Results,
    SourceRecord,
    TrainingRecord,
)
from service.weights.manifest import MANIFEST_NAME, Manifest

if TYPE_CHECKING:
    from rich.console import Console

    from models.training.checkpoint import Checkpoint
    from models.training.run import Run

DEMO_CODER = Path(__file__).resolve().parent.parent / "demo-coder"
SIZE_LIMIT_BYTES = 32 * 1024 * 1024
"""What the repository takes."""


class TooLargeError(RuntimeError):
    """The model folder is larger than the repository takes."""


def publish(run: Run, folder: Path, *, console: Console) -> Results:
    """Export, measure and describe a run's model, beside the folder; then replace the folder's files by the new ones.

    Args:
        run: made by `run.make`.
        folder: model folder; its manifest is the last to be replaced, so that a half-replaced one is seen by its
            digests.
        console: where progress is shown.

    Raises:
        TooLargeError: more than `SIZE_LIMIT_BYTES`; the folder is as it was.
        OSError: disk full or no permission.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as unfinished:
        made = Path(unfinished)
        export.export(run.checkpoint.model, run.tokenizer, made)
        results = _measure(run, made, console)
        (made / RESULTS).write_text(results.to_json(), encoding="utf-8")
        _describe(made, results, name=folder.name)
        folder.mkdir(exist_ok=True)
        for file in sorted(made.iterdir(), key=lambda file: file.name == MANIFEST_NAME):
            file.replace(folder / file.name)
    return results


def _describe(folder: Path, results: Results, *, name: str) -> None:
    """Write curve, card and manifest from the measurements."""
    (folder / MANIFEST_NAME).unlink(missing_ok=True)
    curve.draw(results.curve, folder / curve.NAME)
    (folder / card.NAME).write_text(card.card(results), encoding="utf-8")
    manifest = Manifest.of_folder(folder, name=name)
    if manifest.size_bytes > SIZE_LIMIT_BYTES:
        raise TooLargeError(f"{folder} has {manifest.size_bytes:,} bytes, the limit is {SIZE_LIMIT_BYTES:,}")
    (folder / MANIFEST_NAME).write_bytes(manifest.to_bytes())


def redescribe(folder: Path) -> Results:
    """Write curve, card and manifest anew from the folder's measurements.

    Raises:
        OSError: there is no `results.json`, or no room or permission.
        TooLargeError: more than `SIZE_LIMIT_BYTES`; the folder has no manifest then.
        pydantic.ValidationError: it isn't one.
    """
    results = Results.model_validate_json((folder / RESULTS).read_text(encoding="utf-8"))
    _describe(folder, results, name=folder.resolve().name)
    return results


def summary(folder: Path, results: Results) -> str:
    """One line for whoever waited."""
    return (
        f"{folder}: {results.model.weights / 1e6:.1f} M weights, held-out perplexity "
        f"{results.perplexity.perplexity:.2f}, {results.prefixes_parsing} of {len(results.prefixes)} "
        f"held-out prefixes parse"
    )


def _measure(run: Run, folder: Path, console: Console) -> Results:
    completer = Completer(folder)
    with Progress(console=console) as progress:

        def reporter(what: str) -> evaluation.Reporter:
            task = progress.add_task(what, total=None)
            return lambda done, total: progress.update(task, completed=done, total=total)

        with tempfile.TemporaryDirectory() as exact:
            export.export(run.checkpoint.model, run.tokenizer, Path(exact), dtype=torch.float32)
            unrounded = evaluation.loss(Completer(Path(exact)), run.corpus.held_out, reporter("perplexity, float32"))
        measured = evaluation.loss(completer, run.corpus.held_out, reporter("perplexity, as stored"))
        prefixes = evaluation.prefix_records(completer, run.corpus.held_out, reporter("held-out prefixes"))
        samples = evaluation.sample_records(completer, reporter("samples"))
    return Results(
        corpus=_corpus(run),
        model=_model(completer),
        training=_training(run),
        curve=_curve(run.checkpoint),
        perplexity=PerplexityRecord(
            tokens=measured.tokens,
            perplexity=measured.perplexity,
            bits_per_byte=measured.bits_per_byte,
            perplexity_float32=unrounded.perplexity,
        ),
        prefixes=prefixes,
        samples=samples,
    )


def _corpus(run: Run) -> CorpusRecord:
    corpus = run.corpus
    return CorpusRecord(
        sha256=corpus.digest,
        training_documents=len(corpus.training),
        training_tokens=run.training_tokens,
        held_out_documents=len(corpus.held_out),
        held_out_files=len({document.origin.rpartition(":")[0] for document in corpus.held_out}),
        sources=[
            SourceRecord(
                name=one.name,
                version=one.version,
                licence=one.licence,
                documents=one.documents,
                characters=one.characters,
            )
            for one in corpus.contributions
        ],
    )


def _model(completer: Completer) -> ModelRecord:
    config = completer.model.config
    return ModelRecord(
        weights=sum(weight.numel() for weight in completer.model.parameters()),
        layers=config.num_hidden_layers,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        query_heads=config.num_attention_heads,
        key_value_heads=config.num_key_value_heads,
        head_dim=config.head_dim,
        vocabulary=config.vocab_size,
        context_tokens=config.max_position_embeddings,
        stored_as=str(export.STORED).removeprefix("torch."),
    )


def _training(run: Run) -> TrainingRecord:
    state = run.checkpoint
    return TrainingRecord(
        seed=state.seed,
        steps=state.step,
        tokens=state.tokens,
        epochs=state.tokens / run.training_tokens,
        minutes=state.elapsed_s / 60,
        batch_tokens=run.batch_rows * architecture.CONTEXT,
        device=run.device,
        threads=run.threads,
        torch=torch.__version__,
    )


def _curve(state: Checkpoint) -> list[CurvePoint]:
    return [
        CurvePoint(
            tokens=point.tokens,
            rate=round(point.rate, 4),
            training_loss=None if point.training_loss is None else round(point.training_loss, 4),
            held_out_loss=None if point.held_out_loss is None else round(point.held_out_loss, 4),
        )
        for point in state.history
    ]
