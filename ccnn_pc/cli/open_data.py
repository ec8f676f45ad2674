"""From the data that a command names to a data set that a model reads."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccnn_pc.cli.read_as import Footing
    from ccnn_pc.datasets import (
        ImagePreprocessing,
        LabelledDataset,
        Preprocessing,
        ScenePreprocessing,
        Scenes,
    )
    from ccnn_pc.datasets.preprocessing.files import FilePreprocessing
    from ccnn_pc.datasets.registry import DatasetEntry


def check_data(spec: str | Path) -> None:
    """``spec`` must be a path that exists, or the name of data that are made on the spot; looks at nothing else.

    Raises:
        FileNotFoundError: neither.
    """
    from ccnn_pc.datasets.registry import dataset_entry, list_datasets

    made = [name for name in list_datasets() if not dataset_entry(name).needs_files]
    if not Path(spec).exists() and str(spec) not in made:
        raise FileNotFoundError(
            f"'data' must be a folder, a file or one of the names {', '.join(made)} "
            f"(got '{spec}', which does not exist)"
        )


def open_data(
    spec: str | Path,
    preprocessing: Preprocessing | None,
    split: str | None = None,
    *,
    seed: int = 0,
    shape: Sequence[int] | None = None,
    labels: str | Path | None = None,
    classes: Sequence[str] = (),
    numbers: bool = False,
    trained: Mapping[str, Any] | None = None,
    labelled: bool = True,
    footing: Footing | None = None,
    longest: float | None = None,
) -> LabelledDataset[Any]:
    """Open a data set as a model reads it.

    Args:
        spec: name, file or folder; see :func:`ccnn_pc.datasets.open_dataset`.
        preprocessing: what is stored with the model.
        split: part to open: what the training of the model meant by it, where that is stored.
        seed: which points are drawn.
        shape: samples per axis in training, where the model reads grids.
        labels: file of labels, for a model of tables; None: a column of the table.
        classes: of a model of tables.
        numbers: whether the targets are numbers.
        trained: the data of the training, as the model remembers them (:mod:`ccnn_pc.training.described_data`).
        labelled: whether tables must have labels.
        footing: how data are brought to what the model was trained on; None: they are as it was.
        longest: as in :func:`read_input`.

    Raises:
        FileNotFoundError: no such data.
        ValueError: images for a model of clouds, clouds for a model of images, or images of another size; labels for
            another model than one of tables; a validation part where the training held none.
    """
    from ccnn_pc.datasets import (
        CloudPreprocessing,
        GridDataset,
        ImagePreprocessing,
        LongCSV,
        ScenePreprocessing,
        SeriesPreprocessing,
    )
    from ccnn_pc.datasets.preprocessing.files import FilePreprocessing
    from ccnn_pc.datasets.series.uea_archive import is_archive

    if isinstance(preprocessing, ScenePreprocessing):
        return open_scenes(spec, preprocessing, split, trained=trained, seed=seed)
    used = preprocessing or CloudPreprocessing()
    stored = trained["parts"]["test"]["options"] if trained else {}
    if isinstance(used, SeriesPreprocessing) and used.table is None and "drop" in stored:
        used = dataclasses.replace(used, drop=0.0, observed=None)  # data sets drop, the published samples
    made = used.transform() if footing is None else footing.transform(used)
    options: dict[str, Any] = {"transform": made, "seed": seed}
    if isinstance(used, SeriesPreprocessing) and used.table is not None:
        if is_archive(Path(spec)):
            raise ValueError(
                f"'data' must be a table for this model, with the labels in it or --labels FILE (got '{spec}'); "
                "ccnn-pc predict answers for its series"
            )
        table = dict(used.table) if footing is None else footing.table(dict(used.table))
        if not labelled:
            return LongCSV.as_trained(spec, table, split, labelled=False, **options)
        if split is None and trained:
            _say_all(str(spec))
        known = () if numbers else classes
        return LongCSV.as_trained(
            spec, table, split, labels=labels, classes=known, numbers=numbers, **options
        )
    if labels is not None:
        if "labels" not in _known_words(trained):
            raise ValueError(
                f"'labels' must be left out for this model, which reads no tables (got {labels})"
            )
        options["labels"] = labels
    if isinstance(used, FilePreprocessing):
        return open_files(
            spec, used, split, trained=trained, numbers=numbers, seed=seed, labels=labels, longest=longest
        )
    if (
        preprocessing is None and trained
    ):  # sequences that are made on the spot, for instance: read as they are
        return open_part(spec, split, trained, numbers=numbers, seed=seed)
    if isinstance(used, SeriesPreprocessing):
        if footing is not None and footing.said.spacing is not None:
            made = footing.at(made, [1])
        if footing is not None and longest is not None:
            made = footing.in_windows(made)
        return open_part(
            spec, split, trained, numbers=numbers, form=used.form, **{**options, "transform": made}
        )
    if isinstance(used, ImagePreprocessing):
        more = {key: options[key] for key in ("labels",) if key in options}
        return open_pictures(
            spec,
            used,
            split,
            shape=shape,
            numbers=numbers,
            trained=trained,
            footing=footing,
            seed=seed,
            **more,
        )
    if isinstance(used, CloudPreprocessing):
        options["normals"] = used.needs_normals
    dataset = open_part(spec, split, trained, numbers=numbers, **options)
    if isinstance(dataset, GridDataset):
        raise ValueError(f"'data' must hold clouds or meshes for this model (got {_held(dataset)} at {spec})")
    return dataset


def _held(dataset: Any) -> str:
    """What a data set holds, in words.

    Example:
        >>> from ccnn_pc.datasets import ImageArrays
        >>> import numpy as np
        >>> _held(ImageArrays(np.zeros((1, 1, 4, 4), np.uint8), np.zeros(1, int), ["a"], None))
        'images'
    """
    from ccnn_pc.datasets import GridDataset, SeriesDataset

    if isinstance(dataset, SeriesDataset):
        return "series"
    if not isinstance(dataset, GridDataset):
        return "clouds or meshes"
    axes = len(getattr(dataset, "shape", ()))
    return {0: "arrays", 2: "sound or other sequences", 3: "images"}.get(axes, "volumes")


def _known_words(trained: Mapping[str, Any] | None) -> set[str]:
    """What the data set of a training may be told."""
    from ccnn_pc.datasets.registry import dataset_entry, list_datasets

    name = (trained or {}).get("dataset")
    return dataset_entry(name).make.arguments() if name in list_datasets() else set()


def open_files(
    spec: str | Path,
    used: FilePreprocessing,
    split: str | None,
    *,
    trained: Mapping[str, Any] | None,
    numbers: bool,
    seed: int,
    labels: str | Path | None,
    longest: float | None = None,
) -> LabelledDataset[Any]:
    """Files that become arrays, a folder of them, read as in training."""
    from ccnn_pc.datasets.registry import dataset_entry

    entry, path = dataset_entry(used.dataset), Path(spec)
    known = used if used.files is not None else dataclasses.replace(used, files={})  # type: ignore[type-var]
    options: dict[str, Any] = {"reading": known, "seed": seed, "labels": labels, "longest": longest}
    if not path.is_dir():
        raise ValueError(f"'data' must be a folder of {used.kind} files for this model (got '{spec}')")
    if trained and trained["dataset"] == entry.name:
        return _checked(_open_divided(entry, path, split, trained, options), spec, numbers)
    return _checked(entry.open(path, None, **options), spec, numbers)


def open_scenes(
    spec: str | Path,
    preprocessing: ScenePreprocessing,
    split: str | None,
    *,
    trained: Mapping[str, Any] | None,
    seed: int = 0,
) -> Scenes:
    """Scenes in tiles that cover them.

    Args:
        spec: a folder, or a file.
        preprocessing: of the model.
        split: part; None: the test part where a folder or a list says which one it is, else everything.
        trained: the data of the training: how they were divided.
        seed: which points of tiles with too many are read together.
    """
    from ccnn_pc.datasets import Scenes, Split
    from ccnn_pc.datasets.scenes.splits import Division, listed_parts

    stored = trained["parts"]["test"]["options"] if trained else {}
    names = [field.name for field in dataclasses.fields(Division)]
    divided = {name: stored[name] for name in names if stored.get(name) is not None}
    if split is None and Split.TEST in listed_parts(Path(spec), Division(**divided)):
        split = Split.TEST.value
    return Scenes(spec, split=split, preprocessing=preprocessing, seed=seed, **divided)


def open_pictures(
    spec: str | Path,
    used: ImagePreprocessing,
    split: str | None,
    *,
    shape: Sequence[int] | None,
    numbers: bool,
    trained: Mapping[str, Any] | None,
    footing: Footing | None,
    seed: int,
    **more: Any,
) -> LabelledDataset[Any]:
    """Images as a model reads them, at a spacing of their own where they show the scene of training at another size.

    Raises:
        ValueError: no images, or of another size than the model can be given.
    """
    from ccnn_pc.cli.transparent import warn_of_transparent

    side = used.side(shape) if footing is None else footing.side(used)
    options: dict[str, Any] = {
        "transform": used.transform(),
        "seed": seed,
        "grey": used.reads_grey,
        "bits": used.bits,
        **more,
    }
    size: dict[str, Any] = {} if side is None and used.side(shape) is None else {"image_size": side}
    dataset: Any = open_part(spec, split, trained, numbers=numbers, **options, **size)
    if _held(dataset) != "images":
        raise ValueError(f"'data' must hold images for this model (got {_held(dataset)} at {spec})")
    if shape is None:
        return dataset
    resizes = hasattr(dataset, "native_sizes")
    if footing is not None and footing.said.size is not None and not resizes:
        raise ValueError(f"'size' must be left out for data whose pictures all have one size (got {spec})")
    sizes = list(used.to_view().shape_of(*dataset.shape)[1:])
    natural = dataset.native_sizes() if footing is not None and resizes else ()
    if footing is not None and natural:
        footing.warn_of_small(min(natural, key=min))
    if footing is not None and side is None and resizes:
        several = len(natural) > 1
        if several or not footing.holds(
            sizes
        ):  # no scene of training at another size: the middle of each, resized
            size = {"image_size": used.side(shape)}
            dataset = open_part(spec, split, trained, numbers=numbers, **options, **size)
            sizes = list(used.to_view().shape_of(*dataset.shape)[1:])
    if footing is not None and (
        footing.said.size is not None or footing.said.spacing is not None or footing.holds(sizes)
    ):
        dataset.transform = footing.at(dataset.transform, sizes)
    elif sizes != list(shape):
        _, height, width = dataset.shape
        raise ValueError(
            f"'data' must hold images of the size that the model was trained on, {' x '.join(map(str, shape))} "
            f"samples (got {height} x {width} pixels at {spec})"
        )
    if footing is not None and hasattr(dataset, "clear"):
        warn_of_transparent(footing.model, *dataset.clear())
    found: LabelledDataset[Any] = dataset
    return found


def open_part(
    spec: str | Path,
    split: str | None,
    trained: Mapping[str, Any] | None,
    *,
    numbers: bool = False,
    **options: Any,
) -> LabelledDataset[Any]:
    """A part of data, divided as the training of a model divided its own; without that, as the data set says.

    Args:
        spec: name, file or folder.
        split: train, val, test; None: the default part.
        trained: what the model remembers; None or empty: nothing.
        numbers: whether the targets are numbers.
        options: of :func:`ccnn_pc.datasets.open_dataset`.

    Raises:
        ValueError: an unknown split; a validation part where the training held none; classes where numbers are wanted.
    """
    from ccnn_pc.datasets import open_dataset
    from ccnn_pc.datasets.registry import dataset_entry, list_datasets

    path = Path(spec)
    if trained and trained["dataset"] in list_datasets():
        entry = dataset_entry(trained["dataset"])
        if entry.may_hold(path) if entry.needs_files else str(spec) == entry.name:
            dataset = _open_divided(entry, path if entry.needs_files else None, split, trained, options)
            return _checked(dataset, spec, numbers)
    known = {name: value for name, value in options.items() if name not in ("bits", "labels")}
    return _checked(open_dataset(spec, split, **known), spec, numbers)


def _checked(dataset: LabelledDataset[Any], spec: str | Path, numbers: bool) -> LabelledDataset[Any]:
    """Something must be there to be judged; what is left out is said.

    Raises:
        ValueError: no item; classes where numbers are wanted.
    """
    from ccnn_pc.cli.left_out import warn_of_left_out

    if not len(dataset):
        raise ValueError(f"'data' must hold at least one item (got none at '{spec}')")
    warn_of_left_out(Path(spec), dataset)
    return dataset.with_numbers() if numbers else dataset


def _open_divided(
    entry: DatasetEntry,
    path: Path | None,
    split: str | None,
    trained: Mapping[str, Any],
    options: dict[str, Any],
) -> LabelledDataset[Any]:
    from ccnn_pc._choices import choice
    from ccnn_pc.datasets import Split
    from ccnn_pc.training.data import Validation

    if trained.get("scaling"):  # numbers mean what they meant in training, whatever lies beside them
        options = {**options, "scaling": trained["scaling"]}
    if split is None:
        known = {**trained["parts"]["test"]["options"], "split_file": None}  # which names other files
        if path is not None and known.get("test_fraction") and entry.split_of(path) is None:
            _say_all(str(path))
        return entry.open(path, None, **_as_entry({**known, **options}))
    part, divided = choice("split", split, Split), dict(trained["validation"])
    own = divided.pop("own")
    how = Validation(**divided)
    drawn = not own and not how.on_test and how.fraction > 0
    if part is Split.VAL and not own and not drawn and not how.on_test:
        raise ValueError(
            f"'split' must be train or test for this model, whose training held no validation part (got {split})"
        )
    held_out = Split.TRAIN if drawn else Split.TEST
    source = held_out if part is Split.VAL and not own else part
    stored = trained["parts"][source.value]
    named = None if stored["split"] is None else choice("split", stored["split"], Split)
    dataset = entry.open(path, named, **_as_entry({**stored["options"], **options}))
    if source is not Split.TRAIN or not drawn:
        return dataset
    first, second = how.rows(dataset.labels, trained["seed"])
    return dataset.subset(first if part is Split.TRAIN else second)


@functools.cache
def _say_all(spec: str) -> None:
    """Where a training drew its parts, all of its data hold what it learned from."""
    print(
        f"note: all of {spec} is read; where a model was trained on it, --split test leaves out what it learned from",
        file=sys.stderr,
    )


def _as_entry(options: dict[str, Any]) -> dict[str, Any]:
    """Options of :func:`open_dataset` as data sets call them."""
    if "image_size" in options:
        options["size"] = options.pop("image_size")
        if options["size"] is None:
            del options["size"]
    return {**options, "view": None}
