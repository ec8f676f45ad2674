"""Clouds without points that lie much closer than evenly spread ones."""

import pytest
import torch

from ccnn_pc.datasets import CloudPreprocessing, PointCloudData
from ccnn_pc.datasets.samplings import Sampling
from ccnn_pc.datasets.transforms import KNN, EvenedPoints, FarthestPoints, UnevenPoints
from ccnn_pc.ops.points.farthest import farthest_points, farthest_spacing

E = 0.6
EXACT = "donot_use_mm_for_euclid_dist"


def sphere(n: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(n, 3, generator=generator, dtype=torch.float64), dim=1)


def evened(pos: torch.Tensor, e: float = E) -> torch.Tensor:
    return EvenedPoints(e)(PointCloudData(pos=pos)).pos


def uneven(n: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return UnevenPoints(n)(PointCloudData(pos=sphere(8192, seed)), generator).pos


def test_spacing_is_the_distance_to_the_nearest_before():
    pos = sphere(700)
    pos = pos[farthest_points(pos, 700)]
    found = farthest_spacing(pos)
    before = (
        torch.cdist(pos, pos, compute_mode=EXACT)
        .masked_fill(torch.ones(700, 700).triu().bool(), torch.inf)
        .amin(1)
    )
    torch.testing.assert_close(found, before, rtol=1e-12, atol=0)
    assert bool((found.diff() <= 1e-12).all()), "farthest points lie closer and closer"


@pytest.mark.parametrize("n", [32, 128, 1024])
def test_even_clouds_stay_as_they_are(n):
    pos = sphere(8 * n)[farthest_points(sphere(8 * n), n)]
    assert torch.equal(evened(pos), pos)


@pytest.mark.parametrize("seed", range(3))
def test_kept_points_keep_their_distance_and_the_others_lie_near_them(seed):
    """What is kept of uneven points is a maximal set of points at least d(n/4) / 2 apart."""
    pos = uneven(256, seed)
    start = int((pos - pos.mean(0)).norm(dim=1).argmax())
    quarter = pos[farthest_points(pos, 64, start=start)]
    closest = float((quarter[:-1] - quarter[-1]).norm(dim=1).min()) / 2
    kept = evened(pos)
    assert len(kept) < 160
    assert float(torch.nn.functional.pdist(kept).min()) >= closest
    assert float(torch.cdist(pos, kept, compute_mode=EXACT).amin(1).max()) < closest


def test_points_keep_their_order_and_the_rows_that_go_with_them():
    pos = uneven(200)
    data = EvenedPoints(E)(PointCloudData(pos=pos, x=torch.arange(200.0)[:, None], y=torch.tensor(3)))
    assert bool((data.x[:, 0].diff() > 0).all())
    assert torch.equal(data.pos, pos[data.x[:, 0].long()])
    assert int(data.y) == 3


def test_the_same_points_are_kept_of_a_cloud_in_any_order_turned_and_scaled():
    pos = uneven(200)
    turn, _ = torch.linalg.qr(
        torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    )
    order = torch.randperm(200, generator=torch.Generator().manual_seed(2))
    whole = evened(pos)
    torch.testing.assert_close(evened(1000 * pos @ turn + 5), 1000 * whole @ turn + 5)
    shuffled = evened(pos[order])
    assert sorted(map(tuple, shuffled.tolist())) == sorted(map(tuple, whole.tolist()))


def test_even_clouds_lose_one_of_a_few_close_pairs_and_no_more():
    pos = sphere(2048)[farthest_points(sphere(2048), 256)]
    assert len(evened(torch.cat([pos, pos[:20] + 1e-3]))) == 256


def test_sums_over_uneven_points_come_closer_to_integrals_the_more_evened_they_are():
    """The mean of positions over a sphere is 0; dense ends pull it away."""
    found = [
        sum(
            float((evened(uneven(512, seed), e) if e else uneven(512, seed)).mean(0).norm())
            for seed in range(10)
        )
        / 10
        for e in (0, 0.6, 2.0)
    ]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.4 * found[0]


def test_repeated_points_are_kept_once():
    pos = sphere(64)[farthest_points(sphere(64), 32)]
    assert torch.equal(evened(torch.cat([pos, pos[:5]])), pos)
    assert len(evened(torch.zeros(4, 3))) >= 1
    assert len(evened(torch.zeros(1, 3))) == 1


def test_models_of_even_points_read_points_so_and_others_do_not():
    model = CloudPreprocessing(1024, "farthest", "box", ["pos"], num_neighbors=96)
    for sampling, there in (
        ("uneven:128", True),
        ("even:128", False),
        ("voxels@20", False),
        ("dense@20", False),
    ):
        assert ("EvenedPoints" in str(Sampling.parse(sampling).transform(model))) is there
    random = CloudPreprocessing(256, "random", num_neighbors=24)
    assert "EvenedPoints" not in str(Sampling.parse("uneven:128").transform(random))
    pos = uneven(200).float()
    for cloud in (model.transform()(PointCloudData(pos=pos)), evened_by_hand(pos, 96, 1024)):
        assert len(cloud.pos) < 190
        assert int(cloud.neighbor_count[0]) == round(96 * len(cloud.pos) / 1024)
    assert len(random.transform()(PointCloudData(pos=pos[:100])).pos) == 100


def evened_by_hand(pos: torch.Tensor, k: int, per: int) -> PointCloudData:
    return KNN(k, per)(PointCloudData(pos=evened(pos)))


def test_even_parts_of_many_points_are_not_looked_at():
    """Twice as many points have an even part of so many: repeated ones are left out by the choice itself."""
    many = torch.cat([sphere(256), sphere(256)])
    generator = torch.Generator().manual_seed(0)
    assert len(FarthestPoints(256, evenness=E).forward(PointCloudData(pos=many), generator).pos) == 256
    assert len(FarthestPoints(257, evenness=E).forward(PointCloudData(pos=many), generator).pos) < 257


def test_bad_numbers():
    with pytest.raises(ValueError, match=r"'evenness' must be .*\(got 0"):
        EvenedPoints(0)


def test_farthest_points_of_a_stored_cloud_are_even():
    cloud = PointCloudData(pos=sphere(4096))
    few = FarthestPoints(256).forward(cloud, torch.Generator().manual_seed(0))
    assert torch.equal(EvenedPoints(E)(few).pos, few.pos)
