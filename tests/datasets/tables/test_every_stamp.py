"""Times without a value are kept where they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pandas")

from ccnn_pc.datasets import LongCSV  # noqa: E402

ROWS = "id,time,variable,value\na,0,v,1\na,1,v,\na,2,v,3\nb,0,v,\nc,5,v,\nc,6,v,2\n"


@pytest.mark.filterwarnings("ignore:1 of 3 series")
def test_times_without_a_value_are_kept_where_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    options: dict[str, Any] = {"split": None, "labelled": False, "cache": tmp_path / "cache"}
    few = LongCSV(path, **options)
    every = LongCSV(path, every_stamp=True, **options)
    assert [few.stored.stamps(row).tolist() for row in range(2)] == [[0, 2], [6]]
    assert [every.stored.stamps(row).tolist() for row in range(2)] == [
        [0, 1, 2],
        [5, 6],
    ]  # b has no value at all
    assert every[0].mask[:, 0].tolist() == [True, False, True] and not few.has_missing
