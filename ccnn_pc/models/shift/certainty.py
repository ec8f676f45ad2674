"""How many answers are likely to be right, from how certain they are: no labels are needed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_same_length

#: Fewest answers whose number of right ones is judged; share of right ones by which it may differ in any case, and in
#: standard errors of the two shares.
SOME, _DIFFERENT, _ERRORS = 20, 0.05, 3.0


@dataclass(frozen=True)
class Certainty:
    r"""How certain a classifier was of the validation data, and how often it was right.

    Of other data so large a share of answers is expected to be right as is more certain than a threshold t
    (average thresholded confidence, Garg et al., ICLR 2022, eq. 3),

    .. math:: \hat a = \frac 1n \#\{i : H(p_i) < t\}, \qquad H(p) = -\sum_c p_c \log p_c

    which was chosen for :math:`\hat a` to be the accuracy on the validation data. It sees what makes answers less
    certain, and not what makes them wrong and as certain as before.

    Attributes:
        accuracy: share of the validation data that was answered rightly.
        entropy: t in nats.
        items: of the validation data.

    Example:
        >>> logits = torch.tensor([[4.0, 0.0], [0.0, 3.0], [1.0, 0.0], [0.2, 0.0]])
        >>> certainty = Certainty.of(logits, torch.tensor([0, 1, 0, 1]))
        >>> certainty.accuracy, certainty.expected(logits), certainty.expected(logits / 100)
        (0.75, 0.75, 0.0)
    """

    accuracy: float
    entropy: float
    items: int

    def __post_init__(self) -> None:
        if not 0 <= self.accuracy <= 1:
            raise ValueError(f"'accuracy' must be in [0, 1] (got {self.accuracy})")
        check_at_least("items", self.items, 1)

    @staticmethod
    def of(logits: Tensor, labels: Tensor) -> Certainty:
        """That of answers ``[n, K]``, or ``[n, 1]`` of two classes, to data with labels ``[n]``.

        Raises:
            ValueError: not one label for each answer, or none.
        """
        check_same_length("labels", labels, "logits", logits)
        check_at_least("items", len(labels), 1)
        entropy = entropies(logits)
        right = int((_of_classes(logits).argmax(dim=1) == labels).sum())
        least_certain_first = entropy.sort(descending=True).values
        wrong = len(labels) - right
        threshold = float(least_certain_first[max(wrong - 1, 0)])
        if not wrong:  # all are more certain
            threshold = math.nextafter(threshold, math.inf)
        return Certainty(right / len(labels), threshold, len(labels))

    def expected(self, logits: Tensor) -> float:
        """Share of these answers that is likely to be right."""
        return float((entropies(logits) < self.entropy).double().mean())

    def differs(self, share: float, items: int) -> bool:
        """Whether a share of right answers, so many items, is less than chance makes of that of the validation data.

        Fewer than 20 items say nothing.

        Example:
            >>> Certainty(0.95, 1.0, 400).differs(0.8, items=100), Certainty(0.95, 1.0, 400).differs(0.8, items=10)
            (True, False)
        """
        likely = (self.accuracy * self.items + 1) / (
            self.items + 2
        )  # none wrong is no proof that none will be
        error = math.sqrt(likely * (1 - likely) * (1 / items + 1 / self.items)) if items else math.inf
        return items >= SOME and share < self.accuracy - _DIFFERENT - _ERRORS * error

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for a model's description."""
        return asdict(self)

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> Certainty:
        """What :meth:`to_json` wrote.

        Raises:
            ValueError: a number that is missing or impossible.
        """
        try:
            return Certainty(float(stored["accuracy"]), float(stored["entropy"]), int(stored["items"]))
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"'certainty' must hold accuracy, entropy and items (got {dict(stored)})"
            ) from error


def entropies(logits: Tensor) -> Tensor:
    r""":math:`-\sum_c p_c \log p_c` of each answer, float64 ``[n]``, in nats."""
    log = _of_classes(logits).double().log_softmax(dim=1)
    return -(log.exp() * log).sum(dim=1)


def _of_classes(logits: Tensor) -> Tensor:
    """A logit for each class; one alone is that of the second of two."""
    return torch.cat([torch.zeros_like(logits), logits], dim=1) if logits.shape[1] == 1 else logits
