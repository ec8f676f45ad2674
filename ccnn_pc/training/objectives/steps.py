"""One class per step of a sequence."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from ccnn_pc._checks import check_at_least
from ccnn_pc.models.task import Task, TaskKind
from ccnn_pc.training.objectives.base import Objective, check_several
from ccnn_pc.training.scores import Scores, StepScores


class StepClassification(Objective):
    r"""Cross entropy at every step that has a target; accuracy of the steps that count.

    .. math:: L = -\frac{1}{|S|} \sum_{(b, t) \in S} \log \mathrm{softmax}(a_{b,:,t})_{y_{bt}},
        \qquad S = \{(b, t) : y_{bt} \ne \mathrm{ignored}\}

    The copy memory (CKConv, arXiv 2102.02611, section 5.1) trains on all steps and is judged on the last ten. Of text,
    character by character, L / ln 2 is the number of bits per character. A batch in which no step has a target
    counts 0.

    Args:
        num_classes: K, at least 2.
        class_counts: not used; tasks give it to every objective.
        last: how many steps at the end the accuracy is of (default: all that have a target).
        ignored: class number of a step without a target (default -100).
        bits: whether scores have ``bits_per_character`` (default False).

    Shapes:
        * answers ``[B, K, L]`` and targets ``[B, L]``; or, sample by sample, ``[n, K]`` and ``[n]`` (without ``last``).

    Raises:
        ValueError: numbers out of range; answers that do not fit the targets.

    Example:
        >>> import torch
        >>> text = StepClassification(3, bits=True)
        >>> answers, target = torch.zeros(1, 3, 4), torch.tensor([[-100, -100, 0, 2]])
        >>> scores = text.scores(training=False)
        >>> scores.add(text.loss(answers, target), answers, target)
        >>> scores.results()
        {'loss': 1.098..., 'accuracy': 0.5, 'bits_per_character': 1.584...}
    """

    def __init__(
        self,
        num_classes: int,
        *,
        class_counts: Sequence[int] | None = None,
        last: int | None = None,
        ignored: int = -100,
        bits: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes = check_several(num_classes)
        self.last = None if last is None else check_at_least("last", last, 1)
        self.ignored, self.bits = ignored, bits

    @property
    def task(self) -> Task:
        """A class per sample."""
        return Task(TaskKind.STEPS, self.last, self.ignored, self.bits)

    def loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """Mean cross entropy over the steps that have a target."""
        if target.dim() == 1 and len(answers) > len(target) and answers.dim() == 2:
            raise ValueError(
                f"targets must be a class for each of the {len(answers)} samples (got {len(target)}): data with one "
                "class per item have task=classification"
            )
        wanted = (len(target), self.num_classes, *target.shape[1:])
        if tuple(answers.shape) != wanted:
            raise ValueError(
                f"'model' must answer at every step, with logits {list(wanted)} (got {list(answers.shape)}): "
                "give it pool=None"
            )
        if self.last is not None and target.dim() != 2:
            raise ValueError(f"'last' must be None where samples have no order (got {self.last})")
        known = (target != self.ignored).sum()
        total = functional.cross_entropy(answers, target, ignore_index=self.ignored, reduction="sum")
        return total / known.clamp(min=1)

    def scores(self, *, training: bool) -> Scores:
        """Loss, accuracy and, if wanted, bits per character."""
        return StepScores(self.num_classes, self.last, self.ignored, self.bits)
