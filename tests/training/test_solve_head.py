"""A budget of time for solved heads: the first pass counts always, further ones where there is time."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from sklearn.linear_model import Ridge  # noqa: E402

from ccnn_pc.estimators import SeriesClassifier  # noqa: E402
from ccnn_pc.training import ridge as ridge_module  # noqa: E402

X = np.sin(np.arange(30.0) * np.repeat([0.3, 0.9], 8)[:, None] + np.arange(16)[:, None])
Y = np.repeat(["slow", "fast"], 8)


def weights(**options: object) -> np.ndarray:
    fitted = SeriesClassifier(random_state=0, **options).fit(X, Y)  # type: ignore[arg-type]
    return fitted.network_.head.weight.detach().numpy()


def test_without_time_there_is_one_pass(capsys: pytest.CaptureFixture[str]) -> None:
    one = weights(epochs=1)
    assert (weights(epochs=3, time_budget=1e-9) == one).all()
    assert (weights(epochs=3, time_budget=60.0, verbose=1) == weights(epochs=3)).all()
    assert "features" in capsys.readouterr().err


@pytest.mark.parametrize("together", [1024, 4])
def test_left_out_answers_are_those_of_maps_made_without_the_group(
    together: int, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """Groups of one, two and three rows, in any order; features are standardised once, with all rows."""
    monkeypatch.setattr(ridge_module, "_TOGETHER", together)
    z = rng.normal(size=(18, 5))
    y = z[:, :2] + rng.normal(size=(18, 2))
    groups = np.array([*range(9), *range(6), 2, 0, 1])
    solved = ridge_module.ridge(*(torch.tensor(each) for each in (z, y, groups)))
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    for group in range(9):
        own = groups == group
        refit = Ridge(alpha=solved.penalty).fit(z[~own], y[~own])
        np.testing.assert_allclose(solved.left_out[own], refit.predict(z[own]), rtol=1e-8)
