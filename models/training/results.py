"""What was measured, as it lies in `results.json` beside the model: the card is made from this file alone."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

NAME = "results.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceRecord(_Record):
    """One package that was trained on."""

    name: str
    version: str
    licence: str
    documents: int
    characters: int


class CorpusRecord(_Record):
    """What was trained on and what was held out."""

    sha256: str
    """Over all training texts in order."""
    training_documents: int
    training_tokens: int
    held_out_documents: int
    held_out_files: int
    sources: list[SourceRecord]


class ModelRecord(_Record):
    """The network's shape."""

    weights: int
    layers: int
    hidden_size: int
    intermediate_size: int
    query_heads: int
    key_value_heads: int
    head_dim: int
    vocabulary: int
    context_tokens: int
    stored_as: str


class TrainingRecord(_Record):
    """The run."""

    seed: int
    steps: int
    tokens: int
    epochs: float
    minutes: float
    batch_tokens: int
    device: str
    threads: int
    torch: str


class CurvePoint(_Record):
    """One point of the loss curve."""

    tokens: int
    rate: float
    training_loss: float | None
    held_out_loss: float | None


class PerplexityRecord(_Record):
    """Over all held-out documents, each alone in the context."""

    tokens: int
    perplexity: float
    """exp of the mean loss of a token."""
    bits_per_byte: float
    perplexity_float32: float
    """The same with the weights as they were trained, before they were rounded for storing."""


class SampleRecord(_Record):
    """A prompt's greedy completion."""

    prompt: str
    completion: str
    ended: bool
    parses: bool


class PrefixRecord(_Record):
    """A held-out function's prefix, completed."""

    origin: str
    completion_tokens: int
    ended: bool
    parses: bool


class Results(_Record):
    """Everything the card says."""

    corpus: CorpusRecord
    model: ModelRecord
    training: TrainingRecord
    curve: list[CurvePoint]
    perplexity: PerplexityRecord
    prefixes: list[PrefixRecord]
    samples: list[SampleRecord]

    @property
    def prefixes_parsing(self) -> int:
        """How many prefixes with their completions are Python."""
        return sum(record.parses for record in self.prefixes)

    def to_json(self) -> str:
        """Sorted, indented, with a newline at the end."""
        return self.model_dump_json(indent=1) + "\n"
