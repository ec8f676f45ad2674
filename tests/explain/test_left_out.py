"""Differences that single samples make: those of a known network, by places alone, and those of asking without them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from ccnn_pc.explain import Asked, integrated_gradients, left_out
from ccnn_pc.explain.deletion import without
from ccnn_pc.models import create_model


class Places(nn.Module):
    """The sum of f(pos) over the points: what each point says, it says by its place."""

    def forward(self, batch: Any) -> Tensor:
        found = [
            torch.stack([item.pos.square().sum(), item.pos.prod(dim=1).sum()])
            for item in batch.to_data_list()
        ]
        return torch.stack(found) + 0 * batch.x.sum()


def test_differences_of_a_sum_are_its_terms() -> None:
    """d_i = f(pos_i), and they add up to F; features say nothing, and integrated gradients are 0."""
    pos = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    data = Data(pos=pos, x=torch.ones(9, 1))
    found = left_out(Places(), data, 1)
    assert torch.allclose(found.float(), pos.prod(dim=1), atol=1e-5)
    assert float(found.sum()) == pytest.approx(float(pos.prod(dim=1).sum()), abs=1e-5)
    assert torch.allclose(left_out(Places(), data, Asked(0, negative=True)), -left_out(Places(), data, 0))
    assert float(integrated_gradients(Places(), data, 1, steps=2).values.abs().max()) == 0


def test_differences_are_those_of_asking_without() -> None:
    torch.manual_seed(0)
    model = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2).eval()
    data = Data(pos=torch.rand(14, 3))
    rows = torch.tensor([3, 0, 13])
    found = left_out(model, data, 1, samples=rows)
    with torch.no_grad():
        for value, row in zip(found, rows, strict=True):
            wanted = model(data)[0, 1] - model(without(data, row[None]))[0, 1]
            assert float(value) == pytest.approx(float(wanted), abs=1e-5)


def test_what_cannot_be_left_out() -> None:
    data = Data(pos=torch.rand(3, 3), x=torch.ones(3, 1))
    for wrong in (torch.tensor([3]), torch.tensor([-1]), torch.tensor([0.5])):
        with pytest.raises(ValueError, match="'samples' must be numbers of samples, below 3"):
            left_out(Places(), data, 0, samples=wrong)
    with pytest.raises(ValueError, match="of two at least"):
        left_out(Places(), Data(pos=torch.rand(1, 3), x=torch.ones(1, 1)), 0)
    with pytest.raises(ValueError, match="'asked' must have no 'samples'"):
        left_out(Places(), data, Asked(0, torch.tensor([0])))
