"""Scores in one CSV file that survives interruptions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from ccnn_pc._files import read_rows, write_rows_atomically


class CsvMetrics(Logger):
    """Writes ``metrics.csv``: one row per step at which something was logged; epochs count from 1.

    The file is rewritten as a whole (under another name, then renamed). A resumed run drops the rows from its
    first step on, which it is about to log again.

    Args:
        path: the file.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
        self._rows: dict[int, dict[str, Any]] | None = None

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "csv"

    @property
    def version(self) -> str:
        """There is one version."""
        return ""

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run folder holds the configuration."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add values to the row of a step."""
        step = 0 if step is None else step
        if self._rows is None:
            old: dict[int, dict[str, Any]] = {int(row["step"]): dict(row) for row in read_rows(self.path)}
            if any(float(row.get("epoch", 1)) == 0 for row in old.values()):  # of an earlier version
                old = {
                    n: {**r, "epoch": float(r["epoch"]) + 1} if "epoch" in r else r for n, r in old.items()
                }
            self._rows = {number: row for number, row in old.items() if number < step}
        found = {name: float(value) for name, value in metrics.items()}
        if "epoch" in found:
            found["epoch"] += 1
        self._rows.setdefault(step, {"step": step}).update(found)

    @rank_zero_only
    def save(self) -> None:
        """Write the file."""
        if self._rows:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_rows_atomically(self.path, [self._rows[step] for step in sorted(self._rows)])

    def finalize(self, status: str) -> None:
        """Write the file at the end, also after an error."""
        self.save()
