"""Pictures of runs and clouds: files appear, say what they show, and wrong input is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import pytest
import torch
from matplotlib import image

from ccnn_pc.viz import plot_confusion, plot_curves, plot_labels, plot_prediction, plot_transfer
from ccnn_pc.viz.curves import read_metrics
from ccnn_pc.viz.style import picture

METRICS = """epoch,step,train/loss,train/accuracy,val/loss,val/accuracy,lr,window/stem.window
0,9,,,1.5,0.50,,
0,9,2.0,0.4,,,0.1,0.3
1,19,,,nan,0.75,,
1,19,1.0,0.8,,,0.05,0.2
"""


def contrast(path: Path) -> float:
    """Standard deviation of a picture's pixels; 0 for a blank one."""
    return float(image.imread(path)[..., :3].std())


def test_metrics_of_sparse_rows(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    file.write_text(METRICS)
    curves = read_metrics(file)
    assert curves["train/loss"] == [(0.0, 2.0), (1.0, 1.0)]
    assert curves["val/loss"] == [(0.0, 1.5)]  # nan is left out
    assert curves["lr"] == [(0.0, 0.1), (1.0, 0.05)]
    assert "epoch" not in curves and "step" not in curves


def test_metrics_without_epochs_run_over_steps(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    file.write_text("epoch,step,val/loss\n,5,1.0\n,10,0.5\n")
    assert read_metrics(file) == {"val/loss": [(5.0, 1.0), (10.0, 0.5)]}


def test_curves(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    file.write_text(METRICS)
    out = plot_curves(file, tmp_path / "new" / "curves.png")
    assert out == tmp_path / "new" / "curves.png" and contrast(out) > 0.02


def test_curves_of_bad_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        plot_curves(tmp_path / "none.csv", tmp_path / "a.png")
    (tmp_path / "empty.csv").write_text("epoch,step,val/loss\n")
    with pytest.raises(ValueError, match=r"must hold numbers .*empty\.csv"):
        plot_curves(tmp_path / "empty.csv", tmp_path / "a.png")


@pytest.mark.parametrize("number", [2, 40])
def test_confusion(tmp_path: Path, number: int) -> None:
    matrix = 5 * torch.eye(number, dtype=torch.long)
    matrix[0, 1] = 2
    matrix[1] = 0  # a class without samples
    out = plot_confusion(matrix, [f"class {i}" for i in range(number)], tmp_path / "confusion.png")
    assert contrast(out) > 0.02


def test_confusion_of_bad_input(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'matrix' must be square \(got shape \[2, 3\]\)"):
        plot_confusion(torch.zeros(2, 3), ["a", "b"], tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"'classes' must have one name per row of 'matrix' \(2; got 1\)"):
        plot_confusion(torch.zeros(2, 2), ["a"], tmp_path / "a.png")
    with pytest.raises(ValueError, match="at least 0"):
        plot_confusion(-torch.ones(2, 2), ["a", "b"], tmp_path / "a.png")


def drawn(pos: torch.Tensor, out: Path, **options: Any) -> Path:
    return plot_prediction(pos, ["a", "b"], [0.4, 0.6], out, **options)


def test_clouds(tmp_path: Path) -> None:
    """In three dimensions, shaded, in two, of one point."""
    pos, normals = torch.rand(50, 3), torch.nn.functional.normalize(torch.randn(50, 3), dim=1)
    plain, shaded = (
        drawn(pos, tmp_path / f"{name}.png", normals=found, title="a cloud")
        for name, found in (("plain", None), ("shaded", normals))
    )
    assert contrast(plain) > 0.02 and plain.read_bytes() != shaded.read_bytes()
    assert contrast(drawn(pos[:, :2], tmp_path / "flat.png")) > 0.02
    assert drawn(torch.zeros(1, 3), tmp_path / "point.png").is_file()


def test_clouds_of_bad_input(tmp_path: Path) -> None:
    for pos, options, message in (
        (torch.rand(5, 4), {}, r"2 or 3 coordinates per point \(got 4\)"),
        (torch.full((5, 3), torch.nan), {}, "finite"),
        (torch.rand(5, 3), {"normals": torch.rand(4, 3)}, "'normals' must have as many rows as 'pos'"),
        (torch.rand(5, 2), {"normals": torch.rand(5, 3)}, r"'normals' must be \[n, 3\]"),
    ):
        with pytest.raises(ValueError, match=message):
            drawn(pos, tmp_path / "a.png", **options)
    assert not (tmp_path / "a.png").exists()


def test_prediction(tmp_path: Path) -> None:
    out = plot_prediction(
        torch.rand(50, 3), ["chair", "table"], torch.tensor([0.25, 0.75]), tmp_path / "a.png", truth="chair"
    )
    assert contrast(out) > 0.02
    with pytest.raises(ValueError, match=r"'probabilities' must be one per class \(2; got shape \[3\]\)"):
        plot_prediction(torch.rand(5, 3), ["a", "b"], [0.1, 0.2, 0.7], tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
        plot_prediction(torch.rand(5, 3), ["a", "b"], [-1.0, 2.0], tmp_path / "b.png")


def test_settings_come_back_and_no_global_figure_is_made(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    drawn(torch.rand(5, 3), tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"'out' must be a file that can be written \(got .*file.a\.png"):
        drawn(torch.rand(5, 3), tmp_path / "file" / "a.png")


def test_the_suffix_is_the_format(tmp_path: Path) -> None:
    with picture(tmp_path / "a.svg", 2.0, 2.0) as figure:
        figure.subplots().plot([0, 1])
    assert "<svg" in (tmp_path / "a.svg").read_text()


def test_accuracy_over_samplings(tmp_path: Path) -> None:
    """A panel of lines for each kind with several numbers, bars for the others."""
    scores = {
        "network": {"even:64": 0.8, "even:256": 0.9, "random:64": 0.7, "voxels": 0.5, "dense": 0.5},
        "trained there": {"even:64": 0.85},
        "nothing": {},
    }
    both = plot_transfer(scores, tmp_path / "both.png", "voxels")
    bars = plot_transfer({"network": {"voxels": 0.5, "points:64": 0.25}}, tmp_path / "bars.png")
    lines = plot_transfer(
        {"network": {"series": 0.9, "drop:50": 0.8, "drop:70": 0.7}}, tmp_path / "l.png", "series"
    )
    assert all(contrast(out) > 0.01 for out in (both, bars, lines))
    with pytest.raises(ValueError, match="'scores' must hold at least one sampling"):
        plot_transfer({"a": {}}, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_panels_know_where_nothing_is_left_out() -> None:
    """Kinds with several numbers have panels; every n-th and drops begin at the series itself."""
    from ccnn_pc.viz.transfer import _apart, _numbered

    found = _numbered({"a": {"series": 0.9, "every:2": 0.8, "every:4": 0.7, "drop:50": 0.8, "x:1": 1.0}})
    assert found == {"every": {"a": {1.0: "series", 2.0: "every:2", 4.0: "every:4"}}}
    assert _apart([1.0, 1.3333, 1.5, 2.0, 3.0]) == [3.0, 2.0, 1.5, 1.0]


def test_labels_of_points(tmp_path: Path) -> None:
    pos, said = torch.randn(60, 3), torch.arange(60) % 3
    one = plot_labels(pos, said, ["a", "b", "c"], tmp_path / "one.png", title="scan")
    wrong = plot_labels(
        pos, said, ["a", "b", "c"], tmp_path / "three.png", truth=said.roll(1).clamp(min=1) - 2
    )
    flat = plot_labels(pos[:, :2], said, ["a", "b", "c"], tmp_path / "flat.png")
    sizes = [image.imread(each).shape for each in (one, wrong, flat)]
    assert sizes[1][1] > 2 * sizes[0][1] and sizes[0] == sizes[2]
    for options, message in (
        ({"pos": pos[:5]}, "must have as many"),
        ({"classes": ["a", "b"]}, "'prediction' must be below 2"),
        ({"truth": said + 1}, "'truth' must be below 3"),
        ({"pos": torch.zeros(60, 4)}, "'pos' must be"),
    ):
        given: dict[str, Any] = {"pos": pos, "predicted": said, "classes": ["a", "b", "c"], **options}
        with pytest.raises(ValueError, match=message):
            plot_labels(out=tmp_path / "no.png", **given)
    assert not (tmp_path / "no.png").exists()
