"""Transforms: geometry, distributions, order."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from ccnn_pc.datasets import (
    KNN,
    Axis,
    Compose,
    FarthestPoints,
    FeaturesFrom,
    Frame,
    Jitter,
    Normalize,
    PointCloudData,
    PointDropout,
    RandomFlip,
    RandomPoints,
    RandomRotation,
    RandomScale,
    RandomTranslate,
    Voxelize,
    preprocessing_transform,
)
from ccnn_pc.datasets.common.grid_data import GridData
from ccnn_pc.datasets.transforms import CellMeans
from ccnn_pc.datasets.transforms.augment import random_rotation
from ccnn_pc.datasets.transforms.base import Transform


def sphere(n: int = 200) -> PointCloudData:
    normal = torch.nn.functional.normalize(
        torch.randn(n, 3, generator=torch.Generator().manual_seed(5)), dim=1
    )
    return PointCloudData(pos=normal.clone(), normal=normal, y=torch.tensor([0]), name="sphere")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("axis", list(Axis))
def test_rotations_are_orthogonal_and_proper(axis):
    generator = seeded()
    for _ in range(20):
        turn = random_rotation(axis, generator).double()
        torch.testing.assert_close(turn @ turn.T, torch.eye(3, dtype=torch.float64), atol=1e-6, rtol=0)
        assert float(torch.linalg.det(turn)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("axis", "unit"), [(Axis.X, 0), (Axis.Y, 1), (Axis.Z, 2)])
def test_an_axis_stays_where_it_is(axis, unit):
    e = torch.eye(3)[unit]
    torch.testing.assert_close(random_rotation(axis, seeded()) @ e, e)


def test_angles_about_z_are_uniform_and_bounded():
    generator = seeded()
    turns = [random_rotation(Axis.Z, generator, 30.0) for _ in range(2000)]
    angle = torch.tensor([math.degrees(math.atan2(t[1, 0], t[0, 0])) for t in turns])
    assert float(angle.abs().max()) <= 30.001
    assert stats.kstest(angle.numpy(), stats.uniform(-30, 60).cdf).pvalue > 1e-3


def test_any_rotation_takes_a_point_anywhere():
    generator = seeded()
    images = torch.stack([random_rotation(Axis.ANY, generator)[:, 0] for _ in range(2000)])
    for column in range(3):  # Archimedes: each coordinate of a uniform point on the sphere is uniform
        assert stats.kstest(images[:, column].numpy(), stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_normals_turn_with_the_points():
    data = RandomRotation(Axis.ANY)(sphere(), seeded())
    torch.testing.assert_close(data.normal, data.pos)
    assert not torch.allclose(data.pos, sphere().pos)


def test_a_stretched_sphere_has_the_normals_of_an_ellipsoid():
    data = RandomScale(0.5, 2.0, per_axis=True)(sphere(), seeded())
    factor = data.pos.abs().amax(dim=0)
    scale = (data.pos / sphere().pos).median(dim=0).values
    assert float((scale - scale[0]).abs().max()) > 0.05 and bool((factor <= scale + 1e-5).all())
    gradient = torch.nn.functional.normalize(data.pos / scale.square(), dim=1)
    torch.testing.assert_close(data.normal, gradient, atol=1e-5, rtol=0)


def test_one_factor_for_all_axes_leaves_normals():
    data = RandomScale(0.5, 2.0)(sphere(), seeded())
    assert torch.equal(data.normal, sphere().normal)
    radius = data.pos.norm(dim=1)
    torch.testing.assert_close(radius, radius[0].expand_as(radius))


def test_flip_and_translate():
    data = RandomFlip(1, probability=1.0)(sphere(), seeded())
    assert torch.equal(data.pos, sphere().pos * torch.tensor([1.0, -1, 1]))
    assert torch.equal(data.normal, data.pos)
    assert torch.equal(RandomFlip(1, probability=0.0)(sphere(), seeded()).pos, sphere().pos)
    shift = RandomTranslate(0.2)(sphere(), seeded()).pos - sphere().pos
    torch.testing.assert_close(shift, shift[:1].expand_as(shift), atol=1e-6, rtol=0)
    assert 0 < float(shift.abs().max()) <= 0.2 + 1e-6


def test_jitter_has_its_deviation_and_its_bound():
    big = PointCloudData(pos=torch.zeros(20000, 3))
    noise = Jitter(0.01, 10.0)(big, seeded()).pos
    assert float(noise.std()) == pytest.approx(0.01, rel=0.02)
    assert float(Jitter(0.01, 0.015)(big, seeded()).pos.abs().max()) == pytest.approx(0.015)


def test_normalize_box_and_sphere():
    pos = torch.rand(100, 3, dtype=torch.float64) * torch.tensor([3.0, 1.0, 2.0]) + 7
    box = Normalize(Frame.BOX)(PointCloudData(pos=pos)).pos
    torch.testing.assert_close(box.amin(0), -box.amax(0))
    assert float(box.abs().max()) == pytest.approx(1)
    ball = Normalize("sphere")(PointCloudData(pos=pos)).pos
    torch.testing.assert_close(ball.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-12, rtol=0)
    assert float(ball.norm(dim=1).max()) == pytest.approx(1)
    for scaled in (box, ball):  # shape kept: all distances shrink alike
        ratio = torch.pdist(scaled) / torch.pdist(pos)
        torch.testing.assert_close(ratio, ratio[0].expand_as(ratio))


def test_normalize_of_one_point_is_the_origin():
    assert Normalize()(PointCloudData(pos=torch.full((3, 3), 4.0))).pos.abs().max() == 0


@pytest.mark.parametrize("n", [40, 100])  # both ways of drawing
def test_random_points_are_distinct_and_uniform(n):
    counts = torch.zeros(n)
    generator = seeded()
    for _ in range(600):
        data = PointCloudData(pos=torch.rand(n, 3), number=torch.arange(n))
        drawn = RandomPoints(20)(data, generator).number
        assert len(drawn.unique()) == 20
        counts[drawn] += 1
    # hypergeometric: variance of each count is 600 p (1 - p)
    p = 20 / n
    statistic = float((counts - 600 * p).square().sum() / (600 * p * (1 - p)) * (n - 1) / n)
    assert stats.chi2(n - 1).sf(statistic) > 1e-3


def test_subsets_take_all_rows_along_and_small_clouds_stay():
    data = RandomPoints(5)(sphere(), seeded())
    assert torch.equal(data.normal, data.pos) and data.pos.shape == (5, 3) and data.y.tolist() == [0]
    assert RandomPoints(500)(sphere(10), seeded()).pos.shape == (10, 3)
    filled = RandomPoints(500, replace=True)(sphere(10), seeded()).pos
    assert filled.shape == (500, 3) and len(filled.unique(dim=0)) == 10


def test_a_cloud_of_one_point_survives_everything():
    data = PointCloudData(pos=torch.ones(1, 3), normal=torch.ones(1, 3), y=torch.tensor([3]))
    steps: list[Transform] = [
        RandomPoints(4),
        FarthestPoints(4),
        PointDropout(0.9),
        Normalize(),
        RandomRotation(),
        FeaturesFrom(),
    ]
    data = Compose(steps)(data, seeded())
    assert data.x.shape == (1, 6) and data.y.tolist() == [3]


def test_farthest_points_spread_better_than_random_ones():
    far = FarthestPoints(30)(sphere(2000), seeded()).pos
    near = RandomPoints(30)(sphere(2000), seeded()).pos
    assert torch.pdist(far).min() > 2 * torch.pdist(near).min()
    assert FarthestPoints(30, candidates=100)(sphere(2000), seeded()).pos.shape == (30, 3)


def test_dropout_removes_points_and_never_all():
    generator = seeded()
    sizes = torch.tensor([PointDropout(0.8)(sphere(100), generator).pos.shape[0] for _ in range(400)]).float()
    assert sizes.min() >= 1 and float(sizes.mean()) == pytest.approx(60, abs=3)
    one = PointCloudData(pos=torch.zeros(1, 3))
    assert all(PointDropout(0.99)(one, generator).pos.shape[0] == 1 for _ in range(50))


def test_features_are_normals_then_positions():
    data = Compose([RandomRotation(), FeaturesFrom(["normal", "pos"])])(sphere(), seeded())
    torch.testing.assert_close(data.x, torch.cat([data.pos, data.pos], dim=1))
    assert "normal" not in data and "normal" in FeaturesFrom(keep=True)(sphere())
    with pytest.raises(ValueError, match="'normal'"):
        FeaturesFrom()(PointCloudData(pos=torch.zeros(2, 3)))


@pytest.mark.parametrize(
    "steps",
    [
        [KNN(3), RandomPoints(5)],
        [KNN(3), Jitter()],
        [FeaturesFrom(), RandomRotation()],
        [FeaturesFrom(), Normalize()],
    ],
)
def test_nothing_moves_after_it_was_used(steps):
    with pytest.raises(ValueError, match="before"):
        Compose(steps)


def test_moving_points_with_a_table_raises():
    with pytest.raises(ValueError, match="neighbours"):
        Jitter()(KNN(3)(sphere()))


def test_the_generator_decides_and_inputs_stay():
    steps = Compose(
        [RandomPoints(50), RandomRotation(), RandomScale(), RandomTranslate(), Jitter(), PointDropout()]
    )
    data = sphere()
    a, b, c = steps(data, seeded(1)), steps(data, seeded(1)), steps(data, seeded(2))
    assert torch.equal(a.pos, b.pos) and a.pos.shape[0] != 200
    assert a.pos.shape != c.pos.shape or not torch.equal(a.pos, c.pos)
    assert torch.equal(data.pos, sphere().pos) and torch.equal(data.normal, sphere().normal)


def test_without_generator_the_default_one_is_used():
    torch.manual_seed(3)
    a = RandomRotation()(sphere()).pos
    torch.manual_seed(3)
    assert torch.equal(a, RandomRotation()(sphere()).pos)


def test_foreign_transforms_fit_in():
    class Shift(BaseTransform):
        def forward(self, data):
            data.pos = data.pos + 1
            return data

    data = Compose([Shift(), RandomPoints(3)])(sphere(), seeded())
    torch.testing.assert_close(data.pos, data.normal + 1)


def test_preprocessing_of_a_model():
    steps = preprocessing_transform(
        {"num_points": 64, "normalize": "box", "features": ["normal", "pos"], "num_neighbors": 8},
        [RandomRotation()],
    )
    names = [type(step).__name__ for step in steps.transforms]
    assert names == ["RandomPoints", "Normalize", "RandomRotation", "FeaturesFrom", "KNN"]
    data = steps(sphere(), seeded())
    assert data.x.shape == (64, 6) and data.neighbor_index.shape == (8, 64)
    with pytest.raises(ValueError, match="colour"):
        preprocessing_transform({"colour": 1})


@pytest.mark.parametrize(
    "build",
    [
        lambda: RandomPoints(0),
        lambda: Normalize("cube"),
        lambda: RandomRotation("w"),
        lambda: RandomScale(2.0, 1.0),
        lambda: Jitter(-1.0),
        lambda: PointDropout(1.0),
        lambda: KNN(0),
        lambda: FeaturesFrom([]),
        lambda: RandomFlip(0, 1.5),
    ],
)
def test_bad_settings(build):
    with pytest.raises(ValueError, match="must"):
        build()


def test_unoriented_normals_do_not_know_the_side_of_a_face():
    data, turned = sphere(), sphere()
    turned.normal = -turned.normal
    take = FeaturesFrom(["unoriented_normal", "pos"])
    assert torch.equal(take(data).x, take(turned).x)
    assert torch.equal(take(data).x[:, :3], data.normal.abs()) and "normal" not in take(data)


def test_the_constant_feature_is_1_wherever_it_stands():
    x = FeaturesFrom(["one", "pos", "normal"])(sphere()).x
    assert x.shape[1] == 7 and bool((x[:, 0] == 1).all()) and torch.equal(x[:, 1:4], sphere().pos)
    assert FeaturesFrom(["one"])(PointCloudData(pos=torch.zeros(2, 3))).x.tolist() == [[1.0], [1.0]]


def labelled_points(kind: type, n: int = 60) -> Data:
    """Every attribute says which point it belongs to."""
    pos = torch.rand(n, 3, generator=seeded(1)) * 2 - 1
    number = torch.arange(n)
    return kind(
        pos=pos,
        y=number % 7,
        intensity=number.float(),
        instance=number[:, None],
        mark=number.numpy(),
        scene=[4],
    )


@pytest.mark.parametrize("kind", [PointCloudData, Data])
@pytest.mark.parametrize(
    "choose", [RandomPoints(20), RandomPoints(90, replace=True), FarthestPoints(15), PointDropout(0.7)]
)
def test_every_attribute_of_points_goes_along(kind, choose):
    whole = labelled_points(kind)
    part = choose(whole, seeded())
    rows = part.intensity.long()
    assert type(part) is kind and len(rows) != 60 and part.scene == [4]
    assert torch.equal(part.pos, whole.pos[rows]) and torch.equal(part.y, rows % 7)
    assert torch.equal(part.instance, rows[:, None]) and part.mark.tolist() == rows.tolist()


def test_what_belongs_to_the_cloud_stays():
    cloud = Data(
        pos=torch.zeros(1, 3),
        y=torch.tensor([3]),
        lattice=torch.ones(1, 3),
        face=torch.zeros(3, 1, dtype=torch.long),
    )
    made = RandomPoints(4, replace=True)(cloud)
    assert (
        made.pos.shape == (4, 3)
        and made.y.tolist() == [3]
        and made.lattice.shape == (1, 3)
        and made.face.shape == (3, 1)
    )
    counted = RandomPoints(5)(Data(pos=torch.rand(9, 3), num_nodes=9))
    assert counted.num_nodes == 5


@pytest.mark.parametrize("kind", [PointCloudData, Data])
def test_voxels_keep_labels_by_majority_and_numbers_by_mean(kind):
    pos = torch.tensor([[-0.5, -0.5], [-0.4, -0.6], [-0.6, -0.4], [0.5, 0.5], [0.6, 0.4]])
    data = kind(
        pos=pos, y=torch.tensor([4, 2, 4, 6, 1]), weight=torch.tensor([1.0, 2.0, 6.0, 4.0, 5.0]),
        volume=torch.tensor([1.0, 1.0, 2.0, 3.0, 1.0]), inner=torch.tensor([True, False, True, True, True]),
        tag=list("abcde"),
    )  # fmt: skip
    lattice = Voxelize(2, None)(data, seeded())
    assert (
        lattice.y.tolist() == [4, 1]
        and lattice.weight.tolist() == [3.0, 4.5]
        and lattice.volume.tolist() == [4.0, 4.0]
    )
    assert lattice.inner.tolist() == [True, True] and "tag" not in lattice
    dense = Voxelize(2, None, form="dense")(data, seeded())
    assert dense.y.tolist() == [[[4, -100], [-100, 1]]]


def square() -> PointCloudData:
    """Five points, two triangles, and of each point its number as label, colour and word."""
    pos = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 1]])
    number = torch.arange(5)
    return PointCloudData(
        pos=pos,
        y=number,
        red=10.0 * number,
        word=[f"w{i}" for i in range(5)],
        face=torch.tensor([[0, 0], [1, 2], [2, 3]]),
    )


CHOICES = [
    RandomPoints(3),
    FarthestPoints(3),
    PointDropout(0.9),
    RandomPoints(9, replace=True),
    RandomPoints(5),
]


@pytest.mark.parametrize("transform", [*CHOICES, preprocessing_transform({"num_points": 3})], ids=repr)
def test_chosen_points_keep_all_that_belongs_to_them_and_faces_stay_true(transform):
    for seed in range(20):
        data = transform(square(), generator=seeded(seed))
        torch.testing.assert_close(data.pos, square().pos[data.y])
        torch.testing.assert_close(data.red, 10.0 * data.y)
        assert data.word == [f"w{int(i)}" for i in data.y]
        kept = {int(i) for i in data.y}
        whole = [face for face in square().face.t().tolist() if set(face) <= kept]
        assert data.y[data.face].t().tolist() == whole  # the same corners, in their new rows


def test_voxels_have_no_faces():
    data = Voxelize(4)(Normalize()(square()))
    assert "face" not in data and data.y.shape == data.red.shape == data.pos.shape[:1]


def test_rows_that_point_to_points_are_refused_where_others_are_chosen():
    data = square()
    data.origin_index = torch.arange(5)
    with pytest.raises(ValueError, match="'origin_index', which points to rows: RandomPoints"):
        RandomPoints(3)(data)
    with pytest.raises(ValueError, match="'origin_index'"):
        Compose([Jitter(0.01), RandomPoints(3)])(data)
    data.origin_index = torch.arange(5.0)  # a column of numbers that is called so
    assert RandomPoints(3)(data).origin_index.shape == (3,)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_means_over_cells_are_those_of_pooling(step: int) -> None:
    x = torch.rand(1, 3, 6, 8)
    coarse = CellMeans(step)(GridData(x=x.clone()))
    torch.testing.assert_close(coarse.x, torch.nn.functional.avg_pool2d(x, step))
    assert coarse.spacing.tolist() == [[step, step]]
    with pytest.raises(ValueError, match="'x' must have at least 7 samples"):
        CellMeans(7)(GridData(x=x))
