"""What weights do: the output of a layer on irregular samples beside the integral that it stands for."""

from __future__ import annotations

import os
from pathlib import Path

from ccnn_pc.ops.series.weights import Weights
from ccnn_pc.studies.quadrature import QuadratureStudy
from ccnn_pc.viz.style import BLUE, FAINT, GREEN, INK, ORANGE, RED, VIOLET, picture

COLOURS = {
    Weights.CELL: BLUE,
    Weights.TRAPEZOID: VIOLET,
    Weights.PAST: GREEN,
    Weights.DENSITY: ORANGE,
    Weights.CONSTANT: RED,
}
LABELS = {Weights.CONSTANT: "no weights"}


def plot_quadrature(study: QuadratureStudy, out: str | os.PathLike[str]) -> Path:
    """Draw outputs on the coarsest sampling, and how errors fall with the number of samples.

    Args:
        study: from :func:`ccnn_pc.studies.quadrature.study_quadrature`.
        out: picture to write.

    Returns:
        The picture's path.

    Raises:
        OSError: ``out`` cannot be written.
    """
    with picture(out, 7.2, 2.7) as figure:
        left, right = figure.subplots(1, 2)
        left.plot(study.query_times, study.exact, color=FAINT, linewidth=4, alpha=0.6, label="integral")
        for kind, values in study.found.items():
            name = LABELS.get(kind, kind.value)
            left.plot(study.query_times, values, color=COLOURS[kind], linewidth=1.1, label=name)
            error = study.errors[kind]
            right.loglog(
                list(error), list(error.values()), "o-", color=COLOURS[kind], markersize=3.5, label=name
            )
        inside = study.times[(study.times >= study.query_times[0]) & (study.times <= study.query_times[-1])]
        bottom = [left.get_ylim()[0]] * len(inside)
        left.plot(inside, bottom, "|", color=INK, markersize=9, markeredgewidth=0.8, clip_on=False)
        left.set(xlabel="time", title=f"output of a layer, {len(study.times)} stamps")
        sizes = list(next(iter(study.errors.values()), {0: 0.0}))
        right.set_xticks(sizes, [str(n) for n in sizes])
        right.minorticks_off()
        right.set(xlabel="number of samples", title="error against the integral")
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return Path(out)
