"""A picture of any item of a data set: a cloud that turns, a series, an image, a volume."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ccnn_pc.viz.report.charts import Axis, Band, Line, chart
from ccnn_pc.viz.report.clouds import View, class_view, height_view, number_view, turning_cloud, wrong_view
from ccnn_pc.viz.report.pixels import class_pixels, picture_pixels, pictures, signed_pixels
from ccnn_pc.viz.style import FAINT, class_colours

_CHANNELS, _CELLS, _STEPS = 6, 3000, 200


@dataclasses.dataclass(frozen=True, eq=False)
class Told:
    """What is known of the samples of an item, each ``[n]`` in their order (of arrays row by row).

    Args:
        names: of the classes.
        said: row of the class that a model takes each sample for.
        truth: row of its class; negative: not known.
        numbers: numbers by name: what a model answers, or the truth, or how important a sample is; a name with a "±"
            in front is drawn in signed colours, and without it.
    """

    names: Sequence[str] = ()
    said: NDArray[Any] | None = None
    truth: NDArray[Any] | None = None
    numbers: dict[str, NDArray[Any]] = dataclasses.field(default_factory=dict)


def draw_item(data: Any, told: Told = Told(), *, normals: Any = None, large: bool = False) -> Markup | None:
    """The picture of an item, or None where there is none of its kind.

    Args:
        data: one item, as PyG data: ``pos`` of a cloud, ``times`` of a series, or an array ``x [1, C, *S]``.
        told: of its samples.
        normals: of the points of a cloud ``[n, 3]``.
        large: a large picture.
    """
    pos, times, x = (data.get(name) for name in ("pos", "times", "x"))
    if times is None and pos is not None and pos.shape[1] == 1:
        times = pos[:, 0]
    if times is not None:
        return draw_series(_array(times), _array(x), _mask(data), told, large=large)
    if pos is not None:
        if pos.shape[1] not in (2, 3) or not len(pos):
            return None
        return draw_cloud(
            _array(pos), told, normals=None if normals is None else _array(normals), large=large
        )
    if x is None or x.dim() < 3:
        return None
    values = _array(x[0])
    if values.ndim == 2:
        return draw_series(np.arange(values.shape[1], dtype=float), values.T, None, told, large=large)
    if values.ndim == 3:
        picture = data.get("picture")
        return draw_image(values if picture is None else _array(picture[0]), told, seen=values.shape[1:])
    if values.ndim == 4:
        return draw_volume(values, told, large=large)
    return None


def draw_cloud(
    pos: NDArray[Any], told: Told = Told(), *, normals: NDArray[Any] | None = None, large: bool = False
) -> Markup:
    """A cloud by what is told of its points, else by height."""
    views = _views(told) or [height_view(pos)]
    return turning_cloud(pos, views, normals=normals, large=large)


def _views(told: Told) -> list[View]:
    views = [
        number_view(name.lstrip("±"), values, scale="signed" if name.startswith("±") else "values")
        for name, values in told.numbers.items()
    ]
    if told.said is not None:
        views.append(class_view("answer", told.said, told.names))
    if told.truth is not None:
        views.append(class_view("truth", told.truth, told.names))
    if told.said is not None and told.truth is not None:
        views.append(wrong_view(told.said, told.truth))
    return views


def draw_volume(values: NDArray[Any], told: Told = Told(), *, large: bool = False) -> Markup:
    """Cells ``[C, X, Y, Z]`` of a volume whose values are farthest from their median, as points; at most 3000."""
    strength = np.abs(values - np.median(values.reshape(len(values), -1), axis=1)[:, None, None, None]).max(
        axis=0
    )
    flat = strength.ravel()
    most = min(_CELLS, int((flat > 0).sum()) or 1)
    chosen = np.sort(np.argsort(flat, kind="stable")[-most:])
    places = np.stack(np.unravel_index(chosen, strength.shape), axis=1).astype(np.float64)
    some = Told(
        told.names,
        None if told.said is None else told.said[chosen],
        None if told.truth is None else told.truth[chosen],
        {name: each[chosen] for name, each in told.numbers.items()},
    )
    plain = [] if _views(some) else [number_view("value", values[0].ravel()[chosen])]
    if plain and np.ptp(values[0].ravel()[chosen]) == 0:
        plain = [height_view(places)]
    return turning_cloud(places, _views(some) or plain, large=large)


def draw_image(pixels: NDArray[Any], told: Told = Told(), *, seen: Sequence[int] = ()) -> Markup:
    """An image ``[C, H, W]``, and beside it what is told of the samples of the grid ``seen [H, W]``."""
    shape = tuple(seen) or pixels.shape[1:]
    shown = [("image", picture_pixels(pixels))]
    for name, values in told.numbers.items():
        values = np.asarray(values).reshape(shape)
        made = signed_pixels(values) if name.startswith("±") else picture_pixels(values[None])
        shown.append((name.lstrip("±"), made))
    for name, rows in (("answer", told.said), ("truth", told.truth)):
        if rows is not None:
            shown.append((name, class_pixels(rows.reshape(shape), len(told.names))))
    return pictures(shown)


def draw_series(
    times: NDArray[Any],
    values: NDArray[Any] | None,
    mask: NDArray[Any] | None = None,
    told: Told = Told(),
    *,
    large: bool = False,
) -> Markup:
    """The channels of a series that vary most, at most six, where they were observed; below them what is told.

    Args:
        times: ``[n]``.
        values: ``[n, C]``; None: there are none.
        mask: what was observed, ``[n, C]``.
        told: of the stamps: numbers are a band behind the lines, red where they are positive and blue where negative;
            classes are two strips at the bottom, answers over truth.
        large: a large picture.
    """
    order = np.argsort(times, kind="stable")
    times = times[order]
    channels = np.zeros((len(times), 1)) if values is None else np.asarray(values, dtype=np.float64)[order]
    if mask is not None:
        channels = np.where(mask[order], channels, np.nan)
    lines = []
    varied = np.argsort(-_spread(channels), kind="stable")[:_CHANNELS]
    shown = [int(channel) for channel in sorted(varied) if np.isfinite(channels[:, channel]).any()]
    strips = _strips(times, told, order)
    scaled = len(shown) > 1 or bool(strips)  # several units, or strips below: each from 0 to 1
    for place, channel in enumerate(shown):
        there = np.isfinite(channels[:, channel])
        y = channels[there, channel]
        if scaled:
            y = (y - y.min()) / (np.ptp(y) or 1.0)
        lines.append(Line(times[there], y, f"channel {channel}" if len(shown) > 1 else "", place))
    low, high = (float(times.min()), float(times.max())) if len(times) else (0.0, 1.0)
    return chart(
        lines,
        bands=_importance(times, told, order) + strips,
        x=Axis("time", (low, high if high > low else low + 1.0)),
        y=Axis(ends=(-0.2 if strips else -0.05, 1.05) if scaled else None, marks=not scaled),
        size=(640, 260) if large else (330, 190),
        hover=large,
    )


def _importance(times: NDArray[Any], told: Told, order: NDArray[Any]) -> list[Band]:
    bands = []
    for name, values in told.numbers.items():
        values = np.asarray(values, dtype=np.float64)[order]
        most = float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) or 1.0
        for start, stop, value in _cells(times, values):
            if np.isfinite(value) and abs(value) > 0.02 * most:
                colour = "var(--c1)" if value > 0 else "var(--c0)"
                bands.append(
                    Band(
                        start,
                        stop,
                        colour=colour,
                        opacity=0.75 * abs(value) / most,
                        title=f"{name.lstrip('±')} {value:.3g}",
                    )
                )
    return bands


def _cells(times: NDArray[Any], values: NDArray[Any]) -> list[tuple[float, float, float]]:
    """Cells around stamps with their numbers; of many stamps sums of neighbouring ones."""
    if not len(times):
        return []
    middles = (times[1:] + times[:-1]) / 2
    edges = np.concatenate([times[:1], middles, times[-1:]])
    firsts = np.unique(np.linspace(0, len(times), min(len(times), _STEPS) + 1).round().astype(int))
    return [
        (float(edges[a]), float(edges[b]), float(np.nansum(values[a:b])))
        for a, b in zip(firsts[:-1], firsts[1:], strict=True)
    ]


def _strips(times: NDArray[Any], told: Told, order: NDArray[Any]) -> list[Band]:
    """Runs of stamps of one class, as bands at the bottom: fractions of the height are the caller's."""
    colours, bands = class_colours(max(len(told.names), 1)), []
    for place, (name, rows) in enumerate((("answer", told.said), ("truth", told.truth))):
        if rows is None or not len(times):
            continue
        rows = np.asarray(rows)[order]
        edges = np.concatenate([times[:1], (times[1:] + times[:-1]) / 2, times[-1:]])
        starts = np.concatenate([[0], np.nonzero(np.diff(rows))[0] + 1, [len(rows)]])
        for a, b in zip(starts[:-1], starts[1:], strict=True):
            known = 0 <= rows[a] < len(told.names)
            colour, label = (colours[rows[a]], told.names[rows[a]]) if known else (FAINT, "not known")
            low = -0.09 * (place + 1)
            bands.append(
                Band(float(edges[a]), float(edges[b]), low, low + 0.075, colour, 0.95, f"{name}: {label}")
            )
    return bands


def _spread(channels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each channel its standard deviation over its greatest magnitude, 0 where nothing is known."""
    known = np.isfinite(channels)
    filled = np.where(known, channels, 0.0)
    count = np.maximum(known.sum(axis=0), 1)
    mean = filled.sum(axis=0) / count
    deviation = np.sqrt((np.where(known, channels - mean, 0.0) ** 2).sum(axis=0) / count)
    return deviation / np.maximum(np.abs(filled).max(axis=0, initial=0.0), 1e-30)


def _mask(data: Any) -> NDArray[Any] | None:
    mask = data.get("mask")
    return None if mask is None else _array(mask).astype(bool)


def _array(values: Any) -> Any:
    """A tensor as an array; None stays None."""
    return None if values is None else values.detach().cpu().double().numpy()
