"""Derivatives of any order and with respect to anything: those of message passing, on every domain."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jacfwd, jacrev, jvp, vmap

from ccnn_pc import native
from ccnn_pc.domains import Grid, IrregularSeries, PointSet
from ccnn_pc.domains.grid.grid import Boundary
from ccnn_pc.domains.points.edge_geometry import EdgeGeometry
from ccnn_pc.kernels import MLP, SIREN, MAGNet
from ccnn_pc.models import create_model
from ccnn_pc.nn import Algorithm, ContinuousConv
from ccnn_pc.ops.grids.convolution import Method, grid_convolution
from ccnn_pc.ops.points.lattice_convolution import lattice_convolution

N = 9
DOUBLE = torch.float64
small = partial(MAGNet, hidden_channels=3, num_layers=1)


def points(pos: Tensor, lattice: float | None = None) -> PointSet:
    return PointSet(pos, neighbors=PointSet(pos.detach()).knn(4).neighbors, lattice=lattice)


def places() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    pos = torch.rand(N, 2, dtype=DOUBLE, generator=generator)
    times = torch.rand(N, dtype=DOUBLE, generator=generator).sort().values
    cells = torch.tensor([[i // 3, i % 3] for i in range(N)], dtype=DOUBLE)
    return {
        "points": points(pos),
        "lattice": points(cells, lattice=1.0),
        "grid": Grid((3, 3)),
        "circular": Grid((3, 3), boundary=Boundary.CIRCULAR),
        "fourier": Grid((3, 3), method=Method.FFT),
        "series": IrregularSeries(times),
        "stamps": IrregularSeries(torch.arange(N).double(), lattice=1.0),
    }


def layer(where: Any, separable: bool = True, kernel: Any = small) -> ContinuousConv:
    wide = isinstance(where, Grid) or getattr(where, "lattice", None) is not None
    extent, causal = (1.0 if wide else 0.5), where.dim == 1
    return ContinuousConv(
        2, 3, dim=where.dim, kernel=kernel, extent=extent, separable=separable, causal=causal
    ).double()


@pytest.mark.parametrize("separable", [True, False], ids=["depthwise", "full"])
@pytest.mark.parametrize("kernel", [small, MLP], ids=["magnet", "mlp"])
@pytest.mark.parametrize("kind", list(places()))
def test_second_derivatives(kind: str, kernel: Any, separable: bool) -> None:
    """Of everything with respect to samples and all parameters: a gradient penalty, by the definition and fast."""
    torch.manual_seed(0)
    where = places()[kind]
    conv = layer(where, separable, partial(kernel, hidden_channels=3))
    x = torch.randn(N, 2, dtype=DOUBLE, requires_grad=True)
    wanted = [x, *conv.parameters()]
    found = []
    for algorithm in (Algorithm.MESSAGES, Algorithm.FAST):
        y = conv(x, where, algorithm=algorithm)
        first = torch.autograd.grad(y.square().sum(), wanted, create_graph=True)
        second = torch.autograd.grad(torch.stack([g.square().sum() for g in first]).sum(), wanted)
        found.append([*(g.detach() for g in first), *second])
    for expected, fast in zip(*found, strict=True):
        torch.testing.assert_close(fast, expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.parametrize("direct", [Method.DIRECT, Method.FFT])
@pytest.mark.parametrize("full", [False, True], ids=["depthwise", "full"])
@pytest.mark.parametrize("circular", [False, True])
def test_grid_operator(direct: Method, full: bool, circular: bool) -> None:
    x = torch.randn(2, 3, 2, 2, dtype=DOUBLE, requires_grad=True)
    kernel = torch.randn(2, 2, 2, *([3] if full else []), dtype=DOUBLE, requires_grad=True)

    def run(x: Tensor, kernel: Tensor) -> Tensor:
        return grid_convolution(x, kernel, [1, 0], circular=circular, method=direct)

    assert torch.autograd.gradcheck(run, (x, kernel), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(run, (x, kernel))


@pytest.mark.parametrize("full", [False, True], ids=["depthwise", "full"])
def test_lattice_operator(full: bool) -> None:
    lists = points(torch.rand(5, 2, dtype=DOUBLE)).neighbors.lists()  # type: ignore[union-attr]
    which = torch.randint(3, (len(lists.index),))
    x = torch.randn(5, 2, dtype=DOUBLE, requires_grad=True)
    features = torch.randn(3, 4, dtype=DOUBLE, requires_grad=True)
    table = torch.randn(4, 2, *([3] if full else []), dtype=DOUBLE, requires_grad=True)

    def run(x: Tensor, features: Tensor, table: Tensor) -> Tensor:
        return lattice_convolution(x, lists, which, features, table)

    assert torch.autograd.gradcheck(run, (x, features, table), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(run, (x, features, table))


@pytest.mark.parametrize("switch", ["0", "1"], ids=["torch", "native"])
@pytest.mark.parametrize("kernel", [small, SIREN], ids=["magnet", "siren"])
@pytest.mark.parametrize("kind", ["points", "queries", "series"])
def test_positions(kind: str, kernel: Any, switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """First and second derivatives to positions and times, where they are asked for."""
    monkeypatch.setenv("CCNN_PC_NATIVE", switch)
    torch.manual_seed(0)
    base = places()["series" if kind == "series" else "points"]
    conv = layer(base, kernel=partial(kernel, hidden_channels=4))
    x = torch.randn(N, 2, dtype=DOUBLE, requires_grad=True)
    found = []
    for algorithm in (Algorithm.MESSAGES, Algorithm.AUTO):
        if kind == "series":
            places_ = [base.times.clone().requires_grad_()]
            where: Any = IrregularSeries(places_[0])
        elif kind == "points":
            places_ = [base.pos.clone().requires_grad_()]
            where = points(places_[0])
        else:
            places_ = [base.pos.clone().requires_grad_(), torch.rand(4, 2, dtype=DOUBLE).requires_grad_()]
            torch.manual_seed(1)
            places_[1] = torch.rand(4, 2, dtype=DOUBLE).requires_grad_()
            lists = PointSet(places_[0].detach(), query_pos=places_[1].detach()).knn(5).neighbors
            where = PointSet(places_[0], query_pos=places_[1], neighbors=lists)
        wanted = [x, *places_, *conv.parameters()]
        y = conv(x, where, algorithm=algorithm)
        first = torch.autograd.grad(y.square().sum(), wanted, create_graph=True)
        second = torch.autograd.grad(torch.stack([g.square().sum() for g in first]).sum(), wanted)
        found.append([y.detach(), *(g.detach() for g in first), *second])
    for expected, fast in zip(*found, strict=True):
        torch.testing.assert_close(fast, expected, rtol=1e-11, atol=1e-11 * float(expected.abs().max()))


def test_the_native_operator_gives_gradients_to_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_NATIVE", "1")
    if not native.state().runs:
        pytest.skip(native.state().reason)
    calls: list[str] = []
    run = native.convolution.call

    def counted(name: str, *rest: Any) -> None:
        calls.append(name)
        run(name, *rest)

    monkeypatch.setattr(native.convolution, "call", counted)
    pos = torch.rand(N, 2, dtype=DOUBLE, requires_grad=True)
    where = points(pos)
    y = layer(where)(torch.randn(N, 2, dtype=DOUBLE), where)
    (to_positions,) = torch.autograd.grad(y.square().sum(), pos)
    assert calls == ["forward", "backward"]
    assert bool((to_positions != 0).any())


@pytest.mark.parametrize("kind", list(places()))
def test_batches_run_through_the_operators(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``vmap`` and ``grad`` do not fall back to messages: of a batch of samples, of parameters, of cotangents."""
    torch.manual_seed(0)
    where = places()[kind]
    conv = layer(where)
    own: dict[str, Tensor] = dict(conv.named_parameters())
    xs = torch.randn(3, N, 2, dtype=DOUBLE)

    def y(p: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(conv, p, (x, where))

    def loss(p: dict[str, Tensor], x: Tensor) -> Tensor:
        return y(p, x).square().sum()

    expected = [torch.autograd.grad(loss(own, x), list(own.values())) for x in xs]
    jacobian = torch.autograd.functional.jacobian(partial(y, own), xs[0])
    monkeypatch.setattr(ContinuousConv, "_messages", None)
    found = vmap(grad(loss), (None, 0))(own, xs)
    for item, each in enumerate(expected):
        for name, wanted in zip(own, each, strict=True):
            torch.testing.assert_close(found[name][item], wanted)
    torch.testing.assert_close(jacrev(partial(y, own))(xs[0]), jacobian)
    stacked = {k: torch.stack([v.detach(), 0.9 * v.detach()]) for k, v in own.items()}
    items = [{k: v[i] for k, v in stacked.items()} for i in range(2)]
    torch.testing.assert_close(vmap(y, (0, None))(stacked, xs[0]), torch.stack([y(p, xs[0]) for p in items]))


@pytest.mark.parametrize("kind", list(places()))
def test_tangents(kind: str) -> None:
    torch.manual_seed(0)
    where = places()[kind]
    conv = layer(where)
    own: dict[str, Tensor] = {k: v.detach() for k, v in conv.named_parameters()}
    x, direction = torch.randn(2, N, 2, dtype=DOUBLE).unbind()
    along = {k: torch.randn_like(v) for k, v in own.items()}

    def y(p: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(conv, p, (x, where))

    tangent = jvp(y, (own, x), (along, direction))[1]
    step = 1e-6
    ahead, back = (y({k: v + s * along[k] for k, v in own.items()}, x + s * direction) for s in (step, -step))
    torch.testing.assert_close(tangent, (ahead - back) / (2 * step), rtol=1e-5, atol=1e-7)
    by_reverse = jacrev(partial(y, own))(x)
    torch.testing.assert_close(jacfwd(partial(y, own))(x), by_reverse)
    both = [f(g(lambda p: y(p, x).square().sum()))(own) for f, g in ((jacfwd, jacrev), (jacrev, jacrev))]
    for name in own:
        torch.testing.assert_close(both[0][name], both[1][name])


def test_tangents_of_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    base = places()["points"]
    conv, x = layer(base), torch.randn(N, 2, dtype=DOUBLE)

    def y(pos: Tensor) -> Tensor:
        return conv(x, PointSet(pos, neighbors=base.neighbors)).square().sum(1)

    torch.testing.assert_close(jacfwd(y)(base.pos), jacrev(y)(base.pos))
    batch = torch.stack([base.pos, 0.9 * base.pos])
    torch.testing.assert_close(vmap(y)(batch), torch.stack([y(pos) for pos in batch]))


@pytest.mark.parametrize("kind", ["points", "grid", "series"])
def test_networks(kind: str) -> None:
    """A gradient penalty on a whole network: the parameters' gradient of |dy/dx|², by the definition and fast."""
    torch.manual_seed(0)
    where = places()[kind]
    shape = {"points": None, "grid": (3, 3), "series": (N,)}[kind]
    model = create_model(
        "ccnn_4_16", dim=where.dim, in_channels=2, out_channels=1, shape=shape, norm="layer"
    ).double()
    found = []
    for algorithm in (Algorithm.MESSAGES, Algorithm.FAST):
        for conv in model.convolutions():
            conv.forward = partial(type(conv).forward, conv, algorithm=algorithm)  # type: ignore[method-assign]
        x = torch.randn(N, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(1)).requires_grad_()
        (slope,) = torch.autograd.grad(model(x, where).sum(), x, create_graph=True)
        grads = torch.autograd.grad(slope.square().sum(), list(model.parameters()), allow_unused=True)
        found.append([slope.detach(), *(g for g in grads if g is not None)])
    assert len(found[0]) == len(found[1]) > 10
    largest = max(float(g.abs().max()) for g in found[0])
    for expected, fast in zip(*found, strict=True):
        torch.testing.assert_close(fast, expected, rtol=1e-7, atol=1e-10 * largest)


def test_buffers_must_not_be_a_batch() -> None:
    where = places()["points"]
    convs = [layer(where) for _ in range(2)]
    parameters, buffers = torch.func.stack_module_state(convs)  # type: ignore[arg-type]
    x = torch.randn(N, 2, dtype=DOUBLE)

    def y(p: Any, b: Any) -> Tensor:
        return functional_call(convs[0], (p, b), (x, where))

    with pytest.raises(ValueError, match="buffers must be those of the layer"):
        vmap(y)(parameters, buffers)
    own = dict(convs[0].named_buffers())
    found = vmap(y, (0, None))(parameters, own)
    torch.testing.assert_close(found, torch.stack([conv(x, where) for conv in convs]))


def test_layers_are_built_outside_of_transforms() -> None:
    def y(x: Tensor) -> Tensor:
        return ContinuousConv(2, 3, dim=2)(x, places()["grid"]).sum()

    with pytest.raises(ValueError, match="a layer must be built outside of torch.func"):
        grad(y)(torch.randn(N, 2))


def test_lists_are_cut_alike_with_numbers_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    where = PointSet(torch.rand(30, 2), torch.arange(30) // 10).knn(7)
    edges = where._edge_geometry()
    for reach in (0.05, 0.2, 0.4):
        known = edges.within(torch.tensor(reach))
        with monkeypatch.context() as patch:
            patch.setattr("ccnn_pc.domains.points.edge_geometry.readable", lambda *t: False)
            unknown = EdgeGeometry(where.pos, where.query_pos, edges.lists).within(torch.tensor(reach))
        assert torch.equal(known.length, unknown.length)
