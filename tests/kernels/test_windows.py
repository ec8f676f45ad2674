"""Windows: values, support, reach, gradients, arguments."""

from __future__ import annotations

import math

import pytest
import torch

from ccnn_pc.kernels import GaussianWindow, NoWindow


@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_values(dim: int) -> None:
    widths = [0.2 + 0.1 * d for d in range(dim)]
    means = [0.1 * d for d in range(dim)]
    window = GaussianWindow(dim, width=widths, mean=means, isotropic=False, min_width=0.05).double()
    u = torch.rand(6, 5, dim, dtype=torch.float64) * 2 - 1
    expected = torch.ones(6, 5, dtype=torch.float64)
    for d in range(dim):
        sigma = window.width[d].item()
        expected *= torch.exp(-0.5 * (u[..., d] - window.mean[d]) ** 2 / (sigma**2 + 0.05**2))
    assert window(u).shape == (6, 5, 1)
    assert torch.allclose(window(u)[..., 0], expected, rtol=1e-13, atol=0)
    assert torch.allclose(window.effective_width, (window.width**2 + 0.05**2).sqrt())


def test_defaults() -> None:
    assert GaussianWindow(3).width.shape == (1,)
    assert GaussianWindow(2).width.shape == (2,)
    assert GaussianWindow(3, isotropic=False).width.shape == (3,)
    assert GaussianWindow(2).mean.tolist() == [0.0, 0.0]
    assert GaussianWindow(1, causal=True).mean.tolist() == [1.0]
    assert [name for name, _ in GaussianWindow(2).named_parameters()] == ["width"]
    assert [name for name, _ in GaussianWindow(2, learn_mean=True).named_parameters()] == ["width", "mean"]
    assert "mean" in GaussianWindow(2).state_dict()


def test_even_in_the_width() -> None:
    window = GaussianWindow(2, width=0.3)
    u = torch.rand(9, 2)
    before = window(u)
    with torch.no_grad():
        window.width.neg_()
    assert torch.equal(window(u), before)
    assert window.reach(torch.ones(2), 1e-3) > 0


@pytest.mark.parametrize("dim", [1, 3])
def test_gradient_is_finite_at_width_zero(dim: int, dtype: torch.dtype) -> None:
    window = GaussianWindow(dim, width=0.0, learn_mean=True).to(dtype)
    u = torch.linspace(-1.0, 1.0, 41, dtype=dtype)[:, None].expand(-1, dim)
    window(u).sum().backward()
    for parameter in window.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


def test_gradient() -> None:
    window = GaussianWindow(2, width=(0.3, 0.5), learn_mean=True).double()
    u = (torch.rand(7, 2, dtype=torch.float64) * 2 - 1).requires_grad_()

    def values(u: torch.Tensor, width: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(window, {"width": width, "mean": mean}, (u,))

    assert torch.autograd.gradcheck(values, (u, window.width, window.mean))


@pytest.mark.parametrize("threshold", [0.1, 1e-3])
def test_support(threshold: float) -> None:
    window = GaussianWindow(2, width=(0.05, 0.2), mean=(0.3, -0.1)).double()
    lower, upper = window.support(threshold)
    corners = torch.stack([torch.stack([edge[0], window.mean[1]]) for edge in (lower, upper)])
    assert torch.allclose(window(corners), torch.tensor(threshold, dtype=torch.float64), rtol=1e-9)
    lower, upper = GaussianWindow(2, width=2.0, mean=(0.3, -0.1)).support(threshold)
    assert (lower.tolist(), upper.tolist()) == ([-1.0, -1.0], [1.0, 1.0])
    whole = window.support(0.0)
    assert whole[0].tolist() == [-1.0, -1.0]
    assert whole[1].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("causal", [False, True])
def test_nothing_lies_beyond_the_reach(causal: bool) -> None:
    extent = torch.tensor([3.0] if causal else [3.0, 0.5], dtype=torch.float64)
    window = GaussianWindow(
        len(extent), width=0.1 if causal else (0.05, 0.2), causal=causal, learn_mean=True
    ).double()
    with torch.no_grad():
        window.mean.sub_(0.07)
    reach = window.reach(extent, 1e-4)
    rel = (torch.rand(200_000, len(extent), dtype=torch.float64) * 2 - 1) * 2.0 * extent
    u = 1 + 2 * rel / extent if causal else rel / extent
    beyond = rel.norm(dim=1) > reach
    assert beyond.any()
    assert window(u)[beyond].max() < 1e-4
    assert window.reach(extent, 0.0).item() == math.inf


def test_reach_is_tight_for_round_centred_windows() -> None:
    reach = GaussianWindow(3, width=0.2, min_width=0.0).reach(torch.full((3,), 2.0), 1e-7)
    assert reach.item() == pytest.approx(0.4 * math.sqrt(-2.0 * math.log(1e-7)), rel=1e-6)


def test_no_window() -> None:
    window = NoWindow(2, causal=False)
    assert torch.equal(window(torch.rand(4, 5, 2)), torch.ones(4, 5, 1))
    lower, upper = window.support(0.5)
    assert (lower.tolist(), upper.tolist()) == ([-1.0, -1.0], [1.0, 1.0])
    assert window.reach(torch.ones(2), 0.5).item() == math.inf
    assert window.max_frequency().item() == 0.0
    assert not window.state_dict()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "'dim' must be at least 1"),
        ({"dim": 2, "width": -0.1}, "'width' must be at least 0"),
        ({"dim": 2, "width": math.nan}, "'width' must be finite"),
        ({"dim": 2, "width": (0.1, 0.2, 0.3)}, "'width' must be one number or 2"),
        ({"dim": 3, "width": (0.1, 0.2, 0.3)}, "'width' must be one number or 1"),
        ({"dim": 2, "mean": (0.1,)}, "'mean' must be one number or 2"),
        ({"dim": 2, "min_width": -1.0}, "'min_width' must be at least 0"),
    ],
)
def test_bad_arguments(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GaussianWindow(**options)


@pytest.mark.parametrize("threshold", [-0.1, 1.0])
def test_bad_threshold(threshold: float) -> None:
    with pytest.raises(ValueError, match="'threshold' must be in"):
        GaussianWindow(1).support(threshold)
    with pytest.raises(ValueError, match="'threshold' must be in"):
        NoWindow(1).reach(torch.ones(1), threshold)


def test_bad_coordinates() -> None:
    with pytest.raises(ValueError, match="'u' must have 2 coordinates"):
        GaussianWindow(2)(torch.zeros(4, 3))
