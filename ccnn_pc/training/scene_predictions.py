"""Answers for whole scenes from tiles that overlap: their means, one scene after the other."""

from __future__ import annotations

import abc
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


class SceneMeans(abc.ABC):
    r"""Answers for the kept points of a scene, averaged over the tiles that they are in.

    .. math:: m_i = \frac{1}{|T_i|} \sum_{t \in T_i} r(a_{t,i})

    Tiles come scene by scene, so that ``[M, K]`` numbers of one scene are held at a time. An original point has the
    answer of its nearest kept one.

    Args:
        width: K.
        ended: is told when all tiles of a scene have come: when those of another one come, or at :meth:`finish`.

    Attributes:
        scene: number of the present one; None before the first.
    """

    def __init__(self, width: int, ended: Callable[[Any], None] | None = None) -> None:
        self.width, self.ended = width, ended
        self.reset()

    @abc.abstractmethod
    def read(self, answers: Tensor) -> Tensor:
        """What is averaged, r: float32 ``[n, K]`` of answers ``[n, C]``."""

    def reset(self) -> None:
        """Forget everything."""
        self.scene: int | None = None
        self._sums = torch.empty(0, self.width)
        self._seen = torch.empty(0)

    def add(self, batch: Any, answers: Tensor) -> None:
        """Take in the answers ``[n, C]`` for tiles: ``kept``, ``scene``, ``scene_size``, and what is known of them."""
        found, tile_of = self.read(answers), batch.get("batch")
        for tile, (scene, size) in enumerate(
            zip(batch.scene.tolist(), batch.scene_size.tolist(), strict=True)
        ):
            if scene != self.scene:
                self._begin(batch, tile, size, found.device)
                self.scene = scene
            mine = slice(None) if tile_of is None else tile_of == tile
            rows = batch.kept[mine]
            self._sums.index_add_(0, rows, self._turned(rows, found[mine]))
            self._seen.index_add_(0, rows, torch.ones_like(rows, dtype=self._seen.dtype))
            self._note(batch, mine, rows)

    def _begin(self, batch: Any, tile: int, size: int, device: torch.device) -> None:
        self.finish()
        self._sums = torch.zeros(size, self.width, device=device)
        self._seen = torch.zeros(size, device=device)

    def _turned(self, rows: Tensor, found: Tensor) -> Tensor:
        """What a tile says of different rows, as it is added."""
        return found

    def _note(self, batch: Any, mine: Any, rows: Tensor) -> None:  # noqa: B027  (numbers are known of whole scenes)
        """Take in what is known of the points of a tile."""

    def finish(self) -> None:
        """All tiles of the present scene have come; of it only its scores are left."""
        if self.scene is not None and self.ended is not None:
            self.ended(self)
        self._leave()

    @abc.abstractmethod
    def _leave(self) -> None:
        """Forget the present scene but for its scores."""

    def mean(self) -> Tensor:
        """Mean answers for the kept points of the present scene ``[M, K]``; 0 where no tile has been."""
        return self._sums / self._seen.clamp(min=1)[:, None]


class ScenePredictions(SceneMeans):
    """Mean probabilities of classes, and of the scenes before the confusion matrix of their original points.

    Args:
        num_classes: K.
        ended: see :class:`SceneMeans`.

    Example:
        >>> from ccnn_pc.datasets import PointCloudData
        >>> tile = PointCloudData(scene=torch.tensor([0]), scene_size=torch.tensor([3]), kept=torch.tensor([0, 2]))
        >>> tile.counts = torch.tensor([[5, 0], [1, 1]])
        >>> found = ScenePredictions(2)
        >>> found.add(tile, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        >>> found.confusion().tolist()
        [[5, 1], [0, 1]]
    """

    def read(self, answers: Tensor) -> Tensor:
        """Probabilities."""
        return class_probabilities(answers)

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._done = torch.zeros(self.width, self.width, dtype=torch.long)
        self._counts = torch.empty(0, self.width, dtype=torch.long)

    def _begin(self, batch: Any, tile: int, size: int, device: torch.device) -> None:
        super()._begin(batch, tile, size, device)
        self._counts = torch.zeros(size, self.width, dtype=torch.long, device=device)

    def _note(self, batch: Any, mine: Any, rows: Tensor) -> None:
        if batch.get("counts") is not None:
            self._counts[rows] = batch.counts[mine].long()

    def _leave(self) -> None:
        done = self.confusion()
        self.reset()
        self._done = done

    def confusion(self) -> Tensor:
        """How many original points of each class (row) were taken for each class (column) so far, int64 ``[K, K]``."""
        return self._done + self.scene_confusion().to(self._done.device)

    def scene_confusion(self) -> Tensor:
        """The same of the present scene alone."""
        here = self._counts.new_zeros(self.width, self.width)
        return here.index_add_(1, self._sums.argmax(dim=1), self._counts.t())
