"""What the study of causes asks with: fewer samples at the input of a network, or before one of its layers."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch_geometric.data import Batch, Data

from ccnn_pc.datasets import GridData
from ccnn_pc.models import create_model
from scripts.studies.thinning import AskedAt, Coarser, Part, Points, aliased_share, everything


def images() -> tuple[Any, GridData]:
    torch.manual_seed(0)
    model = create_model("ccnn_4_16", dim=2, in_channels=2, out_channels=3, shape=[8, 8]).eval()
    return model, GridData(x=torch.randn(4, 2, 8, 8))


@pytest.mark.parametrize("depth", range(5))
def test_all_samples_anywhere_are_the_network(depth: int) -> None:
    model, data = images()
    torch.testing.assert_close(AskedAt(model, everything, depth)(data), model(data.x), atol=1e-5, rtol=1e-5)


def test_fewer_at_the_input_are_the_network_asked_for_fewer() -> None:
    model, data = images()
    few = data.x[..., ::2, ::2].contiguous()
    torch.testing.assert_close(
        AskedAt(model, Coarser(2), 0, "cubic")(data), model(few, spacing=2.0), atol=1e-5, rtol=1e-5
    )
    assert not torch.allclose(AskedAt(model, Coarser(2), 3)(data), model(few, spacing=2.0), atol=1e-3)


def test_points_and_parts() -> None:
    torch.manual_seed(0)
    model: Any = create_model(
        "ccnn_4_16", dim=3, in_channels=3, out_channels=3, num_points=64, num_neighbors=8
    ).eval()
    clouds = Batch.from_data_list([Data(x=torch.randn(64, 3), pos=torch.randn(64, 3)) for _ in range(3)])
    few = Batch.from_data_list([Data(x=each.x[:16], pos=each.pos[:16]) for each in clouds.to_data_list()])
    model.reading = model.reading.__class__(3, 3, neighbors=8)
    torch.testing.assert_close(
        AskedAt(model, Points(16, "even", 8))(clouds), model(few), atol=1e-5, rtol=1e-5
    )
    image, data = images()
    assert AskedAt(image, Part(0.5, "cell", k=9))(data).shape == (4, 3)


@pytest.mark.parametrize(("frequency", "share"), [(0.05, 0.0), (0.4, 1.0)])
def test_share_of_the_energy_above_the_new_nyquist_frequency(frequency: float, share: float) -> None:
    """Every second sample shows frequencies below a quarter; the taps end, which leaves a tenth on the other side."""
    layer = SimpleNamespace(
        extent=torch.tensor([8.0]),
        spacing=torch.tensor([1.0]),
        kernel=lambda u: torch.cos(2 * math.pi * frequency * 8 * u).expand(-1, 3),
        window=lambda u: torch.ones(len(u)),
    )
    assert aliased_share(layer, 2) == pytest.approx(share, abs=0.1)
