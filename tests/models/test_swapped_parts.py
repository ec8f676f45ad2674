"""Norms, pools and heads of torch and PyG in networks, and tools that exchange them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

import ccnn_pc.nn as ours
from ccnn_pc.domains import Grid, PointSet
from ccnn_pc.kernels import MAGNet
from ccnn_pc.models import CCNN, create_model, list_models
from ccnn_pc.nn import CCNNBlock, CKCNNBlock, ContinuousConv, FlexNetBlock, PooledHead

CONV: Callable[..., ContinuousConv] = partial(
    ContinuousConv, dim=3, kernel=partial(MAGNet, hidden_channels=4, num_layers=1)
)


def clouds() -> PointSet:
    generator = torch.Generator().manual_seed(0)
    batch = torch.tensor([0] * 9 + [1] * 5)
    return PointSet(torch.rand(14, 3, generator=generator), batch).knn(4)


@pytest.mark.parametrize(
    "norm",
    [
        *(nn.BatchNorm1d, nn.LayerNorm, nn.SyncBatchNorm, nn.Identity),
        *(pyg.BatchNorm, pyg.LayerNorm, pyg.GraphNorm, pyg.InstanceNorm),
        partial(pyg.LayerNorm, mode="node"),
        lambda channels: pyg.MeanSubtractionNorm(),
        lambda channels: pyg.PairNorm(),
        lambda channels: pyg.GraphSizeNorm(),
    ],
)
@pytest.mark.parametrize("block", [CCNNBlock, FlexNetBlock, CKCNNBlock])
def test_norms_of_torch_and_pyg_fit_into_blocks(block: Any, norm: Any) -> None:
    torch.manual_seed(0)
    cloud, x = clouds(), torch.randn(14, 3)
    layer = block(3, 3, conv=CONV, norm=norm).eval()
    y = layer(x, cloud)
    first, second = cloud.batch == 0, cloud.batch == 1
    assert y.shape == (14, 3)
    for part in (first, second):  # norms saw the clouds
        alone = layer(x[part], PointSet(cloud.pos[part]).knn(4))
        torch.testing.assert_close(alone, y[part], rtol=1e-4, atol=1e-5)


def test_no_layer_takes_a_name_of_torch_or_pyg() -> None:
    assert not [name for name in ours.__all__ if hasattr(nn, name) or hasattr(pyg, name)]


@pytest.mark.parametrize(
    ("pool", "width"),
    [
        (pyg.global_max_pool, 1),
        (pyg.global_add_pool, 1),
        (pyg.SumAggregation(), 1),
        (pyg.SoftmaxAggregation(learn=True), 1),
        (pyg.MultiAggregation(["mean", "max", "std"]), 3),
    ],
)
def test_pools_of_pyg_fit_into_heads_and_networks(pool: Any, width: int) -> None:
    torch.manual_seed(0)
    cloud, x = clouds(), torch.randn(14, 3)
    head = PooledHead(3, 5, pool)
    assert head.linear.in_features == 3 * width
    torch.testing.assert_close(head(x, cloud), head.linear(pool(x, cloud.batch)))
    network = CCNN(3, 5, channels=4, num_blocks=1, conv=CONV, pool=pool, norm=pyg.GraphNorm).eval()
    assert network(x, cloud).shape == (2, 5)


def test_a_head_can_be_taken_off() -> None:
    torch.manual_seed(0)
    cloud, x = clouds(), torch.randn(14, 3)
    network = CCNN(3, 5, channels=4, num_blocks=1, conv=CONV).eval()
    expected = network.features(x, cloud)
    logits = network(x, cloud)
    head, network.head = network.head, nn.Identity()
    assert torch.equal(network(x, cloud), expected)
    network.head = nn.Linear(4, 7)  # one answer per sample
    assert network(x, cloud).shape == (14, 7)
    network.head = head
    head.linear = nn.Identity()
    assert torch.equal(network(x, cloud), cloud.pool(expected)) and logits.shape == (2, 5)


def made(name: str) -> tuple[nn.Module, Tensor | Data]:
    """A network of the registry, and the least that it can answer to."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"in_channels": 3, "out_channels": 4}
    if name.startswith("smpconv_"):
        return create_model(name, dim=2, shape=(32, 32), **sizes), torch.randn(2, 3, 32, 32)
    if name.startswith("smpnet_resnet"):
        return create_model(name, dim=2, shape=(8, 8), **sizes), torch.randn(2, 3, 8, 8)
    if name in ("dgcnn", "pointnet2"):
        parts = [Data(x=torch.randn(n, 3), pos=torch.rand(n, 3)) for n in (40, 30)]
        return create_model(name, dim=3, **sizes), Batch.from_data_list(parts)
    return create_model(name, dim=1, shape=(12,), **sizes), torch.randn(2, 3, 12)


#: One of each family; the others take longer.
QUICK = ("ccnn_4_16", "ckcnn_2_10", "dgcnn", "flexnet_5", "gru_dt", "pointnet2", "smpnet_tcn_6")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=() if n in QUICK else pytest.mark.slow)
        for n in list_models()
        if n not in ("smpconv_b", "ccnn_6_380", "ccnn_6_380_flex")
    ],
)
def test_batch_norms_become_synchronised_ones(name: str) -> None:
    """What Lightning's ``sync_batchnorm=True`` does too. In eval mode, and on one process, nothing changes."""
    model, data = made(name)
    twin: Any = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(model))
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert sum(isinstance(m, nn.SyncBatchNorm) for m in twin.modules()) == len(norms)
    assert twin.state_dict().keys() == model.state_dict().keys()
    with torch.no_grad():
        torch.testing.assert_close(twin.eval()(data), model.eval()(data))


def test_batch_norms_train_as_synchronised_ones_do() -> None:
    model = create_model("ccnn_tiny_grid", dim=2, in_channels=1, out_channels=3, shape=(8, 8))
    twin: Any = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(model))
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(twin.train()(x), model.train()(x))
    assert Grid((8, 8)).dim == model.dim
