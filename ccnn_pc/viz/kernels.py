"""Slices of every layer's windowed kernel, and all pictures of one model."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from ccnn_pc._checks import check_at_least
from ccnn_pc.viz.layers import Axes, Layer, layers
from ccnn_pc.viz.spectra import plot_spectra
from ccnn_pc.viz.style import DIVERGING, FAINT, INK, SERIES, colour_scale, picture
from ccnn_pc.viz.widths import plot_windows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PIXELS = 121


def plot_kernels(
    model: nn.Module,
    out_folder: str | os.PathLike[str],
    *,
    spacing: float | None = None,
    channels: int = 6,
    furthest: float | None = None,
) -> list[Path]:
    """Draw every ``ContinuousConv`` layer of a model: kernels, window widths, spectra.

    Files: ``kernel_<number>_<layer>.png`` for each layer (see :func:`plot_kernel`), ``windows.png``,
    ``spectra.png``.

    Args:
        model: any module that holds such layers.
        out_folder: made if missing; pictures of the same name are replaced.
        spacing: distance of neighbouring samples in the data, in position units, for the Nyquist line.
            Default: the layer's own on grids and series; none on clouds, whose layers do not know it.
        channels: how many kernel channels to draw per layer: those with the most energy.
        furthest: distance of the furthest of the k neighbours that the layers see, in position units: where k cuts the
            windows.

    Returns:
        The pictures' paths.

    Raises:
        ValueError: no such layer in the model, ``channels`` below 1 or ``spacing`` not positive.
        OSError: the folder cannot be written.
    """
    check_at_least("channels", channels, 1)
    folder, found = Path(out_folder), layers(model)
    digits = len(str(len(found)))
    paths = []
    for number, layer in enumerate(found, start=1):
        name = layer.name.replace(".", "_")
        paths.append(
            plot_kernel(
                layer, folder / f"kernel_{number:0{digits}d}_{name}.png", channels=channels, furthest=furthest
            )
        )
    paths.append(plot_windows(found, folder / "windows.png", furthest=furthest))
    paths.append(plot_spectra(found, folder / "spectra.png", spacing=spacing))
    return paths


def plot_kernel(
    layer: Layer, out: str | os.PathLike[str], *, channels: int = 6, furthest: float | None = None
) -> Path:
    """Draw slices through the query of one layer's kernel times window, ``m(u) K(u)``, against the offset.

    One axis: curves. Two: one image per channel, of images rows downwards and columns to the right as they are seen.
    Three: the planes through the query, one row each. The axes show the part of the support where the window is above
    0.01, all panels to one scale; the dashed line is where the window is one half, the dotted one where the furthest of
    k neighbours lies.

    Returns:
        The picture's path.
    """
    draw = _curves if layer.dim == 1 else _images
    draw(layer, out, channels, furthest)
    return Path(out)


def _title(figure: Figure, layer: Layer, note: str = "") -> None:
    extent = " × ".join(f"{e:.3g}" for e in sorted(set(layer.extent.tolist())))
    sizes = f"{layer.conv.in_channels} to {layer.conv.out_channels} channels"
    text = f"{layer.name}: {sizes}, {type(layer.conv.kernel).__name__}, extent {extent} (position units)"
    figure.suptitle(textwrap.fill(text + note, int(13 * figure.get_figwidth())), fontsize=9)


def _curves(layer: Layer, out: str | os.PathLike[str], channels: int, furthest: float | None) -> None:
    lower, upper = layer.box()
    u = layer.line(0, 801, float(lower[0]), float(upper[0]))
    rel, values, window = layer.offsets(u)[:, 0].numpy(), layer.values(u).numpy(), layer.window(u).numpy()
    with picture(out, 6.4, 3.2) as figure:
        axes = figure.subplots()
        peak = 0.0
        for i, channel in enumerate(layer.loudest(channels)):
            axes.plot(
                rel, values[:, channel], color=SERIES[i % len(SERIES)], label=layer.channel_name(channel)
            )
            peak = max(peak, float(abs(values[:, channel]).max()))
        axes.fill_between(
            rel, -peak * window, peak * window, color=FAINT, alpha=0.15, linewidth=0, label="± window"
        )
        axes.axvline(0.0, color=FAINT, linewidth=0.8)
        for side in () if furthest is None else (-furthest, furthest):
            axes.axvline(
                side, color=INK, linewidth=0.9, linestyle="dotted", label="k neighbours" if side > 0 else None
            )
        axes.set(
            xlabel="time of the sample minus that of the query (position units)",
            ylabel="window × kernel",
            xlim=(rel[0], rel[-1]),
        )
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        _title(figure, layer)


def _images(layer: Layer, out: str | os.PathLike[str], channels: int, furthest: float | None) -> None:
    planes, downwards = layer.planes(), layer.axes is Axes.ROWS
    chosen = layer.loudest(channels)
    slices = []
    for across, down in planes:
        u = layer.plane(across, down, _PIXELS)
        slices.append((layer.offsets(u), layer.values(u)[..., chosen], layer.window(u)))
    peak = max(float(values.abs().max()) for _, values, _ in slices) or 1.0
    reach = max(float(rel.abs().max()) for rel, _, _ in slices)  # one scale for all panels
    with picture(out, 1.55 * len(chosen) + 1.1, 1.6 * len(planes) + 0.7) as figure:
        grid = figure.subplots(len(planes), len(chosen), squeeze=False)
        image: Any = None
        for row, ((across, down), (rel, values, window)) in enumerate(zip(planes, slices, strict=True)):
            x, y = rel[0, :, across], rel[:, 0, down]
            for column, channel in enumerate(chosen):
                axes = grid[row, column]
                frame = (float(x[0]), float(x[-1]), float(y[0]), float(y[-1]))
                image = axes.imshow(
                    values[..., column].numpy(),
                    cmap=DIVERGING,
                    vmin=-peak,
                    vmax=peak,
                    origin="lower",
                    extent=frame,
                    aspect="equal",
                )
                if bool((window < 0.5).any()) and bool((window > 0.5).any()):
                    axes.contour(
                        x, y, window, levels=[0.5], colors=INK, linewidths=0.7, linestyles="dashed", alpha=0.6
                    )
                axes.plot(0, 0, marker="+", color=INK, markersize=5, markeredgewidth=0.8)
                if furthest is not None:
                    turn = np.linspace(0, 2 * np.pi, 181)
                    axes.plot(
                        furthest * np.cos(turn),
                        furthest * np.sin(turn),
                        color=INK,
                        linewidth=0.9,
                        linestyle="dotted",
                    )
                axes.grid(False)
                axes.set(xlim=(-reach, reach), ylim=(reach, -reach) if downwards else (-reach, reach))
                if row == 0:
                    axes.set_title(layer.channel_name(channel), fontsize=8)
                if column > 0:  # one scale per row: ticks at its first picture (text is what takes time)
                    axes.xaxis.set_visible(False)
                    axes.yaxis.set_visible(False)
                    continue
                axes.locator_params(nbins=3)
                axes.tick_params(length=2, labelsize=7)
                axes.set_xlabel(f"{layer.axis_name(across)} offset", fontsize=8)
                axes.set_ylabel(f"{layer.axis_name(down)} offset", fontsize=8)
        colour_scale(figure, image, grid, "window × kernel")
        _title(figure, layer, "" if furthest is None else "; dotted: where k neighbours end")
