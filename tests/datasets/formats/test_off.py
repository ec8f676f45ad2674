"""OFF as people write it, and what is said of files that are damaged."""

from __future__ import annotations

import numpy as np
import pytest

from ccnn_pc.datasets.formats import parse
from tests.datasets.conftest import area, triangles

TAIL = "0 0 1 9 9 9 9 0 0"
TRIANGLE = "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
L = "OFF\n6 1 0\n0 0 0\n2 0 0\n2 1 0\n1 1 0\n1 2 0\n0 2 0\n6 {}\n"
DART = "OFF\n4 1 0\n0 0 0\n1 .5 0\n2 0 0\n1 2 0\n4 {}\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        *[(L.format(order), 3.0) for order in ("0 1 2 3 4 5", "1 2 3 4 5 0", "5 4 3 2 1 0", "4 3 2 1 0 5")],
        *[(DART.format(order), 1.5) for order in ("0 1 2 3", "3 2 1 0", "2 3 0 1")],
        (f"# exported\n\n# by hand\nOFF\n3 1 0\n{TRIANGLE}", 0.5),
        (f"\ufeffOFF\n3 1 0\n{TRIANGLE}", 0.5),
        (f"\ufeff# both\nOFF # here\n3 1 0 # counts\n{TRIANGLE}# end", 0.5),
        (f"\n\n  off 3 1 0\n{TRIANGLE}", 0.5),
        (f"OFF 3 1\n{TRIANGLE}", 0.5),
        (f"OFF\n3\n1\n0\n{TRIANGLE}", 0.5),
        (f"OFF\r3 1 0\r{TRIANGLE}".replace("\n", "\r"), 0.5),
        ("OFF\n4 1 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4\n0\n1 2\n3 255 0 0\n", 1.0),
        ("OFF\n4 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1\n2 3\n3 0 1 2\n", 1.5),
        ("OFF\n3 1 0\n0 0 0 1 0 0 0 1 0 3 0 1 2", 0.5),
        ("COFF\n3 1 0\n0 0 0 255 0 0 255\n1 0 0 255 0 0 255\n0 1 0 255 0 0 255\n3 0 1 2\n", 0.5),
        ("NOFF\n3 1 0\n0 0 0 0 0 1\n1 0 0 0 0 1\n0 1 0 0 0 1\n3 0 1 2\n", 0.5),
        ("STOFF\n3 1 0\n0 0 0 0 0\n1 0 0 0 1\n0 1 0 1 1\n3 0 1 2\n", 0.5),
        (f"STCNOFF\n3 1 0\n0 0 0 {TAIL}\n1 0 0 {TAIL}\n0 1 0 {TAIL}\n3 0 1 2\n", 0.5),
        ("OFF\n3 2 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n2 0 1\n", 0.5),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2 7\n", 0.5),
    ],
)
def test_areas(text: str, wanted: float) -> None:
    assert area(parse(text.encode(), "a.off")) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("OFF\n3 1 0\n0 0 0\n1 0\n0 1 0\n3 0 1 2\n", r"line 4 must hold a vertex of 3 numbers.* \(got 2\)"),
        (
            "OFF\n# c\n3 1 0\n\n0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
            r"line 5 must hold a vertex of 3 numbers.* \(got 2\)",
        ),
        (
            "OFF\n3 1 0\n0 0 0\n1 0 0 5\n0 1 0\n3 0 1 2\n",
            r"line 4 must hold a vertex of 3 numbers.* \(got 4\)",
        ),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 -1\n", "a face names vertex -1 of 3, which count from 0"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 1 2 3\n", "a face names vertex 3 of 3, which count from 0"),
        (
            "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1.5 2\n",
            r"line 6 must name vertices by whole numbers \(got 1.5\)",
        ),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 nan 2\n", "line 6 must name vertices by whole numbers"),
        (
            "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n-3 0 1 2\n",
            r"line 6 must begin with a number of corners \(got -3\)",
        ),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1\n", "the face in line 6 announces 3 corners and has 2"),
        (
            "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n3 2 1 0\n",
            "line 7 must be the end: 1 faces are announced",
        ),
        (
            "OFF\n3 3 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n3 2 1 0\n",
            "truncated: 3 faces are announced, 2 are there",
        ),
        (
            "OFF\n3 2 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n3 2 1 0 2\n",
            r"line 7 .* end after its corners.*\(got 1 more",
        ),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2 0 0\n", r"line 6 .* end after its corners.*\(got 2 more"),
        ("OFF\n4 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", "must hold a vertex of 3|truncated"),
        (
            "OFF\n2 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
            r"line 5 must begin with a number of corners \(got 0\)",
        ),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1_0 0\n3 0 1 2\n", r"line 5 is malformed.*'0 1_0 0'"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1,5 0\n3 0 1 2\n", r"line 5 is malformed.*'0 1,5 0'"),
        ("4OFF\n1 1 0\n0 0 0 0\n", "do not have three coordinates"),
        ("nOFF\n2\n1 1 0\n0 0\n", "do not have three coordinates"),
        ("OFF BINARY\n", "binary OFF"),
        ("# OFF\n3 1 0\n", "does not start with 'OFF'"),
        ("OFF\n-3 1 0\n" + TRIANGLE, "numbers of vertices and faces are missing"),
    ],
)
def test_damage_is_named(text: str, match: str) -> None:
    with pytest.raises(ValueError, match=rf"'a\.off' cannot be read as off: .*{match}"):
        parse(text.encode(), "a.off")


def test_coloured_faces_among_plain_ones() -> None:
    text = "OFF\n4 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2\n3 0 2 3 255 0 0\n"
    raw = parse(text.encode(), "a.off")
    assert triangles(raw).tolist() == [[0, 1, 2], [0, 2, 3]]
    np.testing.assert_array_equal(raw.vertices[2], [1, 1, 0])


def test_colours_of_vertices_are_attributes():
    text = "COFF\n3 1 0\n0 0 0 255 0 0 9\n1 0 0 0 128 0 9\n0 1 0 0 0 1 9\n3 0 1 2\n"
    raw = parse(text.encode(), "a.off")
    assert {name: values.tolist() for name, values in raw.attributes.items()} == {
        "red": [255, 0, 0],
        "green": [0, 128, 0],
        "blue": [0, 0, 1],
        "alpha": [9, 9, 9],
    }
    assert not parse(text.replace("COFF", "NOFF").replace(" 9\n", "\n").encode(), "a.off").attributes
