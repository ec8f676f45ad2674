"""Fitting kernels: bounds that no fit can beat, targets that lie within reach, budgets, frequencies."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from ccnn_pc.kernels import MLP, AbstractKernel, MAGNet, RandomFourierNet, SelfMovingPoints
from ccnn_pc.studies.families import (
    STUDIED,
    KernelFamily,
    build_kernel,
    count_parameters,
    data_omega_0,
    kernel_family,
    size_for_budget,
)
from ccnn_pc.studies.fitting import fit_kernel, relative_error
from ccnn_pc.studies.kernel_fits import image_problem, line_problem, run_study
from ccnn_pc.studies.targets import Target, grey_image, image_positions, read_image, synthetic_image

U = torch.linspace(-1.0, 1.0, 65, dtype=torch.float64)[:, None]


def perturbed(kernel: AbstractKernel, size: float) -> AbstractKernel:
    near = copy.deepcopy(kernel)
    with torch.no_grad():
        for p in near.parameters():
            p.add_(size * torch.randn_like(p))
    return near


@pytest.mark.parametrize("family", STUDIED.values(), ids=STUDIED)
def test_values_of_a_near_kernel_of_the_same_family_are_reached(family: KernelFamily) -> None:
    size = 4 if family.name == "rfnet" else 8  # its features are pairs of sine and cosine
    truth = build_kernel(family, 1, size=size, omega_0=1.0, seed=3).double()
    with torch.no_grad():
        target = truth(U)
    kernel = perturbed(truth, 0.01)
    with torch.no_grad():
        before = relative_error(kernel(U), target)
    result = fit_kernel(kernel, U, target, steps=400, lr=0.001)
    assert result.error < min(2e-3, before / 10)


def test_a_fit_of_the_readout_alone_is_least_squares() -> None:
    """Features fixed: Adam comes near to the residual of the normal equations, and never below."""
    kernel = RandomFourierNet(1, 1, hidden_channels=8, num_layers=2, omega_0=2.0).double()
    kernel.embedding.requires_grad_(False)
    fixed = kernel.embedding.weight.clone()
    target = Target.STEP.values(U)
    with torch.no_grad():
        columns = torch.cat([kernel.features(U), torch.ones_like(U)], dim=1)
    solution = torch.linalg.lstsq(columns, target, driver="gelsd").solution
    least = relative_error(columns @ solution, target)
    result = fit_kernel(kernel, U, target, steps=2000, lr=0.05)
    assert result.parameters == 9 and torch.equal(kernel.embedding.weight, fixed)
    assert least * (1 - 1e-9) <= result.error <= 1.01 * least


def test_best_parameters_are_kept_and_loss_is_theirs() -> None:
    """With a rate that makes the loss jump about, the least of all losses counts."""
    losses: list[float] = []
    kernel = MLP(1, 1, hidden_channels=8).double()
    target = Target.SAWTOOTH.values(U)
    result = fit_kernel(kernel, U, target, steps=60, lr=0.3, progress=lambda step, loss: losses.append(loss))
    with torch.no_grad():
        last = float((kernel(U) - target).square().mean())
    assert len(losses) == 60 and result.loss == pytest.approx(last, rel=1e-12)
    assert result.loss <= min(losses)
    assert result.best_step == 60 or losses[result.best_step] == result.loss
    deviation = float(target.std(correction=0))
    assert result.error == pytest.approx(math.sqrt(result.loss) / deviation, rel=1e-12)


def test_the_same_seed_gives_the_same_bits_and_leaves_the_global_state() -> None:
    problems = [line_problem(Target.NOISE, 20, seed=5)]
    before = torch.random.get_rng_state()
    first, again, other = (
        next(run_study(problems, [kernel_family("magnet")], hidden_channels=8, steps=10, seed=seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.values, again.values) and first.result.error == again.result.error
    assert not torch.equal(first.values, other.values)
    assert torch.equal(Target.NOISE.values(U, 5), Target.NOISE.values(U, 5))
    assert not torch.equal(Target.NOISE.values(U, 5), Target.NOISE.values(U, 6))


def test_aliasing_shows_between_the_points() -> None:
    """Above Nyquist a kernel may agree at every point and nowhere else; from the spacing, it agrees everywhere."""
    problem = line_problem(Target.SINE, 80)
    families = [kernel_family("fouriernet")]
    omega_0 = 4 * problem.nyquist
    wild = next(run_study([problem], families, hidden_channels=16, steps=300, omega_0=omega_0)).result
    tame = next(run_study([problem], families, hidden_channels=16, steps=300)).result
    assert wild.error_between is not None and tame.error_between is not None
    assert wild.error < 0.1 and wild.error_between > 0.5
    assert tame.error < 0.1 and tame.error_between < 0.1


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("family", STUDIED.values(), ids=STUDIED)
def test_budgets_and_frequencies(family: KernelFamily, dim: int) -> None:
    """No other size is nearer to the budget; the new kernel's bound is the Nyquist frequency."""
    budget = count_parameters(kernel_family("siren"), dim, 32)
    assert budget == (32 * dim + 32) + (32 * 32 + 32) + (32 + 1)
    size = size_for_budget(family, dim, budget)
    off = [abs(count_parameters(family, dim, size + step) - budget) for step in (-1, 0, 1)]
    assert off[1] == min(off) and off[1] <= 0.06 * budget

    def build(omega_0: float) -> AbstractKernel:
        return build_kernel(family, dim, size=size, omega_0=omega_0)

    bound = float(build(data_omega_0(build, 30.0)).max_frequency().detach())  # type: ignore[arg-type]
    if family is kernel_family("points") and dim == 2:  # tents may not lie apart
        assert bound == pytest.approx(size**0.5 / 2)
    else:
        assert bound == pytest.approx(30.0, rel=1e-3)


def test_where_gaussians_reach_beyond_nyquist_some_is_left_to_the_sines() -> None:
    omega_0 = data_omega_0(lambda w: build_kernel(kernel_family("magnet"), 1, size=8, omega_0=w), 0.5)
    assert omega_0 == pytest.approx(0.005)


def test_radii_stay_in_range() -> None:
    kernel = SelfMovingPoints(1, 1, hidden_channels=8, min_radius=0.05)
    fit_kernel(kernel, U, Target.NOISE.values(U), steps=40, lr=0.2)
    assert float(kernel.radius.detach().min()) >= 0.05 and float(kernel.radius.detach().max()) <= 1.0


def test_relative_error() -> None:
    target = torch.tensor([1.0, 3.0])
    assert relative_error(torch.tensor([2.0, 2.0]), target) == 1.0  # the mean
    assert relative_error(target, target) == 0.0
    assert relative_error(torch.zeros(4), torch.full((4,), 5.0)) == 1.0  # constant: over its size
    assert relative_error(torch.full((4,), 0.5), torch.zeros(4)) == 0.5
    with pytest.raises(ValueError, match=r"'found' must have the shape of 'target' \(\[2\]; got \[3\]\)"):
        relative_error(torch.zeros(3), target)


def test_fit_of_bad_input() -> None:
    kernel, target = MAGNet(1, 1, hidden_channels=4), Target.SINE.values(U)
    with pytest.raises(ValueError, match=r"'steps' must be at least 1 \(got 0\)"):
        fit_kernel(kernel, U, target, steps=0)
    with pytest.raises(ValueError, match=r"'lr' must be positive"):
        fit_kernel(kernel, U, target, lr=0.0)
    with pytest.raises(ValueError, match=r"'target' must have as many rows as 'u' \(65; got 64\)"):
        fit_kernel(kernel, U, target[1:])
    with pytest.raises(ValueError, match=r"'target' must have 1 values per position \(got 2\)"):
        fit_kernel(kernel, U, target.expand(-1, 2))
    with pytest.raises(ValueError, match=r"'u' must have 1 coordinates"):
        fit_kernel(kernel, U.expand(-1, 2), target)
    with pytest.raises(ValueError, match="'target' must be finite"):
        fit_kernel(kernel, U, target / 0.0)
    with pytest.raises(ValueError, match="parameters that require gradients"):
        fit_kernel(kernel.requires_grad_(False), U, target)


def test_targets() -> None:
    u = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0], dtype=torch.float64)
    for target in Target:
        values = target.values(u)
        assert values.shape == u.shape and values.dtype == u.dtype
        assert target.values(u.float()[:, None]).dtype == torch.float32
    assert Target.GAUSSIAN.values(u)[2] == 1.0
    assert Target.STEP.values(u).tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    # the chirp's phase is 2π·5·(u + 1)²: its frequency, the derivative over 2π, is 10 (u + 1)
    crossing = torch.tensor([math.sqrt(k / 10) - 1 for k in range(41)], dtype=torch.float64)
    assert Target.CHIRP.values(crossing).abs().max() < 1e-12
    with pytest.raises(TypeError, match="'u' must be float32 or float64"):
        Target.SINE.values(torch.arange(3))


def test_image_positions_and_chessboard() -> None:
    image = torch.rand(4, 7, dtype=torch.float64)
    problem = image_problem("noise", image)
    assert len(problem.u) == 14 and problem.held_out is not None and len(problem.held_out[0]) == 14
    positions = image_positions(image)
    assert positions[..., 1].abs().max() == 1.0 and positions[..., 0].abs().max() == 0.5
    assert problem.nyquist == pytest.approx(1 / (2 * math.sqrt(2) * 2 / 6))  # √2 pixels apart
    row, column = 1, 3
    place = (problem.u == positions[row, column]).all(dim=1).nonzero()[0, 0]
    assert problem.target[place, 0] == image[row, column]
    fit = next(run_study([problem], [kernel_family("swish")], hidden_channels=8, steps=3))
    assert fit.values.shape == (4, 7)


def test_images_from_files(tmp_path: Path) -> None:
    from PIL import Image

    image = synthetic_image(24)
    assert 0 <= float(image.min()) < 0.2 and 0.9 < float(image.max()) <= 1
    np.save(tmp_path / "a.npy", image.numpy())
    assert torch.equal(read_image(tmp_path / "a.npy"), image)
    whole = (image.numpy() * 255).round().astype(np.uint8)
    Image.fromarray(whole).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png")
    assert (read - torch.from_numpy(whole / 255.0)).abs().max() < 1e-9
    Image.fromarray((image.numpy() * 65535).round().astype(np.uint16)).save(tmp_path / "deep.png")
    assert (read_image(tmp_path / "deep.png") - image).abs().max() <= 0.5 / 65535 + 1e-9
    small = read_image(tmp_path / "a.npy", pixels=12)
    assert small.shape == (12, 12) and small[0, 0] == pytest.approx(float(image[:2, :2].mean()))


def test_images_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"'image' must be .*none\.png: no such file"):
        read_image(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(ValueError, match=r"'image' must be a picture .*text\.png"):
        read_image(tmp_path / "text.png")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"'image' must be a picture .*objects\.npy"):
        read_image(tmp_path / "objects.npy")
    with pytest.raises(ValueError, match=r"\[0, 1\].* \(got 0 to 2\)"):
        grey_image(np.array([[0.0, 2.0], [0.0, 1.0]]))
    with pytest.raises(ValueError, match=r"at least 2 x 2 pixels \(got \[1, 5\]\)"):
        grey_image(np.zeros((1, 5)))
