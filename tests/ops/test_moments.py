"""Moments of items: those of each item alone, whatever stands beside it, native and with NumPy."""

import math
from typing import Any

import numpy as np
import pytest

from ccnn_pc.ops import moments as module
from ccnn_pc.ops.moments import Moments, Row, moments


def skewness(values: np.ndarray, middle: float) -> float:
    off = values - middle
    return float(np.mean(off**3) / np.mean(off**2) ** 1.5) if off.any() else math.nan


def of_one(values: np.ndarray) -> list[float]:
    if not len(values):
        return [0.0, 0.0, *12 * [math.nan]]
    mean, steps = values.mean(), np.diff(values) if len(values) > 1 else np.zeros(1)
    lone, square = len(values) == 1, np.square(steps).mean()
    return [
        *(len(values), math.sqrt(np.square(values).mean()), mean, values.std()),
        *(values.min(), values.max(), values.max() - values.min(), skewness(values, mean)),
        *(
            math.nan if lone else steps.mean(),
            square,
            max(steps.max(), 0),
            0 if lone else np.mean(steps == 0),
        ),
        *(skewness(steps, 0.0), np.sqrt(square / (2 * values.var())) if values.var() > 0 else math.nan),
    ]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("at_once", [1, 1 << 17])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
@np.errstate(invalid="ignore", divide="ignore")
def test_moments_are_those_of_each_item(
    native: bool, masked: bool, at_once: int, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    pointer = np.array([0, 7, 7, 8, 40, 940])  # one is empty, one has one sample
    x: Any = (1e3 + 30 * rng.normal(size=(940, 3)) ** 2).astype(dtype)
    x[100:120] = x[100]
    observed = rng.random(x.shape) < 0.6 if masked else None
    if observed is not None:
        observed[8:40, 1] = False
    for order in ("C", "F"):  # of rows and channels in memory
        mask = None if observed is None else np.asarray(observed, order=order)
        found = moments(np.asarray(x, order=order), pointer, mask)
        for c, b in np.ndindex(3, 5):
            part = slice(pointer[b], pointer[b + 1])
            values = x[part, c] if observed is None else x[part, c][observed[part, c]]
            wanted = of_one(values.astype(np.float64))
            np.testing.assert_allclose(found.items[:, c, b], wanted, rtol=1e-9, atol=1e-9)


@np.errstate(invalid="ignore", divide="ignore")
def test_what_is_no_number_shows(native: bool) -> None:
    found = moments(np.array([[1.0], [math.nan], [2.0], [3.0], [5.0]]), np.array([0, 3, 5]))
    shown = (Row.ROOT, Row.MEAN, Row.DEVIATION, Row.LOW, Row.HIGH, Row.SPAN, Row.SKEWNESS, Row.STEP_SKEWNESS)
    assert np.isnan(found.items[[*shown], 0, 0]).all() and found.of(Row.MEAN)[0, 1] == 4
    assert found.ranges(Row.HIGH) == ((5.0, 5.0),)


@np.errstate(invalid="ignore", divide="ignore")
def test_constants_have_no_deviation(native: bool) -> None:
    found: Moments = moments(np.full((50, 1), 1e9 + 0.1), np.array([0, 20, 50]))
    assert found.of(Row.DEVIATION).tolist() == [[0.0, 0.0]]


@np.errstate(invalid="ignore", divide="ignore")
def test_values_turned_round_have_the_other_skewness(native: bool) -> None:
    x, pointer = np.random.default_rng(0).normal(size=(300, 1)) ** 2, np.array([0, 100, 300])
    found, turned, back = (moments(each, pointer) for each in (x, -x, np.concatenate([x[99::-1], x[:99:-1]])))
    for row, other in ((Row.SKEWNESS, back), (Row.STEP_SQUARE, back)):
        np.testing.assert_allclose(other.of(row), found.of(row))
    for row, other in ((Row.SKEWNESS, turned), (Row.STEP_SKEWNESS, turned), (Row.STEP_SKEWNESS, back)):
        np.testing.assert_allclose(other.of(row), -found.of(row))
