"""Time stamps on a lattice: which one they lie on, and where; and regular times in the place of others."""

from __future__ import annotations

import torch
from torch import Tensor

#: Stamps may be this part of a step off their lattice.
LATTICE_SLACK = 1e-2
#: A lattice that rounding of the stamps blurs by more than this part of a step is none.
BLUR = 1e-2
#: More regular times than this per sample are refused: a gap of months in data that tick once a second, say.
MAX_TIMES_PER_SAMPLE = 1024


def lattice_spacing(times: Tensor, batch: Tensor) -> float | None:
    """The widest spacing of which all stamps of a series are whole multiples apart; None where there is none.

    Euclid's algorithm on the distances of consecutive stamps, with the rounding of the stamps' own type taken for
    zero, and a regression on the whole length that makes the result sharp.

    Args:
        times: as they came, uncentred, sorted within each series, float32 or float64 ``[n]``.
        batch: series of each stamp ``[n]``.

    Example:
        >>> round(lattice_spacing(torch.tensor([0.3, 0.5, 1.1]), torch.zeros(3, dtype=torch.long)), 4)
        0.2
        >>> lattice_spacing(torch.rand(9).sort().values, torch.zeros(9, dtype=torch.long)) is None
        True
    """
    stamps = times.detach().double()
    slack = 1.5 * torch.finfo(times.dtype).eps * float(stamps.abs().max())
    gap = (stamps[1:] - stamps[:-1])[batch[1:] == batch[:-1]]
    rest = gap[gap > slack]
    if not len(rest):
        return None
    step, error = float(rest.min()), slack
    while error < BLUR * step:
        count = (rest / step).round()
        off, blur = (rest - count * step).abs(), slack + count * error
        left = off > blur
        if not bool(left.any()):
            break
        smallest = int(torch.where(left, off, torch.inf).argmin())
        step, error = float(off[smallest]), float(blur[smallest])
    else:
        return None
    since = stamps - stamps[_first(batch)][batch]
    steps = _counts(stamps, batch, step)  # counted gap by gap, where an error of the step does not add up
    step = float((since * steps).sum() / steps.square().sum())
    on = bool(((since / step - steps).abs() <= LATTICE_SLACK).all())
    return step if on else None


def lattice_cells(
    times: Tensor, first: Tensor, series: Tensor, spacing: float, name: str = "times"
) -> Tensor:
    """Steps of each stamp from the first one of its series, int64 ``[n]``.

    Args:
        times: stamps, float64 ``[n]``.
        first: the first stamp of each series ``[B]``.
        series: of each stamp ``[n]``.
        spacing: of the lattice.
        name: what to call the stamps.

    Raises:
        ValueError: a stamp off the lattice by more than a hundredth of its spacing.

    Example:
        >>> stamps, series = torch.tensor([0.1, 0.3, 0.7]), torch.zeros(3, dtype=torch.long)
        >>> lattice_cells(stamps.double(), stamps[:1].double(), series, 0.2).tolist()
        [0, 1, 3]
    """
    steps = (times.detach() - first.detach()[series]) / spacing
    off = (steps - steps.round()).abs()
    if bool((off > LATTICE_SLACK).any()):
        row = int(off.argmax())
        raise ValueError(
            f"'{name}' must lie on a lattice of spacing {spacing:g} (got row {row}, {float(off[row]):.3f} steps off)"
        )
    return steps.round().long()


def regular_times(
    times: Tensor, pointer: Tensor, batch: Tensor, spacing: float
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Times ``spacing`` apart from the first to the newest stamp of each series; the newest is one of them.

    Args:
        times: stamps, sorted within each series, float64 ``[n]``.
        pointer: series s has stamps ``pointer[s]`` to ``pointer[s + 1]``, int64 ``[B + 1]``.
        batch: series of each stamp ``[n]``.
        spacing: distance of the times.

    Returns:
        the times ``[p]``, the series of each ``[p]``, and which of them is each stamp ``[n]``; None where a stamp lies
        between two of them.

    Raises:
        ValueError: more than 1024 times per stamp.

    Example:
        >>> times, pointer = torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64), torch.tensor([0, 3])
        >>> regular, _, index = regular_times(times, pointer, torch.zeros(3, dtype=torch.long), 0.5)
        >>> regular.tolist(), index.tolist()
        ([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0], [0, 1, 7])
    """
    newest = times[pointer[1:] - 1]
    before = (newest[batch] - times) / spacing
    count = (before[pointer[:-1]] + LATTICE_SLACK).floor().long() + 1
    if int(count.sum()) > MAX_TIMES_PER_SAMPLE * len(times):
        raise ValueError(
            f"'spacing' must give at most {MAX_TIMES_PER_SAMPLE} times per sample "
            f"(got {spacing:g}: {int(count.sum())} times for {len(times)} samples)"
        )
    end = count.cumsum(0) - 1
    series = torch.arange(len(count), device=times.device).repeat_interleave(count)
    back = (end[series] - torch.arange(len(series), device=times.device)).to(times)
    between = (before - before.round()).abs() > LATTICE_SLACK
    index = None if bool(between.any()) else end[batch] - before.round().long()
    return newest[series] - spacing * back, series, index


def _first(batch: Tensor) -> Tensor:
    """Row of the first stamp of each series."""
    return torch.searchsorted(batch, torch.arange(int(batch[-1]) + 1, device=batch.device))


def _counts(stamps: Tensor, batch: Tensor, step: float) -> Tensor:
    """Steps since the first stamp of a series, summed over consecutive stamps, float64."""
    steps = torch.zeros_like(stamps)
    same = batch[1:] == batch[:-1]
    steps[1:] = ((stamps[1:] - stamps[:-1]) / step).round() * same
    total = steps.cumsum(0)
    return total - total[_first(batch)][batch]
