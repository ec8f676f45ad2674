"""Pathfinder on a replica of its layout, and contours that are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from ccnn_pc.datasets import Contours, Pathfinder, Split
from ccnn_pc.datasets.images.contours import Drawing, drawn

Image = pytest.importorskip("PIL.Image")


def write_pathfinder(folder: Path, count: int = 12, size: int = 32) -> Path:
    """Images whose first pixel is their number, in tables 0 to 10 (whose names sort otherwise)."""
    place = folder / "pathfinder32" / "curv_contour_length_14"
    (place / "metadata").mkdir(parents=True)
    for number in range(count):
        table = f"{10 * (number % 2)}"
        (place / "imgs" / table).mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((size, size), dtype=np.uint8)
        pixels[0, 0] = number
        Image.fromarray(pixels).save(place / "imgs" / table / f"sample_{number}.png")
        with (place / "metadata" / f"{table}.npy").open("a") as rows:
            rows.write(f"imgs/{table} sample_{number}.png {number} {number % 3 % 2} 1.0 6 8\n")
    return folder


def test_images_are_divided_by_the_published_permutation(tmp_path: Path) -> None:
    write_pathfinder(tmp_path)
    parts = {split: Pathfinder(tmp_path, split, cache=tmp_path / "c") for split in Split}
    order = [*range(0, 12, 2), *range(1, 12, 2)]  # table 0, then table 10
    wanted = torch.randperm(12, generator=torch.Generator().manual_seed(42)).tolist()
    found = [int(255 * item.x[0, 0, 0, 0] + 0.5) for part in parts.values() for item in part]
    assert found == [order[row] for row in wanted]
    assert [len(part) for part in parts.values()] == [10, 1, 1]
    assert [int(y) for part in parts.values() for y in part.labels] == [order[row] % 3 % 2 for row in wanted]


def test_as_a_sequence(tmp_path: Path) -> None:
    data = Pathfinder(write_pathfinder(tmp_path), view="sequence", cache=tmp_path / "c")
    assert data.shape == (1, 1024) and data[0].x.shape == (1, 1, 1024)


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Contours draws images of this kind"):
        Pathfinder(tmp_path)
    folder = write_pathfinder(tmp_path) / "pathfinder32" / "curv_contour_length_14"
    (folder / "imgs" / "0" / "sample_2.png").unlink()
    with pytest.raises(ValueError, match="sample_2.png' must be there"):
        Pathfinder(tmp_path, cache=tmp_path / "c")
    (folder / "metadata" / "0.npy").write_text("imgs/0 sample_0.png\n")
    with pytest.raises(ValueError, match="0.npy' line 1 must say folder, name, number and label"):
        Pathfinder(tmp_path, cache=tmp_path / "c")


def connected(image: np.ndarray) -> bool:
    """Whether the marks lie on one contour: dashes grown until they touch, by scipy's components."""
    thick = ndimage.uniform_filter(image.astype(float), 3)
    parts, _ = ndimage.label(image > 60, np.ones((3, 3)))
    found = []
    for _ in range(2):
        y, x = np.unravel_index(thick.argmax(), thick.shape)
        found.append(parts[y, x])
        thick[max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5] = 0
    return bool(found[0] == found[1])


def test_labels_say_whether_the_marks_are_connected() -> None:
    found = drawn(Drawing(), 80, Split.TRAIN, 0)
    right = [
        connected(image) == bool(label) for (image,), label in zip(found.values, found.labels, strict=True)
    ]
    assert np.mean(right) > 0.97  # a mark may hide in a smooth border


def test_the_distance_of_the_marks_tells_little_and_the_ink_nothing() -> None:
    few = Drawing(dashes=6, distractors=3)
    found = drawn(few, 400, Split.VAL, 3)
    ink = found.values.mean(axis=(1, 2, 3))
    apart, joined = ink[found.labels == 0], ink[found.labels == 1]
    assert abs(apart.mean() - joined.mean()) < 4 * ink.std() / 10
    again = drawn(few, 400, Split.VAL, 3)
    assert np.array_equal(found.values, again.values)
    assert not np.array_equal(found.values[:50], drawn(few, 50, Split.TEST, 3).values)


def test_other_sizes() -> None:
    assert Contours("test", size=48, count=2)[0].x.shape == (1, 1, 48, 48)
    with pytest.raises(ValueError, match="'size' must be at least 24"):
        Contours(size=16)
