"""Frequency bounds against Fourier transforms of finely sampled kernels; Nyquist; anti-aliasing penalty."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from ccnn_pc.kernels import (
    AliasingRule,
    FourierNet,
    GaussianWindow,
    MAGNet,
    SelfMovingPoints,
    aliasing_penalty,
    median_spacing,
    nyquist_frequency,
    nyquist_omega_0,
)

TAPER = 3.0  # a Blackman taper over 2 units widens any line by 1.5 cycles per unit; rounded up


def _spectrum(kernel: nn.Module) -> tuple[Tensor, Tensor]:
    """Frequencies (cycles per unit of u) and energy, summed over channels, of a tapered 1-D kernel."""
    n = 16384
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n * 2 - 1
    with torch.no_grad():
        values = (
            kernel.double()(u[:, None])
            * torch.blackman_window(n, periodic=False, dtype=torch.float64)[:, None]
        )
    energy = torch.fft.rfft(values, dim=0).abs().square().sum(dim=1)
    return torch.fft.rfftfreq(n, d=2.0 / n, dtype=torch.float64), energy


@pytest.mark.parametrize("radius", [0.05, 0.2, 0.7])
def test_energy_of_tents_lies_below_the_first_zero(radius: float) -> None:
    kernel = SelfMovingPoints(1, 4, hidden_channels=8, radius=radius)
    frequency, energy = _spectrum(kernel)
    assert kernel.max_frequency().item() == pytest.approx(1.0 / radius)
    assert energy[frequency > 1.0 / radius + TAPER].sum() < 0.02 * energy.sum()


def test_bound_of_sines_is_tight() -> None:
    """sin(2π·8u)·sin(2π·5u) has lines at 3 and 13 cycles per unit."""
    kernel = FourierNet(1, 1, hidden_channels=1, num_layers=1)
    with torch.no_grad():
        kernel.weight.copy_(2 * math.pi * torch.tensor([[8.0], [-5.0]]))
        kernel.bias.zero_()
        kernel.mixing[0].bias.zero_()  # type: ignore[union-attr, operator]
    assert kernel.max_frequency().item() == pytest.approx(13.0, rel=1e-6)
    frequency, energy = _spectrum(kernel)
    above = energy[frequency > 8.0]
    assert frequency[frequency > 8.0][above.argmax()].item() == pytest.approx(13.0, abs=0.3)
    assert above.sum() == pytest.approx(energy[frequency <= 8.0].sum().item(), rel=1e-3)


def test_gabor_bound_is_its_formula() -> None:
    kernel = MAGNet(2, 1, hidden_channels=2, num_layers=1)
    with torch.no_grad():
        kernel.weight.copy_(torch.tensor([[3.0, 4.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]))
        kernel.gamma.copy_(torch.tensor([[1.0, -2.0], [7.0, 0.0], [1.0, 1.0], [0.0, 5.0]]))
    # per unit |W| + 2 max|γ|: (5 + 4, 1 + 14), (1 + 2, 0 + 10)
    assert (kernel.filter_frequencies() * 2 * math.pi).tolist() == pytest.approx([15.0, 10.0])
    assert (kernel.filter_frequencies(1.0) * 2 * math.pi).tolist() == pytest.approx([8.0, 5.0])
    assert kernel.max_frequency().item() == pytest.approx(25.0 / (2 * math.pi))


def test_window_frequency() -> None:
    window = GaussianWindow(2, width=(0.1, 0.4), min_width=0.0)
    assert window.max_frequency().item() == pytest.approx(2.0 / (2 * math.pi * 0.1))
    frequency, energy = _spectrum(GaussianWindow(1, width=0.1))
    assert (
        energy[frequency > GaussianWindow(1, width=0.1).max_frequency(3.0).item()].sum() < 1e-4 * energy.sum()
    )


@pytest.mark.parametrize("taps", [5, 33, 784])
@pytest.mark.parametrize("spacing", [1.0, 0.1])
def test_nyquist_of_taps(taps: int, spacing: float) -> None:
    assert nyquist_frequency(spacing, (taps - 1) / 2 * spacing) == pytest.approx((taps - 1) / 4)
    assert nyquist_frequency(spacing, (taps - 1) * spacing, causal=True) == pytest.approx((taps - 1) / 4)


def test_nyquist_of_axes() -> None:
    assert nyquist_frequency((1.0, 0.5), (4.0, 4.0)) == pytest.approx(2.0)
    for name, lengths in (("spacing", (0.0, 1.0)), ("extent", (1.0, math.inf))):
        with pytest.raises(ValueError, match=f"'{name}' must be positive and finite"):
            nyquist_frequency(*lengths)


def test_median_spacing() -> None:
    axis = torch.arange(5.0)
    grid = torch.cartesian_prod(axis, axis) * 0.25
    two = torch.cat(
        [grid, grid + 0.01, torch.zeros(1, 2)]
    )  # clouds interleaved in space; a last one of one point
    batch = torch.tensor([0] * 25 + [1] * 25 + [2])
    assert median_spacing(two, batch) == pytest.approx(0.25, rel=1e-6)
    assert median_spacing(torch.cat([grid, grid])) == pytest.approx(
        0.25, rel=1e-6
    )  # duplicates are no spacing
    with pytest.raises(ValueError, match="'pos' must hold two distinct points"):
        median_spacing(torch.ones(4, 2))


def test_penalty_rules() -> None:
    kernel = MAGNet(2, 3)
    window = GaussianWindow(2, width=0.3)
    frequencies, extra = kernel.filter_frequencies(), window.max_frequency()
    nyquist = frequencies.sum().item() * 0.5
    together = sum(max(0.0, (f + extra / 4 - nyquist / 4).item()) ** 2 for f in frequencies)
    assert aliasing_penalty(kernel, window, nyquist).item() == pytest.approx(together, rel=1e-5)
    summed = (frequencies.sum() + extra - nyquist).item() ** 2
    penalty = aliasing_penalty(kernel, window, nyquist, rule=AliasingRule.SUMMED)
    assert penalty.item() == pytest.approx(summed, rel=1e-5)
    assert aliasing_penalty(kernel, None, nyquist, rule=AliasingRule.SUMMED) < penalty
    assert aliasing_penalty(kernel, window, 1e4).item() == 0.0
    with pytest.raises(ValueError, match="'nyquist' must"):
        aliasing_penalty(kernel, None, 0.0)


def test_penalty_brings_a_kernel_below_nyquist() -> None:
    kernel = MAGNet(3, 2, hidden_channels=2, num_layers=1)
    nyquist = 0.5 * kernel.max_frequency().item()
    optimizer = torch.optim.SGD(kernel.parameters(), lr=5.0)
    for _ in range(200):
        optimizer.zero_grad()
        aliasing_penalty(kernel, None, nyquist).backward()
        optimizer.step()
    assert kernel.max_frequency().item() <= 1.01 * nyquist


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("taps", [33, 129])
def test_default_frequency_stays_below_nyquist(dim: int, taps: int) -> None:
    """The worst case bounds each filter's fastest unit up to chance; the mean case bounds the mean unit."""
    extent = (taps - 1) / 2
    nyquist = nyquist_frequency(1.0, extent)
    omega_0 = nyquist_omega_0(1.0, extent, dim=dim, worst_case=True)
    if omega_0 > 0.1 * nyquist:
        kernel = MAGNet(dim, 1, omega_0=omega_0)
        assert kernel.max_frequency(1.0).item() < 1.3 * nyquist
    kernel = MAGNet(dim, 1, omega_0=nyquist_omega_0(1.0, extent, dim=dim))
    per_unit = (kernel.weight.norm(dim=1) + kernel.gamma.mean(dim=1)) / (2 * math.pi)
    assert per_unit.view(4, -1).mean(dim=1).sum().item() < nyquist


def test_default_frequency_on_coarse_data_stays_positive() -> None:
    coarse = nyquist_omega_0(1.0, 1.0, dim=3)
    assert coarse == pytest.approx(0.1 * 0.5 / 12.5)
    assert nyquist_omega_0(0.01, 1.0, dim=3) == pytest.approx(50 / 12.5 - 1 / (2 * math.pi))
    assert nyquist_omega_0(0.01, 1.0, dim=3, worst_case=True) < nyquist_omega_0(0.01, 1.0, dim=3)
