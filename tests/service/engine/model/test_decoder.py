"""Logits of every shape against transformers' own, however the tokens are split into steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from service.engine.model.decoder import Decoder, PackedTokens
from service.engine.model.description import read_description
from service.engine.model.tensor_files import TensorFiles
from service.engine.operations import REFERENCE
from service.engine.reference import LinearMode
from tests.service.engine.tiny_models import CONTEXT_TOKENS, SHAPES, VOCABULARY, tiny_model

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 8


def load(folder: Path) -> Decoder:
    return Decoder(
        read_description(folder),
        TensorFiles(folder),
        REFERENCE,
        mode=LinearMode.FP32,
        dtype=torch.float32,
        device=torch.device("cpu"),
        context_tokens=CONTEXT_TOKENS,
    )


def packed(pieces: list[tuple[list[int], int, list[int]]]) -> PackedTokens:
    """A step of several requests: the tokens of each, how many came before, and its blocks."""
    lengths = [len(tokens) for tokens, _, _ in pieces]
    positions = [torch.arange(before, before + len(tokens)) for tokens, before, _ in pieces]
    tables = [torch.tensor(blocks) for _, _, blocks in pieces]
    return PackedTokens(
        token_ids=torch.tensor([token for tokens, _, _ in pieces for token in tokens]),
        positions=torch.cat(positions),
        kv_slots=torch.cat(
            [table[at // _BLOCK] * _BLOCK + at % _BLOCK for table, at in zip(tables, positions, strict=True)]
        ),
        query_starts=torch.tensor([0, *lengths]).cumsum(0).int(),
        context_lens=torch.tensor([before + len(tokens) for tokens, before, _ in pieces]).int(),
        block_tables=torch.nn.utils.rnn.pad_sequence(tables, batch_first=True).int(),
        logit_rows=torch.arange(sum(lengths)),
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_equal_those_of_transformers(shape: str) -> None:
    folder, oracle = tiny_model(shape)
    decoder = load(folder)
    cache = decoder.new_cache(40, _BLOCK, torch.float32)
    generator = torch.Generator().manual_seed(1)
    first = torch.randint(VOCABULARY, (70,), generator=generator).tolist()
    second = torch.randint(VOCABULARY, (33,), generator=generator).tolist()
    blocks = (torch.randperm(39, generator=generator) + 1).tolist()
    steps = [
        [(first[:50], 0, blocks[:9])],
        [(first[50:51], 50, blocks[:9]), (second[:7], 0, blocks[9:14]), ([5], 0, blocks[14:15])],
        [(first[51:], 51, blocks[:9]), (second[7:], 7, blocks[9:14])],
    ]
    results = [decoder(packed(step), cache) for step in steps]
    found_first = torch.cat([results[0], results[1][:1], results[2][:19]])
    found_second = torch.cat([results[1][1:8], results[2][19:]])
    with torch.inference_mode():
        for tokens, found in ((first, found_first), (second, found_second), ([5], results[1][8:])):
            expected = oracle(torch.tensor([tokens])).logits[0]
            assert expected.std() > 0.1
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-4)
