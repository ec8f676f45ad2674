"""Trials of a search that end early, because others had better validations at the same epoch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from ccnn_pc._optional import require

#: Name of the one study in a file, and the mark of a trial that was ended.
_STUDY, PRUNED = "sweep", "pruned"


def open_study(
    path: str | Path,
    *,
    falls: bool | None = None,
    sampler: str = "tpe",
    pruner: str = "none",
    seed: int = 0,
    epochs: int = 1,
) -> Any:
    """The study in a file, which several processes may use at a time.

    Args:
        path: the file, a journal of Optuna's.
        falls: whether the score should fall, of a new study; None: the study is there.
        sampler: ``tpe`` or ``random``.
        pruner: ``median``, ``hyperband`` or ``none``.
        seed: of the sampler.
        epochs: that a trial may have at most.

    Raises:
        ImportError: Optuna is missing.
    """
    optuna = require("optuna", extra="sweep", purpose="to search settings")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = optuna.storages.journal
    storage = optuna.storages.JournalStorage(journal.JournalFileBackend(str(path)))
    pruners = {
        "median": optuna.pruners.MedianPruner,
        "hyperband": lambda: optuna.pruners.HyperbandPruner(max_resource=max(epochs, 1)),
        "none": optuna.pruners.NopPruner,
    }
    samplers = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
    choices = {
        "storage": storage,
        "study_name": _STUDY,
        "pruner": pruners[pruner](),
        "sampler": samplers[sampler](seed=seed),
    }
    if falls is None:
        return optuna.load_study(**choices)
    return optuna.create_study(**choices, direction="minimize" if falls else "maximize", load_if_exists=True)


class Pruner(pl.Callback):
    """Reports the score of each validation, and ends the training where the pruner says so.

    Args:
        path: file of the study, see :func:`open_study`.
        trial: number of the trial.
        monitor: score to report.
        kind: the pruner: ``median``, ``hyperband`` or ``none``.
    """

    def __init__(self, path: str | Path, trial: int, monitor: str, kind: str = "median") -> None:
        self.path, self.number, self.monitor, self.kind = path, trial, monitor, kind
        self._trial: Any = None
        self._fresh = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the study."""
        optuna = require("optuna", extra="sweep", purpose="to search settings")
        study = open_study(self.path, pruner=self.kind, epochs=trainer.max_epochs or 1)
        storage = study._storage
        number = storage.get_trial_id_from_study_id_trial_number(study._study_id, self.number)
        self._trial = optuna.trial.Trial(study, number)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember that there is a new score."""
        self._fresh = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report it; end where it is too low."""
        score, self._fresh = trainer.callback_metrics.get(self.monitor) if self._fresh else None, False
        if score is None:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an epoch that was resumed is reported twice
            self._trial.report(float(score), trainer.current_epoch + 1)
        if trainer.current_epoch + 1 < (trainer.max_epochs or 0) and self._trial.should_prune():
            self._trial.set_user_attr(PRUNED, True)
            trainer.should_stop = True
