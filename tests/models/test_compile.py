"""``torch.compile`` of networks: the result of eager mode; domains are built, and neighbours searched, before."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounter
from torch_geometric.data import Data

from ccnn_pc import native
from ccnn_pc.domains import Grid, IrregularSeries, PointSet
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.models import create_model
from ccnn_pc.nn import ContinuousConv

EITHER = ["eager", "aot_eager", pytest.param("inductor", marks=pytest.mark.slow)]


def whole(kind: str) -> bool:
    """Whether a network is one graph: its convolutions are operators of torch; on points and series the native one."""
    return kind == "grid" or native.state().runs


def domain(kind: str) -> AbstractDomain:
    if kind == "points":
        return PointSet(torch.rand(40, 3)).knn(8)
    return Grid((7, 6)) if kind == "grid" else IrregularSeries(torch.rand(30).cumsum(0))


@pytest.mark.parametrize("backend", EITHER)
@pytest.mark.parametrize("kind", ["points", "grid", "series"])
def test_a_compiled_network_gives_the_eager_result(kind: str, backend: str) -> None:
    where = domain(kind)
    shape = {"points": None, "grid": (7, 6), "series": (30,)}[kind]
    torch.compiler.reset()
    model = create_model("ccnn_4_16", dim=where.dim, in_channels=2, out_channels=3, shape=shape).eval()
    x = torch.randn(where.num_samples, 2)
    compiled = torch.compile(model, backend=backend, fullgraph=whole(kind))
    results = []
    for network in (model, compiled):
        model.zero_grad()
        y = network(x, where)
        y.square().sum().backward()
        results.append([y.detach(), *(p.grad for p in model.parameters())])
    with torch.no_grad():
        results.append([compiled(x, where), *results[0][1:]])
    for other in results[1:]:
        for eager, found in zip(results[0], other, strict=True):
            assert (found - eager).abs().max() <= 1e-5 * eager.abs().max().clamp(min=1e-6)


@pytest.mark.parametrize("search", ["by the network", "by the user"])
def test_neighbours_are_searched_outside_of_the_graph(search: str) -> None:
    """Also where a compiled module searches them itself."""
    torch.compiler.reset()
    model = create_model("ccnn_4_16", dim=3, in_channels=2, out_channels=3, num_neighbors=8).eval()
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
    model = create_model("ccnn_4_16", dim=1, in_channels=2, out_channels=3, shape=(30,)).eval()
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
