"""The training of a network as a Lightning module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ccnn_pc._checks import check_not_negative
from ccnn_pc.kernels.base import AbstractKernel
from ccnn_pc.models.base import Network
from ccnn_pc.nn.penalty import kernel_penalty
from ccnn_pc.training.first_statistics import FirstStatistics
from ccnn_pc.training.mixing import Mixing
from ccnn_pc.training.objectives import Classification, Objective
from ccnn_pc.training.scores import Scores


class ObjectiveFactory(Protocol):
    """Makes an objective for so many classes."""

    def __call__(self, num_classes: int, *, class_counts: Sequence[int] | None = None) -> Objective: ...


@runtime_checkable
class Measuring(Protocol):
    """What has measured something that a resumed run must not measure again."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class SupervisedTask(pl.LightningModule):
    """Objective, penalties, scores, optimiser.

    Minimises ``objective + kernel_penalty * P + aliasing_penalty * A`` with P the sum over layers of the
    kernel L2 penalty (CCNN, arXiv 2206.03398, eq. 3 up to its factor 1/2) and A what ``aliasing`` returns
    (FlexConv, arXiv 2110.08059, section 3.3). A penalty of weight 0 is not computed. Logs the objective's scores as
    ``train/…``, ``val/…`` and ``test/…``.

    Args:
        model: ``model(batch) -> answers``, of the shape that the objective wants.
        num_classes: K, or how many numbers are targets.
        objective: makes what is minimised: called with ``num_classes, class_counts=`` (default: one class per item).
        optimizer: ``optimizer(model)``.
        schedule: ``schedule(optimizer, total_steps=, steps_per_epoch=)``; None keeps the rate.
        kernel_penalty: weight of P (default 0).
        aliasing_penalty: weight of A (default 0).
        aliasing: ``aliasing(model, batch) -> scalar``; needed if its weight is above 0. One that measures something has
            ``state_dict`` and ``load_state_dict``, and resumed runs go on with what it had measured.
        class_counts: training samples per class ``[K]``, for objectives that want them.

    Raises:
        ValueError: if a weight is out of range, or ``aliasing`` is missing.
    """

    def __init__(
        self,
        model: nn.Module,
        num_classes: int,
        *,
        optimizer: Callable[[nn.Module], Optimizer],
        objective: ObjectiveFactory = Classification,
        schedule: Callable[..., LRScheduler] | None = None,
        kernel_penalty: float = 0.0,
        aliasing_penalty: float = 0.0,
        aliasing: Callable[[nn.Module, Any], Tensor] | None = None,
        class_counts: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if aliasing_penalty > 0 and aliasing is None:
            raise ValueError(
                f"'aliasing' must be given if 'aliasing_penalty' is above 0 (got {aliasing_penalty})"
            )
        self.model = model
        for module in model.modules():
            if isinstance(module, Network):  # a run that was resumed has not seen the same last batches
                module.recent = 0
        self._first = FirstStatistics(model)
        self.objective = objective(num_classes, class_counts=class_counts)
        self.make_optimizer, self.make_schedule = optimizer, schedule
        self.kernel_penalty_weight = check_not_negative("kernel_penalty", kernel_penalty)
        self.aliasing_penalty_weight = check_not_negative("aliasing_penalty", aliasing_penalty)
        self.aliasing = aliasing
        self.mixing: Mixing | None = None
        self.train_scores = self.objective.scores(training=True)
        self.eval_scores = self.objective.scores(training=False)

    def forward(self, batch: Any) -> Tensor:
        """Answers for a batch."""
        answers: Tensor = self.model(batch)
        return answers

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Loss of one batch, penalties included."""
        mixed = self.mixing(batch) if self.mixing else None
        batch = batch if mixed is None else mixed.batch
        target = self.objective.target(batch)
        self._first.before()
        if self.kernel_penalty_weight > 0:
            with kernel_penalty() as penalty:
                answers = self(batch)
            extra = self.kernel_penalty_weight * penalty.total()
        else:
            answers, extra = self(batch), None
        loss = self.objective.training_loss(answers.float(), target)
        if mixed is not None:
            other = self.objective.training_loss(answers.float(), target[mixed.order])
            loss = mixed.share * loss + (1 - mixed.share) * other
        self.train_scores.add_batch(batch, loss, answers, target)
        if extra is not None:
            loss = loss + extra
        if self.aliasing_penalty_weight > 0 and self.aliasing is not None:
            loss = loss + self.aliasing_penalty_weight * self.aliasing(self.model, batch)
        return loss

    def on_after_backward(self) -> None:
        """Let the first statistics of batch norms be means; gradients hang on them before."""
        self._first.after()

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None
    ) -> None:
        """Step, then bring the parameters of kernels back into their range."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        for module in self.model.modules():
            if isinstance(module, AbstractKernel):
                module.constrain_()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store what ``aliasing`` has measured, and the scores of all processes that train together."""
        if self._trainer is not None and self.trainer.world_size > 1:
            for state in _states(checkpoint):
                for key in state:
                    if key.startswith("train_scores."):
                        state[key] = self.trainer.strategy.reduce(state[key].clone(), reduce_op="sum")
        if isinstance(self.aliasing, Measuring):
            checkpoint["aliasing"] = self.aliasing.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore it; checkpoints of earlier versions have none. Scores go on in the first process."""
        if self._trainer is not None and self.trainer.global_rank > 0:
            for state in _states(checkpoint):
                state.update(
                    {k: torch.zeros_like(v) for k, v in state.items() if k.startswith("train_scores.")}
                )
        if "aliasing" in checkpoint and isinstance(self.aliasing, Measuring):
            self.aliasing.load_state_dict(checkpoint["aliasing"])

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

    def test_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        """Take in one batch; answers and targets are for those who listen."""
        answers, target = self._evaluate(batch)
        return {"answers": answers, "target": target}

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

    def _evaluate(self, batch: Any) -> tuple[Tensor, Tensor]:
        answers, target = self(batch), self.objective.target(batch)
        self.eval_scores.add_batch(batch, self.objective.loss(answers.float(), target), answers, target)
        return answers, target

    def _log_scores(self, part: str, scores: Scores) -> None:
        for name, value in scores.results().items():
            self.log(f"{part}/{name}", torch.tensor(value), batch_size=1)


def _states(checkpoint: dict[str, Any]) -> list[dict[str, Tensor]]:
    """The states in a checkpoint: with a moving average of the weights there are two."""
    return [checkpoint[name] for name in ("state_dict", "current_model_state") if name in checkpoint]


class ClassificationTask(SupervisedTask):
    """One label per item: a :class:`SupervisedTask` with :class:`~ccnn_pc.training.objectives.Classification`.

    Args:
        model: ``model(batch) -> logits [B, K]`` (``[B, 1]`` allowed for two classes).
        num_classes: K.
        label_smoothing: of the objective.
        logit_adjustment: of the objective.
        class_weights: of the objective.
        mixup, cutmix: of :class:`~ccnn_pc.training.mixing.Mixing` (default 0: none).
        options: all else; see :class:`SupervisedTask`.
    """

    def __init__(
        self,
        model: nn.Module,
        num_classes: int,
        *,
        label_smoothing: float = 0.0,
        logit_adjustment: float = 0.0,
        class_weights: str | Sequence[float] | None = None,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        **options: Any,
    ) -> None:
        objective = partial(
            Classification,
            label_smoothing=label_smoothing,
            logit_adjustment=logit_adjustment,
            class_weights=class_weights,
        )
        super().__init__(model, num_classes, objective=objective, **options)
        self.mixing = Mixing(mixup, cutmix)
