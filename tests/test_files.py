"""Tables and folders: rows are kept, writers wait for each other, what cannot be written is named."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ccnn_pc._files import append_row, check_writable_folder, read_rows, write_rows_atomically


def test_rows_of_different_columns_share_a_table(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    write_rows_atomically(path, [{"a": 1}])
    write_rows_atomically(path, [*read_rows(path), {"b": "x, y", "a": 2}])
    assert read_rows(path) == [{"a": "1"}, {"a": "2", "b": "x, y"}]


def test_appending_keeps_rows_and_columns_of_another_table(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.csv"
    append_row(path, {"b": 1, "unused": None})
    append_row(path, {"a": 2, "b": 3})
    append_row(path, {"c": 4})
    assert path.read_text() == "b,unused,a,c\n1,,,\n3,,2,\n,,,4\n"
    path.write_text("a,b\n1,2,3\n")
    with pytest.raises(ValueError, match=r"results\.csv' must be a table .*line 2 has more"):
        append_row(path, {"a": 1})
    assert path.read_text() == "a,b\n1,2,3\n" and [p.name for p in path.parent.iterdir()] == ["results.csv"]


def test_writers_that_append_at_once_lose_no_row(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: append_row(path, {"number": number}), range(40)))
    assert sorted(int(row["number"]) for row in read_rows(path)) == list(range(40))
    assert [p.name for p in tmp_path.iterdir()] == ["results.csv"]


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ValueError, match=r"'run_dir' must be a folder that can be written \(got .*file/run: Not a dir"
    ):
        check_writable_folder("run_dir", tmp_path / "file" / "run")
