"""Surface sampling and farthest points: the distributions and bounds they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from ccnn_pc.ops.points import farthest
from ccnn_pc.ops.points.farthest import farthest_points
from ccnn_pc.ops.points.surface import face_areas_and_normals, sample_surface

# one triangle of area 0.5 in z = 0, one of area 2 in x = 5, and one without area
VERTICES = torch.tensor(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 0, 0], [5, 2, 0], [5, 0, 2.0]], dtype=torch.float64
)
FACES = torch.tensor([[0, 1, 2], [3, 4, 5], [0, 1, 1]])


def test_triangles_are_drawn_by_area(generator):
    points, _ = sample_surface(VERTICES, FACES, 20000, generator)
    on_first = int((points[:, 0] < 2).sum())
    assert stats.binomtest(on_first, 20000, 0.2).pvalue > 1e-3


def test_points_are_uniform_within_a_triangle(generator):
    points, _ = sample_surface(VERTICES[:3], FACES[:1], 20000, generator)
    # four congruent parts of the triangle: three corners and the middle
    x, y = points[:, 0], points[:, 1]
    part = torch.where(x > 0.5, 0, torch.where(y > 0.5, 1, torch.where(x + y < 0.5, 2, 3)))
    assert stats.chisquare(np.bincount(part.numpy(), minlength=4)).pvalue > 1e-3


def test_points_lie_on_their_triangle_and_normals_are_its_normal(generator):
    points, normals = sample_surface(VERTICES, FACES, 500, generator)
    first = points[:, 0] < 2
    assert torch.equal(points[first, 2], torch.zeros(int(first.sum()), dtype=torch.float64))
    torch.testing.assert_close(normals[first], torch.tensor([0, 0, 1.0]).double().expand(int(first.sum()), 3))
    torch.testing.assert_close(points[~first, 0], torch.full((int((~first).sum()),), 5.0).double())
    torch.testing.assert_close(
        normals[~first], torch.tensor([1.0, 0, 0]).double().expand(len(normals[~first]), 3)
    )


def test_areas_are_half_of_the_cross_product():
    area, normals = face_areas_and_normals(VERTICES, FACES)
    torch.testing.assert_close(area, torch.tensor([0.5, 2.0, 0.0], dtype=torch.float64))
    assert torch.equal(normals[2], torch.zeros(3, dtype=torch.float64))


def test_the_generator_decides(dtype):
    draw = [
        sample_surface(VERTICES.to(dtype), FACES, 9, torch.Generator().manual_seed(s))[0] for s in (1, 1, 2)
    ]
    assert draw[0].dtype == dtype
    assert torch.equal(draw[0], draw[1]) and not torch.equal(draw[0], draw[2])


def test_three_random_numbers_a_point_and_no_more():
    """What is drawn after a surface does not change with how it was computed."""
    mine, plain = (torch.Generator().manual_seed(4) for _ in range(2))
    sample_surface(VERTICES, FACES, 100, mine)
    torch.rand(3, 100, generator=plain, dtype=torch.float64)
    assert torch.equal(mine.get_state(), plain.get_state())


@pytest.mark.parametrize(
    ("faces", "match"),
    [
        (torch.empty(0, 3, dtype=torch.long), "at least one triangle"),
        (torch.tensor([[0, 1, 1]]), "area above 0"),
        (torch.tensor([[0, 1, 6]]), "vertices 0 to 5"),
        (torch.tensor([[0, 1]]), r"shape \[F, 3\]"),
    ],
)
def test_bad_faces(faces, match):
    with pytest.raises(ValueError, match=match):
        sample_surface(VERTICES, faces, 4)


def test_farthest_points_follow_the_definition(rng):
    pos = torch.from_numpy(rng.normal(size=(60, 3)))
    chosen = farthest_points(pos, 20, start=7).tolist()
    assert chosen[0] == 7
    for step in range(1, 20):
        nearest = torch.cdist(pos, pos[chosen[:step]]).amin(dim=1)
        assert nearest[chosen[step]] == pytest.approx(float(nearest.max()))


def test_farthest_points_cover_and_keep_apart(rng):
    """Covering radius <= separation of the chosen: what makes the choice a 2-approximation."""
    pos = torch.from_numpy(rng.uniform(size=(500, 3)))
    chosen = pos[farthest_points(pos, 40)]
    cover = torch.cdist(pos, chosen).amin(dim=1).max()
    apart = (torch.cdist(chosen, chosen) + 10 * torch.eye(40)).min()
    assert cover <= apart + 1e-12


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_farthest_points_are_the_same_by_both_loops(rng, dim):
    pos = torch.from_numpy(rng.random(size=(300, dim)))
    assert torch.equal(farthest_points(pos, 100, start=3), farthest._on_device(pos, 100, 3))


def test_farthest_points_never_repeat_a_point_even_among_duplicates():
    assert sorted(farthest_points(torch.zeros(5, 3), 5, start=3).tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("num_points", "start"), [(0, 0), (6, 0), (2, 5)])
def test_farthest_points_range(num_points, start):
    with pytest.raises(ValueError, match="must be"):
        farthest_points(torch.rand(5, 3), num_points, start=start)
