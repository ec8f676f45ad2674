"""Text clouds as people write them: headings, separators, decimal commas, damaged lines."""

from __future__ import annotations

import numpy as np
import pytest

from ccnn_pc.datasets.formats import parse
from ccnn_pc.datasets.formats.columns import stored_type
from ccnn_pc.datasets.formats.raw import numbers

POINTS = [[0.5, 1.5, 2.5], [3.0, 4.0, 5.0]]


@pytest.mark.parametrize(
    "text",
    [
        "x,y,z\n0.5,1.5,2.5\n3,4,5\n",
        "Z;X;Y\n2.5;0.5;1.5\n5;3;4\n",
        "label\tx\ty\tz\n1\t0.5\t1.5\t2.5\n2\t3\t4\t5\n",
        "//X Y Z\n0.5 1.5 2.5\n3 4 5\n",
        "# x y z\n0.5 1.5 2.5\n3 4 5\n",
        "# scanned in May\n0.5 1.5 2.5\n3 4 5\n",
        '"x","y","z"\n"0.5","1.5","2.5"\n"3","4","5"\n',
        "'x','y','z'\n0.5,1.5,2.5\n3,4,5\n",
        ",x,y,z\n0,0.5,1.5,2.5\n1,3,4,5\n",
        "X [m], Y [m], Z [m]\n0.5, 1.5, 2.5\n3, 4, 5\n",
        "x y z\n0.5,1.5,2.5\n3,4,5\n",
        "2\n//X Y Z\n0.5 1.5 2.5\n3 4 5\n",
        "2\r\n0.5 1.5 2.5\r\n3 4 5\r\n",
        "\ufeff0.5 1.5 2.5\n3 4 5\n",
        "\ufeffx,y,z\n0.5,1.5,2.5\n3,4,5\n",
        "0,5 1,5 2,5\n3,0 4,0 5,0\n",
        "0,5\t1,5\t2,5\n3\t4\t5\n",
        "0,5;1,5;2,5\n3;4;5\n",
        '"0,5","1,5","2,5"\n"3","4","5"\n',
        "0.5 ;1.5 ;2.5\n3 ;4; 5\n",
        "0.5,\t1.5,\t2.5\n3,\t4,\t5\n",
        "0.5,1.5,2.5,\n3,4,5,\n",
        "Points:0,Points:1,Points:2\n0.5,1.5,2.5\n3,4,5\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_same_two_points(text, encoding):
    raw = parse(text.encode(encoding), "a.csv")
    assert raw.vertices.tolist() == POINTS and raw.normals is None


def test_columns_by_their_names_wherever_they_stand():
    heading = "Intensity,NZ,NY,NX,Z,Y,X,R,g,Blue,Class,GpsTime\n"
    rows = "9,1,0,0,2.5,1.5,0.5,255,128,1,7,0.25\n8,0,1,0,5,4,3,1,2,3,4,0.5\n"
    raw = parse((heading + rows).encode(), "a.txt")
    assert raw.vertices.tolist() == POINTS and raw.normals is not None
    assert raw.normals.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert {name: values.tolist() for name, values in raw.attributes.items()} == {
        "intensity": [9, 8],
        "red": [255, 1],
        "green": [128, 2],
        "blue": [1, 3],
        "label": [7, 4],
        "GpsTime": [0.25, 0.5],
    }
    assert raw.attributes["label"].dtype == np.int64


def test_columns_without_names_are_kept_under_their_numbers():
    raw = parse(b"0.5 1.5 2.5 9 8\n3 4 5 7 6\n", "a.xyz")
    assert {name: values.tolist() for name, values in raw.attributes.items()} == {
        "column_4": [9, 7],
        "column_5": [8, 6],
    }
    raw = parse(b"0 1 2 0 0.6 0.8 5\n3 4 5 1 0 0 6\n", "a.xyz")
    assert raw.normals is not None and raw.attributes["column_7"].tolist() == [5, 6]
    raw = parse(b"2\n0 1 2 -9 255 0 1\n3 4 5 8 7 6 5\n", "a.pts")
    assert list(raw.attributes) == ["intensity", "red", "green", "blue"]
    assert raw.attributes["intensity"].tolist() == [-9, 8]


def test_words_and_empty_cells_of_attributes():
    raw = parse(b"x,y,z,label,i\n0.5,1.5,2.5,tree,\n3,4,5,car,7\n", "a.csv")
    assert raw.vertices.tolist() == POINTS and raw.attributes["label"].tolist() == ["tree", "car"]
    np.testing.assert_array_equal(raw.attributes["i"], [np.nan, 7])


def test_names_that_items_use_themselves():
    raw = parse(b"x y z batch x_ batch_\n0 1 2 3 4 5\n", "a.txt")
    assert {name: values.tolist() for name, values in raw.attributes.items()} == {
        "batch_": [3],
        "x_": [4],
        "batch__2": [5],
    }


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("1 2 3 103.0\x100000 5 6\n4 5 6 7 8 9\n", r"line 1: '103\.0\\x100000' is not a number"),
        ("0.5 1.5 2.5x\n3 4 5\n6 7 8\n", r"line 1: '2\.5x' is not a number"),
        ("x y z\n1 2 3\n4 5 6_7\n", r"line 3: '6_7' is not a number"),
        ("1 2 1d5\n", "line 1: '1d5' is not a number"),
        ("1 2 3\n4 5\x00 6\n", r"line 2: '5\\x00' is not a number"),
        ("1 2 3\n4 5 1e400\n", "line 2: '1e400' is not a number"),
        ("1 2 1e39\n", r"within ±1e\+38"),
        ("x,y,z\n1,2,3\n4,,6\n", "line 3: column 'y' is empty"),
        ("1;2;3\n4;5;\n", "line 2: column 3 is empty"),
        ("x,y,z\n1,2,3\n4,NA,6\n", "line 3: 'NA' is not a number"),
        ("x,y,z,label\n1,2,3,4\n4,5,6,tree\n", r"line 3: 'tree' is not a number \(column 'label'"),
        ("x,y,z,t\n1,2,3,1_5\n", r"line 2: '1_5' is not a number \(column 't'"),
        ("x,y,z,t\n1,2,3,1d5\n", r"line 2: '1d5' is not a number \(column 't'"),
        ("x,y,z,Intensity\n1,2,3,high\n", r"line 2: 'high' is not a number"),
        ("1 2 3\n4 5\n6 7 8 9\n", "line 2 must have the 3 columns of line 1"),
        ("1,2,3\n4,5\n6,7,8,9\n", "line 2 must have the 3 columns of line 1"),
        (
            "x,y,z\n0,500,1,500,2,500\n",
            r"line 2 must have the 3 columns of its heading \(got 6; .*decimal commas",
        ),
        ("0,500,1,500,2,500\n3,250,4,250,5,250\n", "decimal commas"),
        ("1,5;2.5;3\n", "decimal commas .* decimal points"),
        ("1,234.5 2 3\n", "line 1"),
        ("1,2 3\n4,5 6\n", "at least 3 columns"),
        ("5\n1 2 3\n4 5 6\n", "line 1 announces 5 points, 2 follow"),
        ("1\n1 2 3\n4 5 6\n", "line 1 announces 1 points, 2 follow"),
        ("a b c\n1 2 3\n", "names of columns with x, y, z"),
        ("x y x z\n1 2 3 4\n", "two columns called x"),
        ("2\nwater\nO 0 0 0\nH 1 0 0\n", "line 1"),
        ("x,y,z\n", "no points"),
        ('x,y,z\n"1,2,3\n', "line 2"),
        ("".join(f"0.{i}25 1.500 2.{i}25\n" for i in range(10))[:-2], "truncated"),
    ],
)
def test_what_is_wrong_with_a_line(text, match):
    with pytest.raises(ValueError, match=match) as error:
        parse(text.encode(), "scan.txt")
    assert "'scan.txt'" in str(error.value) and "\n" not in str(error.value)


def test_whole_numbers_and_numbers_without_decimals_at_the_end_are_whole_files():
    assert len(parse(b"10,20,30,40,50,60\n11,21,31,41,51,61", "a.csv").vertices) == 2
    assert len(parse(b"\n".join([b"0.125 0.5 0.5"] * 5 + [b"1 1 1"]), "a.xyz").vertices) == 6


@pytest.mark.parametrize("text", ["1 2 x 3", "1_5", "1,5", "2 0x10", "1\x002", "1e400", "½"])
def test_only_numbers_are_numbers(text):
    with pytest.raises(ValueError, match="number"):
        numbers(text)


def test_types_of_stored_attributes():
    kept = {
        name: stored_type(name, np.array(values))
        for name, values in (
            ("label", [1, 2]),
            ("red", [1, 255]),
            ("time", [1.3e9, 1.3e9 + 0.5]),
            ("height", [0.1, 0.1]),
            ("k", ["a"]),
        )
    }
    assert {name: values.dtype.kind + str(values.dtype.itemsize) for name, values in kept.items()} == {
        "label": "i8",
        "red": "f4",
        "time": "f8",
        "height": "f4",
        "k": "U4",
    }
