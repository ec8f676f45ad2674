"""Grid estimators: forms of X, files, errors."""

from __future__ import annotations

import functools
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.cli.app import main
from ccnn_pc.estimators import GridClassifier, GridRegressor
from ccnn_pc.estimators.grids import read_grids
from ccnn_pc.models import SamplingWarning

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 255, (12, 8, 8, 3)).astype(np.uint8)
X[::2, :4] //= 4
Y = np.arange(12) % 2


@functools.cache
def fitted_once() -> GridClassifier:
    return GridClassifier(epochs=2, batch_size=4, random_state=0).fit(X, Y)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda x: np.moveaxis(x, -1, 1), id="channels first"),
        pytest.param(list, id="list"),
        pytest.param(lambda x: x.astype(np.float32) / np.float32(255), id="floats"),
    ],
)
def test_all_forms_of_the_same_pictures_have_the_same_answer(form: Any) -> None:
    np.testing.assert_array_equal(fitted_once().predict_proba(form(X)), fitted_once().predict_proba(X))


def test_save_load_and_the_command_line_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pytest.importorskip("PIL.Image")
    folder = fitted_once().save(tmp_path / "model")
    expected = fitted_once().predict_proba(X)
    np.testing.assert_array_equal(GridClassifier.load(folder).predict_proba(X), expected)
    image.fromarray(X[0]).save(tmp_path / "picture.png")
    with pytest.raises(SystemExit) as left:
        main(["predict", str(folder), str(tmp_path / "picture.png"), "--json", "--no-picture"])
    assert left.value.code == 0
    (said,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    np.testing.assert_allclose([said["probabilities"][name] for name in "01"], expected[0], rtol=1e-4)


@pytest.mark.parametrize("shape", [(6, 5, 5, 5), (6, 20), (6, 7, 7)])
def test_volumes_lines_and_grey_pictures(shape: tuple[int, ...]) -> None:
    x = RANDOM.random((*shape, 1)) if len(shape) == 4 else RANDOM.random(shape)
    fitted = GridRegressor(epochs=1, batch_size=4, random_state=0, channels="auto").fit(x, np.arange(6.0))
    assert fitted.predict(x).shape == (6,) and fitted.shape_ == shape[1:]
    again = GridRegressor(epochs=1, batch_size=4, random_state=0, channels="auto").fit(x, np.arange(6.0))
    np.testing.assert_array_equal(fitted.predict(x), again.predict(x))


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(
        ValueError, match=r"'channels' must be 'first' or 'last' for grids of shape \[3, 9, 3\]"
    ):
        read_grids(np.zeros((2, 3, 9, 3)))
    with pytest.raises(ValueError, match="'X' must hold grids of one size"):
        read_grids([np.zeros((4, 4)), np.zeros((5, 4))])
    with pytest.raises(ValueError, match="the size of fit"):
        fitted_once().predict(np.zeros((2, 9, 9, 3), np.uint8))


def test_pictures_of_palettes_and_print_colours_are_colours() -> None:
    image = pytest.importorskip("PIL.Image")
    few = (X // 128) * 255  # eight colours, which a palette holds
    pictures = [image.fromarray(each) for each in few]
    expected = fitted_once().predict_proba(few)
    for mode in ("P", "RGBA", "CMYK"):
        colours = [each.quantize(16) if mode == "P" else each.convert(mode) for each in pictures]
        np.testing.assert_allclose(fitted_once().predict_proba(colours), expected, atol=1e-3)
    grids, _ = read_grids([image.fromarray(few[0, ..., 0]).convert("1")])
    np.testing.assert_array_equal(grids.values[0, 0], few[0, ..., 0] / 255)


def test_objects_and_empty_lists() -> None:
    np.testing.assert_array_equal(read_grids(X[..., 0].astype(object))[0].values, X[..., 0][:, None])
    with pytest.raises(ValueError, match="at least one grid"):
        fitted_once().predict([])
    with pytest.raises(TypeError, match="'X' must hold grids .*read the files first"):
        fitted_once().predict(["a.png"])
    with pytest.raises(ValueError, match="'X' must have 3 channels, as in fit"):
        fitted_once().predict(np.zeros((2, 8, 8, 5)))


def test_pictures_that_are_turned_are_answered_less_certainly_and_a_warning_says_so() -> None:
    """Bright halves above or below: of pictures turned by a right angle nobody can tell."""
    draw = np.random.default_rng(1)
    labels = np.arange(160) % 2
    pictures = draw.random((160, 8, 8, 1), dtype=np.float32) / 4
    pictures[labels == 0, :4] += 0.75
    pictures[labels == 1, 4:] += 0.75
    fitted = GridClassifier(epochs=6, validation=0.3, random_state=0).fit(pictures[:120], labels[:120])
    certainty = fitted.network_.certainty
    assert certainty is not None and certainty.items == 36 and certainty.accuracy > 0.9
    with warnings.catch_warnings():
        warnings.simplefilter("error", SamplingWarning)
        assert fitted.score(pictures[120:], labels[120:]) > 0.9
    with pytest.warns(SamplingWarning, match="less certain than those to the validation data"):
        fitted.predict(np.swapaxes(pictures[120:], 1, 2))
