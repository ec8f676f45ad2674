"""What is wrong with a table is said with its file and line."""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import LongColumns, LongCSV
from ccnn_pc.datasets.formats.csv_file import rows_with_lines
from ccnn_pc.datasets.tables import observations as reading
from tests.long_tables import labels_of, observations, write, write_labels, write_table

ROWS = observations()
LINES = "id,time,variable,value,label\n" + "".join(
    f"{name},{time},{variable},{value},{labels_of(ROWS)[name]}\n" for name, time, variable, value in ROWS
)


def with_line(number: int, line: str) -> str:
    """The good table with another line in place of one of its own, counted from 1."""
    lines = LINES.splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'FILE' must have a header and rows below it (got an empty file)"),
        ("\n \n", "'FILE' must have a header and rows below it (got an empty file)"),
        ("id,time,variable,value,label\n", "'FILE' must have at least one row below its header (got none)"),
        (with_line(1, "id,time,name,value,label"), "'FILE' line 1 must name the column variable (got id, time, name"),
        (with_line(1, "a,b,c,d,e"), "'FILE' line 1 must name the columns id, time, variable, value"),
        (with_line(1, "id,time,variable,value,label,value"), "'FILE' line 1 must name 'value' once (got"),
        (with_line(1, "id,time,variable,value,class"), "'FILE' line 1 must name a column 'label', or 'labels' a file"),
        (with_line(7, "s00,1.5,pulse"), "'FILE' line 7 must have 5 fields, as the header has (got 3)"),
        (with_line(7, "s00,1.5,pulse,1,calm,"), "'FILE' line 7 must have 5 fields, as the header has (got 6)"),
        (with_line(9, "s00,x,pulse,1,calm"), "'FILE' line 9: 'time' must be a finite number (got 'x')"),
        (with_line(9, "s00,,pulse,1,calm"), "'FILE' line 9: 'time' must be a finite number (got '')"),
        (with_line(9, "s00,nan,pulse,1,calm"), "'FILE' line 9: 'time' must be a finite number (got 'nan')"),
        (with_line(9, "s00,-inf,pulse,1,calm"), "'FILE' line 9: 'time' must be a finite number (got '-inf')"),
        (with_line(2, 's00,1,pulse,"1,5",calm'), "'FILE' line 2: 'value' must be a number, or empty"),
        (with_line(2, "s00,1,pulse,inf,calm"), "'FILE' line 2: 'value' must be a finite number, in float32"),
        (with_line(2, "s00,1,pulse,1e39,calm"), "'FILE' line 2: 'value' must be a finite number, in float32"),
        (with_line(5, " ,1,pulse,1,calm"), "'FILE' line 5: 'id' must not be empty"),
        (with_line(5, "s00,1,,1,calm"), "'FILE' line 5: 'variable' must not be empty"),
        (with_line(5, "s00,1,pulse,1,wild"), "'FILE' line 5: 'label' must be one and the same for all rows"),
        (LINES + "new,1,pulse,1,\n", f"'FILE' line {len(ROWS) + 2}: 'id' 'new' must have a label (got none"),
        (LINES.replace("wild", "calm"), "'FILE' must have at least two labels (got calm)"),
        (re.sub(r"s[1-3]\d,.*\n", "", LINES), "'FILE' must have about ten series of each class, for three parts"),
        (re.sub(r"(?m)^(.*,)[-\d.]+(,\w+)$", r"\1\2", LINES), "'FILE' must hold at least one observed value"),
        (with_line(9, "s00,2019_11,pulse,1,calm"), "'FILE' line 9: 'time' must be a finite number (got '2019_11')"),
        (with_line(9, "s00,١,pulse,1,calm"), "'FILE' line 9: 'time' must be a finite number (got '١')"),
        (with_line(9, "s00,2024-01-31 12:30,pulse,1,calm"), "(got '2024-01-31 12:30'); dates='hours' reads dates"),
        (with_line(2, "s00,1,pulse,1_5,calm"), "'FILE' line 2: 'value' must be a number, or empty where nothing was"),
        (with_line(2, "s00,1,pulse,0x1,calm"), "'FILE' line 2: 'value' must be a number, or empty where nothing was"),
        (with_line(2, "s00,1,pulse,infinity,calm"), "'FILE' line 2: 'value' must be a finite number, in float32"),
        (with_line(1, "id,time,pulse,temp,label"), "variable becomes long by pandas.melt(table, ['id', 'time'])"),
        (with_line(1, "id,when,variable,value,label"), "column time (got id, when, variable, value, label): 'columns'"),
        (LINES + "new,1,pulse,1,NaN\n", f"'FILE' line {len(ROWS) + 2}: 'id' 'new' must have a label (got none"),
        ("i" * 200_000 + "\n", "'FILE' is no UTF-8 table, or is cut off (field larger than"),
        (LINES + 's00,1,pulse,"1,calm\n', "'FILE' is no UTF-8 table, or is cut off, near line"),
    ],
)  # fmt: skip
def test_faults_of_a_table(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "faulty.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message.replace("FILE", str(path)))):
        LongCSV(path)


def test_both_lines_of_a_contradiction_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(LINES)
    (tmp_path / "b.csv").write_text("id,time,variable,value,label\n\ns07,3,pulse,1,calm\n")
    first = 2 + next(number for number, row in enumerate(ROWS) if row[0] == "s07")
    message = (
        f"'{tmp_path / 'b.csv'}' line 3: 'label' must be one and the same for all rows of 'id' 's07' "
        f"(got 'calm'; '{tmp_path / 'a.csv'}' line {first} says 'wild')"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        LongCSV(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[1:], "'TABLE' line 2: 'id' 's00' must have a label (got none for 1 of 40 series)"),
        (lambda rows: [*rows, ("s03", "calm")], "'LABELS' line 42: 'label' must be one and the same for all rows"),
        (lambda rows: [*rows[:5], ("s05", "")], "'LABELS' line 7: 'label' must not be empty"),
        (lambda rows: [*rows[:5], ("s05", "NaN")], "line 7: 'label' must be a class (got 'NaN', which is none)"),
        (lambda rows: [*rows[:5], ("s05", "NA")], "'LABELS' line 7: 'label' must be a class (got 'NA', which is none)"),
        (lambda rows: [("", "calm"), *rows], "'LABELS' line 2: 'id' must not be empty"),
        (lambda rows: [("s00", "odd"), *rows[1:]], "'LABELS' line 2: 'label' must be one of calm, wild (got 'odd'"),
        (lambda rows: [], "'LABELS' must have at least one row below its header (got none)"),
    ],
)  # fmt: skip
def test_faults_of_the_labels(change: Callable[[Any], Any], message: str, tmp_path: Path) -> None:
    table = write_table(tmp_path, ROWS)
    labels = write(tmp_path / "labels.csv", ("id", "label"), change(list(labels_of(ROWS).items())))
    message = message.replace("TABLE", str(table)).replace("LABELS", str(labels))
    with pytest.raises(ValueError, match=re.escape(message)):
        LongCSV(table, labels=labels, classes=["calm", "wild"])


@pytest.mark.parametrize("unknown", ["NA", "NULL", "null", "NaN", "N/A", "None", ""])
def test_what_says_that_nothing_was_observed(unknown: str, tmp_path: Path) -> None:
    table = write_table(tmp_path, ROWS)
    plain: Any = LongCSV(table, None, labelled=False)
    row = f"{ROWS[0][0]},{ROWS[0][1]},other,{unknown}\n"
    table.write_text(table.read_text() + row + row.replace("other", "pulse").replace(str(ROWS[0][1]), "99.5"))
    with pytest.raises(ValueError, match="'variable' must be one of pulse, temp"):
        LongCSV(table, None, labelled=False, variables=["pulse", "temp"])
    data: Any = LongCSV(table, None, labelled=False, variables=["pulse", "temp"], ignore_others=True)
    assert torch.equal(data[0].x, plain[0].x) and torch.equal(data[0].mask, plain[0].mask)


def test_dates(tmp_path: Path) -> None:
    """Digits alone may be a date without signs, or seconds since 1970."""
    rows = [("a", "2024-01-31T12:30:00Z", "p", 1.0), ("a", "2024-02-01 02:30+02:00", "p", 2.0)]
    data: Any = LongCSV(write_table(tmp_path, rows), None, labelled=False, dates="hours")  # type: ignore[arg-type]
    assert data[0].times.diff().tolist() == [12.0]
    for cell in ("1706704200", "20240131", "45321.5", "31.01.2024", "noon"):
        table = write_table(tmp_path, [("a", cell, "p", 1.0)])  # type: ignore[list-item]
        with pytest.raises(
            ValueError, match=rf"line 2: 'time' must be a date .*'{cell}'.*read without 'dates'"
        ):
            LongCSV(table, None, labelled=False, dates="hours")


def test_classes_that_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(LINES)
    with pytest.raises(ValueError, match=r"'classes' must be different names \(got calm, wild, calm\)"):
        LongCSV(tmp_path / "a.csv", classes=["calm", "wild", "calm"])


def test_a_table_that_unpacks_to_more_than_it_can_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCNN_PC_MAX_UNPACKED", "1")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(LINES.encode()))
    assert len(LongCSV(tmp_path / "a.csv.gz", None)) == 40
    for bomb in (bytes(3 << 20), LINES.encode() + b"s00,1,pulse,1,calm\n" * (1 << 18)):
        (tmp_path / "b.csv.gz").write_bytes(gzip.compress(bomb))
        with pytest.raises(ValueError, match=r"b\.csv\.gz' announces or unpacks to \d+ bytes"):
            LongCSV(tmp_path / "b.csv.gz", None)


def test_header_of_the_labels(tmp_path: Path) -> None:
    labels = write(tmp_path / "labels.csv", ("id", "outcome"), labels_of(ROWS).items())
    with pytest.raises(
        ValueError, match=r"labels.csv' line 1 must name the column label \(got id, outcome\)"
    ):
        LongCSV(write_table(tmp_path, ROWS), labels=labels)


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    table = write_table(tmp_path, [*ROWS, ("t0", 1.0, "pulse", float("nan"))])
    labels = write(
        tmp_path / "labels.csv", ("id", "label"), [*labels_of(ROWS).items(), ("t0", "wild"), ("x", "calm")]
    )
    with pytest.warns(UserWarning) as told:
        data = LongCSV(table, None, labels=labels)
    assert len(data) == 40 and "t0" not in data.ids
    said = [str(each.message) for each in told]
    assert (
        f"1 of 41 series have no observed value and are left out (the first: 't0', '{table}' line {len(ROWS) + 2})"
        in said
    )
    assert f"2 labels belong to no series and are not used (the first: 't0', '{labels}' line 42)" in said


def test_a_variable_that_is_never_observed_in_the_training_part(tmp_path: Path) -> None:
    labels = write_labels(tmp_path, ROWS)
    whole = LongCSV(write_table(tmp_path, ROWS), None, labels=labels)
    test = LongCSV(tmp_path / "table.csv", "test", labels=labels)
    name = whole.ids[int(test._rows[2])]
    table = write_table(tmp_path, [*ROWS, (name, 2.0, "rare", 1.0)])
    message = f"'{table}' line {len(ROWS) + 2}: 'variable' 'rare' is never observed in the training part"
    for normalize in ("channel", "none"):
        with pytest.raises(ValueError, match=re.escape(message)):
            LongCSV(table, labels=labels, normalize=normalize).measured()
    left = LongCSV(table, labels=labels, variables=["pulse", "temp"], ignore_others=True)
    assert left.measured()["in_channels"] == 2
    bad = write_table(
        tmp_path, [("a", 0.0, "rare", 1.0), *ROWS[:2], ("a", float("nan"), "pulse", 1.0)], "bad.csv"
    )
    with pytest.raises(ValueError, match=r"bad.csv' line 5: 'time' must be a finite number"):
        LongCSV(bad, labels=labels, variables=["pulse", "temp"], ignore_others=True)
    with pytest.raises(
        ValueError, match=r"line \d+: 'variable' must be one of pulse \(got 'temp'\); ignore_others"
    ):
        LongCSV(table, labels=labels, variables=["pulse"])
    with pytest.raises(ValueError, match="'variable' 'rate' is never observed in the training part"):
        LongCSV(table, labels=labels, variables=["pulse", "rate"], ignore_others=True)


def test_new_tables_with_other_variables(tmp_path: Path) -> None:
    labels = write_labels(tmp_path, ROWS)
    description = LongCSV(write_table(tmp_path, ROWS), labels=labels).description()
    new = write_table(tmp_path, [("a", 1.0, "temp", 2.0), ("a", 1.0, "tmep", 2.0)], "new.csv")
    with pytest.raises(
        ValueError, match=r"new.csv' line 3: 'variable' must be one of pulse, temp \(got 'tmep'\)"
    ):
        LongCSV.as_trained(new, description, labelled=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dates": "weeks"}, "'dates' must be None or one of seconds, minutes, hours, days (got 'weeks')"),
        ({"dates": "hours"}, "line 2: 'time' must be a date as 2024-01-31 or 2024-01-31 12:30:00 (got"),
        ({"form": "grid"}, "'form' must be 'irregular' for tables of observations (got 'grid')"),
        ({"labelled": False}, "'split' must be None for series without labels (got 'train')"),
        ({"columns": {"ids": "id"}}, "'columns' must have no other keys than id, time, variable, value"),
        ({"split": "all"}, "'split' must be one of"),
        ({"lattice": 0.0}, "'lattice' must be positive"),
    ],
)  # fmt: skip
def test_options(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        LongCSV(write_table(tmp_path, ROWS), **({"labels": write_labels(tmp_path, ROWS)} | options))


def test_columns_have_names_of_their_own() -> None:
    with pytest.raises(ValueError, match=r"'columns' must have five different names \(got id, id, variable"):
        LongColumns(time="id")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    table = write_table(tmp_path, ROWS)
    (tmp_path / "empty").mkdir()
    for root in (tmp_path / "none.csv", tmp_path / "empty", [table, tmp_path / "none.csv"]):
        with pytest.raises(
            FileNotFoundError, match="'root' must be a table of observations, a list of tables or"
        ):
            LongCSV(root)
    with pytest.raises(FileNotFoundError, match=r"'labels' must be an existing file \(got '.*none.csv'\)"):
        LongCSV(table, labels=tmp_path / "none.csv")


def test_damaged_files(tmp_path: Path) -> None:
    packed = tmp_path / "table.csv.gz"
    packed.write_bytes(gzip.compress(LINES.encode())[:-40])
    latin = tmp_path / "latin.csv"
    latin.write_bytes(LINES.replace("pulse", "pouls é").encode("latin-1"))
    for path in (packed, latin):
        with pytest.raises(ValueError, match=f"'{path}' is no UTF-8 table, or is cut off"):
            LongCSV(path)


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    path = tmp_path / "quoted.csv"
    path.write_text('\nid,label,note\na,1,"two\nlines"\n\nb,2,\nc,3,"x"\n', encoding="utf-8")
    rows = list(rows_with_lines(path, ["label", "id"]))
    assert rows == [(4, ["1", "a"]), (6, ["2", "b"]), (7, ["3", "c"])]


def test_rows_in_parts_are_the_rows_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever part of a table is in memory at once; faults of a later part get their line too."""
    table, labels = write_table(tmp_path, ROWS), write_labels(tmp_path, ROWS)
    whole = LongCSV(table, None, labels=labels, cache=tmp_path / "whole")
    monkeypatch.setattr(reading, "ROWS", 7)
    parts = LongCSV(table, None, labels=labels, cache=tmp_path / "parts")
    assert np.array_equal(parts.stored.values, whole.stored.values, equal_nan=True) and parts.ids == whole.ids
    assert np.array_equal(parts.stored.offset, whole.stored.offset)
    assert parts.stored.times is not None and whole.stored.times is not None
    assert np.array_equal(parts.stored.times, whole.stored.times)
    write_table(tmp_path, [*ROWS, ("s00", float("inf"), "pulse", 1.0)])
    with pytest.raises(ValueError, match=f"line {len(ROWS) + 2}: 'time' must be a finite number"):
        LongCSV(table, None, labels=labels)


def test_pandas_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_table(tmp_path, ROWS)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'ccnn-pc\[tables\]'"):
        LongCSV(table, None, labelled=False)


@pytest.mark.parametrize("line", ["s00,1.5,pulse", "s00,1.5,pulse,1,calm,", 's00,"1.5",pulse,1,calm,'])
def test_a_long_row_does_not_make_up_for_a_short_one(line: str, tmp_path: Path) -> None:
    path = tmp_path / "faulty.csv"
    path.write_text(with_line(7, line) + "s01,1,pulse,1,wild" + ",," * (line.count(",") < 4) + "\n")
    with pytest.raises(ValueError, match="line 7 must have 5 fields, as the header has"):
        LongCSV(path)


def test_variables_that_are_left_out_may_have_any_value(tmp_path: Path) -> None:
    table = write_table(tmp_path, [("s00", 0.0, "remark", "fine"), *ROWS])  # type: ignore[list-item]
    labels = write_labels(tmp_path, ROWS)
    data = LongCSV(
        table, None, labels=labels, variables=["pulse", "temp"], ignore_others=True, normalize="none"
    )
    known = LongCSV(write_table(tmp_path, ROWS, "known.csv"), None, labels=labels, normalize="none")
    assert np.array_equal(data.stored.values, known.stored.values, equal_nan=True)
    with pytest.raises(
        ValueError, match="line 2: 'value' must be a number, or empty where nothing was observed"
    ):
        LongCSV(table, None, labels=labels)
