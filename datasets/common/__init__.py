"""What all data sets share: items on grids, labels, splits, seeds, caches, downloads."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.datasets.common.grid_data import GridData, collate
    from ccnn_pc.datasets.common.grids import GridArrays, GridDataset
    from ccnn_pc.datasets.common.labelled import LabelledDataset, as_label
    from ccnn_pc.datasets.common.seeding import seeded_generator
    from ccnn_pc.datasets.common.shuffle_split import published_rows
    from ccnn_pc.datasets.common.splits import Split, stratified_split

__all__ = [
    "GridArrays",
    "GridData",
    "GridDataset",
    "LabelledDataset",
    "Split",
    "as_label",
    "collate",
    "published_rows",
    "seeded_generator",
    "stratified_split",
]

lazy(__name__)
