"""Residual blocks, norms and dropout (law 5)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ccnn_pc.domains import PointSet
from ccnn_pc.kernels import MAGNet
from ccnn_pc.nn import (
    CCNNBlock,
    ChannelDropout,
    CKCNNBlock,
    ContinuousConv,
    DropPath,
    FlexNetBlock,
    GlobalLayerNorm,
    S4Block,
    apply_layer,
)
from tests.clouds import DOUBLE, cloud, features


def conv(in_channels: int, out_channels: int) -> ContinuousConv:
    return ContinuousConv(
        in_channels, out_channels, dim=3, kernel=functools.partial(MAGNet, hidden_channels=4)
    )


@pytest.mark.parametrize("kind", [CCNNBlock, S4Block])
def test_a_block_with_a_zeroed_last_linear_is_the_identity(kind: Callable[..., Any]) -> None:
    points = cloud()
    block = kind(3, 3, conv=conv).double()
    nn.init.zeros_(block.linear.weight)
    x = features(points)
    assert torch.equal(block(x, points), x)


def test_a_flexnet_block_with_a_zeroed_last_norm_is_a_relu() -> None:
    points, block = cloud(), FlexNetBlock(3, 3, conv=conv).double()
    nn.init.zeros_(block.norm2.weight)  # type: ignore[arg-type]
    x = features(points)
    assert torch.equal(block(x, points), x.relu())


def test_a_ckcnn_block_has_a_relu_and_a_dropout_more_than_flexnets() -> None:
    points = cloud()
    torch.manual_seed(0)
    flexnet, ckcnn = FlexNetBlock(3, 3, conv=conv).double(), CKCNNBlock(3, 3, conv=conv).double()
    ckcnn.load_state_dict(flexnet.state_dict())
    x = features(points)
    torch.testing.assert_close(ckcnn(x, points), (x + flexnet.branch(x, points).relu()).relu())
    nn.init.zeros_(ckcnn.norm2.weight)  # type: ignore[arg-type]
    assert torch.equal(ckcnn(x, points), x.relu())


@pytest.mark.parametrize("kind", [CCNNBlock, S4Block, FlexNetBlock, CKCNNBlock])
def test_blocks_may_change_their_width(kind: Callable[..., Any]) -> None:
    points = cloud()
    assert kind(3, 5, conv=conv).double()(features(points), points).shape == (40, 5)


def test_the_s4_block_lacks_the_last_nonlinearity() -> None:
    points = cloud()
    torch.manual_seed(0)
    s4, ccnn = S4Block(3, 3, conv=conv).double(), CCNNBlock(3, 3, conv=conv).double()
    ccnn.load_state_dict(s4.state_dict())
    x = features(points)
    torch.testing.assert_close(ccnn(x, points) - x, nn.functional.gelu(s4(x, points) - x))


def test_global_layer_norm_is_torchs_group_norm_per_cloud() -> None:
    points = cloud(sizes=(7, 12))
    x = features(points, 6)
    norm = GlobalLayerNorm(6).double()
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    for part in (slice(0, 7), slice(7, 19)):
        expected = nn.functional.group_norm(x[part].t()[None], 1, norm.weight, norm.bias)[0].t()
        torch.testing.assert_close(norm(x, points)[part], expected)


def test_batch_norm_counts_samples_and_refuses_one_row() -> None:
    points = cloud(sizes=(7, 12))
    y = apply_layer(nn.BatchNorm1d(3).double(), features(points), points)
    torch.testing.assert_close(y.mean(0), torch.zeros(3, dtype=DOUBLE), atol=1e-12, rtol=0)
    with pytest.raises(ValueError, match="more than one row"):
        apply_layer(nn.BatchNorm1d(3), torch.ones(1, 3), PointSet(torch.zeros(1, 3)))


def test_channel_dropout_keeps_the_mean_and_rests_in_eval() -> None:
    points = cloud(sizes=(3, 4))
    x = torch.ones(7, 20_000, dtype=DOUBLE)
    drop = ChannelDropout(0.3)
    y = drop(x, points)
    assert (y[:3] == y[0]).all() and (y[3:] == y[3]).all() and (y[0] != y[3]).any()
    assert abs(float(y[0].mean()) - 1) < 0.02
    assert torch.equal(drop.eval()(x, points), x)


def test_drop_path_drops_all_of_a_cloud_or_nothing() -> None:
    sizes = (3,) * 4000
    points = PointSet(torch.rand(12_000, 3), torch.arange(4000).repeat_interleave(torch.tensor(sizes)))
    x = torch.ones(12_000, 2, dtype=DOUBLE)
    y = DropPath(0.25)(x, points).view(4000, 6)
    assert (y == y[:, :1]).all() and sorted(y.unique().tolist()) == pytest.approx([0.0, 1 / 0.75])
    assert abs(float(y.mean()) - 1) < 0.05
    assert torch.equal(DropPath(0.25).eval()(x, points), x)


def test_layer_norm_keeps_samples_apart() -> None:
    points, norm = cloud(), nn.LayerNorm(6).double()
    x = features(points, 6)
    changed = x.clone()
    changed[7] += torch.arange(6, dtype=DOUBLE)
    moved = (apply_layer(norm, changed, points) != apply_layer(norm, x, points)).any(1)
    assert moved.nonzero().flatten().tolist() == [7]


def test_global_layer_norm_refuses() -> None:
    with pytest.raises(ValueError, match="'channels' must be at least 1"):
        GlobalLayerNorm(0)
    with pytest.raises(ValueError, match="'eps' must be positive"):
        GlobalLayerNorm(6, eps=0.0)
