"""The native operator computes what the operator of torch calls computes, and message passing, and their gradients."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from ccnn_pc import native
from ccnn_pc.domains import PointSet
from ccnn_pc.domains.factorized import fused_terms
from ccnn_pc.kernels import (
    MLP,
    SIREN,
    FourierNet,
    GaborNet,
    GaussianWindow,
    MAGNet,
    NoWindow,
    RandomFourierNet,
    SelfMovingPoints,
)
from ccnn_pc.native import (
    Edges,
    Family,
    Features,
    native_convolution,
    native_row_convolution,
)
from ccnn_pc.nn import Algorithm, ContinuousConv
from ccnn_pc.ops.neighbors import Graph, Neighbors, knn
from ccnn_pc.ops.neighbors.lists import NeighborLists
from ccnn_pc.ops.points import convolution
from ccnn_pc.ops.points.convolution import PointGeometry, point_convolution

KERNELS = {
    "magnet": partial(MAGNet, hidden_channels=9),
    "magnet of two filters": partial(MAGNet, hidden_channels=5, num_layers=1),
    "gabor": partial(GaborNet, hidden_channels=8),
    "fourier": partial(FourierNet, hidden_channels=7),
    "siren": partial(SIREN, hidden_channels=6, num_layers=4),
    "siren of one layer": partial(SIREN, hidden_channels=6, num_layers=2),
    "siren with normalised weights": partial(SIREN, hidden_channels=6, weight_norm=True),
    "random fourier": partial(RandomFourierNet, hidden_channels=8, num_layers=4),
    "random fourier of one layer": partial(RandomFourierNet, hidden_channels=8, num_layers=2),
    "moving points": partial(SelfMovingPoints, hidden_channels=7, radius=0.8),
}


pytestmark = pytest.mark.usefixtures("turned_on")


def answers(conv, x, cloud, algorithm=Algorithm.FAST, **options):
    """Outputs, penalty and every gradient."""
    conv.zero_grad()
    x = x.detach().requires_grad_()
    y = conv(x, cloud, algorithm=algorithm, **options)
    (y.square() * torch.linspace(-1, 1, y.numel()).to(y).view_as(y)).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in conv.parameters() if p.grad is not None)]


def by_torch(monkeypatch, conv, x, cloud):
    with monkeypatch.context() as patch:
        patch.setenv("CCNN_PC_NATIVE", "0")
        assert not native.state().runs
        return answers(conv, x, cloud)


def assert_same(found, wanted, tolerance):
    assert len(found) == len(wanted)
    largest = max(float(other.abs().max()) for other in wanted)  # some gradients are zero but for rounding
    for one, other in zip(found, wanted, strict=True):
        assert float((one - other).abs().max()) <= tolerance * float(other.abs().max()) + 1e-15 * largest


def calls(monkeypatch):
    """The number of times that the native operator is called."""
    count: list[str] = []
    run = native.convolution.call

    def counted(name, *rest):
        count.append(name)
        run(name, *rest)

    monkeypatch.setattr(native.convolution, "call", counted)
    return count


@pytest.mark.parametrize("separable", [True, False], ids=["depthwise", "full"])
@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS.keys())
def test_equals_the_operator_of_torch(kernel, dim, separable, instruction_set, monkeypatch):
    torch.manual_seed(0)
    cloud = PointSet(torch.rand(90, dim).double(), torch.arange(90) // 45).knn(21)
    conv = ContinuousConv(5, 4, dim=dim, kernel=kernel, separable=separable, extent=0.4).double()
    x = torch.randn(90, 5).double()
    wanted = by_torch(monkeypatch, conv, x, cloud)
    count = calls(monkeypatch)
    assert_same(answers(conv, x, cloud), wanted, 1e-11)
    assert count == ["forward", "backward"]


@pytest.mark.parametrize("omega_0", [1.0, 500.0])
def test_single_precision_is_within_1e_5_at_any_frequency(omega_0, instruction_set):
    torch.manual_seed(0)
    cloud = PointSet(torch.rand(300, 3)).knn(64)
    conv = ContinuousConv(
        5, 4, dim=3, kernel=partial(MAGNet, hidden_channels=32, omega_0=omega_0), window=NoWindow
    )
    x = torch.randn(300, 5)
    y = conv(x, cloud)
    with torch.no_grad():
        exact = conv.double()(
            x.double(),
            PointSet(cloud.pos.double(), neighbors=cloud.neighbors),
            algorithm=Algorithm.MESSAGES,
        )
    assert float((y - exact).abs().max() / exact.abs().max()) < 1e-5


def test_any_number_of_threads_gives_the_same_bits():
    torch.manual_seed(0)
    cloud = PointSet(torch.rand(700, 3)).knn(40)
    conv = ContinuousConv(6, 5, dim=3, kernel=partial(MAGNet, hidden_channels=8))
    x, before = torch.randn(700, 6), torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            count = torch.get_num_threads()
            assert count == threads
            found.append(answers(conv, x, cloud))
    finally:
        torch.set_num_threads(before)
    # layers behind the operator are torch's, whose sums may depend on threads: the operator's own gradients
    for other in found[1:]:
        assert_same(other, found[0], 1e-6)
    operator = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        operator.append(numbers())
    torch.set_num_threads(before)
    for other in operator[1:]:
        assert all(torch.equal(a, b) for a, b in zip(operator[0], other, strict=True))


def problem(dtype=torch.float64, separable=True, dim=2, seed=0):
    """Arguments of the operator itself."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()

    samples, queries, hidden, layers = 12, 7, 3, 2
    units = (layers + 1) * hidden
    parameters = draw(units * (3 * dim + 1) + layers * hidden * (hidden + 1))
    window = torch.cat([0.1 * draw(1, dim), draw(1, dim).abs() + 0.2]).detach().requires_grad_()
    pos = torch.rand(samples, dim, generator=generator, dtype=torch.float64).requires_grad_()
    query = torch.rand(queries, dim, generator=generator, dtype=torch.float64).requires_grad_()
    index = torch.randint(samples, (queries * 5,), generator=generator)
    length = torch.tensor([5, 3, 0, 5, 1, 4, 5])
    lists = NeighborLists(index, torch.arange(queries) * 5, length)
    table = draw(hidden + 1, 4) if separable else draw(hidden + 1, 4, 3)
    return draw(samples, 4), table, parameters, window, pos, query, lists, hidden, layers


def apply(tensors, lists, hidden, layers, gram=True):
    x, table, parameters, window, pos, query = tensors
    features = Features(Family.GABOR, hidden, layers, parameters, window)
    extent = torch.full((pos.shape[1],), 1.1, dtype=torch.float64)
    edges = Edges(pos, query, lists.index, lists.start, lists.length, extent)
    return native_convolution(x, table, features, edges, gram)


def numbers():
    *tensors, lists, hidden, layers = problem(torch.float32)
    y, moments = apply(tensors, lists, hidden, layers)
    gradients = torch.autograd.grad(y.square().sum() + moments.square().sum(), tensors)
    return [y.detach(), moments.detach(), *gradients]


@pytest.mark.parametrize("separable", [True, False], ids=["depthwise", "full"])
def test_gradients_of_everything_with_respect_to_everything(separable, instruction_set):
    *tensors, lists, hidden, layers = problem(separable=separable)
    torch.autograd.gradcheck(lambda *t: apply(t, lists, hidden, layers), tensors, eps=1e-6, atol=1e-6)


def test_queries_without_neighbours_are_zero():
    *tensors, lists, hidden, layers = problem()
    y, _ = apply(tensors, lists, hidden, layers)
    assert torch.equal(y[2], torch.zeros_like(y[2]))
    assert bool((y[[0, 1, 3, 4, 5, 6]] != 0).all())


def test_operator_keeps_torchs_rules():
    *tensors, lists, hidden, layers = problem()
    x, table, parameters, window, pos, query = tensors
    settings = [int(Family.GABOR), hidden, layers, 0, 1]
    spans = torch.stack([lists.start, lists.length])
    torch.library.opcheck(
        torch.ops.ccnn_pc.point_convolution.default,
        (x, table, parameters, window, pos, query, [lists.index, spans], settings, 1e-6),
    )


@pytest.mark.parametrize("change", ["sub-class", "hook", "layer"])
def test_what_was_changed_is_not_computed_by_formula(change, monkeypatch):
    class Doubled(SIREN):
        def compute_features(self, u):
            return 2.0 * super().compute_features(u)

    class Shifted(torch.nn.Linear):
        def forward(self, x):
            return super().forward(x) + 1.0

    torch.manual_seed(0)
    cloud, x = PointSet(torch.rand(40, 3).double()).knn(9), torch.randn(40, 5).double()
    conv = ContinuousConv(5, 4, dim=3, kernel=Doubled if change == "sub-class" else SIREN).double()
    if change == "hook":
        conv.kernel.hidden[0].register_forward_hook(lambda module, inputs, output: output + 1.0)
    if change == "layer":
        old, conv.kernel.hidden[0] = conv.kernel.hidden[0], Shifted(3, 32).double()
        conv.kernel.hidden[0].load_state_dict(old.state_dict())
    formulas: list[int] = []
    monkeypatch.setattr(convolution, "native_convolution", lambda *_: formulas.append(1))
    found = answers(conv, x, cloud)
    assert formulas == []
    assert_same(found, answers(conv, x, cloud, Algorithm.MESSAGES), 1e-11)


@pytest.mark.parametrize("separable", [True, False], ids=["depthwise", "full"])
@pytest.mark.parametrize("chunks", [1, 3])
def test_other_kernels_are_summed(separable, chunks, monkeypatch):
    torch.manual_seed(0)
    cloud, x = PointSet(torch.rand(40, 3).double()).knn(9), torch.randn(40, 5).double()
    conv = ContinuousConv(5, 4, dim=3, kernel=MLP, separable=separable).double()
    monkeypatch.setattr(convolution, "NATIVE_CHUNK_EDGES", 0 if chunks > 1 else 1000)
    count = calls(monkeypatch)
    assert_same(answers(conv, x, cloud), answers(conv, x, cloud, Algorithm.MESSAGES), 1e-11)
    edges = 40 * 9
    passes = -(-edges // 80) if chunks > 1 else 1
    assert count == ["forward"] * passes + ["backward"] * 2 * passes


@pytest.mark.parametrize("separable", [True, False], ids=["depthwise", "full"])
@pytest.mark.parametrize("kernel", [MAGNet, MLP])
def test_columns_of_wider_tensors_are_what_they_hold(kernel, separable):
    """``data[:, :4]``, ``data.t()``, ``index[:, :1]`` have gaps between their numbers, of which C++ is not told."""
    torch.manual_seed(0)
    pos, conv = torch.rand(40, 2).double(), ContinuousConv(4, 3, dim=2, kernel=kernel, separable=separable)
    table = knn(pos, 6)
    doubled = torch.stack([table.index.flatten(), -table.index.flatten()], dim=1)
    clouds = [
        PointSet(pos, neighbors=Neighbors(table.index[:, 1:2], torch.ones_like(table.count))),
        PointSet(pos, neighbors=Graph(6 * torch.arange(41), doubled.long()[:, 0])),
        PointSet(pos, neighbors=table),
    ]
    samples = [torch.randn(40, 8)[:, ::2], torch.randn(4, 40).t(), torch.randn(1, 4).expand(40, 4)]
    for cloud in clouds:
        for x in samples:
            found = answers(conv.double(), x.double(), cloud)
            assert_same(found, answers(conv, x.double(), cloud, Algorithm.MESSAGES), 1e-11)


@pytest.mark.parametrize("window", [NoWindow, partial(GaussianWindow, width=0.2, learn_mean=True)])
def test_windows(window, monkeypatch):
    torch.manual_seed(0)
    cloud, x = PointSet(torch.rand(60, 2).double()).knn(15), torch.randn(60, 5).double()
    conv = ContinuousConv(5, 4, dim=2, window=window, extent=0.5).double()
    wanted = by_torch(monkeypatch, conv, x, cloud)
    count = calls(monkeypatch)
    assert_same(answers(conv, x, cloud), wanted, 1e-11)
    assert count == ["forward", "backward"]


def test_half_precision_in_and_out():
    torch.manual_seed(0)
    cloud, x = PointSet(torch.rand(60, 3)).knn(15), torch.randn(60, 5)
    conv = ContinuousConv(5, 4, dim=3)
    exact = conv(x, cloud)
    with torch.autocast("cpu", torch.bfloat16):
        y = conv(x, cloud)
    assert y.dtype is torch.bfloat16
    assert float((y - exact).abs().max() / exact.abs().max()) < 2e-2


def test_state_says_why(monkeypatch):
    monkeypatch.setenv("CCNN_PC_NATIVE", "0")
    assert "CCNN_PC_NATIVE" in native.state().reason


@pytest.mark.parametrize("separable", [True, False], ids=["depthwise", "full"])
@pytest.mark.parametrize("kernel", [MAGNet, MLP])
def test_lattices_take_rows(kernel, separable, instruction_set, monkeypatch):
    torch.manual_seed(0)
    spacing = torch.tensor([0.1, 0.2])
    cells = torch.randperm(200)[:90]
    pos = torch.stack([cells % 20, cells // 20], dim=1) * spacing.double()
    cloud = PointSet(pos, torch.arange(90) // 45, lattice=spacing.tolist()).knn(11)
    conv = ContinuousConv(5, 4, dim=2, kernel=kernel, separable=separable, extent=0.7).double()
    x = torch.randn(90, 5).double()
    wanted = by_torch(monkeypatch, conv, x, cloud)
    count = calls(monkeypatch)
    assert_same(answers(conv, x, cloud), wanted, 1e-11)
    assert count == ["forward", "backward"]


@pytest.mark.parametrize("separable", [True, False], ids=["depthwise", "full"])
def test_gradients_of_rows(separable, instruction_set):
    x, table, _, _, pos, query, lists, hidden, _ = problem(separable=separable)
    rows = torch.randn(4, hidden + 1, dtype=torch.float64).requires_grad_()
    which = torch.randint(4, (len(lists.index),))
    edges = Edges(pos, query, lists.index, lists.start, lists.length, torch.ones(2))
    torch.autograd.gradcheck(
        lambda x, table, rows: native_row_convolution(x, table, rows, which, edges), (x, table, rows)
    )
    own = torch.randn(len(lists.index), hidden + 1, dtype=torch.float64).requires_grad_()
    torch.autograd.gradcheck(
        lambda x, table, rows: native_row_convolution(x, table, rows, None, edges), (x, table, own)
    )


FORKED = """
import os, sys, torch
from tests.native.test_convolution import numbers
torch.set_num_threads(2)
before = numbers()
child = os.fork()
if not child:
    os._exit(0 if all(torch.equal(a, b) for a, b in zip(before, numbers())) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch has no backward pass in forks where CUDA is")
def test_a_forked_process_answers_too():
    done = subprocess.run(
        [sys.executable, "-c", FORKED], timeout=120, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0


def test_offsets_that_are_no_differences_of_positions_count():
    torch.manual_seed(0)
    conv = ContinuousConv(2, 2, dim=1, extent=1.0).double()
    profile, table = fused_terms(conv.terms())
    index, start, length = torch.arange(4), torch.tensor([0]), torch.tensor([4])
    pos, rel = torch.zeros(4, 1).double(), torch.linspace(-0.9, 0.9, 4)[:, None].double()
    lists, x = NeighborLists(index, start, length), torch.randn(4, 2).double()
    given = PointGeometry(pos, pos[:1], lists, conv.extent, rel=rel)
    plain = PointGeometry(rel, pos[:1], lists, conv.extent)
    y, _ = point_convolution(x, given, profile, table)
    torch.testing.assert_close(y, point_convolution(x, plain, profile, table)[0])
