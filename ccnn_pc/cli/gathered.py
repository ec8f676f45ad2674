"""What a report tells of single items: how sure a model is of them, how wrong, how far off."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ccnn_pc.models import Task

#: Pairs of numbers of single samples that are kept.
_KEPT = 4000


class Gathered:
    """Takes in batches with answers, and keeps a few numbers of each item.

    Args:
        task: what the answers are.

    Attributes:
        calibration: of all answers that are classes.
        sure: of each item the probability of the class it is taken for; where samples have answers their mean.
        off: of each item how wrong: 1 for a wrong class, else 0; the share of samples that are wrong; the root mean
            squared error of numbers.
        said: class that each item is taken for, -1 where samples have their own.
        truth: class of each item, likewise.
        failed: what went wrong with an answer, where something did.
    """

    def __init__(self, task: Task) -> None:
        from ccnn_pc.viz.report import Calibration

        self.task = task
        self.calibration = Calibration()
        self.sure: list[float] = []
        self.off: list[float] = []
        self.said: list[int] = []
        self.truth: list[int] = []
        self._pairs: list[Tensor] = []  # true and predicted numbers beside each other
        self._drawn = 0
        self.failed = ""

    def __call__(self, batch: Any, answers: Tensor, target: Tensor) -> None:
        """Take in a batch."""
        from ccnn_pc.cli.answers import number_of_items
        from ccnn_pc.models import TaskKind

        batch, answers, target = batch.cpu(), answers.detach().cpu(), target.detach().cpu()
        count = number_of_items(batch)
        one_each = len(target) == count and answers.dim() == 2 and len(answers) == count
        one_each &= not self.task.every_sample
        if self.task.kind is TaskKind.REGRESSION:
            self._add_numbers(batch, answers.double(), target.double(), one_each)
        elif one_each:
            self._add_classes(answers, target)
        else:
            self._add_samples(batch, answers, target)

    @property
    def numbers(self) -> tuple[np.ndarray, np.ndarray] | None:
        """True and predicted numbers ``[n, K]``, of samples a random part; None where there are none."""
        import torch

        if not self._pairs:
            return None
        pairs = torch.cat(self._pairs).numpy()
        half = pairs.shape[1] // 2
        return pairs[:, :half], pairs[:, half:]

    def _add_classes(self, answers: Tensor, target: Tensor) -> None:
        from ccnn_pc.cli.answers import class_probabilities

        sure, said = class_probabilities(answers).max(dim=1)
        target = target.flatten()
        known = target >= 0
        self.calibration.add(sure[known], said[known] == target[known])
        self.sure += sure.tolist()
        self.off += ((said != target) & known).double().tolist()
        self.said += said.tolist()
        self.truth += target.tolist()

    def _add_samples(self, batch: Any, answers: Tensor, target: Tensor) -> None:
        from ccnn_pc.cli.answers import class_probabilities, rows_by_item

        rows = rows_by_item(answers, batch)
        flat = target.reshape(-1)
        for logits, truth in zip(rows, flat.split([len(each) for each in rows]), strict=True):
            counted = self.counted(truth)
            sure, said = class_probabilities(logits).max(dim=1)
            right = said == truth
            self.calibration.add(sure[counted], right[counted])
            self.sure.append(float(sure[counted].mean()) if bool(counted.any()) else 0.0)
            self.off.append(float((~right[counted]).double().mean()) if bool(counted.any()) else 0.0)
            self.said.append(-1)
            self.truth.append(-1)

    def counted(self, truth: Tensor) -> Tensor:
        """Which samples of an item are judged, ``[n]``."""
        counted = truth >= 0
        if self.task.last is not None:
            counted = counted.clone()
            counted[: -self.task.last] = False
        return counted

    def _add_numbers(self, batch: Any, answers: Tensor, target: Tensor, one_each: bool) -> None:
        import torch

        from ccnn_pc.cli.answers import rows_by_item
        from ccnn_pc.cli.judged import sample_by_sample
        from ccnn_pc.models import PointError

        if one_each:
            said, true, items = answers.flatten(1), target.flatten(1), list(range(1, len(answers) + 1))
        else:
            rows = rows_by_item(answers, batch)
            said = torch.cat(rows)
            true = target if target.dim() == 2 else sample_by_sample(target)
            items = torch.tensor([len(each) for each in rows]).cumsum(0).tolist()
        if self.task.error is PointError.NORMALS:
            cosine = torch.nn.functional.cosine_similarity(said, true, dim=1).abs().clamp(max=1)
            each = cosine.arccos().rad2deg()
        else:
            each = (said - true).square().mean(dim=1)
            self._keep(torch.cat([true, said], dim=1), one_each)
        start = 0
        for stop in items:
            here = each[start:stop]
            mean = float(here[~here.isnan()].mean()) if bool((~here.isnan()).any()) else 0.0
            self.off.append(mean if self.task.error is PointError.NORMALS else mean**0.5)
            start = stop
        self.sure += [0.0] * len(items)
        self.said += [-1] * len(items)
        self.truth += [-1] * len(items)

    def _keep(self, pairs: Tensor, all_of_them: bool) -> None:
        """All items, but of samples a part: a quarter of what is asked for from each batch, until there are enough."""
        import torch

        pairs = pairs[~pairs.isnan().any(dim=1)]
        if not all_of_them:
            room = min(_KEPT // 8, max(0, _KEPT - self._drawn))
            generator = torch.Generator().manual_seed(self._drawn)
            pairs = pairs[torch.randperm(len(pairs), generator=generator)[:room]]
        self._drawn += len(pairs)
        if len(pairs):
            self._pairs.append(pairs)


def all_told(gathered: Gathered | None, *others: Callable[..., None]) -> Callable[..., None]:
    """Tells all listeners; ``gathered``, which only pictures hang on, may fail once and is not told again."""
    pending = [] if gathered is None else [gathered]

    def told(batch: Any, answers: Tensor, target: Tensor) -> None:
        for other in others:
            other(batch, answers, target)
        for each in list(pending):
            try:
                each(batch, answers, target)
            except Exception as error:
                pending.remove(each)
                each.failed = f"{type(error).__name__}: {error}"

    return told
