"""``torch.compile`` of networks: the result of eager mode; domains are built, and neighbours searched, before."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounter
from torch_geometric.data import Data

from ccnn_pc import native
from ccnn_pc.domains import Grid, IrregularSeries, PointSet
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.kernels import MLP, SIREN, MAGNet, NoWindow
from ccnn_pc.models import create_model
from ccnn_pc.nn import ContinuousConv, Quadrature, kernel_penalty
from ccnn_pc.ops.series.weights import Weights

#: aot_eager traces all that eager does, and the gradients.
EITHER = ["aot_eager", *(pytest.param(name, marks=pytest.mark.slow) for name in ("eager", "inductor"))]


def whole(kind: str) -> bool:
    """Whether a network is one graph: its convolutions are operators of torch; on points and series the native one."""
    return kind == "grid" or native.state().runs


def domain(kind: str) -> AbstractDomain:
    if kind == "points":
        return PointSet(torch.rand(40, 3)).knn(8)
    return Grid((7, 6)) if kind == "grid" else IrregularSeries(torch.rand(30).cumsum(0))


def one_block(**options: Any) -> Any:
    """A network that is traced quickly."""
    model = create_model("ccnn_4_16", in_channels=2, out_channels=3, **options).eval()
    model.blocks = model.blocks[:1]
    return model


@pytest.mark.parametrize("backend", EITHER)
@pytest.mark.parametrize("kind", ["points", "grid", "series"])
def test_a_compiled_network_gives_the_eager_result(kind: str, backend: str) -> None:
    # inductor has an erf and an inverse root of its own, whose rounding 1e-5 of float32 does not cover
    dtype, bound = (torch.float64, 1e-9) if backend == "inductor" else (torch.float32, 1e-5)
    where = domain(kind)
    shape = {"points": None, "grid": (7, 6), "series": (30,)}[kind]
    torch.compiler.reset()
    lines: dict[str, Any] = {"series_interpolation": "none"} if kind == "series" else {}
    model = one_block(dim=where.dim, shape=shape, **lines)
    model, x = model.to(dtype), torch.randn(where.num_samples, 2, dtype=dtype)
    compiled = torch.compile(model, backend=backend, fullgraph=whole(kind))
    results = []
    for network in (model, compiled):
        model.zero_grad()
        y = network(x, where)
        y.square().sum().backward()
        results.append([y.detach(), *(p.grad for p in model.parameters())])
    if kind == "grid":  # on the others without gradients below
        with torch.no_grad():
            results.append([compiled(x, where), *results[0][1:]])
    for other in results[1:]:
        for eager, found in zip(results[0], other, strict=True):
            assert (found - eager).abs().max() <= bound * eager.abs().max().clamp(min=1e-6)


@torch.no_grad()
def test_straight_lines_are_read_outside_of_graphs() -> None:
    """Times on them are as many as stamps say; the network behind them is compiled."""
    torch.compiler.reset()
    model = one_block(dim=1, shape=(30,))
    compiled = torch.compile(model, backend="eager")
    for seed in (0, 1):
        where = IrregularSeries(torch.rand(30, generator=torch.Generator().manual_seed(seed)).cumsum(0))
        x = torch.randn(30, 2)
        torch.testing.assert_close(compiled(x, where), model(x, where), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("backend", [EITHER[0], EITHER[-1]])
def test_a_compiled_network_of_arrays_trains_as_in_eager_mode(backend: str) -> None:
    """Results, gradients and the statistics of batch norms."""
    torch.compiler.reset()
    made = one_block(dim=1, shape=(30,)).double().train()
    other, results = copy.deepcopy(made), []
    compiled: Any = torch.compile(other, backend=backend, fullgraph=True)
    x = torch.randn(3, 2, 24, dtype=torch.float64)
    pairs: list[tuple[torch.nn.Module, Any]] = [(made, made), (other, compiled)]
    for model, network in pairs:
        y = network(x)
        y.square().sum().backward()
        results.append([y, *(p.grad for p in model.parameters()), *model.buffers()])
    for eager, found in zip(*results, strict=True):
        torch.testing.assert_close(found, eager, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("search", ["by the network", "by the user"])
@torch.no_grad()
def test_neighbours_are_searched_outside_of_the_graph(search: str) -> None:
    """Also where a compiled module searches them itself."""
    torch.compiler.reset()
    model = one_block(dim=3, num_neighbors=8)
    x, pos = torch.randn(40, 2), torch.rand(40, 3)

    class Searching(torch.nn.Module):
        def forward(self, x: torch.Tensor, pos: torch.Tensor) -> torch.Tensor:
            return model(x, PointSet(pos).knn(8))

    if search == "by the user":
        compiled, arguments = torch.compile(Searching(), backend="eager"), (x, pos)
    else:
        compiled, arguments = torch.compile(model, backend="eager"), (Data(x=x, pos=pos),)  # type: ignore[assignment]
    torch.testing.assert_close(compiled(*arguments), model(x, PointSet(pos).knn(8)))


def test_two_graphs_serve_arrays_of_many_sizes() -> None:
    torch.compiler.reset()
    counter = CompileCounter()
    model = one_block(dim=1, shape=(30,))
    compiled = torch.compile(model, backend=counter, fullgraph=True, dynamic=True)
    for batch, steps in ((2, 20), (3, 27), (4, 25), (5, 22)):
        x = torch.randn(batch, 2, steps)
        torch.testing.assert_close(compiled(x), model(x), rtol=1e-4, atol=1e-4)
    assert counter.frame_count <= 2


@pytest.mark.parametrize("kind", ["points", "grid", "series"])
def test_a_convolution_is_one_node(kind: str) -> None:
    if not whole(kind):
        pytest.skip(f"the native operators do not run: {native.state().reason}")
    torch.compiler.reset()
    where = domain(kind)
    names: list[str] = []
    conv = ContinuousConv(2, 3, dim=where.dim, causal=where.dim == 1)

    def backend(graph: torch.fx.GraphModule, inputs: object) -> object:
        names.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
        return graph.forward

    x = torch.randn(where.num_samples, 2)
    compiled = torch.compile(conv, backend=backend, fullgraph=True)
    torch.testing.assert_close(compiled(x, where), conv(x, domain_like(where, kind)), rtol=1e-4, atol=1e-4)
    operator = "ccnn_pc.grid_correlation" if kind == "grid" else "ccnn_pc.point_convolution"
    assert sum(operator in name for name in names) == 1


def domain_like(where: AbstractDomain, kind: str) -> AbstractDomain:
    """The same samples, nothing computed yet."""
    return where.to("cpu")


def test_gradients_of_a_compiled_kernel_longer_than_the_grid() -> None:
    """Taps that no two samples have between them are left out inside of the operator."""
    torch.compiler.reset()
    conv = ContinuousConv(2, 3, dim=2, extent=9.0).double()
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64)
    compiled = torch.compile(conv, backend="aot_eager", fullgraph=True)
    found = [torch.autograd.grad(f(x).square().sum(), list(conv.parameters())) for f in (conv, compiled)]
    for eager, other in zip(*found, strict=True):
        torch.testing.assert_close(other, eager)


def equal_in_graphs(
    conv: ContinuousConv, where: Callable[[], AbstractDomain], run: Callable[..., Sequence[torch.Tensor]]
) -> None:
    """What ``run(layer, x, domain)`` gives, and gradients of it, are those of eager mode."""
    torch.compiler.reset()
    conv = conv.double()
    compiled = torch.compile(conv, backend="aot_eager", fullgraph=True)
    found = []
    for layer in (conv, compiled):
        place = where()
        torch.manual_seed(0)
        x = torch.randn(place.num_samples, conv.in_channels, dtype=torch.float64, requires_grad=True)
        values = run(layer, x, place)
        wanted = [x, *(p for p in conv.parameters())]
        loss = sum((value.square().sum() for value in values), torch.zeros(()))
        found.append([*values, *torch.autograd.grad(loss, wanted, allow_unused=True)])
    for eager, other in zip(*found, strict=True):
        torch.testing.assert_close(other, eager, rtol=1e-9, atol=1e-11)


def result(
    layer: Callable[..., torch.Tensor], x: torch.Tensor, where: AbstractDomain
) -> Sequence[torch.Tensor]:
    return [layer(x, where)]


def result_and_penalty(
    layer: Callable[..., torch.Tensor], x: torch.Tensor, where: AbstractDomain
) -> Sequence[torch.Tensor]:
    with kernel_penalty() as outer, kernel_penalty() as penalty:
        y = layer(x, where)
    assert not outer.terms
    return [y, penalty.total()]


def stamps(**options: object) -> IrregularSeries:
    return IrregularSeries(torch.arange(20).double() / 2, **options)  # type: ignore[arg-type]


OCCUPIED = torch.arange(30).view(1, 5, 6) % 4 > 0
DOMAINS: dict[str, Callable[[], AbstractDomain]] = {
    "grid": lambda: Grid((5, 6), batch_size=2),
    "circular": lambda: Grid((9, 8), boundary="circular"),  # type: ignore[arg-type]
    "occupied": lambda: Grid((5, 6), occupied=OCCUPIED),
    "points": lambda: PointSet(torch.arange(40).view(-1, 1).sin() * torch.tensor([1.0, 3.0])).knn(8),
    "series": lambda: stamps(),
    "lattice": lambda: stamps(lattice=0.5),
    "row": lambda: Grid((9,), batch_size=2),
}


@pytest.mark.parametrize("kind", DOMAINS)
def test_the_kernel_penalty_comes_out_of_graphs(kind: str) -> None:
    """Causal layers on series, whose trapezoids end at the present."""
    where = DOMAINS[kind]
    if not (where().renders or whole(kind)):
        pytest.skip(f"the native operators do not run: {native.state().reason}")
    present: dict[str, Any] = (
        {"causal": True, "quadrature": Quadrature(endpoint=0.5)} if where().dim == 1 else {}
    )
    equal_in_graphs(ContinuousConv(2, 3, dim=where().dim, extent=2.0, **present), where, result_and_penalty)


def test_graphs_give_penalties_to_the_collector_of_their_thread() -> None:
    torch.compiler.reset()
    conv, x = ContinuousConv(2, 3, dim=1, extent=2.0), torch.randn(1, 2, 9)
    compiled = torch.compile(conv, backend="eager", fullgraph=True)
    with kernel_penalty() as penalty:
        compiled(x)
        other = threading.Thread(target=compiled, args=(x,))
        other.start()
        other.join()
    compiled(x)
    assert len(penalty.terms) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"kernel": partial(MAGNet, hidden_channels=4), "separable": False},
        {"kernel": partial(SIREN, hidden_channels=4), "window": NoWindow},
        {"kernel": MLP},
    ],
    ids=["full", "without a window", "no known formula"],
)
def test_kernels_rendered_in_graphs(options: dict[str, object]) -> None:
    conv = ContinuousConv(2, 3, dim=2, extent=(2.0, 3.0), **options)  # type: ignore[arg-type]
    equal_in_graphs(conv, lambda: Grid((5, 6), spacing=0.5), result)


#: Domains compute weights before graphs; one kind needs a mask, one none.
FEW_WEIGHTS = (Weights.DENSITY, Weights.TRAPEZOID)


@pytest.mark.parametrize(
    "weights", [w if w in FEW_WEIGHTS else pytest.param(w, marks=pytest.mark.slow) for w in Weights]
)
def test_weights_of_series_in_graphs(weights: Weights) -> None:
    mask = None if weights is Weights.DENSITY else torch.arange(40).view(20, 2) % 3 > 0
    conv = ContinuousConv(2, 3, dim=1, extent=3.0, quadrature=Quadrature(spacing=0.25))
    equal_in_graphs(conv, lambda: stamps(lattice=0.5, weights=weights, mask=mask), result)


def test_graphs_refuse_buffers_that_changed() -> None:
    """The number of taps, and weights of samples, are those of the values when they were compiled."""
    torch.compiler.reset()
    conv, x = ContinuousConv(2, 3, dim=1, extent=2.0), torch.randn(1, 2, 9)
    loaded = {**conv.state_dict(), "extent": torch.tensor([3.0])}
    compiled: Any = torch.compile(conv, backend="aot_eager", fullgraph=True)
    exported: Any = torch.export.export(copy.deepcopy(conv), (x,), strict=True).module()
    for name, value, network in (
        ("extent", 2.5, compiled),
        ("spacing", 0.5, compiled),
        ("extent", 2.5, exported),
    ):
        buffer = dict((conv if network is compiled else network).named_buffers())[name]
        torch.testing.assert_close(network(x), conv(x))
        before = buffer.clone()
        buffer.fill_(value)
        with pytest.raises(ValueError, match=f"must be.*as when the graph was compiled.*{value}"):
            network(x)
        buffer.copy_(before)
    conv.load_state_dict(loaded)
    torch.testing.assert_close(compiled(x), conv(x))  # compiled anew
