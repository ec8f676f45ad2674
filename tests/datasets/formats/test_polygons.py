"""Polygons become triangles that cover them: areas against the shoelace formula, in any plane, from any corner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets.formats.polygons import triangulate

L = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
DART = [(0, 0), (1, 0.5), (2, 0), (1, 2)]
COMB = [(0, 0), (5, 0), (5, 3), (4, 3), (4, 1), (3, 1), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)]
STRAIGHT = [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 1), (0, 2), (0, 1)]
"""Corners in the middle of straight sides."""
HOLE = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (1, 1), (1, 3), (3, 3), (3, 1), (1, 1)]
"""A square hole, joined to the outline by an edge that is walked both ways."""
TWO_HOLES = [
    *[(0, 2), (1, 2), (1, 3), (2, 3), (2, 2), (3, 2), (3, 3), (4, 3), (4, 1), (3, 1), (3, 2)],
    *[(2, 2), (2, 1), (1, 1), (1, 2), (0, 2), (0, 0), (5, 0), (5, 4), (0, 4)],
]
SPIRAL = [
    *[(0, 0), (6, 0), (6, 6), (1, 6), (1, 2), (4, 2), (4, 4), (3, 4)],
    *[(3, 3), (2, 3), (2, 5), (5, 5), (5, 1), (0, 1)],
]
REPEATED = [(0, 0), (2, 0), (2, 0), (2, 1), (1, 1), (1, 1), (1, 2), (0, 2)]
STAR = [
    (3 * np.sin(t) / (1 + i % 2), 3 * np.cos(t) / (1 + i % 2))
    for i, t in enumerate(np.arange(40) * np.pi / 20)
]
SHAPES: dict[str, Any] = {
    **{"L": L, "dart": DART, "comb": COMB, "straight": STRAIGHT, "hole": HOLE, "two holes": TWO_HOLES},
    **{"spiral": SPIRAL, "repeated": REPEATED, "star": STAR},
}


def shoelace(polygon: np.ndarray) -> float:
    return float(np.linalg.norm(np.cross(polygon, np.roll(polygon, -1, axis=0)).sum(axis=0)) / 2)


def areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


@pytest.mark.parametrize("name", SHAPES)
def test_areas_from_every_corner_and_side(name: str, rng: np.random.Generator) -> None:
    polygon = np.column_stack([np.array(SHAPES[name], dtype=float), np.zeros(len(SHAPES[name]))])
    wanted = shoelace(polygon)
    assert name != "hole" or wanted == 12
    for turn in range(len(polygon)):
        for order in (1, -1):
            rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
            corners = np.roll(polygon, turn, axis=0)[::order] @ rotation + [0.3, -2.0, 5.0]
            faces = triangulate(corners, np.arange(len(corners)), np.array([len(corners)]))
            assert len(faces) == len(corners) - 2
            assert areas(corners, faces).sum() == pytest.approx(wanted, rel=1e-9)
            turned = np.cross(*(corners[faces[:, i]] - corners[faces[:, 0]] for i in (1, 2)))
            assert (turned @ turned.sum(axis=0) > -1e-9).all()  # all as the polygon is


def test_points_lie_in_the_polygon(rng: np.random.Generator) -> None:
    """The middle of every triangle of an L is in the L, not in the corner that is missing."""
    corners = np.column_stack([np.array(L, dtype=float), np.zeros(6)])
    for turn in range(6):
        rolled = np.roll(corners, turn, axis=0)
        middle = rolled[triangulate(rolled, np.arange(6), np.array([6]))].mean(axis=1)
        assert not ((middle[:, 0] > 1) & (middle[:, 1] > 1)).any()


def test_random_outlines(rng: np.random.Generator) -> None:
    for size in rng.integers(4, 60, 60):
        angle = np.arange(size) * 2 * np.pi / size
        radius = rng.uniform(0.05, 1, size)
        corners = np.column_stack(
            [radius * np.cos(angle), radius * np.sin(angle), 1e-3 * rng.normal(size=size)]
        )
        flat = corners * [1, 1, 0]
        faces = triangulate(flat, np.arange(size), np.array([size]))
        assert areas(flat, faces).sum() == pytest.approx(shoelace(flat), rel=1e-6)
        bent = triangulate(corners, np.arange(size), np.array([size]))  # almost planar
        assert areas(flat, bent).sum() == pytest.approx(shoelace(flat), rel=0.02)


def test_convex_polygons_stay_fans_and_keep_their_order() -> None:
    angle = np.arange(8) * np.pi / 4
    vertices = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(8)])
    faces = triangulate(
        vertices, np.array([0, 1, 2, 3, 4, 5, 6, 7, 0, 2, 1, 3, 5, 6, 7]), np.array([3, 5, 2, 1, 4])
    )
    assert faces.tolist() == [[0, 1, 2], [3, 4, 5], [3, 5, 6], [3, 6, 7], [3, 5, 6], [3, 6, 7]]


def test_a_bent_quad_is_cut_from_its_first_corner() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0.3], [1, 1, 0], [0, 1, 0.3]])
    assert triangulate(vertices, np.arange(4), np.array([4])).tolist() == [[0, 1, 2], [0, 2, 3]]


def test_what_has_no_area_gives_triangles_without_one() -> None:
    for corners in (np.zeros((5, 3)), np.arange(18.0).reshape(6, 3), np.full((6, 3), np.nan)):
        assert triangulate(corners, np.arange(len(corners)), np.array([len(corners)])).shape == (
            len(corners) - 2,
            3,
        )


def test_missing_corners() -> None:
    for wrong in (9, -1):
        with pytest.raises(ValueError, match=f"names vertex {wrong} of 3, which count from 0"):
            triangulate(np.eye(3), np.array([0, 1, wrong]), np.array([3]))


def test_polygons_that_cross_themselves_end_soon(rng: np.random.Generator) -> None:
    vertices = rng.normal(size=(500, 3))
    assert triangulate(vertices, np.arange(500), np.array([500])).shape == (498, 3)
    with pytest.raises(ValueError, match="not convex has 20000 corners: cut it into triangles"):
        triangulate(rng.normal(size=(20000, 3)), np.arange(20000), np.array([20000]))
