"""Laws 1 and 6 on points: the fused operator equals message passing, forward and backward, penalty included."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import PointSet
from ccnn_pc.kernels import (
    GaussianWindow,
    MAGNet,
    NoWindow,
)
from ccnn_pc.nn import Algorithm, ContinuousConv, Quadrature, kernel_penalty
from ccnn_pc.ops.points import convolution as fused
from tests.clouds import DOUBLE, cloud, features, layer


def outcomes(conv: ContinuousConv, x: Tensor, domain: PointSet, algorithm: Algorithm) -> list[Tensor]:
    """Output, penalty, and the gradients of a function of both."""
    with kernel_penalty() as penalty:
        y = conv(x, domain, algorithm=algorithm)
    trained = [x, *(p for p in conv.parameters() if p.requires_grad)]
    gradients = torch.autograd.grad(y.square().sum() + 3 * penalty.total(), trained, allow_unused=True)
    return [y, penalty.total(), *(torch.zeros(()) if g is None else g for g in gradients)]


def assert_same(conv: ContinuousConv, domain: PointSet, tolerance: float = 1e-10) -> None:
    x = features(domain, conv.in_channels, requires_grad=True)
    for a, b in zip(
        outcomes(conv, x, domain, Algorithm.MESSAGES), outcomes(conv, x, domain, Algorithm.FAST), strict=True
    ):
        assert torch.isfinite(a).all()
        assert (a - b).abs().max() <= tolerance * max(1.0, float(a.detach().abs().max()))


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("sizes", [(30,), (5, 1, 17)], ids=["one", "ragged"])
def test_fused_equals_messages(dim: int, separable: bool, sizes: tuple[int, ...]) -> None:
    assert_same(layer(dim=dim, separable=separable), cloud(dim=dim, k=7, sizes=sizes))


def test_fused_equals_messages_on_two_point_sets() -> None:
    points = cloud(sizes=(20, 30), k=None)
    generator = torch.Generator().manual_seed(5)
    query = torch.rand(11, 3, dtype=DOUBLE, generator=generator)
    query_batch = torch.tensor([0] * 4 + [1] * 7)
    domain = PointSet(points.pos, points.batch, query_pos=query, query_batch=query_batch).knn(9)
    conv = layer()
    assert conv(features(domain), domain).shape == (11, 4)
    assert_same(conv, domain)


def test_fused_equals_messages_on_an_uneven_graph() -> None:
    """A hub, a query without edges, repeated edges, edges in any order."""
    generator = torch.Generator().manual_seed(2)
    source = torch.randint(0, 12, (60,), generator=generator)
    target = torch.cat([torch.zeros(40, dtype=torch.long), torch.randint(2, 12, (20,), generator=generator)])
    pos = torch.rand(12, 3, dtype=DOUBLE, generator=generator)
    order = torch.randperm(60, generator=generator)
    domain = PointSet(pos, edge_index=torch.stack([source, target])[:, order])
    assert_same(layer(), domain)
    assert_same(layer(separable=False), domain)


def test_fused_equals_messages_with_weights_and_a_learned_mean() -> None:
    points = cloud(sizes=(20, 15))
    volume = torch.rand(35, dtype=DOUBLE, generator=torch.Generator().manual_seed(3)) + 0.1
    window = functools.partial(GaussianWindow, width=0.3, mean=0.2, learn_mean=True, isotropic=False)
    torch.manual_seed(0)
    conv = ContinuousConv(
        3, 4, dim=3, window=window, extent=(0.8, 1.0, 1.5), quadrature=Quadrature(reference_count=10.0)
    ).double()
    assert_same(conv, points.weighted(volume))


def test_samples_beyond_the_support_count_for_nothing() -> None:
    pos = torch.tensor([[0.0, 0, 0], [0.9, 0, 0], [1.1, 0, 0]], dtype=DOUBLE)
    domain = PointSet(pos).knn(3)
    conv = layer(kernel=functools.partial(MAGNet, hidden_channels=4), width=5.0)
    for algorithm in (Algorithm.MESSAGES, Algorithm.FAST):
        x = features(domain, requires_grad=True)
        (gradient,) = torch.autograd.grad(conv(x, domain, algorithm=algorithm)[0].sum(), x)
        assert gradient[1].abs().min() > 0
        assert gradient[2].abs().max() == 0


@pytest.mark.parametrize("chunk_edges", [1, 7, 50, 10_000])
def test_chunks_do_not_change_the_result(chunk_edges: int, monkeypatch: pytest.MonkeyPatch) -> None:
    conv, points = layer(), cloud(sizes=(20, 9))
    x = features(points, requires_grad=True)
    reference = outcomes(conv, x, points, Algorithm.MESSAGES)
    monkeypatch.setattr(fused, "MIN_CHUNK_EDGES", chunk_edges)
    monkeypatch.setitem(fused.CHUNK_BYTES, "cpu", 0)
    for a, b in zip(reference, outcomes(conv, x, points, Algorithm.FAST), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("separable", [True, False])
def test_gradcheck_of_the_fused_operator(separable: bool) -> None:
    points, conv = cloud(6, k=4), layer(2, 2, separable=separable)
    x = features(points, 2, requires_grad=True)
    trained = [p for p in conv.parameters() if p.requires_grad]

    def run(x: Tensor, *parameters: Tensor) -> Tensor:
        del parameters  # the layer's own
        with kernel_penalty() as penalty:
            y = conv(x, points, algorithm=Algorithm.FAST)
        return torch.cat([y.flatten(), penalty.total()[None]])

    assert torch.autograd.gradcheck(run, (x, *trained))


def test_pruning_keeps_its_promise() -> None:
    """|y_θ - y_0| <= θ Σ_j |w_j K_j x_j| (before the channels are mixed), and something is pruned."""
    points = cloud(300, k=100)
    conv = layer(width=0.1)
    conv.mix, conv.bias = None, None
    x = features(points)
    conv.threshold = 0.0
    exact = conv(x, points, algorithm=Algorithm.FAST)
    edge_index = points.edges()
    u = points.rel(edge_index)
    values = (conv.kernel(u) * (u.abs() <= 1).all(1, keepdim=True)).abs() * x[edge_index[0]].abs()
    bound = torch.zeros_like(exact).index_add(0, edge_index[1], values)
    for threshold in (1e-1, 1e-3, 1e-7):
        conv.threshold = threshold
        error = (conv(x, points, algorithm=Algorithm.FAST) - exact).abs()
        assert (error <= threshold * bound + 1e-14).all()
        assert error.max() > 0
        reach = float(conv.window.reach(conv.extent, threshold))
        assert points.edges(reach).shape[1] < edge_index.shape[1]
        torch.testing.assert_close(
            conv(x, points, algorithm=Algorithm.MESSAGES),
            conv(x, points, algorithm=Algorithm.FAST),
            rtol=1e-11,
            atol=1e-12,
        )


def test_a_window_below_the_spacing_keeps_the_point_itself() -> None:
    points, conv = cloud(), layer(width=1e-6)
    x = features(points)
    torch.testing.assert_close(
        conv(x, points, algorithm=Algorithm.FAST), conv(x, points, algorithm=Algorithm.MESSAGES)
    )
    assert conv(x, points).std() > 0


def test_kernels_that_do_not_factorise_run_on_messages_only() -> None:
    from ccnn_pc.kernels import AbstractKernel

    class Quadratic(AbstractKernel):
        def __init__(self, dim: int, out_channels: int, fan: float, causal: bool) -> None:
            super().__init__(dim, out_channels)

        def reset_parameters(self) -> None:
            pass

        def forward(self, u: Tensor) -> Tensor:
            return u.square().sum(-1, keepdim=True).expand(*u.shape[:-1], self.out_channels)

        def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
            return torch.ones(1)

    points, conv = cloud(), layer(kernel=Quadratic)
    x = features(points)
    torch.testing.assert_close(conv(x, points), conv(x, points, algorithm=Algorithm.MESSAGES))
    with pytest.raises(TypeError, match=r"FactorizedKernel \(got Quadratic\).*Algorithm.MESSAGES"):
        conv(x, points, algorithm=Algorithm.FAST)


def test_a_plain_kernel_sum_by_hand() -> None:
    """Two points, no window, kernel K(u) = W h(u) + b: the formula written out."""
    torch.manual_seed(0)
    pos = torch.tensor([[0.0, 0.0], [0.3, -0.2]], dtype=DOUBLE)
    conv = ContinuousConv(2, 2, dim=2, window=NoWindow, bias=False, extent=0.5).double()
    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]], dtype=DOUBLE)
    at_zero, at_one = (conv.kernel(torch.tensor([u], dtype=DOUBLE))[0] for u in ([0.0, 0.0], [0.6, -0.4]))
    expected = (at_zero * x[0] + at_one * x[1]) @ conv.mix.weight.t()
    for algorithm in Algorithm:
        torch.testing.assert_close(conv(x, PointSet(pos).knn(2), algorithm=algorithm)[0], expected)
