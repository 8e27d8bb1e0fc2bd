"""The operations that a decoder is made of, and which implementation of them this machine gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from service.engine import reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch

    from service.engine.int8_cache import Int8Cache
    from service.engine.model.decoder import PackedTokens
    from service.engine.model.description import DecoderDescription
    from service.engine.model.layer import Layer
    from service.engine.model.rotary import Rotary
    from service.engine.reference import LinearMode

    AllLayers = Callable[[torch.Tensor, PackedTokens, Sequence[torch.Tensor | Int8Cache]], torch.Tensor]


class PrepareLinear(Protocol):
    """See `service.engine.reference.prepare_linear`."""

    def __call__(
        self, weight: torch.Tensor, bias: torch.Tensor | None, mode: LinearMode
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        """A linear layer that is ready to run."""
        ...


class PagedAttention(Protocol):
    """See `service.engine.reference.paged_attention`."""

    def __call__(
        self,
        q: torch.Tensor,
        kv_cache: torch.Tensor | Int8Cache,
        block_tables: torch.Tensor,
        context_lens: torch.Tensor,
        query_starts: torch.Tensor,
        *,
        scale: float,
        window: int = 0,
    ) -> torch.Tensor:
        """Attention of packed queries over blocks."""
        ...


class JoinLayers(Protocol):
    """Makes one call of all layers, where there is a kernel that computes them so."""

    def __call__(
        self,
        description: DecoderDescription,
        layers: Sequence[Layer],
        rotations: Mapping[Rotary, tuple[torch.Tensor, torch.Tensor]],
    ) -> AllLayers | None:
        """Joins the layers of a model.

        Args:
            description: what the model is made of.
            layers: first to last, made with the same operations.
            rotations: cosines and sines by position, (positions, head_dim / 2) float32 each.

        Returns:
            Takes the residual stream, (tokens, hidden_size), a step and the layers' caches, and gives the residual
            stream after all layers, by the same arithmetic as layer after layer. None: these layers can't be joined.
        """
        ...


@dataclass(frozen=True, slots=True)
class Operations:
    """One implementation of every operation; signatures and meaning are those of `service.engine.reference`.

    `join_layers` is None where there is no such thing.
    """

    prepare_linear: PrepareLinear = reference.prepare_linear
    paged_attention: PagedAttention = reference.paged_attention
    store_kv: Callable[[torch.Tensor, torch.Tensor, torch.Tensor | Int8Cache, torch.Tensor], None] = reference.store_kv
    rms_norm: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor] = reference.rms_norm
    rope: Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]] = (
        reference.rope
    )
    silu_mul: Callable[[torch.Tensor], torch.Tensor] = reference.silu_mul
    gelu_mul: Callable[[torch.Tensor], torch.Tensor] = reference.gelu_mul
    join_layers: JoinLayers | None = None


REFERENCE = Operations()
