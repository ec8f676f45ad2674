"""Checkpoints of the last and of the best state, written so that a kill at any moment leaves a whole file."""

from __future__ import annotations

import math
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

from ccnn_pc._checks import check_at_least
from ccnn_pc._files import written_whole
from ccnn_pc.training.scores import FALLING

LAST, BEST = "last.ckpt", "best.ckpt"


class Checkpoints(Checkpoint):
    """Keeps ``last.ckpt`` (every N steps, every epoch) and ``best.ckpt`` (the best validation so far).

    A file is written under another name, flushed to the disk and then renamed. Saves happen only between
    batches and after the validation of an epoch, where the state of all loops is consistent. Of equal scores
    that with the lower validation loss is the best, then the earlier one.

    Args:
        folder: where the files go; created when training starts.
        every_n_steps: optimiser steps between saves inside an epoch (default 100).
        monitor: logged score to compare (default ``val/accuracy``).
        higher_is_better: direction of the score; None (default): losses and errors should fall, all else rise.

    Raises:
        ValueError: if ``every_n_steps`` is below 1; before training where the task's scores do not have ``monitor``,
            else after a validation that did not log it.
    """

    def __init__(
        self,
        folder: str | Path,
        every_n_steps: int = 100,
        monitor: str = "val/accuracy",
        higher_is_better: bool | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.every_n_steps = check_at_least("every_n_steps", every_n_steps, 1)
        self.monitor = monitor
        falls = monitor.rpartition("/")[2] in FALLING
        self.higher_is_better = not falls if higher_is_better is None else higher_is_better
        self.best_score: float | None = None
        self.best_loss = math.inf
        self.best_epoch: int | None = None
        self._fresh = False
        self._saved_step = -1

    @property
    def last(self) -> Path:
        """File of the last state."""
        return self.folder / LAST

    @property
    def best(self) -> Path:
        """File of the best state; that of the last one where nothing was validated."""
        found = self.folder / BEST
        return found if found.exists() else self.last

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Look for what is monitored among the task's scores, and create the folder."""
        names = [f"val/{name}" for name in getattr(getattr(pl_module, "eval_scores", None), "names", ())]
        if stage == "fit" and names and self.monitor not in names:
            raise ValueError(f"'monitor' must be a score of the validation, {names} (got '{self.monitor}')")
        if stage == "fit" and trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            for left in self.folder.glob(".*.ckpt.*.part"):  # by a killed run
                left.unlink(missing_ok=True)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save every N optimiser steps; the last batch is left to the end of the epoch."""
        step = trainer.global_step
        if step > 0 and step % self.every_n_steps == 0 and step != self._saved_step and can_save(trainer):
            self.save(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember that there is a new score."""
        self._fresh = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save; if the new score is the best, as ``best.ckpt`` first."""
        score = trainer.callback_metrics.get(self.monitor) if self._fresh else None
        if self._fresh and score is None:
            logged = sorted(name for name in trainer.callback_metrics if name.startswith("val/"))
            raise ValueError(f"'monitor' must be a score of the validation, {logged} (got '{self.monitor}')")
        self._fresh = False
        loss = float(trainer.callback_metrics.get("val/loss", math.inf))
        improved = score is not None and self._better(float(score), loss)
        if improved and score is not None:
            self.best_score, self.best_loss, self.best_epoch = float(score), loss, trainer.current_epoch
        self.save(trainer, as_best=improved)

    def save(self, trainer: pl.Trainer, as_best: bool = False) -> None:
        """Write the present state as ``last.ckpt`` (and ``best.ckpt``)."""
        self._saved_step = trainer.global_step
        if not trainer.is_global_zero:
            trainer.save_checkpoint(self.last)  # its part of the state; the first process writes
            return
        try:
            with written_whole(self.last) as written:
                trainer.save_checkpoint(written)
                if as_best:
                    with written_whole(self.folder / BEST) as copy:
                        try:
                            os.link(written, copy)
                        except OSError:
                            shutil.copyfile(written, copy)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            reason = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
            raise OSError(
                f"'{self.last}' could not be written ({reason}); the checkpoint before is whole: make room and resume"
            ) from error

    def state_dict(self) -> dict[str, Any]:
        """Best score so far."""
        return {"best_score": self.best_score, "best_loss": self.best_loss, "best_epoch": self.best_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best score; refuse to forget a best file that is gone."""
        self.best_score, self.best_epoch = state_dict["best_score"], state_dict["best_epoch"]
        self.best_loss = state_dict.get(
            "best_loss", -math.inf
        )  # runs of earlier versions keep the earlier epoch
        if self.best_score is not None and not (self.folder / BEST).exists():
            print(
                f"{self.folder / BEST} is missing: the best epoch is searched anew from here.",
                file=sys.stderr,
            )
            self.best_score = self.best_epoch = None

    def _better(self, score: float, loss: float) -> bool:
        if self.best_score is None:
            return True
        if score == self.best_score:
            return loss < self.best_loss
        return score > self.best_score if self.higher_is_better else score < self.best_score


def can_save(trainer: pl.Trainer) -> bool:
    """Whether a state saved now, after a training batch, can be resumed without loss.

    Not after the last batch of an epoch (its end, with validation, follows) and not while gradients
    accumulate.
    """
    position = trainer.fit_loop.epoch_loop.batch_progress.current.ready
    return position < trainer.num_training_batches and position % trainer.accumulate_grad_batches == 0
