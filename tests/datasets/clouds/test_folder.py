"""PointCloudFolder, read_shape: layouts, broken files, big offsets."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import PointCloudFolder, Sampling, open_dataset, read_shape
from ccnn_pc.datasets.clouds.folder import validation_folder
from ccnn_pc.datasets.clouds.read_shape import estimate_normals
from ccnn_pc.datasets.common.broken import DataWarning
from tests.datasets.conftest import CUBE, off_text


def fill(folder: Path, count: int = 3, scale: float = 1.0) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"s{number}.off").write_text(off_text(vertices=CUBE * [scale, 1, 1]))


@pytest.mark.parametrize("layout", ["{part}/{name}", "{name}/{part}"])
def test_train_and_test_folders_on_either_level(tmp_path, layout):
    for part, count in (("train", 4), ("test", 2)):
        for name in ("flat", "cube"):
            fill(tmp_path / layout.format(part=part, name=name), count, 3.0 if name == "flat" else 1.0)
    train, test = (PointCloudFolder(tmp_path, split=part, num_points=64) for part in ("train", "test"))
    assert train.classes == ["cube", "flat"] == test.classes
    assert np.bincount(train.labels).tolist() == [4, 4] and np.bincount(test.labels).tolist() == [2, 2]
    assert len(PointCloudFolder(tmp_path, num_points=64)) == 12 and len(open_dataset(tmp_path)) == 4
    val = PointCloudFolder(tmp_path, split="val", val_fraction=0.25, num_points=64)
    rest = PointCloudFolder(tmp_path, split="train", val_fraction=0.25, num_points=64)
    assert len(val) == 2 and len(rest) == 6
    for item in test:  # labels belong to the shapes: cubes fill the box, the others do not
        assert (float(item.pos[:, 1].abs().max()) > 0.9) == (int(item.y) == 0)


def test_a_plain_folder_has_no_test_split(tmp_path):
    fill(tmp_path / "a")
    assert len(PointCloudFolder(tmp_path, num_points=16)) == 3 == len(open_dataset(tmp_path))
    with pytest.raises(FileNotFoundError, match="must have a folder 'test'.*test_fraction=0.2"):
        PointCloudFolder(tmp_path, split="test")


def test_a_test_part_is_drawn_by_class_where_it_is_asked_for(tmp_path):
    for name, count in (("a", 10), ("b", 5), ("c", 1)):
        fill(tmp_path / name, count)
    options: dict[str, Any] = {"test_fraction": 0.2, "val_fraction": 0.25, "num_points": 16}
    parts = {p: PointCloudFolder(tmp_path, split=p, **options) for p in ("train", "val", "test")}
    counts = {part: np.bincount(data.labels, minlength=3).tolist() for part, data in parts.items()}
    assert counts == {"train": [6, 3, 1], "val": [2, 1, 0], "test": [2, 1, 0]}
    names = [item.name for data in parts.values() for item in data]
    assert len(names) == len(set(names)) == 16
    assert len(PointCloudFolder(tmp_path, **options)) == 16
    other = PointCloudFolder(tmp_path, split="test", **options, split_seed=1)
    assert {item.name for item in other} != {item.name for item in parts["test"]}
    with pytest.raises(ValueError, match=r"'test_fraction' must be in \[0, 1\) \(got 1.5\)"):
        PointCloudFolder(tmp_path, split="test", test_fraction=1.5)


def test_folders_of_their_own_are_read_and_nothing_is_drawn(tmp_path):
    for part, count in (("train", 4), ("val", 2), ("test", 3)):
        fill(tmp_path / part / "a", count)
    assert len(open_dataset(tmp_path, "val")) == 2
    options: dict[str, Any] = {"test_fraction": 0.5, "val_fraction": 0.5, "num_points": 16}
    sizes = [len(PointCloudFolder(tmp_path, split=part, **options)) for part in ("train", "val", "test")]
    assert sizes == [4, 2, 3]
    own = validation_folder(tmp_path, num_points=16)
    assert own is not None and len(own) == 2
    fill(tmp_path / "plain" / "a")
    assert validation_folder(tmp_path / "plain") is None


def test_open_dataset_estimates_no_normals_that_nobody_reads(tmp_path, monkeypatch, rng):
    import sys

    (tmp_path / "a").mkdir()
    np.savetxt(tmp_path / "a" / "x.xyz", rng.normal(size=(9, 3)))
    monkeypatch.setitem(sys.modules, "open3d", None)
    assert "normal" not in open_dataset(tmp_path, normals=False)[0]
    with pytest.raises(ImportError, match="open3d"):
        open_dataset(tmp_path)


def test_points_lie_on_the_surface_with_its_normals(tmp_path):
    fill(tmp_path / "a", 1)
    item = PointCloudFolder(tmp_path, num_points=500)[0]
    assert item.pos.shape == (500, 3)
    on_face = item.pos.abs() > 1 - 1e-3
    assert bool(on_face.any(dim=1).all())
    along = (item.pos * item.normal).sum(dim=1).abs()
    torch.testing.assert_close(along, torch.ones(500), atol=1e-3, rtol=0)


def test_one_broken_file_of_many_is_counted_and_loses_no_other(tmp_path):
    fill(tmp_path / "a", 100)
    good = (tmp_path / "a" / "s0.off").read_text()
    (tmp_path / "a" / "t_cut.off").write_text(good[:60])
    (tmp_path / "a" / "t_empty.ply").write_text("")
    (tmp_path / "a" / "t_nofaces.off").write_text("OFF\n1 0 0\n0 0 0\n")
    (tmp_path / "a" / "t_noarea.off").write_text(off_text(vertices=CUBE * 0))
    (tmp_path / "a" / "t_nan.xyz").write_text("nan nan nan\n")
    (tmp_path / "a" / "notes.md").write_text("not a shape")
    with pytest.warns(UserWarning, match=r"5 of 105 files") as caught:
        data = PointCloudFolder(tmp_path, num_points=16)
    assert len([w for w in caught if issubclass(w.category, UserWarning)]) == 1
    assert len(data) == 100 and len(list(data)) == 100
    reasons = {path.rsplit("t_", 1)[1]: reason for path, reason in data.broken}
    assert "truncated" in reasons["cut.off"] and "0 bytes" in reasons["empty.ply"]
    assert "without faces" in reasons["nofaces.off"] and "area" in reasons["noarea.off"]
    assert "finite" in reasons["nan.xyz"]
    with pytest.warns(UserWarning, match="5 of 105"):  # told again when it comes from the cache
        assert len(PointCloudFolder(tmp_path, num_points=16).broken) == 5


def test_only_broken_files(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.off").write_text("OFF")
    with pytest.raises(ValueError, match=r"none of the 1 files.*x\.off"):
        PointCloudFolder(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="must be a folder of class folders"):
        PointCloudFolder(tmp_path / "none")
    (tmp_path / "a").mkdir()
    with pytest.raises(FileNotFoundError, match="must hold <class>/<file> files"):
        PointCloudFolder(tmp_path)


def test_clouds_of_different_size(tmp_path, rng):
    (tmp_path / "a").mkdir()
    for number, size in enumerate((5, 300)):
        np.savetxt(tmp_path / "a" / f"{number}.xyz", rng.normal(size=(size, 3)))
    data = PointCloudFolder(tmp_path, num_points=100, normals=False)
    assert [item.pos.shape[0] for item in data] == [5, 100] and "normal" not in data[0]


def test_read_shape_drops_and_counts(tmp_path, rng):
    points = rng.normal(size=(40, 3))
    points[3], points[9] = np.nan, np.inf
    np.savetxt(tmp_path / "c.xyz", points)
    data = read_shape(tmp_path / "c.xyz", None, normals=False)
    assert data.dropped == 2 and data.pos.shape == (38, 3) and data.name == "c.xyz"


def test_lost_points_of_a_folder_are_counted_once(tmp_path, rng):
    """In one warning, when the files are read and when they come from the cache."""
    (tmp_path / "a").mkdir()
    for number in range(3):
        points = rng.normal(size=(40, 3))
        points[:number] = np.nan
        np.savetxt(tmp_path / "a" / f"{number}.xyz", points)
    for _ in range(2):
        with pytest.warns(
            DataWarning, match=r"3 points in 2 of 3 files in .* are NaN .* left out; the most, 2, in .*2\.xyz"
        ) as caught:
            data = PointCloudFolder(tmp_path, normals=False)
        assert len(caught) == 1 and [len(item.pos) for item in data] == [40, 39, 38]


def test_large_offsets_keep_their_precision(tmp_path, rng):
    points = rng.integers(0, 1000, size=(50, 3)) * 1e-3
    np.save(tmp_path / "utm.npy", points + [5e5, 5.4e6, 300])
    data = read_shape(tmp_path / "utm.npy", None, normals=False)
    restored = data.pos.double() + data.center - torch.tensor([5e5, 5.4e6, 300], dtype=torch.float64)
    np.testing.assert_allclose(restored.numpy(), points, atol=1e-6)
    assert float(data.pos.abs().max()) < 1


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("cut.off", off_text()[:60], "truncated"),
        ("empty.off", "", "0 bytes"),
        ("nofaces.off", "OFF\n1 0 0\n0 0 0\n", "without faces"),
        ("flat.off", off_text(vertices=CUBE * 0), "area above 0"),
        ("nan.xyz", "nan nan nan\n", "no finite point"),
        ("nan.off", off_text().replace("1.0", "nan"), "finite corners"),
    ],
)
def test_read_shape_names_the_file_and_the_fix(tmp_path, name, content, match):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=match) as error:
        read_shape(tmp_path / name)
    assert name in str(error.value) and ("again" in str(error.value) or "save it as" in str(error.value))


def test_read_shape_is_a_function_of_the_generator(tmp_path, cube_off):
    (tmp_path / "a.off").write_text(cube_off)
    a, b, c = (
        read_shape(tmp_path / "a.off", 9, torch.Generator().manual_seed(seed)).pos for seed in (1, 1, 2)
    )
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_missing_extras_are_named_and_do_not_count_as_broken(tmp_path, monkeypatch, rng):
    import sys

    (tmp_path / "a").mkdir()
    np.savetxt(tmp_path / "a" / "x.xyz", rng.normal(size=(9, 3)))
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(ImportError, match=r"ccnn-pc\[open3d\]"):
        PointCloudFolder(tmp_path)


def test_estimated_normals_of_a_sphere_are_radial(rng):
    pytest.importorskip("open3d")
    points = rng.normal(size=(2000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    cosine = (estimate_normals(points * 3 + 1e6) * points).sum(axis=1)
    assert cosine.min() > 0.98


def test_poisson_disk_points_are_further_apart(tmp_path, cube_off):
    pytest.importorskip("open3d")
    (tmp_path / "a.off").write_text(cube_off)

    def nearest(sampling):
        pos = read_shape(tmp_path / "a.off", 200, torch.Generator().manual_seed(0), sampling=sampling).pos
        return float((torch.cdist(pos, pos) + 9 * torch.eye(len(pos))).amin(dim=1).quantile(0.05))

    assert nearest(Sampling.POISSON_DISK) > 3 * nearest(Sampling.UNIFORM)


def test_no_warning_where_nothing_is_broken(tmp_path):
    fill(tmp_path / "a", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PointCloudFolder(tmp_path, num_points=8)


def test_shared_kinect_scan(shared):
    pytest.importorskip("open3d")
    data = read_shape(
        shared / "data" / "clouds" / "kinect_mosd_test0.pcd", 512, torch.Generator().manual_seed(0)
    )
    assert data.dropped == 118002 and data.pos.shape == (512, 3) and bool(torch.isfinite(data.normal).all())
