"""Transforms of `torch.func`: gradients, tangents, batches of samples and of parameters, as autograd gives them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, hessian, jacrev, jvp, vmap
from torch_geometric.data import Data

from ccnn_pc.domains import Grid, IrregularSeries, PointSet
from ccnn_pc.kernels import MAGNet, kernel_factory, list_kernels
from ccnn_pc.models import create_model
from ccnn_pc.nn import ContinuousConv, TapConv

N = 12


def places(kind: str) -> Any:
    torch.manual_seed(0)
    if kind == "points":
        return PointSet(torch.rand(N, 2, dtype=torch.float64)).knn(5)
    return (
        Grid((3, 4)) if kind == "grid" else IrregularSeries(torch.rand(N, dtype=torch.float64).sort().values)
    )


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("kind", ["points", "grid", "series"])
def test_layers(kind: str, separable: bool) -> None:
    where = places(kind)
    kernel = partial(MAGNet, hidden_channels=3, num_layers=1)
    extent = 2.0 if kind == "grid" else 0.8
    conv = ContinuousConv(
        2, 3, dim=where.dim, kernel=kernel, extent=extent, separable=separable, causal=kind == "series"
    ).double()
    own: dict[str, Tensor] = dict(conv.named_parameters())
    x = torch.randn(N, 2, dtype=torch.float64)

    def y(p: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(conv, p, (x, where))

    def loss(p: dict[str, Tensor], x: Tensor) -> Tensor:
        return y(p, x).square().sum()

    leaf = x.clone().requires_grad_()
    wanted = torch.autograd.grad(loss(own, leaf), [leaf, *own.values()])
    by_x, by_p = grad(loss, 1)(own, x), grad(loss)(own, x)
    for found, expected in zip([by_x, *by_p.values()], wanted, strict=True):
        torch.testing.assert_close(found, expected)
    xs = torch.randn(3, N, 2, dtype=torch.float64)
    torch.testing.assert_close(vmap(partial(y, own))(xs), torch.stack([y(own, each) for each in xs]))
    stacked = {k: torch.stack([v.detach(), 1.1 * v.detach()]) for k, v in own.items()}
    each = [{k: v[i] for k, v in stacked.items()} for i in range(2)]
    torch.testing.assert_close(vmap(y, (0, None))(stacked, x), torch.stack([y(p, x) for p in each]))
    rest = y(own, torch.zeros_like(x))  # linear but for the bias
    torch.testing.assert_close(jvp(partial(y, own), (xs[0],), (x,))[1], y(own, x) - rest)
    jacobian = jacrev(partial(y, own))(x)
    torch.testing.assert_close(torch.einsum("nojc,jc->no", jacobian, x), y(own, x) - rest)
    by_samples = vmap(grad(loss), (None, 0))(own, xs)
    for item, sample in enumerate(xs):
        wanted = torch.autograd.grad(loss(own, sample), list(own.values()))
        for found, expected in zip(by_samples.values(), wanted, strict=True):
            torch.testing.assert_close(found[item], expected)


@pytest.mark.parametrize("name", list_kernels())
def test_kernels(name: str) -> None:
    torch.manual_seed(0)
    kernel = kernel_factory(name)(dim=2, out_channels=2, fan=3.0, causal=False).double()
    u = 0.9 * (2.0 * torch.rand(4, 2, dtype=torch.float64) - 1.0)
    leaf = u.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(kernel(leaf).square().sum(), leaf)
    torch.testing.assert_close(vmap(kernel)(u), kernel(u))
    torch.testing.assert_close(grad(lambda u: kernel(u).square().sum())(u), wanted)
    assert hessian(lambda u: kernel(u[None]).sum())(u[0]).shape == (2, 2)  # hand-written gradients have none


def test_taps() -> None:
    torch.manual_seed(0)
    taps, x = TapConv(2, 2, 3, dim=2).double(), torch.randn(2, 2, 3, 4, dtype=torch.float64)
    leaf = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(taps(leaf).square().sum(), leaf)
    torch.testing.assert_close(grad(lambda x: taps(x).square().sum())(x), wanted)
    torch.testing.assert_close(vmap(lambda x: taps(x[None])[0])(x), taps(x))


def test_networks() -> None:
    torch.manual_seed(0)
    model = create_model(
        "ccnn_4_16", dim=3, in_channels=3, out_channels=2, num_points=16, num_neighbors=4, norm="layer"
    )
    x, pos = torch.randn(16, 3), torch.rand(16, 3)
    own: dict[str, Tensor] = dict(model.eval().double().named_parameters())
    cloud = PointSet(pos.double()).knn(4)

    def loss(p: dict[str, Tensor]) -> Tensor:
        return functional_call(model, p, (x.double(), cloud)).square().sum()

    wanted = torch.autograd.grad(loss(own), list(own.values()))
    for found, expected in zip(grad(loss)(own).values(), wanted, strict=True):
        torch.testing.assert_close(found, expected)
    with pytest.raises(ValueError, match="neighbours must be searched outside of torch.func"):
        grad(lambda x: model(Data(x=x, pos=pos.double())).sum())(x.double())
