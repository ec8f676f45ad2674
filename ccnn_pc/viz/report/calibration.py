"""Whether a model is right as often as it says: bins of confidence, and the expected calibration error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ccnn_pc.viz.report.charts import Axis, Band, Line, chart
from ccnn_pc.viz.report.page import Section
from ccnn_pc.viz.report.templates import fill

#: Bins of confidence.
BINS = 15


class Calibration:
    r"""Answers in bins of equal width of their confidence, the probability of the likeliest class.

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{n} \left| \mathrm{acc}_b - \mathrm{conf}_b \right|

    A bin holds its lower end, the last one both. It is the number of torchmetrics' ``MulticlassCalibrationError``
    (which has a bin of its own for a confidence of exactly 1), kept as three sums per bin, since a scene has millions
    of points.

    Args:
        bins: number of bins.

    Example:
        >>> import torch
        >>> found = Calibration()
        >>> found.add(torch.tensor([0.9, 0.9]), torch.tensor([True, False]))
        >>> round(found.error, 6), found.count
        (0.4, 2)
    """

    def __init__(self, bins: int = BINS) -> None:
        self.bins = bins
        self.counts = np.zeros(bins)
        self.sums = np.zeros(bins)
        self.hits = np.zeros(bins)

    def add(self, sure: Tensor, right: Tensor) -> None:
        """Take in confidences ``[n]`` and whether the answers are right ``[n]``."""
        sure_of = sure.detach().double().cpu().numpy()
        edges = np.linspace(0.0, 1.0, self.bins + 1)
        place = np.clip(np.searchsorted(edges, sure_of, side="right") - 1, 0, self.bins - 1)
        self.counts += np.bincount(place, minlength=self.bins)
        self.sums += np.bincount(place, sure_of, minlength=self.bins)
        self.hits += np.bincount(place, right.detach().double().cpu().numpy(), minlength=self.bins)

    @property
    def count(self) -> int:
        """Answers so far."""
        return int(self.counts.sum())

    @property
    def error(self) -> float:
        """The expected calibration error; 0 without answers."""
        return float(np.abs(self.hits - self.sums).sum() / max(self.count, 1))

    @property
    def too_sure(self) -> float:
        """Mean confidence minus accuracy."""
        return float((self.sums.sum() - self.hits.sum()) / max(self.count, 1))

    def means(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean confidence and accuracy of each bin; NaN where it is empty."""
        some = np.where(self.counts > 0, self.counts, np.nan)
        return self.sums / some, self.hits / some


def calibration_section(found: Calibration, counted: str = "items") -> Section:
    """A diagram of accuracy against confidence, and how often it is how sure."""
    sure, right = found.means()
    width = 1 / found.bins
    edges = np.arange(found.bins) * width
    bands = [
        Band(low, low + width, 0.0, share, opacity=0.35, title=f"{100 * share:.1f} % right of {int(count)}")
        for low, share, count in zip(edges, right, found.counts, strict=True)
        if count
    ]
    shares = found.counts / max(found.count, 1)
    how_often = [
        Band(low, low + width, 0.0, share, opacity=0.5, title=f"{int(count)} {counted}")
        for low, share, count in zip(edges, shares, found.counts, strict=True)
        if count
    ]
    ends = np.array([0.0, 1.0])
    html = fill(
        '<div class="charts">{{ diagram }}{{ histogram }}</div>',
        diagram=chart(
            [
                Line(ends, ends, "as sure as it is right", "var(--faint)", dots=False, dashed=True),
                Line(sure, right, "this model", 0),
            ],
            title="how often it is right",
            x=Axis("how sure it is", (0.0, 1.0)),
            y=Axis(ends=(0.0, 1.0)),
            bands=bands,
        ),
        histogram=chart(
            [],
            title="how often it is how sure",
            x=Axis("how sure it is", (0.0, 1.0)),
            y=Axis(ends=(0.0, float(shares.max(initial=0.0)) * 1.08 or 1.0)),
            bands=how_often,
        ),
    )  # fmt: skip
    gap = 100 * found.too_sure
    word = (
        "as sure as it is right"
        if abs(gap) < 0.05
        else f"{abs(gap):.1f} points {'too sure' if gap > 0 else 'too modest'}"
    )
    about = (
        f"On average it is {word}. Expected calibration error {100 * found.error:.2f} % over {found.bins} bins of "
        f"equal width, {found.count} {counted}."
    )
    return Section("Calibration", html, about)
