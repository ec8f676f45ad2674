"""Checks of what an IrregularSeries is made of."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc._checks import check_floating
from ccnn_pc._choices import choice
from ccnn_pc.domains.points.checks import check_query_batch
from ccnn_pc.ops.series.weights import Weights


def check_times(name: str, times: Tensor, series: Tensor) -> Tensor:
    """``times`` must be finite stamps ``[n]``, n >= 1, in order within each series.

    Raises:
        ValueError: otherwise; the message names the first bad row.
    """
    if times.dim() != 1:
        raise ValueError(f"'{name}' must have shape [n] (got {list(times.shape)})")
    if len(times) == 0:
        raise ValueError(f"'{name}' must hold at least one stamp (got an empty series)")
    finite = torch.isfinite(times)
    if not bool(finite.all()):
        row = int((~finite).nonzero()[0, 0])
        raise ValueError(f"'{name}' must be finite (got {float(times[row])} in row {row})")
    falls = (times[1:] < times[:-1]) & (series[1:] == series[:-1])
    if bool(falls.any()):
        row = int(falls.nonzero()[0, 0])
        raise ValueError(
            f"'{name}' must be in order within each series; IrregularSeries.order sorts them (got "
            f"{float(times[row]):g} and then {float(times[row + 1]):g} in rows {row}, {row + 1})"
        )
    return times


def check_query_series(
    query_times: Tensor, query_batch: Tensor | None, times: Tensor, num_series: int
) -> Tensor:
    """``query_times`` must be like ``times``; returns the series of each query.

    Raises:
        TypeError: another type than that of the samples' times.
        ValueError: as :func:`check_times`, or other series than the samples'.
    """
    check_floating("query_times", query_times)
    if query_times.dtype != times.dtype:
        raise TypeError(
            f"'query_times' must have the dtype of 'times' ({times.dtype}; got {query_times.dtype})"
        )
    if query_times.dim() != 1 or len(query_times) == 0:
        raise ValueError(f"'query_times' must have shape [m], m >= 1 (got {list(query_times.shape)})")
    series = check_query_batch(query_batch, query_times, num_series)
    check_times("query_times", query_times, series)
    return series


def check_mask(mask: Tensor | None, num_samples: int) -> Tensor | None:
    """``mask`` must say for each sample and channel whether it was observed.

    Raises:
        TypeError: not boolean.
        ValueError: another shape.
    """
    if mask is None:
        return None
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        raise TypeError(f"'mask' must be boolean (got {getattr(mask, 'dtype', type(mask).__name__)})")
    if mask.dim() != 2 or len(mask) != num_samples or mask.shape[1] == 0:
        raise ValueError(f"'mask' must have shape [{num_samples}, channels] (got {list(mask.shape)})")
    return mask


def check_weights(weights: Weights | Tensor, mask: Tensor | None, num_samples: int) -> Weights | Tensor:
    """``weights`` must be a kind of them, or times that are finite and not negative, ``[n]`` or ``[n, C]``.

    Raises:
        TypeError: neither, or numbers that are not float32 or float64.
        ValueError: no such kind, other shapes or numbers, or numbers beside a mask.
    """
    if isinstance(weights, (Weights, str)):
        return choice("weights", weights, Weights)
    if not isinstance(weights, Tensor):
        raise TypeError(f"'weights' must be a Weights or a tensor (got {weights!r})")
    check_floating("weights", weights)
    if mask is not None:
        raise ValueError("'mask' must be None where 'weights' are numbers: they can hold zeros (got both)")
    if weights.dim() not in (1, 2) or len(weights) != num_samples:
        raise ValueError(
            f"'weights' must have shape [{num_samples}] or [{num_samples}, channels] (got {list(weights.shape)})"
        )
    good = torch.isfinite(weights) & (weights >= 0)
    if not bool(good.all()):
        raise ValueError(f"'weights' must be finite and not negative (got {float(weights[~good][0])})")
    return weights
