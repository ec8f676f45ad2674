"""The training of a classifier as a Lightning module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ccnn_pc._checks import check_at_least, check_fraction
from ccnn_pc.kernels.base import AbstractKernel
from ccnn_pc.nn.penalty import kernel_penalty
from ccnn_pc.training._ranges import check_not_negative
from ccnn_pc.training.metrics import RunningScores


def classification_loss(logits: Tensor, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the cross entropy of ``logits`` ``[B, K]``; ``[B, 1]`` is the logit of class 1 of two.

    With smoothing s the target distribution is ``(1 - s) * onehot + s / K`` (K = 2 for the single logit).

    Example:
        >>> one = torch.tensor([[0.7], [-1.2]])
        >>> two = torch.cat([torch.zeros_like(one), one], dim=1)
        >>> target = torch.tensor([1, 1])
        >>> torch.allclose(classification_loss(one, target, 0.1), classification_loss(two, target, 0.1))
        True
    """
    if logits.shape[1] == 1:
        smooth = target.to(logits.dtype) * (1.0 - label_smoothing) + 0.5 * label_smoothing
        return functional.binary_cross_entropy_with_logits(logits[:, 0], smooth)
    return functional.cross_entropy(logits, target, label_smoothing=label_smoothing)


def log_prior(class_counts: Sequence[int] | None, num_classes: int) -> Tensor:
    """Return the logarithm of the share of each class, ``[K]``.

    Example:
        >>> log_prior([1, 3], 2).exp().tolist()
        [0.25, 0.75]

    Raises:
        ValueError: if there is not one positive count per class.
    """
    if class_counts is None or len(class_counts) != num_classes or min(class_counts) < 1:
        raise ValueError(
            f"'class_counts' must hold a positive number for each of {num_classes} classes (got {class_counts})"
        )
    counts = torch.tensor([float(count) for count in class_counts])
    return (counts / counts.sum()).log()


class ClassificationTask(pl.LightningModule):
    """One label per cloud: loss, scores, optimiser.

    Minimises ``cross entropy + kernel_penalty * P + aliasing_penalty * A`` with P the sum over layers of the
    kernel L2 penalty (CCNN, arXiv 2206.03398, eq. 3 up to its factor 1/2) and A what ``aliasing`` returns
    (FlexConv, arXiv 2110.08059, section 3.3). A penalty of weight 0 is not computed.

    Where classes are unequally frequent and each should count the same, ``logit_adjustment`` τ trains
    ``logits + τ log prior`` and scores ``logits``: with τ = 1 the best scores then minimise the mean error over
    classes (Menon et al., arXiv 2007.07314, eq. 10).

    Args:
        model: ``model(batch) -> logits [B, K]`` (``[B, 1]`` allowed for two classes).
        num_classes: K.
        optimizer: ``optimizer(model)``.
        schedule: ``schedule(optimizer, total_steps=, steps_per_epoch=)``; None keeps the rate.
        label_smoothing: in [0, 1) (default 0); used in training only.
        kernel_penalty: weight of P (default 0).
        aliasing_penalty: weight of A (default 0).
        aliasing: ``aliasing(model, batch) -> scalar``; needed if its weight is above 0.
        logit_adjustment: τ, at least 0 (default 0: classes count as often as they occur).
        class_counts: training samples per class ``[K]``; needed if τ is above 0.

    Raises:
        ValueError: if a weight is out of range, or ``aliasing`` or ``class_counts`` are missing.
    """

    def __init__(
        self,
        model: nn.Module,
        num_classes: int,
        *,
        optimizer: Callable[[nn.Module], Optimizer],
        schedule: Callable[..., LRScheduler] | None = None,
        label_smoothing: float = 0.0,
        kernel_penalty: float = 0.0,
        aliasing_penalty: float = 0.0,
        aliasing: Callable[[nn.Module, Any], Tensor] | None = None,
        logit_adjustment: float = 0.0,
        class_counts: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        check_at_least("num_classes", num_classes, 2)
        if aliasing_penalty > 0 and aliasing is None:
            raise ValueError(
                f"'aliasing' must be given if 'aliasing_penalty' is above 0 (got {aliasing_penalty})"
            )
        self.model = model
        self.num_classes = num_classes
        self.make_optimizer, self.make_schedule = optimizer, schedule
        self.label_smoothing = check_fraction("label_smoothing", label_smoothing)
        self.kernel_penalty_weight = check_not_negative("kernel_penalty", kernel_penalty)
        self.aliasing_penalty_weight = check_not_negative("aliasing_penalty", aliasing_penalty)
        self.aliasing = aliasing
        self.prior_shift: Tensor | None
        self.register_buffer("prior_shift", None, persistent=False)
        if check_not_negative("logit_adjustment", logit_adjustment) > 0:
            self.prior_shift = logit_adjustment * log_prior(class_counts, num_classes)
        self.train_scores = RunningScores(num_classes)
        self.eval_scores = RunningScores(num_classes)

    def forward(self, batch: Any) -> Tensor:
        """Logits of a batch."""
        logits: Tensor = self.model(batch)
        return logits

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Loss of one batch, penalties included."""
        target = batch.y.view(-1)
        if self.kernel_penalty_weight > 0:
            with kernel_penalty() as penalty:
                logits = self(batch)
            extra = self.kernel_penalty_weight * penalty.total()
        else:
            logits, extra = self(batch), None
        loss = classification_loss(self._with_prior(logits.float()), target, self.label_smoothing)
        self.train_scores.add(loss, logits, target)
        if extra is not None:
            loss = loss + extra
        if self.aliasing_penalty_weight > 0 and self.aliasing is not None:
            loss = loss + self.aliasing_penalty_weight * self.aliasing(self.model, batch)
        return loss

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None
    ) -> None:
        """Step, then bring the parameters of kernels back into their range."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        for module in self.model.modules():
            if isinstance(module, AbstractKernel):
                module.constrain_()

    def on_train_epoch_start(self) -> None:
        """Start new scores; not called when an epoch is resumed in its middle."""
        self.train_scores.reset()

    def on_train_epoch_end(self) -> None:
        """Log the scores of the epoch."""
        self._log_scores("train", self.train_scores)
        self.log("lr", self.optimizers().param_groups[0]["lr"])  # type: ignore[union-attr]

    def on_validation_epoch_start(self) -> None:
        """Start new scores."""
        self.eval_scores.reset()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Take in one batch."""
        self._evaluate(batch)

    def on_validation_epoch_end(self) -> None:
        """Log the scores."""
        self._log_scores("val", self.eval_scores)

    def on_test_epoch_start(self) -> None:
        """Start new scores."""
        self.eval_scores.reset()

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Take in one batch."""
        self._evaluate(batch)

    def on_test_epoch_end(self) -> None:
        """Log the scores."""
        self._log_scores("test", self.eval_scores)

    def configure_optimizers(self) -> Any:
        """Optimiser and, per step, its schedule."""
        optimizer = self.make_optimizer(self.model)
        if self.make_schedule is None:
            return optimizer
        total = int(self.trainer.estimated_stepping_batches)
        epochs = self.trainer.max_epochs or 0
        per_epoch = max(1, round(total / epochs)) if epochs > 0 else total
        schedule = self.make_schedule(optimizer, total_steps=max(total, 1), steps_per_epoch=per_epoch)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _with_prior(self, logits: Tensor) -> Tensor:
        if self.prior_shift is None:
            return logits
        if logits.shape[1] == 1:  # the logit of class 1 against class 0
            return logits + (self.prior_shift[1] - self.prior_shift[0])
        return logits + self.prior_shift

    def _evaluate(self, batch: Any) -> None:
        logits, target = self(batch), batch.y.view(-1)
        self.eval_scores.add(classification_loss(logits.float(), target), logits, target)

    def _log_scores(self, part: str, scores: RunningScores) -> None:
        for name, value in scores.results().items():
            self.log(f"{part}/{name}", torch.tensor(value), batch_size=1)
