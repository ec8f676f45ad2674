"""Random kernels: MiniRocket's numbers on a lattice, spans, what is expected in gaps, and what must not matter."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from ccnn_pc.estimators import SeriesClassifier  # noqa: E402
from ccnn_pc.models import SamplingWarning, create_model, series_prior  # noqa: E402
from ccnn_pc.models.random_kernels import RandomKernels  # noqa: E402
from ccnn_pc.models.series_prior import SeriesPrior  # noqa: E402

FEW = {"name": "random_kernels", "num_features": 1008}


def humps(items: int = 24, length: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Early and late humps of any height ``[N, T]``, and which they are."""
    random = np.random.default_rng(seed)
    late = np.arange(items) % 2
    hump = np.exp(-(((np.arange(length) - 10 - 8 * late[:, None]) / 4) ** 2)) * random.uniform(
        1, 2, (items, 1)
    )
    return hump + 0.05 * random.normal(size=hump.shape), late


def with_gaps(x: np.ndarray, share: float, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(seed)
    kept = [np.sort(random.permutation(len(each))[: int(len(each) * (1 - share))]) for each in x]
    return [(place.astype(float), each[place]) for place, each in zip(kept, x, strict=True)]


def minirocket(
    x: np.ndarray, distance: int, kernel: tuple[int, ...], threshold: float, inside: bool
) -> float:
    """The share of positive values, as MiniRocket defines it."""
    above = []
    for t in range(len(x)):
        places = [t + (tap - 4) * distance for tap in range(9)]
        if inside and not 0 <= places[0] <= places[-1] < len(x):
            continue
        weights = [2.0 if tap in kernel else -1.0 for tap in range(9)]
        answer = sum(w * x[place] for w, place in zip(weights, places, strict=True) if 0 <= place < len(x))
        above.append(answer > threshold)
    return float(np.mean(above))


def test_on_a_lattice_features_are_those_of_minirocket() -> None:
    x = 10 * np.random.default_rng(0).normal(size=(3, 40)).astype(np.float32)
    model = create_model(
        "random_kernels", dim=1, in_channels=1, out_channels=2, shape=(40,), num_features=1008
    ).eval()
    assert isinstance(model, RandomKernels)
    with torch.inference_mode():
        array = torch.from_numpy(x)[:, None]
        model.draw(*model.reading.read(array))
        found = model.forward_features(array)
    kernels, first = list(itertools.combinations(range(9), 3)), 0
    for number, (view, distance, each) in enumerate(model.groups):
        for kernel, at in itertools.product(range(0, 84, 7), range(each)):
            if view == 0:
                place = first + kernel * each + at
                threshold, inside = float(model.thresholds[place]), (number + kernel) % 2 == 1
                plain = [
                    minirocket(row, distance, kernels[kernel], threshold, inside) for row in x.astype(float)
                ]
                np.testing.assert_allclose(
                    found[:, place], plain, atol=0.02
                )  # a value on the ramp of a threshold
        first += 84 * each
    assert len({group.distance for group in model.groups}) > 1 and 0.3 < float(found.mean()) < 0.7


def test_neither_the_unit_of_time_nor_its_origin_matters() -> None:
    x, y = humps()
    pairs = with_gaps(x, 0.4)
    moved = [(1e9 + 3600 * times, values) for times, values in pairs]
    asked, asked_moved = pairs[:8], moved[:8]
    plain, other = (SeriesClassifier(FEW, random_state=0).fit(each[8:], y[8:]) for each in (pairs, moved))
    np.testing.assert_allclose(plain.predict_proba(asked), other.predict_proba(asked_moved), atol=0.01)


def test_first_and_last_values_hold_to_the_ends_of_the_span() -> None:
    x, y = humps()
    x[:, :5], x[:, -5:] = x[:, [5]], x[:, [-6]]  # nothing is new at the ends
    fitted = SeriesClassifier(FEW, random_state=0).fit(x, y)
    short = [(np.arange(30.0)[3:-4], each[3:-4]) for each in x]
    np.testing.assert_allclose(fitted.predict_proba(short), fitted.predict_proba(x), atol=1e-4)
    elsewhere = [(times + 1000, each) for times, each in short]
    assert np.abs(fitted.predict_proba(elsewhere) - fitted.predict_proba(x)).max() > 1e-3
    late = [
        (np.arange(30.0 - 20 * (row % 3)) if row % 3 < 2 else np.arange(30.0), each)
        for row, each in enumerate(x)
    ]
    late = [(times, each[: len(times)]) for times, each in late]
    assert SeriesClassifier(FEW, random_state=0).fit(late, y).network_.span == (0.0, None)


def test_gaps_are_filled_by_what_the_training_lets_expect_where_that_tells_more(tmp_path: Path) -> None:
    """Humps that lie in gaps are expected from their flanks; noise is not."""
    x, y = humps(40)
    pairs = with_gaps(x, 0.8)
    fitted = SeriesClassifier(FEW, random_state=0).fit(pairs[:30], y[:30])
    assert bool(fitted.network_.expecting) and fitted.score(pairs[30:], y[30:]) >= 0.9
    again = SeriesClassifier.load(fitted.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.predict_proba(pairs[30:]), fitted.predict_proba(pairs[30:]))
    full = SeriesClassifier(FEW, random_state=0).fit(x[:30], y[:30])
    assert not bool(full.network_.expecting)


def test_what_is_expected_is_the_conditional_mean() -> None:
    random = np.random.default_rng(0)
    values = torch.from_numpy(
        random.normal(size=(50, 1, 6)) @ random.normal(size=(6, 6)) + random.normal(size=6)
    )
    prior = SeriesPrior(1, 6).double()
    prior.fit(values, torch.ones_like(values, dtype=torch.bool))
    seen = torch.tensor([True, False, True, False, False, True])
    mean, covariance = prior.mean[0].numpy(), prior.covariance[0].numpy()
    np.testing.assert_allclose(mean, values[:, 0].mean(dim=0))
    o, h = np.flatnonzero(seen), np.flatnonzero(~seen)
    noise = series_prior._NOISE * covariance.diagonal().mean() * np.eye(3)
    told = np.linalg.solve(covariance[np.ix_(o, o)] + noise, (values[:, 0, o].numpy() - mean[o]).T)
    wanted = mean[h] + told.T @ covariance[np.ix_(o, h)]
    found = prior.fill(values, seen.expand(50, 1, 6))
    np.testing.assert_allclose(found[:, 0, h], wanted, rtol=1e-8)
    np.testing.assert_array_equal(found[:, 0, o], values[:, 0, o])


def test_without_the_training_they_are_straight_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_prior, "_LINES", 1.0)
    monkeypatch.setattr(series_prior, "_NOISE", 1e-12)
    walk = torch.randn(64, 2, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).cumsum(2)
    walk = torch.cat([walk, -walk])  # of mean 0
    prior = SeriesPrior(2, 12).double()
    prior.fit(walk, torch.ones_like(walk, dtype=torch.bool))
    seen = torch.zeros(128, 2, 12, dtype=torch.bool)
    stay = np.array([0, 3, 4, 9, 11])
    seen[:, :, stay] = True
    lines = [[np.interp(np.arange(12), stay, each[stay]) for each in row] for row in walk.numpy()]
    np.testing.assert_allclose(prior.fill(walk, seen), lines, atol=1e-6)


def test_views_that_the_head_does_not_read_are_not_computed() -> None:
    x, y = humps()
    network: Any = SeriesClassifier(FEW, random_state=0).fit(x, y).network_
    unread = ~network.views.repeat_interleave(network.num_features // 3)
    assert bool(unread.any()) and not bool(network.head.weight[:, unread].any())
    data = torch.from_numpy(x[:, None]).float()
    with torch.inference_mode():
        answers, features = network(data), network.forward_features(data)
        network.views.fill_(True)
        np.testing.assert_array_equal(network(data), answers)
        assert not bool(features[:, unread].any()) and bool(network.forward_features(data)[:, unread].any())


def test_models_of_other_features_are_refused(tmp_path: Path) -> None:
    x, y = humps()
    folder = SeriesClassifier(FEW, random_state=0).fit(x, y).save(tmp_path / "model")
    state = load_file(folder / "model.safetensors")
    del state["ramps"]
    save_file(state, folder / "model.safetensors")
    with pytest.raises(ValueError, match="'ramps' is missing; it was written by ccnn-pc .* train it again"):
        SeriesClassifier.load(folder)


@pytest.mark.parametrize("span", [(1.0, 1.0), (2.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_spans_end_after_they_begin(span: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="'span' must be a time and a later one, or None"):
        create_model("random_kernels", dim=1, in_channels=1, out_channels=2, shape=(9,), span=span)


def test_series_outside_of_the_span_of_training_are_named() -> None:
    """Those of training began together: what a series misses at its ends is not filled in where all lie elsewhere."""
    x, y = humps()
    model = SeriesClassifier(FEW, random_state=0).fit(x, y)
    gaps = with_gaps(x, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        known = model.predict_proba(gaps)
    with pytest.warns(
        SamplingWarning, match="those of training lay together, from 0 to 29: .* count times from where"
    ):
        moved = model.predict_proba([(times + 5000, values) for times, values in gaps])
    assert np.abs(moved - known).max() > 1e-3
