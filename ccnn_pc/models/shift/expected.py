"""How many of the answers to new data are likely to be right, said where they are fewer than on validation data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ccnn_pc.models.base import Model
from ccnn_pc.models.shift.certainty import SOME
from ccnn_pc.models.shift.outside import SamplingWarning
from ccnn_pc.models.task import TaskKind


class Expected:
    """Takes in the answers of a classifier that knows how certain it was of the validation data.

    Args:
        model: the classifier; others are not looked at.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        whole = model.out_channels > 0 and model.answers.kind is TaskKind.CLASSIFICATION
        self.certainty = model.certainty if whole else None
        self.items, self._likely = 0, 0.0

    def __call__(self, batch: Any, answers: Tensor, target: Tensor | None = None) -> None:
        """Take in logits ``[B, K]``."""
        if self.certainty is not None and answers.dim() == 2 and len(answers):
            self._likely += self.certainty.expected(answers.detach()) * len(answers)
            self.items += len(answers)

    def of_rows(self, rows: Sequence[Mapping[str, Any]]) -> Expected:
        """Take in answers as ``predict`` gives them."""
        chances = [list(row["probabilities"].values()) for row in rows if "probabilities" in row]
        if chances:
            self(None, torch.tensor(chances, dtype=torch.float64).clamp(min=1e-300).log())
        return self

    @property
    def share(self) -> float | None:
        """Share of the answers that is likely to be right; None: nobody knows."""
        return self._likely / self.items if self.items else None

    def sentence(self) -> str | None:
        """What is said of answers to data without labels; None: too few, or nobody knows."""
        if self.certainty is None or self.share is None or self.items < SOME:
            return None
        return (
            f"about {self.share:.0%} of these {self.items:,} answers are likely to be right, by how certain they are "
            f"(validation data: {self.certainty.accuracy:.0%})"
        )

    def warn(self, accuracy: float | None = None) -> None:
        """Name answers that are less certain than those to the validation data, or certain of other labels.

        Nothing is said where axes or colours in another order explain it.

        Args:
            accuracy: share that labels call right; None: there are none.
        """
        if self.certainty is None or self.share is None or {"axes", "colours"} & self.model.warned:
            return
        known = f"{self.certainty.accuracy:.0%} on validation data"
        if self.certainty.differs(self.share, self.items):
            text = (
                f"the answers to 'data' are less certain than those to the validation data: {self.share:.0%} of "
                f"{self.items:,} are likely to be right ({known}): other axes (of clouds --axes names them), views, "
                "units, orders of channels or preparations than in training? Look at some beside items of the "
                "training, ccnn-pc show draws them"
            )
        elif accuracy is not None and self.certainty.differs(accuracy, self.items):
            text = (
                f"labels of 'data' agree with {accuracy:.0%} of {self.items:,} answers that are as certain as ever "
                f"({known}): labels in another order or of another meaning, or data that lead the model astray? Look "
                "at some of the items that it has wrong, ccnn-pc evaluate --html shows them"
            )
        else:
            return
        warnings.warn(text, SamplingWarning, stacklevel=2)
