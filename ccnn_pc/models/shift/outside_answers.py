"""Numbers that are answered far from all targets of a training, and targets that are otherwise than the answers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ccnn_pc.models.shift.trained_on import Spread

#: Times the range of all targets that a number lies beyond them, to be called far.
FAR = 1.0
#: Fewest targets that are compared with answers; how well these must follow one another.
_SOME, _FOLLOW = 8, 0.8
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
        room = FAR * (there.most - there.least)
        if not len(column) or not room > 0:
            continue
        low, high = float(column.min()), float(column.max())
        if low < there.least - room or high > there.most + room:
            return place, low if there.least - low > high - there.most else high
    return None


def of_answers(answers: Tensor, targets: Sequence[Spread], names: Sequence[str] = ()) -> str | None:
    """What is said of answers ``[n, K]`` that lie far from all targets; None: nothing."""
    found = far_off(answers.detach(), targets)
    if found is None:
        return None
    place, value = found
    there = targets[place]
    return (
        f"{_called(place, len(targets), names)} is answered with {value:.4g}, and in training lay between "
        f"{there.least:.4g} and {there.most:.4g}: are these data unlike those of the training, or was it too short? "
        "Look at them, or train on such too"
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
        f"{_called(place, count, names)} is {value:.4g} in targets of 'data', and in training lay between "
        f"{there.least:.4g} and {there.most:.4g}: in another unit, or a mark of what is not known? Bring it to that of "
        "the training, or leave it out"
    )


def _as_there(targets: Tensor, there: Spread) -> bool:
    """Whether targets lie about where those of the training did, and vary about as much."""
    here = Spread.of(targets)
    wide, usual = here.high - here.low, there.high - there.low
    return there.low <= here.median <= there.high and usual / _WIDER < wide < usual * _WIDER


def _called(place: int, count: int, names: Sequence[str]) -> str:
    return repr(names[place]) if len(names) == count else f"number {place}"


def _short(number: float) -> str:
    """Three digits, and no exponent up to a million."""
    return f"{float(f'{number:.3g}'):g}"


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
