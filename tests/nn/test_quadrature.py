"""Weights: a sum over neighbours is a quadrature (law 4 on points)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import PointSet, Pool
from ccnn_pc.nn import ContinuousConv
from ccnn_pc.ops.points.density import inverse_density_volume, kernel_density, knn_density
from tests.clouds import DOUBLE, features, layer


def test_weights_are_the_reference_count_times_the_share_of_volume() -> None:
    volume = torch.tensor([1.0, 3.0, 2.0, 2.0, 4.0], dtype=DOUBLE)
    points = PointSet(torch.rand(5, 3, dtype=DOUBLE), torch.tensor([0, 0, 1, 1, 1]))
    assert points.quadrature() is None
    torch.testing.assert_close(
        points.quadrature(reference_count=10.0), torch.tensor([5.0, 5, 10 / 3, 10 / 3, 10 / 3], dtype=DOUBLE)
    )
    weighted = points.weighted(volume)
    torch.testing.assert_close(weighted.quadrature(), torch.tensor([0.5, 1.5, 0.75, 0.75, 1.5], dtype=DOUBLE))
    torch.testing.assert_close(
        weighted.quadrature(reference_count=4.0), torch.tensor([1.0, 3, 1, 1, 2], dtype=DOUBLE)
    )


def test_the_layer_multiplies_samples_by_their_weights() -> None:
    points = PointSet(torch.rand(20, 3, dtype=DOUBLE)).knn(8)
    conv = layer(reference_count=50.0)
    volume = torch.rand(20, dtype=DOUBLE) + 0.5
    x = features(points)
    plain = layer()
    plain.load_state_dict({**conv.state_dict(), "reference_count": torch.zeros((), dtype=DOUBLE)})
    weight = 50 * volume / volume.sum()
    torch.testing.assert_close(conv(x, points.weighted(volume)), plain(x * weight[:, None], points))


def test_twice_the_points_are_the_same_function() -> None:
    """Every point doubled: with a reference count the layer does not notice, without it sums double."""
    pos = torch.rand(20, 3, dtype=DOUBLE)
    once, twice = PointSet(pos).knn(20), PointSet(pos.repeat(2, 1)).knn(40)
    x = features(once)
    conv = layer(reference_count=20.0, width=0.3)
    torch.testing.assert_close(conv(x.repeat(2, 1), twice)[:20], conv(x, once))


def test_mean_pooling_is_weighted() -> None:
    x = torch.tensor([[1.0], [2.0], [6.0]], dtype=DOUBLE)
    points = PointSet(torch.rand(3, 2, dtype=DOUBLE), volume=torch.tensor([1.0, 1.0, 2.0], dtype=DOUBLE))
    assert points.pool(x, Pool.MEAN).tolist() == [[3.75]]
    assert points.pool(x, Pool.MAX).tolist() == [[6.0]]
    assert points.pool(x, Pool.MEAN_MAX).tolist() == [[3.75, 6.0]]


QUERY = torch.zeros(1, 2, dtype=DOUBLE)


def at_origin(conv: ContinuousConv, pos: Tensor, volume: Tensor | None = None) -> float:
    """A convolution of exp(x + 1.5) at the origin."""
    points = PointSet(pos, query_pos=QUERY, volume=volume).radius(2.0)
    return float(conv((pos[:, :1] + 1.5).exp(), points).detach())


def drawn(n: int, seed: int, weights: str, conv: ContinuousConv) -> float:
    """The same at n points of the square, denser to the right."""
    generator = torch.Generator().manual_seed(seed)
    pos = torch.rand(n, 2, dtype=DOUBLE, generator=generator) * 2 - 1
    pos[:, 0] = (pos[:, 0] + 1).sqrt() * 2**0.5 - 1  # density proportional to x + 1
    density = {"kernel": kernel_density, "knn": lambda p: knn_density(p, 16)}.get(weights)
    return at_origin(conv, pos, None if density is None else inverse_density_volume(density(pos)))


@pytest.mark.parametrize("weights", ["kernel", "knn"])
def test_density_weights_converge_to_the_integral(weights: str) -> None:
    """Law 4: error falls at least as n^-0.3 and ends below half of the unweighted one, which does not fall."""
    conv = layer(1, 1, dim=2, reference_count=1.0, width=0.25)
    sizes = (250, 4000)
    axis = (torch.arange(200, dtype=DOUBLE) + 0.5) / 100 - 1
    exact = at_origin(conv, torch.cartesian_prod(axis, axis))
    errors = {
        kind: [sum(abs(drawn(n, seed, kind, conv) / exact - 1) for seed in range(4)) / 4 for n in sizes]
        for kind in (weights, "none")
    }
    assert errors[weights][1] <= errors[weights][0] * (sizes[0] / sizes[1]) ** 0.3
    assert errors[weights][1] <= errors["none"][1] / 2


def test_covers_tells_where_the_kth_neighbour_is_nearer_than_the_kernel_reaches() -> None:
    pos = torch.arange(10, dtype=DOUBLE)[:, None]
    points = PointSet(pos).knn(3)
    assert points.covers(0.9).all()
    assert not points.covers(1.5)[5]
    assert points.covers(1.5)[0]  # an end point's third neighbour is 2 away
    assert PointSet(pos).knn(10).covers(100.0).all()
