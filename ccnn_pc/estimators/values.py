"""Values of series at other times: those that are missing, and those that are still to come."""

from __future__ import annotations

import abc
import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ccnn_pc._checks import check_fraction, check_positive
from ccnn_pc.datasets import SeriesArrays
from ccnn_pc.datasets.preprocessing import Preprocessing
from ccnn_pc.datasets.transforms import HideFuture, HideValues
from ccnn_pc.datasets.transforms.base import Transform
from ccnn_pc.estimators.asked_times import farthest, times_of, with_stamps
from ccnn_pc.estimators.in_form_of import in_form_of
from ccnn_pc.estimators.series import SeriesEstimator, typical_step
from ccnn_pc.estimators.series_items import SeriesRead
from ccnn_pc.estimators.targets import Targets, scale_targets_
from ccnn_pc.models.series_values import SeriesValues
from ccnn_pc.models.shift.outside import SamplingWarning
from ccnn_pc.training.objectives import SampleRegression

#: Steps from the nearest observed values at which networks are believed half.
_HALF = 4.0


class HiddenValues(Targets):
    """Values of the series themselves, which a transform hides.

    Args:
        names: of the variables.
    """

    objective = SampleRegression
    monitor = "val/mse"

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._units: Any = None

    def attach(self, dataset: Any) -> Any:
        """The data set, whose scaling is that of the answers."""
        self._units = dataset.scaling
        return dataset

    def finish(self, model: Any) -> None:
        """Let answers be in the units of the series."""
        mean, deviation = (torch.from_numpy(each.ravel()) for each in (self._units.mean, self._units.std))
        model.set_units(mean, deviation)
        scale_targets_(model, deviation, mean)


class ValuesEstimator(SeriesEstimator):
    """What the estimators of values share; see :class:`SeriesEstimator` for the forms of X."""

    default_model: Mapping[str, Any] = {"name": "series_values", "omega_0": None, "width": 0.1}
    every_stamp = True
    patience: int | None = 30

    @abc.abstractmethod
    def _hide(self, gap: float) -> Transform:
        """What hides values in training and validation."""

    def fit(self, X: Any, y: Any = None) -> Any:  # noqa: N803
        """Train on series X.

        Args:
            X: series; see the class.
            y: not used.

        Returns:
            The estimator.

        Raises:
            TypeError: X of a kind that is not read.
            ValueError: X that does not fit, parameters out of range; the message names them.
        """
        items = self._read(X, fitting=True)
        self._train(items, HiddenValues(self.variables_))
        return self

    def _targets(self, y: Any, items: Any) -> Targets:
        return HiddenValues(self.variables_)

    def _said(self, outputs: Any) -> Any:
        return outputs.numpy()

    def _dataset(self, items: Any, targets: Targets, seed: int) -> SeriesArrays:
        plain = super()._dataset(items, targets, seed)
        plain.transform = self._hide(_gap(plain))
        return plain

    def _eval_transform(self, dataset: Any) -> Any:
        return dataset.transform

    def _geometry(self, dataset: Any) -> dict[str, Any]:
        return {**super()._geometry(dataset), "in_channels": 2 * len(self.variables_)}

    def _words(self, dataset: Any) -> dict[str, Any]:
        words = {**self.default_model, **(self._given_words() or {})}
        if words["name"] != "series_values":
            raise ValueError(
                f"'model' must be 'series_values' for values at any time (got {words['name']!r})"
            )
        return words

    def _preprocessing(self, dataset: Any) -> Preprocessing:
        found: Any = super()._preprocessing(dataset)
        return dataclasses.replace(found, table={**found.table, "gap": _gap(dataset), "every_stamp": True})

    def _check_network(self, folder: Any) -> None:
        super()._check_network(folder)
        if not isinstance(self.network_, SeriesValues):
            raise ValueError(
                f"'{folder}' must hold a network of values (got {self.network_.config.get('name')})"
            )

    def _values_at(self, items: SeriesRead, times: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Values ``[q_i, C]`` of each series at times ``[q_i]`` of its own, float64."""
        step = self.network_.preprocessing.table["gap"] / _HALF
        wanted = [with_stamps(each, when, step) for each, when in zip(items.items, times, strict=True)]
        asked = dataclasses.replace(items, items=[each for each, _ in wanted])
        answers = self._answers(asked).numpy()
        ends = np.cumsum([len(each.times) for each in asked.items])[:-1]
        return [part[rows] for part, (_, rows) in zip(np.split(answers, ends), wanted, strict=True)]


class SeriesImputer(TransformerMixin, ValuesEstimator):
    """Values of series that were not observed: where they are missing, and at any other time.

    ``fit(X)`` hides some of the values that X has, and learns to find them; see
    :class:`~ccnn_pc.datasets.transforms.HideValues`. ``transform(X)`` fills what is NaN, and keeps all that was
    observed. ``predict(X, times)`` answers at any times.

    Args:
        model: None, or a mapping of the words of ``series_values``.
        channels: see :class:`SeriesEstimator`.
        hidden: share of the values of a series that is hidden at most.
        epochs, batch_size, lr, validation, time_budget, random_state, verbose: see
            :class:`~ccnn_pc.estimators.base.Estimator`.

    Example:
        >>> t = np.linspace(0, 4, 40)
        >>> X = np.stack([np.sin(3 * t + phase) for phase in np.arange(12)])
        >>> X[:, 5::7] = np.nan
        >>> filled = SeriesImputer(epochs=2, random_state=0).fit(X).transform(X)
        >>> filled.shape, bool(np.isfinite(filled).all()), bool((filled == X)[np.isfinite(X)].all())
        ((12, 40), True, True)
    """

    def __init__(
        self,
        model: str | Mapping[str, Any] | None = None,
        *,
        channels: str = "auto",
        hidden: float = 0.8,
        epochs: int | None = None,
        batch_size: int = 32,
        lr: float = 0.01,
        validation: float = 0.15,
        time_budget: float | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.channels = channels
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.validation = validation
        self.time_budget = time_budget
        self.random_state = random_state
        self.verbose = verbose

    def _hide(self, gap: float) -> Transform:
        return HideValues(check_fraction("hidden", self.hidden), gap=gap)

    def _values_at(self, items: SeriesRead, times: Sequence[np.ndarray]) -> list[np.ndarray]:
        self._warn_of_far(items, times)
        return super()._values_at(items, times)

    def _warn_of_far(self, items: SeriesRead, times: Sequence[np.ndarray]) -> None:
        """Say so where values are asked for that lie farther from observed ones than any that ``fit`` hid."""
        if self.times_ is None:
            return
        far = max((farthest(each, when) for each, when in zip(items.items, times, strict=True)), default=0.0)
        if far > (most := self.hidden * self.times_.longest) * (1 + 1e-9):
            warnings.warn(
                f"'X' is asked for values {far:.3g} away from the nearest observed one, and fit hid none farther than "
                f"{most:.3g} ('hidden' is {self.hidden:g}, its longest series {self.times_.longest:.3g}): they are "
                "little more than guesses; leave them out, or give values that are nearer",
                SamplingWarning,
                stacklevel=4,
            )

    def transform(self, X: Any) -> Any:  # noqa: N803
        """X with values in place of NaN: an array as X is, a list of arrays, or a table.

        A table with a column per variable keeps its rows, their order and its other columns; of one with a row per
        observation there is a row for each id and time, and a column per variable.
        """
        check_is_fitted(self)
        items = self._read(X, fitting=False)
        found = self._values_at(items, [each.times for each in items.items])
        filled = [
            np.where(np.isfinite(each.values), each.values, value)
            for each, value in zip(items.items, found, strict=True)
        ]
        return in_form_of(X, items, filled, self.variables_)

    def predict(self, X: Any, times: Any = None) -> Any:  # noqa: N803
        """Values at any times.

        Args:
            X: series.
            times: ``[q]`` of all series, or a list of ``[q_i]``, in the units of those of X; dates as dates. None:
                the stamps of X.

        Returns:
            ``[N, q, C]``; of a list, or of None, a list of ``[q_i, C]``.

        Raises:
            ValueError: no list of as many times as series, or times that are not finite.
        """
        check_is_fitted(self)
        items = self._read(X, fitting=False)
        if times is None:
            return self._values_at(items, [each.times for each in items.items])
        asked, common = times_of(times, X, items, self.dates_)
        found = self._values_at(items, asked)
        return np.stack(found) if common else found


class SeriesForecaster(ValuesEstimator):
    """Values of series after their last sample.

    ``fit(X)`` cuts series at random moments, and learns what came then; see
    :class:`~ccnn_pc.datasets.transforms.HideFuture`. Before training, a forecast is the last value.

    Args:
        model: None, or a mapping of the words of ``series_values``.
        channels: see :class:`SeriesEstimator`.
        horizon: how far, in units of the times (of arrays: samples).
        epochs, batch_size, lr, validation, time_budget, random_state, verbose: see
            :class:`~ccnn_pc.estimators.base.Estimator`.

    Attributes:
        step_: distance of the times of a forecast.

    Example:
        >>> t = np.arange(60)
        >>> X = np.stack([np.sin(0.4 * t + phase) for phase in np.arange(16)])
        >>> model = SeriesForecaster(horizon=5, epochs=2, random_state=0).fit(X)
        >>> model.predict(X).shape, model.predict(X, times=[60, 60.5]).shape
        ((16, 5, 1), (16, 2, 1))
    """

    step_: float

    def __init__(
        self,
        model: str | Mapping[str, Any] | None = None,
        *,
        channels: str = "auto",
        horizon: float = 10.0,
        epochs: int | None = None,
        batch_size: int = 32,
        lr: float = 0.01,
        validation: float = 0.15,
        time_budget: float | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.channels = channels
        self.horizon = horizon
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.validation = validation
        self.time_budget = time_budget
        self.random_state = random_state
        self.verbose = verbose

    def _hide(self, gap: float) -> Transform:
        return HideFuture(self.horizon, gap=gap)

    def _dataset(self, items: Any, targets: Targets, seed: int) -> SeriesArrays:
        found = super()._dataset(items, targets, seed)
        self.step_ = typical_step(found)
        check_positive("horizon", self.horizon)
        if self.horizon < self.step_:
            raise ValueError(
                f"'horizon' must be at least one step of the series, {self.step_:g} (got {self.horizon:g})"
            )
        longest = max(float(each.times[-1] - each.times[0]) for each in items.items)
        if self.horizon > longest:
            raise ValueError(
                f"'horizon' must be within the longest series of the training, {longest:g}, for nothing says what "
                f"comes so late (got {self.horizon:g})"
            )
        return found

    def predict(self, X: Any, times: Any = None) -> Any:  # noqa: N803
        """Values after the last sample of each series.

        Args:
            X: series.
            times: as for :meth:`SeriesImputer.predict`; None: every ``step_`` up to the horizon.

        Returns:
            ``[N, q, C]``; of a list of times a list of ``[q_i, C]``.

        Raises:
            ValueError: times that are not after the last sample, or beyond the horizon.
        """
        check_is_fitted(self)
        items = self._read(X, fitting=False)
        ends = [float(each.times[np.isfinite(each.values).any(axis=1)][-1]) for each in items.items]
        steps = self.step_ * np.arange(1, int(self.horizon / self.step_ * (1 + 1e-9)) + 1)
        whole = [end + steps for end in ends]
        if times is None:
            asked, common = whole, True
        else:
            asked, common = times_of(times, X, items, self.dates_)
        for row, (end, when) in enumerate(zip(ends, asked, strict=True)):
            if len(when) and not (when.min() > end and when.max() <= end + self.horizon * (1 + 1e-6)):
                raise ValueError(
                    f"'times' must be after the last sample of a series, by no more than 'horizon', {self.horizon:g} "
                    f"(got {when.min():g} to {when.max():g} for series {row}, which ends at {end:g})"
                )
        both = self._values_at(
            items, [np.concatenate([when, steps]) for when, steps in zip(asked, whole, strict=True)]
        )
        found = [each[: len(when)] for each, when in zip(both, asked, strict=True)]
        return np.stack(found) if common else found

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "step": self.step_}

    def _restore(self, stored: Mapping[str, Any]) -> None:
        super()._restore(stored)
        self.step_ = float(stored["step"])


def _gap(dataset: SeriesArrays) -> float:
    return _HALF * typical_step(dataset)
