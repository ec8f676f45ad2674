"""What ``ccnn-pc evaluate`` keeps of single items: what they are, what the model says of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ccnn_pc.models import Model


class Judged:
    """Answers and targets of all items of a data set, in its order.

    Args:
        model: whose answers.
        dataset: the items.
    """

    #: Items per batch, unless the user says it.
    batch_size = 16

    def __init__(self, model: Model, dataset: Any) -> None:
        self.model = model
        self.names = list(model.classes)
        self.column, self.items = item_names(dataset)
        self.rows: list[dict[str, Any]] = []
        self.answers: list[Tensor] = []
        self.targets: list[Tensor] = []

    def __call__(self, batch: Any, answers: Tensor, target: Tensor) -> None:
        """Take in a batch."""
        from ccnn_pc.cli.answers import answers_of, number_of_items, rows_by_item
        from ccnn_pc.models import TaskKind

        batch, answers, target = batch.cpu(), answers.cpu(), target.cpu()
        if self.model.answers.kind is TaskKind.REGRESSION:
            self.answers.append(answers.double().flatten(1))
            self.targets.append(target.double().flatten(1))
        count = number_of_items(batch)
        per_item = len(target) == count and answers.dim() == 2 and len(answers) == count
        per_item &= not self.model.answers.every_sample
        sizes = [1] * count if per_item else [len(rows) for rows in rows_by_item(answers, batch)]
        rows = target if per_item or answers.dim() == 2 else sample_by_sample(target)
        for said, true in zip(answers_of(self.model, answers, batch), rows.split(sizes), strict=True):
            place = len(self.rows)
            row = {self.column: self.items[place], **said}
            if per_item:
                row = {self.column: self.items[place], **self._true(true), **said}
            else:
                row["each"] = {**said["each"], **self._true(true, each=True)}
            self.rows.append(row)

    def _true(self, true: Tensor, each: bool = False) -> dict[str, Any]:
        """The target of an item, under names of its own, or lists of those of its samples."""
        from ccnn_pc.cli.answers import output_names

        if not true.is_floating_point():
            known = [self._named(int(label)) for label in true.flatten()]
            return {"true": known if each else known[0]}
        columns = true.reshape(len(true), -1).t().tolist()
        names = output_names(self.model, len(columns))
        return {
            f"true {name}": values if each else values[0] for name, values in zip(names, columns, strict=True)
        }

    def _named(self, label: int) -> str:
        if label < 0:
            return ""
        return self.names[label] if label < len(self.names) else str(label)

    def more(self) -> dict[str, Any]:
        """Root of the mean squared error, mean absolute error, R^2, of numbers; of directions there are none."""
        from ccnn_pc.models import PointError, TaskKind

        if (
            self.model.answers.kind is not TaskKind.REGRESSION
            or self.model.answers.error is PointError.NORMALS
        ):
            return {}
        answers, targets = self._known()
        error = answers - targets
        spread = (targets - targets.mean(dim=0)).square().sum()
        found = {"rmse": float(error.square().mean().sqrt()), "mae": float(error.abs().mean())}
        return {**found, "r2": float(1 - error.square().sum() / spread)} if spread > 0 else found

    def _known(self) -> tuple[Tensor, Tensor]:
        """All answers and targets that are numbers; of single points none may be known."""
        import torch

        answers, targets = (torch.cat(parts) for parts in (self.answers, self.targets))
        known = ~targets.isnan().any(dim=1)
        return answers[known], targets[known]

    def warn(self) -> None:
        """Name targets that are in another unit than the answers, or elsewhere than those of the training."""
        from ccnn_pc.cli.answers import output_names
        from ccnn_pc.models import PointError, SamplingWarning
        from ccnn_pc.models.shift.outside_answers import of_targets

        if not self.answers or self.model.answers.error is PointError.NORMALS:
            return
        answers, targets = self._known()
        names = output_names(self.model, answers.shape[1])
        text = of_targets(answers, targets, self.model.targets, names)
        if text is not None:
            warnings.warn(text, SamplingWarning, stacklevel=2)

    def store(self, path: Path, confusion: Tensor | None) -> None:
        """Write the table, and beside it the confusions, or predicted against true numbers."""
        from ccnn_pc.cli.answers import output_names, write_answers
        from ccnn_pc.viz import plot_regression

        write_answers(self.rows, path)
        if confusion is not None:
            store_confusion(confusion, output_names(self.model, len(confusion)), path)
        elif self.answers:
            answers, targets = self._known()
            plot_regression(
                targets, answers, output_names(self.model, answers.shape[1]), path.with_suffix(".png")
            )


def store_confusion(confusion: Tensor, names: Sequence[str], path: Path) -> None:
    """Write confusions ``[K, K]`` beside a table, as another table and a picture."""
    from ccnn_pc._files import write_rows_atomically
    from ccnn_pc.viz import plot_confusion

    counts = confusion.cpu().tolist()
    beside = path.with_name(f"{path.stem}_confusion.csv")
    write_rows_atomically(
        beside,
        [
            {"true": name, **dict(zip(names, row, strict=True))}
            for name, row in zip(names, counts, strict=True)
        ],
    )
    plot_confusion(confusion.cpu().numpy(), names, beside.with_suffix(".png"))


def sample_by_sample(target: Tensor) -> Tensor:
    """Targets of arrays, classes ``[B, *S]`` or numbers ``[B, K, *S]``, a row for each sample."""
    if not target.is_floating_point():
        return target.reshape(-1)
    return target.flatten(2).transpose(1, 2).reshape(-1, target.shape[1])


def item_names(dataset: Any) -> tuple[str, list[str]]:
    """What the items of a data set are called, and the column for it: their files, ids, names, or numbers."""
    rows = [dataset.row_of(index) for index in range(len(dataset))]
    for column, attribute in (("file", "files"), ("id", "ids")):
        known = getattr(dataset, attribute, None)
        if known is not None and len(known):
            return column, [str(known[row]) for row in rows]
    for part in ("clouds", "stored"):
        known = getattr(getattr(dataset, part, None), "name", None)
        if known is not None and len(known):
            return "name", [str(known[row]) for row in rows]
    return "item", [str(row) for row in rows]


def class_report(
    confusion: Tensor, names: Sequence[str], more: Mapping[str, Tensor] = MappingProxyType({})
) -> dict[str, dict[str, Any]]:
    """Of each class: items, share that is found (recall), share of the guesses that is right (precision), confusion.

    Args:
        confusion: counts ``[K, K]``, true classes in rows.
        names: K names.
        more: other scores of classes, ``[K]`` by name; NaN where one is not defined.

    Example:
        >>> import torch
        >>> class_report(torch.tensor([[3, 1], [0, 4]]), ["chair", "sofa"])["chair"]
        {'n': 4, 'found': 0.75, 'right': 1.0, 'mistaken_for': 'sofa'}
    """
    found: dict[str, dict[str, Any]] = {}
    for label, row in enumerate(confusion.tolist()):
        total, guesses, hits = sum(row), int(confusion[:, label].sum()), row[label]
        others = [0 if other == label else count for other, count in enumerate(row)]
        worst = max(range(len(others)), key=others.__getitem__)
        name = names[label] if label < len(names) else str(label)
        own = {key: float(values[label]) for key, values in more.items()}
        found[name] = {
            "n": total,
            "found": hits / total if total else None,
            "right": hits / guesses if guesses else None,
            **{key: None if math.isnan(value) else value for key, value in own.items()},
            "mistaken_for": (names[worst] if worst < len(names) else str(worst)) if others[worst] else None,
        }
    return found
