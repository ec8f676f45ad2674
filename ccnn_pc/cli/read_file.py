"""From one file and a model's stored preprocessing to what the model reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ccnn_pc.cli.read_as import Footing
    from ccnn_pc.datasets import (
        CloudPreprocessing,
        GridData,
        ImagePreprocessing,
        PointCloudData,
        Preprocessing,
    )


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
            f"--out answers.csv writes an answer for each (kinds of data sets: {', '.join(known)}); of files .ts and "
            ".arff are read, and models of tables answer for new tables"
        )
    if used is None and network.dim != 3:
        raise ValueError(
            f"'{model}' must say how files become its inputs, and was saved without preprocessing: "
            "save_pretrained(..., preprocessing=), or ccnn-pc evaluate with a data set"
        )


def suffixes_of(preprocessing: Preprocessing | None) -> list[str]:
    """Suffixes of the files that a model reads: images, series, other files that become arrays, or clouds."""
    from ccnn_pc.datasets import ImagePreprocessing, SeriesPreprocessing
    from ccnn_pc.datasets.formats import READERS
    from ccnn_pc.datasets.formats.image_file import SUFFIXES
    from ccnn_pc.datasets.preprocessing.files import FilePreprocessing

    if isinstance(preprocessing, FilePreprocessing):
        return list(preprocessing.suffixes)
    if isinstance(preprocessing, SeriesPreprocessing):
        return [kind + packed for kind in (".ts", ".arff") for packed in ("", ".gz", ".xz")]
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
            f"'{path}': {data.dropped} points are NaN or infinite, copies of a mark (0, 0, 0), or one point again and "
            "again at the end, and are left out",
            DataWarning,
            stacklevel=3,
        )
    data.given = data.pos.double() + data.center  # where each point lies in the file, whatever is done to it
    return data


def _read_image(
    path: Path, preprocessing: ImagePreprocessing, shape: Sequence[int] | None, footing: Footing | None
) -> GridData:
    import torch

    from ccnn_pc.cli.transparent import warn_of_transparent
    from ccnn_pc.datasets import GridData
    from ccnn_pc.datasets.formats.image_file import CLEAR, SUFFIXES, picture_size, read_picture

    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"'{path}' must be an image ({', '.join(SUFFIXES)}) for this model")
    content, side = path.read_bytes(), preprocessing.side(shape)
    if footing is not None:
        own = footing.side(preprocessing)
        footing.warn_of_small(picture_size(content, str(path)))
        side = side if own is None and not footing.holds(picture_size(content, str(path))) else own
    pixels, clear = read_picture(content, str(path), side, preprocessing.reads_grey, preprocessing.bits)
    if footing is not None and clear > CLEAR:
        warn_of_transparent(footing.model, [str(path)])
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
