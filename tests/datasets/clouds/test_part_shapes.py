"""Objects made of labelled parts."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import CloudPreprocessing, PartDataset, PartShapes, open_dataset
from ccnn_pc.datasets.clouds.part_shapes import OBJECTS, PART_NAMES, PARTS, lathe, plate, sample_object
from ccnn_pc.datasets.clouds.stored import CloudPacker
from ccnn_pc.ops.points.surface import face_areas_and_normals
from ccnn_pc.training.data import Batches, ClassificationData, Validation


@pytest.fixture(autouse=True)
def _cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


def area_and_volume(mesh: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Area, and the volume that a closed mesh of outward faces holds (Gauss)."""
    vertices, faces = (torch.from_numpy(each) for each in mesh)
    areas, normals = face_areas_and_normals(vertices, faces)
    middle = vertices[faces].mean(dim=1)
    return float(areas.sum()), float((areas * (middle * normals).sum(dim=1)).sum()) / 3


def test_lathes_and_plates_are_closed_and_face_outwards() -> None:
    area, volume = area_and_volume(plate(2.0, 0.5, 3.0))
    assert area == pytest.approx(2 * (1.0 + 6.0 + 1.5)) and volume == pytest.approx(3.0)
    assert area_and_volume(plate(2.0, 0.5, 3.0, "+y"))[0] == pytest.approx(area - 6.0)
    cylinder = [(0.0, 0.0), (0.7, 0.0), (0.7, 2.0), (0.0, 2.0)]
    area, volume = area_and_volume(lathe(cylinder, 400))
    assert area == pytest.approx(2 * np.pi * 0.7 * 2.7, rel=1e-3)
    assert volume == pytest.approx(np.pi * 0.49 * 2.0, rel=1e-3)


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_have_the_parts_of_their_category(name: str) -> None:
    sizes = set()
    for seed in range(5):
        parts = OBJECTS[name](np.random.default_rng(seed))
        assert {part for part, _ in parts} == set(PARTS[name])
        sizes.add(round(sum(area_and_volume(mesh)[0] for _, mesh in parts), 6))
    assert len(sizes) == 5


def test_points_lie_on_their_part_and_by_area() -> None:
    parts = OBJECTS["table"](np.random.default_rng(3))
    points, normals, part = sample_object(parts, np.eye(3), 20_000, torch.Generator().manual_seed(0))
    top = torch.from_numpy(part == PART_NAMES.index("top"))
    assert bool((points[top, 2] > -1e-12).all() and (points[~top, 2] < 1e-12).all())  # legs end at z = 0
    assert float(normals[~top, 2].abs().max()) < 1e-9
    areas = dict.fromkeys(PARTS["table"], 0.0)
    for name, mesh in parts:
        areas[name] += area_and_volume(mesh)[0]
    share = areas["top"] / sum(areas.values())
    assert float(top.double().mean()) == pytest.approx(share, abs=5 * (share * (1 - share) / 20_000) ** 0.5)


def test_at_least_five_categories_and_a_dozen_parts_some_of_them_shared() -> None:
    assert len(OBJECTS) == len(PARTS) >= 5 and len(PART_NAMES) >= 12
    shared = [name for name in PART_NAMES if sum(name in names for names in PARTS.values()) > 1]
    assert shared == ["body", "handle", "leg", "pole"]


def test_a_shape_depends_on_its_key_alone() -> None:
    few, more = (PartShapes("test", per_category=count, num_points=32) for count in (2, 3))
    assert len(few) == 16 and torch.equal(few[1].pos, more[1].pos) and torch.equal(few[2].y, more[3].y)
    assert not torch.equal(few[0].pos, few[1].pos)
    for other in (
        PartShapes("train", per_category=2, num_points=32),
        PartShapes("test", per_category=2, num_points=32, shape_seed=1),
        PartShapes("test", per_category=2, num_points=32, noise=0.1),
    ):
        assert not torch.equal(few[0].pos, other[0].pos)


def test_items_have_a_part_for_every_point() -> None:
    data = open_dataset("part_shapes", "val")
    assert isinstance(data, PartShapes)
    assert len(data) == 160 and data.classes == PART_NAMES and np.bincount(data.labels).tolist() == [20] * 8
    for index in (0, 70, 159):
        item = data[index]
        category = data.categories[int(item.category)]
        assert item.y.shape == (1024,) and item.y.dtype == torch.int64 and item.name.startswith(category)
        named = {PART_NAMES[i] for i in item.category_parts[0].nonzero()[:, 0].tolist()}
        assert {PART_NAMES[i] for i in item.y.tolist()} == named == set(PARTS[category])
    assert sum(data.class_counts()) == 160 * 1024
    y = torch.cat([data[i].y for i in range(0, 160, 10)])
    part = data.subset(range(0, 160, 10))
    assert part.class_counts() == torch.bincount(y, minlength=14).tolist() == part.in_memory().class_counts()


def test_parts_stay_with_their_points() -> None:
    """Through subsets, voxels and batches: each point has the label of the stored point that lies there."""
    plain = PartShapes("test", per_category=1, num_points=200)
    made = CloudPreprocessing(50, features=("normal", "pos"), num_neighbors=4).transform()
    drawn = PartShapes("test", per_category=1, num_points=200, transform=made)
    for before, after in zip(plain, drawn, strict=True):
        where = (after.pos[:, None] == before.pos[None]).all(-1).int().argmax(1)
        assert torch.equal(before.y[where], after.y) and torch.equal(after.category, before.category)
    voxels = CloudPreprocessing(normalize="box", features=("normal", "pos"), voxels=6).transform()
    for before, after in zip(plain, (voxels(copy.copy(item)) for item in plain), strict=True):
        cells = ((before.pos + 1) * 3).floor().clamp(max=5)
        for centre, label in zip(after.pos, after.y, strict=True):
            inside = before.y[((centre + 1) * 3).floor().eq(cells).all(1)]
            assert (inside == label).sum() == inside.bincount().max()
        assert after.category_parts.shape == (1, 14)


def test_training_data_are_divided_by_category_and_counted_by_point() -> None:
    def data(**options: Any) -> ClassificationData:
        return ClassificationData(
            lambda: PartShapes("train", per_category=4, num_points=64),
            lambda: PartShapes("test", per_category=1, num_points=64),
            validation=Validation(fraction=0.25),
            batches=Batches(8),
            **options,
        )

    once, twice = data(), data(copies=2, in_memory=True)
    for each in (once, twice):
        each.check()
        assert each.classes == PART_NAMES and np.bincount(each.val_set.labels).tolist() == [1] * 8
    y = torch.cat([item.y for item in once.train_set])
    counts = torch.bincount(y, minlength=14).tolist()
    assert once.class_counts() == counts and twice.class_counts() == [2 * count for count in counts]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (None, "'clouds' must have the attribute 'part'"),
        ([0, 5], "'part' must be below 3"),
        ([0, 2], r"must be one of its category \(shape 's', a lamp, has 'c'\)"),
    ],
)
def test_parts_that_contradict_are_refused(part: list[int] | None, message: str) -> None:
    packer = CloudPacker()
    packer.add(np.eye(3)[:2], None, 0, "s", {} if part is None else {"part": np.array(part)})
    with pytest.raises(ValueError, match=message):
        PartDataset(packer.finish(["lamp"]), ["a", "b", "c"], [[0, 1]])


def test_bad_arguments() -> None:
    for wrong in ({"split": "all"}, {"per_category": 0}, {"num_points": 0}, {"noise": -1.0}):
        with pytest.raises(ValueError, match=f"'{next(iter(wrong))}'"):
            PartShapes(**wrong)  # type: ignore[arg-type]
