"""Image files (png, jpeg, …) through PIL."""

from __future__ import annotations

import io
import math
import warnings

import numpy as np

from ccnn_pc._optional import require
from ccnn_pc.datasets.formats.limits import check_unpacked

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp", ".tif", ".tiff")
#: PIL would otherwise try all formats it knows, whatever a file is called; PostScript is run by another program.
_FORMATS = ("PNG", "JPEG", "BMP", "DIB", "PPM", "WEBP", "TIFF", "GIF")
#: Tags of TIFF: bits per channel, and what 0 means (0: white).
_BITS, _PHOTOMETRIC = 258, 262
#: Of EXIF: from 5 on the picture lies on its side.
_ORIENTATION = 274
#: Grey values of 16 bits that need no more bits than these are nearly black when they are shown.
_FEW_BITS = 12


def picture_size(data: bytes, name: str = "image") -> tuple[int, int]:
    """Height and width of an image file as people see it, from its header.

    Raises:
        ImportError: PIL is missing.
        ValueError: it is no image; the message names the file.
    """
    image = require("PIL.Image", extra="train", purpose="to read image files")
    try:
        with image.open(io.BytesIO(data), formats=_FORMATS) as file:
            width, height = file.size
            turned = file.getexif().get(_ORIENTATION, 1) >= 5
    except Exception as error:  # PIL raises almost anything for damaged files
        raise ValueError(f"'{name}' cannot be read as an image ({error or type(error).__name__})") from error
    return (width, height) if turned else (height, width)


def read_image(data: bytes, name: str = "image", size: int | None = None, grey: bool = False) -> np.ndarray:
    """Read an image file as people see it: turned as its EXIF orientation says, colours without their opacity.

    Of channels of more than 8 bits the upper 8 are kept (grey of 16 bits: ``value >> 8``), of floating-point numbers in
    [0, 1] the nearest of ``n / 255``, of several pictures in a file the first.

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
        ValueError: it is no image, damaged, of 32-bit numbers or of floating-point ones outside [0, 1] (nobody knows
            which of them is white), or of many more pixels than a file of its size holds; the message names the file.
    """
    image = require("PIL.Image", extra="train", purpose="to read image files")
    turn = require("PIL.ImageOps", extra="train").exif_transpose
    try:
        with image.open(io.BytesIO(data), formats=_FORMATS) as file:
            check_unpacked(3 * math.prod(file.size), len(data))
            tags = file.tag_v2 if file.format == "TIFF" else {}
            mode, bits, inverted = file.mode, tags.get(_BITS), tags.get(_PHOTOMETRIC) == 0
            picture = turn(file)
    except Exception as error:  # PIL raises almost anything for damaged files
        raise ValueError(
            f"'{name}' cannot be read as an image ({error or type(error).__name__}); copy or download it again"
        ) from error
    if mode in ("I", "F") or mode.startswith("I;16"):
        # PIL would cut them off at 255, and takes 0 for black always
        deep = np.asarray(picture)
        if mode == "F" and ((deep >= 0) & (deep <= 1)).all():
            deep = np.rint(255 * deep)
        elif mode == "F" or (mode == "I" and tags):
            raise ValueError(
                f"'{name}' must have 8 or 16 bits per channel, or fractions in [0, 1] (got mode {mode!r}): save it so"
            )
        else:
            most = int(deep.max()).bit_length()
            if bits != (12,) and 0 < most <= _FEW_BITS:
                warnings.warn(
                    f"pictures of 16 bits per pixel have values of at most {most} bits, nearly black: if these are all "
                    f"there are (of a camera of {most} bits), multiply values by {2 ** (16 - most)}",
                    stacklevel=2,
                )
            deep = deep >> (4 if bits == (12,) else 8)
        picture = image.fromarray((255 - deep if inverted else deep).astype(np.uint8))
    picture = picture.convert("L" if grey else "RGB")
    if size is not None and picture.size != (size, size):
        short = min(picture.size)
        left, top = ((side - short) // 2 for side in picture.size)
        middle = picture.crop((left, top, left + short, top + short))
        picture = middle.resize((size, size), image.Resampling.BILINEAR)
    pixels = np.asarray(picture, dtype=np.uint8)
    return pixels[None] if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))
