"""ModelNet in every form, and getting it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import ModelNet, open_dataset
from ccnn_pc.datasets.clouds.download import MODELNET10, Archive, download_modelnet
from tests.datasets.conftest import CUBE, off_text


def tree() -> dict[str, str]:
    files = {}
    for name, scale in (("desk", 1.0), ("table", 3.0)):
        for part, count in (("train", 3), ("test", 2)):
            for number in range(count):
                text = off_text(vertices=CUBE * [scale, 1, 1], header="OFF" if number else "OFF\n")
                files[f"{name}/{part}/{name}_{number:04d}.off"] = text
    return files


def check(root: Path, form: str, test: int = 4) -> ModelNet:
    data = ModelNet(root, split="test", num_points=128)
    assert data.form == form and len(data) == test and data.classes == ["desk", "table"]
    for item in data:
        assert float(item.pos.abs().max()) == pytest.approx(1, abs=1e-4)
        flat = float(item.pos[:, 1].abs().max()) < 0.5
        assert flat == (int(item.y) == 1)  # tables here are three times as long as wide
        torch.testing.assert_close(item.normal.norm(dim=1), torch.ones(len(item.normal)), atol=1e-3, rtol=0)
    return data


@pytest.mark.parametrize("below", ["", "ModelNet10"])
def test_off_tree(tmp_path, below):
    for name, text in tree().items():
        path = tmp_path / below / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    check(tmp_path, "off")
    assert len(ModelNet(tmp_path, num_points=16)) == 6


@pytest.mark.parametrize("prefix", ["", "ModelNet10/"])
def test_off_zip(tmp_path, prefix):
    with zipfile.ZipFile(tmp_path / "ModelNet10.zip", "w") as archive:
        archive.writestr(f"{prefix}README.txt", "read me")
        archive.writestr(f"__MACOSX/{prefix}desk/test/._desk_0000.off", "x")
        for name, text in tree().items():
            archive.writestr(prefix + name, text)
    check(tmp_path, "off-zip")
    check(tmp_path / "ModelNet10.zip", "off-zip")
    assert len(open_dataset(tmp_path / "ModelNet10.zip")) == 4


def test_a_broken_member_is_counted(tmp_path):
    with zipfile.ZipFile(tmp_path / "ModelNet10.zip", "w") as archive:
        for name, text in tree().items():
            archive.writestr(name, text[:50] if name == "desk/test/desk_0001.off" else text)
    with pytest.warns(UserWarning, match="1 of 4 files"):
        data = check(tmp_path, "off-zip", test=3)
    assert data.broken[0][0].endswith("desk_0001.off")


def sampled(rng: np.random.Generator, scale: float) -> np.ndarray:
    """Points on the long sides of a box, with normals: [60, 6]."""
    side = rng.integers(0, 2, 60) * 2 - 1.0
    points = np.column_stack([rng.uniform(-scale, scale, 60), side, rng.uniform(-1, 1, 60)])
    points[:2, 0] = -scale, scale
    return np.hstack([points, np.column_stack([0 * side, side, 0 * side])])


def test_text_tree(tmp_path, rng):
    base = tmp_path / "modelnet40_normal_resampled"
    base.mkdir()
    (base / "modelnet40_shape_names.txt").write_text("desk\ntable\n")
    for part in ("train", "test"):
        shapes = [f"{name}_{number:04d}" for name in ("desk", "table") for number in range(2)]
        (base / f"modelnet40_{part}.txt").write_text("\n".join(shapes))
        for shape in shapes:
            label = shape.split("_")[0]
            (base / label).mkdir(exist_ok=True)
            np.savetxt(
                base / label / f"{shape}.txt", sampled(rng, 3.0 if label == "table" else 1.0), delimiter=","
            )
    data = check(tmp_path, "text40")
    assert len(data[0].pos) == 60
    (base / "desk" / "desk_0000.txt").unlink()
    with pytest.warns(UserWarning, match="1 of 4 files"):
        assert "desk_0000.txt" in check(base, "text40", test=3).broken[0][1]


def test_h5(tmp_path, rng):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "shape_names.txt").write_text("desk\ntable\n")
    for part in ("train", "test"):
        for number in range(2):
            clouds = np.stack([sampled(rng, 1.0), sampled(rng, 3.0)]).astype(np.float32)
            with h5py.File(tmp_path / f"ply_data_{part}{number}.h5", "w") as file:
                file["data"], file["normal"] = clouds[..., :3], clouds[..., 3:]
                file["label"] = np.array([[0], [1]], np.uint8)
    check(tmp_path, "h5")
    (tmp_path / "ply_data_test1.h5").write_bytes(b"cut")
    with pytest.raises(ValueError, match=r"ply_data_test1\.h5.*download it again"):
        ModelNet(tmp_path, split="test")


def h5_changes(h5py: Any) -> dict[str, Callable[[Any], Any]]:
    """Damages of a file of four clouds of five points: what is done to it."""
    cloud = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(np.float32)

    def put(name: str, value: Any) -> Callable[[Any], Any]:
        def change(file: Any) -> None:
            del file[name]
            file[name] = value

        return change

    def announced(*shape: int) -> Callable[[Any], Any]:
        def change(file: Any) -> None:
            del file["data"]
            file.create_dataset("data", shape, np.float32, chunks=(1, *shape[1:]))

        return change

    def loop(file: Any) -> None:
        del file["data"]
        file["data"], file["other"] = h5py.SoftLink("/other"), h5py.SoftLink("/data")

    return {
        "label too large": put("label", [0, 1, 2, 1]),
        "label below 0": put("label", [0, 1, -1, 1]),
        "label nan": put("label", [0, 1, np.nan, 1]),
        "label 0.5": put("label", [0, 1, 0.5, 1]),
        "labels short": put("label", [0, 1]),
        "labels as words": put("label", np.array([b"a", b"b", b"a", b"b"])),
        "labels of two": put("label", np.zeros((4, 2), np.int64)),
        "nan": put("data", np.where(np.arange(5)[:, None] == 2, np.nan, cloud)),
        "inf": put("data", np.where(np.arange(5)[:, None] == 2, np.inf, cloud)),
        "1e300": put("data", cloud * np.float64(1e300)),
        "two coordinates": put("data", cloud[..., :2]),
        "one cloud": put("data", cloud[0]),
        "no points": put("data", cloud[:, :0]),
        "words": put("data", np.array([b"a"])),
        "compound": put("data", np.zeros(4, dtype=[("x", "<f4"), ("y", "<f4")])),
        "normals nan": put("normal", cloud * np.nan),
        "normals short": put("normal", cloud[:2]),
        "huge": announced(10_000_000, 2048, 3),
        "larger": announced(10**12, 3, 3),
        "group": lambda file: (file.pop("data"), file.create_group("data")),
        "loop": loop,
        "no labels": lambda file: file.pop("label"),
    }


@pytest.mark.parametrize("name", [*h5_changes(None), "fewer names"])
def test_damaged_h5_files_are_named(tmp_path, rng, name):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "shape_names.txt").write_text("desk\ntable\n" if name != "fewer names" else "desk\n")
    with h5py.File(tmp_path / "ply_data_test0.h5", "w") as file:
        file["data"], file["normal"] = rng.normal(size=(2, 4, 5, 3)).astype(np.float32)
        file["label"] = np.array([[0], [1], [1.0], [0]])
        if name != "fewer names":
            h5_changes(h5py)[name](file)
    match = r"ply_data_test0\.h5' must be an h5 file with 'data' and 'label' \(.*\): download"
    with pytest.raises(ValueError, match=match):
        ModelNet(tmp_path, split="test")


def test_members_that_cannot_be_read_are_counted(tmp_path, monkeypatch):
    """Encrypted, of an unknown method, one that unpacks to far too much; the others are read."""
    monkeypatch.setenv("CCNN_PC_MAX_UNPACKED", "1")
    path = tmp_path / "ModelNet10.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in tree().items():
            archive.writestr(name, text)
        archive.writestr("ModelNet10/desk/test/desk_bomb.off", b" " * 20_000_000)
    data = bytearray(path.read_bytes())
    for name, offset, value in (("desk_0001.off", 8, 1), ("table_0001.off", 10, 99)):
        place = data.rindex(b"PK\x01\x02", 0, data.rindex(name.encode()))
        data[place + offset] |= value
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="3 of 5 files"):
        read = ModelNet(tmp_path, split="test", num_points=8)
    assert len(read) == 2
    assert {name[-14:] for name, _ in read.broken} == {"/desk_0001.off", "/desk_bomb.off", "table_0001.off"}
    assert all("damaged or cut off" in reason or "too many for" in reason for _, reason in read.broken)


def test_nothing_found_tells_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        ModelNet(tmp_path, split="test")
    for word in (
        "test.npz",
        "ModelNet40.zip",
        "modelnet40_normal_resampled",
        "ply_data",
        "modelnet.cs.princeton.edu",
    ):
        assert word in str(error.value)
    with pytest.raises(ValueError, match="'name'"):
        ModelNet(tmp_path, name="50")


def test_shared_meshes_agree_with_shared_arrays(shared):
    """The same shape from its mesh and from the arrays: every point lies near one of the other."""
    folder = shared / "data" / "modelnet10"
    meshes = ModelNet(folder / "meshes.zip", split="test")
    arrays = ModelNet(folder, split="test")
    assert len(meshes) == 40 and meshes.classes == arrays.classes and not meshes.broken
    row = {str(name): index for index, name in enumerate(arrays.clouds.name)}
    for item in meshes.subset([0, 17, 39]):
        other = arrays[row[item.name.rsplit("/", 1)[1].removesuffix(".off")]]
        assert torch.equal(item.y, other.y)
        distance = torch.cdist(item.pos, other.pos)
        assert (
            float(distance.amin(dim=0).quantile(0.99)) < 0.1
            and float(distance.amin(dim=1).quantile(0.99)) < 0.1
        )


def small_archive(tmp_path: Path, **change: Any) -> Archive:
    source = tmp_path / "source.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for name, text in tree().items():
            archive.writestr(name, text)
    md5 = hashlib.md5(source.read_bytes()).hexdigest()
    settings: dict[str, Any] = {
        "file": "ModelNet10.zip",
        "mirrors": ((tmp_path / "none.zip").as_uri(), source.as_uri()),
    }
    return Archive(**{**settings, "md5": md5, "members": 10, "suffix": ".off", **change})


def test_download_takes_the_first_mirror_that_delivers(tmp_path):
    path = download_modelnet(tmp_path / "data", small_archive(tmp_path))
    assert [each.name for each in path.parent.iterdir()] == ["ModelNet10.zip"]
    check(tmp_path / "data", "off-zip")
    (tmp_path / "source.zip").unlink()
    assert download_modelnet(tmp_path / "data", MODELNET10) == path  # it is there: no network needed


@pytest.mark.parametrize(
    ("change", "match"), [({"md5": "0" * 32}, "md5"), ({"members": 11}, "10 .off files instead of 11")]
)
def test_a_wrong_file_never_gets_its_name(tmp_path, change, match):
    with pytest.raises(FileNotFoundError, match=match) as error:
        download_modelnet(tmp_path / "data", small_archive(tmp_path, **change))
    assert "princeton" in str(error.value) and not list((tmp_path / "data").iterdir())


def test_a_checksum_of_ones_own(tmp_path):
    archive = small_archive(tmp_path, md5=None)
    with pytest.raises(FileNotFoundError, match="sha256"):
        download_modelnet(tmp_path / "data", archive, sha256="0" * 64)
    good = hashlib.sha256((tmp_path / "source.zip").read_bytes()).hexdigest()
    assert download_modelnet(tmp_path / "data", archive, sha256=good).is_file()
