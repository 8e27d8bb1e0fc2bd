from __future__ import annotations

import pytest
import torch
from torch import nn

from models.training.optimizer import Muon, optimizers, orthogonalised, set_rate


@pytest.mark.parametrize("shape", [(3, 32, 32), (2, 16, 64), (2, 64, 16)])
def test_singular_values_move_to_about_one(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    made = orthogonalised(torch.randn(shape) * 1e-3)
    values = torch.linalg.svdvals(made)
    assert made.shape == shape
    assert values.min() > 0.3  # the smallest of a square matrix start near zero
    assert values.max() < 1.3
    assert (values.median() - 1).abs() < 0.3


def test_each_matrix_of_a_batch_is_treated_alone() -> None:
    torch.manual_seed(0)
    matrices = torch.randn(3, 8, 24)
    together = orthogonalised(matrices)
    for matrix, made in zip(matrices, together, strict=True):
        torch.testing.assert_close(orthogonalised(matrix[None])[0], made, rtol=1e-4, atol=1e-5)


def test_muon_finds_a_linear_map() -> None:
    torch.manual_seed(0)
    target = torch.randn(16, 16)
    layer = nn.Linear(16, 16, bias=False)
    muon = Muon(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=0.0)
    inputs = torch.randn(256, 16)
    losses = []
    for step in range(200):
        muon.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
        loss = (layer(inputs) - inputs @ target.T).square().mean()
        muon.zero_grad()
        loss.backward()
        muon.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]


def test_a_rate_of_zero_changes_nothing_and_state_survives_saving() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))
    found = optimizers(model)
    assert sum(len(group["params"]) for one in found for group in one.param_groups) == len(list(model.parameters()))
    set_rate(found, 0.0)
    before = [weight.clone() for weight in model.parameters()]
    model(torch.randn(4, 8)).square().mean().backward()
    for one in found:
        one.step()
    for weight, was in zip(model.parameters(), before, strict=True):
        assert torch.equal(weight, was)
    fresh = optimizers(model)
    for one, other in zip(fresh, found, strict=True):
        one.load_state_dict(other.state_dict())
    set_rate(fresh, 0.5)
    assert [group["lr"] for one in fresh for group in one.param_groups] == [0.0075, 0.0015]
