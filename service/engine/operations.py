"""The operations that a decoder is made of, and which implementation of them this machine gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from service.engine import reference

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from service.engine.reference import LinearMode


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
        kv_cache: torch.Tensor,
        block_tables: torch.Tensor,
        context_lens: torch.Tensor,
        query_starts: torch.Tensor,
        *,
        scale: float,
        window: int = 0,
    ) -> torch.Tensor:
        """Attention of packed queries over blocks."""
        ...


@dataclass(frozen=True, slots=True)
class Operations:
    """One implementation of every operation; signatures and meaning are those of `service.engine.reference`."""

    prepare_linear: PrepareLinear = reference.prepare_linear
    paged_attention: PagedAttention = reference.paged_attention
    store_kv: Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], None] = reference.store_kv
    rms_norm: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor] = reference.rms_norm
    rope: Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]] = (
        reference.rope
    )
    silu_mul: Callable[[torch.Tensor], torch.Tensor] = reference.silu_mul
    gelu_mul: Callable[[torch.Tensor], torch.Tensor] = reference.gelu_mul


REFERENCE = Operations()
