"""Networks with an answer per point, asked of tiles that are otherwise along one axis alone."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from ccnn_pc.models import Model, SamplingWarning, create_model
from ccnn_pc.models.shift.trained_on import measure


def tile(seed: int, factors: tuple[float, float, float] = (1.0, 1.0, 1.0), width: float = 20.0) -> Data:
    """Hills of two to five metres, points all over a square."""
    generator = torch.Generator().manual_seed(seed)
    pos = width * torch.rand(300, 3, generator=generator)
    high = 2 + 3 * float(torch.rand(1, generator=generator))
    pos[:, 2] = high * (pos[:, 0] / 6 + seed).sin() + 0.1 * torch.randn(300, generator=generator)
    pos = pos * torch.tensor(factors)
    return Data(pos=pos, x=torch.ones(300, 1))


def network() -> Model:
    torch.manual_seed(0)
    model = create_model(
        "ccnn_4_16", dim=3, in_channels=1, num_classes=2, pool=None, extent=5.0, num_neighbors=16
    )
    model.trained_on = measure(model.reading, [tile(seed) for seed in range(24)])
    return model.eval()


def answers(model: Model, items: list[Data]) -> Tensor:
    return model(Batch.from_data_list(items))  # type: ignore[no-any-return]


def test_heights_in_feet_are_named() -> None:
    with pytest.warns(SamplingWarning, match="along z where training had .* as feet for metres"):
        answers(network(), [tile(seed, (1.0, 1.0, 3.281)) for seed in range(30, 34)])


def test_hills_as_in_training_are_nothing_to_name() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", SamplingWarning)
        answers(network(), [tile(seed) for seed in range(30, 34)])
        answers(network(), [tile(seed, (1.0, 1.0, 1.4)) for seed in range(30, 34)])
        answers(network(), [tile(seed, (1.0, 1.0, 0.3)) for seed in range(30, 34)])
        mixed = [tile(seed) for seed in range(30, 33)]
        answers(network(), [*mixed, tile(33, (1.0, 1.0, 3.281))])
