"""Time stamps on a lattice: which one they lie on, and where; and regular times in the place of others."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc._values import readable

#: Stamps may be this part of a step off their lattice.
LATTICE_SLACK = 1e-2
#: A lattice that rounding of the stamps blurs by more than this part of a step is none; where digits were cut, this.
BLUR, CUT_BLUR = 1e-2, 1e-1
#: More regular times than this per sample are refused: a gap of months in data that tick once a second, say.
MAX_TIMES_PER_SAMPLE = 1024


def lattice_spacing(times: Tensor, batch: Tensor, rounding: float = 0.0) -> float | None:
    """The widest spacing of which all stamps of a series are whole multiples apart; None where there is none.

    Euclid's algorithm on the distances of consecutive stamps, with the rounding of the stamps' own type taken for
    zero, and a regression on the whole length that makes the result sharp.

    Args:
        times: as they came, uncentred, sorted within each series, float32 or float64 ``[n]``.
        batch: series of each stamp ``[n]``.
        rounding: how far stamps may be off besides, because they were written with few digits: half of the last one.

    Example:
        >>> round(lattice_spacing(torch.tensor([0.3, 0.5, 1.1]), torch.zeros(3, dtype=torch.long)), 4)
        0.2
        >>> lattice_spacing(torch.rand(9).sort().values, torch.zeros(9, dtype=torch.long)) is None
        True
        >>> cut = torch.tensor([0.0, 0.033, 0.067, 0.1, 0.167, 0.2])  # thirtieths, to three digits
        >>> round(1 / lattice_spacing(cut, torch.zeros(6, dtype=torch.long), 0.0005), 1)
        30.0
    """
    stamps = times.detach().double()
    slack = 1.5 * torch.finfo(times.dtype).eps * float(stamps.abs().max()) + 2 * rounding
    gap = (stamps[1:] - stamps[:-1])[batch[1:] == batch[:-1]]
    rest = gap[gap > slack]
    if not len(rest):
        return None
    step, error = float(rest.min()), slack
    while error < step * (CUT_BLUR if rounding else BLUR):
        count = (rest / step).round()
        off, blur = (rest - count * step).abs(), slack + count * error
        left = off > blur
        if not bool(left.any()):
            break
        smallest = int(torch.where(left, off, torch.inf).argmin())
        step, error = float(off[smallest]), float(blur[smallest])
    else:
        return None
    step = _sharpened(step, error, rest, slack)
    since = stamps - stamps[_first(batch)][batch]
    steps = _counts(stamps, batch, step)  # counted gap by gap, where an error of the step does not add up
    step = float((since * steps).sum() / steps.square().sum())
    on = bool(((since / step - steps).abs() <= max(LATTICE_SLACK, 2 * rounding / step)).all())
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


def shortened_pauses(times: Tensor, batch: Tensor, longest: float, step: float) -> Tensor:
    """Stamps of which no two consecutive ones are farther apart than ``longest`` and one step.

    What follows a longer pause moves by whole steps, so that stamps stay on their lattice, and stays farther away than
    ``longest``.

    Args:
        times: sorted within each series, float64 ``[n]``.
        batch: series of each stamp ``[n]``.
        longest: of all pauses.
        step: by whole multiples of which stamps move.

    Raises:
        ValueError: stamps so large that their type holds no part of a step.

    Example:
        >>> times = torch.tensor([0.0, 1.0, 5.0, 1e7, 1e7 + 1], dtype=torch.float64)
        >>> shortened_pauses(times, torch.zeros(5, dtype=torch.long), 4.0, 0.5).tolist()
        [0.0, 1.0, 5.0, 9.5, 10.5]
    """
    gap = (times[1:] - times[:-1]).detach() * (batch[1:] == batch[:-1])
    over = (((gap - longest) / step - LATTICE_SLACK).ceil() - 1).clamp(min=0)
    if readable(times, batch):
        if not bool(over.any()):
            return times
        largest = float(times.detach().abs().max())
        if (apart := largest * torch.finfo(times.dtype).eps) > LATTICE_SLACK * step:
            raise ValueError(
                f"'times' must not be so large beside 'spacing' ({step:g}): numbers as large as {largest:.3g} are "
                f"{apart:.3g} apart, so that what follows a pause lies nowhere (is a stamp wrong, or the unit?)"
            )
    moved = torch.cat([over.new_zeros(1), over.cumsum(0)])  # whole numbers: exact
    starts = torch.cat([batch.new_ones(1), batch[1:] - batch[:-1]]) > 0
    first = torch.where(starts, torch.arange(len(batch), device=batch.device), 0).cummax(0).values
    return times - (moved - moved[first]) * step


def regular_times(
    times: Tensor, pointer: Tensor, batch: Tensor, spacing: float, *, from_first: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Times ``spacing`` apart from the first to the newest stamp of each series; the newest is one of them.

    Args:
        times: stamps, sorted within each series, float64 ``[n]``.
        pointer: series s has stamps ``pointer[s]`` to ``pointer[s + 1]``, int64 ``[B + 1]``.
        batch: series of each stamp ``[n]``.
        spacing: distance of the times.
        from_first: the first stamp is one of them instead, so that no later stamp says where they lie.

    Returns:
        the times ``[p]``, the series of each ``[p]``, and where among them each stamp lies, float64 ``[n]``: whole
        numbers where it is one of them, or before all of them, fractions between two.

    Raises:
        ValueError: more than 1024 times per stamp.

    Example:
        >>> times, pointer = torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64), torch.tensor([0, 3])
        >>> regular, _, place = regular_times(times, pointer, torch.zeros(3, dtype=torch.long), 0.5)
        >>> regular.tolist(), place.tolist()
        ([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0], [0.0, 1.0, 7.0])
    """
    newest, oldest = times[pointer[1:] - 1], times[pointer[:-1]]
    steps = ((newest - oldest) / spacing + LATTICE_SLACK).floor() + 1
    if float(steps.sum()) > MAX_TIMES_PER_SAMPLE * len(times):
        longest = int(steps.argmax())
        raise ValueError(
            f"'spacing' must give at most {MAX_TIMES_PER_SAMPLE} times per sample (got {spacing:g}: "
            f"{float(steps.sum()):.12g} times for {len(times)} samples, most of them in series {longest}, counted from "
            f"0, which lasts {float(newest[longest] - oldest[longest]):g})"
        )
    count = steps.long()
    end = count.cumsum(0) - 1
    series = torch.arange(len(count), device=times.device).repeat_interleave(count)
    number = torch.arange(len(series), device=times.device)
    if from_first:
        place = (times - oldest[batch]) / spacing + (end - count + 1)[batch]
        regular = oldest[series] + spacing * (number - (end - count + 1)[series]).to(times)
    else:
        place = end[batch] - (newest[batch] - times) / spacing
        regular = newest[series] - spacing * (end[series] - number).to(times)
    near = place.round()
    place = torch.where((place - near).abs() <= LATTICE_SLACK, near, place)
    return regular, series, torch.maximum(place, (end - count + 1)[batch].to(place))  # never another series'


def _first(batch: Tensor) -> Tensor:
    """Row of the first stamp of each series."""
    return torch.searchsorted(batch, torch.arange(int(batch[-1]) + 1, device=batch.device))


def _sharpened(step: float, error: float, gap: Tensor, slack: float) -> float:
    """A step that is known but for ``error``, from the longest gap whose steps can be counted; again while it helps."""
    while True:
        count = (gap / step).round()
        sure = torch.where(count * error < 0.25 * step, count, 0.0)
        longest = int(sure.argmax())
        most = float(sure[longest])
        if most < 1 or slack / most >= 0.5 * error:
            return step
        step, error = float(gap[longest]) / most, slack / most


def _counts(stamps: Tensor, batch: Tensor, step: float) -> Tensor:
    """Steps since the first stamp of a series, summed over consecutive stamps, float64."""
    steps = torch.zeros_like(stamps)
    same = batch[1:] == batch[:-1]
    steps[1:] = ((stamps[1:] - stamps[:-1]) / step).round() * same
    total = steps.cumsum(0)
    return total - total[_first(batch)][batch]
