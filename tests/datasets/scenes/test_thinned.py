"""Thinned scenes against what a loop over cells gives; files are read once."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import ScenePreprocessing, Tile
from ccnn_pc.datasets.scenes import thinned as module
from ccnn_pc.datasets.scenes.class_table import ClassTable
from ccnn_pc.datasets.scenes.files import read_scene
from ccnn_pc.datasets.scenes.scene import Scene
from ccnn_pc.datasets.scenes.thinned import ThinnedScene, thin_scene, thinned_scene
from tests.scene_files import points, write

CELL = 3.0


def scene(count: int = 600) -> Scene:
    arrays = points(count)
    return Scene(arrays.pop("pos"), arrays, source="a.laz")


def preprocessing(**fields: object) -> ScenePreprocessing:
    return ScenePreprocessing.from_json({"cell": CELL, "features": ("intensity", "one"), **fields})


def cells_of(pos: np.ndarray) -> dict[tuple[int, ...], np.ndarray]:
    """Rows of each cell, by a loop."""
    found: dict[tuple[int, ...], list[int]] = {}
    for row, place in enumerate(np.floor((pos - pos.min(axis=0)) / CELL).astype(int).tolist()):
        found.setdefault(tuple(place), []).append(row)
    return {place: np.array(rows) for place, rows in found.items()}


def chosen(keep: str, place: tuple[int, ...], rows: np.ndarray, pos: np.ndarray) -> np.ndarray:
    centre = pos.min(axis=0) + (np.array(place) + 0.5) * CELL
    value = {
        "lowest": pos[rows, 2],
        "highest": -pos[rows, 2],
        "nearest": ((pos[rows] - centre) ** 2).sum(axis=1),
    }[keep]
    return rows[np.argmin(value)]


@pytest.mark.parametrize("keep", ["lowest", "highest", "nearest", "mean"])
def test_one_point_of_each_cell_stands_for_all_of_them(keep: str) -> None:
    given = scene()
    found = thin_scene(given, preprocessing(keep=keep))
    cells = cells_of(given.pos)
    assert len(found) == len(cells)
    for place, rows in cells.items():
        (kept,) = set(found.nearest[rows].tolist())
        assert (found.nearest == kept).sum() == len(rows)
        if keep == "mean":
            assert found.pos[kept] == pytest.approx(given.pos[rows].mean(axis=0), abs=1e-6)
            value = given.fields["intensity"][rows].mean()
            assert found.values["intensity"][kept] == pytest.approx(value, rel=1e-12)
        else:
            row = chosen(keep, place, rows, given.pos)
            assert found.pos[kept].tobytes() == given.pos[row].tobytes(), "to the last bit of map coordinates"
            assert found.values["intensity"][kept] == given.fields["intensity"][row]
        expected = [(given.fields["classification"][rows] == number).sum() for number in found.numbers]
        assert found.counts[kept].tolist() == expected


def test_without_cells_every_point_stays() -> None:
    given = scene()
    found = thin_scene(given, preprocessing(cell=0))
    assert found.pos[found.nearest].tobytes() == given.pos.tobytes()
    assert (found.counts.sum(axis=1) == 1).all()


def test_strips_keep_one_point_per_cell_and_lose_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of a strip begin at its edge; no cell is larger than it should be."""
    monkeypatch.setattr(module, "STRIP", 100)
    given = scene()
    found = thin_scene(given, preprocessing(keep="lowest"))
    assert found.counts.sum() == len(given.pos) and len(cells_of(given.pos)) < len(found) < 2 * len(given.pos)
    for kept in range(len(found)):
        rows = np.flatnonzero(found.nearest == kept)
        assert (np.ptp(given.pos[rows], axis=0) <= CELL).all()
        assert found.pos[kept, 2] == given.pos[rows, 2].min()


@pytest.mark.parametrize("shape", ["sphere", "cylinder", "box"])
def test_rows_of_a_tile_are_those_inside(shape: str, rng: np.random.Generator) -> None:
    given = scene(3000)
    found, tile = thin_scene(given, preprocessing(cell=0)), Tile(shape, 7.0)
    assert len(found.blocks.start) > 4
    for centre in given.pos.mean(axis=0) + rng.uniform(-45, 45, (40, 3)) * [1, 1, 0.1]:
        expected = np.flatnonzero(tile.inside(found.pos - centre))
        assert found.rows_in(tile, centre).tolist() == expected.tolist()


def test_classes_of_several_numbers_are_summed_and_ignored_ones_left_out() -> None:
    found = thin_scene(scene(), preprocessing())
    assert found.numbers.tolist() == [0, 2, 5, 6]
    counts = found.class_counts(ClassTable({6: "high", 5: "high", 2: "low"}, ignored=(0,)), "classification")
    assert counts.tolist() == np.column_stack([found.counts[:, 2:].sum(1), found.counts[:, 1]]).tolist()
    many = (scene().fields["classification"] == 6).sum()
    with pytest.raises(
        ValueError, match=rf"'a.laz': field 'classification' has numbers .* 6 \({many} points\)"
    ):
        found.class_counts(ClassTable({2: "low", 5: "high"}, ignored=(0,)), "classification")


def test_a_file_is_read_once_and_again_when_it_or_a_setting_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.npz")
    reads: list[Path] = []

    def noted(path: Path, **options: Any) -> Scene:
        reads.append(path)
        return read_scene(path, **options)

    monkeypatch.setattr(module, "read_scene", noted)
    first = thinned_scene(path, preprocessing())
    again = thinned_scene(path, preprocessing(tile=Tile(radius=3.0), num_neighbors=4))
    assert len(reads) == 1 and isinstance(again.pos, np.memmap) and first.folder == again.folder
    assert again.pos.tobytes() == first.pos.tobytes() and again.nearest.tobytes() == first.nearest.tobytes()
    for changed in ({"cell": 2.0}, {"keep": "mean"}, {"features": ("one",)}):
        thinned_scene(path, preprocessing(**changed))
    assert len(reads) == 4
    write(path, points(700))
    assert len(thinned_scene(path, preprocessing()).nearest) == 700 and len(reads) == 5


def test_another_process_maps_the_files_again(tmp_path: Path) -> None:
    found = thinned_scene(write(tmp_path / "a.npz"), preprocessing())
    packed = pickle.dumps(found)
    again = pickle.loads(packed)
    assert len(packed) < 1000 and isinstance(again.pos, np.memmap)
    assert again.counts.tobytes() == found.counts.tobytes()
    memory = thin_scene(scene(), preprocessing())
    assert pickle.loads(pickle.dumps(memory)).pos.tobytes() == memory.pos.tobytes()


def test_damaged_arrays_are_built_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz")
    folder = thinned_scene(path, preprocessing()).folder
    assert folder is not None
    np.save(folder / "pos.npy", np.zeros((3, 3)))
    with pytest.raises(ValueError, match="arrays of one length"):
        ThinnedScene.load(folder)
    with pytest.warns(UserWarning, match="is damaged and is built again"):
        assert len(thinned_scene(path, preprocessing())) > 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"intensity": None}, r"a.npz'.*intensity.*classification"),
        (
            {"intensity": np.where(np.arange(1500) == 7, np.nan, 1.0)},
            r"a.npz': field 'intensity' must be finite",
        ),
        ({"classification": None}, r"a.npz'.*classification.*intensity"),
        ({"classification": np.full(1500, 1.5)}, r"a.npz': field 'classification' must hold whole numbers"),
        ({"classification": np.full((1500, 2), 1)}, r"a.npz': field 'classification' must hold one number"),
        (
            {"classification": np.arange(1500)},
            r"a.npz': field 'classification': at most 256 different numbers",
        ),
    ],
)
def test_errors_name_file_and_field(tmp_path: Path, changed: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        thinned_scene(write(tmp_path / "a.npz", **changed), preprocessing())
