"""A mixture of experts: each token goes through the few experts that its router prefers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.engine.model.description import Experts

    FeedForward = Callable[[torch.Tensor], torch.Tensor]


class MixtureOfExperts:
    """One layer's router and experts (https://arxiv.org/abs/1701.06538)."""

    def __init__(self, description: Experts, router: torch.Tensor, experts: Sequence[FeedForward]) -> None:
        """Takes the router's weights, (experts, hidden_size), and each expert."""
        self._description = description
        self._router = router
        self._experts = experts

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The weighted sum of each token's experts, (tokens, hidden_size)."""
        active = self._description.active
        scores = torch.nn.functional.linear(x, self._router)
        weights, chosen = torch.topk(scores.float().softmax(dim=-1), active, dim=-1)
        if self._description.normalised:
            weights /= weights.sum(dim=-1, keepdim=True)
        # Tokens are brought into the order of their experts, so that each expert runs once, over a contiguous piece.
        order = chosen.flatten().argsort(stable=True)
        tokens = order // active
        gathered = x[tokens]
        counts = torch.bincount(chosen.flatten(), minlength=len(self._experts)).tolist()
        pieces = [
            expert(piece) for expert, piece in zip(self._experts, gathered.split(counts), strict=True) if len(piece)
        ]
        weighted = torch.cat(pieces) * weights.flatten()[order, None].to(x.dtype)
        return torch.zeros_like(x).index_add_(0, tokens, weighted)
