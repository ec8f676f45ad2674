"""Image files of every depth, mode and orientation, by the values of their pixels."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.formats.image_file import read_image, read_picture

Image: Any = pytest.importorskip("PIL.Image")
RAMP = (np.arange(24, dtype=np.uint16) * 2700 + 7).reshape(4, 6)
EIGHT = (RAMP >> 8).astype(np.uint8)
COLOURS = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def saved(picture: Any, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(values: np.ndarray, colour: int) -> bytes:
    """Of 16 bits per channel, which PIL does not write in colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def tiff(values: np.ndarray, photometric: int = 1, bits: int = 0, width: int = 0) -> bytes:
    """One strip of one channel; PIL writes neither other byte orders nor white as 0."""
    order = ">" if values.dtype.byteorder == ">" else "<"
    raw, bits = values.tobytes(), bits or 8 * values.itemsize
    form = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags = [(256, 4, width or values.shape[1]), (257, 4, values.shape[0]), (258, 3, bits), (259, 3, 1)]
    tags += [
        (262, 3, photometric),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, len(values)),
        (279, 4, len(raw)),
        (339, 3, form),
    ]
    out = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(raw)) + raw
    out += struct.pack(f"{order}H", len(tags))
    for tag, kind, value in tags:
        packed = struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value)
        out += struct.pack(f"{order}HHI", tag, kind, 1) + packed
    return out + bytes(4)


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "little", "big"])
def test_grey_of_16_bits_keeps_its_upper_8(kind: str, grey: bool) -> None:
    made = {"little": tiff(RAMP.astype("<u2")), "big": tiff(RAMP.astype(">u2"))}
    data = made[kind] if kind in made else saved(Image.fromarray(RAMP), kind)
    assert np.array_equal(read_image(data, grey=grey), np.stack([EIGHT] * (1 if grey else 3)))


def test_other_depths() -> None:
    colour = np.stack([RAMP, RAMP[::-1], 65535 - RAMP], axis=2)
    assert np.array_equal(read_image(png(colour, 2)), (colour >> 8).transpose(2, 0, 1))
    opaque = np.concatenate([colour, np.full((4, 6, 1), 65535)], axis=2)
    assert np.array_equal(read_image(png(opaque, 6)), (colour >> 8).transpose(2, 0, 1))
    assert np.array_equal(read_image(tiff(RAMP, photometric=0), grey=True)[0], 255 - EIGHT)
    twelve = bytes(
        b for a, c in (RAMP >> 4).reshape(-1, 2).tolist() for b in (a >> 4, (a & 15) << 4 | c >> 8, c & 255)
    )
    packed = tiff(np.frombuffer(twelve, np.uint8).reshape(4, 9), bits=12, width=6)
    assert np.array_equal(read_image(packed, grey=True)[0], EIGHT)
    ten = b"P5 6 4 1023\n" + (RAMP >> 6).astype(">u2").tobytes()
    assert np.array_equal(
        read_image(ten, grey=True)[0], np.round((RAMP >> 6) / 1023 * 65535).astype(int) >> 8
    )
    bits = EIGHT > 100
    assert np.array_equal(read_image(saved(Image.fromarray(bits), "PNG"), grey=True)[0], bits * np.uint8(255))


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<i4", "<i2"])
def test_numbers_without_a_known_range_are_refused(dtype: str) -> None:
    with pytest.raises(
        ValueError,
        match=r"'scan\.tif' must have 8 or 16 bits per channel, or fractions .* \(got mode '[FI]'\)",
    ):
        read_image(tiff((RAMP >> 1).astype(dtype)), "scan.tif")


@pytest.mark.parametrize("order", ["<f4", ">f4"])
def test_fractions_keep_their_value(order: str) -> None:
    fractions = np.linspace(0, 1, 24).reshape(4, 6)
    read = read_image(tiff(fractions.astype(order)), grey=True)[0]
    assert np.abs(read / 255 - fractions).max() <= 0.5 / 255 + 1e-7 and (read.min(), read.max()) == (0, 255)
    for wrong in (fractions + 0.1, fractions - 0.1, fractions * np.nan):
        with pytest.raises(ValueError, match=r"'a\.tif' must have 8 or 16 bits"):
            read_image(tiff(wrong.astype(order)), "a.tif")


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_orientation(kind: str, orientation: int) -> None:
    """Exif 2.32, tag 274: where row 0 and column 0 of the file are in the picture."""
    shown = {
        2: COLOURS[:, ::-1],
        3: COLOURS[::-1, ::-1],
        4: COLOURS[::-1],
        5: COLOURS.transpose(1, 0, 2),
        6: np.rot90(COLOURS, -1),
        7: np.rot90(COLOURS, 2).transpose(1, 0, 2),
        8: np.rot90(COLOURS, 1),
    }.get(orientation, COLOURS)
    exif = Image.Exif()
    exif[274] = orientation
    data = saved(Image.fromarray(COLOURS), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(read_image(data), shown.transpose(2, 0, 1))
    if kind != "WEBP":
        deep = saved(Image.fromarray(RAMP), kind, exif=exif)
        turned = read_image(saved(Image.fromarray(EIGHT), kind, exif=exif))
        assert np.array_equal(read_image(deep), turned)


def test_orientation_of_photos() -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = saved(Image.fromarray(np.full((4, 6, 3), 200, np.uint8)), "JPEG", exif=exif)
    assert read_image(data).shape == (3, 6, 4)


def test_modes() -> None:
    picture = Image.fromarray(COLOURS)
    palette = picture.quantize(24)
    assert np.array_equal(
        read_image(saved(palette, "PNG")), np.asarray(palette.convert("RGB")).transpose(2, 0, 1)
    )
    clear = np.dstack([COLOURS, np.arange(24, dtype=np.uint8).reshape(4, 6)])
    on_white = read_image(saved(Image.fromarray(clear), "PNG")).transpose(1, 2, 0)
    share = clear[..., 3:] / 255
    assert np.abs(on_white - (share * COLOURS + (1 - share) * 255)).max() <= 1
    inks = 255 - np.dstack([COLOURS, np.full((4, 6), 255, np.uint8)])  # no black: 255 - ink is the colour
    printed = saved(Image.frombytes("CMYK", (6, 4), inks.tobytes()), "TIFF")
    assert np.array_equal(read_image(printed), COLOURS.transpose(2, 0, 1))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_what_lies_beneath_clear_pixels_is_not_seen(kind: str) -> None:
    opacity = np.where(np.arange(24).reshape(4, 6) % 3, 255, 0).astype(np.uint8)
    shown = np.where(opacity[..., None] > 0, COLOURS, 255).transpose(2, 0, 1)
    more = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    for beneath in (0, 99, 255):
        colours = np.where(opacity[..., None] > 0, COLOURS, beneath).astype(np.uint8)
        data = saved(Image.fromarray(np.dstack([colours, opacity])), kind, **more)
        read = read_picture(data)
        assert np.array_equal(read.pixels, shown) and abs(read.clear - 1 / 3) < 1e-5
    grey = Image.merge("LA", (Image.fromarray(EIGHT), Image.fromarray(np.full_like(EIGHT, 255))))
    if kind == "PNG":
        assert np.array_equal(read_image(saved(grey, kind), grey=True)[0], EIGHT)
        key = read_picture(saved(Image.fromarray(COLOURS), kind, transparency=tuple(COLOURS[1, 2].tolist())))
        assert key.pixels[:, 1, 2].tolist() == [255] * 3 and key.clear > 0
    opaque = read_picture(
        saved(Image.fromarray(np.dstack([COLOURS, np.full((4, 6), 255, np.uint8)])), kind, **more)
    )
    assert np.array_equal(opaque.pixels, COLOURS.transpose(2, 0, 1)) and opaque.clear == 0


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_of_several_pictures_the_first_is_read_and_it_is_said(kind: str) -> None:
    first, other = Image.fromarray(COLOURS), Image.fromarray(255 - COLOURS)
    with pytest.warns(DataWarning, match="hold several pictures"):
        read = read_image(saved(first, kind, save_all=True, append_images=[other]))
    assert np.array_equal(read, COLOURS.transpose(2, 0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_image(
            saved(first, "TIFF", save_all=True, append_images=[first.resize((3, 2))])
        )  # a smaller copy


def test_refused() -> None:
    good = saved(Image.fromarray(COLOURS), "PNG")
    for data in (b"", good[:20], good[:-30], b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n"):
        with pytest.raises(ValueError, match=r"'a\.png' cannot be read as an image"):
            read_image(data, "a.png")
    bomb = saved(Image.new("1", (12_000, 12_000)), "PNG")
    with pytest.raises(
        ValueError, match=r"'a\.png' cannot be read as an image \(it announces .* 432000000 bytes"
    ):
        read_image(bomb, "a.png")
