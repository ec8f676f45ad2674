"""Domains are plain objects: copies, pickles and other parameters give what they should, caches filled or not."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

from ccnn_pc.domains import AbstractDomain, Grid, IrregularSeries, PointSet
from tests.clouds import DOUBLE, cloud
from tests.grids import conv_for, noise

TIMES = torch.rand(12, dtype=DOUBLE, generator=torch.Generator().manual_seed(0)).sort().values * 9
BATCH = torch.tensor([0] * 5 + [1] * 7)

DOMAINS: dict[str, Callable[[], AbstractDomain]] = {
    "knn": lambda: cloud(12, 1, 4),
    "radius": lambda: cloud(12, 1, None).radius(0.8),
    "queries": lambda: PointSet(cloud(12, 1).pos, query_pos=cloud(5, 1, seed=3).pos).knn(3),
    "voxels": lambda: PointSet(torch.arange(12, dtype=DOUBLE)[:, None], lattice=1.0).knn(5),
    "grid": lambda: Grid((12,)),
    "occupied": lambda: Grid((16,), occupied=torch.arange(16)[None] % 4 > 0),
    "series": lambda: IrregularSeries(TIMES, torch.cat([BATCH[:1] * 0, BATCH[1:] * 0])),
    "masked": lambda: IrregularSeries(TIMES, mask=torch.rand(12, 3) < 0.7),
    "lattice": lambda: IrregularSeries(torch.arange(12, dtype=DOUBLE), lattice=1.0),
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda domain: pickle.loads(pickle.dumps(domain)),
    "to": lambda domain: domain.to("cpu"),
}


def saved(domain: Any) -> Any:
    file = io.BytesIO()
    torch.save(domain, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=False)


@pytest.mark.parametrize("way", [*COPIES, "torch.save"])
@pytest.mark.parametrize("name", DOMAINS)
def test_a_copy_is_the_same_domain(name: str, way: str) -> None:
    domain, conv = DOMAINS[name](), conv_for(1, 2.0)
    x, make = noise(domain.num_samples), {**COPIES, "torch.save": saved}[way]
    before = make(domain)
    expected = conv(x, domain)
    for other in (before, make(domain)):
        assert torch.equal(conv(x, other), expected)
        assert torch.equal(other.segments()[0], domain.segments()[0]) and repr(other) == repr(domain)
        weight, same = (d.quadrature(torch.ones(1), 7.0) for d in (other, domain))
        assert (weight is None and same is None) or torch.equal(weight, same)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DOMAINS)
def test_other_parameters_on_the_same_domain(name: str) -> None:
    """A domain remembers nothing of the layers that read it."""
    domain, conv, other = DOMAINS[name](), conv_for(1, 2.0), conv_for(1, 2.0, seed=5)
    x, values = noise(domain.num_samples), dict(other.named_parameters())
    with torch.no_grad():
        first = conv.eval()(x, domain)
        found = torch.func.functional_call(conv, values, (x, domain))
        assert torch.equal(found, other.eval()(x, domain)) and not torch.allclose(found, first)
        assert torch.equal(conv(x, domain), first)
