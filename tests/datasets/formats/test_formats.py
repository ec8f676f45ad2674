"""Readers of single files: OFF, text, numpy, what trimesh writes; what is wrong with a file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets.formats import parse, read_raw
from tests.datasets.conftest import CUBE, QUADS, area, off_text, triangles, volume

HALVES = [[q[0], *pair] for q in QUADS for pair in (q[1:3], q[2:4])]
"""The sides of the cube, cut into triangles."""


@pytest.mark.parametrize(
    "text",
    [
        off_text(),
        off_text(header="OFF"),
        off_text(header="OFF "),
        off_text(header="# a comment\nOFF\n# and more\n\n").replace("# a comment\n", ""),
        off_text().replace("\n", "\r\n"),
        off_text(polygons=HALVES),
        off_text(
            polygons=HALVES,
            header="OFF",
        ),
        "\n".join(line + " 255 0 0" if line.startswith("4 ") else line for line in off_text().splitlines()),
        off_text(vertices=np.hstack([CUBE, 0 * CUBE]), header="NOFF\n"),
    ],
    ids=[
        "quads",
        "glued",
        "spaced",
        "comments",
        "crlf",
        "triangles",
        "glued-triangles",
        "colours",
        "normals",
    ],
)
def test_off_variants_are_the_same_cube(text):
    raw = parse(text.encode(), "cube.off")
    assert raw.vertices.shape == (8, 3) and triangles(raw).shape == (12, 3)
    assert area(raw) == pytest.approx(6)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (off_text()[:150], "truncated"),
        (off_text().replace("4 1 5 7 3", "4 1 5 7"), "truncated"),
        (off_text().replace("4 1 5 7 3", "4 1 5 7 9"), "vertex 9 of 8"),
        (off_text().replace("1.0", "one"), "malformed"),
        ("OFF\n", "missing"),
        ("solid cube", "OFF"),
        ("OFF\n8 0 0\n" + "\n".join("0 0 0" for _ in range(8)), "without faces"),
        ("", "empty"),
        ("OFF\n99999999 99999999 0\n1 2 3\n", "truncated"),
    ],
)
def test_bad_off_files_are_named_with_the_reason(tmp_path, text, match):
    path = tmp_path / "chair_0001.off"
    path.write_text(text)
    with pytest.raises(ValueError, match=match) as error:
        read_raw(path)
    assert "chair_0001.off" in str(error.value)


@pytest.mark.parametrize(
    "text",
    ["0 1 2\n3 4 5\n", "x,y,z\n0,1,2\n3,4,5", "# comment\n0;1;2;9\n3;4;5;9\n", "2\n0\t1\t2\n3\t4\t5\n\n"],
    ids=["spaces", "csv", "semicolons", "count"],
)
def test_text_clouds(text):
    raw = parse(text.encode(), "cloud.csv")
    np.testing.assert_array_equal(raw.vertices, [[0, 1, 2], [3, 4, 5]])
    assert raw.faces is None and raw.normals is None


def test_text_normals_are_told_from_colours():
    normals = parse(b"0,1,2,0,0.6,0.8\n3,4,5,1,0,0\n", "a.txt").normals
    assert normals is not None and normals.tolist() == [[0.0, 0.6, 0.8], [1.0, 0.0, 0.0]]
    assert parse(b"0 1 2 255 0 0\n3 4 5 9 9 9\n", "a.xyz").normals is None


@pytest.mark.parametrize("text", ["0 1\n2 3\n", "0 1 2\n3 4\n", "# nothing\n", "x y z\na b c\n"])
def test_bad_text(text):
    with pytest.raises(ValueError, match=r"'a\.xyz' cannot be read as xyz"):
        parse(text.encode(), "a.xyz")


def test_numpy_files():
    def saved(save: Callable[..., None], *args: Any, **kwargs: Any) -> bytes:
        buffer = io.BytesIO()
        save(buffer, *args, **kwargs)
        return buffer.getvalue()

    np.testing.assert_array_equal(parse(saved(np.save, CUBE), "a.npy").vertices, CUBE)
    mesh = parse(saved(np.savez, vertices=CUBE, faces=[[0, 1, 2]]), "a.npz")
    assert triangles(mesh).tolist() == [[0, 1, 2]]
    cloud = parse(saved(np.savez, pos=CUBE, normal=CUBE), "a.npz")
    np.testing.assert_array_equal(cloud.normals, CUBE)
    for data in (
        saved(np.save, np.zeros(3)),
        saved(np.savez, a=CUBE),
        saved(np.save, CUBE)[:150],
        b"not numpy",
    ):
        with pytest.raises(ValueError, match="cannot be read"):
            parse(data, "a.npz")


@pytest.mark.parametrize("suffix", ["obj", "stl", "glb"])
def test_what_trimesh_writes(suffix):
    trimesh = pytest.importorskip("trimesh")
    box = trimesh.creation.box(extents=(1, 2, 3))
    data = box.export(file_type=suffix)
    raw = parse(data.encode() if isinstance(data, str) else data, f"box.{suffix}")
    assert volume(raw) == pytest.approx(6, rel=1e-5) and len(triangles(raw)) == 12
    scene = trimesh.Scene([box, box.copy().apply_translation([5, 0, 0])])
    if suffix == "glb":
        assert volume(parse(scene.export(file_type="glb"), "scene.glb")) == pytest.approx(12, rel=1e-5)


@pytest.mark.parametrize("suffix", ["obj", "stl", "glb"])
def test_rubbish_in_mesh_formats(suffix):
    with pytest.raises(ValueError, match=rf"'x\.{suffix}'"):
        parse(b"this is no mesh at all" * 9, f"x.{suffix}")


def test_unknown_and_missing_files(tmp_path):
    with pytest.raises(ValueError, match=r"unknown format.*off, ply"):
        parse(b"1", "thesis.docx")
    with pytest.raises(FileNotFoundError, match=r"no\.off"):
        read_raw(tmp_path / "no.off")


def test_shared_scans(shared):
    clouds = shared / "data" / "clouds"
    kinect = read_raw(clouds / "kinect_mosd_test0.pcd")
    assert len(kinect.vertices) == 307200 and int(np.isfinite(kinect.vertices).all(axis=1).sum()) == 189198
    igea = read_raw(clouds / "igea.ply")
    assert triangles(igea).shape == (268686, 3)
    # closed and consistently oriented: every directed edge once, its reverse once
    edges = triangles(igea)[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).astype(np.int64)
    there = np.sort(edges[:, 0] * 2**32 + edges[:, 1])
    back = np.sort(edges[:, 1] * 2**32 + edges[:, 0])
    assert len(np.unique(there)) == len(there) and np.array_equal(there, back)
    full, ground = (read_raw(clouds / f"samp51-utm{kind}.pcd").vertices for kind in ("", "-ground"))
    assert len(full) == 17845 and {tuple(row) for row in ground} <= {tuple(row) for row in full}


def test_shared_meshes_all_read(shared):
    with zipfile.ZipFile(shared / "data" / "modelnet10" / "meshes.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".off")]
        sizes = [len(triangles(parse(archive.read(name), name))) for name in names]
    assert len(sizes) == 160 and min(sizes) == 72 and max(sizes) == 8278
