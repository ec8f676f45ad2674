"""Spectra of learned kernels, against their analytic bound and the Nyquist frequency of the data."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._checks import check_positive
from ccnn_pc.viz.layers import Layer
from ccnn_pc.viz.style import GREEN, INK, RED, SERIES, picture

_FLOOR = -60.0  # decibels drawn below the peak


def line_spectrum(layer: Layer, axis: int, count: int | None = None) -> tuple[Tensor, Tensor]:
    r"""Energy spectrum of the windowed kernel along one axis through the query, mean over channels.

    .. math:: S(f) = \frac{1}{C} \sum_c \Big| \sum_i h_i \, m(u_i) K_c(u_i) \, e^{-2 \pi i f r_i} \Big|^2

    h is a Hann taper over the support, so that cutting the kernel off at the support's edge does not show
    up as high frequencies. The line is padded to four times its length.

    Args:
        layer: the layer.
        axis: along which the line runs.
        count: samples on the line; default at least 2048, and eight per period of the analytic bound.

    Returns:
        Frequencies ``[F]`` in cycles per position unit from 0, and S ``[F]`` divided by its maximum.
    """
    if count is None:
        bound = frequency_bound(layer, axis) * float(layer.unit[axis])
        count = int(min(max(2048, 16 * bound), 65536)) if math.isfinite(bound) else 8192
    u = layer.line(axis, count)
    taper = torch.hann_window(count, periodic=False, dtype=torch.float64)
    energy = torch.fft.rfft(taper[:, None] * layer.values(u), n=4 * count, dim=0).abs().square().mean(dim=1)
    step = 2.0 / (count - 1) * float(layer.unit[axis])
    return torch.fft.rfftfreq(4 * count, d=step, dtype=torch.float64), energy / energy.max().clamp(min=1e-300)


def frequency_bound(layer: Layer, axis: int) -> float:
    """Analytic bound of kernel plus window (frequencies of factors add), in cycles per position unit."""
    with torch.no_grad():
        per_u = float(layer.conv.kernel.max_frequency()) + float(layer.conv.window.max_frequency())
    return per_u / float(layer.unit[axis])


def nyquist_frequency(layer: Layer, axis: int, spacing: float | None = None) -> float | None:
    """``1 / (2 spacing)``, cycles per position unit; None where nobody knows the spacing."""
    if spacing is not None:
        return 1.0 / (2.0 * check_positive("spacing", spacing))
    own = float(layer.conv.spacing[axis])
    return 1.0 / (2.0 * own) if float(layer.extent[axis]) > own else None


def plot_spectra(
    found: Sequence[Layer], out: str | os.PathLike[str], *, spacing: float | None = None
) -> Path:
    """Draw the spectrum of every layer's kernel along every axis, with analytic bound and Nyquist frequency.

    Energy right of the Nyquist line is noise between the samples: such a kernel does not carry over to
    another sampling.

    Args:
        found: layers, see :func:`ccnn_pc.viz.layers.layers`.
        out: picture to write.
        spacing: distance of neighbouring samples, in position units; default the layer's own on grids
            and series.

    Returns:
        The picture's path.

    Raises:
        ValueError: ``spacing`` not positive.
        OSError: ``out`` cannot be written.
    """
    columns = min(4, len(found))
    rows = math.ceil(len(found) / columns)
    with picture(out, max(2.6 * columns, 4.6) + 0.4, 2.2 * rows + 0.7) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True)  # one scale for all layers
        furthest = 0.0
        for axes, layer in zip(grid.flat, found, strict=False):
            right = 0.0
            for axis in range(layer.dim):
                frequency, energy = line_spectrum(layer, axis)
                decibel = 10 * energy.clamp(min=1e-12).log10()
                axes.plot(
                    frequency.numpy(),
                    decibel.numpy(),
                    color=SERIES[(0, 3, 4)[axis % 3]],
                    linewidth=1.2,
                    label=f"kernel along {layer.axis_name(axis)}",
                )
                seen = frequency[decibel > _FLOOR]  # none where the kernel is 0 along this axis
                right = max(right, float(seen[-1]) if len(seen) else 0.0)
                bound, nyquist = frequency_bound(layer, axis), nyquist_frequency(layer, axis, spacing)
                if math.isfinite(bound):
                    right = max(right, bound)
                    _mark(axes, bound, RED, "--", "analytic bound" if axis == 0 else None)
                if nyquist is not None:
                    right = max(right, min(nyquist, 3 * right))
                    _mark(axes, nyquist, GREEN, ":", "Nyquist" if axis == 0 else None)
            furthest = max(furthest, right)
            axes.set(ylim=(_FLOOR, 3))
            axes.set_title(layer.name, fontsize=8, color=INK)
        grid[0, 0].set_xlim(0, 1.08 * furthest or 1.0)
        for axes in grid.flat[len(found) :]:
            axes.set_axis_off()
        for axes in grid.flat[: len(found)]:
            axes.tick_params(labelbottom=True)
        for axes in grid[:, 0]:
            axes.set_ylabel("energy (dB)")
        figure.supxlabel("frequency (cycles per position unit)", fontsize=9)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        order = sorted(range(len(labels)), key=lambda i: not labels[i].startswith("kernel"))
        handles, labels = [handles[i] for i in order], [labels[i] for i in order]
        figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 5))
    return Path(out)


def _mark(axes: Any, frequency: float, colour: str, style: str, label: str | None) -> None:
    axes.axvline(frequency, color=colour, linestyle=style, linewidth=1.4, label=label)
