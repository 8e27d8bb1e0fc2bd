"""The model card: every number in it is out of `results.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.training.completion import MOST_TOKENS
from models.training.documents import DOCSTRING_ONE_IN
from models.training.export import REPETITION_PENALTY

if TYPE_CHECKING:
    from models.training.results import Results, SampleRecord

NAME = "README.md"


def card(results: Results) -> str:
    """The card as Markdown, with the metadata block that model hubs read."""
    return "\n".join(
        (
            _metadata(),
            _introduction(results),
            _quality(results),
            _model(results),
            _training(results),
            _samples(results.samples),
            _sources(results),
        )
    )


def _metadata() -> str:
    return """---
license: apache-2.0
language: code
library_name: transformers
pipeline_tag: text-generation
tags: [code, python, demonstration]
---
"""


def _introduction(results: Results) -> str:
    return f"""# demo-coder

A code model of {results.model.weights / 1e6:.1f} million weights, trained from scratch for this repository, so that a
clean machine that reaches no model hub can serve a real model: real tokenizer, real weights, real sampling, small
enough for Git. It continues Python functions. It is a demonstration of serving, not a programmer: what it writes
usually looks like Python and rarely does what its name says.

This card is generated from `results.json` by `python -m models.training card`; nothing in it is typed by hand.
"""


def _quality(results: Results) -> str:
    perplexity = results.perplexity
    ended = sum(record.ended for record in results.prefixes)
    parsing_ended = sum(record.parses and record.ended for record in results.prefixes)
    fibonacci = results.samples[0]
    rounding = perplexity.perplexity / perplexity.perplexity_float32 - 1
    return f"""## Measured

| What | Value |
|---|---|
| Held-out function prefixes whose greedy completion parses | {results.prefixes_parsing} of {len(results.prefixes)} |
| ... that the model ended by itself within {MOST_TOKENS} tokens | {ended} of {len(results.prefixes)} |
| ... both | {parsing_ended} of {len(results.prefixes)} |
| `{fibonacci.prompt}` completes to code that parses | {"yes" if fibonacci.parses else "no"} |
| Held-out perplexity | {perplexity.perplexity:.2f} a token ({perplexity.tokens:,} tokens) |
| Held-out bits per byte | {perplexity.bits_per_byte:.3f} |
| Change of perplexity by storing {results.model.stored_as} | {rounding:+.3%} |

A prefix is a function's decorators, head and docstring; its completion is parsed as it came, nothing cut off or
repaired. Held out is one file in 64, by the hash of its name ({results.corpus.held_out_files} files gave
{results.corpus.held_out_documents:,} documents); documents that also occur in training, but for class names and
literals, are not counted.

![Loss over tokens](loss.png)
"""


def _model(results: Results) -> str:
    model = results.model
    return f"""## Model

Qwen3's architecture: {model.layers} layers, hidden size {model.hidden_size}, SwiGLU of {model.intermediate_size},
{model.query_heads} query heads on {model.key_value_heads} key/value heads of {model.head_dim}, QK norm, RoPE, tied
embeddings; {model.weights:,} weights stored as {model.stored_as}. Context: {model.context_tokens} tokens, prompt
included. Tokenizer: byte-level BPE with {model.vocabulary:,} tokens; a line break and the indentation after it are
one token. A completion ends with `<|endoftext|>`. `generation_config.json` asks for
a repetition penalty of {REPETITION_PENALTY}, which transformers and this repository's server apply unless a request
says otherwise. The chat template passes the last message on as the prompt: the
model knows no conversation.
"""


def _training(results: Results) -> str:
    corpus, training = results.corpus, results.training
    speed = training.tokens / training.minutes / 60
    return f"""## Training

{training.tokens / 1e6:.1f} million tokens ({training.epochs:.2f} passes over {corpus.training_documents:,} documents)
in {training.steps:,} steps of {training.batch_tokens:,} tokens, {training.minutes:.0f} minutes on {training.device}
({training.threads} threads, {speed:,.0f} tokens a second), torch {training.torch}, seed {training.seed}. Muon for the
matrices, AdamW for the rest; learning rate warmed up, stable, then linear to zero. The corpus (SHA-256
`{corpus.sha256}`) is Python alone: single functions, small classes and windows of modules, without doubles, tests,
tables and generated files. All of it is in the one layout of `ast.unparse`, without comments; one function in
{DOCSTRING_ONE_IN} keeps the first sentence of its docstring, so the model reads docstrings and seldom writes one. The
held-out part is in the same layout.

To make another: `python -m models.training train`, then `python -m models.training publish`.
"""


def _samples(samples: list[SampleRecord]) -> str:
    parts = [
        "## Twenty completions\n",
        "Greedy, with the model's own repetition penalty. The prompts were fixed beforehand; none is left out.\n",
    ]
    for sample in samples:
        notes = [] if sample.parses else ["doesn't parse"]
        if not sample.ended:
            notes.append(f"cut at {MOST_TOKENS} tokens")
        note = f" ({', '.join(notes)})" if notes else ""
        parts.append(f"```python\n{sample.prompt}\n# ---{note}\n{sample.completion.strip(chr(10))}\n```\n")
    return "\n".join(parts)


def _sources(results: Results) -> str:
    rows = "\n".join(
        f"| {source.name} | {source.version} | {source.licence} | {source.documents:,} | {source.characters:,} |"
        for source in sorted(results.corpus.sources, key=lambda source: -source.characters)
        if source.documents
    )
    return f"""## Sources and licences

Trained only on what every machine with this project has: Python's standard library and permissively licensed
packages. Their licences apply to any passage that the model should repeat word for word.

| Source | Version | Licence | Documents | Characters |
|---|---|---|---|---|
{rows}
"""
