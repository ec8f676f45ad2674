"""Points at a place that marks what was not measured, and points that only lie there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccnn_pc.datasets import PointCloudFolder, read_shape
from ccnn_pc.datasets.clouds.missing import is_measured
from ccnn_pc.datasets.common.broken import DataWarning

POINTS = np.random.default_rng(0).normal(size=(200, 3)) + 3


@pytest.mark.parametrize("mark", [0.0, -999.0, -9999.0, 1e10, np.nan, np.inf])
def test_marks_are_left_out(mark: float, tmp_path: Path) -> None:
    rows = np.random.default_rng(1).permutation(230)
    points = np.vstack([POINTS, np.full((30, 3), mark)])[rows]
    assert (is_measured(points) == (rows < 200)).all()
    np.save(tmp_path / "a.npy", np.column_stack([points, rows]))
    cloud = read_shape(tmp_path / "a.npy", None, normals=False)
    assert cloud.dropped == 30 and sorted(cloud["column_4"].tolist()) == list(range(200))
    assert float(cloud.pos.abs().max()) < 5


@pytest.mark.parametrize(
    "points",
    [
        POINTS,
        np.vstack([POINTS, np.zeros((1, 3))]),
        np.vstack([POINTS, np.zeros((4, 3))]),  # few
        np.repeat(POINTS, 6, axis=0),  # resampled with replacement
        np.rint(POINTS - 3),  # a coarse lattice: many copies of every place, 0, 0, 0 too
        np.vstack([POINTS, np.tile(POINTS[:1], (50, 1))]),  # three numbers that differ
        np.zeros((20, 3)),
        np.full((20, 3), np.nan),
    ],
)
def test_other_copies_stay(points: np.ndarray) -> None:
    assert (is_measured(points) == np.isfinite(points).all(axis=1)).all()


def test_a_folder_counts_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "shapes" / name).mkdir(parents=True)
        for number in range(2):
            np.savetxt(tmp_path / "shapes" / name / f"{number}.xyz", np.vstack([POINTS, np.zeros((40, 3))]))
    with pytest.warns(
        DataWarning, match=r"160 points in 4 of 4 files .* copies of a mark \(0, 0, 0\).* the most, 40"
    ):
        data = PointCloudFolder(tmp_path / "shapes", normals=False, cache=tmp_path / "cache")
    assert all(len(item.pos) == 200 for item in data)


def test_row_numbers_are_no_coordinates(tmp_path: Path) -> None:
    for first in (0, 1):
        table = np.column_stack([np.arange(200) + first, POINTS])
        np.savetxt(tmp_path / "a.xyz", table)
        np.save(tmp_path / "a.npy", table)
        for name in ("a.xyz", "a.npy"):
            with pytest.raises(
                ValueError, match=f"'.*{name}' .* its first column counts the points from {first} to"
            ):
                read_shape(tmp_path / name, normals=False)
        np.savetxt(tmp_path / "b.csv", table, header="id x y z", comments="")
        assert len(read_shape(tmp_path / "b.csv", None, normals=False).pos) == 200
    np.savetxt(tmp_path / "c.xyz", np.column_stack([np.arange(200), POINTS[:, :2]]))  # a curve
    assert len(read_shape(tmp_path / "c.xyz", None, normals=False).pos) == 200
