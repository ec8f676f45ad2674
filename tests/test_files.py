"""Tables and folders: rows are kept, writers wait for each other, what cannot be written is named."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ccnn_pc._files import append_row, check_writable_folder, read_rows, write_rows_atomically, written_whole


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


def test_a_file_or_folder_is_whole_or_absent(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(OSError, match="full"), written_whole(tmp_path / "a") as hidden:
        hidden.write_text("half")
        raise OSError("full")
    with pytest.raises(KeyboardInterrupt), written_whole(tmp_path / "b" / "c", folder=True) as hidden:
        (hidden / "half").touch()
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_text() == "old"
    with written_whole(tmp_path / "a") as hidden:
        hidden.write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    with written_whole(tmp_path / "b" / "c", folder=True) as hidden:
        (hidden / "whole").touch()
        assert not (tmp_path / "b").exists()
    assert (tmp_path / "a").read_text() == "new" and [p.name for p in (tmp_path / "b" / "c").iterdir()] == [
        "whole"
    ]
    (tmp_path / "plain").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode
