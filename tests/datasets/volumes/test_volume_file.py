"""Volumes of every format: the same values, one size, and what is no volume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import VolumeFolder, VolumePreprocessing
from ccnn_pc.datasets.formats.volume_file import read_volume, read_whole_volume

CELLS = np.random.default_rng(0).integers(0, 2, (3, 4, 5))


def write_binvox(path: Path, cells: np.ndarray) -> None:
    """As the format says: x slowest, then z, then y, in runs of at most 255."""
    flat = np.asarray(cells, dtype=np.uint8).transpose(0, 2, 1).ravel()
    runs = b"".join(bytes([value, 1]) for value in flat)
    sizes = " ".join(str(cells.shape[axis]) for axis in (0, 2, 1))
    path.write_bytes(f"#binvox 1\ndim {sizes}\ntranslate 0 0 0\nscale 1\ndata\n".encode() + runs)


def write(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez_compressed(path, volume=values, spacing=np.ones(3))
    elif path.suffix == ".binvox":
        write_binvox(path, values)
    else:
        nibabel: Any = pytest.importorskip("nibabel")
        nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), np.eye(4)), path)
    return path


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.binvox", "a.nii", "a.nii.gz"])
def test_every_format_holds_the_same(tmp_path: Path, name: str) -> None:
    found = read_volume(write(tmp_path / name, CELLS))
    assert found.dtype == np.float32 and found.shape == (1, 3, 4, 5) and (found[0] == CELLS).all()


def test_axes_of_nifti_have_their_usual_directions(tmp_path: Path) -> None:
    nibabel: Any = pytest.importorskip("nibabel")
    turned = np.diag([-1.0, 1, 1, 1])
    nibabel.save(nibabel.Nifti1Image(CELLS[::-1].astype(np.float32), turned), tmp_path / "a.nii.gz")
    assert (read_volume(tmp_path / "a.nii.gz")[0] == CELLS).all()


def test_what_nifti_says_of_its_axes(tmp_path: Path) -> None:
    nibabel: Any = pytest.importorskip("nibabel")
    for unit, millimetres in (("mm", 1.0), ("micron", 1e-3), ("meter", 1e3), ("unknown", 1.0)):
        image = nibabel.Nifti1Image(CELLS.astype(np.float32), np.diag([2.0, 1, 0.5, 1]))
        image.header.set_xyzt_units(unit)
        nibabel.save(image, tmp_path / "a.nii")
        found = read_whole_volume(tmp_path / "a.nii")
        assert np.allclose(found.steps, millimetres * np.array([2.0, 1, 0.5])) and found.oriented == 1
    image.header.set_sform(None, 0)
    image.header.set_qform(None, 0)
    nibabel.save(nibabel.Nifti1Image(CELLS.astype(np.float32), None, image.header), tmp_path / "a.nii")
    assert read_whole_volume(tmp_path / "a.nii").oriented == 0
    nibabel.save(nibabel.Nifti1Image(CELLS.astype(np.complex64), np.eye(4)), tmp_path / "b.nii")
    with pytest.raises(ValueError, match=r"'.*b\.nii' .* must hold real numbers \(got complex64\)"):
        read_volume(tmp_path / "b.nii")


def test_an_array_of_spacings_beside_a_volume(tmp_path: Path) -> None:
    for name, steps, known in (
        ("spacing", [2, 1, 1], True),
        ("Voxel_Size", [2.0, 1, 1], True),
        ("spacing", [2, 0, 1], False),
    ):
        np.savez(tmp_path / "a.npz", **{"cells": CELLS, name: np.array(steps)})  # type: ignore[arg-type]
        found = read_whole_volume(tmp_path / "a.npz")
        assert (found.steps == (2.0, 1.0, 1.0)) is known and np.isfinite(found.steps).all() == known
        assert np.isnan(found.oriented)


def test_channels_come_first_or_last(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((2, 6, 7, 8)).astype(np.float32)
    for each in (values, np.moveaxis(values, 0, -1)):
        assert (read_volume(write(tmp_path / "a.npy", each)) == values).all()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", np.zeros((3, 3)), "must have three axes"),
        ("a.npy", np.zeros((9, 9, 9, 9)), "at most 4 channels"),
        ("a.npy", np.full((2, 2, 2), np.nan), "8 are NaN"),
        ("a.npy", np.array([["x"]]), "must hold real numbers"),
        ("a.nii", b"no", "Cannot work out"),
        ("a.nii.gz", b"", "it is empty"),
        ("a.binvox", b"#binvox 1\ndim 2 2 2\ndata\n\x01\x03", "8 cells are announced, 3 are there"),
        ("a.npz", b"PK", "not a readable npz"),
    ],
)
def test_what_is_no_volume_is_named(tmp_path: Path, name: str, content: Any, message: str) -> None:
    if name.startswith("a.nii"):
        pytest.importorskip("nibabel")
    path = tmp_path / name
    np.save(path, content) if isinstance(content, np.ndarray) else path.write_bytes(content)
    with pytest.raises(ValueError, match=f"'{path}' cannot be read as a volume: .*{message}"):
        read_volume(path)


def test_sizes(tmp_path: Path) -> None:
    """Means over cells where there are more, lines between them where there are fewer; proportions stay."""
    path = write(tmp_path / "a.npy", np.arange(64.0).reshape(4, 4, 4))
    found = VolumePreprocessing(size=[2, 4, 8]).read(path)
    assert found.shape == (1, 2, 4, 8) and found.mean() == pytest.approx(31.5)
    assert found[0, 0, 0, 0] == pytest.approx(8)  # the mean of 0 and 16 along the first axis
    flat = write(tmp_path / "b.npy", np.zeros((64, 64, 16)))
    assert VolumePreprocessing().filled([flat]).size == (25, 25, 6) and 25 * 25 * 6 <= 4096
    assert VolumePreprocessing().filled([path]).size == (4, 4, 4)
    with pytest.raises(ValueError, match="'size' must be three numbers"):
        VolumePreprocessing(size=[4, 4])


def test_a_folder_of_mixed_sizes_and_one_broken_file(tmp_path: Path) -> None:
    for number in range(6):
        write(
            tmp_path / "train" / "ab"[number % 2] / f"{number} ü.npy",
            5 + np.random.default_rng(number).random((4, 5, 6)),
        )
    write(tmp_path / "test" / "a" / "x.npy", np.zeros((8, 8, 8))).rename(tmp_path / "test" / "a" / "x.NPY")
    (tmp_path / "train" / "a" / "broken.npz").write_text("no")
    cache = tmp_path.with_name(f"{tmp_path.name}_cache")
    with pytest.warns(UserWarning, match=r"1 of 8 files .*broken\.npz"):
        data = VolumeFolder(tmp_path, "train", cache=cache)
    x = torch.stack([item.x[0] for item in data])
    assert (
        x.shape == (6, 1, 4, 5, 6)
        and abs(float(x.mean())) < 1e-5
        and float(x.std()) == pytest.approx(1, abs=0.01)
    )
    with pytest.warns(UserWarning):
        test = VolumeFolder(tmp_path, "test", cache=cache)
    assert (
        test.shape == (1, 4, 5, 6) and float(test[0].x.mean()) < -10
    )  # as training is normalised, not itself
    assert torch.equal(test.reading.item(tmp_path / "test" / "a" / "x.NPY").x, test[0].x)
