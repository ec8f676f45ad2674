"""``ccnn-pc evaluate``: scores of a trained model on labelled data."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer


def evaluate(
    model: Annotated[str, typer.Argument(help="Name of a packaged model, or the folder of a trained one.")],
    data: Annotated[
        str,
        typer.Option(
            help="A folder (MNIST, CIFAR, STL-10, images, meshes), an .npz file, a table, or a name."
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(help="train, val or test; default: test where there is one, else everything."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="File of labels of a table; default: a column of the table.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the points that are drawn from each shape.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Items per batch.")] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on the last line of stdout.")] = False,
) -> None:
    """Measure the accuracy of a trained model; of two classes also the area under the ROC curve.

    \b
    Examples:
      ccnn-pc evaluate ccnn_tiny-modelnet10 --data path/to/modelnet10
      ccnn-pc evaluate runs/modelnet10_tiny/latest/model --data path/to/test.npz --json
      ccnn-pc evaluate my_model --data my_shapes/ --split train --seed 3
      ccnn-pc evaluate runs/smnist_tiny/latest/model --data path/to/mnist --batch-size 250
      ccnn-pc evaluate runs/my_series/latest/model --data readings.csv --labels labels.csv --split test

    The points of each shape are drawn by the seed and prepared as in training. Of a table all series are read; its
    test part is that of the training only if the table is the same. With --json the last line of stdout is
    {"accuracy": ..., "mean_class_accuracy": ..., "n": ..., "model": ..., "data": ..., "seed": ...}, with "auc" where
    there are two classes and items of both.
    """  # noqa: D301
    result = evaluate_model(model, data, split=split, labels=labels, seed=seed, batch_size=batch_size)
    if as_json:
        print(json.dumps(result))
    else:
        accuracy, mean = 100 * result["accuracy"], 100 * result["mean_class_accuracy"]
        area = f", AUC {result['auc']:.4f}" if "auc" in result else ""
        print(
            f"accuracy {accuracy:.2f} %, mean over classes {mean:.2f} %{area}, {result['n']} items of {data}"
        )


def evaluate_model(
    name_or_path: str,
    data: str | Path,
    *,
    split: str | None = None,
    labels: str | Path | None = None,
    seed: int = 0,
    batch_size: int = 16,
) -> dict[str, Any]:
    r"""Return accuracy, mean-class accuracy and number of items of a trained model on ``data``.

    Of two classes also ``auc``, where both occur: :math:`P(s_+ > s_-) + \tfrac12 P(s_+ = s_-)` of the probabilities of
    the second class.

    Raises:
        FileNotFoundError: if the model or the data do not exist.
        ValueError: if the data have a class that the model does not know, or are images and the model reads clouds, or
            the other way round, or images of another size.
    """
    import torch
    from rich.console import Console
    from rich.progress import track

    from ccnn_pc.cli.inputs import open_data
    from ccnn_pc.models import from_pretrained
    from ccnn_pc.training.evaluation import classification_scores

    model: Any = from_pretrained(name_or_path)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    dataset = open_data(
        data,
        model.preprocessing,
        split,
        seed=seed,
        shape=model.config.get("shape"),
        labels=labels,
        classes=model.classes,
    )
    scores = classification_scores(
        model,
        dataset,
        matching_classes(dataset.classes, model.classes),
        len(model.classes),
        batch_size=batch_size,
        shown=lambda loader: track(
            loader, "evaluating", total=len(loader), console=Console(stderr=True), transient=True
        ),
    )
    _report_broken(dataset)
    return {
        **{name: value for name, value in scores.results().items() if name != "loss"},
        "n": scores.count(),
        "model": str(name_or_path),
        "data": str(data),
        "seed": seed,
    }


def matching_classes(data_classes: Sequence[str], model_classes: Sequence[str]) -> Any:
    """Return the model's class index for each class of the data, ``[len(data_classes)]``.

    Raises:
        ValueError: if the model does not know one of them.

    Example:
        >>> matching_classes(["chair", "bed"], ["bed", "chair", "desk"]).tolist()
        [1, 0]
    """
    import torch

    unknown = [name for name in data_classes if name not in model_classes]
    if unknown:
        known = ", ".join(model_classes)
        raise ValueError(
            f"'data' must have classes that the model knows (got {', '.join(unknown)}; known: {known})"
        )
    return torch.tensor([list(model_classes).index(name) for name in data_classes])


def _report_broken(dataset: Any) -> None:
    broken = list(getattr(dataset, "broken", []))
    if broken:
        print(f"{len(broken)} files could not be read and were left out:", file=sys.stderr)
        for path, reason in broken[:10]:
            print(f"  {path}: {reason}", file=sys.stderr)
