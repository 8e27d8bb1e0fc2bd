from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.training import sources
from models.training.corpus import Corpus, assemble, build, is_held_out
from models.training.documents import Document, Kind
from models.training.sources import PERMISSIVE, SKIPPED_FOLDERS, Source, installed_packages, standard_library

if TYPE_CHECKING:
    import pytest


def names(held_out: bool, count: int) -> list[str]:
    found = (f"package/file{number}.py" for number in range(10_000))
    return [name for name in found if is_held_out(name) is held_out][:count]


def document(name: str, text: str, key: str | None = None) -> Document:
    return Document(Kind.FUNCTION, f"{name}:1", text, key or text)


def source(name: str, files: list[str]) -> Source:
    return Source(name, "1", "MIT", tuple((file, Path(file)) for file in files))


def test_held_out_files_are_never_trained_on(small_corpus: Corpus) -> None:
    def files(documents: tuple[Document, ...]) -> set[str]:
        return {one.origin.rpartition(":")[0] for one in documents}

    assert small_corpus.held_out
    assert all(map(is_held_out, files(small_corpus.held_out)))
    assert not any(map(is_held_out, files(small_corpus.training)))
    assert not {one.key for one in small_corpus.held_out} & {one.key for one in small_corpus.training}


def test_a_text_that_training_has_too_is_not_held_out_wherever_it_came_from() -> None:
    (kept,), (held,) = names(held_out=False, count=1), names(held_out=True, count=1)
    found = assemble(
        [
            (source("first", [held]), [[document(held, "same"), document(held, "own")]]),
            (source("second", [kept]), [[document(kept, "same"), *(document(kept, str(n)) for n in range(99))]]),
        ]
    )
    assert [one.text for one in found.held_out] == ["own"]


def test_of_two_copies_the_first_is_kept() -> None:
    one, two = names(held_out=False, count=2)
    found = assemble(
        [
            (source("a", [one]), [[document(one, "x" * 10, "k"), *(document(one, f"{n:04}") for n in range(9))]]),
            (source("b", [two]), [[document(two, "y" * 10, "k"), *(document(two, f"{n:04}b") for n in range(99))]]),
        ]
    )
    assert [one.origin for one in found.training if one.key == "k"] in ([], [f"{one}:1"])
    assert not any(one.text.startswith("y") for one in found.training)


def test_no_source_has_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.corpus.SOURCE_SHARE", 0.5)
    big, small = names(held_out=False, count=2)
    found = assemble(
        [
            (source("big", [big]), [[document(big, f"{n:010}") for n in range(900)]]),
            (source("small", [small]), [[document(small, f"{n:09}s") for n in range(100)]]),
        ]
    )
    characters = {one.name: one.characters for one in found.contributions}
    assert characters == {"big": 5_000, "small": 1_000}
    origins = [one.text for one in found.training]
    assert origins[:500] == sorted(origins[:500])  # a choice, in the order of the files


def test_the_corpus_depends_on_the_texts_alone(
    source: Source, small_corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.corpus.SOURCE_SHARE", 1.0)
    assert build([source], workers=2, progress=lambda *_: None) == small_corpus


def test_a_kept_corpus_reads_back_equal(small_corpus: Corpus) -> None:
    back = Corpus.from_json(small_corpus.to_json())
    assert back == small_corpus
    assert back.digest == small_corpus.digest


def test_another_text_is_another_digest(small_corpus: Corpus) -> None:
    fewer = Corpus(small_corpus.training[1:], small_corpus.held_out, small_corpus.contributions)
    assert fewer.digest != small_corpus.digest


def test_progress_counts_every_file(source: Source) -> None:
    told: list[tuple[str, int, int]] = []
    build([source], workers=1, progress=lambda *one: told.append(one))
    assert told[-1] == (source.name, len(source.files), len(source.files))
    assert [done for _, done, _ in told] == list(range(1, len(told) + 1))


def test_sources_leave_out_tests_data_and_other_peoples_code() -> None:
    for one in (standard_library(), *installed_packages()):
        assert one.version
        for name, path in one.files:
            assert not SKIPPED_FOLDERS.intersection(Path(name).parts[:-1])
            assert path.suffix == ".py"
        assert not any("site-packages" in name for name, _ in one.files)


def test_no_copyleft_among_the_sources() -> None:
    assert not [name for name, licence in PERMISSIVE.items() if any(word in licence for word in ("GPL", "MPL", "EPL"))]


def test_a_package_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PERMISSIVE", {"no-such-package-anywhere": "MIT", "rich": "MIT"})
    assert [one.name for one in installed_packages()] == ["rich"]
