"""Damaged files of images: the right pixels, or an error that names the file."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import CIFAR10, MNIST, STL10, ImageFolder, open_dataset
from ccnn_pc.datasets.formats.idx import write_idx
from ccnn_pc.datasets.formats.image_file import read_image
from tests.bad_inputs.damage import damages, right_or_clear

Image: Any = pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.slow
SEEDED = 20
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
DEEP = np.arange(192, dtype=np.uint16).reshape(12, 16) * 300
COUNT = 6


def saved(pixels: np.ndarray, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(pixels).save(file, kind, **({} if kind in ("PPM", "BMP") else {"exif": exif}), **options)
    return file.getvalue()


def digits(count: int = COUNT, side: int = 28) -> bytes:
    return write_idx(np.random.default_rng(0).integers(0, 256, (count, side, side), dtype=np.uint8))


def labels(count: int = COUNT, label: int = 3) -> bytes:
    return write_idx(np.full(count, label, np.uint8))


def records(label: int = 3, count: int = COUNT) -> bytes:
    return (bytes([label]) + PIXELS.tobytes() * 6)[:3073].ljust(3073, b"\7") * count


def batch(**changed: Any) -> bytes:
    plain = {b"data": np.zeros((COUNT, 3072), np.uint8), b"labels": [1] * COUNT}
    return pickle.dumps({**plain, **{key.encode(): value for key, value in changed.items()}}, protocol=2)


def tar(content: bytes = b"", *, link: bytes = b"", zeros: int = 0) -> bytes:
    """An archive of one batch; a link in its place, or as many zeros."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo("cifar-10-batches-py/test_batch")
        if link:
            member.type, member.linkname = link, "/etc/passwd"
        member.size = zeros or len(content)
        archive.addfile(member, None if link else open("/dev/zero", "rb") if zeros else io.BytesIO(content))  # noqa: SIM115
    return file.getvalue()


def mnist(path: Path) -> Any:
    for name, content in (("t10k-images-idx3-ubyte", digits()), ("t10k-labels-idx1-ubyte", labels())):
        if name not in path.name:
            (path.parent / name).write_bytes(content)
    return MNIST(path.parent, "test").values


def cifar(path: Path) -> Any:
    return CIFAR10(path.parent, "test").values


def stl10(path: Path) -> Any:
    for name, content in (("test_X.bin", bytes(3 * 96 * 96 * 2)), ("test_y.bin", bytes([1, 10]))):
        if name != path.name:
            (path.parent / name).write_bytes(content)
    return STL10(path.parent, "test").values


def picture(path: Path) -> Any:
    return read_image(path.read_bytes(), str(path))


Reader = Callable[[Path], Any]
READERS: dict[str, tuple[bytes, Reader]] = {
    "a.png": (saved(PIXELS, "PNG"), picture),
    "deep.png": (saved(DEEP, "PNG"), picture),
    "deep.tif": (saved(DEEP, "TIFF"), picture),
    "packed.tif": (saved(PIXELS, "TIFF", compression="tiff_lzw"), picture),
    "a.jpg": (saved(PIXELS, "JPEG"), picture),
    "a.bmp": (saved(PIXELS, "BMP"), picture),
    "a.ppm": (saved(PIXELS, "PPM"), picture),
    "a.webp": (saved(PIXELS, "WEBP"), picture),
    "t10k-images-idx3-ubyte": (digits(), mnist),
    "t10k-images-idx3-ubyte.gz": (gzip.compress(digits()), mnist),
    "t10k-labels-idx1-ubyte": (labels(), mnist),
    "test_batch.bin": (records(), cifar),
    "test_batch": (batch(), cifar),
    "cifar-10-python.tar.gz": (tar(batch()), cifar),
    "test_X.bin": (bytes(3 * 96 * 96 * 2), stl10),
    "test_y.bin": (bytes([1, 10]), stl10),
}


@pytest.mark.parametrize("name", READERS)
def test_valid(name: str, tmp_path: Path) -> None:
    content, read = READERS[name]
    (tmp_path / name).write_bytes(content)
    assert len(read(tmp_path / name)) > 0


@pytest.mark.parametrize("seed", range(SEEDED))
@pytest.mark.parametrize("name", READERS)
def test_seeded_damage(name: str, seed: int, tmp_path: Path) -> None:
    content, read = READERS[name]
    for _, damaged in damages(content, seed, 2):
        (tmp_path / name).write_bytes(damaged)
        right_or_clear(lambda: read(tmp_path / name), name)


def png_bomb(side: int = 30_000) -> bytes:
    """Announces and holds 900 million pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(side * (side + 1) // 16), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


FLOAT = io.BytesIO()
Image.fromarray(np.linspace(0, 2, 12, dtype=np.float32).reshape(3, 4)).save(FLOAT, "TIFF")
BATCHES: dict[str, dict[str, Any]] = {
    "label negative": {"labels": [-1] * COUNT},
    "label text": {"labels": ["a"] * COUNT},
    "label half": {"labels": [0.5] * COUNT},
    "label nan": {"labels": [float("nan")] * COUNT},
    "label large": {"labels": [2**70] * COUNT},
    "label bool": {"labels": [True] * COUNT},
    "labels number": {"labels": 3},
    "labels few": {"labels": [1]},
    "data other type": {"data": np.zeros((COUNT, 3072))},
    "data other shape": {"data": np.zeros((COUNT, 3071), np.uint8)},
    "data none": {"data": None},
    "data empty": {"data": np.zeros((0, 3072), np.uint8), "labels": []},
}
#: Name of the damage -> file, and its content; what takes long to make is made where it is used.
NAMED: dict[str, tuple[str, bytes | Callable[[], bytes]]] = {
    "png bomb": ("a.png", png_bomb),
    "png bomb below the limit of PIL": ("a.png", lambda: png_bomb(12_000)),
    "png empty": ("a.png", b""),
    "png text": ("a.png", b"no image"),
    "png postscript": (
        "a.png",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
    ),
    "tif float": ("deep.tif", FLOAT.getvalue()),
    "mnist no image": ("t10k-images-idx3-ubyte", digits(0)),
    "mnist other size": ("t10k-images-idx3-ubyte", digits(side=27)),
    "mnist two axes": ("t10k-images-idx3-ubyte", write_idx(np.zeros((2, 28), np.uint8))),
    "mnist float": ("t10k-images-idx3-ubyte", write_idx(np.zeros((2, 28, 28)))),
    "mnist huge sizes": ("t10k-images-idx3-ubyte", b"\0\0\x08\x03" + b"\xff" * 12 + bytes(100)),
    "mnist label 10": ("t10k-labels-idx1-ubyte", labels(label=10)),
    "mnist fewer labels": ("t10k-labels-idx1-ubyte", labels(COUNT - 1)),
    "mnist no labels": ("t10k-labels-idx1-ubyte", labels(0)),
    "mnist gz bomb": ("t10k-images-idx3-ubyte.gz", lambda: gzip.compress(bytes(1 << 30), 9)),
    "cifar label 200": ("test_batch.bin", records(200)),
    "cifar cut": ("test_batch.bin", records()[:-1]),
    "cifar empty": ("test_batch.bin", b""),
    **{f"cifar pickle {name}": ("test_batch", batch(**changed)) for name, changed in BATCHES.items()},
    "cifar pickle of code": ("test_batch", b"cos\nsystem\n(S'true'\ntR."),
    "cifar pickle far memo": ("test_batch", b"\x80\x02}r\xff\xff\xff\x7f."),
    "cifar pickle in itself": ("test_batch", b"\x80\x02]q\x00h\x00a."),
    "cifar tar symlink": ("cifar-10-python.tar.gz", tar(link=tarfile.SYMTYPE)),
    "cifar tar hardlink": ("cifar-10-python.tar.gz", tar(link=tarfile.LNKTYPE)),
    "cifar tar device": ("cifar-10-python.tar.gz", tar(link=tarfile.CHRTYPE)),
    "cifar tar bomb": ("cifar-10-python.tar.gz", lambda: tar(zeros=1 << 30)),
    "cifar tar cut": ("cifar-10-python.tar.gz", tar(batch())[:-40]),
    "stl10 label 0": ("test_y.bin", bytes([0, 1])),
    "stl10 label 11": ("test_y.bin", bytes([1, 11])),
    "stl10 few labels": ("test_y.bin", bytes([1])),
    "stl10 cut": ("test_X.bin", bytes(3 * 96 * 96 * 2 - 1)),
}


@pytest.mark.parametrize("case", NAMED)
def test_named_damage(case: str, tmp_path: Path) -> None:
    name, content = NAMED[case]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content())
    right_or_clear(lambda: READERS[name][1](tmp_path / name), name, must_fail=True)


def test_one_bad_image_is_one_bad_image(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for number in range(3):
        (tmp_path / "a" / f"{number}.png").write_bytes(saved(PIXELS, "PNG"))
    for name, content in (
        ("cut.png", saved(PIXELS, "PNG")[:90]),
        ("bomb.png", png_bomb()),
        ("none.jpg", b""),
    ):
        (tmp_path / "a" / name).write_bytes(content)
    os.mkfifo(tmp_path / "a" / "pipe.png")
    (tmp_path / "a" / "._0.png").write_bytes(b"\0\5\x16\7 made by another system")

    def read() -> Any:
        data: Any = open_dataset(tmp_path)
        return len(data), sorted(Path(name).name for name, _ in data.broken)

    wanted = (3, ["bomb.png", "cut.png", "none.jpg", "pipe.png"])
    right_or_clear(read, str(tmp_path), lambda found: found == wanted)
    right_or_clear(lambda: len(ImageFolder(tmp_path / "a")), "a", must_fail=True)
