"""Caches: damage is noticed and built again, a place that cannot be written costs no data, changes are seen."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import PointCloudFolder
from ccnn_pc.datasets.common.cache import fingerprint
from ccnn_pc.datasets.series.stored import StoredSeries, join_series
from tests.datasets.conftest import off_text
from tests.datasets.formats.test_gltf import quad


def shapes(root: Path) -> Path:
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        for number in range(2):
            (root / name / f"{number}.off").write_text(
                off_text(np.random.default_rng(number).normal(size=(8, 3)))
            )
    return root


def saved(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def rewritten(path: Path, **changes: Any) -> None:
    with np.load(path / "rest.npz") as rest:
        arrays = {**{key: rest[key] for key in rest.files}, **changes}
    np.savez(path / "rest.npz", **{key: value for key, value in arrays.items() if value is not None})


def shortened(name: str, size: int, folder: Path) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:size])


DAMAGES: dict[str, Callable[[Path], Any]] = {
    **{
        f"{name} {how}": partial(shortened, name, size)
        for name in ("rest.npz", "points.npy", "normals.npy")
        for how, size in (("empty", 0), ("cut", 4), ("without its end", -60))
    },
    "rest.npz gone": lambda folder: (folder / "rest.npz").unlink(),
    "points.npy gone": lambda folder: (folder / "points.npy").unlink(),
    "fewer points": lambda folder: (folder / "points.npy").write_bytes(saved(np.zeros((9, 3), np.int16))),
    "flat points": lambda folder: (folder / "points.npy").write_bytes(saved(np.zeros(64, np.int16))),
    "points of two": lambda folder: (folder / "points.npy").write_bytes(saved(np.zeros((64, 2), np.int16))),
    "floating points": lambda folder: (folder / "points.npy").write_bytes(saved(np.zeros((64, 3)))),
    "fewer normals": lambda folder: (folder / "normals.npy").write_bytes(saved(np.zeros((9, 3), np.int8))),
    "falling offset": lambda folder: rewritten(folder, offset=np.array([0, 32, 16, 48, 64])),
    "large offset": lambda folder: rewritten(folder, offset=np.array([0, 16, 32, 48, 640])),
    "short offset": lambda folder: rewritten(folder, offset=np.array([0, 16, 32, 48])),
    "empty offset": lambda folder: rewritten(folder, offset=np.empty(0, np.int64)),
    "no labels": lambda folder: rewritten(folder, label=None),
    "fewer labels": lambda folder: rewritten(folder, label=np.array([0])),
    "large labels": lambda folder: rewritten(folder, label=np.array([0, 0, 1, 2])),
    "fewer names": lambda folder: rewritten(folder, name=np.array(["a"])),
    "fewer scales": lambda folder: rewritten(folder, scale=np.ones(3)),
    "other zip": lambda folder: zipfile.ZipFile(folder / "rest.npz", "w").close(),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_cache_is_built_again(tmp_path: Path, own_cache: Path, name: str) -> None:
    root = shapes(tmp_path)
    first = [PointCloudFolder(root, num_points=16)[row].pos.clone() for row in range(4)]
    (folder,) = own_cache.iterdir()
    DAMAGES[name](folder)
    with pytest.warns(UserWarning, match="damaged and is built again"):
        data = PointCloudFolder(root, num_points=16)
    assert len(data) == 4 and all(torch.equal(data[row].pos, pos) for row, pos in enumerate(first))
    assert torch.equal(PointCloudFolder(root, num_points=16)[3].pos, first[3])  # and stored anew


def test_stored_series_must_fit_together(tmp_path: Path) -> None:
    stored = join_series([np.zeros((3, 1), np.float32), np.ones((2, 1), np.float32)], [0, 1], ["a", "b"])
    stored.save(tmp_path)
    assert StoredSeries.load(tmp_path).lengths.tolist() == [3, 2]
    rewritten(tmp_path, offset=np.array([0, 3, 6]))
    with pytest.raises(ValueError, match="2 items of 6 rows are stored"):
        StoredSeries.load(tmp_path)


@pytest.mark.parametrize("kind", ["file", "below a file"])
def test_a_place_that_cannot_be_written_costs_nothing(tmp_path: Path, kind: str) -> None:
    (tmp_path / "place").write_text("in the way")
    place = tmp_path / "place" if kind == "file" else tmp_path / "place" / "deeper"
    root = shapes(tmp_path / "shapes")
    with pytest.warns(UserWarning, match="cannot be written .*the data stay in memory"):
        data = PointCloudFolder(root, num_points=16, cache=place)
    assert len(data) == 4 and data.clouds.folder is None


def test_numbers_beside_a_gltf_file_are_seen(tmp_path: Path) -> None:
    file = quad()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.gltf").write_bytes(file.gltf("x.bin"))
    (tmp_path / "a" / "x.bin").write_bytes(file.binary)
    before = PointCloudFolder(tmp_path, num_points=500)
    stretched = np.frombuffer(file.binary[:48], "<f4") * np.tile([2, 1, 1], 4)
    (tmp_path / "a" / "x.bin").write_bytes(stretched.astype("<f4").tobytes() + file.binary[48:] + b"....")
    after = PointCloudFolder(tmp_path, num_points=500)
    assert before.clouds.scale[0] == pytest.approx(0.5, rel=0.02) and after.clouds.scale[0] == pytest.approx(
        1, rel=0.02
    )


def test_a_link_to_nowhere_is_one_broken_file(tmp_path: Path) -> None:
    root = shapes(tmp_path)
    (root / "a" / "z.off").symlink_to(tmp_path / "nowhere.off")
    with pytest.warns(UserWarning, match="1 of 5 files"):
        data = PointCloudFolder(root, num_points=16)
    assert len(data) == 4 and data.broken[0][0].endswith("z.off")
    assert fingerprint([root / "a" / "z.off"]) != fingerprint([root / "a" / "0.off"])
