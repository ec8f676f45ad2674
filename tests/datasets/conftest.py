"""Small files of every format, and a cache that belongs to the test."""

from __future__ import annotations

import numpy as np
import pytest

from ccnn_pc.datasets.formats import RawShape

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
QUADS = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """No test sees or leaves anything in the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("CCNN_PC_CACHE", str(folder))
    return folder


def off_text(vertices: np.ndarray = CUBE, polygons: list[list[int]] = QUADS, header: str = "OFF\n") -> str:
    """An OFF file; ``header="OFF"`` glues the counts to it."""
    lines = [f"{header}{len(vertices)} {len(polygons)} 0"]
    lines += [" ".join(str(float(value)) for value in row) for row in vertices]
    lines += [" ".join(str(value) for value in [len(polygon), *polygon]) for polygon in polygons]
    return "\n".join(lines) + "\n"


@pytest.fixture
def cube_off() -> str:
    return off_text()


@pytest.fixture
def arrays(tmp_path, rng):
    """A folder with train.npz and test.npz in the layout of integer arrays."""
    for part, n in (("train", 20), ("test", 8)):
        points = rng.integers(-32767, 32768, size=(n, 64, 3)).astype(np.int16)
        normals = rng.normal(size=(n, 64, 3))
        normals = np.rint(127 * normals / np.linalg.norm(normals, axis=2, keepdims=True)).astype(np.int8)
        np.savez(
            tmp_path / f"{part}.npz",
            points=points,
            normals=normals,
            label=(np.arange(n) % 2).astype(np.uint8),
            name=np.array([f"{part}_{i}" for i in range(n)]),
            classes=np.array(["a", "b"]),
        )
    return tmp_path


def triangles(raw: RawShape) -> np.ndarray:
    assert raw.faces is not None
    return raw.faces


def area(raw: RawShape) -> float:
    a, b, c = (raw.vertices[triangles(raw)[:, i]] for i in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def volume(raw: RawShape) -> float:
    a, b, c = (raw.vertices[triangles(raw)[:, i]] for i in range(3))
    return float((np.cross(a, b) * c).sum() / 6)
