"""Choosing the next token from the model's logits, as a request's sampling parameters say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from service.engine.interface import SamplingParams


class Sampler:
    """The state of one request's sampling: its random numbers and the tokens it has seen."""

    def __init__(self, params: SamplingParams, prompt_token_ids: tuple[int, ...]) -> None:
        self._params = params
        self._seen = set(prompt_token_ids) if params.repetition_penalty != 1.0 else set()
        self._counts: dict[int, int] = {}
        self._random = torch.Generator()
        if params.seed is None:
            self._random.seed()
        else:
            # torch takes 64 bits, signed or not; anything a client may send is folded into them.
            self._random.manual_seed(params.seed & 0xFFFF_FFFF_FFFF_FFFF)

    def next_token(self, logits: torch.Tensor) -> int:
        """The next token.

        Args:
            logits: of the last position, shape (vocabulary,), any float type.

        Raises:
            ValueError: the logits are no numbers, which means a broken model or a poisoned request.
        """
        scores = logits.float().cpu()
        if not torch.isfinite(scores.max()):
            raise ValueError("the model's logits are not finite")
        scores = self._penalised(scores)
        params = self._params
        token = int(scores.argmax()) if params.temperature == 0.0 else self._draw(scores)
        if params.repetition_penalty != 1.0:
            self._seen.add(token)
        if params.presence_penalty or params.frequency_penalty:
            self._counts[token] = self._counts.get(token, 0) + 1
        return token

    def _penalised(self, scores: torch.Tensor) -> torch.Tensor:
        params = self._params
        if self._seen:
            seen = torch.tensor(sorted(self._seen))
            values = scores[seen]
            penalty = params.repetition_penalty
            scores = scores.index_put((seen,), torch.where(values > 0, values / penalty, values * penalty))
        if self._counts:
            tokens = torch.tensor(list(self._counts))
            times = torch.tensor(list(self._counts.values()), dtype=scores.dtype)
            penalties = params.presence_penalty + params.frequency_penalty * times
            scores = scores.index_put((tokens,), scores[tokens] - penalties)
        if params.logit_bias:
            tokens = torch.tensor(list(params.logit_bias))
            bias = torch.tensor(list(params.logit_bias.values()), dtype=scores.dtype)
            scores = scores.index_put((tokens,), scores[tokens] + bias)
        return scores

    def _draw(self, scores: torch.Tensor) -> int:
        params = self._params
        # The likeliest token's score becomes 0 first, so that a temperature near zero can't overflow.
        scores = (scores - scores.max()) / params.temperature
        ordered, tokens = scores.sort(descending=True, stable=True)
        probabilities = ordered.softmax(dim=-1)
        keep = torch.ones_like(probabilities, dtype=torch.bool)
        if params.top_k:
            keep[params.top_k :] = False
        if params.min_p > 0.0:
            keep &= probabilities >= params.min_p * probabilities[0]
        if params.top_p < 1.0:
            # Kept while the tokens before it don't yet reach top_p: the one that crosses it stays.
            keep &= probabilities.cumsum(dim=-1) - probabilities < params.top_p
        keep[0] = True
        drawn = torch.multinomial(probabilities * keep, 1, generator=self._random)
        return int(tokens[drawn])
