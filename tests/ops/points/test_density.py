"""Densities and the quadrature weights made of them, on sets whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from ccnn_pc.ops.neighbors.k_nearest import knn
from ccnn_pc.ops.points.density import (
    default_bandwidth,
    intrinsic_dimension,
    inverse_density_volume,
    kernel_density,
    knn_density,
)

Density = Callable[[Tensor], Tensor]
DENSITIES = pytest.mark.parametrize("density", [kernel_density, knn_density], ids=["kernel", "knn"])


def on_torus(a: Tensor, b: Tensor) -> Tensor:
    """The flat torus in four dimensions: a surface without boundary, everywhere alike."""
    return torch.stack([a.cos(), a.sin(), b.cos(), b.sin()], dim=1)


def uneven_angles(n: int, generator: torch.Generator) -> Tensor:
    """Angles with density (1 + 0.8 cos t) / 2π, by rejection."""
    angle = 2 * math.pi * torch.rand(8 * n + 50, generator=generator, dtype=torch.float64)
    keep = 1.8 * torch.rand(len(angle), generator=generator, dtype=torch.float64) < 1 + 0.8 * angle.cos()
    return angle[keep][:n]


@DENSITIES
@pytest.mark.parametrize("shape", [(8, 8), (20, 20), (30, 20)])
def test_uniform_torus_has_weight_one(density: Density, shape: tuple[int, int]) -> None:
    grids = [torch.arange(n, dtype=torch.float64) * (2 * math.pi / n) for n in shape]
    pos = on_torus(*torch.cartesian_prod(*grids).unbind(1))
    torch.testing.assert_close(
        inverse_density_volume(density(pos)), torch.ones(len(pos), dtype=torch.float64)
    )


@DENSITIES
def test_inside_of_a_lattice_is_uniform(density: Density) -> None:
    pos = torch.cartesian_prod(*[torch.arange(16.0)] * 3)
    inside = ((pos > 4.5) & (pos < 10.5)).all(dim=1)
    volume = inverse_density_volume(density(pos))[inside]
    assert volume.max() / volume.min() < 1.01


@DENSITIES
def test_weighted_means_converge_to_the_integral(density: Density) -> None:
    """Error of a mean over the torus: falls as n^-0.3 or faster, below half of the unweighted one."""

    def errors(n: int) -> tuple[float, float]:
        weighted, plain = [], []
        for seed in range(6):
            generator = torch.Generator().manual_seed(seed)
            a, b = uneven_angles(n, generator), uneven_angles(n, generator)
            value = 1 + a.cos() + 0.5 * (a - b).cos() + b.sin().square()  # mean over the torus: 1.5
            volume = inverse_density_volume(density(on_torus(a, b)))
            weighted.append(float((volume * value).sum() / volume.sum()) - 1.5)
            plain.append(float(value.mean()) - 1.5)
        return float(torch.tensor(weighted).square().mean().sqrt()), float(
            torch.tensor(plain).square().mean().sqrt()
        )

    sizes = torch.tensor([256.0, 1024.0, 4096.0])
    results = [errors(int(n)) for n in sizes]
    logs = torch.tensor([e for e, _ in results]).log()
    x = sizes.log() - sizes.log().mean()
    slope = float((x * logs).sum() / x.square().sum())
    assert slope <= -0.3
    assert results[-1][0] < 0.5 * results[-1][1]
    assert results[0][1] > 0.3  # without weights the mean is wrong


def beta_error(density: Density | None, n: int, dim: int) -> float:
    """Relative error of the mean of Π (1 + x_d) over the unit cube, from samples of Beta(1, 3): x = 1 - u^(1/3)."""
    errors = []
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        pos = 1 - torch.rand(n, dim, generator=generator, dtype=torch.float64) ** (1 / 3)
        volume = (
            torch.ones(n, dtype=torch.float64) if density is None else inverse_density_volume(density(pos))
        )
        errors.append(abs(float((volume * (1 + pos).prod(dim=1)).sum() / volume.sum()) / 1.5**dim - 1))
    return sum(errors) / len(errors)


@pytest.mark.parametrize("dim", [1, 3])
def test_sparse_tails(dim: int) -> None:
    """What the documents say is right: few neighbours. One bandwidth for all lets isolated samples weigh too little."""
    few = partial(knn_density, k=4)
    plain, kernel, many, right = (
        beta_error(each, 2048, dim) for each in (None, kernel_density, knn_density, few)
    )
    assert right < many < kernel < plain
    assert right < (0.15 if dim == 1 else 0.4) * plain and right < 0.65 * kernel
    assert right < beta_error(few, 256, dim)


def test_the_volume_of_an_isolated_point() -> None:
    """It grows with the distance of the others, but for a kernel ends at its bandwidth."""
    line = torch.arange(100.0, dtype=torch.float64)
    volumes = {}
    for density in (kernel_density, partial(knn_density, k=4, intrinsic_dim=1)):
        near, far = (
            1 / density(torch.cat([line, line.new_tensor([99.0 + gap])])[:, None])[-1] for gap in (100, 1000)
        )
        volumes[density] = float(far / near)
    kernel, knn_ = volumes.values()
    assert kernel == pytest.approx(1) and knn_ == pytest.approx(1003 / 103)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_kernel_density_is_the_formula(dim: int) -> None:
    """All pairs within three bandwidths, so that nothing is cut."""
    pos = torch.rand(50, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    h = 0.9
    d2 = (pos[:, None] - pos).square().sum(dim=2)
    truth = torch.exp(-d2 / (2 * h * h)).mean(dim=1) / (2 * math.pi * h * h) ** (dim / 2)
    torch.testing.assert_close(kernel_density(pos, bandwidth=h), truth)


def test_kernel_density_approaches_the_true_one() -> None:
    """Uniform points in a square: density 1 away from the edge."""
    pos = torch.rand(20_000, 2, generator=torch.Generator().manual_seed(0))
    inside = ((pos > 0.2) & (pos < 0.8)).all(dim=1)
    assert abs(float(kernel_density(pos)[inside].mean()) - 1) < 0.1
    assert abs(float(1 / (1 / knn_density(pos, 16, intrinsic_dim=2)[inside]).mean()) - 1) < 0.05


def test_knn_density_is_the_formula() -> None:
    """Every second other point of a line of unit spacing lies at distance 1, so 2 / (n · 2 · 1)."""
    density = knn_density(torch.arange(10.0, dtype=torch.float64)[:, None], k=2)
    torch.testing.assert_close(density[1:-1], torch.full((8,), 0.1, dtype=torch.float64))
    pos = torch.randn(100, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    reach = (pos[:, None] - pos).norm(dim=2).sort(dim=1).values[:, 5]
    torch.testing.assert_close(knn_density(pos, 5, intrinsic_dim=3), 5 / (100 * 4 / 3 * math.pi * reach**3))
    torch.testing.assert_close(
        knn_density(pos, neighbors=knn(pos, 6), intrinsic_dim=3), knn_density(pos, 5, intrinsic_dim=3)
    )


def test_scaling_positions_does_not_change_volumes() -> None:
    pos = torch.randn(300, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for density in (kernel_density, knn_density):
        a, b = (inverse_density_volume(density(pos * scale)) for scale in (1.0, 1000.0))
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(default_bandwidth(pos * 1000), default_bandwidth(pos) * 1000)


def test_clouds_of_a_batch_do_not_see_each_other() -> None:
    pos = torch.randn(90, 3, generator=torch.Generator().manual_seed(0))
    batch = torch.arange(2).repeat_interleave(torch.tensor([60, 30]))
    for density in (kernel_density, knn_density):
        together = inverse_density_volume(density(pos, batch=batch), batch)
        alone = torch.cat([inverse_density_volume(density(part)) for part in pos.split([60, 30])])
        torch.testing.assert_close(together, alone)
        assert float(together[:60].mean()) == pytest.approx(1) and float(
            together[60:].mean()
        ) == pytest.approx(1)


@DENSITIES
def test_duplicates_share_their_volume(density: Density) -> None:
    pos = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    doubled = torch.cat([pos, pos[:1].expand(40, 2)])
    volume = inverse_density_volume(density(doubled))
    assert bool(torch.isfinite(volume).all())
    assert float(volume[0]) < 0.5 * float(volume.median())


@DENSITIES
@pytest.mark.parametrize("n", [1, 2, 5])
def test_clouds_without_extent(density: Density, n: int) -> None:
    assert density(torch.zeros(n, 3)).tolist() == [1.0] * n
    assert bool(torch.isfinite(density(torch.eye(3)[:2])).all())


def test_intrinsic_dimension_of_line_surface_solid() -> None:
    generator = torch.Generator().manual_seed(0)
    solid = torch.randn(3000, 3, dtype=torch.float64, generator=generator)
    sphere = solid / solid.norm(dim=1, keepdim=True)
    line = solid[:, :1] * torch.tensor([1.0, 2.0, 3.0])
    for pos, d in ((solid, 3), (sphere, 2), (line, 1)):
        index = knn(pos, 17).index.long()
        assert intrinsic_dimension((pos[index] - pos[:, None]).norm(dim=2), 3) == d


def test_a_hundred_thousand_points() -> None:
    pos = torch.rand(100_000, 2, generator=torch.Generator().manual_seed(0))
    volume = inverse_density_volume(knn_density(pos, 8))
    assert float(volume.mean()) == pytest.approx(1, rel=1e-5)


@pytest.mark.slow
def test_a_hundred_thousand_points_by_kernel() -> None:
    pos = torch.rand(100_000, 3, generator=torch.Generator().manual_seed(0))
    assert float(inverse_density_volume(kernel_density(pos)).mean()) == pytest.approx(1, rel=1e-5)


def test_errors() -> None:
    pos = torch.zeros(4, 3)
    with pytest.raises(ValueError, match="'bandwidth' must be positive"):
        kernel_density(pos, bandwidth=0.0)
    with pytest.raises(ValueError, match="'pos' must be finite"):
        kernel_density(torch.full((2, 2), torch.nan))
    with pytest.raises(TypeError, match="'pos' must be float32 or float64"):
        knn_density(pos.half())
    with pytest.raises(ValueError, match="'k' must be at least 1"):
        knn_density(pos, 0)
    with pytest.raises(ValueError, match="'intrinsic_dim' must be at most the dimension 3"):
        knn_density(pos, intrinsic_dim=4)
    with pytest.raises(ValueError, match="'neighbors' must have as many rows"):
        knn_density(pos, neighbors=knn(pos[:2], 2))
    with pytest.raises(ValueError, match=r"'density' must be positive and finite \(got 0.0 in row 1\)"):
        inverse_density_volume(torch.tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match="'batch' must be sorted"):
        inverse_density_volume(torch.ones(3), torch.tensor([0, 1, 0]))
