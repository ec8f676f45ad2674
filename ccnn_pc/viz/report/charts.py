"""Charts as SVG in the colours of the page, light or dark; the page's script tells numbers under the pointer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ccnn_pc.viz.report.templates import fill

_MOST = 600  # points of a line
_TEMPLATE = """\
<div class="chart"{% if hover %} data-lines="{{ told|json }}"{% endif %}>
{% if title %}<h3>{{ title }}</h3>{% endif %}
{% if key %}<div class="key">{% for line in lines if line.name %}<span><i style="background: {{ line.colour }}"></i>\
{{ line.name }}</span>{% endfor %}</div>{% endif %}
<svg viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ title or y_label }}">
{% for place, text in x_ticks %}
<line class="grid" x1="{{ place }}" x2="{{ place }}" y1="{{ top }}" y2="{{ bottom }}"/>\
<text x="{{ place }}" y="{{ bottom + 14 }}" text-anchor="middle">{{ text }}</text>
{% endfor %}
{% for place, text in y_ticks %}
<line class="grid" x1="{{ left }}" x2="{{ right }}" y1="{{ place }}" y2="{{ place }}"/>\
<text x="{{ left - 5 }}" y="{{ place + 4 }}" text-anchor="end">{{ text }}</text>
{% endfor %}
{% for band in bands %}
<rect x="{{ band.x }}" y="{{ band.y }}" width="{{ band.width }}" height="{{ band.height }}" fill="{{ band.colour }}" \
fill-opacity="{{ band.opacity }}">{% if band.title %}<title>{{ band.title }}</title>{% endif %}</rect>
{% endfor %}
{% for line in lines %}
{% if line.path %}<path d="{{ line.path }}" fill="none" stroke="{{ line.colour }}" stroke-width="{{ line.stroke }}" \
stroke-linejoin="round"{% if line.dashed %} stroke-dasharray="4 4"{% endif %}/>{% endif %}
{% for x, y in line.dots %}<circle cx="{{ x }}" cy="{{ y }}" r="{{ line.radius }}" fill="{{ line.colour }}"\
{% if line.pale %} fill-opacity="0.55"{% endif %}/>{% endfor %}
{% endfor %}
<text x="{{ (left + right) / 2 }}" y="{{ height - 3 }}" text-anchor="middle">{{ x_label }}</text>
</svg></div>"""


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
    """A line or dots of a chart.

    Args:
        x: ``[n]``.
        y: ``[n]``; the line is broken where it is not finite.
        name: in the key; none without.
        colour: number of a colour of the page, or CSS.
        joined: whether a line joins the dots.
        dots: whether dots are drawn; None: where there are fewer than 30.
        dashed: of the line.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    name: str = ""
    colour: int | str = 0
    joined: bool = True
    dots: bool | None = None
    dashed: bool = False


@dataclasses.dataclass(frozen=True)
class Band:
    """A rectangle behind the lines: from (x0, y0) to (x1, y1) in the units of the axes; infinite: to the border."""

    x0: float
    x1: float
    y0: float = -math.inf
    y1: float = math.inf
    colour: str = "var(--c0)"
    opacity: float = 0.25
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Axis:
    """How an axis is drawn.

    Args:
        label: below x; of y for those who do not see it.
        ends: of the axis; None: those of the data.
        log: whether y is logarithmic; all values must be positive.
        marks: whether y has numbers beside it.
        whole: whether the numbers below x are whole.
    """

    label: str = ""
    ends: tuple[float, float] | None = None
    log: bool = False
    marks: bool = True
    whole: bool = False


def chart(
    lines: Sequence[Line],
    *,
    title: str = "",
    x: Axis = Axis(),
    y: Axis = Axis(),
    bands: Sequence[Band] = (),
    size: tuple[int, int] = (420, 230),
    hover: bool = True,
) -> Markup:
    """Lines, dots and bands over one pair of axes.

    Args:
        lines: what is drawn.
        title: over the chart.
        x: the axis to the right.
        y: the axis up.
        bands: behind the lines.
        size: width and height, in units of the picture.
        hover: whether numbers are told under the pointer.
    """
    width, height = size
    left, top = 46.0 if y.marks else 10.0, 14.0
    right, bottom = width - 8.0, height - (34.0 if x.label else 20.0)
    x0, x1 = x.ends or _span([line.x for line in lines], room=0.02)
    y0, y1 = y.ends or _span([_height(line.y, y.log) for line in lines], room=0.06)

    def across(at: Any) -> Any:
        return np.round(left + (np.clip(at, x0, x1) - x0) / (x1 - x0) * (right - left), 1)

    def up(at: Any) -> Any:
        return np.round(bottom - (np.clip(at, y0, y1) - y0) / (y1 - y0) * (bottom - top), 1)

    drawn, told = [], []
    for line in lines:
        at, high = (np.asarray(each, dtype=np.float64) for each in (line.x, line.y))
        if len(at) > _MOST:
            some = kept_rows(high, _MOST)
            at, high = at[some], high[some]
        colour = f"var(--c{line.colour % 8})" if isinstance(line.colour, int) else line.colour
        there = np.isfinite(at) & np.isfinite(high)
        px, py = across(at), up(_height(high, y.log))
        dots = line.dots if line.dots is not None else len(at) < 30
        drawn.append(
            {
                "name": line.name,
                "colour": colour,
                "path": _path(px, py, there) if line.joined else "",
                "dots": list(zip(px[there].tolist(), py[there].tolist(), strict=True)) if dots else [],
                "radius": 2.6 if line.joined or len(at) < 60 else 2.1,
                "pale": not line.joined and len(at) > 40,
                "stroke": 1.8 if len(lines) < 4 else 1.4,
                "dashed": line.dashed,
            }
        )
        if line.joined and line.name:
            told.append(
                {
                    "name": line.name,
                    "x": [_short(each) for each in at[there]],
                    "y": [_short(each) for each in high[there]],
                }
            )
    boxes = []
    for band in bands:
        a, b = across(np.array([band.x0, band.x1]))
        c, d = up(np.array([band.y1, band.y0]))
        boxes.append(
            {
                **{"x": a, "y": c, "width": max(round(b - a, 1), 0.3), "height": max(round(d - c, 1), 0.3)},
                **{"colour": band.colour, "opacity": round(band.opacity, 3), "title": band.title},
            }
        )
    ticks = _heights(y0, y1, y.log) if y.marks else []
    across_ticks = [at for at in nice_ticks(x0, x1, 7) if not x.whole or at == round(at)]
    return fill(
        _TEMPLATE,
        lines=drawn,
        bands=boxes,
        told={"lines": told, "box": [left, top, right, bottom], "x": [x0, x1], "label": x.label},
        hover=hover and bool(told),
        key=sum(bool(line.name) for line in lines) > 1,
        x_ticks=[(float(across(at)), f"{at:.6g}") for at in across_ticks],
        y_ticks=[(float(up(_height(np.array(at), y.log))), f"{at:.6g}") for at in ticks],
        **{"width": width, "height": height, "left": left, "top": top, "right": right, "bottom": bottom},
        **{"title": title, "x_label": x.label, "y_label": y.label},
    )


def nice_ticks(low: float, high: float, most: int) -> list[float]:
    """At most about so many round numbers between two.

    Example:
        >>> nice_ticks(0.0, 10.0, 6)
        [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    """
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{step * i:.12g}") for i in range(first, math.floor(high / step + 1e-9) + 1)]


def kept_rows(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Rows of a long line that keep its shape: the least and the greatest value of each of ``most / 2`` pieces.

    Example:
        >>> kept_rows(np.array([0.0, 0.0, 5.0, 0.0, 0.0, -1.0, 0.0, 0.0]), 4).tolist()
        [0, 2, 4, 5]
    """
    pieces = np.array_split(np.arange(len(values)), most // 2)
    low, high = np.where(np.isnan(values), np.inf, values), np.where(np.isnan(values), -np.inf, values)
    return np.unique(
        [piece[each] for piece in pieces for each in (low[piece].argmin(), high[piece].argmax())]
    )


def _heights(low: float, high: float, log: bool) -> list[float]:
    """Marks of y; of a logarithmic one, whose ends are given as logarithms, powers of ten, or the ends."""
    if not log:
        return nice_ticks(low, high, 5)
    powers = [10.0**each for each in range(math.ceil(low), math.floor(high) + 1)]
    return powers if len(powers) > 1 else [float(f"{10.0**each:.2g}") for each in (low, high)]


def _span(parts: Sequence[Any], room: float) -> tuple[float, float]:
    """Least and greatest finite number, with some room; 0 to 1 where there is none."""
    values = np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts] or [np.empty(0)])
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        half = abs(low) / 20 or 0.5  # a score that stays at 1 is not drawn between 0.5 and 1.5
        return low - half, high + half
    return low - room * (high - low), high + room * (high - low)


def _height(y: Any, log: bool) -> Any:
    if not log:
        return y
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(np.asarray(y, dtype=np.float64))


def _path(x: NDArray[Any], y: NDArray[Any], there: NDArray[np.bool_]) -> str:
    words, drawing = [], False
    for a, b, known in zip(x.tolist(), y.tolist(), there.tolist(), strict=True):
        if known:
            words.append(f"{'L' if drawing else 'M'}{a:g} {b:g}")
        drawing = known
    return "".join(words)


def _short(value: float) -> float:
    return float(f"{value:.5g}")
