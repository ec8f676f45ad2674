"""What every registered kernel obeys: a new one is tested by being registered."""

from __future__ import annotations

import copy
import enum
import functools
import json
import math
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ccnn_pc.domains import AbstractDomain, Grid, IrregularSeries, PointSet
from ccnn_pc.kernels import (
    AbstractKernel,
    FactorizedKernel,
    Init,
    describe_factory,
    empty_linear,
    factory_from_json,
    factory_options,
    kernel_factory,
    list_kernels,
    register_kernel,
    registry,
    uniform_,
)
from ccnn_pc.nn import Algorithm, ContinuousConv, Quadrature, kernel_penalty

Check = Callable[[str], None]
CHECKS: list[Check] = []
#: A Blackman taper over 2 units widens any line by 1.5 cycles per unit; rounded up.
TAPER = 3.0


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def class_of(name: str) -> Any:
    return kernel_factory(name).func


def variants(name: str) -> Iterator[dict[str, Any]]:
    """No options; then each rule, each member of an enum and each switch that the class has."""
    factory = kernel_factory(name)
    yield {}
    for option, default in factory_options(factory).items():
        if option == "init":
            yield from ({"init": rule} for rule in class_of(name).rules if rule is not default)
        elif isinstance(default, enum.Enum):
            yield from ({option: member} for member in type(default) if member is not default)
        elif isinstance(default, bool):
            yield {option: not default}


def small(
    name: str, dim: int = 2, out_channels: int = 4, size: int = 4, omega_0: float = 1.0, **options: Any
) -> Any:
    """A kernel of few units."""
    factory = kernel_factory(name)
    sizes = class_of(name).options_of_size(size, omega_0, dim)
    return factory(dim=dim, out_channels=out_channels, **{**sizes, **options})


def places(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1


def called(kernel: nn.Module, u: Tensor, *parameters: Tensor) -> Tensor:
    """Values as a function of the parameters too."""
    names = [key for key, _ in kernel.named_parameters()]
    return torch.func.functional_call(kernel, dict(zip(names, parameters, strict=True)), (u,))


def state(kernel: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in kernel.state_dict().items()}


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert torch.equal(value, other[key]), key


@check
def shapes_and_positions(name: str) -> None:
    """One row of values per position, whatever the other positions."""
    for dim in (1, 2, 3):
        kernel, u = small(name, dim, 5).double(), places(3, 4, dim)
        values = kernel(u)
        assert values.shape == (3, 4, 5)
        alone = torch.stack([kernel(row) for row in u.flatten(0, 1)]).view_as(values)
        torch.testing.assert_close(values, alone, rtol=0, atol=1e-12)
        assert kernel(torch.empty(0, dim, dtype=torch.float64)).shape == (0, 5)
        with pytest.raises(ValueError, match=f"'u' must have {dim} coordinates"):
            kernel(places(4, dim + 1))


@check
def factors(name: str) -> None:
    kernel, u = small(name).double(), places(6, 2)
    if isinstance(kernel, FactorizedKernel):
        assert kernel.features(u).shape == (6, kernel.hidden_channels)
        assert torch.equal(kernel(u), kernel.readout(kernel.features(u)))


@check
def gradients(name: str) -> None:
    """Those of positions and parameters, against differences; every parameter has one."""
    for dim in (1, 3):
        kernel = small(name, dim, 2).double()
        u = places(3, dim).requires_grad_()
        assert torch.autograd.gradcheck(functools.partial(called, kernel), (u, *kernel.parameters()))
    kernel = small(name)
    kernel(places(300, 2).float()).square().sum().backward()
    for key, parameter in kernel.named_parameters():
        assert parameter.grad is not None and bool(torch.isfinite(parameter.grad).all()), key
        assert bool(parameter.grad.any()), key


@check
def mean_square(name: str) -> None:
    """1 / fan over the support by the default rule, for every option; the fan scales values and nothing else."""
    u = places(8192, 3).float()
    for dim, causal in ((1, False), (1, True), (2, False), (3, False)):
        for options in variants(name) if dim == 2 else [{}]:
            if options.get("init", Init.DEFAULT) is Init.DEFAULT:
                with torch.no_grad():
                    values = small(name, dim, 6, 16, fan=64.0, causal=causal, **options)(u[:, :dim])
                assert values.square().mean().item() * 64.0 == pytest.approx(1.0, abs=0.12), options
    with torch.no_grad():
        found = []
        for fan in (1.0, 16.0):
            torch.manual_seed(3)
            found.append(small(name, fan=fan)(u[:99, :2]) * fan**0.5)
        torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


@check
def reset_is_construction(name: str) -> None:
    for options in variants(name):
        torch.manual_seed(5)
        kernel = small(name, dim=1, fan=3.0, causal=True, **options)
        before, after_draws = state(kernel), torch.get_rng_state()
        with torch.no_grad():
            for parameter in kernel.parameters():
                parameter.fill_(0.37)
        identities = [id(parameter) for parameter in kernel.parameters()]
        torch.manual_seed(5)
        kernel.reset_parameters()
        assert_equal(before, state(kernel))
        assert torch.equal(torch.get_rng_state(), after_draws), "other random numbers than the constructor"
        assert identities == [id(parameter) for parameter in kernel.parameters()]
        kernel.reset_parameters()
        same = [torch.equal(value, before[key]) for key, value in kernel.state_dict().items()]
        assert not all(same), "the same values after another seed"
        for buffer in kernel.buffers():
            buffer.fill_(2.0)
        kernel.reset_parameters()
        assert all(bool((buffer == 2.0).all()) for buffer in kernel.buffers())


@check
def descriptions(name: str) -> None:
    for options in variants(name):
        factory = kernel_factory(name, **options)
        described = describe_factory(factory)
        assert described["name"] == name and described.keys() == {"name", *options}
        back = factory_from_json(json.loads(json.dumps(described)))
        assert describe_factory(back) == described
        made = []
        for source in (factory, back):
            torch.manual_seed(2)
            made.append(state(source(dim=2, out_channels=4, fan=2.0, causal=False)))
        assert_equal(*made)


@check
def copies(name: str) -> None:
    for options in variants(name):
        kernel, u = small(name, **options), places(7, 2).float()
        twin = small(name, **options)
        twin.load_state_dict(kernel.state_dict())
        others = [copy.deepcopy(kernel), twin]
        if not any(
            parametrize.is_parametrized(module) for module in kernel.modules()
        ):  # torch pickles none of these
            others.append(pickle.loads(pickle.dumps(kernel)))
        for other in others:
            assert torch.equal(other(u), kernel(u)), options


@check
def precision(name: str) -> None:
    """Full precision under autocast and in modules of half precision."""
    kernel, u = small(name, dim=3, omega_0=4.0), places(50, 3).float()
    expected = kernel(u)
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype=dtype):
            assert torch.equal(kernel(u), expected)
        half = copy.deepcopy(kernel).to(dtype)(u)
        assert half.dtype is torch.float32 and torch.allclose(half, expected, atol=0, rtol=1e-6)
    scale = float(expected.detach().abs().max())
    torch.testing.assert_close(kernel.double()(u.double()).float(), expected, atol=1e-4 * scale, rtol=0)


@check
def frequency_bound(name: str) -> None:
    """Next to no energy of a finely sampled kernel lies beyond; the bound can be trained."""
    n = 4096
    u = (torch.arange(n, dtype=torch.float64)[:, None] + 0.5) / n * 2 - 1
    frequency = torch.fft.rfftfreq(n, d=2.0 / n, dtype=torch.float64)
    for options in variants(name):
        for omega_0 in (3.0,) if options else (0.5, 3.0, 20.0):
            kernel = small(name, 1, 4, 16, omega_0, **options).double()
            with torch.no_grad():
                values = kernel(u) * torch.blackman_window(n, periodic=False, dtype=torch.float64)[:, None]
            energy = torch.fft.rfft(values, dim=0).abs().square().sum(dim=1)
            bound = kernel.max_frequency().item()
            assert energy[frequency > bound + TAPER].sum() < kernel.energy_beyond * energy.sum(), (
                options,
                omega_0,
            )
    kernel = small(name, 3)
    kernel.max_frequency().backward()
    grads = [p.grad for p in kernel.parameters() if p.grad is not None]
    assert grads and all(bool(torch.isfinite(g).all()) for g in grads) and any(bool(g.any()) for g in grads)


@check
def fast_equals_messages(name: str) -> None:
    """On points, grids and series, full and separable: results, penalty and gradients."""
    series = IrregularSeries(torch.tensor([0.0, 0.3, 0.9, 1.1, 2.0], dtype=torch.float64))
    domains: list[tuple[int, bool, AbstractDomain]] = [
        (3, False, PointSet(places(20, 3)).knn(6)),
        (2, False, Grid((4, 5), spacing=0.5)),
        (1, True, series),
    ]
    for dim, causal, domain in domains:
        for separable in (True, False):
            options = class_of(name).options_of_size(4, 1.0, dim)
            conv = ContinuousConv(
                2, 3, dim=dim, kernel=kernel_factory(name, **options), extent=1.0, quadrature=Quadrature(spacing=0.5),
                causal=causal, separable=separable,
            ).double()  # fmt: skip
            if not (isinstance(conv.kernel, FactorizedKernel) or domain.renders):
                continue
            x, found = places(domain.num_samples, 2), []
            for algorithm in (Algorithm.FAST, Algorithm.MESSAGES):
                with kernel_penalty() as penalty:
                    y = conv(x, domain, algorithm=algorithm)
                loss = y.square().sum() + penalty.total()
                found.append([y, penalty.total(), *torch.autograd.grad(loss, list(conv.parameters()))])
            for one, other in zip(*found, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)


@check
def sizes(name: str) -> None:
    """More units are more parameters; the frequency asked for shows in the bound."""
    counts = [sum(p.numel() for p in small(name, size=size).parameters()) for size in (2, 3, 8)]
    assert counts == sorted(set(counts))


@check
def bad_arguments(name: str) -> None:
    entry = class_of(name)
    wrong: dict[str, Any] = {"dim": 0, "out_channels": 0, "fan": 0.0}
    for option, default in factory_options(entry).items():
        if isinstance(default, int) and not isinstance(default, bool):
            wrong[option] = 0
        elif isinstance(default, float):
            wrong[option] = math.nan
        elif isinstance(default, enum.Enum):
            wrong[option] = "no such choice"
    for argument, value in wrong.items():
        with pytest.raises(ValueError, match=f"'{argument}'"):
            entry(**{"dim": 2, "out_channels": 3, argument: value})


@pytest.mark.parametrize("function", CHECKS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("name", list_kernels())
def test_kernel(name: str, function: Check) -> None:
    function(name)


class Cosine(FactorizedKernel):
    """A sum of plane waves that obeys every law; what it must not be is broken in the tests below."""

    def __init__(
        self,
        dim: int,
        out_channels: int,
        *,
        hidden_channels: int = 8,
        omega_0: float = 1.0,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        super().__init__(dim, out_channels, hidden_channels, fan=fan, causal=causal)
        self.omega_0 = omega_0
        self.waves, self.readout = self.parts()
        self.reset_parameters()

    def parts(self) -> tuple[nn.Parameter, nn.Linear]:
        waves = nn.Parameter(torch.empty(self.hidden_channels, self.dim))
        return waves, empty_linear(self.hidden_channels, self.out_channels)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        self.reset_children()
        uniform_(self.waves, 2 * math.pi * self.omega_0 / self.dim**0.5)
        self.scale_readout()

    def compute_features(self, u: Tensor) -> Tensor:
        return torch.cos(u @ self.waves.t() + 1.0)

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        return (self.waves.norm(dim=1) / (2 * math.pi)).amax().view(1)


class DrawsTwice(Cosine):
    def parts(self) -> tuple[nn.Parameter, nn.Linear]:
        return super().parts()[0], nn.Linear(self.hidden_channels, self.out_channels)


class Unscaled(Cosine):
    def scale_readout(self) -> None:
        pass


class TooSlow(Cosine):
    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        return super().filter_frequencies() * 0.5


class Joint(Cosine):
    def compute_features(self, u: Tensor) -> Tensor:
        return super().compute_features(u - u.reshape(-1, self.dim).mean(dim=0))


class Detached(Cosine):
    def compute_features(self, u: Tensor) -> Tensor:
        return torch.cos(u @ self.waves.detach().t() + 1.0)


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (DrawsTwice, reset_is_construction),
        (Unscaled, mean_square),
        (TooSlow, frequency_bound),
        (Joint, shapes_and_positions),
        (Detached, gradients),
    ],
)
def test_the_suite_catches(broken: type[Cosine], law: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel registered here passes; broken in one place, the law that it breaks says so."""
    monkeypatch.setattr(registry, "_KERNELS", dict(registry._KERNELS))
    register_kernel("cosine of a test")(Cosine)
    register_kernel("broken")(broken)
    law("cosine of a test")
    with pytest.raises((AssertionError, RuntimeError)):
        law("broken")


def test_kernels_are_registered_by_their_files_alone() -> None:
    known = {
        kind
        for kind in _all_subclasses(AbstractKernel)
        if kind.__module__.startswith("ccnn_pc.kernels.") and not getattr(kind, "__abstractmethods__", None)
    }
    assert known and known <= set(registry._KERNELS.values())


def _all_subclasses(kind: type) -> set[type]:
    children: list[type] = kind.__subclasses__()
    return {kind, *(found for child in children for found in _all_subclasses(child))}
