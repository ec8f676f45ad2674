"""Tables with one observation per row."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.datasets.tables.long_csv import LongCSV
    from ccnn_pc.datasets.tables.observations import LongColumns
    from ccnn_pc.datasets.tables.write_long_csv import write_long_csv

__all__ = [
    "LongCSV",
    "LongColumns",
    "write_long_csv",
]

lazy(__name__)
