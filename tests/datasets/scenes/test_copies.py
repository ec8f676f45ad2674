"""Thinner copies of scenes in training: which points, which features, which tiles."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ccnn_pc.datasets import ScenePreprocessing, Scenes
from ccnn_pc.datasets.scenes.computed import computed_features
from ccnn_pc.datasets.scenes.copies import Copies, SceneCopy
from ccnn_pc.datasets.scenes.scene import Scene
from ccnn_pc.datasets.scenes.thinned import thin_scene


def scene(n=2000, seed=0):
    random = np.random.default_rng(seed)
    pos = random.random((n, 3)) * [40.0, 40.0, 3.0] + [4e5, 5e6, 100.0]
    return Scene(pos, {"classification": (pos[:, 2] < 101).astype(np.uint8) + 1}, source="a.npz")


def test_a_copy_is_a_share_of_the_points_with_features_of_its_own_seen_at_an_angle():
    whole, made = scene(), ScenePreprocessing(features=("above_opening:3",))
    copy = SceneCopy(0.3, math.pi / 3, seed=4)
    thinned = thin_scene(whole, made, copy=copy)
    assert len(thinned) == 600
    rows = {tuple(row) for row in whole.pos}
    assert all(tuple(row) in rows for row in thinned.pos)
    order, own = np.lexsort(thinned.pos.T), copy.of(whole)
    expected = computed_features(copy.turned(own.pos), ["above_opening:3"])["above_opening:3"]
    found = thinned.values["above_opening:3"][order]
    np.testing.assert_allclose(found, expected[np.lexsort(own.pos.T)], rtol=0, atol=1e-6)
    unturned = computed_features(own.pos, ["above_opening:3"])["above_opening:3"]
    assert np.abs(unturned - expected).max() > 0.1


def test_turning_keeps_heights_and_distances():
    pos = scene(50).pos
    turned = SceneCopy(1.0, 1.234).turned(pos)
    np.testing.assert_allclose(turned[:, 2], pos[:, 2], atol=1e-9)
    for a, b in ((0, 1), (3, 17)):
        assert np.linalg.norm(turned[a] - turned[b]) == pytest.approx(np.linalg.norm(pos[a] - pos[b]))


def test_copies_are_as_dense_as_asked_for_and_the_same_every_time():
    pos = scene(8000).pos  # 5 per square metre
    copies = list(Copies(number=200, density=0.5).drawn(pos, 3))
    shares = np.array([copy.share for copy in copies])
    assert 0.1 <= shares.min() < 0.12 and 0.9 < shares.max() <= 1.0
    assert copies == list(Copies(number=200, density=0.5).drawn(pos, 3))
    assert copies != list(Copies(number=200, density=0.5).drawn(pos, 4))
    assert {copy.share for copy in Copies(number=3, density=9.0).drawn(pos, 0)} == {1.0}


def test_tiles_are_drawn_from_copies_as_well_and_covering_tiles_are_not(tmp_path):
    for part in ("train", "val"):
        (tmp_path / part).mkdir()
        whole = scene(seed=len(part))
        np.savez(tmp_path / part / "a.npz", pos=whole.pos, classification=whole.fields["classification"])
    options = {
        "preprocessing": ScenePreprocessing(features=("one",), tile={"radius": 10.0}),
        "cache": tmp_path / "cache",
        "val_fraction": 0.0,
        "test_fraction": 0.0,
    }
    drawn = Scenes(tmp_path, split="train", drawn=True, copies={"number": 2, "density": 0.2}, **options)
    assert (
        len(drawn.scenes) == 3
        and "2 thinner copies" in drawn.report()
        and "1 scenes of 2000" in drawn.report()
    )
    sizes = [len(each.scene) for each in drawn.scenes]
    seen = {int(drawn[row].scene) for row in range(len(drawn))}
    assert sizes[0] == 2000 and max(sizes[1:]) < 2000 and seen == {0, 1, 2}
    assert len(Scenes(tmp_path, split="val", copies={"number": 2}, **options).scenes) == 1
