"""What ``ccnn-pc explain`` asks of a model: an item as it reads it, an output, and the item without some samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccnn_pc.explain import Asked, Attribution, Deletion
    from ccnn_pc.models import Model


def explained_input(
    model: Model, name: str, file: str, item: str | None, split: str | None, seed: int
) -> tuple[Any, str]:
    """An item as the model reads it, and what it is called.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an item that there is not, or a kind of data that the model does not read.
    """
    from ccnn_pc.cli.compared_files import ComparedFiles
    from ccnn_pc.cli.judged import item_names
    from ccnn_pc.cli.open_data import check_data, open_data
    from ccnn_pc.cli.read_as import AS_TRAINED, Footing, tell
    from ccnn_pc.cli.read_file import read_input, suffixes_of
    from ccnn_pc.cli.show_data import item_index
    from ccnn_pc.datasets import CloudPreprocessing, ImagePreprocessing, ScenePreprocessing
    from ccnn_pc.datasets.preprocessing.files import FilePreprocessing
    from ccnn_pc.models import TaskKind
    from ccnn_pc.training.predict_scene import scene_tiles

    path, used = Path(file).expanduser(), model.preprocessing
    single = used is None or isinstance(used, (CloudPreprocessing, FilePreprocessing, ImagePreprocessing))
    footing = Footing(model, AS_TRAINED)
    if (
        single
        and path.is_file()
        and item is None
        and split is None
        and path.name.lower().endswith(tuple(suffixes_of(used)))
    ):
        data: Any = read_input(path, used, seed, shape=model.config.get("shape"), footing=footing)
        compared = ComparedFiles(model)
        compared.model.warned |= compared.of_file(data, path)
        return data, path.name
    check_data(file)
    tables = getattr(used, "table", None) is not None
    scenes = isinstance(used, ScenePreprocessing)
    dataset: Any = (
        scene_tiles(path, used, seed=seed)  # which may have no classes
        if isinstance(used, ScenePreprocessing) and path.is_file() and split is None
        else open_data(
            file,
            used,
            split,
            seed=seed,
            shape=model.config.get("shape"),
            classes=model.classes,
            numbers=model.answers.kind is TaskKind.REGRESSION,
            trained=model.data,
            labelled=not tables,
            footing=footing,
        )
    )
    if not scenes:
        tell(model, dataset)
    names = [str(i) for i in range(len(dataset))] if scenes else item_names(dataset)[1]
    index = item_index("0" if item is None else item, names, len(dataset))
    said = Path(names[index]).name
    return dataset[index], f"{path.name}: {'tile' if scenes else 'item'} {said}"


def ask(model: Model, data: Any, wanted: str | None) -> tuple[Asked, str]:
    """The output that is explained, and its name.

    Args:
        model: the model.
        data: the item.
        wanted: class, or number; None: the likeliest one.

    Raises:
        ValueError: there is none of that name.
    """
    import torch

    from ccnn_pc.cli.answers import class_probabilities, number_of_items, output_names, rows_by_item
    from ccnn_pc.explain import Asked
    from ccnn_pc.models import TaskKind

    with torch.inference_mode():
        answers = model(data)
    one = answers.dim() == 2 and len(answers) == number_of_items(data) and not model.answers.every_sample
    rows = answers if one else rows_by_item(answers, data)[0]
    numbers = model.answers.kind is TaskKind.REGRESSION
    chances = rows if numbers else class_probabilities(rows)
    names = output_names(model, chances.shape[1])
    if wanted is not None and wanted not in names:
        raise ValueError(f"'class' must be one of {', '.join(names)} (got {wanted})")
    said = chances.argmax(dim=1)
    likeliest = 0 if numbers else int(torch.bincount(said, minlength=len(names)).argmax())
    output = names.index(wanted) if wanted is not None else likeliest
    taken = said == output
    samples = taken if not (one or numbers) and bool(taken.any()) else None
    if rows.shape[1] < chances.shape[1]:  # a single logit for two classes
        return Asked(0, samples, negative=output == 0), names[output]
    return Asked(output, samples), names[output]


def without_some(model: Model, data: Any, asked: Asked, found: Attribution) -> Deletion | None:
    """Outputs without some samples; None where every sample has an answer, or there are too few."""
    from ccnn_pc.datasets.transforms.attach import KNN
    from ccnn_pc.explain import deletion

    if asked.samples is not None or len(found.values) < 10 or model.answers.every_sample:
        return None
    chain = getattr(model.preprocessing, "transform", None)
    found_again = [
        each for each in getattr(chain() if chain else None, "transforms", ()) if isinstance(each, KNN)
    ]
    had = data.get("neighbor_index") is not None

    def prepare(item: Any) -> Any:
        for transform in found_again if had else ():
            item = transform(item)
        return item

    return deletion(model, data, asked, found.values, prepare=prepare)
