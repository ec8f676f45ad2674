"""How far apart the samples of irregular series typically are, and how long the series."""

from __future__ import annotations

import numpy as np

from ccnn_pc.datasets.series.stored import StoredSeries

#: Share of the series that are no longer than what is called typical.
NO_LONGER = 0.95


def typical_spacing(stored: StoredSeries, rows: np.ndarray) -> float | None:
    r"""The distance of consecutive values of a variable, as half of all values see it.

    Each variable of each series has a mean distance :math:`d = (t_\mathrm{last} - t_\mathrm{first}) / (n - 1)`
    over the n times at which it was observed; the result is the median of d, each counted n - 1 times. Regular
    sampling gives its spacing, random times the inverse of their rate; pauses of a few series, and variables that are
    rarely observed, do not move it. Samples so far apart have weight 1 in a layer of that spacing.

    Args:
        stored: the series, with times.
        rows: those that count (of the training part).

    Returns:
        The distance in the unit of the times; None where nothing was observed twice.

    Example:
        >>> from ccnn_pc.datasets.series.stored import join_series
        >>> times = np.array([0.0, 2.0, 4.0, 6.0, 0.0, 50.0])
        >>> typical_spacing(join_series([np.ones((4, 1)), np.ones((2, 1))], [0, 0], ["a"], times=times), np.arange(2))
        2.0
    """
    distances, counts = [], []
    for row in rows:
        times, known = stored.stamps(int(row)), np.isfinite(stored.series(int(row)))
        count = known.sum(axis=0)
        known = known[:, count > 1]
        if known.shape[1]:
            first, last = known.argmax(axis=0), len(known) - 1 - known[::-1].argmax(axis=0)
            distances.append((times[last] - times[first]) / (count[count > 1] - 1))
            counts.append(count[count > 1] - 1)
    if not distances:
        return None
    distance, weight = np.concatenate(distances), np.concatenate(counts)
    order = np.argsort(distance, kind="stable")
    total = np.cumsum(weight[order])
    return float(distance[order][np.searchsorted(total, total[-1] / 2)])


def typical_duration(stored: StoredSeries, rows: np.ndarray) -> float:
    """The time from first to last sample that 95 % of the series do not exceed.

    Args:
        stored: the series, with times.
        rows: those that count.
    """
    durations = [float(np.ptp(stored.stamps(int(row)))) for row in rows]
    return float(np.quantile(durations, NO_LONGER))
