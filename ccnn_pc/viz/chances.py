"""Pictures of something beside the probabilities of its classes: of images here, of clouds in clouds.py."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ccnn_pc.viz.style import BLUE, INK, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_image_prediction(
    image: Tensor,
    classes: Sequence[str],
    probabilities: Tensor | Sequence[float],
    out: str | os.PathLike[str],
    *,
    title: str | None = None,
    truth: str | None = None,
) -> Path:
    """Draw an image and, beside it, the probabilities of (at most ten) classes, the likeliest on top.

    Args:
        image: ``[1, H, W]`` (grey) or ``[3, H, W]`` in [0, 1], what the model saw.
        classes: K names.
        probabilities: K numbers in [0, 1].
        out: picture to write.
        title: over the image, e.g. the file's name.
        truth: the true class, where known; marked in the bars.

    Returns:
        The picture's path.

    Raises:
        ValueError: no image, another number of probabilities than classes, or not probabilities.
        OSError: ``out`` cannot be written.
    """
    pixels = torch.as_tensor(image).detach().cpu().float()
    if pixels.dim() != 3 or len(pixels) not in (1, 3):
        raise ValueError(f"'image' must have shape [1, H, W] or [3, H, W] (got {list(pixels.shape)})")
    with prediction_picture(out, classes, probabilities, truth) as figure:
        axes: Any = figure.add_subplot(1, 2, 1)
        shown = pixels.clamp(0, 1).permute(1, 2, 0).numpy()
        axes.imshow(shown[..., 0] if len(pixels) == 1 else shown, cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
        note = f"{pixels.shape[1]} x {pixels.shape[2]} pixels"
        axes.set_title(f"{title}\n{note}" if title else note, color=INK, fontsize=9)
    return Path(out)


@contextlib.contextmanager
def prediction_picture(
    out: str | os.PathLike[str],
    classes: Sequence[str],
    probabilities: Tensor | Sequence[float],
    truth: str | None = None,
) -> Iterator[Figure]:
    """A figure with the bars of the probabilities on its right half; the left half is the caller's.

    Raises:
        ValueError: another number of probabilities than classes, or not probabilities.
        OSError: ``out`` cannot be written.
    """
    chance = torch.as_tensor(probabilities, dtype=torch.float64).detach().cpu()
    if chance.shape != (len(classes),):
        raise ValueError(
            f"'probabilities' must be one per class ({len(classes)}; got shape {list(chance.shape)})"
        )
    if not bool(((chance >= 0) & (chance <= 1 + 1e-6)).all()):
        raise ValueError(f"'probabilities' must be in [0, 1] (got {chance.tolist()})")
    order = chance.argsort(descending=True, stable=True)[:10].tolist()
    with picture(out, 7.6, 3.9, fit=True) as figure:
        yield figure
        axes = figure.add_subplot(1, 2, 2)
        percent = [100 * float(chance[i]) for i in order]
        names = [classes[i] + (" ✓" if classes[i] == truth else "") for i in order]
        axes.barh(range(len(order)), percent, color=[BLUE] + ["#b9cfe6"] * (len(order) - 1), height=0.72)
        for row, value in enumerate(percent):
            axes.text(value + 1.5, row, f"{value:.1f}" if value >= 0.05 else "<0.1", va="center", fontsize=8)
        axes.set_yticks(range(len(order)), names)
        axes.set(
            xlim=(0, 112),
            xlabel="probability (%)",
            xticks=range(0, 101, 25),
            ylim=(max(len(order), 4) - 0.4, -0.6),
        )
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_title(f"{classes[order[0]]}, {percent[0]:.0f} %", loc="left", fontweight="bold")
