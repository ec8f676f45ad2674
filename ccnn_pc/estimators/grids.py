"""Classes and numbers of pictures, volumes, and lines of samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ccnn_pc._choices import choice
from ccnn_pc.datasets import ImagePreprocessing
from ccnn_pc.datasets.common.grid_data import GridData
from ccnn_pc.datasets.common.grids import GridArrays
from ccnn_pc.datasets.formats.image_file import on_white
from ccnn_pc.datasets.preprocessing import Preprocessing
from ccnn_pc.estimators.answers import ClassifierAnswers, RegressorAnswers
from ccnn_pc.estimators.base import Estimator
from ccnn_pc.estimators.containers import numbers, unpacked
from ccnn_pc.estimators.series_items import Channels
from ccnn_pc.estimators.targets import Classes, Targets

#: Modes of PIL whose entries are no colours that add up: palettes, print colours, and what is transparent.
_COLOURED = ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "RGBA", "RGBX", "RGBa")

#: An axis of at most so many entries can be that of the channels.
MOST_CHANNELS = 4


@dataclasses.dataclass(frozen=True)
class Grids:
    """Samples on grids ``[N, C, *S]``, float32; bytes are divided by 255."""

    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)


def read_grids(
    data: Any, channels: Channels = Channels.AUTO, known: int | None = None
) -> tuple[Grids, Channels | None]:
    """Pictures, volumes or lines of samples, all of one size.

    Args:
        data: an array ``[N, W]``; ``[N, H, W]``; ``[N, H, W, C]`` or ``[N, C, H, W]``; ``[N, D, H, W, C]`` or
            ``[N, C, D, H, W]``; or a list of arrays, tensors or pictures.
        channels: which axis counts channels; AUTO: the first or the last one where one of them alone has 4 entries at
            most.
        known: channels of a fitted estimator.

    Raises:
        TypeError: no numbers.
        ValueError: several sizes, another number of axes, axes that could be either, numbers that are not finite.

    Example:
        >>> grids, layout = read_grids(np.zeros((5, 8, 8, 3), np.uint8))
        >>> grids.values.shape, layout
        ((5, 3, 8, 8), <Channels.LAST: 'last'>)
    """
    data = unpacked(data, "grids")
    if isinstance(data, (list, tuple)):
        if not data:
            raise ValueError("'X' must hold at least one grid (got none)")
        arrays = [numbers(_plain(each), f"X[{row}]") for row, each in enumerate(data)]
        if len({each.shape for each in arrays}) > 1:
            sizes = ", ".join(str(list(each.shape)) for each in arrays[:3])
            raise ValueError(f"'X' must hold grids of one size (got {sizes} ...): resize them")
        data = np.stack(arrays)
    array = numbers(data, "X")
    if array.ndim > 1 and not len(array):
        raise ValueError(
            f"'X' must hold at least one grid (got shape {list(array.shape)}, a minimum of 1 is required)"
        )
    if array.ndim not in (2, 3, 4, 5) or not array.size:
        raise ValueError(
            f"'X' must be [N, W], [N, H, W], or pictures or volumes with channels (got shape {list(array.shape)})"
        )
    layout = None
    if array.ndim < 4:
        array = array[:, None]
    else:
        layout = channels if channels is not Channels.AUTO else _layout(array.shape, known)
        array = np.moveaxis(array, -1, 1) if layout is Channels.LAST else array
    values = array.astype(np.float32)
    if array.dtype == np.uint8:
        values /= np.float32(255)
    if not np.isfinite(values).all():
        raise ValueError("Input X contains NaN or infinity: 'X' must be finite")
    return Grids(values), layout


def _layout(shape: Sequence[int], known: int | None) -> Channels:
    fits = [
        way
        for way, size in ((Channels.FIRST, shape[1]), (Channels.LAST, shape[-1]))
        if (size <= MOST_CHANNELS if known is None else size == known)
    ]
    if not fits and known is not None:
        raise ValueError(f"'X' must have {known} channels, as in fit (got grids of shape {list(shape[1:])})")
    if len(fits) != 1:
        raise ValueError(
            f"'channels' must be 'first' or 'last' for grids of shape {list(shape[1:])} (got 'auto'); volumes without "
            "channels are X[:, None]"
        )
    return fits[0]


def _plain(each: Any) -> Any:
    """Pictures of PIL whose entries are no brightness (palettes, bits) as those that are; all else as it is."""
    mode = getattr(each, "mode", None)
    if mode is None or not hasattr(each, "convert"):
        return each
    if mode in _COLOURED:
        return on_white(each)[0].convert("RGB")
    return each.convert("L") if mode == "1" else each


class GridEstimator(Estimator):
    """What both estimators of grids share.

    X is an array of pictures ``[N, H, W]``, ``[N, H, W, C]`` or ``[N, C, H, W]``, of volumes with one more axis, of
    lines ``[N, W]``, or a list of these, pictures of PIL among them; all of one size. Bytes are divided by 255. Values
    are normalised by mean and deviation of the training, channel by channel.

    Args:
        model: see :class:`~ccnn_pc.estimators.base.Estimator`, as for all others (default ``ccnn_tiny_grid``).
        channels: which axis counts channels: "first", "last", or "auto", where that is plain.
        epochs, batch_size, lr, validation, patience, time_budget, random_state, verbose: see there.

    Attributes:
        mean_, std_: of the channels.
        shape_: samples per axis.
    """

    default_model = {"name": "ccnn_tiny_grid"}
    mean_: np.ndarray
    std_: np.ndarray
    shape_: tuple[int, ...]

    def __init__(
        self,
        model: str | Mapping[str, Any] | None = None,
        *,
        channels: str = "auto",
        epochs: int | None = None,
        batch_size: int = 32,
        lr: float = 0.01,
        validation: float = 0.15,
        patience: int | None = 30,
        time_budget: float | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.channels = channels
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.validation = validation
        self.patience = patience
        self.time_budget = time_budget
        self.random_state = random_state
        self.verbose = verbose

    def _read(self, X: Any, *, fitting: bool) -> Any:  # noqa: N803
        way = choice("channels", self.channels, Channels)
        grids, _ = read_grids(X, way, None if fitting else len(self.mean_))
        shape = grids.values.shape[1:]
        if fitting:
            axes = (0, *range(2, grids.values.ndim))
            self.mean_ = grids.values.mean(axis=axes, dtype=np.float64)
            deviation = grids.values.std(axis=axes, dtype=np.float64)
            self.std_ = np.where(deviation > 1e-8, deviation, 1.0)
            self.shape_ = tuple(shape[1:])
            self._shares = bool(grids.values.min() >= 0 and grids.values.max() <= 1)
        elif shape != (len(self.mean_), *self.shape_):
            raise ValueError(
                f"'X' must have the channels and the size of fit, {[len(self.mean_), *self.shape_]} (got {list(shape)})"
            )
        return grids

    def _dataset(self, items: Any, targets: Targets, seed: int) -> GridArrays:
        labels = targets.labels if isinstance(targets, Classes) else np.zeros(len(items), dtype=np.int64)
        classes = targets.names if isinstance(targets, Classes) else ["value"]
        return GridArrays(self._scaled(items), labels, classes, seed=seed)

    def _scaled(self, items: Grids) -> np.ndarray:
        ones = (1,) * len(self.shape_)
        mean, std = (each.reshape(-1, *ones).astype(np.float32) for each in (self.mean_, self.std_))
        found: np.ndarray = (items.values - mean) / std
        return found

    def _geometry(self, dataset: Any) -> dict[str, Any]:
        return {"dim": len(self.shape_), "in_channels": len(self.mean_), "shape": list(self.shape_)}

    def _words(self, dataset: Any) -> dict[str, Any]:
        words = super()._words(dataset)
        line = len(self.shape_) == 1
        own = {"omega_0": None, "width": 0.1} if line else {"omega_0": 0.3, "width": 0.3, "extent": 5.0}
        return {**(own if words["name"].startswith("ccnn") else {}), **words}

    def _preprocessing(self, dataset: Any) -> Preprocessing | None:
        """Of pictures of shares of full brightness: files can be read likewise. Of others None."""
        if len(self.shape_) != 2 or len(self.mean_) not in (1, 3) or not self._shares:
            return None
        return ImagePreprocessing("image", self.mean_.tolist(), self.std_.tolist())

    def _inputs(self, items: Any) -> Sequence[Any]:
        values = torch.from_numpy(self._scaled(items))
        return [GridData(x=each[None]) for each in values]

    def _state(self) -> dict[str, Any]:
        return {
            **super()._state(),
            "mean": self.mean_.tolist(),
            "std": self.std_.tolist(),
            "shape": list(self.shape_),
        }

    def _restore(self, stored: Mapping[str, Any]) -> None:
        super()._restore(stored)
        used = self.network_.preprocessing
        if "mean" not in stored and isinstance(used, ImagePreprocessing):
            stored = {"mean": used.mean, "std": used.std, "shape": self.network_.config.get("shape")}
        if stored.get("mean") is None or stored.get("shape") is None:
            raise ValueError(
                "'folder' must hold a model of pictures that says their size, mean and deviation"
            )
        self.mean_, self.std_ = (
            np.atleast_1d(np.array(stored[name], dtype=np.float64)) for name in ("mean", "std")
        )
        self.shape_ = tuple(stored["shape"])

    def __sklearn_tags__(self) -> Any:
        """Rows of a matrix are lines of samples."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class GridClassifier(ClassifierAnswers, GridEstimator):
    """The class of a picture, a volume, or a line of samples.

    See :class:`GridEstimator` for the forms of X, and the parameters.

    Attributes:
        classes_: the classes, sorted.
    """


class GridRegressor(RegressorAnswers, GridEstimator):
    """Numbers that belong to a picture, a volume, or a line of samples, ``[n]`` or ``[n, K]`` as y.

    See :class:`GridEstimator` for the forms of X, and the parameters.
    """
