"""Features of whole scenes against what they say in words, point by point."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ccnn_pc.datasets.preprocessing.scenes import ScenePreprocessing
from ccnn_pc.datasets.scenes.computed import COMPUTED, computed_features, is_computed, logarithmic
from ccnn_pc.datasets.scenes.height_raster import HeightRaster
from ccnn_pc.datasets.scenes.scene import Scene
from ccnn_pc.datasets.scenes.thinned import thin_scene


def plane_with_box(slope=0.0):
    """Ground at a slope, a box of 6 x 6 x 4 metres on it: one point in the middle of each square metre."""
    x, y = (each.ravel() + 0.5 for each in np.meshgrid(np.arange(30.0), np.arange(30.0), indexing="ij"))
    box = (np.abs(x - 15) < 3) & (np.abs(y - 15) < 3)
    return np.stack([x + 4e5, y + 5e6, slope * x + 4.0 * box], axis=1), box


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_an_opening_wider_than_a_box_takes_it_away_and_a_narrower_one_does_not(slope):
    pos, box = plane_with_box(slope)
    wide = computed_features(pos, ["above_opening:4"])["above_opening:4"]
    narrow = computed_features(pos, ["above_opening:2"])["above_opening:2"]
    middle = (np.abs(pos[:, :2] - [4e5 + 15, 5e6 + 15]) < 2).all(axis=1)
    assert wide[box].min() > logarithmic(np.array(4.0 - 8 * slope - 1e-6))
    assert abs(narrow[middle]).max() <= logarithmic(np.array(6 * slope)) < logarithmic(np.array(2.0))
    outside = ~box & (np.abs(pos[:, :2] - [4e5 + 15, 5e6 + 15]) < 10).all(axis=1)
    assert wide[outside].max() < logarithmic(np.array(8 * slope + 1e-6)) + 1e-6


def test_heights_around_are_those_of_the_points_in_the_square():
    pos, _ = plane_with_box(0.2)
    pos[:, 2] += np.random.default_rng(0).normal(0, 0.05, len(pos))
    names = [f"{kind}:3" for kind in ("above_lowest", "below_highest", "above_mean", "spread")]
    found = computed_features(pos, names)
    for row in np.flatnonzero((np.abs(pos[:, :2] - [4e5 + 15, 5e6 + 15]) < 10).all(axis=1))[::37]:
        around = pos[(np.abs(pos[:, :2] - pos[row, :2]) < 3.5).all(axis=1), 2]
        height = pos[row, 2]
        wanted = [height - around.min(), around.max() - height, height - around.mean(), around.std()]
        for name, value in zip(names, wanted, strict=True):
            assert found[name][row] == pytest.approx(logarithmic(np.array(value)), abs=2e-5), name


def test_the_slope_of_a_plane_is_its_slope():
    x, y = (each.ravel() for each in np.meshgrid(np.arange(60.0), np.arange(60.0), indexing="ij"))
    found = computed_features(np.stack([x, y, 0.25 * x], axis=1), ["slope:4"])["slope:4"].reshape(60, 60)
    np.testing.assert_allclose(found[20:40, 20:40], math.log1p(5 * 0.25), rtol=1e-6)


def test_single_points_below_the_ground_do_not_pull_the_surface_down():
    pos, _ = plane_with_box()
    pos[5 * 30 + 5, 2] = -20.0
    raster = HeightRaster(pos)
    assert abs(raster.surface.min() + raster.base) < 1e-9


def test_moved_scenes_have_the_same_features():
    pos, _ = plane_with_box(0.1)
    names = [f"{kind}:5" for kind in COMPUTED]
    here = computed_features(pos, names)
    moved = computed_features(pos + [1000.0, -2000.0, 500.0], names)
    for name in names:
        np.testing.assert_allclose(moved[name], here[name], atol=1e-6, err_msg=name)


def test_they_are_features_of_scenes_beside_fields_with_scales_of_their_own():
    pos, box = plane_with_box()
    scales = {"above_opening:4": ((0, 1),), "intensity": ((1, 2),)}
    made = ScenePreprocessing(features=("above_opening:4", "intensity", "one"), scales=scales)
    assert made.fields == ("intensity",) and made.stored == ("above_opening:4", "intensity")
    scene = Scene(pos, {"intensity": np.ones(len(pos)), "classification": box.astype(int)}, source="a.las")
    thinned = thin_scene(scene, made)
    order = np.lexsort(thinned.pos.T)
    same = computed_features(pos, ["above_opening:4"])["above_opening:4"][np.lexsort(pos.T)]
    np.testing.assert_array_equal(thinned.values["above_opening:4"][order], same)
    assert made.scaled({name: values[:2] for name, values in thinned.values.items()}).shape == (2, 2)


@pytest.mark.parametrize(
    "name", ["above_opening", "above_opening:", "above_opening:-1", "above_opening:x", "slope:inf"]
)
def test_names_without_a_radius_are_refused(name):
    with pytest.raises(ValueError, match="must say a radius"):
        is_computed(name)


def test_unknown_names_are_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="above_opening"):
        is_computed("above_openings:8")


def test_wild_points_that_make_a_scene_too_wide_are_refused():
    with pytest.raises(ValueError, match="leave wild points out"):
        HeightRaster(np.array([[0.0, 0.0, 0.0], [1e6, 1e6, 0.0]]))
