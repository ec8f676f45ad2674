"""Classes and numbers of time series."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from ccnn_pc._choices import choice
from ccnn_pc.datasets import SeriesArrays, SeriesPreprocessing
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.preprocessing import Preprocessing
from ccnn_pc.datasets.series.observation_channels import ObservationChannels
from ccnn_pc.datasets.series.scaling import SeriesScaling
from ccnn_pc.datasets.series.stored import StoredSeries, common_span, join_series, typical_grid
from ccnn_pc.datasets.series.tells_target import said_of, tells_target
from ccnn_pc.datasets.tables.observations import TableFormat
from ccnn_pc.datasets.transforms import DropSamples
from ccnn_pc.estimators.answers import ClassifierAnswers, RegressorAnswers
from ccnn_pc.estimators.base import Estimator
from ccnn_pc.estimators.containers import unpacked
from ccnn_pc.estimators.panels import plain_table
from ccnn_pc.estimators.read_series import read_series
from ccnn_pc.estimators.read_table import is_table, targets_of_ids
from ccnn_pc.estimators.series_items import Channels, Known, SeriesRead
from ccnn_pc.estimators.targets import Classes, Numbers, Targets
from ccnn_pc.models.shift.outside import SamplingWarning
from ccnn_pc.models.shift.times_of_fit import TimesOfFit

#: Per cent of the samples, at most, that are left out of a series of the training, drawn anew in every epoch.
THINNED = 50.0
#: More series than these are not solved at once.
MOST_SOLVED = 5000


class SeriesEstimator(Estimator):
    """What both estimators of series share.

    X is an array ``[N, T]`` of one channel, ``[N, T, C]`` or ``[N, C, T]``, with NaN for what is missing and behind the
    end of shorter series; a list of arrays, of pairs (times, values), of Series or DataFrames, or of PyG data with
    ``times`` and ``x``; or a table (pandas, polars) with the columns id, time, variable, value, or id, time and a
    column for each variable, or with id and time in the index of a DataFrame. The targets of a table are a mapping (a
    dict, a pandas Series) from ids, or, where the rows of each id stand together, in the order in which ids come.

    Without ``model``, kernels are drawn and the head is solved (:class:`~ccnn_pc.models.random_kernels.RandomKernels`)
    for up to 5000 series, and ``ccnn_tiny_grid`` is trained on more.

    Args:
        model: see :class:`~ccnn_pc.estimators.base.Estimator`, as for all others.
        channels: which axis of arrays counts channels: "first", "last", or "auto", the shorter one where it is shorter
            than a quarter of the other (a tenth, if these are more than 24 channels).
        epochs, batch_size, lr, validation, patience, time_budget, random_state, verbose: see there.

    Attributes:
        variables_: names of the channels.
        layout_: which axis of arrays was taken for the channels; None: it was never in question.
    """

    variables_: list[str]
    layout_: Channels | None
    dates_: str | None
    times_: TimesOfFit | None = None
    columns_: Sequence[str] = ()
    #: Whether stamps at which nothing was observed are kept.
    every_stamp = False

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
        known = None if fitting else Known(self.variables_, self.layout_)
        X = unpacked(plain_table(X), "series")  # noqa: N806
        if _is_matrix(X):
            X = self._matrix(X, fitting)  # noqa: N806
        read = read_series(X, way, known, every_stamp=self.every_stamp)
        times = [each.times for each in read.items]
        if fitting:
            self.times_ = TimesOfFit.of(times, read.counted)
            self.variables_, self.layout_, self.dates_ = read.names, read.layout, read.dates
        elif read.dates != self.dates_:
            raise ValueError(
                "'X' must have dates as its times, as in fit (got numbers): pandas.to_datetime(times, unit='s') makes "
                "some of seconds since 1970"
                if read.dates is None
                else "'X' must have numbers as its times, as in fit (got dates): count them in the unit of fit, as "
                "(dates - dates[0]) / numpy.timedelta64(1, 's') does in seconds"
            )
        elif self.times_ is not None:
            said = self.times_.unlike(times, read.counted, pooled=not self.every_stamp)
            if said is not None:
                warnings.warn(said, SamplingWarning, stacklevel=4)
        return read

    def _matrix(self, X: Any, fitting: bool) -> np.ndarray:  # noqa: N803
        """A matrix of numbers, a series per row, as scikit-learn checks it."""
        length = getattr(X, "shape", ())[1:]
        known = None if fitting else getattr(self, "n_features_in_", None)
        if known is not None and length and length[0] != known:
            raise ValueError(
                f"X has {length[0]} features, but {type(self).__name__} is expecting {known} features as input: rows "
                "of a matrix are series of one length; give series of others as a list, list(X)"
            )
        self._check_columns(X, fitting)
        try:
            found: np.ndarray = validate_data(
                self, X, reset=fitting, ensure_all_finite="allow-nan", dtype="numeric"
            )
        except ValueError as error:
            if "could not convert" in str(error) or "setting an array" in str(error):
                raise TypeError(
                    f"'X' must hold numbers, or be a table with the columns id and time ({error})"
                ) from error
            raise
        return found

    def _check_columns(self, X: Any, fitting: bool) -> None:  # noqa: N803
        """Numbers that name the columns of a frame stand in the order of fit; scikit-learn looks at text alone."""
        names = list(getattr(X, "columns", ()))
        names = [] if all(isinstance(name, str) for name in names) else [str(name) for name in names]
        if fitting:
            self.columns_ = names
        elif names != list(self.columns_) and sorted(names) == sorted(self.columns_):
            raise ValueError(
                f"'X' must have its columns in the order of fit, {', '.join(self.columns_[:4])} ... (got "
                f"{', '.join(names[:4])} ...): X[list(range(n))] puts them into one"
            )

    def _in_order(self, y: Any, items: Any) -> Any:
        return y if items.ids is None else targets_of_ids(y, items)

    def _asked(self, X: Any, y: Any) -> Any:  # noqa: N803
        return self._in_order(y, self._read(X, fitting=False)) if is_table(plain_table(X)) else y

    def _dataset(self, items: Any, targets: Targets, seed: int) -> SeriesArrays:
        labels = targets.labels if isinstance(targets, Classes) else np.zeros(len(items), dtype=np.int64)
        classes = targets.names if isinstance(targets, Classes) else ["value"]
        stored = _stored(items, labels, classes)
        name = tells_target(stored, targets.numbers if isinstance(targets, Numbers) else None)
        if name is not None:
            warnings.warn(f"'X': {said_of(name)}", DataWarning, stacklevel=5)
        return SeriesArrays(stored, transform=DropSamples([0.0, THINNED], irregular=True), seed=seed)

    def _geometry(self, dataset: Any) -> dict[str, Any]:
        spacing, length = _grid(dataset)
        channels = len(self.variables_) * (1 + dataset.said.per_variable)
        return {"dim": 1, "in_channels": channels, "shape": [length], "spacing": spacing}

    def _words(self, dataset: Any) -> dict[str, Any]:
        default = "random_kernels" if len(dataset) <= MOST_SOLVED else "ccnn_tiny_grid"
        words = {"name": default} if self.model is None else super()._words(dataset)
        if words["name"] == "random_kernels":
            span = common_span(dataset.stored, np.arange(len(dataset.stored)))
            return {"span": span if span[0] != span[1] else (None, None), **words}
        return {**_small(words["name"]), **words}

    def _preprocessing(self, dataset: Any) -> Preprocessing:
        scaling = dataset.scaling
        table = {
            **dataclasses.asdict(TableFormat(variables=self.variables_, dates=self.dates_)),
            **dataclasses.asdict(dataset.said),
            "lattice": None,
            "split_seeds": [0, 1],
            "mean": scaling.mean.ravel().tolist(),
            "std": scaling.std.ravel().tolist(),
        }
        times = None if self.times_ is None else dataclasses.asdict(self.times_)
        return SeriesPreprocessing(form="irregular", table=table, times=times)

    def _inputs(self, items: Any) -> Any:
        table = self.network_.preprocessing.table
        said = ObservationChannels(bool(table["counts"]), bool(table["indicators"]), table.get("gap"))
        mean, std = (np.array(table[name], dtype=np.float32)[:, None] for name in ("mean", "std"))
        stored = _stored(items, np.zeros(len(items), dtype=np.int64), ["value"])
        return SeriesArrays(stored, scaling=SeriesScaling(mean, std, epsilon=0.0), said=said)

    def _state(self) -> dict[str, Any]:
        known = None if self.times_ is None else dataclasses.astuple(self.times_)
        return {
            **super()._state(),
            "layout": None if self.layout_ is None else self.layout_.value,
            "times": known,
            "columns": list(self.columns_),
        }

    def _restore(self, stored: Mapping[str, Any]) -> None:
        super()._restore(stored)
        table = self.network_.preprocessing.table
        self.variables_, self.dates_ = [str(name) for name in table["variables"]], table["dates"]
        times, self.columns_ = stored.get("times"), list(stored.get("columns", ()))
        self.times_ = None if times is None else TimesOfFit(*times)
        layout = stored.get("layout")
        self.layout_ = None if layout is None else choice("layout", layout, Channels)

    def _check_network(self, folder: Path) -> None:
        super()._check_network(folder)
        table = getattr(self.network_.preprocessing, "table", None)
        if table is None or table.get("mean") is None:
            raise ValueError(
                f"'{folder}' must hold a model of series that were read from a table and normalised "
                "(its preprocessing has no table)"
            )

    def __sklearn_tags__(self) -> Any:
        """Rows of a matrix are series, NaN is a value that is missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags


class SeriesClassifier(ClassifierAnswers, SeriesEstimator):
    """The class of a time series, whatever its samples are.

    See :class:`SeriesEstimator` for the forms of X, and the parameters.

    Attributes:
        classes_: the classes, sorted.

    Example:
        >>> import numpy as np
        >>> random = np.random.default_rng(0)
        >>> slow, fast = (np.sin(f * np.arange(40) + random.uniform(0, 6, (12, 1))) for f in (0.3, 0.9))
        >>> X, y = np.concatenate([slow, fast]), ["slow"] * 12 + ["fast"] * 12
        >>> X[random.random(X.shape) < 0.3] = np.nan
        >>> SeriesClassifier(random_state=0).fit(X[::2], y[::2]).score(X[1::2], y[1::2])
        1.0
    """


class SeriesRegressor(RegressorAnswers, SeriesEstimator):
    """Numbers that belong to a time series, ``[n]`` or ``[n, K]`` as y.

    See :class:`SeriesEstimator` for the forms of X, and the parameters.
    """


def typical_step(dataset: SeriesArrays) -> float:
    """The usual distance of samples."""
    return _grid(dataset)[0]


def _grid(dataset: SeriesArrays) -> tuple[float, int]:
    return typical_grid(dataset.stored, np.arange(len(dataset.stored)), dataset.lattice)


def _stored(items: SeriesRead, labels: np.ndarray, classes: Sequence[str]) -> StoredSeries:
    times = np.concatenate([each.times for each in items.items])
    values = [each.values for each in items.items]
    return join_series(values, labels, classes, times=times, channels=items.names)


def _small(name: str) -> dict[str, Any]:
    """Words of a network of continuous kernels on one axis: frequencies that the samples show, short windows."""
    return {"name": name, **({"omega_0": None, "width": 0.1} if name.startswith("ccnn") else {})}


def _is_matrix(data: Any) -> bool:
    """Whether data are a matrix as scikit-learn has it: rows of one length."""
    if is_table(data):
        return False
    if isinstance(data, (list, tuple)):
        if len(data) == 0:
            return False
        flat = not hasattr(data[0], "__len__") or isinstance(data[0], str)
        return flat or (not isinstance(data[0], tuple) and all(_is_row(each, len(data[0])) for each in data))
    shape = getattr(data, "shape", None)
    return shape is None or len(shape) < 3


def _is_row(each: Any, length: int) -> bool:
    return (
        isinstance(each, list)
        and len(each) == length
        and not any(hasattr(value, "__len__") for value in each)
    )
