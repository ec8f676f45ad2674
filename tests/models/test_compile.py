"""``torch.compile`` of networks: the result of eager mode; domains are built, and neighbours searched, before."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data

from ccnn_pc.domains import Grid, IrregularSeries, PointSet
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.models import create_model

EITHER = ["eager", pytest.param("inductor", marks=pytest.mark.slow)]


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
    compiled = torch.compile(model, backend=backend)
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
