"""Clouds and meshes in npy and npz as other tools store them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets.formats import parse
from tests.datasets.conftest import CUBE, QUADS, area

POINTS = np.random.default_rng(0).normal(size=(100, 3))
NORMALS = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_channels_first():
    np.testing.assert_array_equal(parse(npy(POINTS.T), "a.npy").vertices, POINTS)
    np.testing.assert_array_equal(parse(npz(points=POINTS.T), "a.npz").vertices, POINTS)
    raw = parse(npz(points=POINTS.T[:, :5], normals=NORMALS.T[:, :5]), "a.npz")  # the normals say so
    np.testing.assert_array_equal(raw.vertices, POINTS[:5])
    np.testing.assert_array_equal(raw.normals, NORMALS[:5])
    raw = parse(npz(points=POINTS, normals=NORMALS.T), "a.npz")
    np.testing.assert_array_equal(raw.normals, NORMALS)
    np.testing.assert_array_equal(parse(npy(CUBE[:3]), "a.npy").vertices, CUBE[:3])


def test_quads_are_two_triangles_each():
    raw = parse(npz(vertices=CUBE, faces=QUADS), "a.npz")
    assert raw.faces is not None and raw.faces.shape == (12, 3) and area(raw) == pytest.approx(6)
    raw = parse(npz(vertices=CUBE, faces=np.array(QUADS).T), "a.npz")
    assert raw.faces is not None and raw.faces.shape == (12, 3) and area(raw) == pytest.approx(6)


def test_attributes():
    colours = np.arange(300, dtype=np.uint8).reshape(100, 3)
    raw = parse(
        npz(points=POINTS, colors=colours, Intensity=np.arange(100.0)[:, None], f=np.ones((100, 2)), id=7),
        "a.npz",
    )
    assert list(raw.attributes) == ["red", "green", "blue", "intensity", "f"]
    np.testing.assert_array_equal(raw.attributes["green"], colours[:, 1])
    assert raw.attributes["intensity"].shape == (100,) and raw.attributes["f"].shape == (100, 2)
    raw = parse(npy(np.hstack([POINTS, NORMALS, POINTS[:, :1]])), "a.npy")
    np.testing.assert_array_equal(raw.normals, NORMALS)
    np.testing.assert_array_equal(raw.attributes["column_7"], POINTS[:, 0])


def test_structured_arrays_go_by_their_names():
    table = np.zeros(2, [("intensity", "u1"), ("z", "f4"), ("y", "f4"), ("x", "f4")])
    table["x"], table["intensity"] = [1, 2], [3, 4]
    raw = parse(npy(table), "a.npy")
    assert raw.vertices.tolist() == [[1, 0, 0], [2, 0, 0]] and raw.attributes["intensity"].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (npy(POINTS.T[:, :6]), r"\[3, 6\] may be 3 points or, channels first, 6"),
        (npy(np.hstack([POINTS, NORMALS]).T), r"\[6, 100\] may be"),
        (npy(POINTS[:, :2]), r"\[100, 2\]"),
        (npy(POINTS[None]), r"\[1, 100, 3\]"),
        (npy(POINTS.astype(complex)), "real numbers"),
        (npy(POINTS * 1e39), r"within ±1e\+38"),
        (npy(np.where(POINTS > 2, 1e308, POINTS)), r"within ±1e\+38"),
        (npz(points=POINTS, normals=NORMALS[:99]), r"'normals' must have shape \[100, 3\].*\[99, 3\]"),
        (npz(vertices=CUBE, faces=np.array(QUADS) + 1), "'faces' are counted from 1"),
        (npz(vertices=CUBE, faces=[[0, 1, 10**9]]), "vertex 1000000000 of 8"),
        (npz(vertices=CUBE, faces=[[0, 1, -1]]), "vertex -1 of 8"),
        (npz(vertices=CUBE, faces=[[0.0, 1, 2]]), "'faces' must be whole numbers"),
        (npz(vertices=CUBE, faces=[[0, np.nan, 2]]), "'faces' must be whole numbers"),
        (
            npz(vertices=CUBE, faces=[[0, 1]]),
            r"'faces' must have shape \[f, 3\] or \[f, 4\] \(got \[1, 2\]\)",
        ),
        (npz(points=np.array([["a", "b", "c"]])), "real numbers"),
        (npz(points=5.0), "shape"),
        (b"PK\3\4 no zip", "not a readable npz"),
    ],
)
def test_what_is_wrong_with_arrays(data, match):
    with pytest.raises(ValueError, match=match) as error:
        parse(data, "a.npz")
    assert "'a.npz'" in str(error.value) and "\n" not in str(error.value)
