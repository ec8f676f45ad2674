"""Pages of files and data sets: clouds by every field, images, series, an item of each class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from ccnn_pc.viz.report import Card, Page

#: Points of a scan, fields of a file, items of a data set.
_POINTS, _FIELDS, _ITEMS = 100_000, 10, 24
#: Whole numbers that a field may have to be drawn as classes.
_KINDS = 24
#: Files that a data set is made of, or one by itself.
_TABLES = (".csv", ".tsv", ".parquet", ".feather", ".arrow", ".npz")


def data_page(what: str, path: Path, item: str | None, split: str | None, seed: int) -> Page:
    """The page of a file or a data set.

    Raises:
        FileNotFoundError: there is nothing of this name.
        ValueError: a kind of file that cannot be shown; no such item.
    """
    from ccnn_pc.datasets.formats import READERS
    from ccnn_pc.datasets.formats.image_file import SUFFIXES
    from ccnn_pc.datasets.registry import dataset_entry, list_datasets
    from ccnn_pc.datasets.scenes.files import READERS as SCENES

    suffix = path.suffix.lower()
    made = [name for name in list_datasets() if not dataset_entry(name).needs_files]
    if not path.exists() and what not in made:
        raise FileNotFoundError(
            f"'what' must be a file, a folder, a model (ccnn-pc models) or one of {', '.join(made)} (got '{what}')"
        )
    single = path.is_file() and item is None and split is None
    if single and suffix in SUFFIXES:
        return _image_page(path)
    if single and suffix == ".wav":
        return _sound_page(path)
    if single and _holds_volume(path):
        return _volume_page(path)
    if single and suffix[1:] in SCENES and suffix[1:] not in ("npz", "csv"):
        try:
            return _scan_page(path)
        except ValueError:
            if suffix[1:] not in READERS:
                raise
    if single and suffix[1:] in READERS and suffix not in _TABLES:
        return _cloud_page(path, seed)
    try:
        dataset = _opened(what, path, split)
    except ValueError as error:
        if not (single and suffix[1:] in READERS):
            raise
        return _page_of_one(path, seed, error)
    return _set_page(what, path, item, dataset)


def _page_of_one(path: Path, seed: int, error: ValueError) -> Page:
    """A single cloud, or a single series, in a table that is no data set; ``error`` says why it is none."""
    from ccnn_pc.datasets.registry import entries_in_order

    try:
        return _cloud_page(path, seed)
    except ValueError as cloud:
        if any(each.recognises is not None and each.may_hold(path) for each in entries_in_order()):
            raise error from None
        try:
            return _series_page(path)
        except ValueError:
            raise cloud from None


def _image_page(path: Path) -> Page:
    from ccnn_pc.datasets.formats.image_file import picture_size, read_image
    from ccnn_pc.viz.report import Card, Page, Section
    from ccnn_pc.viz.report.pixels import pictures

    content = path.read_bytes()
    height, width = picture_size(content, str(path))
    pixels = read_image(content, str(path), None if max(height, width) <= 512 else 512, False)
    drawing = pictures([("image", pixels.transpose(1, 2, 0) if len(pixels) > 1 else pixels[0])])
    card = Card(drawing, path.name, f"{height} x {width} pixels")
    return Page(path.name, [Section("Image", cards=[card], wide=True)], kind="image")


def _sound_page(path: Path) -> Page:
    import numpy as np

    from ccnn_pc.datasets.formats.wav import read_wav
    from ccnn_pc.viz.report import Card, Page, Section
    from ccnn_pc.viz.report.items import draw_series

    samples, rate = read_wav(path.read_bytes(), str(path))
    drawing = draw_series(np.arange(len(samples)) / rate, samples[:, None] / 32768, large=True)
    card = Card(
        drawing, path.name, f"{len(samples)} samples, {rate} per second, {len(samples) / rate:.3g} seconds"
    )
    return Page(path.name, [Section("Sound", cards=[card], wide=True)], kind="sound")


def _series_page(path: Path) -> Page:
    """A table of a row per sample, a column per variable."""
    from ccnn_pc.datasets import LongCSV
    from ccnn_pc.viz.report import Page, Section

    dataset: Any = LongCSV(path, None, layout="files", labelled=False)
    card = _card(dataset, 0, [path.name], large=True)
    about = f"Variables: {', '.join(dataset.variables)}."
    return Page(path.name, [Section("Series", about=about, cards=[card], wide=True)], kind="series")


def _holds_volume(path: Path) -> bool:
    """A file of a format of volumes, or an ``npy`` of more axes than a table of points has."""
    import numpy as np

    from ccnn_pc.datasets.formats.volume_file import is_volume

    if path.suffix.lower() != ".npy":
        return is_volume(path) and path.suffix.lower() != ".npz"
    try:
        return np.load(path, mmap_mode="r").ndim > 2
    except (ValueError, OSError):
        return False  # damaged, or of objects: whoever reads it says so


def _volume_page(path: Path) -> Page:
    from ccnn_pc.datasets.formats.volume_file import read_volume
    from ccnn_pc.viz.report import Card, Page, Section
    from ccnn_pc.viz.report.items import draw_volume

    values = read_volume(path)
    cells = " x ".join(map(str, values.shape[1:]))
    channels = f", {len(values)} channels" if len(values) > 1 else ""
    about = (
        "The cells whose values are farthest from the median. Drag to turn; a click, then the wheel: nearer."
    )
    card = Card(draw_volume(values, large=True), path.name, f"{cells} cells{channels}")
    return Page(path.name, [Section("Volume", about=about, cards=[card])], kind="volume")


def _scan_page(path: Path) -> Page:
    """A cloud in space with all its fields."""
    from ccnn_pc.datasets.scenes.files import read_scene

    scene = read_scene(path)
    return _points_page(path, scene.pos, scene.fields, scene.crs or "")


def _cloud_page(path: Path, seed: int) -> Page:
    from torch import Tensor

    from ccnn_pc.datasets import read_shape
    from ccnn_pc.datasets.common.seeding import seeded_generator

    data = read_shape(path, None, seeded_generator(seed), normals=False)
    fields = {
        name: value.numpy()
        for name, value in data.to_dict().items()
        if isinstance(value, Tensor) and len(value) == len(data.pos) and name not in ("pos", "normal")
    }
    return _points_page(path, (data.pos.double() + data.center).numpy(), fields, normals=data.get("normal"))


def _points_page(
    path: Path, pos: np.ndarray, fields: Mapping[str, Any], crs: str = "", normals: Any = None
) -> Page:
    import numpy as np

    from ccnn_pc.cli.score_figures import whole
    from ccnn_pc.viz.report import Card, Figure, Page, Section
    from ccnn_pc.viz.report.clouds import height_view, turning_cloud
    from ccnn_pc.viz.report.templates import render

    rows = np.unique(np.linspace(0, len(pos) - 1, min(len(pos), _POINTS)).round().astype(np.int64))
    pos, total = pos[rows], len(pos)
    views = [height_view(pos)]
    for name, values in fields.items():
        view = _field_view(name, np.asarray(values), rows) if len(views) <= _FIELDS else None
        views += [view] if view is not None else []
    shading = None if normals is None else normals.numpy()[rows]
    drawing = turning_cloud(pos, views, normals=shading, most=_POINTS, large=True)
    few = f"{len(rows)} of {total}" if len(rows) < total else f"{total}"
    pairs = [
        (f"{axis}", f"{low:.6g} to {high:.6g}")
        for axis, low, high in zip("xyz", pos.min(0), pos.max(0), strict=False)
    ]
    pairs += [("fields", ", ".join(fields) or "none"), ("coordinate system", crs or "not said")]
    about = "Drag to turn; a click, then the wheel: nearer; the arrows at the corner: the whole screen."
    cards = [Card(drawing, f"{few} points")]
    return Page(
        path.name,
        [Section("Points", about=about, cards=cards), Section("File", render("pairs.html", pairs=pairs))],
        kind="cloud",
        figures=[Figure("points", whole(total))],
    )


def _field_view(name: str, values: np.ndarray, rows: np.ndarray) -> Any:
    """A colouring by a field: classes where it has few whole numbers; None where it says nothing."""
    import numpy as np

    from ccnn_pc.viz.report.clouds import class_view, number_view

    if values.ndim != 1 or values.dtype.kind not in "biuf" or not len(values):
        return None
    values = values[rows]
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not len(finite) or finite.min() == finite.max():
        return None
    if values.dtype.kind in "biu" or (len(finite) == len(values) and (values == np.rint(values)).all()):
        kinds, places = np.unique(values, return_inverse=True)
        if len(kinds) <= _KINDS:
            return class_view(name, places.reshape(-1), [f"{kind:g}" for kind in kinds])
    return number_view(name, values.astype(np.float64))


def _opened(what: str, path: Path, split: str | None) -> Any:
    """The data set of a name or a path; what nobody knows by its look, as a training on it would open it.

    Raises:
        FileNotFoundError, ValueError: of who knows it; else of who opens anything.
    """
    import warnings

    from ccnn_pc.datasets import open_dataset

    if not path.exists():
        return open_dataset(what, split, normals=False)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            dataset: Any = open_dataset(path, split, normals=False)
        except (FileNotFoundError, ValueError) as error:
            try:
                return _as_trained(path, split)
            except (FileNotFoundError, ValueError):
                return _without_labels(path, error)
    if len(getattr(dataset, "broken", ())) > len(dataset):  # it was taken for what it is not
        return _as_trained(path, split)
    for each in said:
        warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return dataset


def _without_labels(path: Path, error: Exception) -> Any:
    """A table of series to be answered, which has no labels, or else the error of who wanted some."""
    from ccnn_pc.datasets import LongCSV

    if path.suffix.lower() not in _TABLES or not path.is_file():
        raise error
    try:
        return LongCSV(path, None, labelled=False)
    except (FileNotFoundError, ValueError):
        raise error from None


def _as_trained(path: Path, split: str | None) -> Any:
    """The data set that ``ccnn-pc train data.root=PATH`` opens, all of it unless a part is named, not normalised."""
    from hydra.utils import instantiate

    from ccnn_pc.cli.any_folder import with_found
    from ccnn_pc.cli.compose import compose_config

    config = compose_config(with_found([f"data.root={path}"]))
    make = instantiate(config.data.module.train, _convert_="all")
    return make(split=split, **({"normalize": "none"} if "normalize" in make.keywords else {}))


def _set_page(what: str, path: Path, item: str | None, dataset: Any) -> Page:
    """Items of a data set, one of each class after the other, or one of them, large."""
    from ccnn_pc.cli.judged import item_names
    from ccnn_pc.viz.report import Figure, Page, Section

    if not len(dataset):
        raise ValueError(f"'what' must hold at least one item (got none at '{what}')")
    _, names = item_names(dataset)
    title = path.name or what
    if item is not None:
        index = item_index(item, names, len(dataset))
        card = _card(dataset, index, names, large=True)
        return Page(f"{title}: {names[index]}", [Section("Item", cards=[card], wide=True)], kind="item")
    chosen = _of_each_class(dataset.labels.tolist(), _ITEMS)
    cards = [_card(dataset, index, names) for index in chosen]
    counts = ", ".join(
        f"{name} {count}"
        for name, count in zip(dataset.classes, dataset.class_counts(), strict=True)
        if count
    )
    figures = [
        Figure("items", f"{len(dataset):,}".replace(",", "\u2009")),
        Figure("classes", str(len(dataset.classes))),
    ]
    about = f"{len(cards)} of {len(dataset)} items, those of the classes in turn."
    return Page(
        title,
        [Section("Items", about=about, cards=cards)],
        kind="data",
        subtitle=counts[:2000],
        figures=figures,
    )


def _card(dataset: Any, index: int, names: list[str], large: bool = False) -> Card:
    from ccnn_pc.viz.report import Card, Told, draw_item
    from ccnn_pc.viz.report.templates import fill

    data = dataset[index]
    y, told = data.get("y"), Told()
    pos, x = data.get("pos"), data.get("x")
    samples = len(pos) if pos is not None else 0 if x is None else x[0, 0].numel() if x.dim() > 2 else len(x)
    if y is not None and not y.is_floating_point() and y.numel() == samples > 1:
        told = Told(dataset.classes, truth=y.flatten().numpy())
    drawing = draw_item(data, told, normals=data.get("normal"), large=large)
    if drawing is None:
        drawing = fill("<p>{{ text }}</p>", text=str(data))
    label = int(dataset.labels[index])
    head = dataset.classes[label] if len(dataset.classes) > 1 and not told.names else Path(names[index]).name
    return Card(drawing, str(head), f"{Path(names[index]).name}, {samples} samples")


def _of_each_class(labels: list[int], most: int) -> list[int]:
    """The first item of each class, then the second of each, and so on.

    Example:
        >>> _of_each_class([0, 0, 0, 1, 1, 2], 4)
        [0, 3, 5, 1]
    """
    turn: dict[int, int] = {}
    order = []
    for index, label in enumerate(labels):
        turn[label] = turn.get(label, -1) + 1
        order.append((turn[label], label, index))
    return [index for _, _, index in sorted(order)[:most]]


def item_index(item: str, names: list[str], count: int) -> int:
    """Number of an item from its number or its name.

    Raises:
        ValueError: there is none.

    Example:
        >>> item_index("b", ["a", "b"], 2), item_index("0", ["a", "b"], 2)
        (1, 0)
    """
    if item in names:
        return names.index(item)
    short = [Path(name).name for name in names]
    if item in short:
        return short.index(item)
    if item.isdecimal() and int(item) < count:
        return int(item)
    raise ValueError(f"'item' must be a number below {count}, or a name such as {names[0]} (got {item})")
