"""Character trajectories: pen strokes of 20 letters, three channels, 60 to 182 samples."""

from __future__ import annotations

import io
import os
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.limits import check_unpacked
from ccnn_pc.datasets.formats.numpy_file import read_npz
from ccnn_pc.datasets.formats.packed import read_file, zip_members
from ccnn_pc.datasets.formats.uea import Labelled, read_uea
from ccnn_pc.datasets.registry import is_found, register_dataset
from ccnn_pc.datasets.series.dataset import Fill, SeriesDataset
from ccnn_pc.datasets.series.stored import StoredSeries, join_series, rows_of_labels, rows_of_split

LETTERS = "abcdeghlmnopqrsuvwyz"
_COUNT, _LENGTH = 2858, 182
_NAME = "CharacterTrajectories"
_UEA = (f"{_NAME}_TRAIN", f"{_NAME}_TEST")
#: A compressed element of MATLAB 5.
_COMPRESSED = 15
_FOLDERS = ("", "CharacterTrajectories", "character_trajectories")


def _is_there(path: Path) -> bool:
    if path.suffix == ".npz":
        try:
            names = {name.rpartition(":")[2] for name, _ in zip_members(path, ".npy")}
            return {"values.npy", "length.npy", "label.npy"} <= names
        except (OSError, ValueError):
            return False  # whoever reads it next says what is wrong with it
    if path.is_file():
        return path.suffix == ".mat" or (path.suffix in (".ts", ".arff") and path.name.startswith(_NAME))
    return is_found(find_character_trajectories, path)


@register_dataset("character_trajectories", recognises=_is_there)
class CharacterTrajectories(SeriesDataset):
    """2858 pen trajectories of 20 letters (Williams, Toussaint, Storkey 2006): x, y velocity and pen-tip force.

    Read at ``root``: the UEA files ``CharacterTrajectories_{TRAIN,TEST}`` as ``.ts`` or ``.arff`` (official order:
    train, then test), the UCI file ``mixoutALL_shifted.mat``, or ``character_trajectories.npz`` with ``values [N, 3]``,
    ``length [n]``, ``label [n]``, ``classes``. Zero samples before and after a stroke (UCI) are cut.

    The grid form ``[3, 182]`` repeats the last sample as published; the irregular form has the samples of the pen,
    ``times`` in samples (give ``spacing=0.005`` for seconds). The split is the published one
    (:func:`published_rows`), exactly where the series come in the order of the UEA files; another order of the
    same series gives another draw of the same kind.

    Args:
        root: folder, or one of the files.
        split: TRAIN (2000), VAL (429), TEST (429); None: all.
        class_order: "alphabetical" (default: abcdeghlmnopqrsuvwyz, that of the released checkpoints) or
            "appearance" (the letter of the first series is class 0).
        split_seeds: of the two draws (default 0 and 1, as published).
        options: form, length, normalize (default "channel"; "step" is what the released code computes), drop,
            drop_seed, spacing, transform, pre_transform, seed: see :class:`SeriesDataset`.

    Raises:
        FileNotFoundError: none of the files is there.
        ValueError: a damaged file; the message names it.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str | None = Split.TRAIN,
        *,
        class_order: str = "alphabetical",
        split_seeds: tuple[int, int] = (0, 1),
        **options: Any,
    ) -> None:
        if class_order not in ("alphabetical", "appearance"):
            raise ValueError(f"'class_order' must be 'alphabetical' or 'appearance' (got {class_order!r})")
        series, letters = _read(find_character_trajectories(root))
        classes = list(LETTERS) if class_order == "alphabetical" else list(dict.fromkeys(letters))
        stored: StoredSeries = join_series(series, rows_of_labels(letters, classes), classes)
        if len(stored) != _COUNT:
            warnings.warn(
                f"'{root}' holds {len(stored):,} of the {_COUNT:,} series: results are those of a part",
                DataWarning,
                stacklevel=2,
            )
        seeds = (int(split_seeds[0]), int(split_seeds[1]))
        split = None if split is None else choice("split", split, Split)
        options.setdefault("length", _LENGTH)
        super().__init__(
            stored,
            rows_of_split(root, stored, split, seeds),
            rows_of_split(root, stored, Split.TRAIN, seeds),
            fill=Fill.LAST,
            **options,
        )


def find_character_trajectories(root: str | os.PathLike[str]) -> list[Path]:
    """The files of the data set at ``root``.

    Raises:
        FileNotFoundError: there are none; the message says how to get them.
    """
    root = Path(root)
    if root.is_file():
        return [root]
    for folder in (root / name for name in _FOLDERS):
        for suffix in (".ts", ".arff"):
            pair = [folder / (name + suffix) for name in _UEA]
            if all(path.is_file() for path in pair):
                return pair
        for name in ("mixoutALL_shifted.mat", "character_trajectories.npz"):
            if (folder / name).is_file():
                return [folder / name]
    raise FileNotFoundError(
        f"'root' must hold {_UEA[0]}.ts and {_UEA[1]}.ts (or .arff), mixoutALL_shifted.mat or "
        f"character_trajectories.npz (found none at '{root}').\n"
        "Get by hand and unpack: https://www.timeseriesclassification.com/description.php?Dataset=CharacterTrajectories\n"
        "or https://archive.ics.uci.edu/dataset/175/character+trajectories"
    )


def _read(paths: list[Path]) -> Labelled:
    series: list[np.ndarray] = []
    letters: list[str] = []
    for path in paths:
        kind = path.suffix.lower()
        read: Callable[[Path], Labelled] = {".npz": _npz, ".mat": _mat}.get(kind, _uea)
        found, names = read(path)
        if any(each.shape[1] != 3 for each in found):
            raise ValueError(f"'{path}' must have series of 3 channels (got {found[0].shape[1]})")
        if not all(np.isfinite(each).all() for each in found):
            raise ValueError(f"'{path}' must have finite values (got NaN or infinity)")
        wrong = sorted(set(names) - set(LETTERS))
        if wrong:
            raise ValueError(
                f"'{path}' must have the classes {', '.join(LETTERS)} (got {', '.join(wrong[:3])})"
            )
        series += found
        letters += names
    return series, letters


def _uea(path: Path) -> Labelled:
    series, labels = read_uea(path)
    known = {str(number): letter for number, letter in enumerate(LETTERS, 1)} | {
        each: each for each in LETTERS
    }
    wrong = sorted(set(labels) - set(known))
    if wrong:
        raise ValueError(
            f"'{path}' must have classes 1 to {len(LETTERS)} (got {', '.join(wrong[:3])}): UEAArchive reads other data"
        )
    return series, [known[label] for label in labels]


def _mat(path: Path) -> Labelled:
    from scipy.io import loadmat

    try:
        content = read_file(path)
        _check_compressed(content)
        arrays = loadmat(io.BytesIO(content))
        consts = arrays["consts"][0, 0]
        labels = np.asarray(consts["charlabels"], dtype=np.float64).ravel()
        letters = [str(cell[0]) for cell in consts["key"].ravel()]
        series = [_stroke(np.asarray(cell, dtype=np.float64).T) for cell in arrays["mixout"].ravel()]
        if len(labels) != len(series) or not np.isin(labels, np.arange(1, len(letters) + 1)).all():
            raise ValueError(
                f"'charlabels' must hold a number from 1 to {len(letters)} for each of {len(series)} series"
            )
        return series, [letters[int(label) - 1] for label in labels]
    except Exception as error:  # the reader raises almost anything for damaged files
        raise ValueError(
            f"'{path}' is damaged or cut off, or holds other data ({error}); copy it again"
        ) from error


def _check_compressed(content: bytes) -> None:
    """The compressed elements of a file of MATLAB 5 must not unpack to far more than they are."""
    place, unpacked = 128, 0
    while place + 8 <= len(content):
        kind, size = np.frombuffer(content, "<u4", 2, place).tolist()
        if kind == _COMPRESSED:
            stream, rest = zlib.decompressobj(), content[place + 8 : place + 8 + size]
            while rest:
                unpacked += len(stream.decompress(rest, 1 << 20))
                check_unpacked(unpacked, len(content))
                rest = stream.unconsumed_tail
        place += 8 + size


def _npz(path: Path) -> Labelled:
    try:
        arrays = read_npz(path)
        values, length, label = (arrays[key] for key in ("values", "length", "label"))
        classes = [str(name) for name in arrays["classes"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"'{path}' is damaged, or lacks an array: values, length, label and classes must be there ({error})"
        ) from error
    for name, numbers in (("length", length), ("label", label)):
        if numbers.dtype.kind not in "iu" or numbers.ndim != 1 or not len(numbers):
            raise ValueError(
                f"'{path}': '{name}' must hold whole numbers, one for each series "
                f"(got {numbers.dtype}, shape {list(numbers.shape)})"
            )
    if values.dtype.kind not in "fiu" or values.ndim != 2:
        raise ValueError(
            f"'{path}': 'values' must be numbers [N, 3] (got {values.dtype}, {list(values.shape)})"
        )
    if length.min() < 1 or int(length.sum()) != len(values) or len(length) != len(label):
        raise ValueError(
            f"'{path}': 'values' must have as many rows as 'length' adds up to, and 'label' as many entries "
            f"(got {list(values.shape)}, {int(length.sum())}; {len(length)}, {len(label)})"
        )
    if not 0 <= int(label.min()) <= int(label.max()) < len(classes):
        raise ValueError(
            f"'{path}': 'label' must be in [0, {len(classes)}) (got {label.min()} to {label.max()})"
        )
    return np.split(values.astype(np.float32), np.cumsum(length)[:-1]), [classes[each] for each in label]


def _stroke(values: np.ndarray) -> np.ndarray:
    """Without the zero samples before and after."""
    if values.ndim != 2:
        raise ValueError(f"a series of shape {list(values.shape)}")
    moving = np.flatnonzero(np.any(values != 0, axis=1))
    if not len(moving):
        raise ValueError("a series of zeros")
    return values[moving[0] : moving[-1] + 1].astype(np.float32)
