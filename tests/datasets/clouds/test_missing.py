"""Points at a place that marks what was not measured, and points that only lie there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import CloudArrays, PointCloudFolder, read_shape
from ccnn_pc.datasets.clouds.missing import is_measured, which_measured
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
        np.random.default_rng(2).permutation(
            np.vstack([POINTS, np.tile(POINTS[:1], (50, 1))])
        ),  # not at the end
        np.vstack([POINTS, np.tile(POINTS[:1], (3, 1))]),
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


def test_padding_at_the_end_is_left_out() -> None:
    padded = np.vstack([POINTS, np.tile([[4.0, 1.0, 2.5]], (50, 1))])
    assert np.flatnonzero(is_measured(padded)).tolist() == list(range(201))  # it may be a point of the cloud
    others = [
        np.vstack([POINTS, np.full((count, 3), mark)]) for count, mark in ((30, -1), (2, -1), (1, 0), (0, 0))
    ]
    assert [int(each.sum()) for each in which_measured(others)] == [200, 200, 201, 200]
    assert all(each.all() for each in which_measured([np.zeros((20, 3)), POINTS]))


@pytest.mark.parametrize("kind", [np.float64, np.float16, np.int16])
@pytest.mark.parametrize("fill", [0, -1, np.nan])
def test_arrays_that_are_filled_up(tmp_path: Path, kind: type, fill: float) -> None:
    whole = np.issubdtype(kind, np.integer)
    if whole and np.isnan(fill):
        return
    clouds = np.random.default_rng(3).normal(size=(4, 64, 3)) * (5000 if whole else 1)
    arrays: dict[str, Any] = {
        "points": clouds.astype(kind),
        "normals": np.ones((4, 64, 3), kind),
        "part": np.ones((4, 64), int),
    }
    sizes = (64, 40, 50, 62)
    for row, size in enumerate(sizes):
        arrays["points"][row, size:], arrays["normals"][row, size:], arrays["part"][row, size:] = fill, 0, 9
    rest: dict[str, Any] = {"label": [0, 1, 0, 1], "classes": ["a", "b"]}
    np.savez(tmp_path / "padded.npz", **arrays, **rest)
    for _ in range(2):  # also of what lies in the cache
        with pytest.warns(DataWarning, match="40 points in 3 of 4 clouds in .* the most, 24, in 'padded_1'"):
            data = CloudArrays(tmp_path / "padded.npz", cache=tmp_path / "cache")
    assert [len(item.pos) for item in data] == list(sizes) and all((item.part == 1).all() for item in data)
    for row, size in enumerate(sizes):
        alone: dict[str, Any] = {name: each[row : row + 1, :size] for name, each in arrays.items()}
        np.savez(tmp_path / "alone.npz", **alone, label=[0], classes=["a", "b"])
        (expected,) = CloudArrays(tmp_path / "alone.npz", cache=tmp_path / "cache")
        assert torch.equal(data[row].pos, expected.pos) and torch.equal(data[row].normal, expected.normal)


def test_a_cloud_of_padding_alone_is_refused(tmp_path: Path) -> None:
    points = np.stack([POINTS, np.full_like(POINTS, np.nan)])
    np.savez(tmp_path / "a.npz", points=points, label=[0, 1], classes=["a", "b"])
    with pytest.raises(ValueError, match="must be finite, within .*cloud 1 is not"):
        CloudArrays(tmp_path / "a.npz", cache=tmp_path / "cache")


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
