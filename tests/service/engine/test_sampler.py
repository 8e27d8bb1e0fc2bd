"""Sampling a batch: each row by its own settings, and by nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine.interface import SamplingParams
from service.engine.sampler.batch_sampler import BatchSampler, SlotStart, UnfitLogitsError
from service.engine.sampler.grammar import GrammarCompiler, Grammars
from service.engine.sampler.philox import philox, uniform
from tests.service.engine.tiny_models import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SLOTS = 64
_LOGITS = torch.tensor([4.0, 3.0, 2.0, 1.0, 0.0])


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads cost more than they bring for tensors as small as these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_sampler(vocabulary: int = 5) -> BatchSampler:
    grammars = Grammars(GrammarCompiler(words(), vocabulary, (0,)), vocabulary)
    return BatchSampler(_SLOTS, vocabulary, torch.device("cpu"), grammars)


def start(
    slot: int, params: SamplingParams, *, prompt: tuple[int, ...] = (), seed: int = 0, **more: object
) -> SlotStart:
    filled: dict[str, Any] = {"choice": 0, "grammar": None, "generated": (), **more}
    return SlotStart(slot=slot, params=params, seed=seed, prompt=prompt, **filled)


def draws(params: SamplingParams, times: int = 400, logits: torch.Tensor = _LOGITS) -> set[int]:
    """What comes at many positions, computed as many rows of one step."""
    sampler = make_sampler(len(logits))
    found: set[int] = set()
    for first in range(0, times, _SLOTS):
        for slot in range(_SLOTS):
            sampler.start(start(slot, params, seed=first + slot))
        rows = logits.repeat(_SLOTS, 1)
        found |= set(sampler.sample(rows, np.arange(_SLOTS), np.zeros(_SLOTS, np.uint64)).token_ids)
    return found


# Random123's known answers for Philox4x32-10 (https://github.com/DEShawResearch/random123, tests/kat_vectors).
@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_known_answers(
    counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    words_in = tuple(np.array([word], np.uint64) for word in counter)
    found = philox(words_in, (np.array([key[0]], np.uint64), np.array([key[1]], np.uint64)))
    assert tuple(int(word[0]) for word in found) == expected


def test_random_numbers_are_even_and_differ_by_each_part_of_their_counter() -> None:
    count = 10_000
    zeros, numbers = np.zeros(count, np.uint64), np.arange(count, dtype=np.uint64)
    for parts in ((numbers, zeros, zeros), (zeros, numbers, zeros), (zeros, zeros, numbers)):
        found = uniform(*parts)
        assert 0 <= found.min() < 0.001
        assert 0.999 < found.max() < 1
        assert np.histogram(found, 10, (0, 1))[0] == pytest.approx(count / 10, rel=0.15)
        assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.05


def test_zero_temperature_takes_the_likeliest() -> None:
    assert draws(SamplingParams(temperature=0.0)) == {0}
    assert draws(SamplingParams(temperature=1e-30)) == {0}


def test_frequencies_follow_the_distribution() -> None:
    sampler = make_sampler()
    sampler.start(start(0, SamplingParams(temperature=1.0), seed=7))
    counts = np.zeros(5)
    for position in range(2000):
        sampled = sampler.sample(_LOGITS[None].clone(), np.array([0]), np.array([position], np.uint64))
        counts[sampled.token_ids[0]] += 1
    assert counts / 2000 == pytest.approx(_LOGITS.softmax(-1).numpy(), abs=0.03)


@pytest.mark.parametrize(
    ("params", "allowed"),
    [
        (SamplingParams(), {0, 1, 2, 3, 4}),
        (SamplingParams(top_k=2), {0, 1}),
        (SamplingParams(top_k=1), {0}),
        (SamplingParams(top_k=100), {0, 1, 2, 3, 4}),
        # Probabilities are about 0.64, 0.23, 0.09, 0.03, 0.01.
        (SamplingParams(top_p=0.7), {0, 1}),
        (SamplingParams(top_p=0.01), {0}),
        (SamplingParams(top_k=2, top_p=0.7), {0}),  # of what top_k left, the first has 0.73
        (SamplingParams(min_p=0.3), {0, 1}),
        (SamplingParams(logit_bias={3: 100.0}), {3}),
        (SamplingParams(temperature=0.0, logit_bias={0: -100.0}), {1}),
    ],
)
def test_only_allowed_tokens_are_drawn(params: SamplingParams, allowed: set[int]) -> None:
    assert draws(params, 960) == allowed


def test_nuclei_larger_than_the_first_try_are_whole() -> None:
    assert len(draws(SamplingParams(top_p=0.99), 3000, torch.zeros(400))) > 390


_PARAMS = st.builds(
    SamplingParams,
    temperature=st.sampled_from([0.0, 0.7, 1.5]),
    top_k=st.sampled_from([0, 1, 3, 20]),
    top_p=st.sampled_from([1.0, 0.9, 0.3]),
    min_p=st.sampled_from([0.0, 0.1]),
    presence_penalty=st.sampled_from([0.0, 1.0]),
    repetition_penalty=st.sampled_from([1.0, 1.3]),
    logit_bias=st.dictionaries(st.integers(0, 39), st.floats(-5, 5), max_size=3),
    logprobs=st.none() | st.integers(0, 4),
)


@settings(deadline=None, max_examples=30)
@given(params=st.lists(_PARAMS, min_size=1, max_size=8), seed=st.integers(0, 2**32))
def test_a_row_depends_on_itself_alone(params: list[SamplingParams], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((5, len(params), 40), generator=generator) * 3

    def text(rows: Sequence[int]) -> list[list[object]]:
        sampler = make_sampler(40)
        for slot, row in enumerate(rows):
            sampler.start(start(slot, params[row], prompt=(1, 2), seed=seed + row))
        texts: list[list[object]] = [[] for _ in rows]
        for position in range(5):
            at = np.full(len(rows), position, np.uint64)
            sampled = sampler.sample(logits[position, list(rows)].clone(), np.arange(len(rows)), at)
            assert not sampled.failures
            for slot, token in enumerate(sampled.token_ids):
                texts[slot] += [token, sampled.logprobs.get(slot)]
        return texts

    together = text(range(len(params)))
    assert [text([row])[0] for row in range(len(params))] == together


def test_penalties_move_on_to_other_tokens_also_after_an_interruption() -> None:
    def tokens(params: SamplingParams, *, interrupted: bool = False) -> list[int]:
        sampler = make_sampler()
        found: list[int] = []
        for position in range(4):
            if position == 0 or interrupted:
                sampler.start(start(3, params, generated=tuple(found)))
            at = np.array([position], np.uint64)
            found += sampler.sample(_LOGITS[None].clone(), np.array([3]), at).token_ids
        return found

    presence = SamplingParams(temperature=0.0, presence_penalty=1.5)
    frequency = SamplingParams(temperature=0.0, frequency_penalty=1.5)
    assert tokens(presence) == tokens(presence, interrupted=True) == [0, 1, 0, 0]
    assert tokens(frequency) == tokens(frequency, interrupted=True) == [0, 1, 0, 2]
    sampler = make_sampler()
    sampler.start(start(0, SamplingParams(temperature=0.0, repetition_penalty=2.0), prompt=(0,)))
    # 4 / 2 is below 3: the prompt counts too.
    assert sampler.sample(_LOGITS[None].clone(), np.array([0]), np.zeros(1, np.uint64)).token_ids == [1]


def test_logprobs_are_the_model_s_own() -> None:
    sampler = make_sampler()
    sampler.start(start(0, SamplingParams(temperature=0.0, logprobs=2, logit_bias={3: 100.0})))
    sampled = sampler.sample(_LOGITS[None].clone(), np.array([0]), np.zeros(1, np.uint64))
    expected = _LOGITS.log_softmax(-1).tolist()
    assert sampled.token_ids == [3]
    assert sampled.logprobs[0].logprob == pytest.approx(expected[3])
    assert [token for token, _ in sampled.logprobs[0].top] == [0, 1]
    assert [value for _, value in sampled.logprobs[0].top] == pytest.approx(expected[:2])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_row_of_unfit_logits_fails_alone(bad: float) -> None:
    sampler = make_sampler()
    for slot in range(3):
        sampler.start(start(slot, SamplingParams(temperature=0.5 * slot, top_p=0.9, logprobs=1), seed=slot))
    logits = _LOGITS.repeat(3, 1)
    clean = sampler.sample(logits.clone(), np.arange(3), np.zeros(3, np.uint64))
    logits[1] = bad
    sampled = sampler.sample(logits, np.arange(3), np.zeros(3, np.uint64))
    assert list(sampled.failures) == [1]
    assert isinstance(sampled.failures[1], UnfitLogitsError)
    assert [sampled.token_ids[row] for row in (0, 2)] == [clean.token_ids[row] for row in (0, 2)]
