"""Image files (png, jpeg, …) through PIL."""

from __future__ import annotations

import io

import numpy as np

from ccnn_pc._optional import require

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp", ".tif", ".tiff")


def read_image(data: bytes, name: str = "image", size: int | None = None, grey: bool = False) -> np.ndarray:
    """Read an image file.

    Args:
        data: content of the file.
        name: of the file, for messages.
        size: make it a square of so many pixels: the middle of the image, resized (bilinear, smoothed); None:
            as it is.
        grey: one channel instead of three.

    Returns:
        uint8 ``[C, H, W]``.

    Raises:
        ImportError: PIL is missing.
        ValueError: it is no image, or damaged; the message names the file.
    """
    image = require("PIL.Image", extra="train", purpose="to read image files")
    try:
        with image.open(io.BytesIO(data)) as file:
            picture = file.convert("L" if grey else "RGB")
    except (OSError, ValueError, SyntaxError, EOFError, image.DecompressionBombError) as error:
        raise ValueError(
            f"'{name}' cannot be read as an image ({error}); copy or download it again"
        ) from error
    if size is not None and picture.size != (size, size):
        short = min(picture.size)
        left, top = ((side - short) // 2 for side in picture.size)
        middle = picture.crop((left, top, left + short, top + short))
        picture = middle.resize((size, size), image.Resampling.BILINEAR)
    pixels = np.asarray(picture, dtype=np.uint8)
    return pixels[None] if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))
