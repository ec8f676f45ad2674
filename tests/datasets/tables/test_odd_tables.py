"""Tables that can be read, and would not mean what they say: refused, or one warning with the cause."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import LongCSV
from ccnn_pc.datasets.tables import order_of_rows
from ccnn_pc.datasets.tables.order_of_rows import restarts
from tests.long_tables import labels_of, observations, write_labels

ROWS = observations()


def table(folder: Path, lines: list[str], name: str = "t.csv", head: str = "id,time,variable,value") -> Path:
    (folder / name).write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return folder / name


def told(path: Any, **options: Any) -> list[str]:
    """What is warned of when series without labels are read."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        LongCSV(path, None, labelled=False, **options)
    return [str(each.message) for each in caught]


def days(zone: str, hour: str = " 06:00:00") -> list[str]:
    return [f"{name},2024-03-{day:02}{hour}{zone},heat,{20 + day}" for name in "ab" for day in range(1, 9)]


@pytest.mark.parametrize("layout", ["long", "wide"])
def test_zones_over_rows_and_files(tmp_path: Path, layout: str) -> None:
    """Dates with a zone beside dates without one: in other rows, in another file, at midnight without a time."""
    options: dict[str, Any] = {"dates": "days", "layout": layout}
    head = "id,time,variable,value" if layout == "long" else "id,time,heat"

    def put(lines: list[str], name: str) -> Path:
        lines = lines if layout == "long" else [line.replace(",heat", "") for line in lines]
        return table(tmp_path, lines, name, head)

    assert not told(put(days("+02:00"), "zoned.csv"), **options)
    assert not told(put([*days(""), "c,2024-03-01,heat,1"], "bare.csv"), **options)
    for lines, name in (
        ([*days("Z")[:-1], days("")[-1]], "rows.csv"),
        ([*days("Z"), "c,2024-03-01,heat,1"], "days.csv"),
    ):
        with pytest.raises(
            ValueError, match=f"{name}': 'time' must say its time zone in every row or in none"
        ):
            told(put(lines, name), **options)
    with pytest.raises(
        ValueError, match=r"\(got '2024-03-01 06:00:00\+02:00' and '2024-03-01 06:00:00' in '.*bare"
    ):
        told([tmp_path / "bare.csv", tmp_path / "zoned.csv"], **options)


def test_zones_inside_of_a_file_of_one_series(tmp_path: Path) -> None:
    lines = [f"2024-03-{day:02} 06:00{'Z' * (day > 4)},{day}" for day in range(1, 9)]
    with pytest.raises(ValueError, match="'time' must say its time zone in every row or in none"):
        told(table(tmp_path, lines, head="time,x"), layout="files", dates="days")


@pytest.mark.parametrize("layout", ["long", "wide", "files"])
def test_two_series_under_one_id(tmp_path: Path, layout: str) -> None:
    """Rows of one id that begin anew; any order, the newest first, late rows, swapped halves are none of that."""
    rise = [round(0.7 * step, 2) for step in range(12)]
    head = {"long": "id,time,variable,value", "wide": "id,time,heat", "files": "time,heat"}[layout]

    def put(times: list[float], name: str) -> list[str]:
        cells = [f"a,{time},heat,{row}" for row, time in enumerate(times)]
        cells = cells if layout == "long" else [cell.replace(",heat", "") for cell in cells]
        cells = cells if layout != "files" else [cell[2:] for cell in cells]
        return told(table(tmp_path, cells, name, head), layout=layout)

    restarted = put([*rise, *(time + 0.1 for time in rise)], "two.csv")
    assert len(restarted) == 1 and "goes back from row to row, from 7.7 to 0.1" in restarted[0]
    assert "are these two series under one id" in restarted[0]
    shuffled = np.random.default_rng(0).permutation(rise).tolist()
    late = [*rise[:5], *rise[6:], rise[5]]
    text = sorted(np.random.default_rng(3).uniform(0, 48, 60).round(2).tolist(), key=lambda time: f"{time:g}")
    for number, times in enumerate((rise, rise[::-1], shuffled, late, rise[6:] + rise[:6], text)):
        assert not put(times, f"fine{number}.csv")


def test_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """Every ten minutes over the end of summer time, a minute apart."""
    clock = [f"{hour:02}:{minute:02}" for hour in (1, 2) for minute in range(0, 60, 10)]
    clock += [f"{hour:02}:{minute:02}" for hour in (2, 3) for minute in range(1, 60, 10)]
    (said,) = told(table(tmp_path, [f"a,2024-10-27 {time},heat,1" for time in clock]), dates="hours")
    assert (
        "from 2024-10-27 02:50:00 to 2024-10-27 02:01:00" in said
        and "set back" in said
        and "dates a zone" in said
    )


def test_times_that_are_sorted_as_text_begin_no_series(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = np.random.default_rng(3).uniform(0, 48, 60).round(2).tolist()
    times = np.array(sorted(drawn, key=lambda time: f"{time:g}"))
    assert restarts(np.zeros(60, int), times) is None
    monkeypatch.setattr(order_of_rows, "_sorted_as_text", lambda times: False)
    assert restarts(np.zeros(60, int), times) is not None


def test_restarts_are_told_of_variables_apart() -> None:
    """Rows that are sorted by variable rise for each of them; ids that go on anywhere are still theirs."""
    times, series = np.tile(np.arange(8.0), 4), np.repeat([0, 1], 16)
    assert restarts(series, times, np.repeat([0, 1, 0, 1], 8)) is None
    assert restarts(series, times) is not None
    order = np.argsort(np.tile(np.arange(16), 2), kind="stable")
    assert restarts(series[order], times[order], np.repeat([0, 1, 0, 1], 8)[order]) is None


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1.5", "2,5", "3,5"], "has decimal commas and a decimal point (got '2,5' and '1.5')"),
        (["987", "995", "1.010", "1.250"], "has '1.010' beside '987': where that is 1010"),
        (["987", "995", "1,010", "1,250"], "has '1,010' beside '987': where that is 1010"),
        (["987", "995", "1.010", "1.2"], None),
        (["0", "0", "1.125", "2.375"], None),
        (["987", "995", "1010", "1.125", "2.375"], None),
        (["1.010", "1.250", "2.125"], None),
    ],
)
def test_separators_of_thousands(tmp_path: Path, cells: list[str], message: str | None) -> None:
    """Of each variable: 1.010 beside 987 is no decimal, but beside 0.5 of the same variable it is."""
    lines = [f"a;{row};heat;{cell}" for row, cell in enumerate(cells)]
    lines += [f"a;{row};rate;{cell}" for row, cell in enumerate(["5", "7", "9"])]
    path = table(tmp_path, lines, head="id;time;variable;value")
    if message is None:
        assert not told(path)
        return
    with pytest.raises(ValueError, match=re.escape(f"'{path}': 'value' {message}")):
        told(path)


def test_numbers_that_stand_for_nothing(tmp_path: Path) -> None:
    fine = [f"a,{row},heat,{36 + row / 10}" for row in range(12)]
    (said,) = told(table(tmp_path, [*fine, "a,12,heat,-999", "a,13,heat,-999"]))
    assert "'heat' is -999 in 2 of 14 values, and lies between 36 and 37.1 in all others" in said
    assert not told(table(tmp_path, [*fine, "a,12,heat,0"]))
    assert not told(table(tmp_path, [f"a,{row},steps,{997 + row}" for row in range(12)]))
    assert not told(table(tmp_path, [f"a,{row},steps,{99 * row}" for row in range(12)]))


@pytest.mark.parametrize("unknown", ["NA", "nan", "NULL"])
def test_ids_that_nobody_knows(tmp_path: Path, unknown: str) -> None:
    lines = [f"{name},{row},heat,1" for name in ("a", unknown) for row in range(4)]
    (said,) = told(table(tmp_path, lines))
    assert f"line 6: 'id' is {unknown!r}: where that says that nobody knows it" in said
    assert not told(table(tmp_path, [f"a,{row},Na,1" for row in range(4)]))  # sodium


def test_ids_and_variables_that_are_written_differently(tmp_path: Path) -> None:
    (said,) = told(
        table(tmp_path, [f"{name},{row},heat,1" for name in ("7", "8", "7.0") for row in range(3)])
    )
    assert "has the series '7' and '7.0'" in said and "read as two" in said
    (said,) = told(table(tmp_path, [f"a,{row},{name},1" for name in ("Heat", "heat") for row in range(3)]))
    assert "has the variables 'Heat' and 'heat'" in said
    assert not told(
        table(tmp_path, [f"{name},{row},heat,1" for name in ("a1", "A1", "7", "70") for row in range(3)])
    )


def test_labels_that_contradict_those_of_the_table(tmp_path: Path) -> None:
    """Those of the file are taken; what was said of a table is said again where its series lie in the cache."""
    lines = [f"{name},{time},{what},{value},{labels_of(ROWS)[name]}" for name, time, what, value in ROWS]
    path = table(tmp_path, lines, head="id,time,variable,value,label")
    labels = write_labels(tmp_path, ROWS)
    options: dict[str, Any] = {"labels": labels, "cache": tmp_path / "cache"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LongCSV(path, None, **options)
    labels.write_text(labels.read_text().replace("s03,wild", "s03,calm"))
    for _ in range(2):
        with pytest.warns(
            UserWarning, match="for 1 series .the first: 's03' is 'calm' there, and 'wild' in the table"
        ):
            data = LongCSV(path, None, **options)
    assert data.labels[3] == data.classes.index("calm")


def test_labels_of_ids_that_are_written_differently(tmp_path: Path) -> None:
    path = table(tmp_path, [f"{row:03},{step},heat,1" for row in range(4) for step in range(3)])
    labels = table(tmp_path, [f"{row}.0,{'ab'[row % 2]}" for row in range(4)], "labels.csv", "id,label")
    with pytest.raises(
        ValueError, match=r"'000' must have a label .got none for 4 of 4 series.: the labels say '0.0'"
    ):
        LongCSV(path, None, labels=labels)


def test_files_that_have_times_or_count_their_samples(tmp_path: Path) -> None:
    """A model of files with times is given none without; of files that count, none with times."""
    for kind, head in (("timed", "time,x"), ("counted", "x")):
        for row in range(3):
            lines = [
                f"{0.5 * step},{step + row}" if kind == "timed" else f"{step + row}" for step in range(6)
            ]
            (tmp_path / kind).mkdir(exist_ok=True)
            table(tmp_path / kind, lines, f"{row}.csv", head)
    known = {
        kind: LongCSV(tmp_path / kind, None, labelled=False, layout="files").description()
        for kind in ("timed", "counted")
    }
    for kind in known:
        assert len(LongCSV.as_trained(tmp_path / kind / "0.csv", known[kind], labelled=False)) == 1
    with pytest.raises(ValueError, match="must have the column 'time', as the others and those of training"):
        LongCSV.as_trained(tmp_path / "counted" / "0.csv", known["timed"], labelled=False)
    with pytest.raises(ValueError, match="must have no column 'time'"):
        LongCSV.as_trained(tmp_path / "timed" / "0.csv", known["counted"], labelled=False)


def test_a_column_that_is_the_answer(tmp_path: Path) -> None:
    """One number in each series, which says its class, or is the number to learn; others say nothing of it."""

    def lines(code: Any) -> list[str]:
        return [
            f"s{row:02},{step},{row % 7},{code(row)},{'ab'[row % 2]},{row}"
            for row in range(24)
            for step in range(4)
        ]

    def measured(code: Any, **options: Any) -> list[str]:
        path = table(tmp_path, lines(code), head="id,time,ward,code,label,age")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            LongCSV(path, layout="wide", variables=["ward", "code"], ignore_others=True, **options).measured()
        return [str(each.message) for each in caught]

    (said,) = measured(lambda row: 3 + row % 2)
    assert "the channel 'code' is one number in every series, and says its target" in said
    (said,) = measured(lambda row: 3 + 2 * row, targets=["age"])
    assert "'code'" in said
    for code in (lambda row: 3 + row % 2 * (row > 3), lambda row: row):
        assert not measured(code)
    assert not measured(lambda row: row * row, targets=["age"])


def test_commas_of_targets_and_ids(tmp_path: Path) -> None:
    """A quoted comma is decimal where commas separate no columns; ids keep theirs."""
    lines = [f"s{row};{step};x;{step};{row},5" for row in range(24) for step in range(4)]
    path = table(tmp_path, lines, head="id;time;variable;value;mass")
    assert LongCSV(path, None, targets=["mass"])[0].y.tolist() == [[0.5]]
    quoted = [line.replace(",", "#").replace(";", ",") for line in lines]
    quoted = [re.sub(r"(\d+)#(\d+)$", r'"\1,\2"', line) for line in quoted]
    with pytest.raises(ValueError, match="'mass' of 's0' must be a number .got '0,5'"):
        LongCSV(table(tmp_path, quoted, "q.csv", "id,time,variable,value,mass"), None, targets=["mass"])
    ids = [f"{row},5;{step};x;{step}" for row in range(3) for step in range(4)]
    data: Any = LongCSV(table(tmp_path, ids, head="id;time;variable;value"), None, labelled=False)
    assert data.ids == ["0,5", "1,5", "2,5"]
