"""Damaged clouds: xyz, csv, pts, npy, npz, pcd, ply, and arrays of a data set."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import CloudArrays, PointCloudFolder, read_shape
from tests.bad_inputs.damage import damages, finite, right_or_clear
from tests.datasets.conftest import CUBE, QUADS
from tests.datasets.formats.test_pcd import pcd
from tests.datasets.formats.test_ply import ply

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc"),
]

POINTS = np.round(np.random.default_rng(0).normal(size=(40, 3)), 6)
ROWS = "".join("{:.6f} {:.6f} {:.6f}\n".format(*row) for row in POINTS)


def saved(save: Any, *args: Any, **arrays: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *args, **arrays)
    return buffer.getvalue()


VALID = {
    "a.xyz": ROWS.encode(),
    "a.csv": ("x,y,z,intensity\n" + ROWS.replace(" ", ",").replace("\n", ",7\n")).encode(),
    "a.pts": b"40\n" + ROWS.encode(),
    "a.npy": saved(np.save, POINTS),
    "a.npz": saved(
        np.savez_compressed, points=POINTS, normals=np.tile([0.0, 0, 1], (40, 1)), intensity=POINTS[:, 0]
    ),
    "mesh.npz": saved(np.savez, vertices=CUBE, faces=QUADS),
    "ascii.pcd": pcd("ascii", POINTS),
    "binary.pcd": pcd("binary", POINTS),
    "lzf.pcd": pcd("binary_compressed", POINTS),
    "ascii.ply": ply("ascii", QUADS, normals=True),
    "little.ply": ply("<", QUADS, normals=True),
    "big.ply": ply(">", None, normals=True),
}
#: Formats that say how much they hold: of a part of them no cloud may be made.
COUNTED = {"a.pts", "a.npy", "a.npz", "mesh.npz", "ascii.pcd", "binary.pcd", "lzf.pcd"} | {
    name for name in VALID if name.endswith("ply")
}
MUTATIONS = [
    pytest.param(name, damage, data, id=f"{name}-{damage}")
    for name, valid in VALID.items()
    for damage, data in damages(valid, 15, 60)
    if data
]
CUTS = [(name, at) for name in sorted(COUNTED) for at in (0.1, 0.3, 0.5, 0.7, 0.9, 0.97)]


def answer(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    data = read_shape(path, None, normals=False)
    return data.pos.numpy(), data.normal.numpy() if "normal" in data else None


@pytest.mark.parametrize(("name", "damage", "data"), MUTATIONS)
def test_mutations(tmp_path, name, damage, data):
    (tmp_path / name).write_bytes(data)
    right_or_clear(
        lambda: answer(tmp_path / name),
        name,
        lambda found: finite([each for each in found if each is not None]),
    )


@pytest.mark.parametrize(("name", "at"), CUTS)
def test_cuts(tmp_path, name, at):
    (tmp_path / name).write_bytes(VALID[name][: int(at * len(VALID[name]))])
    right_or_clear(lambda: answer(tmp_path / name), name, must_fail=True)


def replaced(name: str, *changes: tuple[bytes, bytes]) -> bytes:
    data = VALID[name]
    for old, new in changes:
        assert old in data, old
        data = data.replace(old, new, 1)
    return data


def zipped(compression: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def npy_header(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()


def encrypted() -> bytes:
    data = bytearray(zipped(points=VALID["a.npy"]))
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + place] |= 1
    return bytes(data)


def lzf(unpacked: int, points: int, block: bytes) -> bytes:
    head = f"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH {points}\nHEIGHT 1\nDATA binary_compressed\n"
    return head.encode() + struct.pack("<II", len(block), unpacked) + block


def bomb() -> bytes:
    return zipped(points=npy_header((10**8, 3)) + bytes(1 << 29))


#: Name of the damage, file, content, made where it is used if that takes long: each must be refused.
REFUSED: list[tuple[str, str, bytes | Callable[[], bytes]]] = [
    ("empty", "a.xyz", b""),
    ("underscore", "a.xyz", b"1_5 2 3\n"),
    ("fortran_d", "a.xyz", b"1d5 2 3\n"),
    ("hexadecimal", "a.xyz", b"0x10 2 3\n"),
    ("other_digits", "a.xyz", "١ 2 3\n".encode()),
    ("ragged_average", "a.xyz", b"1 2 3\n4 5\n6 7 8 9\n"),
    ("nul", "a.xyz", b"1 2\x00 3\n"),
    ("count_wrong", "a.xyz", b"5\n1 2 3\n4 5 6\n"),
    ("count_negative", "a.pts", b"-2\n1 2 3\n4 5 6\n"),
    ("count_float", "a.pts", b"2.5\n1 2 3\n4 5 6\n"),
    ("two_columns", "a.csv", b"x,y\n1,2\n"),
    ("word", "a.csv", b"x,y,z\n1,2,three\n"),
    ("empty_cell", "a.csv", b"x,y,z\n1,,3\n"),
    ("open_quote", "a.csv", b'x,y,z\n1,2,"3\n'),
    ("thousands", "a.csv", b"1,234.5;2;3\n"),
    ("decimal_comma", "a.csv", b"0,500,1,500,2,500\n3,250,4,250,5,250\n"),
    ("damaged_first_line", "a.xyz", b"1 2 3x\n4 5 6\n"),
    ("only_names", "a.csv", b"x,y,z\n"),
    ("1e39", "a.xyz", b"1 2 1e39\n"),
    ("1e400", "a.xyz", b"1 2 1e400\n"),
    ("only_nan", "a.xyz", b"nan nan nan\n"),
    ("html", "a.txt", b"<!DOCTYPE html><html><body>404</body></html>\n"),
    ("binary", "a.xyz", bytes(range(256)) * 20),
    ("1e308", "a.npy", saved(np.save, np.full((5, 3), 1e308))),
    ("1e39", "a.npy", saved(np.save, np.full((5, 3), 1e39))),
    ("objects", "a.npy", saved(np.save, np.array([[{}, 1, 2]], dtype=object))),
    ("words", "a.npy", saved(np.save, np.array([["a", "b", "c"]]))),
    ("complex", "a.npy", saved(np.save, POINTS.astype(complex))),
    ("one_axis", "a.npy", saved(np.save, POINTS.ravel())),
    ("huge", "a.npy", npy_header((10**12, 3)) + bytes(100)),
    ("negative", "a.npy", npy_header((-5, 3)) + bytes(120)),
    ("faces_oob", "a.npz", saved(np.savez, vertices=CUBE, faces=[[0, 1, 8]])),
    ("faces_oob1e9", "a.npz", saved(np.savez, vertices=CUBE, faces=[[0, 1, 10**9]])),
    ("faces_from_1", "a.npz", saved(np.savez, vertices=CUBE, faces=np.array(QUADS) + 1)),
    ("faces_negative", "a.npz", saved(np.savez, vertices=CUBE, faces=[[0, 1, -1]])),
    ("faces_float", "a.npz", saved(np.savez, vertices=CUBE, faces=np.array(QUADS) * 1.0)),
    ("faces_nan", "a.npz", saved(np.savez, vertices=CUBE, faces=[[0, 1, np.nan]])),
    ("normals_short", "a.npz", saved(np.savez, points=POINTS, normals=POINTS[1:])),
    ("ambiguous", "a.npz", saved(np.savez, points=POINTS[:6].T)),
    ("not_npy", "a.npz", zipped(points=b"no array at all")),
    ("encrypted", "a.npz", encrypted()),
    ("bomb", "a.npz", bomb),
    ("announced", "a.npz", zipped(points=npy_header((10**10, 3)) + bytes(99))),
    ("no_points", "a.npz", saved(np.savez, a=POINTS)),
    *(("count", "ascii.pcd", replaced("ascii.pcd", (b"POINTS 40", b"POINTS " + n))) for n in (b"-1", b"39", b"41")),
    *(("count", "binary.pcd", replaced("binary.pcd", (b"POINTS 40", b"POINTS " + n))) for n in (b"-40", b"-1", b"39")),
    *(("count", "lzf.pcd", replaced("lzf.pcd", (b"POINTS 40", b"POINTS " + n))) for n in (b"-1", b"39", b"4e1")),
    ("both_counts", "lzf.pcd", replaced("lzf.pcd", (b"POINTS 40", b"POINTS 39"), (b"WIDTH 40", b"WIDTH 39"))),
    ("both_counts", "binary.pcd", replaced("binary.pcd", (b"POINTS 40", b"POINTS 39"), (b"WIDTH 40", b"WIDTH 39"))),
    ("count0", "ascii.pcd", replaced("ascii.pcd", (b"COUNT 1 1", b"COUNT 1 0"))),
    ("width", "ascii.pcd", replaced("ascii.pcd", (b"WIDTH 40", b"WIDTH 20"))),
    ("width_0", "ascii.pcd", replaced("ascii.pcd", (b"WIDTH 40", b"WIDTH 0"))),
    ("size_3", "binary.pcd", replaced("binary.pcd", (b"SIZE 4 4", b"SIZE 4 3"))),
    ("extra_column", "ascii.pcd", VALID["ascii.pcd"].replace(b" 0 0 1\n", b" 0 0 1 5\n")),
    ("lost_digits", "ascii.pcd", replaced("ascii.pcd", (b"DATA ascii\n", b"DATA ascii\nx"))),
    ("layout", "binary.pcd", replaced("binary.pcd", (b"DATA binary", b"DATA packed"))),
    ("lzf_bomb", "lzf.pcd", lzf(120, 10, bytes([0, 65]) + bytes([0xE0, 255, 0]) * 230_000)),
    ("lzf_announced", "lzf.pcd", lzf(12 * 10**8 // 4, 10**8 // 4, bytes([0, 65]))),
    ("lzf_before_start", "lzf.pcd", lzf(12, 1, bytes([0x20, 200] * 6))),
    ("rows_plus1", "little.ply", replaced("little.ply", (b"vertex 8", b"vertex 9"))),
    ("rows_minus1", "little.ply", replaced("little.ply", (b"vertex 8", b"vertex 7"))),
    ("rows_negative", "big.ply", replaced("big.ply", (b"vertex 8", b"vertex -8"))),
    ("rows_huge", "big.ply", replaced("big.ply", (b"vertex 8", b"vertex 1000000000000"))),
    ("faces_minus1", "little.ply", replaced("little.ply", (b"face 6", b"face 5"))),
    ("list_negative", "little.ply", replaced("little.ply", (b"list uchar", b"list char"))[:-17] + b"\xff" + bytes(16)),
    ("index_float", "little.ply", replaced("little.ply", (b"uchar int vertex", b"uchar float vertex"))),
    ("type", "little.ply", replaced("little.ply", (b"float x", b"half x"))),
    ("no_format", "little.ply", replaced("little.ply", (b"format", b"comment"))),
    ("no_x", "ascii.ply", replaced("ascii.ply", (b"float x", b"float q"))),
    ("ragged", "ascii.ply", replaced("ascii.ply", (b"0.0 0.0 1.0 0.0", b"0.0 0.0 1.0"))),
    ("index_half", "ascii.ply", replaced("ascii.ply", (b"4 0 1 3 2", b"4 0 1 3 2.5"))),
    ("index_oob", "ascii.ply", replaced("ascii.ply", (b"4 0 1 3 2", b"4 0 1 3 8"))),
    ("size_short", "ascii.ply", replaced("ascii.ply", (b"4 0 1 3 2", b"5 0 1 3 2"))),
    ("size_long", "ascii.ply", replaced("ascii.ply", (b"4 0 1 3 2", b"3 0 1 3 2"))),
    ("more_lines", "ascii.ply", VALID["ascii.ply"] + b"1 2 3\n"),
]  # fmt: skip


def made(content: bytes | Callable[[], bytes]) -> bytes:
    return content if isinstance(content, bytes) else content()


@pytest.mark.parametrize(
    ("name", "data"), [pytest.param(n, d, id=f"{n}-{i}-{k}") for i, (k, n, d) in enumerate(REFUSED)]
)
def test_named_damages(tmp_path, name, data):
    (tmp_path / name).write_bytes(made(data))
    right_or_clear(lambda: answer(tmp_path / name), name, must_fail=True)


#: Content that looks odd and is read: these two points.
TWO = np.array([[0.5, 1.5, 2.5], [3.0, 4.0, 5.0]])
READ = {
    "bom.xyz": b"\xef\xbb\xbf0.5 1.5 2.5\n3 4 5\n",
    "bom.csv": b"\xef\xbb\xbfx,y,z\n0.5,1.5,2.5\n3,4,5\n",
    "decimal_comma.xyz": b"0,5 1,5 2,5\n3,0 4,0 5,0\n",
    "decimal_comma_tab.xyz": b"0,5\t1,5\t2,5\n3\t4\t5\n",
    "quotes.csv": b'"x";"y";"z"\n"0,5";"1,5";"2,5"\n3;4;5\n',
    "padding.pcd": b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 2\nDATA binary\n"
    + TWO.astype("<f4").tobytes()
    + bytes(50),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_odd_but_right(tmp_path, name):
    (tmp_path / name).write_bytes(READ[name])
    np.testing.assert_allclose(answer(tmp_path / name)[0], TWO - TWO.mean(axis=0))


ARRAYS = {
    "points": np.random.default_rng(0).normal(size=(4, 9, 3)),
    "label": np.array([0, 1, 0, 1]),
    "classes": np.array(["a", "b"]),
    "intensity": np.zeros((4, 9)),
}


def opened(path: Path) -> Any:
    data = CloudArrays(path, cache=path.parent / "cache")
    return [data[row].pos.numpy() for row in range(len(data))], data.labels.tolist()


@pytest.mark.parametrize(("damage", "data"), damages(saved(np.savez, **ARRAYS), 15, 60))  # type: ignore[arg-type]
def test_mutations_of_arrays(tmp_path, damage, data):
    (tmp_path / "data.npz").write_bytes(data)
    right_or_clear(lambda: opened(tmp_path / "data.npz"), "data.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"label": np.array([0, 0.5, 1, 1])},
        {"label": np.array(["a", "b", "a", "b"])},
        {"label": np.array([0, 1, 2, 1])},
        {"label": np.array([0, 1, -1, 1])},
        {"label": np.array([0, 1, np.nan, 1])},
        {"label": np.array([0, 1])},
        {"normals": np.full((4, 9, 3), np.nan)},
        {"normals": np.zeros((4, 8, 3))},
        {"classes": np.array("a")},
        {"classes": np.array(["a", "a"])},
        {"center": np.zeros((3, 3))},
        {"scale": np.zeros(4)},
        {"name": np.array(["a"])},
        {"points": np.full((4, 9, 3), np.inf)},
        {"points": np.full((4, 9, 3), 1e300)},
        {"points": np.zeros((4, 0, 3))},
        {"points": np.zeros((4, 9, 3), dtype="U1")},
    ],
    ids=lambda change: f"{next(iter(change))}-{next(iter(change.values())).shape}",
)
def test_named_damages_of_arrays(tmp_path, change):
    np.savez(tmp_path / "data.npz", **{**ARRAYS, **change})
    right_or_clear(lambda: opened(tmp_path / "data.npz"), "data.npz", must_fail=True)


def test_a_folder_counts_every_refused_file_and_reads_the_others(tmp_path):
    (tmp_path / "a").mkdir()
    for number, (damage, name, data) in enumerate(REFUSED):
        (tmp_path / "a" / f"{number}_{damage}_{name}").write_bytes(made(data))
    for name, data in READ.items():
        (tmp_path / "a" / name).write_bytes(data)
    with pytest.warns(UserWarning, match=f"{len(REFUSED)} of {len(REFUSED) + len(READ)} files"):
        found = PointCloudFolder(tmp_path, normals=False, cache=tmp_path / "cache")
    assert len(found) == len(READ) and len(found.broken) == len(REFUSED)
    assert all(Path(path).name in reason for path, reason in found.broken)
