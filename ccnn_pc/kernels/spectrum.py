"""Frequencies: what data of a given spacing can carry, and FlexConv's penalty for kernels that go beyond."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_batch, check_positions, check_positive
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


def nyquist_omega_0(
    spacing: Lengths,
    extent: Lengths,
    *,
    dim: int,
    hidden_channels: int = 32,
    num_layers: int = 3,
    alpha: float = 6.0,
    beta: float = 1.0,
    causal: bool = False,
    worst_case: bool = False,
) -> float:
    """The ``omega_0`` with which a new MAGNet stays below the Nyquist frequency of the data.

    Unit h of filter l reaches up to γ_l (ω₀ + 1/2π) cycles per unit of u (its sine, and one standard
    deviation of its Gaussian), and the filters' frequencies add: ``ω₀ = f_Nyq / Σ_l γ_l - 1/2π``. γ_l is
    the mean α/((l+1)β) of its Gamma distribution, or (``worst_case``) the largest of H·D draws, taken as
    the quantile 1 - 1/(H·D + 1). Where the Gaussians alone use up more than nine tenths of the Nyquist
    frequency, a tenth of it is left to the sines.

    Args:
        spacing: distance of samples in position units; :func:`median_spacing` for clouds.
        extent: reach of the kernel in position units.
        dim: number of coordinates D.
        hidden_channels: features H.
        num_layers: mixing layers L (L+1 filters).
        alpha: shape of the Gamma distribution.
        beta: rate of the Gamma distribution.
        causal: whether u runs from -1 (oldest) to 1 (current).
        worst_case: bound the fastest unit instead of the mean one.

    Raises:
        ValueError: a length that is not positive and finite, or a count below 1.

    Example:
        >>> round(nyquist_omega_0(1.0, 16.0, dim=2), 4)   # 33 x 33 taps: 8 / 12.5 - 1 / 2π
        0.4808
    """
    check_at_least("dim", dim, 1)
    check_at_least("hidden_channels", hidden_channels, 1)
    check_at_least("num_layers", num_layers, 1)
    nyquist = nyquist_frequency(spacing, extent, causal)
    shapes = [check_positive("alpha", alpha) / (level + 1) for level in range(num_layers + 1)]
    if worst_case:
        from scipy.special import gammaincinv

        quantile = 1.0 - 1.0 / (hidden_channels * dim + 1)
        shapes = [float(gammaincinv(shape, quantile)) for shape in shapes]
    share = nyquist * check_positive("beta", beta) / sum(shapes)
    return max(share - 1.0 / (2.0 * math.pi), 0.1 * share)


def _lengths(name: str, value: Lengths) -> Tensor:
    tensor = torch.as_tensor(value, dtype=torch.float64).detach().cpu()
    if not bool((torch.isfinite(tensor) & (tensor > 0)).all()):
        raise ValueError(f"'{name}' must be positive and finite (got {tensor.tolist()})")
    return tensor
