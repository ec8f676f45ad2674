"""Copies of layers, domains and models: ``copy.deepcopy``, pickle, ``torch.func.functional_call``."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import Grid, IrregularSeries, PointSet
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.models import create_model
from ccnn_pc.nn import ContinuousConv

WAYS: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
}
KINDS = ["points", "lattice", "grid", "cells", "series", "stamps"]


def domain(kind: str) -> AbstractDomain:
    g = torch.Generator().manual_seed(0)
    if kind == "points":
        return PointSet(torch.rand(20, 2, generator=g), torch.arange(2).repeat_interleave(10)).knn(4)
    if kind == "lattice":
        return PointSet(torch.cartesian_prod(*[torch.arange(4.0)] * 2), lattice=1.0).knn(5)
    if kind in ("grid", "cells"):
        mask = torch.rand(2, 4, 5, generator=g) > 0.4
        return Grid((4, 5), batch_size=2, occupied=mask if kind == "cells" else None)
    if kind == "series":
        return IrregularSeries(torch.rand(20, generator=g).cumsum(0))
    return IrregularSeries(torch.tensor([0.0, 1.0, 4.0, 6.0]), lattice=1.0)


def layer(where: AbstractDomain) -> ContinuousConv:
    torch.manual_seed(0)
    return ContinuousConv(3, 4, dim=where.dim, extent=2.0)


def samples(where: AbstractDomain) -> Tensor:
    return torch.randn(where.num_samples, 3, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_copies_of_layers_and_domains_answer_alike(kind: str, way: str) -> None:
    where = domain(kind)
    conv, x = layer(where), samples(where)
    expected = conv(x, where)  # domains keep what they found: copies are made after it
    other_conv, other_where = WAYS[way](conv), WAYS[way](where)
    assert repr(other_where) == repr(where)
    assert torch.equal(other_conv(x, other_where), expected)
    expected.sum().backward()
    assert all(p.grad is None for p in other_conv.parameters())
    with torch.no_grad():
        for p in other_conv.parameters():
            p.zero_()
    assert torch.equal(conv(x, where), expected) and not bool(other_conv(x, where).any())


@pytest.mark.parametrize("kind", KINDS)
def test_functional_call_has_the_values_and_the_gradients_of_its_arguments(kind: str) -> None:
    where = domain(kind)
    conv, x = layer(where), samples(where)
    values = {name: (1.5 * p).detach().requires_grad_() for name, p in conv.named_parameters()}
    other = layer(where)
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(1.5)
    y = torch.func.functional_call(conv, values, (x, where))
    assert torch.equal(y, other(x, where))
    y.square().sum().backward()
    other(x, where).square().sum().backward()
    for name, p in other.named_parameters():
        assert values[name].grad is not None and torch.equal(values[name].grad, p.grad), name
    assert all(p.grad is None for p in conv.parameters())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["points", "grid", "series"])
def test_copies_of_models(kind: str, way: str) -> None:
    where = domain(kind)
    shape = (8,) * where.dim if kind != "points" else None
    model = create_model("ccnn_4_16", dim=where.dim, in_channels=3, out_channels=2, shape=shape).eval()
    x = samples(where)
    with torch.no_grad():
        expected = model(x, where)
        other = WAYS[way](model)
        assert torch.equal(other(x, where), expected)
        assert repr(other.config) == repr(model.config)
        for p in other.parameters():
            p.data.mul_(1.1)
        assert not torch.allclose(other(x, where), expected)
        values = dict(other.named_parameters())
        assert torch.equal(torch.func.functional_call(model, values, (x, where)), other(x, where))
        assert torch.equal(model(x, where), expected)
