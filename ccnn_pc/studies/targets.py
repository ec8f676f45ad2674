"""What kernels are fitted to: functions on [-1, 1], and pictures."""

from __future__ import annotations

import enum
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_floating
from ccnn_pc._optional import require

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class Target(enum.Enum):
    """Functions of one kernel coordinate u in [-1, 1] (like those of CKConv Fig. 4 and 7, SMPConv Fig. 3).

    ``GAUSSIAN`` exp(-½ (u/0.1)²). ``CONSTANT`` 1. ``STEP`` 0 below u = 0, then 1. ``SAWTOOTH`` rises from
    -1 to 1 twice per unit. ``SINE`` 8 cycles per unit. ``CHIRP`` from 0 to 20 cycles per unit, left to right.
    ``SINES`` four sines of 1, 3, 7 and 13 cycles per unit. ``NOISE`` independent normal numbers: no function,
    it has no values between the positions.
    """

    GAUSSIAN = "gaussian"
    CONSTANT = "constant"
    STEP = "step"
    SAWTOOTH = "sawtooth"
    SINE = "sine"
    CHIRP = "chirp"
    SINES = "sines"
    NOISE = "noise"

    def values(self, u: Tensor, seed: int = 0) -> Tensor:
        """Values at coordinates ``u``, of the same shape and type.

        Args:
            u: coordinates of any shape.
            seed: of ``NOISE``; nothing else depends on it.

        Raises:
            TypeError: ``u`` is not float32 or float64.

        Example:
            >>> Target.SAWTOOTH.values(torch.tensor([-1.0, -0.75, 0.25])).tolist()
            [-1.0, 0.0, 0.0]
        """
        check_floating("u", u)
        turn = 2.0 * math.pi
        if self is Target.GAUSSIAN:
            return torch.exp(-0.5 * (u / 0.1) ** 2)
        if self is Target.CONSTANT:
            return torch.ones_like(u)
        if self is Target.STEP:
            return (u >= 0).to(u)
        if self is Target.SAWTOOTH:
            return 2.0 * torch.remainder(2.0 * u, 1.0) - 1.0
        if self is Target.SINE:
            return torch.sin(turn * 8.0 * u)
        if self is Target.CHIRP:
            return torch.sin(turn * 5.0 * (u + 1.0) ** 2)
        if self is Target.SINES:
            return (
                sum((torch.sin(turn * f * u + f) for f in (1.0, 3.0, 7.0, 13.0)), torch.zeros_like(u)) / 2.0
            )
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(u.shape, generator=generator, dtype=torch.float64).to(u)


def synthetic_image(pixels: int = 48) -> Tensor:
    """A small picture for use without files: a shaded disc, rings that get finer, a bar with sharp corners.

    Args:
        pixels: height and width, at least 2.

    Returns:
        Grey values ``[pixels, pixels]`` in [0, 1], float64.

    Raises:
        ValueError: ``pixels`` below 2.

    Example:
        >>> image = synthetic_image(16)
        >>> image.shape, bool((image >= 0).all() and (image <= 1).all())
        (torch.Size([16, 16]), True)
    """
    axis = torch.linspace(-1.0, 1.0, check_at_least("pixels", pixels, 2), dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    image = 0.25 + 0.15 * x
    rings = 0.5 + 0.35 * torch.cos(2.0 * math.pi * 4.0 * ((x - 0.45) ** 2 + (y - 0.45) ** 2))
    image = torch.where((x - 0.45).square() + (y - 0.45).square() < 0.5**2, rings, image)
    disc = (x + 0.4).square() + (y + 0.35).square()
    image = torch.where(disc < 0.45**2, 1.0 - 2.5 * disc, image)
    return torch.where((x + 0.5).abs().lt(0.35) & (y - 0.6).abs().lt(0.12), 0.95, image)


def grey_image(array: np.ndarray, name: str = "image") -> Tensor:
    """Grey values of an array.

    Args:
        array: ``[h, w]`` or ``[h, w, 3 or 4]`` (colour; the fourth channel is left out), whole numbers up
            to the type's maximum or floats in [0, 1].
        name: how errors call it.

    Returns:
        ``[h, w]`` in [0, 1], float64.

    Raises:
        ValueError: another shape, fewer than 2 pixels per axis, or values that do not lie in [0, 1].

    Example:
        >>> grey_image(np.array([[0, 255], [51, 0]], dtype=np.uint8)).tolist()
        [[0.0, 1.0], [0.2, 0.0]]
    """
    if array.dtype.kind not in "buif":
        raise ValueError(f"'{name}' must hold numbers (got {array.dtype})")
    largest = float(np.iinfo(array.dtype).max) if array.dtype.kind in "ui" else 1.0
    values = array.astype(np.float64) / largest
    if values.ndim == 3 and values.shape[2] in (3, 4):
        values = values[..., :3] @ np.array(_LUMA)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(
            f"'{name}' must be [h, w] or [h, w, 3], at least 2 x 2 pixels (got {list(array.shape)})"
        )
    if not (np.isfinite(values).all() and values.min() >= 0.0 and values.max() <= 1.0 + 1e-9):
        span = f"{values.min():g} to {values.max():g}"
        raise ValueError(f"'{name}' must have values in [0, 1], or whole numbers from 0 (got {span})")
    return torch.from_numpy(values.clip(0.0, 1.0))


def read_image(file: str | os.PathLike[str], pixels: int | None = None) -> Tensor:
    """Read a picture, or an array in a ``.npy`` file, as grey values.

    Args:
        file: anything that Pillow reads, or ``.npy``, see :func:`grey_image`.
        pixels: longest side; larger pictures are averaged down. Default: as it is.

    Returns:
        ``[h, w]`` in [0, 1], float64.

    Raises:
        FileNotFoundError: no such file.
        ImportError: Pillow is missing.
        ValueError: not a picture, or one that cannot be used.
    """
    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(f"'image' must be a picture or a .npy file (got {path}: no such file)")
    try:
        array = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _read_picture(path)
    except (OSError, ValueError, EOFError, SyntaxError) as error:  # what Pillow raises for broken files
        raise ValueError(f"'image' must be a picture or a .npy file (got {path}: {error})") from error
    image = grey_image(array, f"image {path.name}")
    if pixels is not None and max(image.shape) > check_at_least("pixels", pixels, 2):
        size = [max(2, round(side * pixels / max(image.shape))) for side in image.shape]
        image = _average(image, size)
    return image


def _average(image: Tensor, size: list[int]) -> Tensor:
    """An image ``[h, w]`` as ``size``, each new pixel the mean of those it covers."""
    smaller: Tensor = torch.nn.functional.interpolate(image[None, None], size=size, mode="area")
    return smaller[0, 0]


def _read_picture(path: Path) -> np.ndarray:
    pil: Any = require("PIL.Image", extra="mesh", purpose="to read pictures")
    with pil.open(path) as picture:
        if picture.mode.startswith("I;16"):
            return np.asarray(picture).astype(np.uint16)
        return np.asarray(picture.convert("RGB"))


def image_positions(image: Tensor) -> Tensor:
    """Kernel coordinates ``[h, w, 2]`` (down, right) of an image's pixels; the longer side fills [-1, 1].

    Raises:
        ValueError: not ``[h, w]`` with at least two pixels on the longer side.

    Example:
        >>> image_positions(torch.zeros(2, 3))[0].tolist()
        [[-0.5, -1.0], [-0.5, 0.0], [-0.5, 1.0]]
    """
    if image.dim() != 2 or max(image.shape) < 2 or min(image.shape) < 1:
        raise ValueError(f"'image' must be [h, w] with at least 2 pixels (got {list(image.shape)})")
    pixel = 2.0 / (max(image.shape) - 1)
    axes = [(torch.arange(n, dtype=torch.float64) - (n - 1) / 2.0) * pixel for n in image.shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
