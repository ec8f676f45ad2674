"""How far a non-linearity widens the spectrum of what goes into it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
