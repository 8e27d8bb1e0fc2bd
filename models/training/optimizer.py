"""Muon for the matrices inside the layers, AdamW for embeddings and norms.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) orthogonalises each matrix's momentum by a
few Newton-Schulz steps; at small sizes it needs clearly fewer tokens than AdamW for the same loss. torch has a
Muon of its own, but one that iterates in bfloat16, which a CPU without AMX only emulates, and matrix by matrix;
this one works in float32 and takes all matrices of one shape at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor, nn

MUON_RATE = 0.015
ADAM_RATE = 0.003
"""Peak learning rates; the schedule multiplies both by the same factor."""
MUON_DECAY = 0.01
"""Weight decay; small, since no text is seen often enough to be learnt by heart."""
_STEPS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration; chosen by Jordan et al. for the steepest slope at zero."""


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised; matrices only."""

    def __init__(self, matrices: Iterable[nn.Parameter], *, lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(list(matrices), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # ty: ignore[incompatible-method-override]
        """Update every matrix that has a gradient."""
        loss = closure() if closure else None
        for group in self.param_groups:
            shapes: dict[torch.Size, list[tuple[nn.Parameter, Tensor]]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    momentum = self._momentum(matrix, matrix.grad, group["momentum"])
                    shapes.setdefault(matrix.shape, []).append((matrix, momentum))
            for shape, same in shapes.items():
                directions = orthogonalised(torch.stack([momentum for _, momentum in same]))
                rate = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                for (matrix, _), direction in zip(same, directions, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"])
                    matrix.add_(direction, alpha=-rate)
        return loss

    def _momentum(self, matrix: nn.Parameter, gradient: Tensor, momentum: float) -> Tensor:
        """Nesterov's momentum of one matrix, its buffer updated."""
        state = self.state[matrix]
        if "buffer" not in state:
            state["buffer"] = torch.zeros_like(matrix)
        buffer: Tensor = state["buffer"]
        buffer.lerp_(gradient, 1 - momentum)
        return gradient.lerp(buffer, momentum)


def orthogonalised(matrices: Tensor) -> Tensor:
    """Each matrix [.., rows, columns] with its singular values moved to about one (0.7 to 1.2)."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


def optimizers(model: nn.Module) -> list[torch.optim.Optimizer]:
    """One optimizer for the layers' matrices and one for everything else; each group keeps its peak rate in `peak`."""
    named = list(model.named_parameters())
    matrices = [weight for name, weight in named if weight.ndim == 2 and "embed" not in name]
    rest = [weight for name, weight in named if weight.ndim != 2 or "embed" in name]
    found: list[torch.optim.Optimizer] = [
        Muon(matrices, lr=MUON_RATE, momentum=0.95, weight_decay=MUON_DECAY),
        torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]
    for optimizer in found:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return found


def set_rate(found: list[torch.optim.Optimizer], factor: float) -> None:
    """Set every group's learning rate to `factor` (0 to 1) of its peak."""
    for optimizer in found:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
