"""Tables as Parquet and Feather: the same series as of the csv, the same messages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import LongCSV
from ccnn_pc.datasets.formats.csv_file import rows_with_lines
from ccnn_pc.datasets.looking.look import look_at

polars = pytest.importorskip("polars", reason="polars reads Parquet and Feather")
KINDS = (".parquet", ".feather", ".arrow")


def observations(series: int = 12) -> dict[str, list[Any]]:
    random = np.random.default_rng(0)
    rows: dict[str, list[Any]] = {"id": [], "time": [], "variable": [], "value": [], "label": []}
    for number in range(series):
        for step in range(9):
            for variable in ("heat", "rain"):
                value = None if random.random() < 0.2 else float(random.normal())
                cells = (number, step / 4, variable, value, "ab"[number % 2])
                for name, cell in zip(rows, cells, strict=True):
                    rows[name].append(cell)
    return rows


def saved(frame: Any, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_ipc(path)
    return path


def same(one: Any, other: Any) -> bool:
    pairs = [(one.stored.values, other.stored.values), (one.stored.times, other.stored.times)]
    return (one.ids, one.variables, one.classes) == (other.ids, other.variables, other.classes) and all(
        np.array_equal(a, b, equal_nan=True) for a, b in pairs
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_series_as_of_a_csv(tmp_path: Path, kind: str) -> None:
    frame = polars.DataFrame(observations())
    made = [LongCSV(saved(frame, tmp_path / f"a{end}"), None, cache=tmp_path) for end in (".csv", kind)]
    assert len(made[0]) == 12 and same(*made)
    labels = frame.select("id", "label").unique()
    saved(labels, tmp_path / f"labels{kind}")
    bare = saved(frame.drop("label"), tmp_path / f"b{kind}")
    assert same(LongCSV(bare, None, labels=tmp_path / f"labels{kind}", cache=tmp_path), made[0])


@pytest.mark.parametrize("kind", KINDS)
def test_dates_words_and_numbers_of_any_type(tmp_path: Path, kind: str) -> None:
    frame = polars.DataFrame(observations())
    hours = polars.datetime(2024, 3, 31) + polars.duration(
        minutes=15 * (4 * polars.col("time")).cast(polars.Int64)
    )
    typed = frame.with_columns(
        hours.dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin").dt.cast_time_unit("ns").alias("time"),
        polars.col("variable").cast(polars.Categorical),
        polars.col("value").cast(polars.Float32),
        polars.col("id").cast(polars.UInt8),
    )  # fmt: skip
    plain = frame.with_columns(hours.alias("time"))
    made = [
        LongCSV(saved(each, tmp_path / name), None, dates="hours", cache=tmp_path)
        for each, name in ((typed, f"typed{kind}"), (plain, "plain.csv"), (plain, f"plain{kind}"))
    ]
    assert same(made[0], made[1]) and same(made[2], made[1])


def test_more_rows_than_are_text_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccnn_pc.datasets.formats.columnar_file._ROWS", 7)
    frame = polars.DataFrame(observations())
    made = [LongCSV(saved(frame, tmp_path / f"a{end}"), None, cache=tmp_path) for end in (".csv", ".parquet")]
    assert same(*made)


def test_the_index_of_pandas_is_no_variable(tmp_path: Path) -> None:
    frame = polars.DataFrame(observations()).pivot(on="variable", index=["id", "time", "label"])
    frame = frame.with_columns(
        polars.Series("__index_level_0__", np.arange(len(frame))), odd=[[1]] * len(frame)
    )
    data = saved(frame.drop("odd"), tmp_path / "a.parquet")
    assert LongCSV(data, None, layout="wide", cache=tmp_path).variables == ["heat", "rain"]
    saved(frame, tmp_path / "b.parquet")
    with pytest.raises(ValueError, match=r"'odd' must be a number, or empty .*\(got '\[...\]'\)"):
        LongCSV(tmp_path / "b.parquet", None, layout="wide", cache=tmp_path)
    names = ["heat", "rain"]
    found = LongCSV(
        tmp_path / "b.parquet", None, layout="wide", variables=names, ignore_others=True, cache=tmp_path
    )
    assert found.variables == names


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_has_the_messages_of_a_csv(tmp_path: Path, kind: str) -> None:
    frame = polars.DataFrame(observations()).with_columns(polars.col("value").cast(polars.String))
    rows = polars.Series("value", [*frame["value"][:4], "much", *frame["value"][5:]])
    data = saved(frame.with_columns(rows), tmp_path / f"a{kind}")
    with pytest.raises(ValueError, match=f"'.*a{kind}' line 6: 'value' must be a number.*'much'"):
        LongCSV(data, None, cache=tmp_path)
    data.write_bytes(data.read_bytes()[:200])
    with pytest.raises(
        ValueError, match=f"'.*a{kind}' is no readable (Parquet|Feather) table .*save it again"
    ):
        list(rows_with_lines(data, ["id"]))
    saved(polars.DataFrame({"id": [], "time": [], "variable": [], "value": []}), data)
    with pytest.raises(ValueError, match="at least one row below its header"):
        list(rows_with_lines(data, ["id"]))


def test_a_folder_is_looked_at(tmp_path: Path) -> None:
    saved(polars.DataFrame(observations()), tmp_path / "readings.parquet")
    found = look_at(tmp_path, {})
    assert found.experiment == "long_csv_tiny" and "12 series by 'id' and 'time'" in found.said


def test_without_polars_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(polars.DataFrame(observations()), tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(
        ImportError, match=r"'polars' is needed to read Parquet .*pip install 'ccnn-pc\[parquet\]'"
    ):
        LongCSV(data, None, cache=tmp_path)
