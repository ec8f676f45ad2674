"""Parquet and Feather tables as the text of a csv, so that one reader knows what tables must not hold."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ccnn_pc._optional import require

SUFFIXES = (".parquet", ".feather", ".arrow")
#: Rows that are text at once.
_ROWS = 1 << 16
#: What pandas calls an index without a name: no column of the table.
_INDEX = re.compile(r"__index_level_\d+__")


def open_columnar(path: Path) -> IO[str]:
    """A Parquet or Feather (Arrow IPC) table as a csv with a header, made while it is read.

    Nothing stands where a value is missing; dates are ISO 8601; what no cell can hold is ``[...]``.

    Raises:
        ImportError: polars is missing.
        ValueError: another file, or a damaged one.
    """
    polars = require("polars", extra="parquet", purpose="to read Parquet and Feather tables")
    parquet = path.suffix.lower() == ".parquet"
    try:
        texts = _as_text(polars, polars.read_parquet(path) if parquet else polars.read_ipc(path))
    except BaseException as error:  # polars lets panics of its readers through
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"'{path}' is no readable {'Parquet' if parquet else 'Feather'} table "
            f"({reason}): save it again, or as csv"
        ) from error
    return io.TextIOWrapper(io.BufferedReader(_Rows(texts)), encoding="utf-8", newline="")


def _as_text(polars: Any, frame: Any) -> Any:
    """The columns of a frame, dates and what is no single value as text."""
    columns = []
    for name, kind in frame.schema.items():
        column = polars.col(name)
        if _INDEX.fullmatch(name):
            continue
        if kind == polars.Datetime:
            zone = "%:z" if getattr(kind, "time_zone", None) else ""
            column = column.dt.cast_time_unit("us").dt.strftime(f"%Y-%m-%d %H:%M:%S%.f{zone}")
        elif kind.is_nested() or kind in (polars.Binary, polars.Object):
            column = polars.when(column.is_null()).then(None).otherwise(polars.lit("[...]")).alias(name)
        columns.append(column)
    return frame.select(columns)


class _Rows(io.RawIOBase):
    """The bytes of a frame as csv, some rows at a time."""

    def __init__(self, frame: Any) -> None:
        self._parts = self._written(frame)
        self._left = b""

    @staticmethod
    def _written(frame: Any) -> Iterator[bytes]:
        for first in range(0, max(len(frame), 1), _ROWS):
            yield frame[first : first + _ROWS].write_csv(include_header=first == 0).encode()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._left = part
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count
