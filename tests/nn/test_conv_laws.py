"""Laws 2, 3 and the variance rule for point clouds, at the layer and through whole networks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_geometric.data import Batch, Data

from ccnn_pc.domains import PointSet
from ccnn_pc.kernels import (
    MLP,
    SIREN,
    FourierNet,
    GaborNet,
    GaussianWindow,
    MAGNet,
    NoWindow,
    RandomFourierNet,
)
from ccnn_pc.models import create_model
from ccnn_pc.nn import Algorithm, ContinuousConv, Quadrature
from ccnn_pc.nn.fan import Reference
from tests.clouds import DOUBLE, cloud, features, layer


@pytest.mark.parametrize("algorithm", [Algorithm.MESSAGES, Algorithm.FAST])
def test_a_sample_changes_exactly_the_queries_it_is_a_neighbour_of(algorithm: Algorithm) -> None:
    """Law 2, with a strictly positive kernel: |K| through a window without support limit inside the extent."""

    class Positive(MLP):
        def features(self, u: torch.Tensor) -> torch.Tensor:
            return super().features(u).abs() + 0.1

    points = cloud(30, k=6)
    conv = layer(kernel=functools.partial(Positive, hidden_channels=4), extent=4.0)
    assert isinstance(conv.kernel, Positive) and conv.mix is not None
    with torch.no_grad():
        conv.kernel.readout.weight.abs_()
        conv.kernel.readout.bias.abs_()
        conv.mix.weight.abs_()
    x = features(points)
    y = conv(x, points, algorithm=algorithm)
    edge_index = points.edges()
    for j in range(30):
        changed = x.clone()
        changed[j] += 1.0
        moved = (conv(changed, points, algorithm=algorithm) != y).any(dim=1).nonzero().flatten()
        expected = edge_index[1, edge_index[0] == j].sort().values
        assert moved.tolist() == expected.tolist()


def test_it_mixes_neighbours_where_the_released_layer_does_not() -> None:
    from ccnn_pc.published import QueryFeatureConv

    points = cloud(20, k=5)
    x = features(points, requires_grad=True)
    for conv, neighbours in ((layer(), 5), (layer_of(QueryFeatureConv), 1)):
        (gradient,) = torch.autograd.grad(conv(x, points)[0].sum(), x)
        assert int((gradient != 0).any(1).sum()) == neighbours


def layer_of(kind: type[ContinuousConv]) -> ContinuousConv:
    return kind(3, 4, dim=3, kernel=functools.partial(MAGNet, hidden_channels=6)).double()


def test_the_released_layer_by_hand() -> None:
    """y_i = A (x_i ⊙ Σ_j m K + b), on both paths."""
    from ccnn_pc.published import QueryFeatureConv

    points, conv = cloud(20, k=5), layer_of(QueryFeatureConv)
    x = features(points)
    edge_index = points.edges()
    u = points.rel(edge_index)
    inside = (u.abs() <= 1).all(1, keepdim=True)
    total = torch.zeros_like(x).index_add(0, edge_index[1], conv.kernel(u) * conv.window(u) * inside)
    assert conv.mix is not None and conv.bias is not None
    expected = conv.mix(x * total + conv.bias)
    for algorithm in (Algorithm.MESSAGES, Algorithm.FAST):
        torch.testing.assert_close(conv(x, points, algorithm=algorithm), expected)


def network(**options: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    model = create_model(
        "ccnn_4_16", dim=3, in_channels=2, out_channels=5, num_neighbors=9, width=0.4, **options
    )
    return model.double().eval()


def clouds_of(sizes: tuple[int, ...], seed: int = 0) -> list[Data]:
    generator = torch.Generator().manual_seed(seed)
    draw = functools.partial(torch.rand, dtype=DOUBLE, generator=generator)
    return [Data(x=draw(n, 2) - 0.5, pos=draw(n, 3) * 2 - 1) for n in sizes]


@pytest.mark.parametrize("pool", ["mean", "max", "mean+max"])
def test_translation_changes_nothing(pool: str) -> None:
    model, (data,) = network(pool=pool), clouds_of((40,))
    moved = Data(x=data.x, pos=data.pos + torch.tensor([1e3, -2e4, 0.1], dtype=DOUBLE))
    assert (model(moved) - model(data)).abs().max() <= 1e-9


def test_map_coordinates_keep_their_detail_in_float32() -> None:
    """A cloud of centimetres, far out: positions are centred in float64 before anything is cast."""
    model = network()
    near = clouds_of((40,))[0]
    far = near.pos + torch.tensor([4.5e5, 5.4e6, 300.0], dtype=DOUBLE)
    points = PointSet(far).knn(9)
    assert (points.pos - (near.pos - near.pos.mean(0))).abs().max() < 4 * torch.finfo(DOUBLE).eps * 5.4e6
    assert (model(near.x, points) - model(near)).abs().max() <= 1e-7


def test_permutation_of_points_permutes_outputs() -> None:
    model, (data,) = network(pool=None), clouds_of((40,))
    order = torch.randperm(40)
    y = model(data)
    permuted = model(Data(x=data.x[order], pos=data.pos[order]))
    assert y.shape == (40, 5)
    assert (permuted - y[order]).abs().max() <= 1e-9


def test_a_cloud_alone_equals_the_cloud_in_a_ragged_batch() -> None:
    model, data = network(), clouds_of((40, 1, 5, 23))
    together = model(Batch.from_data_list(data))
    alone = torch.cat([model(d) for d in data])
    assert together.shape == (4, 5)
    assert (together - alone).abs().max() <= 1e-9


def test_clouds_do_not_see_each_other() -> None:
    model, data = network(), clouds_of((20, 30))
    before = model(Batch.from_data_list(data))
    data[1] = Data(x=data[1].x * 7, pos=data[1].pos.flip(0) * 0.3)
    assert (model(Batch.from_data_list(data))[0] - before[0]).abs().max() <= 1e-12


@pytest.mark.parametrize("shift", [(1.0, 2.0, -3.0), (0.1, -0.7, 1 / 3)])
def test_lattices_obey_too(shift: tuple[float, ...]) -> None:
    """Translation and permutation of a 5^3 lattice, with k inside a shell of equal distances."""
    axis = torch.arange(5, dtype=DOUBLE) * 0.1
    pos = torch.cartesian_prod(axis, axis, axis)
    x = torch.randn(125, 2, dtype=DOUBLE)
    model = network(pool=None)
    points = PointSet(pos).knn(9)
    y = model(x, points)
    assert (model(x, PointSet(pos + torch.tensor(shift, dtype=DOUBLE)).knn(9)) - y).abs().max() <= 1e-9
    order = torch.randperm(125)
    assert (model(x[order], PointSet(pos[order]).knn(9)) - y[order]).abs().max() <= 1e-9


NOISE_KERNELS = [MAGNet, GaborNet, FourierNet, SIREN, RandomFourierNet, MLP]


@pytest.mark.parametrize(
    ("kernel", "dim", "width"),
    [
        pytest.param(kernel, dim, (0.15, 0.5, None)[(place + dim) % 3], id=f"{kernel.__name__}-{dim}")
        for place, kernel in enumerate(NOISE_KERNELS)
        for dim in (1, 2, 3)
    ],
)
def test_unit_noise_comes_out_with_unit_variance(
    kernel: Callable[..., Any], dim: int, width: float | None
) -> None:
    """Mean of 8 seeds within [1/2, 2], for narrow and wide windows and none; every pair of axes and window twice."""
    window = NoWindow if width is None else functools.partial(GaussianWindow, width=width)
    points = PointSet(torch.rand(48, dim, generator=torch.Generator().manual_seed(0))).knn(
        48
    )  # all within the extent
    fan = Reference(points.rel(points.edges()).view(48, 48, dim))
    variances = []
    for seed in range(8):
        torch.manual_seed(seed)
        conv = ContinuousConv(8, 8, dim=dim, kernel=kernel, window=window, quadrature=Quadrature(fan=fan))
        with torch.no_grad():
            variances.append(float(conv(torch.randn(48, 8), points).var()))
    assert 0.5 <= sum(variances) / 8 <= 2.0


def test_the_default_fan_suits_a_surface() -> None:
    sphere = torch.nn.functional.normalize(torch.randn(512, 3), dim=1)
    points = PointSet(sphere).knn(256)
    variances = []
    for seed in range(6):
        torch.manual_seed(seed)
        conv = ContinuousConv(4, 4, dim=3, kernel=functools.partial(MAGNet, hidden_channels=8))
        with torch.no_grad():
            variances.append(float(conv(torch.randn(512, 4), points).var()))
    assert 0.5 <= sum(variances) / 6 <= 2.0


def test_nothing_is_decided_in_the_first_forward() -> None:
    conv, points = layer(), cloud()
    before = {k: v.clone() for k, v in conv.state_dict().items()}
    first = conv(features(points), points)
    assert all(torch.equal(before[k], v) for k, v in conv.state_dict().items())
    fresh = layer(seed=9)
    fresh.load_state_dict(before)
    assert torch.equal(fresh(features(points), points), first)
