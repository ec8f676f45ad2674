"""``ccnn-pc predict`` given files of the UEA archive, as aeon and sktime write them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ccnn_pc.cli.app import main
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.series.uea_archive import UEAArchive
from ccnn_pc.estimators import SeriesClassifier
from ccnn_pc.models.shift.outside import SamplingWarning

RANDOM = np.random.default_rng(0)
X = [np.sin((0.3, 0.9)[row % 2] * np.arange(40) + RANDOM.uniform(0, 6)) for row in range(24)]
Y = ["slow", "fast"] * 12


def written(path: Path, series: list[np.ndarray], labels: list[str] | None, known: str = "fast slow") -> Path:
    """A file .ts; series ``[T]`` or ``[C, T]``."""
    head = ["@timeStamps false", f"@classLabel true {known}" if labels else "@classLabel false", "@data"]
    rows = [
        ":".join(",".join(f"{v:.5f}" for v in channel) for channel in np.atleast_2d(each)) for each in series
    ]
    ends = [f":{label}" for label in labels] if labels else [""] * len(rows)
    path.write_text("\n".join([*head, *(row + end for row, end in zip(rows, ends, strict=True))]) + "\n")
    return path


@pytest.mark.parametrize("labels", [None, ["?"] * 24, Y, ["0.5"] * 24])
def test_labels_are_not_read_where_none_are_wanted(tmp_path: Path, labels: list[str] | None) -> None:
    written(tmp_path / "A_TEST.ts", X[:1], Y[:1])
    data = UEAArchive(written(tmp_path / "A_TRAIN.ts", X, labels, known="other"), None, labelled=False)
    assert len(data) == 24 and data.classes == [] and "y" not in data[0]  # this file alone
    with pytest.raises(ValueError, match="'split' must be None for series without labels"):
        UEAArchive(tmp_path / "A_TRAIN.ts", "train", labelled=False)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_model_of_the_archive_answers_as_evaluate_does(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    for part, items in (
        ("TRAIN", X),
        ("TEST", [5 + 3 * each for each in X[:10]]),
    ):  # means of training are kept
        written(tmp_path / "A" / f"A_{part}.ts", items, Y[: len(items)])
    words = ("trainer.max_epochs=1", "threads=1", f"run_dir={tmp_path / 'run'}")
    with pytest.raises(SystemExit) as ended:
        main(["train", "experiment=uea", f"data.root={tmp_path / 'A'}", *words])
    assert ended.value.code == 0
    model = str(tmp_path / "run" / "model")
    evaluate_model(model, tmp_path / "A", out=tmp_path / "answers.csv")
    wanted = np.genfromtxt(tmp_path / "answers.csv", delimiter=",", skip_header=1)[:, 4]
    for rows in (
        predict_files(model, [written(tmp_path / "new.ts", [5 + 3 * each for each in X[:10]], None)]),
        predict_files(model, [tmp_path / "A"])[:10],
    ):
        assert [row["id"] for row in rows] == [str(number) for number in range(10)]
        np.testing.assert_allclose([row["probabilities"]["fast"] for row in rows], wanted, rtol=1e-4)
    (failed,) = predict_files(model, [written(tmp_path / "b.ts", [np.stack([X[0], X[1]])], None)])
    assert "must have 1 channels, as the series of the training had (got 2)" in failed["error"]


def test_a_saved_estimator_answers_as_it_does_itself(tmp_path: Path) -> None:
    fitted = SeriesClassifier(random_state=0).fit(np.stack(X), Y)
    folder = str(fitted.save(tmp_path / "model"))
    rows = predict_files(folder, [written(tmp_path / "new.ts", X, ["?"] * 24)])
    found = [[row["probabilities"][name] for name in ("fast", "slow")] for row in rows]
    np.testing.assert_allclose(found, fitted.predict_proba([np.round(each, 5) for each in X]), atol=1e-5)
    with pytest.warns(SamplingWarning, match="'data' have a series that lasts 19, and fit had series of 39"):
        predict_files(folder, [written(tmp_path / "short.ts", [each[:20] for each in X], None)])
    (failed,) = predict_files(folder, [written(tmp_path / "b.ts", [np.stack([X[0], X[1]])], None)])
    assert "must have 1 channels, channel_0, as the training (got 2)" in failed["error"]


def test_channels_without_names_are_said(tmp_path: Path) -> None:
    import pandas

    both = [np.stack([each, each[::-1]], axis=1) for each in X]
    frames = [pandas.DataFrame(each, columns=["heat", "rain"]).assign(time=np.arange(40.0)) for each in both]
    folder = str(SeriesClassifier(random_state=0).fit(frames, Y).save(tmp_path / "model"))
    with pytest.warns(
        DataWarning, match="does not name its channels: they are taken for heat, rain, in this order"
    ):
        rows = predict_files(folder, [written(tmp_path / "a.ts", [each.T for each in both], None)])
    assert [row["class"] for row in rows] == Y and json.dumps(rows)
