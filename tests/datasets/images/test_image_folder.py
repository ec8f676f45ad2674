"""Folders of image files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import open_dataset
from ccnn_pc.datasets.formats.image_file import read_image
from ccnn_pc.datasets.images.arrays import IMAGENET_SCALING
from ccnn_pc.datasets.images.folder import ImageFolder
from ccnn_pc.datasets.transforms.image import RandomMirror

Image: Any = pytest.importorskip("PIL.Image")


def write(path: Path, seed: int = 0, size: tuple[int, int] = (16, 16), mode: str = "RGB") -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)
    return pixels


def test_layout_with_splits(tmp_path: Path) -> None:
    for part, count in (("train", 3), ("val", 2)):
        for name in ("n01", "n02"):
            for number in range(count):
                write(tmp_path / part / name / f"{number}.png", seed=number)
    write(tmp_path / "train" / "n03" / "sub" / "0.PNG")
    (tmp_path / "train" / "n01" / "notes.txt").write_text("no image")
    train, val = (ImageFolder(tmp_path, split) for split in ("train", "val"))
    assert (len(train), len(val)) == (7, 4) and train.classes == val.classes == ["n01", "n02", "n03"]
    assert val.labels.tolist() == [0, 0, 1, 1] and train.shape == (3, 16, 16)
    raw = torch.from_numpy(write(tmp_path / "again.png", seed=1)).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in IMAGENET_SCALING)
    torch.testing.assert_close(val[1].x[0], (raw - mean) / std)
    assert torch.equal(val.batch([1, 2]).x[0], val[1].x[0])
    with pytest.raises(FileNotFoundError, match="test"):
        ImageFolder(tmp_path, "test")


@pytest.mark.parametrize(("parts", "opened"), [(["train", "test"], 2), (["train", "val"], 2), ([""], 1)])
def test_opened_by_its_path(tmp_path: Path, parts: list[str], opened: int) -> None:
    for part in parts:
        for number in range(2 if part in ("test", "val") else 1):
            pixels = write(tmp_path / part / "a" / f"{number}.png", seed=1)
    data = open_dataset(tmp_path)
    assert isinstance(data, ImageFolder) and len(data) == opened
    torch.testing.assert_close(data[0].x[0], torch.from_numpy(pixels).permute(2, 0, 1) / 255)
    if "train" in parts:
        assert len(open_dataset(tmp_path, "train")) == 1


def test_in_memory_changes_nothing(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / "a" / f"{number}.png", seed=number)
    data = ImageFolder(tmp_path, transform=RandomMirror(), seed=3).subset([4, 1, 0])
    kept = data.in_memory()
    assert len(kept) == 3
    for epoch in (0, 1):
        data.set_epoch(epoch)
        kept.set_epoch(epoch)
        assert all(torch.equal(first.x, second.x) for first, second in zip(data, kept, strict=True))


def test_one_bad_file_is_one_bad_file(tmp_path: Path) -> None:
    for name, number in (("a", 0), ("a", 1), ("b", 2), ("b", 3)):
        write(tmp_path / name / f"{number}.png", seed=number)
    good = (tmp_path / "a" / "0.png").read_bytes()
    (tmp_path / "a" / "0.png").write_bytes(good[:-40])
    (tmp_path / "b" / "9.png").write_text("no image")
    with pytest.warns(
        UserWarning, match=r"2 of 5 files in .* could not be read and are left out \(see \.broken\)"
    ):
        data = ImageFolder(tmp_path, view=None)
    assert [path.name for path in data.files] == ["1.png", "2.png", "3.png"] and data.labels.tolist() == [
        0,
        1,
        1,
    ]
    assert [Path(path).name for path, _ in data.broken] == ["0.png", "9.png"] and "0.png" in data.broken[0][1]
    assert data[0].x.shape == (1, 3, 16, 16)
    for path in data.files:
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"none of the 5 images in .* can be read; the first: '.*0\.png'"):
        ImageFolder(tmp_path)


def test_pictures_of_16_bits_differ(tmp_path: Path) -> None:
    ramps = [np.arange(16, dtype=np.uint16).reshape(4, 4) * step for step in (100, 4000)]
    for number, ramp in enumerate(ramps):
        (tmp_path / "a").mkdir(exist_ok=True)
        Image.fromarray(ramp).save(tmp_path / "a" / f"{number}.png")
    data = ImageFolder(tmp_path, view=None, grey=True)
    for item, ramp in zip(data, ramps, strict=True):
        assert torch.equal(item.x[0, 0], torch.from_numpy(ramp.astype(np.int32) >> 8) / 255)


def test_sizes(tmp_path: Path) -> None:
    write(tmp_path / "a" / "0.png", size=(16, 16))
    write(tmp_path / "a" / "1.png", size=(20, 12))
    with pytest.raises(ValueError, match=r"1\.png' must have 16 x 16 pixels .* 20 x 12"):
        ImageFolder(tmp_path)[1]
    squares = ImageFolder(tmp_path, view="grey_sequence", size=8)
    assert squares.batch([0, 1]).x.shape == (2, 1, 64)
    flat = np.full((20, 12, 3), 200, np.uint8)
    flat[:4] = flat[16:] = 0  # outside of the middle square
    Image.fromarray(flat).save(tmp_path / "a" / "2.png")
    assert (
        read_image((tmp_path / "a" / "2.png").read_bytes(), size=6).tolist()
        == np.full((3, 6, 6), 200).tolist()
    )


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "RGB"])
def test_every_mode_becomes_colour(tmp_path: Path, mode: str) -> None:
    write(tmp_path / "a.png", mode=mode)
    data = (tmp_path / "a.png").read_bytes()
    assert read_image(data).shape == (3, 16, 16) and read_image(data, grey=True).shape == (1, 16, 16)


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="folder of class folders"):
        ImageFolder(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="found none"):
        ImageFolder(tmp_path)
    write(tmp_path / "a" / "0.png")
    write(tmp_path / "a" / "1.png")
    data = ImageFolder(tmp_path)
    for content in (b"", b"no image", (tmp_path / "a" / "0.png").read_bytes()[:200]):
        (tmp_path / "a" / "1.png").write_bytes(content)
        with pytest.raises(ValueError, match=r"1\.png' cannot be read as an image"):
            data[1]


def test_missing_pil_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r"to read image files: pip install 'ccnn-pc\[train\]'"):
        read_image(b"")
