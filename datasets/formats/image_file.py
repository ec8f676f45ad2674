"""Image files (png, jpeg, …) through PIL."""

from __future__ import annotations

import io
import math
import warnings
from typing import Any, NamedTuple

import numpy as np

from ccnn_pc._optional import require
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.formats.limits import check_unpacked

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp", ".tif", ".tiff")
#: PIL would otherwise try all formats it knows, whatever a file is called; PostScript is run by another program.
_FORMATS = ("PNG", "JPEG", "BMP", "DIB", "PPM", "WEBP", "TIFF", "GIF")
#: Tags of TIFF: bits per channel, and what 0 means (0: white).
_BITS, _PHOTOMETRIC = 258, 262
#: Of TIFF: 1 is a smaller copy of another picture.
_KIND = 254
#: Of EXIF: from 5 on the picture lies on its side.
_ORIENTATION = 274
#: Grey values of 16 bits that need no more bits than these are nearly black when they are shown.
_FEW_BITS = 12


#: Share of its area that may be clear in a picture that is not transparent: rounded corners.
CLEAR = 0.01


class Picture(NamedTuple):
    """What an image file shows.

    Attributes:
        pixels: uint8 ``[C, H, W]``, or uint16.
        clear: share of its area that is transparent.
    """

    pixels: np.ndarray
    clear: float


class PictureHeader(NamedTuple):
    """What the header of an image file says.

    Attributes:
        height, width: as people see it.
        grey: whether it has one channel.
        deep: whether its one channel has more than 8 bits, or fractions.
    """

    height: int
    width: int
    grey: bool
    deep: bool


def _reason(error: Exception) -> str:
    """What PIL says, without the address of what it read."""
    text = str(error).partition("<_io.BytesIO")[0].strip()
    damaged = text == "cannot identify image file"
    return "it is damaged, or of another format" if damaged else text or type(error).__name__


def picture_size(data: bytes, name: str = "image") -> tuple[int, int]:
    """Height and width of an image file as people see it, from its header; see :func:`picture_header`."""
    return picture_header(data, name)[:2]


def picture_header(data: bytes, name: str = "image") -> PictureHeader:
    """What the header of an image file says.

    Raises:
        ImportError: PIL is missing.
        ValueError: it is no image; the message names the file.
    """
    image = require("PIL.Image", extra="train", purpose="to read image files")
    try:
        with image.open(io.BytesIO(data), formats=_FORMATS) as file:
            width, height = file.size
            mode = file.mode
            turned = file.getexif().get(_ORIENTATION, 1) >= 5
    except Exception as error:  # PIL raises almost anything for damaged files
        raise ValueError(f"'{name}' cannot be read as an image ({_reason(error)})") from error
    height, width = (width, height) if turned else (height, width)
    deep = _is_deep(mode)
    return PictureHeader(height, width, deep or mode in ("1", "L", "LA"), deep)


def _is_deep(mode: str) -> bool:
    return mode in ("I", "F") or mode.startswith("I;16")


def read_image(
    data: bytes, name: str = "image", size: int | None = None, grey: bool = False, bits: int = 8
) -> np.ndarray:
    """The pixels of :func:`read_picture`."""
    return read_picture(data, name, size, grey, bits).pixels


def read_picture(
    data: bytes, name: str = "image", size: int | None = None, grey: bool = False, bits: int = 8
) -> Picture:
    """Read an image file as people see it: turned as its EXIF orientation says, on white where it is transparent.

    With 8 bits, of channels of more than these the upper 8 are kept (grey of 16 bits: ``value >> 8``). Of fractions
    in [0, 1] it is the nearest of ``n / 255``, of several pictures in a file the first, with a warning.

    Args:
        data: content of the file.
        name: of the file, for messages.
        size: make it a square of so many pixels: the middle of the image, resized (bilinear, smoothed); None:
            as it is.
        grey: one channel instead of three.
        bits: 8 (default), or 16: grey of 16 bits keeps all of them, what has 8 becomes ``257 value``.

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
            mode, inverted = file.mode, tags.get(_PHOTOMETRIC) == 0
            pages = _pages(file)
            picture = turn(file)
    except Exception as error:  # PIL raises almost anything for damaged files
        raise ValueError(
            f"'{name}' cannot be read as an image ({_reason(error)}); copy or download it again"
        ) from error
    if pages > 1:
        warnings.warn(
            "image files that hold several pictures (pages, frames): the first of each is read; save the others as "
            "files of their own, or a stack as a volume",
            DataWarning,
            stacklevel=2,
        )
    if _is_deep(mode):
        deep = _deep(np.asarray(picture), mode, tags, name, warns=bits == 8)  # PIL would cut them off at 255
        deep = 65535 - deep if inverted else deep
        if bits == 16:
            picture = _squared(image.fromarray(deep.astype(np.float32)), size, image.Resampling.BILINEAR)
            pixels = np.clip(np.rint(np.asarray(picture)), 0, 65535).astype(np.uint16)[None]
            return Picture(pixels if grey else np.repeat(pixels, 3, axis=0), 0.0)
        picture = image.fromarray((deep >> 8).astype(np.uint8))
    picture, clear = on_white(picture)
    picture = picture.convert("L" if grey else "RGB")
    pixels = np.asarray(_squared(picture, size, image.Resampling.BILINEAR), dtype=np.uint8)
    pixels = pixels[None] if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))
    return Picture(pixels if bits == 8 else pixels.astype(np.uint16) * 257, clear)


def on_white(picture: Any) -> tuple[Any, float]:
    """A picture of PIL without transparency, laid on white, and the share of its area that was transparent.

    What colours lie beneath is an accident of the program that wrote them.

    Example:
        >>> from PIL import Image
        >>> half, clear = on_white(Image.new("RGBA", (2, 2), (0, 0, 0, 51)))
        >>> half.getpixel((0, 0)), clear
        ((204, 204, 204), 0.8)
    """
    if not picture.has_transparency_data:
        return picture, 0.0
    image = require("PIL.Image", extra="train")
    colours = picture.convert("LA" if picture.mode == "La" else "RGBA").convert("RGBA")
    opacity = np.asarray(colours.getchannel("A"), dtype=np.float64) / 255
    if opacity.min() < 1:
        picture = image.alpha_composite(image.new("RGBA", colours.size, "white"), colours).convert("RGB")
    return picture, round(1 - float(opacity.mean()), 6)


def _pages(file: Any) -> int:
    """Pictures of a file; those of TIFF that are smaller copies, and the second views of photographs, do not count."""
    count = int(getattr(file, "n_frames", 1))
    if file.format != "TIFF" or count < 2:
        return count if file.format in ("PNG", "WEBP", "GIF") else 1
    size, alike = file.size, 0
    for page in range(count):
        file.seek(page)
        alike += file.size == size and not file.tag_v2.get(_KIND, 0) & 1
    file.seek(0)
    return alike


def _deep(values: np.ndarray, mode: str, tags: Any, name: str, warns: bool) -> np.ndarray:
    """Grey values of more than 8 bits, or fractions, as whole numbers from 0 to 65535."""
    if mode == "F" and ((values >= 0) & (values <= 1)).all():
        return np.rint(255 * values).astype(np.int64) * 257
    if mode == "F" or (mode == "I" and tags):
        raise ValueError(
            f"'{name}' must have 8 or 16 bits per channel, or fractions in [0, 1] (got mode {mode!r}): save it so"
        )
    twelve, most = tags.get(_BITS) == (12,), int(values.max()).bit_length()
    if warns and not twelve and 0 < most <= _FEW_BITS:
        warnings.warn(
            f"pictures of 16 bits per pixel have values of at most {most} bits, nearly black: if these are all "
            f"there are (of a camera of {most} bits), multiply values by {2 ** (16 - most)}",
            DataWarning,
            stacklevel=3,
        )
    return values.astype(np.int64) << (4 if twelve else 0)


def _squared(picture: Any, size: int | None, resampling: Any) -> Any:
    """The square in the middle, resized."""
    if size is None or picture.size == (size, size):
        return picture
    short = min(picture.size)
    left, top = ((side - short) // 2 for side in picture.size)
    return picture.crop((left, top, left + short, top + short)).resize((size, size), resampling)
