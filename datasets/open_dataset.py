"""From what a user types after ``--data`` to a data set."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.labelled import LabelledDataset
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.registry import dataset_entry, entries_in_order, list_datasets
from ccnn_pc.datasets.series.dataset import SeriesForm
from ccnn_pc.datasets.transforms.base import Transform


def open_dataset(
    spec: str | os.PathLike[str],
    split: Split | str | None = None,
    *,
    transform: Transform | None = None,
    pre_transform: Transform | None = None,
    seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
    normals: bool = True,
    image_size: int | None = None,
    grey: bool = False,
    form: SeriesForm | str | None = None,
) -> LabelledDataset[Any]:
    """Open a data set by name, file or folder.

    * a name of data that are made on the spot: ``"shapes"``, ``"oscillations"``, ``"copy_memory"``, ``"adding"``.
    * otherwise a path: every registered data set (:func:`list_datasets`) is asked whether it knows it. Clouds: ``.npz``
      files (:class:`CloudArrays`, all of it, whatever ``split`` says), :class:`ModelNet` in its forms, any other folder
      (:class:`PointCloudFolder`). Images: :class:`MNIST`, :class:`CIFAR10`, :class:`CIFAR100`, :class:`STL10`,
      :class:`ImageFolder`, in [0, 1], not normalised: ``transform`` takes the view. Series, normalised by the same
      training part as in training; tables (:class:`LongCSV`).

    Args:
        spec: name or path.
        split: part to open; None is TEST where the data have one, else everything.
        transform: see :class:`PointCloudDataset`.
        pre_transform: likewise.
        seed: likewise.
        cache: folder of processed data (None: the default cache).
        normals: estimate those that clouds of a :class:`PointCloudFolder` lack (open3d); False keeps such
            clouds without.
        image_size: make squares of so many pixels of the files of an :class:`ImageFolder`; None: as they are.
        grey: read one channel of them instead of three.
        form: of series: "grid" or "irregular" (default: that of the data set).

    Raises:
        FileNotFoundError: neither a known name nor an existing path.
        ValueError: VAL of data that have no validation part of their own.
    """
    if split is not None:
        split = choice("split", split, Split)
    options: dict[str, Any] = {
        "transform": transform,
        "pre_transform": pre_transform,
        "seed": seed,
        "cache": cache,
    }
    options |= {"normals": normals, "grey": grey, "view": None}
    if image_size is not None:
        options["size"] = image_size
    if form is not None:
        options["form"] = choice("form", form, SeriesForm)
    path, entries = Path(spec), entries_in_order()
    made = [entry.name for entry in entries if not entry.needs_files]
    if not path.exists():
        if str(spec) not in made:
            raise FileNotFoundError(
                f"'data' must be a folder, a file or one of the names {', '.join(made)} "
                f"(got '{spec}', which does not exist)"
            )
        return dataset_entry(str(spec)).open(None, split, **options)
    for entry in entries:
        if not entry.may_hold(path):
            continue
        try:
            return entry.open(path, split, **options)
        except FileNotFoundError:
            if entry.recognises is not None:
                raise
    hint = ""
    if path.suffix.lower() in (".csv", ".tsv", ".parquet", ".feather", ".arrow"):
        hint = "; a table must have the columns id, time, variable and value, or LongCSV(columns=...) for other names"
    raise ValueError(
        f"'data' must be of a registered kind: {', '.join(list_datasets())} (got '{spec}'){hint}"
    )
