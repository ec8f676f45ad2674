"""Map coordinates in float32 are refused, on every way in; in float64 they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets.clouds.arrays import read_arrays
from ccnn_pc.datasets.clouds.read_shape import read_shape
from ccnn_pc.datasets.formats.rounded import check_resolved
from ccnn_pc.estimators import CloudClassifier

#: Easting and northing of a place, height.
OFFSET = np.array([500_000.0, 5_400_000.0, 300.0])


def clouds(count: int) -> np.ndarray:
    """Clouds of 200 points, two metres wide."""
    return 2 * np.random.default_rng(0).random((count, 200, 3)) + OFFSET


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes(dtype: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "shape.npy", clouds(1)[0].astype(dtype))
    if dtype is np.float32:
        with pytest.raises(
            ValueError, match=r"shape.npy': positions were rounded to float32.* are 0.5 apart"
        ):
            read_shape(tmp_path / "shape.npy", normals=False)
    else:
        assert read_shape(tmp_path / "shape.npy", normals=False).pos.unique().numel() > 590


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays(dtype: Any, tmp_path: Path) -> None:
    points = clouds(4).astype(dtype)
    points[:2] -= OFFSET.astype(dtype)
    np.savez(tmp_path / "data.npz", points=points, label=[0, 1, 0, 1], classes=["a", "b"])
    if dtype is np.float32:
        with pytest.raises(
            ValueError, match="cloud 0 of 'points': positions were rounded|cloud 2 of 'points'"
        ):
            read_arrays(tmp_path / "data.npz", cache=tmp_path)
    else:
        assert len(read_arrays(tmp_path / "data.npz", cache=tmp_path).label) == 4


def test_estimators() -> None:
    with pytest.raises(ValueError, match=r"'X\[0\]': positions were rounded to float32"):
        CloudClassifier(epochs=1).fit(clouds(4).astype(np.float32), ["a", "b", "a", "b"])


@pytest.mark.parametrize(
    "pos",
    [
        np.stack(np.meshgrid(*3 * [np.arange(6.0)]), -1).reshape(-1, 3) + 5e6,  # cells of a metre
        np.random.default_rng(0).random((100, 3)).astype(np.float32) * 1e-6,
        np.zeros((100, 3), dtype=np.float32) + 1e7,  # all at one place
        np.random.default_rng(0).integers(-32767, 32767, (4096, 3)),
        (np.random.default_rng(0).random((3000, 3)) * 1e4 + OFFSET).astype(np.float32),
    ],
)
def test_what_is_fine_enough_is_read(pos: np.ndarray) -> None:
    check_resolved(pos)
