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
    middle = (np.abs(pos[:, :2] - [4e5 + 15, 5e6 + 15]) < 1).all(axis=1)
    assert wide[box].min() > logarithmic(np.array(4.0 - 8 * slope - 1e-6))
    assert abs(narrow[middle]).max() <= logarithmic(np.array(6 * slope)) + 1e-6 < logarithmic(np.array(2.0))
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


def test_a_group_of_points_far_below_the_ground_does_not_either():
    pos, _ = plane_with_box()
    pos[[5 * 30 + 5, 5 * 30 + 6, 6 * 30 + 5, 7 * 30 + 6], 2] = -20.0
    raster = HeightRaster(pos)
    assert abs(raster.surface.min() + raster.base) < 1e-9


def test_narrow_ground_between_roofs_stays_ground():
    """Lanes of 3 m between roofs of 40 m, a yard of 2 x 2 m, and a street: all on one level."""
    x, y = (each.ravel() for each in np.meshgrid(np.arange(60.0), np.arange(60.0), indexing="ij"))
    roof = (x >= 10) & (x % 12 >= 3)
    yard = (np.abs(x - 28.5) < 1) & (np.abs(y - 30.5) < 1)
    pos = np.stack([x, y, np.where(roof & ~yard, 8.0, 0.0)], axis=1)
    raster = HeightRaster(pos)
    np.testing.assert_array_equal(raster.at(raster.surface) + raster.base, pos[:, 2])
    above = computed_features(pos, ["above_opening:10"])["above_opening:10"]
    assert above[roof & ~yard & (x > 16) & (x < 54) & (y > 6) & (y < 54)].min() > logarithmic(np.array(7.0))


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
    "name",
    [
        "above_opening",
        "above_opening:",
        "above_opening:-1",
        "above_opening:x",
        "slope:inf",
        "down_nearest:2.5",
    ],
)
def test_names_without_a_radius_are_refused(name):
    with pytest.raises(ValueError, match="must say a radius or a number"):
        is_computed(name)


def test_unknown_names_are_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="above_opening"):
        is_computed("above_openings:8")


def test_wild_points_that_make_a_scene_too_wide_are_refused():
    with pytest.raises(ValueError, match="leave wild points out"):
        HeightRaster(np.array([[0.0, 0.0, 0.0], [1e6, 1e6, 0.0]]))


def test_nearest_points_say_what_they_say():
    pos, _ = plane_with_box(0.2)
    random = np.random.default_rng(1)
    pos = pos[random.permutation(len(pos))[:400]] + random.normal(0, 0.1, (400, 3))
    names = [n for n in COMPUTED if n.endswith("_nearest")]
    found = computed_features(pos, [f"{name}:9" for name in names])
    for row in range(0, 400, 29):
        apart = np.linalg.norm(pos[:, :2] - pos[row, :2], axis=1)
        index = apart.argsort()[:9]
        height, flat = pos[index, 2] - pos[row, 2], pos[index, :2] - pos[row, :2]
        plane = np.linalg.lstsq(np.column_stack([flat, np.ones(9)]), height, rcond=None)[0]
        rise = height[1:] / np.maximum(apart[index][1:], 0.3)
        wanted = {
            "lowest": logarithmic(-height.min()),
            "highest": logarithmic(height.max()),
            "mean": logarithmic(-height.mean()),
            "spread": logarithmic(height.std()),
            "plane": logarithmic(-plane[2]),
            "slope": logarithmic(np.hypot(plane[0], plane[1])),
            "down": np.arctan(max(0.0, -rise.min())),
            "up": np.arctan(max(0.0, rise.max())),
        }
        for name, value in wanted.items():
            assert found[f"{name}_nearest:9"][row] == pytest.approx(value, abs=2e-3), (row, name)


def test_on_an_even_slope_nothing_rises_above_the_lie_of_the_land():
    x, y = (each.ravel() + 0.5 for each in np.meshgrid(np.arange(120.0), np.arange(60.0), indexing="ij"))
    pos = np.stack([x, y, 0.8 * x], axis=1)
    found = computed_features(pos, ["above_level_opening:20"])["above_level_opening:20"].reshape(120, 60)
    assert abs(found[45:75]).max() < 1e-3


def test_a_scene_of_fewer_points_than_are_asked_for_has_what_there_is():
    found = computed_features(
        np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 2.0]]), ["highest_nearest:8", "plane_nearest:8"]
    )
    assert found["highest_nearest:8"].tolist() == pytest.approx([logarithmic(np.array(1.0)), 0.0])
    assert np.isfinite(found["plane_nearest:8"]).all()
