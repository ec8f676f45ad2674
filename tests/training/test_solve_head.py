"""A budget of time for solved heads: the first pass counts always, further ones where there is time."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn")

import numpy as np  # noqa: E402

from ccnn_pc.estimators import SeriesClassifier  # noqa: E402

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
