"""Progress on stderr: a bar with the time left, or one line per epoch."""

from __future__ import annotations

import sys
import time
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ccnn_pc._checks import check_positive


def readable_time(seconds: float) -> str:
    """Return a duration in one unit or two.

    Example:
        >>> readable_time(42), readable_time(130), readable_time(7300)
        ('42 s', '2 min 10 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


#: Scores that are no shares, and how they are called in a line.
_SCORES = {"auc": "AUC", "mse": "mse", "mae": "mae", "angle": "angle", "bits_per_character": "bits"}


def epoch_line(trainer: pl.Trainer, epoch: int, validated: bool = True) -> str:
    """Return the scores of the epoch that has just ended, with those of a validation if there was one."""
    metrics = {
        name: float(value)
        for name, value in trainer.callback_metrics.items()
        if validated or not name.startswith("val/")
    }
    parts = [f"epoch {epoch + 1:>3}/{trainer.max_epochs}"]
    if "train/loss" in metrics:
        parts.append(f"loss {metrics['train/loss']:.4f}")
    for part in ("train", "val"):
        if f"{part}/accuracy" in metrics:
            parts.append(f"{part} {100 * metrics[f'{part}/accuracy']:5.1f} %")
        if f"{part}/mean_iou" in metrics:
            parts.append(f"{part} IoU {100 * metrics[f'{part}/mean_iou']:.1f} %")
        for name, short in _SCORES.items():
            if f"{part}/{name}" in metrics:
                parts.append(f"{part} {short} {metrics[f'{part}/{name}']:.4g}")
    return "  ".join(parts)


class EpochLines(pl.Callback):
    """One line per epoch on stderr: loss, scores, time left; in long epochs one a minute. Reads well in a log file.

    Args:
        every: seconds after which a line is due.
    """

    def __init__(self, every: float = 60.0) -> None:
        self.every = check_positive("every", every)
        self._begin = self._written = 0.0
        self._first_step = 0
        self._finished: int | None = None
        self._validated = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._begin, self._first_step = time.monotonic(), trainer.global_step
        self._written = self._begin

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Say how far it is if nothing has been said for a while."""
        if time.monotonic() - self._written >= self.every:
            batches = f"batch {batch_idx + 1}/{trainer.num_training_batches:g}"
            self._say(
                f"epoch {trainer.current_epoch + 1:>3}/{trainer.max_epochs}  {batches}  {self._left(trainer)} left"
            )

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember that there are scores of this epoch."""
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember the epoch; the module logs its scores after this."""
        self._finished = trainer.current_epoch

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the epoch before."""
        self._report(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the last epoch."""
        self._report(trainer)

    def _report(self, trainer: pl.Trainer) -> None:
        if self._finished is None:
            return
        self._say(f"{epoch_line(trainer, self._finished, self._validated)}  {self._left(trainer)} left")
        self._finished, self._validated = None, False

    def _left(self, trainer: pl.Trainer) -> str:
        done = max(trainer.global_step - self._first_step, 1)
        rate = (time.monotonic() - self._begin) / done
        return readable_time(max(trainer.estimated_stepping_batches - trainer.global_step, 0.0) * rate)

    def _say(self, line: str) -> None:
        self._written = time.monotonic()
        rank_zero_only(self.write)(line)

    def write(self, line: str) -> None:
        """Print one line."""
        print(line, file=sys.stderr, flush=True)


class ProgressBar(EpochLines):
    """A bar over the whole training with the time left, and one line per epoch above it, on stderr.

    Where stderr is not a terminal only the lines are printed, in long epochs one a minute.
    """

    def __init__(self) -> None:
        super().__init__()
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the bar."""
        super().on_train_start(trainer, pl_module)
        if not self._console.is_terminal or not trainer.is_global_zero:
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"))
        self._bar = Progress(
            *columns, TimeRemainingColumn(), TextColumn("left"), console=self._console, transient=True
        )
        total = int(trainer.estimated_stepping_batches)
        self._task = self._bar.add_task("training", total=total, completed=trainer.global_step)
        self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move on."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=trainer.global_step)
        else:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the bar away."""
        super().on_train_end(trainer, pl_module)
        self._stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Take the bar away."""
        self._stop()

    def write(self, line: str) -> None:
        """Print one line above the bar."""
        if self._bar is not None:
            self._console.print(line, highlight=False)
        else:
            super().write(line)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
