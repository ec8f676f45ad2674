"""What is common to preprocessing of files that become arrays of one shape."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from ccnn_pc.datasets.common.grid_data import GridData
from ccnn_pc.datasets.preprocessing.base import Preprocessing
from ccnn_pc.datasets.transforms.base import Compose, Transform

F = TypeVar("F", bound="FilePreprocessing")


class FilePreprocessing(Preprocessing):
    """How a file becomes an array ``[C, *S]``; fields that are None follow from the files of the training.

    Attributes:
        dataset: registered name of the folders of such files.
        suffixes: of the files.
        mean, std: of each channel.
    """

    dataset: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    mean: Sequence[float] | None
    std: Sequence[float] | None

    @abc.abstractmethod
    def read(self, path: Path) -> np.ndarray:
        """A file as float32 ``[C, *S]``, not normalised; NaN behind its end."""

    @abc.abstractmethod
    def filled(self: F, paths: Sequence[Path]) -> F:
        """The same with every size known, by the files that can be read.

        Raises:
            ValueError: none can be read.
        """

    def scaled_by(self: F, values: np.ndarray) -> F:
        """The same with mean and deviation of the channels of ``values [n, C, *S]``, unless they are known."""
        if self.mean is not None and self.std is not None:
            return self
        by_channel = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1).astype(np.float64)
        mean = np.nanmean(by_channel, axis=1)
        std = np.nanstd(by_channel, axis=1)
        std = np.where(std > 1e-6 * np.abs(mean), std, 1.0)  # constant channels
        return dataclasses.replace(self, mean=tuple(mean.tolist()), std=tuple(std.tolist()))  # type: ignore[type-var]

    def standardized(self, x: Tensor) -> Tensor:
        """Normalised arrays ``[B, C, *S]``, 0 behind the end of an item."""
        shape = (1, -1, *[1] * (x.dim() - 2))
        mean, std = (
            torch.tensor(each, dtype=x.dtype).view(shape) for each in (self.mean or [0.0], self.std or [1.0])
        )
        return torch.nan_to_num((x - mean) / std, nan=0.0)

    def item(self, path: Path) -> GridData:
        """A file as a model reads it."""
        item: GridData = self.transform()(GridData(x=torch.from_numpy(self.read(path))[None]))
        return item

    def transform(self, augment: Sequence[Transform] = ()) -> Compose:
        """``augment``, then the normalisation."""
        return Compose([*augment, Standardize(self)])


class Standardize(BaseTransform):
    """Normalise ``x`` as a :class:`FilePreprocessing` says."""

    def __init__(self, used: FilePreprocessing) -> None:
        self.used = used

    def forward(self, data: Any) -> Any:
        """Change ``x [1, C, *S]``."""
        data.x = self.used.standardized(data.x)
        return data

    def __repr__(self) -> str:
        return "Standardize()"
