"""Numbers that are answered far from all targets of a training, and targets that are otherwise than the answers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ccnn_pc.models.shift.trained_on import Spread

#: Times the range of all targets that a number lies beyond them, to be called far; of skewed ones so many times more.
FAR, SKEWED = 1.0, 10.0
#: Fewest targets that are compared with answers; how well these must follow one another.
_SOME, _FOLLOW = 8, 0.8
#: Of a range, what rounding to float32 leaves of 0.
_NOTHING = 1e-6
#: Times that targets vary as much as those of the training, to be in another unit.
_WIDER = 2.0


def far_off(numbers: Tensor, targets: Sequence[Spread]) -> tuple[int, float] | None:
    """Which number of ``[n, K]`` lies far from all targets, and its value; None: none does, or all targets are one.

    Example:
        >>> ages = Spread(20.0, 25.0, 40.0, 55.0, 60.0)
        >>> far_off(torch.tensor([[30.0], [-50.0]]), [ages]), far_off(torch.tensor([[0.0], [90.0]]), [ages])
        ((0, -50.0), None)
    """
    for place, (column, there) in enumerate(zip(numbers.unbind(1), targets, strict=False)):
        column = column[column.isfinite()]
        if not len(column) or not there.most > there.least:
            continue
        low, high = float(column.min()), float(column.max())
        above, below = _room(there), _room(Spread(*(-each for each in reversed(there))))
        if low < there.least - below or high > there.most + above:
            return place, low if there.least - low > high - there.most else high
    return None


def _room(there: Spread) -> float:
    """How far above all targets is far: their range, times as much as they reach farther up than down.

    Example:
        >>> _room(Spread(0.0, 1.0, 5.0, 9.0, 10.0)), _room(Spread(0.0, 1.0, 2.0, 6.0, 20.0))
        (12.5, 90.0)
    """
    up, down = there.high - there.median, there.median - there.low
    longer = max(
        up / down if down > 0 else SKEWED, (there.most - there.median) / up if up > 0 else SKEWED, 1.0
    )
    return FAR * min(longer, SKEWED) * (there.most - there.least)


def of_answers(answers: Tensor, targets: Sequence[Spread], names: Sequence[str] = ()) -> str | None:
    """What is said of answers ``[n, K]`` that lie far from all targets; None: nothing."""
    found = far_off(answers.detach(), targets)
    if found is None:
        return None
    place, value = found
    there = targets[place]
    return (
        f"{_called(place, len(targets), names)} is answered with {_short(value, 4)}, and in training lay "
        f"{_between(there)}: are these data unlike those of the training, or was it too short? Look at them, or train "
        "on such too"
    )


def of_targets(
    answers: Tensor, targets: Tensor, trained: Sequence[Spread], names: Sequence[str] = ()
) -> str | None:
    """What is said of targets that are in another unit than the answers, or elsewhere than those of the training.

    Args:
        answers: ``[n, K]``.
        targets: the same.
        trained: targets of the training; of others nothing is said.
        names: of the numbers.

    Example:
        >>> answers = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.1]])
        >>> print(of_targets(answers, 1000 * answers, [Spread.of(answers)], ["height"]))
        targets of 'data' for 'height' follow the answers (correlation 1.00), but are 1000 times as large: are they in \
another unit? Bring them to that of the training
    """
    count = answers.shape[1]
    for place, there in enumerate(trained[:count]):
        known = answers[:, place].isfinite() & targets[:, place].isfinite()
        said, true = answers[known, place].double(), targets[known, place].double()
        if len(said) < _SOME or _explained(true, said) > 0 or _as_there(true, there):
            continue  # answers may be bad
        if (
            there.least <= float(true.min())
            and float(true.max()) <= there.most
            and not _as_there(said, there)
        ):
            continue  # of some kinds of item alone, of which all answers are too high or too low
        how = _related(said, true)
        if how is not None:
            return (
                f"targets of 'data' for {_called(place, count, names)} follow the answers (correlation "
                f"{float(torch.corrcoef(torch.stack([said, true]))[0, 1]):.2f}), but are {how}: are they in another "
                "unit? Bring them to that of the training"
            )
    found = far_off(targets, trained)
    if found is None:
        return None
    place, value = found
    there = trained[place]
    return (
        f"{_called(place, count, names)} is {_short(value, 4)} in targets of 'data', and in training lay "
        f"{_between(there)}: in another unit, or a mark of what is not known? Bring it to that of the training, or "
        "leave it out"
    )


def _as_there(targets: Tensor, there: Spread) -> bool:
    """Whether targets lie about where those of the training did, and vary about as much."""
    here = Spread.of(targets)
    wide, usual = here.high - here.low, there.high - there.low
    return there.low <= here.median <= there.high and usual / _WIDER < wide < usual * _WIDER


def _called(place: int, count: int, names: Sequence[str]) -> str:
    return repr(names[place]) if len(names) == count else f"number {place}"


def _between(there: Spread) -> str:
    """Where all targets lay; what rounding leaves of 0 is 0.

    Example:
        >>> _between(Spread(-1.732e-08, 0.1, 0.5, 0.9, 1.0)), _between(Spread(12344.4, 2e4, 3e4, 4e4, 51234.0))
        ('between 0 and 1', 'between 12340 and 51230')
    """
    least = most = ""
    for digits in (4, 6, 9):  # such that they differ
        least, most = (_short(each, digits, there.most - there.least) for each in (there.least, there.most))
        if least != most:
            break
    return f"between {least} and {most}"


def _short(number: float, digits: int = 3, size: float = 0.0) -> str:
    """A few digits, and no exponent from a thousandth to a billion; 0 where it is nothing beside a ``size``.

    Example:
        >>> _short(123456.0), _short(-2.5e-8, size=1.0), _short(1e9), _short(2.5e12)
        ('123000', '0', '1000000000', '2.5e+12')
    """
    rounded = 0.0 if abs(number) < _NOTHING * size else float(f"{number:.{digits}g}")
    return f"{rounded:.10g}"


def _explained(true: Tensor, said: Tensor) -> float:
    """R² of what is said; -inf where nothing varies."""
    spread = float((true - true.mean()).square().sum())
    return 1 - float((true - said).square().sum()) / spread if spread > 0 else -math.inf


def _related(said: Tensor, true: Tensor) -> str | None:
    """How targets come of answers that they follow, in words: a factor, an offset, or both."""
    varied = float((said - said.mean()).square().sum())
    if not varied > 0 or not float((true - true.mean()).square().sum()) > 0:
        return None
    together = float(torch.corrcoef(torch.stack([said, true]))[0, 1])
    if not abs(together) > _FOLLOW:
        return None
    factor = float((said * true).sum() / said.square().sum())
    shift = float((true - said).mean())
    best = together**2 - 0.1
    if _explained(true, factor * said) > best:
        return f"{_short(factor)} times as large"
    if _explained(true, said + shift) > best:
        return f"shifted by {_short(shift)}"
    slope = float(((said - said.mean()) * (true - true.mean())).sum()) / varied
    offset = float(true.mean()) - slope * float(said.mean())
    return f"{_short(slope)} times the answer {'+' if offset >= 0 else '-'} {_short(abs(offset))}"
