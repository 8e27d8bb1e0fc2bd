"""One layer of a loaded decoder: its weights, ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from service.engine.model.description import Activation, LayerDescription
    from service.engine.model.experts import MixtureOfExperts

    Apply = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class GatedFeedForward:
    """A feed-forward part with a gate (https://arxiv.org/abs/2002.05202).

    Attributes:
        gate_up: gate and up projection, as one.
        gated: joins their halves.
        activation: what `gated` does to the gate.
        down: back to the residual's width.
    """

    gate_up: Apply
    gated: Apply
    activation: Activation
    down: Apply

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(tokens, hidden_size) to the same."""
        return self.down(self.gated(self.gate_up(x)))


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer.

    Attributes:
        description: what is special about it.
        norms: before attention and feed-forward part; with `norms_after`, before and after each.
        qkv: queries, keys and values, as one projection.
        q_norm: of each head's queries, or None.
        k_norm: of each head's keys, or None.
        output: projection of what was attended.
        feed_forward: dense, or a mixture of experts.
    """

    description: LayerDescription
    norms: tuple[torch.Tensor, ...]
    qkv: Apply
    q_norm: torch.Tensor | None
    k_norm: torch.Tensor | None
    output: Apply
    feed_forward: GatedFeedForward | MixtureOfExperts
