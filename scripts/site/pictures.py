"""The pictures of docs/idea.md, drawn from what layers and domains compute: ``python -m scripts.site.pictures``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import scripts
from ccnn_pc.domains import Grid, PointSet
from ccnn_pc.kernels import GaussianWindow, MAGNet
from ccnn_pc.nn import ContinuousConv, Quadrature
from ccnn_pc.ops.points.density import inverse_density_volume, knn_density
from ccnn_pc.viz.style import BLUE, DIVERGING, FAINT, GREEN, INK, ORANGE, RED, picture

EXTENT, WIDTH = 1.0, 0.3


def layer(omega_0: float, dim: int = 1, spacing: float = 0.1) -> ContinuousConv:
    """A layer of one channel and one kernel value, smooth or not."""
    torch.manual_seed(3)
    made = ContinuousConv(
        1,
        1,
        dim=dim,
        kernel=partial(MAGNet, hidden_channels=8, omega_0=omega_0),
        window=partial(GaussianWindow, width=WIDTH),
        extent=EXTENT,
        separable=False,
        bias=False,
        quadrature=Quadrature(spacing=spacing),
    )
    return made.eval()


@torch.no_grad()
def kernel_at(conv: ContinuousConv, u: Tensor) -> np.ndarray[Any, Any]:
    """Window times kernel at coordinates ``[n, D]``."""
    return (conv.window(u).reshape(-1, 1) * conv.kernel(u)).reshape(len(u), -1)[:, 0].numpy()


def kernel(out: Path) -> None:
    """One kernel, read where samples happen to lie."""
    conv = layer(1.0)
    fine = torch.linspace(-1, 1, 401)[:, None]
    kept = torch.rand(21, generator=torch.Generator().manual_seed(1)).sort().values * 2 - 1
    kinds = {
        "even samples": torch.linspace(-1, 1, 11),
        "twice as many": torch.linspace(-1, 1, 21),
        "at any times": kept,
    }
    with picture(out, 9, 2.4) as figure:
        axes = figure.subplots(1, 3, sharey=True)
        for axis, (title, at), colour in zip(axes, kinds.items(), (BLUE, GREEN, ORANGE), strict=True):
            axis.plot(fine[:, 0], kernel_at(conv, fine), color=INK, lw=1.2)
            axis.plot(fine[:, 0], conv.window(fine).reshape(-1).detach(), color=FAINT, lw=1, ls="--")
            axis.stem(at, kernel_at(conv, at[:, None]), linefmt=colour, markerfmt="o", basefmt=" ")
            axis.set(title=title, xlabel="u = offset / extent")
        axes[0].set_ylabel("m(u) K(u)")


def domains(out: Path) -> None:
    """What one query sees on four domains: colour is m(u) K(u)."""
    torch.manual_seed(0)
    flat, line = layer(0.7, dim=2), layer(0.7)
    cloud = torch.rand(140, 2) * 2 - 1
    cells = torch.cartesian_prod(torch.arange(-6.0, 7), torch.arange(-6.0, 7)) / 6
    times = torch.rand(40).sort().values * 2 - 1
    ring = cells[((cells - torch.tensor([0.1, 0.0])).norm(dim=1) - 0.65).abs() < 0.2]
    with picture(out, 9, 2.5) as figure:
        axes = figure.subplots(1, 4)
        for axis, title, at, mark, size in (
            (axes[0], "PointSet", cloud, "o", 18),
            (axes[1], "Grid", cells, "s", 40),
            (axes[2], "Grid, occupied cells", ring, "s", 40),
        ):
            query = at[at.norm(dim=1).argmin()] if title != "Grid, occupied cells" else at[len(at) // 3]
            values = kernel_at(flat, (at - query).clamp(-1, 1))
            top = np.abs(values).max()
            inside = (at - query).abs().amax(dim=1) <= 1
            axis.scatter(*at[~inside].T, s=size, marker=mark, color="#e4e7eb")
            axis.scatter(
                *at[inside].T, s=size, marker=mark, c=values[inside], cmap=DIVERGING, vmin=-top, vmax=top
            )
            axis.scatter(*query, s=90, marker="+", color=INK)
            axis.set(title=title, xticks=[], yticks=[], aspect="equal")
            axis.grid(False)
        query = times[18]
        values = kernel_at(line, (times - query)[:, None].clamp(-1, 1))
        axes[3].vlines(times, 0, values, color=FAINT, lw=1)
        axes[3].scatter(
            times,
            values,
            c=values,
            cmap=DIVERGING,
            s=18,
            vmin=-np.abs(values).max(),
            vmax=np.abs(values).max(),
        )
        axes[3].scatter([float(query)], [0], s=90, marker="+", color=INK)
        axes[3].set(title="IrregularSeries", yticks=[], xlabel="time")
        axes[3].grid(False)


@torch.no_grad()
def aliasing(out: Path) -> None:
    """A smooth kernel and one that is too fast, on samples 0.1 and 0.05 apart."""
    signal = {step: torch.sin(2.2 * torch.arange(0, 6.01, step))[:, None] for step in (0.1, 0.05)}
    with picture(out, 9, 4.2) as figure:
        axes = figure.subplots(2, 2, width_ratios=[1, 1.4])
        for row, (omega_0, word) in enumerate(((1.0, "below"), (12.0, "above"))):
            conv = layer(omega_0)
            fine = torch.linspace(-1, 1, 1601)[:, None]
            axes[row, 0].plot(fine[:, 0], kernel_at(conv, fine), color=INK, lw=1)
            for step, colour in ((0.1, BLUE), (0.05, RED)):
                taps = torch.arange(-1, 1.0001, step)[:, None].clamp(-1, 1)
                axes[row, 0].plot(
                    taps[:, 0], kernel_at(conv, taps), "o", color=colour, ms=4 if step == 0.1 else 2.5
                )
                y = conv(signal[step], Grid((len(signal[step]),), spacing=step))
                axes[row, 1].plot(
                    np.arange(len(y)) * step, y[:, 0], color=colour, label=f"samples {step} apart"
                )
            axes[row, 0].set_title(f"kernel {word} the Nyquist frequency")
            axes[row, 1].set_title("its answers")
        axes[0, 1].legend()
        axes[1, 0].set_xlabel("u")
        axes[1, 1].set_xlabel("position")


@torch.no_grad()
def density(out: Path) -> None:
    """The answer to a constant on points that are denser to the right."""
    generator = torch.Generator().manual_seed(0)
    pos = torch.rand(1500, 2, generator=generator)
    pos = pos[torch.rand(1500, generator=generator) < 0.05 + 0.95 * pos[:, 0] ** 2]
    inner = ((pos - 0.5).abs() < 0.32).all(dim=1)
    conv = ContinuousConv(
        1,
        1,
        dim=2,
        kernel=partial(MAGNet, omega_0=0.05),
        window=partial(GaussianWindow, width=0.5),
        extent=0.12,
        bias=False,
    ).eval()
    cloud = PointSet(pos).radius(0.17)
    weighted = cloud.weighted(inverse_density_volume(knn_density(pos, 4)))
    ones = torch.ones(len(pos), 1)
    answers = {"sums over points": conv(ones, cloud), "weighted by volume": conv(ones, weighted)}
    with picture(out, 9, 2.7) as figure:
        axes = figure.subplots(1, 2, width_ratios=[1, 1.6])
        axes[0].scatter(*pos.T, s=4, color=BLUE)
        axes[0].set(title="points", aspect="equal", xticks=[], yticks=[])
        axes[0].grid(False)
        for (name, y), colour in zip(answers.items(), (RED, GREEN), strict=True):
            shown = y[inner, 0]
            axes[1].scatter(pos[inner, 0], shown / shown.median(), s=6, color=colour, label=name)
        axes[1].axhline(1, color=INK, lw=1)
        axes[1].set(title="answer to a constant, over its median", xlabel="position, left to right")
        axes[1].legend()


def neighbours(out: Path) -> None:
    """The same k on few and many points, and the same share."""
    generator = torch.Generator().manual_seed(2)
    dense = torch.rand(600, 2, generator=generator) * 2 - 1
    sparse = dense[:150]
    reach = 0.45
    with picture(out, 9, 2.9) as figure:
        axes = figure.subplots(1, 3)
        for axis, points, k, title in (
            (axes[0], sparse, 24, "150 points, k = 24"),
            (axes[1], dense, 24, "600 points, k = 24: the window is cut"),
            (axes[2], dense, 96, "600 points, k = 96: as in training"),
        ):
            distance = points.norm(dim=1)
            near = distance.argsort()[:k]
            axis.scatter(*points.T, s=5, color=FAINT)
            axis.scatter(*points[near].T, s=9, color=BLUE)
            circle = np.linspace(0, 2 * np.pi, 100)
            axis.plot(reach * np.cos(circle), reach * np.sin(circle), color=RED, lw=1.2)
            axis.scatter([0], [0], marker="+", s=80, color=INK)
            axis.set(title=title, aspect="equal", xticks=[], yticks=[], xlim=(-0.8, 0.8), ylim=(-0.8, 0.8))
            axis.grid(False)


PICTURES = {
    "kernel": kernel,
    "domains": domains,
    "aliasing": aliasing,
    "density": density,
    "neighbours": neighbours,
}


def main() -> None:
    for name, draw in PICTURES.items():
        draw(Path(scripts.ROOT) / "docs" / f"idea_{name}.png")


if __name__ == "__main__":
    main()
