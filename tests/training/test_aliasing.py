"""The anti-aliasing penalty of a network on point clouds."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data

from ccnn_pc.datasets import GridData
from ccnn_pc.kernels import aliasing_penalty
from ccnn_pc.models import create_model
from ccnn_pc.training.aliasing import CloudAliasing


def test_it_sums_the_layers_at_the_clouds_own_nyquist_frequency() -> None:
    axis = torch.arange(6.0) * 0.2
    lattice = torch.cartesian_prod(axis, axis, axis)
    batch = Batch.from_data_list([Data(pos=lattice), Data(pos=lattice + 3)])
    model = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2, omega_0=3.0)
    expected = sum(aliasing_penalty(c.kernel, c.window, 1 / (2 * 0.2)) for c in model.convolutions())
    penalty = CloudAliasing()(model, batch)
    assert float(penalty) == pytest.approx(float(expected), rel=1e-4)
    penalty.backward()
    gradient = model.convolutions()[0].kernel.get_parameter("weight").grad
    assert gradient is not None and gradient.abs().max() > 0


def test_on_grids_every_layer_has_the_spacing_it_was_made_for() -> None:
    batch = Batch.from_data_list([GridData(x=torch.zeros(1, 1, 40)), GridData(x=torch.zeros(1, 1, 40))])
    model = create_model(
        "ccnn_4_16", dim=1, in_channels=1, out_channels=2, shape=(40,), spacing=0.5, omega_0=30.0
    )
    expected = sum(aliasing_penalty(c.kernel, c.window, 39 / 4) for c in model.convolutions())
    assert float(expected) > 0
    assert float(CloudAliasing()(model, batch)) == pytest.approx(float(expected), rel=1e-4)


def test_unknown_rule() -> None:
    with pytest.raises(ValueError, match="alone"):
        CloudAliasing("alone")
