"""OBJ as programs write it: exact areas, and what is said of lines that are wrong."""

from __future__ import annotations

import pytest

from ccnn_pc.datasets.formats import parse
from tests.datasets.conftest import area, triangles

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
TWO = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\nv 10 0 0\nv 11 0 0\nv 10 2 0\nf -3 -2 -1\n"
CONCAVE = "v 0 0 0\nv 2 0 0\nv 2 1 0\nv 1 1 0\nv 1 2 0\nv 0 2 0\n"
HOLE = "".join(f"v {x} {y} 0\n" for x, y in ((0, 0), (4, 0), (4, 4), (0, 4), (1, 1), (1, 3), (3, 3), (3, 1)))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (SQUARE + "f 1 2 3 4\n", 1.0),
        (TWO, 1.5),
        (SQUARE + "f 1 -3 3 -1\n", 1.0),
        (f"\ufeff{SQUARE}f 1 2 3 4", 1.0),
        ("\t" + SQUARE.replace("\n", "\n  \t").replace("v ", "v\t") + "f\t1\t2 3  4\t\n", 1.0),
        (SQUARE.replace("\n", "\r\n") + "f 1 2 3 4\r\n", 1.0),
        (SQUARE.replace("\n", "\r") + "f 1 2 3 4\r", 1.0),
        (SQUARE + "f 1 2 \\\n 3 \\\n4\n", 1.0),
        (SQUARE.replace("v 1 1 0", "v 1 \\\r\n1 0") + "f 1 2 3 4\n", 1.0),
        (SQUARE + "vt 0 0\nvn 0 0 1\nf 1/1 2/1 3/1 4/1\n", 1.0),
        (SQUARE + "vn 0 0 1\nf 1//1 2//1 3//1\nf 1//1 3//1 4//1\n", 1.0),
        (SQUARE + "vt 0 0\nvn 0 0 1\nf 1/1/1 2/1/1 3/1/1\nf -4/-1/-1 -2/-1/-1 -1/-1/-1\n", 1.0),
        (SQUARE + "f 1/ 2/ 3/ 4/\n", 1.0),
        (SQUARE + "f 1 2/1 3//1 4/1/1\n", 1.0),
        ("f 1 2 3 4\n" + SQUARE, 1.0),
        ("".join(f"{line} 1.0\n" for line in SQUARE.splitlines()) + "f 1 2 3 4\n", 1.0),
        ("".join(f"{line} .5 .5 1\n" for line in SQUARE.splitlines()) + "f 1 2 3 4\n", 1.0),
        ("v 0 0 0 .1 .2 .3\nv 1 0 0\nv 1 1 0 1.0\nv 0 1 0 1 .1 .2 .3\nf 1 2 3 4\n", 1.0),
        (
            "mtllib a b.mtl\no one\n" + SQUARE + "g g1 g2\nusemtl v f 1\ns off\nf 1 2 3\no two\ng\nf 1 3 4\n",
            1.0,
        ),
        (SQUARE + "p 1\nl 1 2 3\nf 1 2 3 4\ncstype bezier\nvp 0 1\n", 1.0),
        (SQUARE + "f 1\nf 1 2\nf 1 2 3 4\n", 1.0),
        ("# by hand\n" + SQUARE.replace("v 1 1 0", "v 1 1 0 # the far one") + "f 1 2 3 4 # f 1 1 1\n", 1.0),
        *[
            (CONCAVE + f"f {order}\n", 3.0)
            for order in ("1 2 3 4 5 6", "2 3 4 5 6 1", "6 5 4 3 2 1", "-1 -6 -5 -4 -3 -2")
        ],
        (HOLE + "f 1 2 3 4 1 5 6 7 8 5\n", 12.0),
        (SQUARE + "f 1 2 3\nf 1 3 4\n" + "v 5 0 0\nv 7 0 0\nv 6 3 0\nv 6 1 0\nf 5 6 7 8\n", 1.0 + 2.0),
    ],
)
def test_areas(text: str, wanted: float) -> None:
    assert area(parse(text.encode(), "a.obj")) == pytest.approx(wanted, rel=1e-12)


def test_utf16() -> None:
    assert area(parse((SQUARE + "f 1 2 3 4\n").encode("utf-16"), "a.obj")) == pytest.approx(1)


def test_names_in_other_encodings() -> None:
    assert area(parse(b"o caf\xe9\n" + (SQUARE + "f 1 2 3 4\n").encode(), "a.obj")) == pytest.approx(1)


def test_faces_keep_their_order() -> None:
    raw = parse((TWO + "f 6 5 4\n").encode(), "a.obj")
    assert triangles(raw).tolist() == [[0, 1, 2], [3, 4, 5], [5, 4, 3]]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (SQUARE + "f 0 1 2\n", "line 5 names vertex 0 of 4, which count from 1"),
        (SQUARE + "f 1 2 3\nf 1 2 5\n", "line 6 names vertex 5 of 4"),
        ("v 0 0 0\nf -1 -2 -3\n" + SQUARE, "line 2 names vertex -2 of 5, .*back from the line's own"),
        (SQUARE + "f 1 2.5 3\n", "line 5 names vertex 2.5 of 4"),
        (SQUARE + "f 1 2 nan\n", "line 5 names vertex nan"),
        (SQUARE + "f 1 2 x\n", r"line 5 must hold numbers \(got '1 2 x'\)"),
        (SQUARE + "f 1/a 2 3\n", r"line 5 must hold numbers \(got '1/a 2 3'\)"),
        (SQUARE + "# c\nf 1 2 \\\n 3\nf 1 2 9\n", "line 8 names vertex 9 of 4"),
        ("v 0 0\n" + SQUARE + "f 1 2 3\n", r"line 1 must hold a vertex x y z \(got 2 numbers\)"),
        ("v 0 0 0 0\nv 1 1\nv 0 1 0\nf 1 2 3\n", r"line 2 must hold a vertex x y z \(got 2 numbers\)"),
        ("v 0 0 0 1 1\n" + SQUARE + "f 1 2 3\n", r"line 1 must hold a vertex x y z \(got 5 numbers\)"),
        ("v\n" + SQUARE + "f 1 2 3\n", r"line 1 must hold a vertex x y z \(got 0 numbers\)"),
        ("v 0 0 1,5\n" + SQUARE + "f 1 2 3\n", r"line 1 must hold numbers \(got '0 0 1,5'\)"),
        ("v 0 0 1_5\n" + SQUARE + "f 1 2 3\n", r"line 1 must hold numbers \(got '0 0 1_5'\)"),
        ("v 0 0 nan\nv 1 0 0\nv 1 1 0\nf 1 2 3\n", r"finite corners \(vertex 0"),
        ("v 0 0 1e39\nv 1 0 0\nv 1 1 0\nf 1 2 3\n", "within .*1e.?38"),
        ("o nothing\n", "no vertices"),
    ],
)
def test_wrong_lines_are_named(text: str, match: str) -> None:
    with pytest.raises(ValueError, match=rf"'a\.obj' cannot be read as obj: .*{match}"):
        parse(text.encode(), "a.obj")


@pytest.mark.parametrize("text", [SQUARE, SQUARE + "l 1 2\n", SQUARE + "f 1 2\n"])
def test_no_faces(text: str) -> None:
    with pytest.raises(ValueError, match=r"'a\.obj' is a mesh without faces"):
        parse(text.encode(), "a.obj")
