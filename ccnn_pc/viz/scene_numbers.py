"""Pictures of numbers of the points of a scene: seen from above, beside truth and errors where they are known."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ccnn_pc.viz.style import FAINT, INK, picture


def plot_scene_numbers(
    pos: NDArray[np.float64],
    said: NDArray[Any],
    out: str | os.PathLike[str],
    *,
    truth: NDArray[Any] | None = None,
    name: str = "value",
    title: str | None = None,
) -> Path:
    """Draw points from above, coloured by a number; where truth is known also the truth and the errors.

    High points lie above low ones. Colours go from the 1 % to the 99 % quantile, the same for both; those of the errors
    are symmetric.

    Args:
        pos: ``[n, 3]``.
        said: ``[n]``.
        out: picture to write.
        truth: ``[n]``, NaN where it is not known.
        name: of the number.
        title: over it.

    Returns:
        The picture's path.

    Raises:
        ValueError: other shapes, or no points.
        OSError: ``out`` cannot be written.
    """
    if len(pos) == 0 or said.shape != (len(pos),) or (truth is not None and truth.shape != said.shape):
        raise ValueError(f"'said' must be a number for each of {len(pos)} points (got {list(said.shape)})")
    known = [said] if truth is None else [said, truth[np.isfinite(truth)]]
    low, high = np.quantile(np.concatenate(known), [0.01, 0.99])
    panels = [(name, said, (low, high), "viridis")]
    if truth is not None:
        error = said - truth
        most = (
            float(np.quantile(np.abs(error[np.isfinite(error)]), 0.99)) if np.isfinite(error).any() else 0.0
        )
        most = most or 1.0
        panels += [("truth", truth, (low, high), "viridis"), ("error", error, (-most, most), "coolwarm")]
    flat = pos[:, :2] - pos[:, :2].min(axis=0)
    order = pos[:, 2].argsort(kind="stable")
    size = float(np.clip(60_000 / len(order), 0.4, 24.0))
    with picture(out, 4.6 * len(panels) + 0.4, 5.4) as figure:
        for axes, (head, values, limits, colours) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            there = order[np.isfinite(values[order])]
            gone = order[~np.isfinite(values[order])]
            axes.scatter(*flat[gone].T, c=FAINT, s=size, marker="s", linewidths=0, rasterized=True)
            seen = axes.scatter(
                *flat[there].T, c=values[there], s=size, marker="s", linewidths=0, rasterized=True,
                cmap=colours, vmin=limits[0], vmax=limits[1],
            )  # fmt: skip
            figure.colorbar(seen, ax=axes, orientation="horizontal", shrink=0.8)
            axes.set_aspect("equal", adjustable="datalim")
            axes.set(title=head, xlabel="x", ylabel="y")
            axes.grid(False)
        note = f"{len(pos)} points"
        figure.suptitle(f"{title}\n{note}" if title else note, color=INK, fontsize=10)
    return Path(out)
