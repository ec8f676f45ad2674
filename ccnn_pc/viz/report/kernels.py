"""What a model's layers look for, and how far: kernels under their windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from markupsafe import Markup
from torch import nn

from ccnn_pc.kernels import GaussianWindow
from ccnn_pc.viz.layers import Axes, Layer, layers
from ccnn_pc.viz.report.charts import Axis, Band, Line, chart
from ccnn_pc.viz.report.clouds import View, turning_cloud
from ccnn_pc.viz.report.colours import scale_colours, signed_range, steps_of
from ccnn_pc.viz.report.page import Card, Section
from ccnn_pc.viz.report.pixels import pictures, signed_pixels
from ccnn_pc.viz.report.templates import render

_PIXELS, _PLANE, _LINE = 61, 35, 241
_FAINT = 0.02


def kernels_section(model: nn.Module, *, channels: int = 4, most: int = 12) -> Section | None:
    """Slices through the kernel of every layer, times its window; None for a model without continuous kernels.

    Args:
        model: any module that holds such layers.
        channels: of each layer those with the most energy.
        most: layers that are drawn, evenly chosen.
    """
    try:
        found = layers(model)
    except ValueError:
        return None
    some = np.unique(np.linspace(0, len(found) - 1, min(len(found), most)).round().astype(int))
    cards = [Card(draw_kernel(found[i], channels), found[i].name, describe(found[i])) for i in some.tolist()]
    few = "" if len(some) == len(found) else f" {len(some)} of {len(found)} layers are drawn."
    solid = " Three planes through the query are drawn." if max(layer.dim for layer in found) == 3 else ""
    return Section(
        "Kernels and windows",
        _widths(found),
        "Kernel times window against the offset of a sample from the query: red adds, blue takes away. Of each layer "
        f"the {channels} channels with the most energy.{solid}{few}",
        cards,
        wide=found[0].dim == 2,
    )


def describe(layer: Layer) -> str:
    """Sizes, kind and reach of a layer in a line."""
    extent = " × ".join(f"{each:.3g}" for each in layer.extent.tolist()) if len(set(layer.extent.tolist())) > 1 else (
        f"{float(layer.extent[0]):.3g}"
    )  # fmt: skip
    sizes = f"{layer.conv.in_channels} to {layer.conv.out_channels} channels"
    return f"{sizes}, {type(layer.conv.kernel).__name__}, extent {extent}"


def draw_kernel(layer: Layer, channels: int = 4, *, large: bool = False) -> Markup:
    """Curves along one axis, pictures of two, planes that turn of three."""
    chosen = layer.loudest(channels)
    if layer.dim == 1:
        return _curves(layer, chosen, large)
    if layer.dim == 2:
        return _pictures(layer, chosen)
    return _planes(layer, chosen, large)


def _curves(layer: Layer, chosen: Sequence[int], large: bool) -> Markup:
    lower, upper = layer.box()
    u = layer.line(0, _LINE, float(lower[0]), float(upper[0]))
    rel, values, window = layer.offsets(u)[:, 0].numpy(), layer.values(u).numpy(), layer.window(u).numpy()
    lines = [
        Line(rel, values[:, channel], layer.channel_name(channel), i) for i, channel in enumerate(chosen)
    ]
    peak = float(np.abs(values[:, list(chosen)]).max(initial=0.0)) or 1.0
    step = float(rel[1] - rel[0])
    bands = [
        Band(
            float(at) - step * 3,
            float(at) + step * 3,
            -peak * float(m),
            peak * float(m),
            "var(--faint)",
            0.13,
        )
        for at, m in zip(rel[::6], window[::6], strict=True)
    ]
    return chart(
        lines, bands=bands, x=Axis("offset in time"), size=(640, 260) if large else (330, 190), hover=large
    )


def _pictures(layer: Layer, chosen: Sequence[int]) -> Markup:
    across, down = layer.planes()[0]
    values = layer.values(layer.plane(across, down, _PIXELS))[..., list(chosen)].numpy()
    if layer.axes is not Axes.ROWS:
        values = values[::-1]
    most = signed_range(values)
    return pictures(
        [
            (layer.channel_name(channel), signed_pixels(values[..., i], most))
            for i, channel in enumerate(chosen)
        ]
    )


def _planes(layer: Layer, chosen: Sequence[int], large: bool) -> Markup:
    """Three planes through the query; where a kernel hardly differs from 0 nothing is drawn."""
    count = 2 * _PLANE if large else _PLANE
    u = torch.cat([layer.plane(a, b, count).reshape(-1, layer.dim) for a, b in layer.planes()[:3]])
    if layer.dim != 3:
        u = u[: count * count]
    pos, values = layer.offsets(u)[:, :3].numpy(), layer.values(u)[:, list(chosen)].numpy()
    most, colours = signed_range(values), scale_colours("signed")
    views = []
    for place, channel in enumerate(chosen):
        shown = values[:, place]
        rows = np.where(np.abs(shown) < _FAINT * most, 255, steps_of(shown, -most, most)).astype(np.uint8)
        views.append(View(layer.channel_name(channel), rows, colours, scale=(f"{-most:.2g}", f"{most:.2g}")))
    return turning_cloud(pos, views, size=1.1, large=large)


def _widths(found: Sequence[Layer]) -> Markup:
    """How far each layer looks: the width of its window, as a part of its extent, and in position units."""
    rows = []
    for layer in found:
        window = layer.conv.window
        if not isinstance(window, GaussianWindow):
            rows.append({"name": layer.name, "share": 1.0, "text": "all of it", "kind": describe(layer)})
            continue
        widths = window.effective_width.detach().double().cpu()
        said = list(dict.fromkeys(f"{width:.3g}" for width in (widths * layer.unit).tolist()))
        share = float((widths * layer.unit / layer.extent).max())
        rows.append(
            {"name": layer.name, "share": min(share, 1.0), "text": " × ".join(said), "kind": describe(layer)}
        )
    return render("widths.html", rows=rows)
