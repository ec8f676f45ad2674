"""From a file and a model's stored preprocessing to what the model reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ccnn_pc.datasets import GridData, ImagePreprocessing, LabelledDataset, PointCloudData, Preprocessing

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
        ValueError: 'my_model' must be given a data set, for it reads series: ccnn-pc evaluate my_model --data FOLDER ...
    """
    from ccnn_pc.datasets import SeriesDataset, SeriesPreprocessing
    from ccnn_pc.datasets.registry import dataset_entry, list_datasets

    used = network.preprocessing
    if isinstance(used, SeriesPreprocessing) and used.table is None:
        makers = {name: dataset_entry(name).make for name in list_datasets()}
        known = [name for name, make in makers.items() if isinstance(make, type) and issubclass(make, SeriesDataset)]
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
    """Suffixes of the files that a model of images, or of clouds, reads."""
    from ccnn_pc.datasets import ImagePreprocessing
    from ccnn_pc.datasets.formats import READERS
    from ccnn_pc.datasets.formats.image_file import SUFFIXES

    return list(SUFFIXES) if isinstance(preprocessing, ImagePreprocessing) else [f".{name}" for name in READERS]


def read_input(
    path: Path, preprocessing: Preprocessing | None, seed: int = 0, *, shape: Sequence[int] | None = None
) -> PointCloudData | GridData:
    """Read a mesh, cloud or image file and turn it into a model's input, a function of the file and the seed.

    Args:
        path: the file.
        preprocessing: what is stored with the model.
        seed: which points are drawn from a mesh or a large cloud.
        shape: samples per axis in training, where the model reads grids: images of another size become the square in
            their middle, resized. What was read, in [0, 1], is kept in ``picture [1, C, H, W]``.

    Returns:
        The input; of clouds also ``given``, where its points lie in the file, and ``stored``, all points that were read.

    Raises:
        FileNotFoundError: no such file.
        ImportError: a package for this format is missing.
        ValueError: the file cannot be used; the message names it.
    """
    from ccnn_pc.datasets import CloudPreprocessing, ImagePreprocessing, read_shape
    from ccnn_pc.datasets.common.seeding import seeded_generator
    from ccnn_pc.datasets.formats.image_file import SUFFIXES

    if not path.is_file():
        raise FileNotFoundError(f"'{path}' must be a file (there is none)")
    if isinstance(preprocessing, ImagePreprocessing):
        return _read_image(path, preprocessing, shape)
    if path.suffix.lower() in SUFFIXES:
        raise ValueError(f"'{path}' must be a mesh or cloud for this model, which reads no images")
    cloud = preprocessing or CloudPreprocessing()
    if not isinstance(cloud, CloudPreprocessing):
        raise ValueError(f"'{path}' must be a table or a data set for this model, which reads series")
    generator = seeded_generator(seed)
    wanted = cloud.num_points or 0
    data = read_shape(path, wanted if wanted > _MESH_POINTS else None, generator, normals=cloud.needs_normals)
    stored = data.pos.double() + data.center
    data.given = stored.clone()  # where each point lies in the file, whatever is done to it
    prepared: PointCloudData = cloud.transform()(data, generator)
    prepared.stored = stored
    return prepared


def _read_image(path: Path, preprocessing: ImagePreprocessing, shape: Sequence[int] | None) -> GridData:
    import torch

    from ccnn_pc.datasets import GridData
    from ccnn_pc.datasets.formats.image_file import SUFFIXES, read_image

    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"'{path}' must be an image ({', '.join(SUFFIXES)}) for this model")
    pixels = read_image(path.read_bytes(), str(path), preprocessing.side(shape), preprocessing.reads_grey)
    picture = torch.from_numpy(pixels.copy())[None].float().div_(255)
    data = GridData(x=picture, picture=picture)
    prepared: GridData = preprocessing.transform()(data)
    if shape is not None and list(prepared.x.shape[2:]) != list(shape):
        wanted = " x ".join(map(str, shape))
        raise ValueError(
            f"'{path}' must have the pixels that the model was trained on, {wanted} "
            f"(got {picture.shape[2]} x {picture.shape[3]})"
        )
    return prepared


def open_data(
    spec: str | Path,
    preprocessing: Preprocessing | None,
    split: str | None = None,
    *,
    seed: int = 0,
    shape: Sequence[int] | None = None,
    labels: str | Path | None = None,
    classes: Sequence[str] = (),
) -> LabelledDataset[Any]:
    """Open a data set as a model reads it.

    Args:
        spec: name, file or folder; see :func:`ccnn_pc.datasets.open_dataset`.
        preprocessing: what is stored with the model.
        split: part to open.
        seed: which points are drawn.
        shape: samples per axis in training, where the model reads grids.
        labels: file of labels, for a model of tables; None: a column of the table.
        classes: of a model of tables.

    Raises:
        FileNotFoundError: no such data.
        ValueError: images for a model of clouds, clouds for a model of images, or images of another size; labels for
            another model than one of tables.
    """
    from ccnn_pc.datasets import (
        CloudPreprocessing,
        GridDataset,
        ImagePreprocessing,
        LongCSV,
        SeriesPreprocessing,
        open_dataset,
    )

    used = preprocessing or CloudPreprocessing()
    options: dict[str, Any] = {"transform": used.transform(), "seed": seed}
    if isinstance(used, SeriesPreprocessing) and used.table is not None:
        return LongCSV.as_trained(spec, used.table, split, labels=labels, classes=classes, **options)
    if labels is not None:
        raise ValueError(f"'labels' must be left out for this model, which reads no tables (got {labels})")
    if isinstance(used, SeriesPreprocessing):
        return open_dataset(spec, split, form=used.form, **options)
    images = isinstance(used, ImagePreprocessing)
    if isinstance(used, ImagePreprocessing):
        options |= {"image_size": used.side(shape), "grey": used.reads_grey}
    elif isinstance(used, CloudPreprocessing):
        options["normals"] = used.needs_normals
    dataset = open_dataset(spec, split, **options)
    if isinstance(dataset, GridDataset) != images:
        wanted, found = ("images", "clouds") if images else ("clouds or meshes", "images")
        raise ValueError(f"'data' must hold {wanted} for this model (got {found} at {spec})")
    if isinstance(used, ImagePreprocessing) and shape is not None:
        channels, height, width = dataset.shape  # type: ignore[attr-defined]
        if list(used.to_view().shape_of(channels, height, width)[1:]) != list(shape):
            raise ValueError(
                f"'data' must hold images of the size that the model was trained on, {' x '.join(map(str, shape))} "
                f"samples (got {height} x {width} pixels at {spec})"
            )
    return dataset


def normals_of(data: PointCloudData, preprocessing: Preprocessing | None) -> Tensor | None:
    """The normals (or their absolute values) that a model's input holds, for shading; None if it holds none."""
    from ccnn_pc.datasets.transforms.attach import FEATURE_CHANNELS

    features = list(getattr(preprocessing, "features", None) or ())
    places = [i for i, name in enumerate(features) if name.endswith("normal")]
    if not places or data.x is None:
        return None
    first = sum(FEATURE_CHANNELS[name] for name in features[: places[0]])
    normals: Tensor = data.x[:, first : first + 3]
    return normals


def behind(data: PointCloudData) -> Tensor | None:
    """All points that were read, where they lie beside those of the model's input; None where these moved otherwise.

    Example:
        >>> import torch
        >>> from ccnn_pc.datasets import PointCloudData
        >>> stored = torch.tensor([[0.0, 0.0], [4.0, 0.0], [2.0, 2.0]])
        >>> behind(PointCloudData(pos=torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), given=stored[:2], stored=stored)).tolist()
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
