"""Clouds whose axes stand in another order than those of training: labels tell."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ccnn_pc.cli.read_as import Footing

#: Clouds that are asked, spread over all, and fewest of them that say anything.
ASKED, FEWEST = 64, 16
#: Above it nothing is amiss; and how much more of them must be right, in standard deviations, and as a share.
RIGHT, DEVIATIONS, MORE = 0.75, 3.0, 0.2


def warn_of_other_axes(model: Any, dataset: Any, footing: Footing, to_model: Tensor) -> None:
    """Warn if far more clouds are answered as they are labelled with their axes in another order, or turned round.

    A cloud does not say which way is up, and positions are as large along any axis. Nothing is asked where the user
    names the axes, where most answers are right, or of fewer than :data:`FEWEST` clouds.
    An order in which most are still wrong explains nothing: their labels may be others.

    Args:
        model: of one class per cloud.
        dataset: as the model reads it.
        footing: of the model.
        to_model: the model's class of each class of the data.
    """
    from ccnn_pc.datasets.transforms.axes import other_axes
    from ccnn_pc.datasets.transforms.base import Compose
    from ccnn_pc.models import SamplingWarning
    from ccnn_pc.training.evaluation import confusion_matrix

    count = min(ASKED, len(dataset))
    if not footing.clouds or footing.said.axes is not None or count < FEWEST or not hasattr(model, "reading"):
        return
    rows = [i * len(dataset) // count for i in range(count)]
    plain = dataset.transform or Compose([])

    def right(axes: str | None) -> int:
        made = plain if axes is None else footing.turned(plain, axes)
        part, said = dataset.subset(rows, transform=made), set(model.warned)
        with warnings.catch_warnings():  # what is otherwise with them is said when they are answered
            warnings.simplefilter("ignore", SamplingWarning)
            found = confusion_matrix(model, part, to_model, len(model.classes), batch_size=ASKED)
        model.warned = said
        return int(found.diagonal().sum())

    given = right(None)
    if given >= RIGHT * count:
        return
    best, axes = max((right(axes), axes) for axes in other_axes())
    if 2 * best > count and best - given > max(MORE * count, DEVIATIONS * math.sqrt(count) / 2):
        model.warned |= {"axes", "values"}  # which follow from it
        warnings.warn(
            f"of {count} clouds {given} are answered as they are labelled, and {best} with their axes in the order "
            f"{axes}: are they in another order than in training? Then read them so (--axes {axes})",
            SamplingWarning,
            stacklevel=3,
        )
