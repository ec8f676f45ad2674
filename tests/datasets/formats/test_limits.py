"""Bombs: what unpacks to, or announces, far more than the file holds is refused before memory is taken."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets.formats.limits import check_unpacked, most_bytes
from ccnn_pc.datasets.formats.numpy_file import read_npy, read_npz
from ccnn_pc.datasets.formats.packed import Store, unpacked

MIB = 2**20
ZEROS = bytes(20 * MIB)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 MiB for every file, so that small bombs do."""
    monkeypatch.setenv("CCNN_PC_MAX_UNPACKED", "1")


def peak(call: Callable[[], Any]) -> int:
    """Most bytes that ``call`` held before it raised."""
    tracemalloc.start()
    with pytest.raises(ValueError, match="too many for the"):
        call()
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return held


def packed_zip(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def saved(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_the_bound_is_the_larger_of_two_and_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    assert most_bytes(10) == MIB and most_bytes(MIB) == 100 * MIB
    check_unpacked(MIB, 10)
    with pytest.raises(
        ValueError, match=r"'a' announces .* to 1048577 bytes, too many .* at least 2 \(MiB\)"
    ):
        check_unpacked(MIB + 1, 10, "'a'")
    monkeypatch.setenv("CCNN_PC_MAX_UNPACKED", "2")
    check_unpacked(MIB + 1, 10)
    monkeypatch.delenv("CCNN_PC_MAX_UNPACKED")
    assert most_bytes(10) == 256 * MIB
    monkeypatch.setenv("CCNN_PC_MAX_UNPACKED", "2 GiB")
    with pytest.raises(ValueError, match=r"'CCNN_PC_MAX_UNPACKED' must be .* MiB \(got '2 GiB'\)"):
        most_bytes(1)


@pytest.mark.parametrize("pack, name", [(gzip.compress, "a.gz"), (lzma.compress, "a.xz")])
def test_compressed_files(pack: Callable[[bytes], bytes], name: str) -> None:
    assert unpacked(pack(ZEROS[:MIB]), name) == ZEROS[:MIB]
    data = pack(ZEROS)
    assert peak(lambda: unpacked(data, name)) < 15 * MIB  # xz: a dictionary of 8
    with pytest.raises(ValueError, match=rf"'{name}' is damaged or cut off"):
        unpacked(pack(b"abcdefghij" * 9)[:-9], name)


@pytest.mark.parametrize("asked", ["a.bin", "b.bin"])
def test_tar_members(asked: str, tmp_path: Path) -> None:
    """Also one that nobody asks for: it would be unpacked to get past it."""
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("x/a.bin")
        info.size = len(ZEROS)
        archive.addfile(info, io.BytesIO(ZEROS))
    assert peak(lambda: Store(path, names=[asked]).read(asked)) < 10 * MIB


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_in_tar_archives(kind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("a.bin")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(ValueError, match=r"a\.tar' must hold 'a\.bin' as a file \(it is a link\)"):
        Store(path, names=["a.bin"]).read("a.bin")


def test_npz_members() -> None:
    data = packed_zip("points.npy", saved(np.zeros(20 * MIB, np.uint8)))
    assert peak(lambda: read_npz(data)) < 10 * MIB


def test_npy_headers_that_announce_more_than_there_is() -> None:
    assert read_npy(saved([[1.5, 2]])).tolist() == [[1.5, 2]]
    for shape in ((9999999999, 3), (3, 3), (-1, 3)):
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
        with pytest.raises(ValueError, match="truncated"):
            read_npy(buffer.getvalue() + bytes(48))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        saved([1.0])[:60],
        saved([1.0]).replace(b"'<f8'", b"'<q9'"),
        saved([1.0]).replace(b"{'descr'", b"{{{{{{{{"),
        saved([1.0])[:6] + b"\x03" + saved([1.0])[7:],
    ],
)
def test_damaged_npy(data: bytes) -> None:
    with pytest.raises(ValueError, match="it is not a readable numpy file|truncated"):
        read_npy(data)


def test_pickles_are_not_loaded() -> None:
    with pytest.raises(ValueError, match="member 'a.npy': it holds Python objects"):
        read_npz(packed_zip("a.npy", saved(np.array([{}], dtype=object))))


def test_npz_that_is_no_archive_of_arrays(tmp_path: Path) -> None:
    good = packed_zip("a.npy", saved([1.0, 2.0]))
    assert read_npz(good)["a"].tolist() == [1, 2]
    (tmp_path / "a.npz").write_bytes(good)
    assert read_npz(tmp_path / "a.npz")["a"].tolist() == [1, 2]
    encrypted = bytearray(good)
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        encrypted[good.index(mark) + (6 if mark[2] == 3 else 8)] |= 1
    method = bytearray(good)
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        method[good.index(mark) + (8 if mark[2] == 3 else 10)] = 99
    for data in (b"", good[:-30], good[: len(good) // 2], bytes(encrypted), bytes(method)):
        with pytest.raises(ValueError, match="not a readable npz archive"):
            read_npz(data)
    with pytest.raises(ValueError, match="member 'readme.txt': it is not a readable numpy file"):
        read_npz(packed_zip("readme.txt", b"no array"))
