"""From a file and a model's stored preprocessing to what the model reads."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ccnn_pc.cli.read_as import Footing
    from ccnn_pc.datasets import (
        CloudPreprocessing,
        GridData,
        ImagePreprocessing,
        LabelledDataset,
        PointCloudData,
        Preprocessing,
        ScenePreprocessing,
        Scenes,
    )
    from ccnn_pc.datasets.preprocessing.files import FilePreprocessing
    from ccnn_pc.datasets.registry import DatasetEntry

_MESH_POINTS = 4096  # what the shapes of the benchmark files are stored with


def check_reads_files(network: Any, model: str) -> None:
    """Single files must say enough for the model, and it must be known how they become its inputs.

    Raises:
        ValueError: a model of series that come as data sets, or one that was saved without preprocessing and reads no
            clouds in space; the message says what to do.

    Example:
        >>> from types import SimpleNamespace
        >>> from ccnn_pc.datasets import SeriesPreprocessing
        >>> check_reads_files(SimpleNamespace(preprocessing=SeriesPreprocessing()), "my_model")
        Traceback (most recent call last):
        ...
        ValueError: 'my_model' must be given a data set, for it reads series: ccnn-pc evaluate my_model --data ...
    """
    from ccnn_pc.datasets import SeriesDataset, SeriesPreprocessing
    from ccnn_pc.datasets.registry import dataset_entry, list_datasets

    used = network.preprocessing
    if isinstance(used, SeriesPreprocessing) and used.table is None:
        makers = {name: dataset_entry(name).make for name in list_datasets()}
        known = [
            name
            for name, make in makers.items()
            if isinstance(make, type) and issubclass(make, SeriesDataset)
        ]
        raise ValueError(
            f"'{model}' must be given a data set, for it reads series: ccnn-pc evaluate {model} --data FOLDER "
            f"(kinds of data sets: {', '.join(known)}); models of tables answer for new files"
        )
    if used is None and network.dim != 3:
        raise ValueError(
            f"'{model}' must say how files become its inputs, and was saved without preprocessing: "
            "save_pretrained(..., preprocessing=), or ccnn-pc evaluate with a data set"
        )


def suffixes_of(preprocessing: Preprocessing | None) -> list[str]:
    """Suffixes of the files that a model of images, of other files that become arrays, or of clouds, reads."""
    from ccnn_pc.datasets import ImagePreprocessing
    from ccnn_pc.datasets.formats import READERS
    from ccnn_pc.datasets.formats.image_file import SUFFIXES
    from ccnn_pc.datasets.preprocessing.files import FilePreprocessing

    if isinstance(preprocessing, FilePreprocessing):
        return list(preprocessing.suffixes)
    return (
        list(SUFFIXES) if isinstance(preprocessing, ImagePreprocessing) else [f".{name}" for name in READERS]
    )


def read_input(
    path: Path,
    preprocessing: Preprocessing | None,
    seed: int = 0,
    *,
    shape: Sequence[int] | None = None,
    footing: Footing | None = None,
    longest: float | None = None,
) -> PointCloudData | GridData:
    """Read a mesh, cloud or image file and turn it into a model's input, a function of the file and the seed.

    Args:
        path: the file.
        preprocessing: what is stored with the model.
        seed: which points are drawn from a mesh or a large cloud.
        shape: samples per axis in training, where the model reads grids: images of another size become the square in
            their middle, resized. What was read, in [0, 1], is kept in ``picture [1, C, H, W]``.
        footing: how data are brought to what the model was trained on; pictures may then keep their size.
        longest: seconds of a recording that is read as one, others in windows; None: what is longer is cut.

    Returns:
        The input; of clouds also ``given``, where its points lie in the file, and ``stored``, all points of it.

    Raises:
        FileNotFoundError: no such file.
        ImportError: a package for this format is missing.
        ValueError: the file cannot be used; the message names it.
    """
    from ccnn_pc.datasets import ImagePreprocessing
    from ccnn_pc.datasets.common.seeding import seeded_generator
    from ccnn_pc.datasets.formats.image_file import SUFFIXES
    from ccnn_pc.datasets.preprocessing.files import FilePreprocessing

    if not path.is_file():
        raise FileNotFoundError(f"'{path}' must be a file (there is none)")
    if isinstance(preprocessing, ImagePreprocessing):
        return _read_image(path, preprocessing, shape, footing)
    if isinstance(preprocessing, FilePreprocessing):
        return preprocessing.item(path, longest)
    if path.suffix.lower() in SUFFIXES:
        raise ValueError(f"'{path}' must be a mesh or cloud for this model, which reads no images")
    cloud, generator = cloud_preprocessing(path, preprocessing), seeded_generator(seed)
    data = read_cloud(path, cloud, generator)
    stored = data.given.clone()
    made = cloud.transform() if footing is None else footing.transform(cloud)
    prepared: PointCloudData = made(data, generator)
    prepared.stored = stored
    return prepared


def cloud_preprocessing(path: Path, preprocessing: Preprocessing | None) -> CloudPreprocessing:
    """How a model reads clouds.

    Raises:
        ValueError: it reads something else.
    """
    from ccnn_pc.datasets import CloudPreprocessing

    cloud = preprocessing or CloudPreprocessing()
    if not isinstance(cloud, CloudPreprocessing):
        raise ValueError(f"'{path}' must be a table or a data set for this model, which reads series")
    return cloud


def read_cloud(
    path: Path, cloud: CloudPreprocessing, generator: Any, *, whole: bool = False
) -> PointCloudData:
    """The points of a mesh or cloud file, and where they lie there, ``given``; of a large cloud some, or the ``whole``.

    Raises:
        ValueError: the file cannot be used; the message names it.
    """
    import warnings

    from ccnn_pc.datasets import read_shape
    from ccnn_pc.datasets.common.broken import DataWarning

    wanted = cloud.num_points or 0
    some = wanted if wanted > _MESH_POINTS and not whole else None
    data = read_shape(path, some, generator, normals=cloud.needs_normals)
    if data.dropped:
        warnings.warn(
            f"'{path}': {data.dropped} points are NaN or infinite and are left out", DataWarning, stacklevel=3
        )
    data.given = data.pos.double() + data.center  # where each point lies in the file, whatever is done to it
    return data


def _read_image(
    path: Path, preprocessing: ImagePreprocessing, shape: Sequence[int] | None, footing: Footing | None
) -> GridData:
    import torch

    from ccnn_pc.datasets import GridData
    from ccnn_pc.datasets.formats.image_file import SUFFIXES, picture_size, read_image

    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"'{path}' must be an image ({', '.join(SUFFIXES)}) for this model")
    content, side = path.read_bytes(), preprocessing.side(shape)
    if footing is not None:
        own = footing.side(preprocessing)
        footing.warn_of_small(picture_size(content, str(path)))
        side = side if own is None and not footing.holds(picture_size(content, str(path))) else own
    pixels = read_image(content, str(path), side, preprocessing.reads_grey, preprocessing.bits)
    picture = torch.from_numpy(pixels.astype("float32"))[None].div_((1 << preprocessing.bits) - 1)
    data = GridData(x=picture, picture=picture)
    transform = preprocessing.transform()
    if footing is not None and footing.pictures:
        prepared: GridData = footing.at(transform, picture.shape[2:])(data)
        return prepared
    prepared = transform(data)
    if shape is not None and list(prepared.x.shape[2:]) != list(shape):
        wanted = " x ".join(map(str, shape))
        raise ValueError(
            f"'{path}' must have the pixels that the model was trained on, {wanted} "
            f"(got {picture.shape[2]} x {picture.shape[3]})"
        )
    return prepared


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

    if isinstance(preprocessing, ScenePreprocessing):
        return open_scenes(spec, preprocessing, split, trained=trained, seed=seed)
    used = preprocessing or CloudPreprocessing()
    stored = trained["parts"]["test"]["options"] if trained else {}
    if isinstance(used, SeriesPreprocessing) and used.table is None and "drop" in stored:
        used = dataclasses.replace(used, drop=0.0, observed=None)  # data sets drop, the published samples
    made = used.transform() if footing is None else footing.transform(used)
    options: dict[str, Any] = {"transform": made, "seed": seed}
    if isinstance(used, SeriesPreprocessing) and used.table is not None:
        table = dict(used.table) if footing is None else footing.table(dict(used.table))
        if not labelled:
            return LongCSV.as_trained(spec, table, split, labelled=False, **options)
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
    """Something must be there to be judged.

    Raises:
        ValueError: no item; classes where numbers are wanted.
    """
    if not len(dataset):
        raise ValueError(f"'data' must hold at least one item (got none at '{spec}')")
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


def normals_of(data: PointCloudData, preprocessing: Preprocessing | None) -> Tensor | None:
    """The normals (or their absolute values) that a model's input holds, for shading; None if it holds none."""
    from ccnn_pc.datasets.transforms.attach import FEATURE_CHANNELS

    given = getattr(preprocessing, "features", None)
    features = list(given) if isinstance(given, (list, tuple)) else []  # of sound it is one word
    places = [i for i, name in enumerate(features) if name.endswith("normal")]
    if not places or data.x is None:
        return None
    first = sum(FEATURE_CHANNELS.get(name, 1) for name in features[: places[0]])
    normals: Tensor = data.x[:, first : first + 3]
    return normals


def behind(data: PointCloudData) -> Tensor | None:
    """All points that were read, where they lie beside those of the model's input; None where these moved otherwise.

    Example:
        >>> import torch
        >>> from ccnn_pc.datasets import PointCloudData
        >>> stored = torch.tensor([[0.0, 0.0], [4.0, 0.0], [2.0, 2.0]])
        >>> pos = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
        >>> behind(PointCloudData(pos=pos, given=stored[:2], stored=stored)).tolist()
        [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    pos, given, stored = (data.get(name) for name in ("pos", "given", "stored"))
    if pos is None or given is None or stored is None or len(given) != len(pos) or len(pos) == len(stored):
        return None
    pos, given = pos.double(), given.double()
    around, before = pos - pos.mean(dim=0), given - given.mean(dim=0)
    if not float(before.square().sum()) > 0:
        return None
    scale = float((around * before).sum() / before.square().sum())  # least squares
    if float((around - scale * before).abs().max()) > 1e-3 * float(around.abs().max()):
        return None  # voxels, for instance
    moved: Tensor = (stored.double() - given.mean(dim=0)) * scale + pos.mean(dim=0)
    return moved.to(data.pos.dtype)
