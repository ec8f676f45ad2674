"""PhysioNet/CinC Challenge 2019: sepsis from the first three days in intensive care."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.broken import warn_broken
from ccnn_pc.datasets.common.cache import fingerprint
from ccnn_pc.datasets.common.folders import visible
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.packed import read_file, zip_members
from ccnn_pc.datasets.formats.psv import read_psv
from ccnn_pc.datasets.registry import is_found, register_dataset, zip_holds
from ccnn_pc.datasets.series.dataset import SeriesDataset
from ccnn_pc.datasets.series.observation_channels import ObservationChannels
from ccnn_pc.datasets.series.scaling import Normalization, SeriesScaling, series_scaling
from ccnn_pc.datasets.series.stored import StoredSeries, cached_series, join_series, rows_of_split

#: Vital signs, then laboratory values.
VARIABLES = [
    "HR",
    "O2Sat",
    "Temp",
    "SBP",
    "MAP",
    "DBP",
    "Resp",
    "EtCO2",
    "BaseExcess",
    "HCO3",
    "FiO2",
    "pH",
    "PaCO2",
    "SaO2",
    "AST",
    "BUN",
    "Alkalinephos",
    "Calcium",
    "Chloride",
    "Creatinine",
    "Bilirubin_direct",
    "Glucose",
    "Lactate",
    "Magnesium",
    "Phosphate",
    "Potassium",
    "Bilirubin_total",
    "TroponinI",
    "Hct",
    "Hgb",
    "PTT",
    "WBC",
    "Fibrinogen",
    "Platelets",
]
#: Known once per patient.
STATICS = ["Age", "Gender", "Unit1", "Unit2", "HospAdmTime"]
COLUMNS = [*VARIABLES, *STATICS, "ICULOS", "SepsisLabel"]
HOURS = 72
_SETS = {"A": ("training_setA", "training"), "B": ("training_setB",)}


def _is_there(path: Path) -> bool:
    if path.is_file():
        return path.suffix == ".psv" or zip_holds(path, ".psv")
    return is_found(find_physionet2019, path)


@register_dataset("physionet2019", recognises=_is_there)
class PhysioNet2019(SeriesDataset):
    r"""Will a patient have sepsis? 34 variables, most of them unknown at most hours, and what is known of the patient.

    Records end after 72 hours; the label is the largest SepsisLabel up to then. Hour ``ICULOS`` is step
    ``ICULOS - 1`` of the grid; records that start later, and hours without a row, are missing there. Patients with no
    row after hour 2 are left out, as published.

    Channels of the grid form ``[75, 72]``: 34 counts of observations so far (not normalised), 34 values (0 where
    unknown), age, gender, unit 1, unit 2, hours between admissions (normalised; 0 before if unknown), and whether
    unit and admission are known. The irregular form has one sample per row of the file: ``times`` = ICULOS in hours,
    ``x [n, 75]`` in the same order, ``mask [n, 75]`` with False where a value was not measured.

    Args:
        root: folder with ``training_setA`` (or ``training``), ``training_setB`` and their ``.psv`` files or with the
            ``.zip`` of each; one of these; one zip; or one ``.psv`` file.
        split: TRAIN, VAL, TEST: 70/15/15 as :func:`published_rows`, of the files in the order of their names (the
            released code takes the order in which the folder lists them, so its split cannot be rebuilt); None: all.
        sets: "A", "B" or "AB"; None (default): those that are there.
        counts: with the 34 counts (default).
        indicators: with 34 channels right before the values that say what was measured in this hour (1, else 0).
        statics: with what is known once per patient (default).
        time_channel: one more channel, first of all: ICULOS / 72.
        labelled: False: for new patients, whose files may lack SepsisLabel. Items have no ``y``, and there is no split.
        scaling: of :meth:`scaling_of_training`, in place of that of the training part of these files.
        cache: folder of processed data (None: the default cache).
        options: form, normalize, drop, drop_seed, transform, pre_transform, seed: see :class:`SeriesDataset`.

    Attributes:
        broken: files that could not be read, with the reason.

    Raises:
        FileNotFoundError: there are no such files.
        ValueError: none of the files can be read, or a damaged zip.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str | None = Split.TRAIN,
        *,
        sets: str | None = None,
        counts: bool = True,
        indicators: bool = False,
        statics: bool = True,
        time_channel: bool = False,
        labelled: bool = True,
        scaling: Mapping[str, Any] | None = None,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        if options.get("observed"):
            raise ValueError("'observed' must be None: counts and masks say what was observed (got True)")
        split = None if split is None else choice("split", split, Split)
        if not labelled and (split is not None or scaling is None):
            raise ValueError(
                "'split' must be None, and 'scaling' that of the training, for patients without labels "
                f"(got {split} and {scaling})"
            )
        places = find_physionet2019(root, sets)
        settings = {"version": 2, "hours": HOURS, "source": fingerprint(_files(places)), "labelled": labelled}
        stored = cached_series(cache, "physionet2019", settings, lambda: _read(places, root, labelled))
        self.said, self.labelled = ObservationChannels(counts, indicators), labelled
        self.statics, self.time_channel = statics, time_channel
        training = rows_of_split(root, stored, Split.TRAIN) if scaling is None else np.arange(0)
        if scaling is not None:
            options["normalize"] = Normalization.NONE
        super().__init__(
            stored, rows_of_split(root, stored, split), training, length=HOURS, lattice=1.0, **options
        )
        warn_broken(stored.broken, len(stored) + len(stored.broken), root)
        static = np.array(stored.static, dtype=np.float32)
        known = np.stack([np.isfinite(static[:, 2:4]).any(axis=1), np.isfinite(static[:, 4])], axis=1)
        static = np.where(np.isfinite(static), static, np.float32(0))
        on = Normalization.CHANNEL if self.scaling is not None else Normalization.NONE
        self._static_scaling = series_scaling([static[training].T], on)
        if scaling is not None:
            self.scaling, self._static_scaling = (
                _as_scaling(name, scaling.get(name), count)
                for name, count in (("variables", len(VARIABLES)), ("statics", len(STATICS)))
            )
        scaled = static if self._static_scaling is None else self._static_scaling.of(static.T).T
        self._static = np.concatenate([scaled, known.astype(np.float32)], axis=1)

    def scaling_of_training(self) -> dict[str, Any]:
        """Mean and deviation of the 34 variables and the 5 statics, as plain numbers, or None where nothing is scaled.

        Other patients are read as those of a training were with ``PhysioNet2019(root, None, labelled=False,
        scaling=training.scaling_of_training())`` and the same channels.
        """
        known = {"variables": self.scaling, "statics": self._static_scaling}
        return {
            name: None if scaling is None else [scaling.mean.ravel().tolist(), scaling.std.ravel().tolist()]
            for name, scaling in known.items()
        }

    def load(self, row: int) -> Any:
        item = super().load(row)
        if not self.labelled:
            del item.y
        return item

    def places(self, row: int) -> np.ndarray:
        return self.stored.stamps(row).astype(np.int64) - 1

    def grid_channels(self, row: int, values: np.ndarray, known: np.ndarray) -> np.ndarray:
        return self._joined(row, values, known, np.arange(1, HOURS + 1))

    def series_channels(
        self, row: int, values: np.ndarray, known: np.ndarray, times: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        x = self._joined(row, values, known, times)
        mask = np.ones(x.shape, dtype=bool)
        first = int(self.time_channel) + len(known) * self.said.per_variable
        mask[first : first + len(known)] = known
        return x, mask

    def _joined(self, row: int, values: np.ndarray, known: np.ndarray, times: np.ndarray) -> np.ndarray:
        parts = [*self.said.of(known, times), values]
        if self.time_channel:
            parts.insert(0, times[None].astype(np.float32) / HOURS)
        if self.statics:
            parts.append(self._static[row][:, None].repeat(values.shape[1], axis=1))
        return np.concatenate(parts)

    @property
    def has_missing(self) -> bool:
        return True


def find_physionet2019(root: str | os.PathLike[str], sets: str | None = None) -> list[Path]:
    """Folders of ``.psv`` files, and zips, of the wanted sets.

    Raises:
        FileNotFoundError: one is missing; the message says where to get it.
        ValueError: ``sets`` is none of A, B, AB.
    """
    if sets not in (None, "A", "B", "AB"):
        raise ValueError(f"'sets' must be 'A', 'B', 'AB' or None (got {sets!r})")
    root, found = Path(root), []
    if root.is_file() or (root.is_dir() and visible(root.glob("*.psv"), root)):
        return [root]
    for letter in sets or "AB":
        names = [name for stem in _SETS[letter] for name in (stem, f"{stem}.zip")]
        places = [folder / name for folder in (root, root / "physionet2019") for name in names]
        there = [
            path for path in places if path.is_file() or (path.is_dir() and visible(path.glob("*.psv"), path))
        ]
        if there:
            found.append(there[0])
        elif sets is not None:
            found = []
            break
    if not found:
        raise FileNotFoundError(
            f"'root' must hold training_setA and training_setB (folders of .psv files, or .zip) for sets="
            f"{sets or 'A or B'} (found none at '{root}').\n"
            "Get by hand: https://physionet.org/content/challenge-2019/1.0.0/"
        )
    return found


def _files(places: Sequence[Path]) -> Iterator[Path]:
    for place in places:
        yield from [place] if place.is_file() else visible(place.glob("*.psv"), place)


def _sources(place: Path) -> list[tuple[str, Callable[[], bytes]]]:
    """Name and content of each file, in the order of their names."""
    if place.is_dir() or place.suffix == ".psv":
        files = visible(place.glob("*.psv"), place) if place.is_dir() else [place]
        return [(str(path), partial(read_file, path)) for path in files]
    return zip_members(place, ".psv")


def _as_scaling(name: str, given: Any, count: int) -> SeriesScaling | None:
    if given is None:
        return None
    mean, std = (np.array(numbers, dtype=np.float32) for numbers in given)
    if mean.shape != (count,) or std.shape != (count,):
        raise ValueError(
            f"'scaling' must have {count} means and deviations of {name} (got {len(mean)}, {len(std)})"
        )
    return SeriesScaling(mean[:, None], std[:, None])


def _table(content: bytes, name: str, labelled: bool) -> np.ndarray:
    """The rows of a patient, checked."""
    table = read_psv(content, name, COLUMNS, [] if labelled else COLUMNS[-1:])
    hours, label = table[:, -2], table[:, -1]
    if not ((hours % 1 == 0).all() and (np.diff(hours) > 0).all() and hours[0] >= 1):
        raise ValueError(f"'{name}' must have whole, rising hours ICULOS of at least 1")
    if labelled and not np.isin(label, (0, 1)).all():
        raise ValueError(
            f"'{name}' must have 0 or 1 as SepsisLabel in every row (got {np.unique(label)[:5].tolist()})"
        )
    return table


def _read(places: Sequence[Path], root: object, labelled: bool) -> StoredSeries:
    sources = [source for place in places for source in _sources(place)]
    values, times, static, labels, names, broken = [], [], [], [], [], []
    for name, content in sources:
        try:
            table = _table(content(), name, labelled)
        except (ValueError, OSError) as error:
            broken.append((name, str(error)))
            continue
        hours = table[:, -2]
        table = table[hours <= HOURS]
        if not len(table) or (labelled and table[-1, -2] <= 2):
            if not labelled:
                broken.append((name, f"'{name}' must have a row up to hour {HOURS} (got none)"))
            continue
        values.append(table[:, : len(VARIABLES)].astype(np.float32))
        times.append(table[:, -2])
        static.append(table[-1, len(VARIABLES) : -2].astype(np.float32))
        labels.append(int(labelled and table[:, -1].max() > 0))
        names.append(PurePosixPath(name.rpartition(":")[2]).stem)
    if sources and len(broken) == len(sources):
        raise ValueError(
            f"none of the {len(broken)} files in '{root}' can be read; the first: {broken[0][1]}"
        )
    if not values:
        raise ValueError(
            f"'{root}' must hold patients with a row after hour 2 (got {len(sources)} files, none)"
        )
    return join_series(
        values,
        labels,
        ["no sepsis", "sepsis"],
        times=np.concatenate(times),
        static=np.stack(static),
        name=names,
        broken=broken,
    )
