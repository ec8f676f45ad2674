"""Commands with the folder of a saved estimator: its times are compared as the estimator does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.cli.read_as import ReadAs
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.estimators import SeriesClassifier
from ccnn_pc.models.shift.outside import SamplingWarning

STEPS = np.arange(40)


def waves(steps: np.ndarray, items: int = 16) -> tuple[list[np.ndarray], list[str]]:
    """Slow and fast ones, by turns."""
    phases = np.random.default_rng(0).uniform(0, 6, items)
    return [np.sin((0.3, 0.9)[row % 2] * steps + phase) for row, phase in enumerate(phases)], ["a", "b"] * (
        items // 2
    )


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fitted on arrays, which have no times."""
    X, y = waves(STEPS)
    folder: Path = tmp_path_factory.mktemp("fitted") / "model"
    return SeriesClassifier(random_state=0).fit(np.stack(X), y).save(folder)


def table(path: Path, times: np.ndarray, values: list[np.ndarray], labels: list[str]) -> Path:
    rows = [
        f"s{row:02d},{time:g},channel_0,{value:.6f},{label}"
        for row, (each, label) in enumerate(zip(values, labels, strict=True))
        for time, value in zip(times, each, strict=True)
    ]
    path.write_text("\n".join(["id,time,variable,value,label", *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("steps", "times", "said"),
    [
        (
            STEPS[::2],
            np.arange(20),
            "last 19, and fit counted samples, 39 of each .* --time-unit 2.05 says so",
        ),
        (np.arange(160), np.arange(160), "last 159, and fit counted samples, 39"),
        (STEPS, STEPS / 1000, "last 0.039, and fit counted samples, 39 .* --time-unit 1e\\+03 says so"),
    ],
)
def test_other_times_are_named(
    counted: Path, tmp_path: Path, steps: np.ndarray, times: np.ndarray, said: str
) -> None:
    values, labels = waves(steps)
    data = table(tmp_path / "a.csv", times, values, labels)
    for ask in (
        lambda: predict_files(str(counted), [data]),
        lambda: evaluate_model(str(counted), data),
    ):
        with pytest.warns(SamplingWarning, match=f"'data' have times that .*{said}"):
            ask()


def test_the_same_times_are_not(counted: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    values, labels = waves(STEPS)
    data = table(tmp_path / "a.csv", STEPS, values, labels)
    assert evaluate_model(str(counted), data)["accuracy"] == 1
    data = table(tmp_path / "b.csv", np.arange(79), *waves(np.arange(79) / 2))
    assert evaluate_model(str(counted), data, read=ReadAs(time_unit="0.5"))["accuracy"] == 1
    assert not [each for each in recwarn if "times" in str(each.message)]


def test_a_table_of_its_own_times_has_any_length(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    values, labels = waves(STEPS)
    pairs = [(STEPS / 10, each) for each in values]
    folder = SeriesClassifier(random_state=0).fit(pairs, labels).save(tmp_path / "model")
    data = table(tmp_path / "a.csv", STEPS[:30] / 10, [each[:30] for each in values], labels)
    predict_files(str(folder), [data])
    assert not [each for each in recwarn if "'data' have" in str(each.message)]


def test_the_unit_that_was_said_counts_in_the_advice(counted: Path, tmp_path: Path) -> None:
    data = table(tmp_path / "a.csv", STEPS, *waves(STEPS))
    with pytest.warns(SamplingWarning, match="times that last 19.5, .* --time-unit 1 says so"):
        predict_files(str(counted), [data], read=ReadAs(time_unit="0.5"))


def test_folders_of_mixed_contents(counted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    table(folder / "a.csv", STEPS, *waves(STEPS))
    (folder / "README.txt").write_text("what this is\n")
    (folder / "labels.csv").write_text("id,label\ns00,a\n")
    (folder / "notes.md").write_text("-\n")
    with pytest.warns(
        DataWarning, match="2 of 3 tables in .* have no columns id, time, variable, value and are left"
    ):
        rows = predict_files(str(counted), [folder])
    assert [row["class"] for row in rows] == waves(STEPS)[1]
    (folder / "a.csv").unlink()
    (failed,) = predict_files(str(counted), [folder])
    assert "README.txt' line 1 must name the columns id, time, variable, value" in failed["error"]
    (tmp_path / "a.ts").write_text("@data\n")
    with pytest.raises(
        ValueError, match=r"'data' must be a table for this model, .* ccnn-pc predict answers for"
    ):
        evaluate_model(str(counted), tmp_path / "a.ts")
