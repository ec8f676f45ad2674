"""What is common to preprocessing of files that become arrays of one shape."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from ccnn_pc.datasets.common.grid_data import GridData, set_windows
from ccnn_pc.datasets.preprocessing.base import Preprocessing
from ccnn_pc.datasets.transforms.base import Compose, Transform

F = TypeVar("F", bound="FilePreprocessing")


#: Of what is spread over files: least, 5 %, median, 95 %, most.
_LEVELS = (0.0, 0.05, 0.5, 0.95, 1.0)


class FileRead(NamedTuple):
    """A file as an array, and what is no longer seen in it.

    Attributes:
        values: float32 ``[C, *S]``, not normalised; NaN behind its end. In windows ``[w, C, *S]``.
        facts: numbers, or rows of them, by name: how long, how loud, how large the file is.
        weights: of the windows, ``[w]``; None: there are none.
    """

    values: np.ndarray
    facts: dict[str, Any]
    weights: np.ndarray | None = None


class FilePreprocessing(Preprocessing):
    """How a file becomes an array ``[C, *S]``; fields that are None follow from the files of the training.

    Attributes:
        dataset: registered name of the folders of such files.
        suffixes: of the files.
        mean, std: of each channel.
        files: facts of the files of the training: least, 5 %, median, 95 % and most; of rows of numbers their means.
    """

    dataset: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    mean: Sequence[float] | None
    std: Sequence[float] | None
    files: Mapping[str, Sequence[float]] | None

    @abc.abstractmethod
    def read_file(self, path: Path) -> FileRead:
        """A file as an array, and what is no longer seen in it."""

    def read_windows(self, path: Path, longest: float) -> FileRead:
        """The same of a file that may be longer than what a model reads: ``[w, C, *S]``, one window or more.

        Args:
            path: the file.
            longest: of what is read as one, in the unit of :attr:`usual_length`.
        """
        values, facts, _ = self.read_file(path)
        return FileRead(values[None], facts, np.ones(1))

    @property
    def reads_windows(self) -> bool:
        """Whether :meth:`read_windows` has several of what is long."""
        return False

    @property
    def usual_length(self) -> float:
        """Longer files than this are other than those of training; infinite where files have no length."""
        return math.inf

    def read(self, path: Path) -> np.ndarray:
        """A file as float32 ``[C, *S]``, not normalised; NaN behind its end."""
        return self.read_file(path).values

    def read_checked(self, path: Path, longest: float | None = None) -> FileRead:
        """The same of a file that must fit those of the training.

        Args:
            path: the file.
            longest: of what is read as one, the rest in windows; None: no windows, what is longer is cut.

        Raises:
            ValueError: another number of channels.
        """
        read = self.read_file(path) if longest is None else self.read_windows(path, longest)
        channels = read.values.shape[0 if longest is None else 1]
        if self.mean is not None and len(self.mean) != channels:
            raise ValueError(
                f"'{path}' must have {len(self.mean)} channels, as the files of the training had (got "
                f"{channels}): give files of their kind"
            )
        return read

    @abc.abstractmethod
    def filled(self: F, paths: Sequence[Path]) -> F:
        """The same with every size known, by the files that can be read.

        Raises:
            ValueError: none can be read.
        """

    def measured_on(self: F, values: np.ndarray, facts: Mapping[str, np.ndarray]) -> F:
        """The same with what the training says, unless it is known.

        Args:
            values: of the files of the training, ``[n, C, *S]``; mean and deviation of the channels follow.
            facts: of these files, ``[n]`` or ``[n, k]``.
        """
        files = self.files
        if files is None:
            files = {name: _spread(each) for name, each in facts.items() if np.isfinite(each).any()}
        if self.mean is not None and self.std is not None:
            return dataclasses.replace(self, files=files)  # type: ignore[type-var]
        by_channel = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1).astype(np.float64)
        mean = np.nanmean(by_channel, axis=1)
        std = np.nanstd(by_channel, axis=1)
        std = np.where(std > 1e-6 * np.abs(mean), std, 1.0)  # constant channels
        return dataclasses.replace(self, mean=tuple(mean.tolist()), std=tuple(std.tolist()), files=files)  # type: ignore[type-var]

    def standardized(self, x: Tensor) -> Tensor:
        """Normalised arrays ``[B, C, *S]``, 0 behind the end of an item."""
        shape = (1, -1, *[1] * (x.dim() - 2))
        mean, std = (
            torch.tensor(each, dtype=x.dtype).view(shape) for each in (self.mean or [0.0], self.std or [1.0])
        )
        return torch.nan_to_num((x - mean) / std, nan=0.0)

    def item(self, path: Path, longest: float | None = None) -> GridData:
        """A file as a model reads it, with its ``facts``; ``longest`` as in :meth:`read_checked`."""
        values, facts, weights = self.read_checked(path, longest)
        windows = values[None] if weights is None else values
        item: GridData = self.transform()(GridData(x=torch.from_numpy(windows)))
        if weights is not None and facts.get("windows", 1) > 1:
            set_windows(item, torch.from_numpy(weights))
        item.facts = facts
        return item

    def transform(self, augment: Sequence[Transform] = ()) -> Compose:
        """``augment``, then the normalisation."""
        return Compose([*augment, Standardize(self)])


def _spread(values: np.ndarray) -> list[float]:
    """Quantiles of the numbers of files; of rows of numbers the mean row."""
    finite = values[np.isfinite(values)] if values.ndim == 1 else values
    found = np.quantile(finite, _LEVELS) if values.ndim == 1 else np.nanmean(finite, axis=0)
    return [float(f"{each:.6g}") for each in found]


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


class Ended(BaseTransform):
    """Give what lies behind the end of an item the means of its channels, which are 0 when they are normalised."""

    def __init__(self, used: FilePreprocessing) -> None:
        self.used = used

    def forward(self, data: Any) -> Any:
        """Change ``x [1, C, *S]``."""
        mean = torch.tensor(self.used.mean or [0.0], dtype=data.x.dtype).view(
            1, -1, *[1] * (data.x.dim() - 2)
        )
        data.x = torch.where(data.x.isnan(), mean, data.x)
        return data

    def __repr__(self) -> str:
        return "Ended()"
