"""Wide tables and a file per series: the same series as from a long table; parts, groups and targets of a table."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import LongCSV
from ccnn_pc.datasets.looking.look import look_at
from ccnn_pc.datasets.tables.series_files import read_cells

COUNT = 24


def values(row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, and two variables, the second observed at every other time alone."""
    random = np.random.default_rng(row)
    times = np.sort(random.choice(40, 8 + row % 3, replace=False)) * 0.5
    second = random.normal(size=len(times)).round(3)
    second[1::2] = np.nan
    return times, random.normal(size=len(times)).round(3), second


def cell(number: float, comma: bool = False) -> str:
    text = "" if np.isnan(number) else f"{number:g}"
    return text.replace(".", ",") if comma else text


def long_table(path: Path) -> Path:
    rows = ["id,time,variable,value,label"]
    for row in range(COUNT):
        for time, *pair in zip(*values(row), strict=True):
            rows += [
                f"s{row:02},{time:g},{name},{cell(each)},{'ab'[row % 2]}"
                for name, each in zip("xy", pair, strict=True)
            ]
    path.write_text("\n".join(rows))
    return path


def wide_table(path: Path, mark: str = ",", comma: bool = False, more: Any = None) -> Path:
    head = ["id", "time", "x", "y", *(["label"] if more is None else more(None))]
    rows = [mark.join(head)]
    for row in range(COUNT):
        for time, *pair in zip(*values(row), strict=True):
            said = ["ab"[row % 2]] if more is None else more(row)
            rows.append(
                mark.join([f"s{row:02}", cell(time, comma), *(cell(each, comma) for each in pair), *said])
            )
    path.write_text("\n".join(rows))
    return path


def files(root: Path, mark: str = ",", comma: bool = False, header: bool = True) -> Path:
    for row in range(COUNT):
        path = root / "ab"[row % 2] / f"s{row:02} ü.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            mark.join(cell(each, comma) or "NaN" for each in line) for line in zip(*values(row), strict=True)
        ]
        path.write_text("\n".join([mark.join(["time", "x", "y"])] * header + rows) + "\n")
    return root


def same(first: Any, second: Any) -> bool:
    keys = ("times", "x", "mask", "y")
    return len(first) == len(second) and all(
        torch.equal(a[key], b[key]) for a, b in zip(first, second, strict=True) for key in keys
    )


@pytest.mark.parametrize(("mark", "comma"), [(",", False), (";", True), ("\t", True)])
def test_layouts_hold_the_same_series(tmp_path: Path, mark: str, comma: bool) -> None:
    cache: dict[str, Any] = {"cache": tmp_path / "cache"}
    for part in ("train", "val", "test"):
        usual = LongCSV(long_table(tmp_path / "long.csv"), part, **cache)
        wide = LongCSV(wide_table(tmp_path / "wide.csv", mark, comma), part, layout="wide", **cache)
        each = LongCSV(files(tmp_path / "files", mark, comma), part, layout="files", **cache)
        assert usual.variables == wide.variables == each.variables == ["x", "y"]
        assert same(usual, wide)
        assert [name.split(" ")[0][2:] for name in each.ids] == sorted(
            usual.ids, key=lambda n: (int(n[1:]) % 2, n)
        )
        assert len(each) == len(usual) and each.classes == ["a", "b"]


def test_files_without_names(tmp_path: Path) -> None:
    table = read_cells(files(tmp_path, header=False) / "a" / "s00 ü.csv")
    assert table.names == ["column_1", "column_2", "column_3"]
    data = LongCSV(tmp_path, "train", layout="files", columns={"time": "column_1"}, cache=tmp_path / "cache")
    assert data.variables == ["column_2", "column_3"]
    assert look_at(tmp_path).words["data.columns.time"] == "column_1"


def test_a_model_reads_other_files_as_those_of_its_training(tmp_path: Path) -> None:
    root = files(tmp_path / "files")
    data = LongCSV(root, "train", layout="files", cache=tmp_path / "cache")
    described = data.description()
    row = int(data._rows[0])
    again = LongCSV.as_trained(root / data.ids[row], described, labelled=False)
    assert (
        len(again) == 1 and torch.equal(again[0].x, data[0].x) and torch.equal(again[0].times, data[0].times)
    )
    assert LongCSV.as_trained(root, described, "test", classes=data.classes).classes == ["a", "b"]


def test_parts_and_groups_of_a_table(tmp_path: Path) -> None:
    def more(row: int | None) -> list[str]:
        return ["label", "set"] if row is None else ["ab"[row % 2], ("Train", "valid", "test")[row // 8]]

    table = wide_table(tmp_path / "wide.csv", more=more)
    found = look_at(table)
    assert found.words["data.layout"] == "wide" and found.words["data.split_column"] == "set"
    parts = [
        LongCSV(table, part, layout="wide", split_column="set", cache=tmp_path / "c")
        for part in ("train", "val", "test")
    ]
    assert [[part.ids[row] for row in part._rows] for part in parts] == [
        [f"s{row:02}" for row in range(first, first + 8)] for first in (0, 8, 16)
    ]

    def grouped(row: int | None) -> list[str]:
        return ["label", "patient"] if row is None else ["ab"[row % 2], f"p{row // 3}"]

    table = wide_table(tmp_path / "grouped.csv", more=grouped)
    assert look_at(table).words["data.group_column"] == "patient"
    rows = [
        LongCSV(
            table, part, layout="wide", group_column="patient", variables=["x", "y"], cache=tmp_path / "c"
        )._rows
        for part in ("train", "val", "test")
    ]
    patients = [{row // 3 for row in part.tolist()} for part in rows]
    assert all(patients) and sum(map(len, patients)) == 8 == len(set.union(*patients))


def test_several_numbers_are_learned_from_a_file_of_them(tmp_path: Path) -> None:
    table = wide_table(tmp_path / "wide.csv", more=lambda row: [])
    rows = [f"s{row:02};{row};{row / 4:g}".replace(".", ",") for row in range(COUNT)]
    (tmp_path / "targets.csv").write_text("\n".join(["id;age;mass", *rows]))
    (tmp_path / "wrong.csv").write_text("\n".join(["id;age;mass", *rows]).replace("0,25", "much"))
    with pytest.raises(ValueError, match=r"wrong\.csv' line 3: 'mass' of 's01' must be a number .got 'much'"):
        LongCSV(table, "train", layout="wide", labels=tmp_path / "wrong.csv", targets=["age", "mass"])
    (tmp_path / "wrong.csv").unlink()
    options: dict[str, Any] = {
        "labels": tmp_path / "targets.csv",
        "targets": ["age", "mass"],
        "cache": tmp_path / "c",
    }
    data = LongCSV(table, "train", layout="wide", **options)
    assert data.classes == ["age", "mass"] and data[0].y.shape == (1, 2)
    row = int(data._rows[3])
    assert data[3].y.tolist() == [[row, row / 4]]
    found = look_at(tmp_path / "wide.csv", {"task": "regression", "data.targets": ["age", "mass"]})
    assert found.words["data.labels"] == str(tmp_path / "targets.csv")


def test_labels_beside_a_table_and_names_of_ones_own(tmp_path: Path) -> None:
    rows = ["Patient;Hours;pulse;ward"]
    for row in range(COUNT):
        rows += [f"p{row};{0.5 * n:g};{60 + n};north".replace(".", ",") for n in range(5)]
    (tmp_path / "all.csv").write_text("\n".join(rows))
    (tmp_path / "who.csv").write_text(
        "\n".join(["Patient;Diagnosis", *(f"p{r};{'ab'[r % 2]}" for r in range(COUNT))])
    )
    found = look_at(tmp_path)
    assert found.experiment == "long_csv_tiny" and found.root == tmp_path / "all.csv"
    assert found.words["data.labels"] == str(tmp_path / "who.csv")
    assert (found.words["data.columns.id"], found.words["data.columns.label"]) == ("Patient", "Diagnosis")
    assert found.words["data.variables"] == ["pulse"] and "ward of words" in found.notes[0]


def test_dates_are_counted_in_the_unit_of_their_distances(tmp_path: Path) -> None:
    rows = ["id,date,x,label"]
    rows += [f"s{row},2024-01-{day:02},{day},{'ab'[row % 2]}" for row in range(COUNT) for day in range(1, 6)]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    assert look_at(tmp_path / "t.csv").words["data.dates"] == "days"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time;x\n0;1,5\n1;2,5\n", None),
        ("time;x\n0;1,5\n1;2.5\n", r"'x' has decimal commas and a decimal point .got '1,5' and '2.5'"),
        ("time,x\n0,987\n1,995\n2,1.010\n3,1.250\n", "'x' has '1.010' beside '987'"),
        ("x\n1\n2\n", "must have the column 'time', as the others"),
        ("time,x,x\n0,1,2\n", "must name 'x' once"),
        ("time,x\n0,1\n1,two\n", r"line 3 must hold numbers, or nothing .got 'two'"),
        ("time,x\n0,1\n1\n", "line 3 must have 2 fields"),
        ("time,x\nsoon,1\n", "line 2: 'time' must be a finite number"),
        ("time,x\n", "must have rows of numbers"),
        ("", "empty file"),
        ("time,z\n0,1\n", "must have the columns x .got z"),
    ],
)
def test_one_wrong_file_is_left_out_and_named(tmp_path: Path, text: str, message: str | None) -> None:
    for number in range(3):
        (tmp_path / f"{number}.csv").write_text("time,x\n0,1\n0,3\n0.5,2\n")
    (tmp_path / "wrong.csv").write_text(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = LongCSV(tmp_path, None, layout="files", labelled=False)
    assert data[0].times.tolist() == [0.0, 0.5]  # rows of one time become their mean
    said = [str(each.message) for each in caught if "could not be read" in str(each.message)]
    if message is None:
        assert len(data) == 4 and not said
    else:
        assert len(data) == 3 and "wrong.csv" in said[0]
        assert __import__("re").search(message, said[0]), said[0]
