"""What every registered window obeys: a new one is tested by being registered."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import PointSet
from ccnn_pc.kernels import (
    AbstractWindow,
    GaussianWindow,
    describe_factory,
    factory_from_json,
    factory_options,
    list_windows,
    register_window,
    registry,
    window_factory,
)
from ccnn_pc.nn import Algorithm, ContinuousConv
from ccnn_pc.ops.coordinates import kernel_coordinates

Check = Callable[[str], None]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def variants(name: str) -> list[dict[str, Any]]:
    """No options, then every switch that the class has."""
    options = factory_options(window_factory(name)).items()
    return [{}, *({option: not default} for option, default in options if isinstance(default, bool))]


def places(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1


@check
def values(name: str) -> None:
    """Between 0 and 1, and 1 at the query (causal: at the current sample); one row per position."""
    for dim, causal in ((1, False), (1, True), (2, False), (3, False)):
        window = window_factory(name)(dim=dim, causal=causal).double()
        found = window(places(40, 5, dim))
        assert found.shape == (40, 5, 1) and bool(((found >= 0) & (found <= 1)).all())
        middle = torch.full((1, dim), 1.0 if causal else 0.0, dtype=torch.float64)
        assert float(window(middle)) == pytest.approx(1.0)
        assert window(torch.empty(0, dim)).shape == (0, 1)


@check
def support_and_reach(name: str) -> None:
    """Outside of the box, and beyond the reach, the window is below the threshold, also with other parameters."""
    for dim, causal in ((1, False), (1, True), (2, False), (3, False)):
        for options in variants(name):
            window = window_factory(name, **options)(dim=dim, causal=causal).double()
            with torch.no_grad():
                for parameter in window.parameters():
                    parameter.mul_(0.3)
            extent = torch.tensor([3.0, 0.5, 1.0][:dim], dtype=torch.float64)
            rel = places(20_000, dim) * 1.5 * extent
            u = kernel_coordinates(rel, extent, causal)
            found, inside = window(u)[:, 0], u.abs().amax(dim=1) <= 1
            for threshold in (0.1, 1e-4):
                lower, upper = window.support(threshold)
                assert bool(((lower >= -1) & (upper <= 1) & (lower <= upper)).all())
                outside = ((u < lower) | (u > upper)).any(dim=1) & inside
                assert not bool((found[outside] > threshold).any())
                beyond = rel.norm(dim=1) > window.reach(extent, threshold)
                assert not bool((found[beyond] > threshold).any())
            lower, upper = window.support(0.0)
            assert not bool(found[((u < lower) | (u > upper)).any(dim=1) & inside].any())
            for wrong in (-0.1, 1.0, math.nan):
                for call in (window.support, lambda theta, w=window, e=extent: w.reach(e, theta)):
                    with pytest.raises(ValueError, match="'threshold' must be in"):
                        call(wrong)


@check
def gradients(name: str) -> None:
    for options in variants(name):
        window = window_factory(name, **options)(dim=2).double()
        u = (places(5, 2) * 0.4).requires_grad_()
        names = [key for key, _ in window.named_parameters()]

        def called(u: Tensor, *parameters: Tensor, window: Any = window, names: Any = names) -> Tensor:
            return torch.func.functional_call(window, dict(zip(names, parameters, strict=True)), (u,))

        if names:
            assert torch.autograd.gradcheck(called, (u, *window.parameters()))


@check
def reset_is_construction(name: str) -> None:
    for options in variants(name):
        window = window_factory(name, **options)(dim=2)
        before = copy.deepcopy(window.state_dict())
        with torch.no_grad():
            for parameter in window.parameters():
                parameter.fill_(0.123)
        window.reset_parameters()
        for key, value in window.state_dict().items():
            assert torch.equal(value, before[key]), key
        for buffer in window.buffers():
            buffer.fill_(2.0)
        window.reset_parameters()
        assert all(bool((buffer == 2.0).all()) for buffer in window.buffers())


@check
def descriptions_and_copies(name: str) -> None:
    u = places(9, 2).float()
    for options in variants(name):
        described = describe_factory(window_factory(name, **options))
        assert described == {"name": name, **options}
        window = factory_from_json(json.loads(json.dumps(described)))(dim=2, causal=False)
        twin = window_factory(name, **options)(dim=2)
        twin.load_state_dict(window.state_dict())
        for other in (copy.deepcopy(window), twin):
            assert torch.equal(other(u), window(u))
    for dtype in (torch.bfloat16, torch.float16):
        assert bool(torch.isfinite(window.to(dtype)(u)).all())


@check
def frequency_bound(name: str) -> None:
    """A hundredth of the energy of a finely sampled window lies beyond what it adds to a kernel's frequency."""
    n = 8192
    u = (torch.arange(n, dtype=torch.float64)[:, None] + 0.5) / n * 2 - 1
    window = window_factory(name)(dim=1).double()
    with torch.no_grad():
        for parameter in window.parameters():
            parameter.mul_(0.2)
        tapered = window(u)[:, 0] * torch.blackman_window(n, periodic=False, dtype=torch.float64)
    energy = torch.fft.rfft(tapered).abs().square()
    beyond = torch.fft.rfftfreq(n, d=2.0 / n) > window.max_frequency().item() + 3.0
    assert energy[beyond].sum() < 0.01 * energy.sum()


@check
def fast_equals_messages(name: str) -> None:
    """With pruning too, to the error that the threshold promises."""
    points = PointSet(places(30, 3)).knn(12)
    conv = ContinuousConv(2, 3, dim=3, window=window_factory(name)).double()
    x = places(30, 2)
    torch.testing.assert_close(
        conv(x, points, algorithm=Algorithm.FAST), conv(x, points, algorithm=Algorithm.MESSAGES)
    )
    exact = conv(x, points)
    conv.threshold = 1e-3
    assert float((conv(x, points) - exact).abs().max()) <= 12 * 1e-3 * float(exact.detach().abs().max()) * 10


@check
def bad_arguments(name: str) -> None:
    entry = window_factory(name).func
    with pytest.raises(ValueError, match="'dim' must be at least 1"):
        entry(dim=0)
    for option, default in factory_options(entry).items():
        if isinstance(default, float):
            with pytest.raises(ValueError, match=f"'{option}' must be"):
                entry(dim=2, **{option: math.nan})


@pytest.mark.parametrize("function", CHECKS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("name", list_windows())
def test_window(name: str, function: Check) -> None:
    function(name)


class TooNear(GaussianWindow):
    def reach(self, extent: Tensor, threshold: float) -> Tensor:
        return super().reach(extent, threshold) * 0.7


class TooSmall(GaussianWindow):
    def support(self, threshold: float) -> tuple[Tensor, Tensor]:
        lower, upper = super().support(threshold)
        return lower * 0.7, upper * 0.7


class Forgets(GaussianWindow):
    def reset_parameters(self) -> None:
        torch.nn.init.uniform_(self.width)


@pytest.mark.parametrize(
    ("broken", "law"),
    [(TooNear, support_and_reach), (TooSmall, support_and_reach), (Forgets, reset_is_construction)],
)
def test_the_suite_catches(broken: type[AbstractWindow], law: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_WINDOWS", dict(registry._WINDOWS))
    register_window("broken")(broken)
    with pytest.raises(AssertionError):
        law("broken")
