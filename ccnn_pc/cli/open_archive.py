"""A file of the UEA archive (.ts, .arff), as aeon and sktime write it, as a model of series reads its own data."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccnn_pc.cli.read_as import Footing
    from ccnn_pc.datasets import SeriesDataset, SeriesPreprocessing


def open_archive(
    path: Path, used: SeriesPreprocessing, trained: Mapping[str, Any], footing: Footing
) -> SeriesDataset:
    """The series of a file, without their labels.

    Args:
        path: the file.
        used: preprocessing of the model.
        trained: the data of its training, as it remembers them; empty for models of tables.
        footing: how its data are brought to those of training.

    Raises:
        OSError: it cannot be read.
        ValueError: a damaged file, other channels than in training, no means and deviations to normalise by.
    """
    from ccnn_pc.datasets import SeriesForm, UEAArchive
    from ccnn_pc.datasets.series.dataset import SeriesOptions

    if used.table is not None:
        return _as_table(path, used, footing)
    if not trained.get("scaling"):
        raise ValueError(
            f"'{path}' must be read by ccnn-pc evaluate, for the model does not know how its series were normalised"
        )
    told = {field.name for field in dataclasses.fields(SeriesOptions)}
    stored = trained["parts"]["test"]["options"]
    options = {name: value for name, value in stored.items() if name in told}
    dropped = bool(options.pop("drop", 0.0) or used.drop) and used.form is SeriesForm.GRID
    whole = dataclasses.replace(used, drop=0.0, observed=False if dropped else used.observed)
    made = footing.transform(whole)
    if footing.said.spacing is not None:
        made = footing.at(made, [1])
    if footing.longest is not None:
        made = footing.in_windows(made)
    elif used.form is SeriesForm.GRID and used.every == 1 and footing.shape and options.get("length") is None:
        options["length"] = footing.shape[0]
    options |= {"form": used.form, "observed": True} if dropped else {"form": used.form}
    return UEAArchive(path, None, labelled=False, scaling=trained["scaling"], transform=made, **options)


def _as_table(path: Path, used: SeriesPreprocessing, footing: Footing) -> SeriesDataset:
    """Series for a model of tables, or of a saved estimator: channels in the order of its variables."""
    import numpy as np

    from ccnn_pc.datasets import SeriesArrays
    from ccnn_pc.datasets.common.broken import DataWarning
    from ccnn_pc.datasets.series.observation_channels import ObservationChannels
    from ccnn_pc.datasets.series.scaling import SeriesScaling
    from ccnn_pc.datasets.series.uea_archive import read_parts
    from ccnn_pc.datasets.tables.observations import DATE_UNITS

    table: Mapping[str, Any] = used.table or {}
    stored = read_parts({None: path}, labelled=False)
    names, count = [str(name) for name in table["variables"]], stored.values.shape[1]
    if count != len(names):
        raise ValueError(
            f"'{path}' must have {len(names)} channels, {', '.join(names[:9])}, as the training (got {count})"
        )
    if count > 1 and names != [f"channel_{number}" for number in range(count)]:
        warnings.warn(
            f"'{path}' does not name its channels: they are taken for {', '.join(names)}, in this order",
            DataWarning,
            stacklevel=2,
        )
    if table["dates"] is not None:
        if stored.times is None:
            raise ValueError(f"'{path}' must have time stamps that are dates, as the training had (got none)")
        stored.times = stored.times / DATE_UNITS[table["dates"]]
    said = ObservationChannels(bool(table["counts"]), bool(table["indicators"]), table.get("gap"))
    scaling = None
    if table["mean"] is not None:
        mean, std = (np.array(table[name], dtype=np.float32)[:, None] for name in ("mean", "std"))
        scaling = SeriesScaling(mean, std, epsilon=0.0)
    return SeriesArrays(stored, scaling=scaling, said=said, transform=footing.transform(used))
