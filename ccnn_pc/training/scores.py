"""Scores of one pass over data: taken in batch by batch, stored in checkpoints, read at the end."""

from __future__ import annotations

import abc
import math
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection, SumMetric
from torchmetrics.classification import BinaryAUROC, MulticlassConfusionMatrix

#: Scores of which the lower is the better one.
FALLING = (
    *("loss", "mse", "bits_per_character", "mae", "angle"),
    *("type_1_error", "type_2_error", "total_error"),
)


def overall_accuracy(confusion: Tensor) -> Tensor:
    """Return the share of the diagonal of ``confusion`` ``[K, K]`` (row: true class, column: predicted).

    Example:
        >>> overall_accuracy(torch.tensor([[3, 1], [0, 4]])).item()
        0.875
    """
    confusion = confusion.double()
    return confusion.diagonal().sum() / confusion.sum().clamp(min=1)


def mean_class_accuracy(confusion: Tensor) -> Tensor:
    """Return the mean over the classes that occur of the share of each class found.

    Example:
        >>> mean_class_accuracy(torch.tensor([[3, 1, 0], [0, 1, 0], [0, 0, 0]])).item()
        0.875
    """
    confusion = confusion.double()
    totals = confusion.sum(dim=1)
    present = totals > 0
    shares = confusion.diagonal()[present] / totals[present]
    return (
        shares.mean() if bool(present.any()) else torch.zeros((), dtype=torch.double, device=confusion.device)
    )


def predicted_classes(logits: Tensor) -> Tensor:
    """Return classes ``[B]`` of logits ``[B, K]``, or of the single logit ``[B, 1]`` of a two-class model."""
    return (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)


def positive_probability(logits: Tensor) -> Tensor:
    """Return the probability of class 1 of two, float64 ``[B]``, from logits ``[B, 1]`` or ``[B, 2]``.

    Example:
        >>> positive_probability(torch.tensor([[0.0]])), positive_probability(torch.tensor([[2.0, 2.0]]))
        (tensor([0.5000], dtype=torch.float64), tensor([0.5000], dtype=torch.float64))
    """
    logits = logits.double()
    return (logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]).sigmoid()


class Scores(nn.Module, abc.ABC):
    """What one pass adds up; a resumed epoch goes on where it was.

    Args:
        states: the sums, by name.
    """

    #: Names of :meth:`results`, those that may be left out included; what is monitored is looked up before training.
    names: tuple[str, ...] = ()

    def __init__(self, **states: Metric) -> None:
        super().__init__()
        self.states = MetricCollection(dict(states), compute_groups=False)
        self.states.persistent(True)

    @abc.abstractmethod
    def add(self, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """Take in one batch: its mean loss, the model's answers, the targets."""

    def add_batch(self, batch: Any, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """The same with what else is known of the batch, for scores that need more; by default :meth:`add`."""
        self.add(loss, answers, target)

    @abc.abstractmethod
    def results(self) -> dict[str, float]:
        """Return the scores so far, ``loss`` first; one that is not defined yet is left out."""

    @abc.abstractmethod
    def count(self) -> int:
        """Return the number of items so far."""

    def confusion(self) -> Tensor | None:
        """Return the matrix ``[K, K]`` so far, true classes in rows; None where there are no classes."""
        return None

    def of_classes(self) -> dict[str, Tensor]:
        """Return scores of single classes so far, ``[K]`` by name; NaN where one is not defined."""
        return {}

    def reset(self) -> None:
        """Forget everything."""
        self.states.reset()

    def total(self, name: str) -> float:
        """Return one of the sums."""
        return float(self.states[name].compute())


def running_sum() -> SumMetric:
    """A sum that keeps what is not finite."""
    return SumMetric(nan_strategy="disable")


class RunningScores(Scores):
    """Mean loss and confusion matrix of classes.

    Args:
        num_classes: K.
    """

    names: tuple[str, ...] = ("loss", "accuracy", "mean_class_accuracy")

    def __init__(self, num_classes: int) -> None:
        super().__init__(loss=running_sum(), confusion=MulticlassConfusionMatrix(num_classes))

    def add(self, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """Take in one batch: mean loss, logits ``[B, K]``, classes ``[B]``."""
        self.states["loss"].update(loss.detach().double() * len(target))
        self.states["confusion"].update(predicted_classes(answers.detach()), target)

    def confusion(self) -> Tensor:
        """Return the matrix ``[K, K]`` so far, true classes in rows."""
        return self.states["confusion"].compute()

    def count(self) -> int:
        """Return the number of items so far."""
        return int(self.confusion().sum())

    def results(self) -> dict[str, float]:
        """Return loss, accuracy and mean-class accuracy so far."""
        confusion = self.confusion()
        return {
            "loss": float(self.states["loss"].compute() / confusion.sum().clamp(min=1)),
            "accuracy": float(overall_accuracy(confusion)),
            "mean_class_accuracy": float(mean_class_accuracy(confusion)),
        }


class BinaryScores(RunningScores):
    r"""Those of two classes, with the area under the ROC curve.

    .. math:: \mathrm{AUC} = P(s_+ > s_-) + \tfrac12 P(s_+ = s_-)

    of the scores s of a random item of class 1 and of class 0. It keeps every probability until it is reset; they are
    not stored in checkpoints, since a validation is never resumed in its middle.
    """

    names: tuple[str, ...] = (*RunningScores.names, "auc")

    def __init__(self) -> None:
        super().__init__(2)
        self.roc = BinaryAUROC()

    def add(self, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """Take in one batch: mean loss, logits ``[B, 1]`` or ``[B, 2]``, classes ``[B]``."""
        super().add(loss, answers, target)
        # probabilities, because the metric would take logits that happen to lie in [0, 1] for them
        self.roc.update(positive_probability(answers.detach()), target)

    def results(self) -> dict[str, float]:
        """Return loss, accuracies and, once both classes have been seen, ``auc``."""
        found = super().results()
        if bool((self.confusion().sum(dim=1) > 0).all()):
            found["auc"] = float(self.roc.compute())
        return found

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.roc.reset()


class StepScores(Scores):
    """Mean loss of all steps that have a target, and the accuracy of those that count.

    Args:
        num_classes: K.
        last: how many steps at the end count; None: all that have a target.
        ignored: class number of a step without a target.
        bits: whether to say the loss in bits, too.
    """

    def __init__(self, num_classes: int, last: int | None, ignored: int, bits: bool) -> None:
        super().__init__(
            loss=running_sum(),
            steps=running_sum(),
            seen=running_sum(),
            confusion=MulticlassConfusionMatrix(num_classes),
        )
        self.last, self.ignored, self.bits = last, ignored, bits
        self.names = ("loss", "accuracy", *(("bits_per_character",) if bits else ()))

    def add(self, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """Take in one batch: mean loss, logits ``[B, K, L]`` or ``[n, K]``, classes ``[B, L]`` or ``[n]``."""
        scored = target != self.ignored
        steps = scored.sum()
        self.states["loss"].update(torch.where(steps > 0, loss.detach().double() * steps, 0.0))
        self.states["steps"].update(steps)
        self.states["seen"].update(len(target))
        if self.last is not None:
            scored = scored.clone()
            scored[:, : -self.last] = False
        self.states["confusion"].update(answers.detach().argmax(dim=1)[scored], target[scored])

    def confusion(self) -> Tensor:
        """Return the matrix ``[K, K]`` of the steps that count, true classes in rows."""
        return self.states["confusion"].compute()

    def count(self) -> int:
        """Return the number of sequences so far."""
        return int(self.total("seen"))

    def results(self) -> dict[str, float]:
        """Return loss, accuracy and, if wanted, bits per character so far."""
        loss = self.total("loss") / max(self.total("steps"), 1.0)
        found = {"loss": loss, "accuracy": float(overall_accuracy(self.confusion()))}
        return {**found, "bits_per_character": loss / math.log(2)} if self.bits else found


class ErrorScores(Scores):
    """Mean squared error of numbers."""

    names: tuple[str, ...] = ("loss", "mse")

    def __init__(self) -> None:
        super().__init__(loss=running_sum(), squares=running_sum(), numbers=running_sum(), seen=running_sum())

    def add(self, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """Take in one batch: mean loss, answers and targets of one shape ``[B, ...]``."""
        self.states["loss"].update(loss.detach().double() * len(target))
        self.states["squares"].update((answers.detach().double() - target.double()).square().sum())
        self.states["numbers"].update(target.numel())
        self.states["seen"].update(len(target))

    def count(self) -> int:
        """Return the number of items so far."""
        return int(self.total("seen"))

    def results(self) -> dict[str, float]:
        """Return loss and mean squared error so far."""
        return {
            "loss": self.total("loss") / max(self.total("seen"), 1.0),
            "mse": self.total("squares") / max(self.total("numbers"), 1.0),
        }
