"""Predicted numbers against true ones, and their errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ccnn_pc.viz.report.charts import Axis, Band, Line, chart
from ccnn_pc.viz.report.page import Section
from ccnn_pc.viz.report.templates import fill

_DRAWN, _NAMES, _BINS = 1500, 6, 31


def numbers_section(
    true: NDArray[np.float64], said: NDArray[np.float64], names: Sequence[str], counted: str = "items"
) -> Section:
    """A panel of predicted against true values and a histogram of errors for each of at most six numbers.

    Args:
        true: ``[n, K]``; rows with a number that is not known (NaN) are left out.
        said: ``[n, K]``.
        names: K names.
        counted: what the rows are.

    Raises:
        ValueError: shapes that do not fit, or no row that is known.
    """
    if true.shape != said.shape or true.ndim != 2 or true.shape[1] != len(names):
        raise ValueError(
            f"'said' must be [n, {len(names)}] as 'true' is (got {list(said.shape)}, {list(true.shape)})"
        )
    known = ~np.isnan(true).any(axis=1)
    true, said = true[known], said[known]
    if not len(true):
        raise ValueError("'true' must have a row whose numbers are known (got none)")
    drawn: list[Markup] = []
    some = np.unique(np.linspace(0, len(true) - 1, min(len(true), _DRAWN)).round().astype(int))
    for place, name in enumerate(names[:_NAMES]):
        x, y = true[:, place], said[:, place]
        low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
        room = 0.04 * (high - low) or 0.5
        ends = np.array([low - room, high + room])
        error = y - x
        spread = float(((x - x.mean()) ** 2).sum())
        fit = f", R² {1 - float((error**2).sum()) / spread:.3f}" if spread > 0 else ""
        drawn.append(
            chart(
                [
                    Line(ends, ends, "exact", "var(--faint)", dots=False, dashed=True),
                    Line(x[some], y[some], "this model", 0, joined=False, dots=True),
                ],
                title=f"{name}: root mean square error {float(np.sqrt((error**2).mean())):.3g}{fit}",
                x=Axis(f"true {name}", (float(ends[0]), float(ends[1]))),
                y=Axis(ends=(float(ends[0]), float(ends[1]))),
                hover=False,
            )
        )
        drawn.append(_errors(error, name, counted))
    more = "" if len(names) <= _NAMES else f" {_NAMES} of {len(names)} numbers are drawn."
    points = "" if len(some) == len(true) else f" {len(some)} of {len(true)} {counted} are drawn."
    about = f"On the dashed line an answer is exact.{points}{more}"
    return Section(
        "Numbers", fill('<div class="charts">{{ drawn }}</div>', drawn=Markup("").join(drawn)), about
    )


def _errors(error: NDArray[np.float64], name: str, counted: str) -> Markup:
    most = float(np.quantile(np.abs(error), 0.995)) or 1.0
    counts, edges = np.histogram(np.clip(error, -most, most), bins=_BINS, range=(-most, most))
    bands = [
        Band(float(a), float(b), 0.0, float(count), opacity=0.5, title=f"{count} {counted}")
        for a, b, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count
    ]
    mean, half = float(error.mean()), float(np.median(np.abs(error)))
    return chart(
        [],
        title=f"{name}: errors, mean {mean:.3g}, half of them within {half:.3g}",
        x=Axis("answer minus truth", (-most, most)),
        y=Axis(ends=(0.0, float(counts.max()) * 1.08)),
        bands=bands,
    )
