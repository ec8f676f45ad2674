"""Frequencies: what data can carry, what a layer of a kernel network adds, FlexConv's penalty for what goes beyond."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_batch, check_positions, check_positive
from ccnn_pc._choices import choice
from ccnn_pc.kernels.base import AbstractKernel
from ccnn_pc.kernels.windows import AbstractWindow

Lengths = float | Sequence[float] | Tensor


class AliasingRule(enum.Enum):
    """How the frequencies of the multiplied filters are held against the Nyquist frequency (FlexConv).

    ``TOGETHER``: each of the F filters may use one F-th of it. ``SUMMED``: only their sum counts.
    """

    TOGETHER = "together"
    SUMMED = "summed"


def nyquist_frequency(spacing: Lengths, extent: Lengths, causal: bool = False) -> float:
    """Highest frequency of samples, in cycles per unit of u: ``extent / (2·spacing)``, the least over axes.

    Half of that when causal, where u runs twice as fast. K taps per axis give (K - 1)/4 both ways.

    Args:
        spacing: distance of samples in position units, one number or one per axis.
        extent: reach of the kernel in position units, one number or one per axis.
        causal: whether u runs from -1 (oldest) to 1 (current).

    Raises:
        ValueError: a length that is not positive and finite.

    Example:
        >>> nyquist_frequency(1.0, 16.0), nyquist_frequency(1.0, 32.0, causal=True)   # 33 taps
        (8.0, 8.0)
    """
    ratio = _lengths("extent", extent) / (2.0 * _lengths("spacing", spacing))
    return float(ratio.min()) * (0.5 if causal else 1.0)


def median_spacing(pos: Tensor, batch: Tensor | None = None) -> float:
    """Median distance to the nearest other point, in position units: the spacing of a point cloud.

    Points that coincide with another one are left out.

    Args:
        pos: positions ``[n, D]``.
        batch: cloud of each point ``[n]``; default one cloud.

    Raises:
        ValueError: no two distinct points in any cloud.

    Example:
        >>> median_spacing(torch.arange(8.0)[:, None] / 4)
        0.25
    """
    from scipy.spatial import cKDTree

    check_positions("pos", pos)
    clouds = check_batch("batch", batch, pos)
    found = []
    for cloud in torch.unique_consecutive(clouds):
        points = torch.unique(pos[clouds == cloud].detach().cpu().double(), dim=0)
        if len(points) > 1:
            distances, _ = cKDTree(points.numpy()).query(points.numpy(), k=2)
            found.append(torch.from_numpy(distances[:, 1].copy()))
    if not found:
        raise ValueError("'pos' must hold two distinct points in at least one cloud to have a spacing")
    return float(torch.cat(found).median())


def aliasing_penalty(
    kernel: AbstractKernel,
    window: AbstractWindow | None,
    nyquist: float,
    *,
    rule: AliasingRule = AliasingRule.TOGETHER,
    gauss_stddevs: float = 2.0,
) -> Tensor:
    """FlexConv's anti-aliasing penalty, for any kernel and D: squared excess of frequencies over Nyquist.

    ``Σ_l max(0, f_l + f_window/F - f_Nyq/F)²`` (``TOGETHER``) or ``max(0, Σ_l f_l + f_window - f_Nyq)²``
    (``SUMMED``), where f_l bounds filter l of F. Each f_l is the largest over units of a unit's own
    frequency; the released code adds the largest sine to the largest Gaussian of different units.

    Args:
        kernel: any kernel.
        window: its window, or None.
        nyquist: cycles per unit of u, see :func:`nyquist_frequency`.
        rule: how filters share the Nyquist frequency.
        gauss_stddevs: standard deviations c at which Gaussian spectra are cut.

    Returns:
        A differentiable number, 0 where nothing aliases.

    Raises:
        ValueError: ``nyquist`` or ``gauss_stddevs`` not positive.

    Example:
        >>> from ccnn_pc.kernels import MAGNet
        >>> aliasing_penalty(MAGNet(2, 3), None, nyquist=1e4).item()
        0.0
    """
    check_positive("nyquist", nyquist)
    check_positive("gauss_stddevs", gauss_stddevs)
    rule = choice("rule", rule, AliasingRule)
    frequencies = kernel.filter_frequencies(gauss_stddevs)
    excess = -nyquist if window is None else window.max_frequency(gauss_stddevs) - nyquist
    if rule is AliasingRule.SUMMED:
        return (frequencies.sum() + excess).clamp_min(0.0).square()
    return (frequencies + excess / frequencies.numel()).clamp_min(0.0).square().sum()


def linear_frequency(weight: Tensor) -> Tensor:
    """Frequencies ``‖W_h‖ / 2π`` ``[H]``, in cycles per unit of u, of sines of ``W_h·u``, W ``[H, D]``."""
    return torch.linalg.vector_norm(weight, dim=1) / (2.0 * torch.pi)


def modulated_frequency(weight: Tensor, frequency: Tensor, slope: float = 1.0) -> Tensor:
    """Frequencies of ``φ(W h)`` where feature h_i has frequency f_i: ``slope·Σ_i |W_ki| f_i + max_i f_i``.

    Carson's rule for frequency modulation: the largest deviation (an amplitude |W_ki| in radians swings the
    phase at rate f_i) plus the modulating frequency. It bounds where the energy lies, not the last
    harmonic. For non-linearities other than a sine the same number is an equivalent frequency: that of a
    unit sinusoid of equal largest slope.

    Args:
        weight: ``[out, in]``; radians per unit of feature.
        frequency: ``[in]``, cycles per unit of u.
        slope: largest slope of φ.
    """
    return slope * (weight.abs() @ frequency) + frequency.max()


@torch.no_grad()
def largest_slope(activation: nn.Module, reach: float = 20.0, points: int = 8001) -> float:
    """Largest slope of an element-wise activation on [-reach, reach], by differences.

    Example:
        >>> round(largest_slope(nn.ReLU()), 3), round(largest_slope(nn.LeakyReLU(-2.0)), 3)
        (1.0, 2.0)
    """
    x = torch.linspace(-reach, reach, points, dtype=torch.float64)
    y = activation.double()(x) if any(True for _ in activation.parameters()) else activation(x)
    return float(((y[1:] - y[:-1]) / (x[1:] - x[:-1])).abs().max())


def _lengths(name: str, value: Lengths) -> Tensor:
    tensor = torch.as_tensor(value, dtype=torch.float64).detach().cpu()
    if not bool((torch.isfinite(tensor) & (tensor > 0)).all()):
        raise ValueError(f"'{name}' must be positive and finite (got {tensor.tolist()})")
    return tensor
