"""``torch.compile`` of networks: the result of eager mode; domains are built, and neighbours searched, before."""

from __future__ import annotations

import pytest
import torch

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
