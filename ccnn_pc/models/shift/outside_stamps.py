"""Stamps of series that lie otherwise than those of a training: long pauses, wrong ones, many at one time."""

from __future__ import annotations

from collections.abc import Iterator

from ccnn_pc.models.shift.beyond import FACTOR, SIZE
from ccnn_pc.models.shift.seen import Seen
from ccnn_pc.models.shift.trained_on import TrainedOn

#: Stamps that are those before them, as a share of all, and how many times that of training.
TOGETHER, TIMES = 0.25, 3.0
#: Why an item lasts longer than ever, though it is sampled as densely.
PAUSE = "is a stamp wrong, or a pause long? Mend it; else cut series into pieces as long as those of training"


def stamps(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Pauses longer than whole series of training, and stamps that were rounded to one time."""
    known = trained.stamps
    if known.pause is None or known.together is None or found.pause is None or found.together is None:
        return
    longest, usual, span = found.pause.most, known.pause.most, trained.span[0].median
    if longest > max(FACTOR * usual, span) and not longest_is_usual(trained, found):
        yield (
            "pause",
            f"'data' have {longest:.3g} between two stamps where training had at most {usual:.3g}, and spanned "
            f"{span:.3g} in all: {PAUSE}",
        )
    share, usual = found.together.most, known.together.most
    if max(TOGETHER, TIMES * usual) < share < 1:
        yield (
            "place",
            f"{100 * share:.2g} % of the stamps in 'data' are those before them, and in training at most "
            f"{100 * usual:.2g} %: were times rounded, or dates without their hours? Give them as exactly as there",
        )


def longest_is_usual(trained: TrainedOn, found: Seen) -> bool:
    """Whether the longest step is as many usual ones as in training: then all are longer."""
    known = trained.stamps
    if known.pause is None or found.pause is None or not trained.spacing[0].least > 0:
        return False
    return found.pause.most <= SIZE * found.spacing[0].most * known.pause.most / trained.spacing[0].least
