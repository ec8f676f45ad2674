"""Answers for whole scenes from tiles that overlap: mean probabilities, one scene after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def class_probabilities(answers: Tensor) -> Tensor:
    """Probabilities of classes, float32 ``[n, K]``, of logits ``[n, K]``, or ``[n, 1]`` of the second of two classes.

    Example:
        >>> class_probabilities(torch.tensor([[0.0]])).tolist()
        [[0.5, 0.5]]
    """
    answers = answers.detach().float()
    if answers.shape[1] == 1:
        answers = torch.cat([torch.zeros_like(answers), answers], dim=1)
    return answers.softmax(dim=1)


class ScenePredictions:
    r"""Probabilities of the kept points of a scene, averaged over the tiles that they are in.

    .. math:: p_i = \frac{1}{|T_i|} \sum_{t \in T_i} \mathrm{softmax}(a_{t,i})

    Tiles come scene by scene, so that ``[M, K]`` numbers of one scene are held at a time; of those before only the
    confusion matrix of their original points is left. An original point has the class of its nearest kept one.

    Args:
        num_classes: K.
        of: what is averaged, of logits ``[n, K']`` (default: probabilities).
        ended: is told when all tiles of a scene have come: when those of another one come, or at :meth:`finish`.

    Example:
        >>> from ccnn_pc.datasets import PointCloudData
        >>> tile = PointCloudData(scene=torch.tensor([0]), scene_size=torch.tensor([3]), kept=torch.tensor([0, 2]))
        >>> tile.counts = torch.tensor([[5, 0], [1, 1]])
        >>> found = ScenePredictions(2)
        >>> found.add(tile, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        >>> found.confusion().tolist()
        [[5, 1], [0, 1]]
    """

    def __init__(
        self,
        num_classes: int,
        ended: Callable[[ScenePredictions], None] | None = None,
        of: Callable[[Tensor], Tensor] = class_probabilities,
    ) -> None:
        self.num_classes, self.ended, self.of = num_classes, ended, of
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.scene: int | None = None
        self._done = torch.zeros(self.num_classes, self.num_classes, dtype=torch.long)
        self._sums = torch.empty(0, self.num_classes)
        self._seen = torch.empty(0)
        self._counts = torch.empty(0, self.num_classes, dtype=torch.long)

    def add(self, batch: Any, answers: Tensor) -> None:
        """Take in the answers ``[n, K]`` for tiles: ``kept``, ``scene``, ``scene_size``, and ``counts`` where known."""
        probabilities, kept = self.of(answers), batch.kept
        tile_of = batch.get("batch")
        scene_of = batch.scene.expand(len(kept)) if tile_of is None else batch.scene[tile_of]
        sizes = dict(zip(batch.scene.tolist(), batch.scene_size.tolist(), strict=True))
        for scene, size in sizes.items():
            if scene != self.scene:
                self._begin(scene, size, probabilities.device)
            mine = scene_of == scene
            rows = kept[mine]
            self._sums.index_add_(0, rows, probabilities[mine])
            self._seen.index_add_(0, rows, torch.ones_like(rows, dtype=self._seen.dtype))
            if batch.get("counts") is not None:
                self._counts[rows] = batch.counts[mine].long()

    def _begin(self, scene: int, size: int, device: torch.device) -> None:
        self.finish()
        self.scene = scene
        self._sums = torch.zeros(size, self.num_classes, device=device)
        self._seen = torch.zeros(size, device=device)
        self._counts = torch.zeros(size, self.num_classes, dtype=torch.long, device=device)

    def finish(self) -> None:
        """Of the present scene nothing is left but its confusion matrix."""
        if self.scene is not None and self.ended is not None:
            self.ended(self)
        done = self.confusion()
        self.reset()
        self._done = done

    def mean(self) -> Tensor:
        """Mean probabilities of the kept points of the present scene ``[M, K]``; 0 where no tile has been."""
        return self._sums / self._seen.clamp(min=1)[:, None]

    def confusion(self) -> Tensor:
        """How many original points of each class (row) were taken for each class (column) so far, int64 ``[K, K]``."""
        return self._done + self.scene_confusion().to(self._done.device)

    def scene_confusion(self) -> Tensor:
        """The same of the present scene alone."""
        here = self._counts.new_zeros(self.num_classes, self.num_classes)
        return here.index_add_(1, self._sums.argmax(dim=1), self._counts.t())
