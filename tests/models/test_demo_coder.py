"""The model that ships: what its card and manifest say must be so."""

from __future__ import annotations

import pytest

from models.training import card, prompts, publication
from models.training.completion import Completer
from models.training.results import NAME as RESULTS
from models.training.results import Results
from service.weights.manifest import MANIFEST_NAME, Manifest, verify_file

FOLDER = publication.DEMO_CODER


@pytest.fixture(scope="module")
def results() -> Results:
    return Results.model_validate_json((FOLDER / RESULTS).read_text("utf-8"))


@pytest.fixture(scope="module")
def completer() -> Completer:
    return Completer(FOLDER)


def test_the_manifest_covers_every_file_and_fits_the_repository() -> None:
    raw = (FOLDER / MANIFEST_NAME).read_bytes()
    manifest = Manifest.from_bytes(raw, source=str(FOLDER))
    assert manifest == Manifest.of_folder(FOLDER, name="demo-coder")
    assert manifest.to_bytes() == raw
    for name, entry in manifest.files.items():
        verify_file(FOLDER / name, entry, name=name)
    assert manifest.size_bytes <= publication.SIZE_LIMIT_BYTES


def test_the_card_says_what_was_measured(results: Results) -> None:
    assert (FOLDER / card.NAME).read_text("utf-8") == card.card(results)
    assert len(results.prefixes) == 100
    assert [sample.prompt for sample in results.samples] == list(prompts.SAMPLES)


def test_fibonacci_completes_into_code_that_parses(completer: Completer) -> None:
    made = completer.complete("def fibonacci(n):")
    assert made.parses()
    assert made.ended
    assert made.text.strip()


def test_completions_are_those_of_the_card(completer: Completer, results: Results) -> None:
    # Greedy choices between near-equal tokens may differ between processors, so not every one need be the same.
    again = [completer.complete(sample.prompt) for sample in results.samples[:8]]
    assert sum(made.text == sample.completion for made, sample in zip(again, results.samples, strict=False)) >= 6


def test_the_model_has_the_shape_that_the_card_names(completer: Completer, results: Results) -> None:
    assert sum(weight.numel() for weight in completer.model.parameters()) == results.model.weights
    assert len(completer.tokenizer) == results.model.vocabulary
