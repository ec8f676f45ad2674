"""Every kernel network fitted to every target, with equal numbers of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least
from ccnn_pc.kernels import median_spacing, nyquist_frequency
from ccnn_pc.studies.families import (
    KernelFamily,
    build_kernel,
    count_parameters,
    data_omega_0,
    kernel_family,
    size_for_budget,
)
from ccnn_pc.studies.fitting import FitResult, fit_kernel
from ccnn_pc.studies.targets import Target, image_positions

#: Called after each step with what is fitted ("magnet to chirp") and all steps made so far.
StudyProgress = Callable[[str, int], None]


@dataclass(frozen=True)
class Problem:
    """Values to fit a kernel to.

    Attributes:
        name: what they are.
        u: kernel coordinates ``[n, D]`` that are fitted.
        target: values there ``[n, 1]``.
        held_out: coordinates and values between them, or None.
        shown: coordinates ``[..., D]`` at which the fit is drawn.
    """

    name: str
    u: Tensor
    target: Tensor
    held_out: tuple[Tensor, Tensor] | None
    shown: Tensor

    @property
    def nyquist(self) -> float:
        """Highest frequency that the fitted positions show, in cycles per unit of u: 1 / (2·median spacing)."""
        return nyquist_frequency(median_spacing(self.u), 1.0)

    def image(self) -> Tensor:
        """All values where they are shown, fitted and held out: ``[h, w]`` of a picture.

        Raises:
            ValueError: the values are not those of a picture.
        """
        if self.held_out is None or self.shown.dim() != 3:
            raise ValueError(f"'{self.name}' must be a picture to have pixels")
        values = self.target.new_empty(self.shown.shape[:2])
        dark = _chessboard(*self.shown.shape[:2])
        values[dark], values[~dark] = self.target[:, 0], self.held_out[1][:, 0]
        return values


@dataclass(frozen=True)
class Fit:
    """A kernel fitted to a problem: what it was, how well it fits, its values ``[...]`` where it is shown."""

    family: KernelFamily
    problem: Problem
    hidden_channels: int
    omega_0: float
    lr: float
    result: FitResult
    values: Tensor

    def row(self) -> dict[str, Any]:
        """The fit as one line of a table."""
        between = self.result.error_between
        return {
            "target": self.problem.name,
            "kernel": self.family.name,
            "error": _rounded(self.result.error),
            "error_between": None if between is None else _rounded(between),
            "parameters": self.result.parameters,
            "hidden_channels": self.hidden_channels,
            "omega_0": round(self.omega_0, 4),
            "nyquist": round(self.problem.nyquist, 4),
            "points": len(self.problem.u),
            "lr": self.lr,
            "best_step": self.result.best_step,
            "cpu_seconds": round(self.result.seconds, 3),
        }


def line_problem(target: Target, points: int = 200, seed: int = 0) -> Problem:
    """A function at ``points`` evenly spread positions of [-1, 1], ends included; held out: the middles.

    Raises:
        ValueError: ``points`` below 2.

    Example:
        >>> problem = line_problem(Target.CHIRP, points=5)
        >>> problem.u.flatten().tolist(), problem.nyquist
        ([-1.0, -0.5, 0.0, 0.5, 1.0], 1.0)
    """
    u = torch.linspace(-1.0, 1.0, check_at_least("points", points, 2), dtype=torch.float64)[:, None]
    middles = (u[1:] + u[:-1]) / 2.0
    between = None if target is Target.NOISE else (middles, target.values(middles))
    shown = torch.linspace(-1.0, 1.0, 4 * points - 3, dtype=torch.float64)[:, None]
    return Problem(target.value, u, target.values(u, seed), between, shown)


def image_problem(name: str, image: Tensor) -> Problem:
    """A picture ``[h, w]``: every other pixel, like the dark squares of a chessboard; held out: the others.

    The nearest fitted pixels lie √2 pixels apart, along the diagonals. What this chessboard can show are
    frequencies with ``|f_1| + |f_2| < 1/2`` per pixel; ``1/(2·√2)``, from the median spacing, is the radius of
    the circle inside.

    Raises:
        ValueError: not ``[h, w]``, or fewer than 2 pixels on a side.

    Example:
        >>> image_problem("noise", torch.rand(8, 8)).u.shape
        torch.Size([32, 2])
    """
    shown = image_positions(image)
    if min(image.shape) < 2:
        raise ValueError(f"'image' must have at least 2 pixels on each side (got {list(image.shape)})")
    dark = _chessboard(*image.shape)
    values = image.double()[..., None]
    return Problem(name, shown[dark], values[dark], (shown[~dark], values[~dark]), shown)


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")


def _chessboard(rows: int, columns: int) -> Tensor:
    return (torch.arange(rows)[:, None] + torch.arange(columns)) % 2 == 0


def run_study(
    problems: Sequence[Problem],
    families: Sequence[KernelFamily],
    *,
    hidden_channels: int = 32,
    steps: int = 1000,
    lr: float | None = None,
    omega_0: float | None = None,
    seed: int = 0,
    progress: StudyProgress | None = None,
) -> Iterator[Fit]:
    """Fit every family to every problem, each kernel drawn anew by the seed.

    A perceptron of three layers with ``hidden_channels`` units, as SIREN is by default, sets the number of
    parameters; the other families get the number of features that comes nearest to it.

    Args:
        problems: what to fit, see :func:`line_problem` and :func:`image_problem`.
        families: which kernels.
        hidden_channels: units H of the perceptrons.
        steps: steps of the optimiser.
        lr: rate for all; default: that of the family.
        omega_0: for all; default: from the spacing of the positions, see
            :func:`ccnn_pc.studies.families.data_omega_0`.
        seed: of the kernels' parameters.
        progress: called after each step.

    Yields:
        The fits, problem by problem, each when it is done.

    Raises:
        ValueError: see :func:`ccnn_pc.studies.fitting.fit_kernel`.

    Example:
        >>> problems = [line_problem(Target.STEP, 20)]
        >>> fit = next(run_study(problems, [kernel_family("relu")], hidden_channels=8, steps=5))
        >>> fit.row()["parameters"], fit.row()["points"]
        (97, 20)
    """
    check_at_least("hidden_channels", hidden_channels, 1)
    check_at_least("steps", steps, 1)
    done = 0
    for problem in problems:
        dim = problem.u.shape[1]
        budget = count_parameters(kernel_family("siren"), dim, hidden_channels)
        for family in families:
            size = size_for_budget(family, dim, budget)

            def build(omega: float, family: KernelFamily = family, size: int = size, dim: int = dim) -> Any:
                return build_kernel(family, dim, size=size, omega_0=omega, seed=seed)

            omega = data_omega_0(build, problem.nyquist) if omega_0 is None else omega_0
            rate = family.rate if lr is None else lr
            kernel, text, before = build(omega), f"{family.name} to {problem.name}", steps * done

            def report(step: int, loss: float, text: str = text, before: int = before) -> None:
                if progress is not None:
                    progress(text, before + step)

            found = fit_kernel(
                kernel,
                problem.u,
                problem.target,
                steps=steps,
                lr=rate,
                held_out=problem.held_out,
                progress=report,
            )
            with torch.no_grad():
                values = kernel(problem.shown)[..., 0].double()
            hidden = getattr(kernel, "hidden_channels", size)
            yield Fit(family, problem, hidden, omega, rate, found, values)
            done += 1
