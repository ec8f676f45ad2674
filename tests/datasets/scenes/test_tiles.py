"""Tiles that cover: every point well inside, none empty."""

from __future__ import annotations

import numpy as np
import pytest

from ccnn_pc.datasets.scenes.tiles import Tile

UTM = np.array([512_300.0, 5_403_100.0, 300.0])
SCENES = {
    "even": lambda random: random.uniform(0, 100, (2000, 3)) * [1, 0.7, 0.3],
    "line": lambda random: np.column_stack([np.linspace(0, 300, 400), np.zeros(400), np.zeros(400)]),
    "alone": lambda random: np.array([[0.0, 0.0, 0.0], [500.0, 3.0, 1.0], [501.0, 900.0, -40.0]]),
    "one": lambda random: np.zeros((1, 3)),
    "small": lambda random: random.uniform(0, 8, (50, 3)),
}


@pytest.mark.parametrize("shape", ["sphere", "cylinder", "box"])
@pytest.mark.parametrize("scene", SCENES)
def test_every_point_lies_well_inside_a_tile_and_no_tile_is_empty(shape: str, scene: str) -> None:
    pos = SCENES[scene](np.random.default_rng(0)) + UTM
    tile = Tile(shape, 10.0)
    centres = tile.covering(pos)
    off = pos[:, None, : tile.axes] - centres[None, :, : tile.axes]
    if shape == "box":
        depth, most = np.abs(off).max(axis=2), 0.5
    else:
        depth, most = np.linalg.norm(off, axis=2), {"cylinder": 0.5**0.5, "sphere": 0.45 * 3**0.5}[shape]
    fits = len(centres) == 1
    assert depth.min(axis=1).max() <= (1.0 if fits else most) * 10.0 + 1e-6
    assert (depth.min(axis=0) <= 10.0).all()
    assert fits == (scene in ("one", "small"))
    assert len(np.unique(centres, axis=0)) == len(centres)


def test_pieces_of_a_large_scene_give_the_same_centres(monkeypatch: pytest.MonkeyPatch) -> None:
    pos = SCENES["even"](np.random.default_rng(1))
    whole = Tile("cylinder", 12.0).covering(pos)
    monkeypatch.setattr("ccnn_pc.datasets.scenes.tiles.CHUNK", 7)
    assert Tile("cylinder", 12.0).covering(pos).tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"shape": "cube"}, "'shape' must be one of"),
        ({"radius": 0.0}, "'radius' must be positive"),
        ({"points": 0}, "'points' must be at least 1"),
    ],
)
def test_refusals(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tile(**fields)
