"""How sums with weights converge to integrals: a layer on irregular samples that become finer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.nn.conv import ContinuousConv
from ccnn_pc.ops.series.weights import Weights


@dataclass(frozen=True)
class QuadratureStudy:
    """A layer on samplings of one signal that become finer.

    Attributes:
        times: stamps of the coarsest sampling ``[n]``.
        query_times: where outputs are compared ``[m]``.
        exact: the integral there ``[m]``.
        found: output on the coarsest sampling ``[m]``, by kind of weights.
        errors: largest error over the largest value, by kind of weights and number of samples.
    """

    times: Tensor
    query_times: Tensor
    exact: Tensor
    found: dict[Weights, Tensor]
    errors: dict[Weights, dict[int, float]]


def uneven_times(n: int, seed: int = 0) -> Tensor:
    """Stamps in [-1, 1], jittered at random, nearly twice as dense at the ends as in the middle, float64 ``[n]``."""
    jitter = torch.rand(n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    even = (torch.arange(n, dtype=torch.float64) + 0.1 + 0.8 * jitter) / n * 2 - 1
    return even + 0.3 / math.pi * torch.sin(math.pi * even)


@torch.no_grad()
def study_quadrature(
    conv: ContinuousConv,
    weights: Sequence[Weights] = (Weights.CELL, Weights.DENSITY, Weights.CONSTANT),
    sizes: Sequence[int] = (50, 100, 200, 400, 800, 1600),
    seeds: int = 4,
) -> QuadratureStudy:
    r"""Compare a layer of one channel on :func:`uneven_times` with the integral.

    The signal is :math:`\tfrac32 + \sin 5t + \tfrac12 \cos 11t` on [-1, 1]; the integral comes from 20 001 even
    samples. Sums without weights are multiplied by the mean distance of stamps, lest they grow with their number.

    Args:
        conv: a float64 layer with ``in_channels=1``, ``dim=1``.
        weights: kinds to compare.
        sizes: numbers of samples, rising.
        seeds: samplings per size, whose errors are averaged.

    Raises:
        ValueError: another kind of layer, no sizes.
    """
    if conv.in_channels != 1 or conv.dim != 1:
        raise ValueError(f"'conv' must have 1 channel on 1 axis (got {conv!r})")
    if not sizes:
        raise ValueError("'sizes' must hold at least one number of samples (got none)")
    query = torch.linspace(-0.5, 0.5, 101, dtype=torch.float64)
    fine = torch.linspace(-1, 1, 20001, dtype=torch.float64)
    spacing = float(conv.spacing)

    def run(times: Tensor, kind: Weights) -> Tensor:
        series = IrregularSeries(times, query_times=query, weights=kind)
        x = 1.5 + torch.sin(5 * times) + 0.5 * torch.cos(11 * times)
        scale = 2 / len(times) / spacing if kind is Weights.CONSTANT else 1.0
        return conv(scale * x[:, None], series)[:, 0]

    exact = run(fine, Weights.CELL)
    errors: dict[Weights, dict[int, float]] = {}
    for kind in weights:
        errors[kind] = {}
        for n in sizes:
            parts = [float((run(uneven_times(n, s), kind) - exact).abs().max()) for s in range(seeds)]
            errors[kind][n] = sum(parts) / seeds / float(exact.abs().max())
    coarse = uneven_times(sizes[0])
    found = {kind: run(coarse, kind) for kind in weights}
    return QuadratureStudy(coarse, query, exact, found, errors)
