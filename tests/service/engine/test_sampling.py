from __future__ import annotations

from collections import Counter

import pytest
import torch

from service.engine.interface import SamplingParams
from service.engine.sampling import Sampler

_LOGITS = torch.tensor([4.0, 3.0, 2.0, 1.0, 0.0])


def draw(params: SamplingParams, times: int = 400, logits: torch.Tensor = _LOGITS) -> Counter[int]:
    return Counter(Sampler(params, ()).next_token(logits) for _ in range(times))


def test_zero_temperature_takes_the_likeliest() -> None:
    assert draw(SamplingParams(temperature=0.0)).keys() == {0}


def test_a_temperature_near_zero_is_its_limit() -> None:
    assert draw(SamplingParams(temperature=1e-30)).keys() == {0}


def test_frequencies_follow_the_distribution() -> None:
    sampler = Sampler(SamplingParams(seed=1), ())
    counts = Counter(sampler.next_token(_LOGITS) for _ in range(4000))
    for token, probability in enumerate(_LOGITS.softmax(-1).tolist()):
        assert counts[token] / 4000 == pytest.approx(probability, abs=0.03)


@pytest.mark.parametrize(
    ("params", "allowed"),
    [
        (SamplingParams(top_k=2), {0, 1}),
        (SamplingParams(top_k=1), {0}),
        # Probabilities are about 0.64, 0.23, 0.09, 0.03, 0.01.
        (SamplingParams(top_p=0.7), {0, 1}),
        (SamplingParams(top_p=0.01), {0}),
        (SamplingParams(min_p=0.3), {0, 1}),
        (SamplingParams(logit_bias={3: 100.0}), {3}),
        (SamplingParams(temperature=0.0, logit_bias={0: -100.0}), {1}),
    ],
)
def test_only_allowed_tokens_are_drawn(params: SamplingParams, allowed: set[int]) -> None:
    assert set(draw(params)) == allowed


def test_masked_tokens_are_never_drawn() -> None:
    logits = torch.tensor([-torch.inf, 0.0, -torch.inf, 0.0])
    assert set(draw(SamplingParams(), logits=logits)) == {1, 3}


def test_a_seed_fixes_the_choices() -> None:
    def text(seed: int | None) -> list[int]:
        sampler = Sampler(SamplingParams(seed=seed, temperature=2.0), ())
        return [sampler.next_token(_LOGITS) for _ in range(50)]

    assert text(7) == text(7)
    assert text(7) != text(8)
    assert text(None) != text(None)
    assert text(-1)  # a negative one is a seed like any other


def test_penalties_move_on_to_other_tokens() -> None:
    presence = Sampler(SamplingParams(temperature=0.0, presence_penalty=1.5), ())
    assert [presence.next_token(_LOGITS) for _ in range(4)] == [0, 1, 0, 0]
    frequency = Sampler(SamplingParams(temperature=0.0, frequency_penalty=1.5), ())
    assert [frequency.next_token(_LOGITS) for _ in range(4)] == [0, 1, 0, 2]
    # 4 / 2 is below 3: the prompt counts too.
    assert Sampler(SamplingParams(temperature=0.0, repetition_penalty=2.0), (0,)).next_token(_LOGITS) == 1


def test_logits_that_are_no_numbers_are_an_error() -> None:
    with pytest.raises(ValueError, match="not finite"):
        Sampler(SamplingParams(), ()).next_token(torch.full((5,), torch.nan))
