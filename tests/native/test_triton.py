"""The operator in Triton computes what torch computes in float64, with every gradient: on CUDA, or interpreted."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from importlib import metadata

import pytest
import torch

from ccnn_pc.domains import PointSet
from ccnn_pc.kernels import MLP, SIREN, FourierNet, MAGNet, NoWindow, RandomFourierNet, SelfMovingPoints
from ccnn_pc.native import (
    Edges,
    Family,
    Features,
    native_convolution,
    native_row_convolution,
    runs,
    runs_on,
    triton,
)
from ccnn_pc.nn import Algorithm, ContinuousConv

pytest.importorskip("triton")
INTERPRETED = triton.interpreted()
DEVICE = "cpu" if INTERPRETED else "cuda"
computes = pytest.mark.skipif(
    not INTERPRETED and not torch.cuda.is_available(),
    reason="no CUDA device; test_under_the_interpreter runs it",
)


@pytest.fixture(autouse=True)
def turned_on(monkeypatch):
    monkeypatch.setenv("CCNN_PC_NATIVE", "1")


VERSION = tuple(map(int, metadata.version("triton").split(".")[:2]))


@pytest.mark.skipif(INTERPRETED, reason="this is the interpreter")
@pytest.mark.skipif(VERSION < (3, 7), reason="interpreters before triton 3.7 fail with numpy 2.4 and later")
def test_under_the_interpreter():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not cuda", __file__]
    found = subprocess.run(
        command, env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout[-4000:]
    assert "passed" in found.stdout


def assert_same(found, wanted, tolerance):
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        assert float((one.double() - other).abs().max()) <= tolerance * float(other.abs().max())


def gabor(u, parameters, hidden, layers, window):
    """Windowed features [..., H + 1] by their formula."""
    dim, units = u.shape[-1], (layers + 1) * hidden
    weight, bias, gamma, mu, mixing = parameters.split(
        [units * dim, units, units * dim, units * dim, layers * hidden * (hidden + 1)]
    )
    spread = (gamma.view(units, dim) * (u[..., None, :] - mu.view(units, dim))).square().sum(-1)
    filters = torch.exp(-0.5 * spread) * torch.sin(u @ weight.view(units, dim).t() + bias)
    *rest, z = filters.split(hidden, dim=-1)[::-1]
    for g, layer in zip(rest[::-1], mixing.view(layers, hidden * (hidden + 1)), strict=True):
        z = g * (z @ layer[: hidden * hidden].view(hidden, hidden).t() + layer[hidden * hidden :])
    m = torch.exp(-(window[1] * (u - window[0]).square()).sum(-1, keepdim=True))
    return torch.cat([z * m, m], dim=-1)


def by_definition(tensors, lists, hidden, layers, causal):
    """Outputs and Gram matrix, query by query."""
    x, table, parameters, window, pos, query = tensors
    table = table.diag_embed() if table.dim() == 2 else table
    y, gram = [], 0.0
    for q, (start, length) in enumerate(zip(*lists[1:], strict=True)):
        j = lists[0][start : start + length].long()
        rel = (pos[j] - query[q]) / 1.1
        u = 1 + 2 * rel if causal else rel
        inside = ((u.abs() <= 1) & ~(causal & (rel > 0))).all(-1, keepdim=True)
        hm = gabor(u.clamp(-1, 1), parameters, hidden, layers, window) * inside
        y.append(torch.einsum("eh,hco,ec->o", hm, table, x[j]))
        gram = gram + hm.t() @ hm
    return torch.stack(y), gram


@computes
@pytest.mark.parametrize(
    "separable, dim, causal", [(True, 3, False), (False, 2, False), (True, 1, True)], ids=str
)
def test_everything_has_the_gradient_of_the_definition(separable, dim, causal):
    generator = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    hidden, layers, units = 5, 2, 15
    index = torch.randint(12, (40,), generator=generator, dtype=torch.int32)
    start = torch.tensor([0, 3, 9, 9, 20, 33, 2])  # lists may overlap, have gaps and be empty
    length = torch.tensor([5, 3, 0, 19, 1, 7, 20])
    window = torch.cat([0.1 * draw(1, dim), draw(1, dim).abs() + 0.2])
    tensors = [
        draw(12, 4),
        draw(hidden + 1, 4) if separable else draw(hidden + 1, 4, 3),
        draw(units * (3 * dim + 1) + layers * hidden * (hidden + 1)),
        window,
        torch.rand(12, dim, generator=generator),
        torch.rand(7, dim, generator=generator),
    ]

    def answers(inputs, run):
        inputs = [tensor.requires_grad_() for tensor in inputs]
        y, gram = run(inputs)
        found = torch.autograd.grad(y.square().sum() + gram.square().sum(), inputs)
        return [y.detach().cpu(), gram.detach().cpu(), *(each.cpu() for each in found)]

    def operator(inputs):
        x, table, parameters, window, pos, query = inputs
        features = Features(Family.GABOR, hidden, layers, parameters, window)
        extent = torch.full((dim,), 1.1, device=DEVICE)
        edges = Edges(pos, query, index.to(DEVICE), start.to(DEVICE), length.to(DEVICE), extent, causal)
        assert runs_on(x, table, dim, Family.GABOR)
        return native_convolution(x, table, features, edges, gram=True)

    found = answers([tensor.to(DEVICE) for tensor in tensors], operator)
    lists = (index, start.tolist(), length.tolist())
    wanted = answers(
        [tensor.double() for tensor in tensors], lambda t: by_definition(t, lists, hidden, layers, causal)
    )
    assert_same(found, wanted, 2e-5)


def answers(conv, x, cloud, **options):
    """Outputs and every gradient."""
    conv.zero_grad()
    x = x.detach().requires_grad_()
    y = conv(x, cloud, **options)
    (y.square() * torch.linspace(-1, 1, y.numel()).to(y).view_as(y)).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in conv.parameters() if p.grad is not None)]


def problem(samples, k, channels, dim, kernel, **options):
    """A layer, a cloud and features."""
    torch.manual_seed(0)
    cloud = PointSet(torch.rand(samples, dim), torch.arange(samples) // (samples // 2), **options).knn(k)
    conv = ContinuousConv(channels, channels - 1, dim=dim, kernel=kernel, extent=0.5, window=NoWindow)
    return conv.to(DEVICE), torch.randn(samples, channels, device=DEVICE), cloud.to(DEVICE)


def in_double(conv, x, cloud, monkeypatch):
    """The same by operators of torch in float64."""
    with monkeypatch.context() as patch:
        patch.setenv("CCNN_PC_NATIVE", "0")
        assert not runs(x.device)
        exact = PointSet(cloud.pos.double(), cloud.batch, neighbors=cloud.neighbors)
        found = answers(conv.double(), x.double(), exact)
    conv.float()
    return found


@computes
@pytest.mark.parametrize(
    "kernel, dim",
    [
        (partial(FourierNet, hidden_channels=7), 2),
        (partial(SIREN, hidden_channels=6, num_layers=3), 1),
        (partial(RandomFourierNet, hidden_channels=8, num_layers=3), 2),
        (partial(SelfMovingPoints, hidden_channels=7, radius=0.8), 3),
        (partial(MLP, hidden_channels=6), 2),
    ],
    ids=["fourier", "siren", "random fourier", "tents", "mlp"],
)
def test_layers_equal_the_operator_of_torch(kernel, dim, monkeypatch):
    conv, x, cloud = problem(10, 4, 5, dim, kernel)
    found = answers(conv, x, cloud)
    assert_same(found, in_double(conv, x, cloud, monkeypatch), 1e-5)


@computes
@pytest.mark.parametrize("omega_0", [1.0, 500.0])
def test_phases_are_exact_at_any_frequency(omega_0, monkeypatch):
    conv, x, cloud = problem(10, 4, 5, 3, partial(MAGNet, hidden_channels=16, omega_0=omega_0))
    found = conv(x, cloud).detach()
    assert_same([found], in_double(conv, x, cloud, monkeypatch)[:1], 1e-5)


@computes
@pytest.mark.parametrize("given", [True, False], ids=["rows", "edges"])
@pytest.mark.parametrize("separable", [True, False], ids=["depthwise", "full"])
def test_given_features(given, separable):
    torch.manual_seed(0)
    index, start, length = torch.randint(9, (20,)), torch.tensor([0, 4, 11]), torch.tensor([4, 6, 9])
    which = torch.randint(6, (20,)) if given else torch.arange(20)
    table = torch.randn(4, 5) if separable else torch.randn(4, 5, 3)
    inputs = [torch.randn(9, 5), table, torch.randn(6 if given else 20, 4)]

    def definition(x, table, rows):
        table = table.diag_embed() if separable else table
        parts = [slice(s, s + n) for s, n in zip(start.tolist(), length.tolist(), strict=True)]
        return torch.stack([torch.einsum("eh,hco,ec->o", rows[which[p]], table, x[index[p]]) for p in parts])

    def operator(x, table, rows):
        nowhere = torch.zeros(0, device=DEVICE)
        edges = Edges(nowhere, nowhere, index.to(DEVICE), start.to(DEVICE), length.to(DEVICE), nowhere)
        return native_row_convolution(x, table, rows, which.to(DEVICE) if given else None, edges)

    def answers(inputs, run):
        inputs = [tensor.requires_grad_() for tensor in inputs]
        y = run(*inputs)
        return [y.detach().cpu(), *(each.cpu() for each in torch.autograd.grad(y.square().sum(), inputs))]

    found = answers([tensor.to(DEVICE) for tensor in inputs], operator)
    assert_same(found, answers([tensor.double() for tensor in inputs], definition), 1e-5)


@computes
@pytest.mark.parametrize("kernel", [partial(MAGNet, hidden_channels=6), MLP], ids=["magnet", "mlp"])
def test_autocast_makes_sums_coarse_and_nothing_else(kernel, monkeypatch):
    conv, x, cloud = problem(10, 4, 5, 2, kernel)
    exact = in_double(conv, x, cloud, monkeypatch)
    coarse = torch.float16 if INTERPRETED else torch.bfloat16  # the interpreter's products know no bfloat16
    with torch.autocast(DEVICE, coarse):
        y = conv(x, cloud)
    y.float().square().sum().backward()
    assert y.dtype is coarse
    assert_same([y.detach()], exact[:1], 2e-2)
    assert all(p.grad.dtype is torch.float32 and bool(p.grad.isfinite().all()) for p in conv.parameters())


@computes
def test_double_precision_stays_with_torch(monkeypatch):
    conv, x, cloud = problem(10, 4, 5, 2, partial(MAGNet, hidden_channels=6))
    conv, x = conv.double(), x.double()
    cloud = PointSet(cloud.pos.double(), cloud.batch, neighbors=cloud.neighbors)
    table = torch.zeros(7, 5, device=DEVICE, dtype=torch.float64)
    assert not runs_on(x, table, 2, Family.GABOR)
    assert_same(answers(conv, x, cloud), answers(conv, x, cloud, algorithm=Algorithm.MESSAGES), 1e-11)


@pytest.mark.cuda
@pytest.mark.parametrize("hidden, omega_0", [(8, 1.0), (32, 1.0), (32, 500.0), (64, 1.0)])
def test_many_points(hidden, omega_0, monkeypatch):
    conv, x, cloud = problem(2000, 200, 140, 3, partial(MAGNet, hidden_channels=hidden, omega_0=omega_0))
    found = answers(conv, x, cloud)
    assert_same(found, in_double(conv, x, cloud, monkeypatch), 2e-5 if omega_0 == 1.0 else 1e-4)
    assert_same(found[:1], in_double(conv, x, cloud, monkeypatch)[:1], 1e-5)


@pytest.mark.cuda
@pytest.mark.parametrize("separable", [True, False], ids=["depthwise", "full"])
def test_every_run_has_the_same_bits(separable):
    torch.manual_seed(0)
    cloud = PointSet(torch.rand(3000, 3)).knn(100).to("cuda")
    conv = ContinuousConv(
        33, 20, dim=3, kernel=partial(MAGNet, hidden_channels=32), separable=separable
    ).cuda()
    x = torch.randn(3000, 33, device="cuda")
    first = answers(conv, x, cloud)
    for _ in range(3):
        assert all(torch.equal(a, b) for a, b in zip(first, answers(conv, x, cloud), strict=True))


@pytest.mark.cuda
def test_tensor_cores_where_torch_takes_them(monkeypatch):
    conv, x, cloud = problem(2000, 100, 64, 3, partial(MAGNet, hidden_channels=32))
    exact = in_double(conv, x, cloud, monkeypatch)[:1]
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        y = conv(x, cloud).detach()
    finally:
        torch.set_float32_matmul_precision(before)
    assert_same([y], exact, 2e-3)
    assert not torch.equal(y, conv(x, cloud))


def test_state_says_why(monkeypatch):
    monkeypatch.setenv("CCNN_PC_NATIVE", "0")
    assert "CCNN_PC_NATIVE" in triton.state().reason
    monkeypatch.setattr(triton, "_version", lambda: None)
    assert "pip install triton" in triton.state().reason
