"""The corpus: every source's documents, without doubles, in a training part and a held-out part.

The parts are divided by file: a file is held out when the hash of its stable name says so, whatever else is
installed. A held-out document whose key (see `documents.Document.key`) also occurs in training is dropped, so
nothing that is measured was seen.
"""

from __future__ import annotations

import hashlib
import json
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from models.training.documents import Document, Kind, documents, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from models.training.sources import Source

HELD_OUT_OF = 64
"""One file in this many is held out."""
SOURCE_SHARE = 0.08
"""Most that one package may be of the training text: torch, transformers and sympy would drown the rest."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one source gave, for the model card."""

    name: str
    version: str
    licence: str
    documents: int
    characters: int


@dataclass(frozen=True, slots=True)
class Corpus:
    """The training and held-out documents, each in a fixed order."""

    training: tuple[Document, ...]
    held_out: tuple[Document, ...]
    contributions: tuple[Contribution, ...]

    @property
    def digest(self) -> str:
        """Sha256 (hex) over all training texts: what a run was trained on."""
        digest = hashlib.sha256()
        for document in self.training:
            digest.update(document.text.encode() + b"\0")
        return digest.hexdigest()

    def to_json(self) -> str:
        """For keeping beside a run: a resumption goes on with the same texts."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Corpus:
        """The reverse of `to_json`."""
        content = json.loads(text)
        training, held_out = (
            tuple(Document(Kind(one["kind"]), one["origin"], one["text"], one["key"]) for one in content[part])
            for part in ("training", "held_out")
        )
        return cls(training, held_out, tuple(Contribution(**one) for one in content["contributions"]))


def is_held_out(name: str) -> bool:
    """Whether the file of this stable name (as in `sources.Source.files`) belongs to the held-out part."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % HELD_OUT_OF == 0


def _read(item: tuple[str, Path]) -> list[Document]:
    name, path = item
    source = parse(name, path.read_bytes())
    return documents(source) if source else []


def build(sources: Iterable[Source], *, workers: int, progress: Callable[[str, int, int], None]) -> Corpus:
    """Read all sources.

    Args:
        sources: where to read; an earlier source's copy of a text wins.
        workers: processes.
        progress: told (source name, files done, files in all) as it goes.
    """
    per_source: list[tuple[Source, list[list[Document]]]] = []
    with ProcessPoolExecutor(max_workers=workers) as pool:
        for source in sources:
            read: list[list[Document]] = []
            for found in pool.map(_read, source.files, chunksize=16):
                read.append(found)
                progress(source.name, len(read), len(source.files))
            per_source.append((source, read))
    return assemble(per_source)


def assemble(per_source: list[tuple[Source, list[list[Document]]]]) -> Corpus:
    """Divide, drop doubles, and limit each source's share. The result depends on the texts alone."""
    seen: set[str] = set()
    kept: list[tuple[Source, list[Document]]] = []
    held_out_candidates: list[Document] = []
    for source, files in per_source:
        mine: list[Document] = []
        for (name, _), found in zip(source.files, files, strict=True):
            if is_held_out(name):
                held_out_candidates += found
                continue
            for document in found:
                if document.key not in seen:
                    seen.add(document.key)
                    mine.append(document)
        kept.append((source, mine))
    held_out: list[Document] = []
    for document in held_out_candidates:
        if document.key not in seen:
            seen.add(document.key)
            held_out.append(document)

    total = sum(len(document.text) for _, mine in kept for document in mine)
    training: list[Document] = []
    contributions: list[Contribution] = []
    for source, mine in kept:
        chosen = _limit(mine, int(total * SOURCE_SHARE))
        training += chosen
        characters = sum(len(document.text) for document in chosen)
        contributions.append(Contribution(source.name, source.version, source.licence, len(chosen), characters))
    return Corpus(tuple(training), tuple(held_out), tuple(contributions))


def _limit(found: list[Document], characters: int) -> list[Document]:
    """A repeatable choice of documents with at most this many characters, short ones no likelier than long ones."""
    if sum(len(document.text) for document in found) <= characters:
        return found
    order = list(range(len(found)))
    random.Random(0).shuffle(order)  # noqa: S311  a choice, no secret
    chosen: list[int] = []
    for index in order:
        characters -= len(found[index].text)
        if characters < 0:
            break
        chosen.append(index)
    return [found[index] for index in sorted(chosen)]
