"""STL, text and binary: exact areas of what programs write, and what is said of damage."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from ccnn_pc.datasets.formats import parse
from tests.datasets.conftest import area, triangles

CORNERS = [((0, 0, 0), (1, 0, 0), (0, 1, 0)), ((5, 0, 0), (7, 0, 0), (5, 1, 0))]
"""Areas 0.5 and 1."""


def facet(corners: tuple[tuple[int, ...], ...]) -> str:
    rows = "".join(f"      vertex {x} {y} {z:.6e}\n" for x, y, z in corners)
    return f"  facet normal 0 0 1\n    outer loop\n{rows}    endloop\n  endfacet\n"


def binary(header: bytes = b"made by hand", count: int | None = None, behind: bytes = b"") -> bytes:
    rows = b"".join(
        struct.pack("<12fH", 0, 0, 1, *np.ravel(corners).astype(float), number)
        for number, corners in enumerate(CORNERS)
    )
    return (
        header.ljust(80, b"\0") + struct.pack("<I", len(CORNERS) if count is None else count) + rows + behind
    )


A, B = map(facet, CORNERS)


@pytest.mark.parametrize(
    "text",
    [
        f"solid a\n{A}{B}endsolid a\n",
        f"solid a\n{A}endsolid a\nsolid b\n{B}endsolid b\n",
        f"solid\n{A}endsolid\n\nsolid\n{B}endsolid",
        f"solid a\n{A}solid b\n{B}endsolid b\n",
        f"solid a part of facet 3 vertex 1 2 3\n{A}{B}endsolid a part of facet 3 vertex 1 2 3\n",
        f"solid outer loop\n{A}endsolid outer loop\nsolid endsolid\n{B}endsolid endsolid\n",
        f"solid facet normal 0 0 1\n{A}{B}endsolid vertex 9 9 9\n",
        f"SOLID A\n{A.upper()}{B.upper()}ENDSOLID A\n",
        f"\ufeff  solid é\n\n{A}\n{B}endsolid é\n",
        f"solid a\n{A}{B}endsolid a\n".replace("\n", "\r\n"),
        f"solid a\n{A}{B}endsolid a\n".replace("\n", "\r"),
        f"solid a\n{A}{B}endsolid a\n".replace(" ", "\t"),
        f"solid a\n{A}{B}endsolid a\n\0\0\0",
    ],
)
def test_text(text: str) -> None:
    raw = parse(text.encode(), "a.stl")
    assert len(triangles(raw)) == 2 and area(raw) == pytest.approx(1.5, rel=1e-12)
    assert raw.vertices[:, 0].max() == 7


@pytest.mark.parametrize(
    "data",
    [
        binary(),
        binary(b"solid made by a program that says so"),
        binary(b"solid facet normal outer loop vertex 1 2 3"),
        binary(behind=b"\0" * 50),
        binary(behind=b"end of file"),
        binary(b"solid x", behind=b"\r\n"),
    ],
)
def test_binary(data: bytes) -> None:
    raw = parse(data, "a.stl")
    assert len(triangles(raw)) == 2 and area(raw) == pytest.approx(1.5, rel=1e-12)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (binary()[:-1], "truncated: 2 triangles are announced, 1 are there"),
        (binary(count=3), "truncated: 3 triangles are announced, 2 are there"),
        (binary(count=1), "announces 1 triangles, and 2 are there"),
        (binary(count=2**32 - 1), "truncated"),
        (binary()[:60], "neither text that begins with 'solid' nor binary"),
        (f"solid a\n{A}endsolid a\nsolid b\n{B}".encode(), "cut off: its last solid has no 'endsolid'"),
        (f"solid a\n{A}{B}".encode(), "cut off"),
        (
            f"solid a\n{A}{B}endsolid".replace("endloop", "").encode(),
            "line 9 is not understood|line 8 is not understood",
        ),
        (
            f"solid a\n{A}{B}endsolid".replace("      vertex 0 1 0.000000e+00\n", "").encode(),
            "line 6 is not understood",
        ),
        (
            f"solid a\n{A}endsolid".replace("vertex 1 0", "vertex 1").encode(),
            "'vertex' must hold three numbers",
        ),
        (f"solid a\n{A}endsolid".replace("vertex 1 0", "vertex 1 x").encode(), "'x' is not a number"),
        (
            f"solid a\n{A}endsolid".replace("facet normal", "fcaet normal").encode(),
            "line 2 is not understood",
        ),
        (f"solid a\n{A}endsolid".replace("vertex 1 0", "vertex nan 0").encode(), "finite corners"),
    ],
)
def test_damage(data: bytes, match: str) -> None:
    with pytest.raises(ValueError, match=rf"'a\.stl' cannot be read as stl: .*{match}"):
        parse(data, "a.stl")


def test_nothing_in_it() -> None:
    for data in (b"solid a\nendsolid a\n", b"x" * 80 + bytes(4)):
        with pytest.raises(ValueError, match=r"'a\.stl' holds no points"):
            parse(data, "a.stl")
