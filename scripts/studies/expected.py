"""How many answers a classifier expects to be right without labels, beside how many are; ``results/expected.csv``.

    python -m scripts.studies.expected path/to/modelnet10 ccnn_tiny-modelnet10 ccnn_small-modelnet10
    python -m scripts.tables.update

Test shapes as they are, and changed as no comparison of samples tells: another axis up, a half cut away, flattened,
normals of no surface; and in other samplings. *Expected* is the average thresholded confidence that a model keeps from
its validation data (:class:`ccnn_pc.models.Certainty`), *confidence* the plain mean of the largest probabilities.
Nothing is chosen by these numbers; rows of the same model are replaced.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._files import read_rows, write_rows_atomically
from ccnn_pc.cli.open_data import open_data
from ccnn_pc.datasets.samplings import Sampling
from ccnn_pc.datasets.transforms import Compose
from ccnn_pc.models import SamplingWarning, from_pretrained
from ccnn_pc.training.loader import ResumableLoader
from ccnn_pc.training.versions import git_commit, library_versions
from scripts import RESULTS

#: What is done to shapes before they are sampled: rows that stay, positions, normals.
Change = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _turned(pos: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    turn = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    return pos @ turn, normal @ turn


def _half(pos: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    kept = pos[:, 0] > pos[:, 0].median()
    return pos[kept], normal[kept]


def _near(pos: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    kept = (pos - pos[0]).norm(dim=1).argsort()[: len(pos) // 2]
    return pos[kept], normal[kept]


def _flat(pos: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    return pos * torch.tensor([1.0, 1.0, 0.3]), normal


def _no_surface(pos: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(len(pos))
    return pos, torch.nn.functional.normalize(torch.randn(normal.shape, generator=draw), dim=1)


CHANGES: dict[str, tuple[Change | None, str]] = {
    "as they are": (None, "points"),
    "32 even points": (None, "even:32"),
    "128 uneven points": (None, "uneven:128"),
    "one side cut away": (_half, "points"),
    "the half around a point": (_near, "points"),
    "flattened to 0.3": (_flat, "points"),
    "y up": (_turned, "points"),
    "normals of no surface": (_no_surface, "points"),
}


class Changed:
    """A change as a transform."""

    def __init__(self, change: Change) -> None:
        self.change = change

    def __call__(self, data: Any) -> Any:
        """The changed shape."""
        data.pos, data.normal = self.change(data.pos, data.normal)
        return data


def row_of(model: Any, dataset: Any, name: str) -> dict[str, Any]:
    """True, expected and mean confidence of all test shapes, changed."""
    change, sampling = CHANGES[name]
    steps = Sampling.parse(sampling).transform(model.preprocessing).transforms
    transform = Compose([*([] if change is None else [Changed(change)]), *steps])
    asked = dataset.subset(range(len(dataset)), transform=transform)
    found = []
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore", SamplingWarning)
        for batch in ResumableLoader(asked, 16, shuffle=False):
            found.append((model(batch), batch.y))
    logits, labels = (torch.cat(each) for each in zip(*found, strict=True))
    return {
        "accuracy": float((logits.argmax(1) == labels).double().mean()),
        "expected": model.certainty.expected(logits),
        "confidence": float(logits.softmax(1).amax(1).mean()),
        "n": len(labels),
    }


def main() -> None:
    """Ask the models and store their rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="ModelNet10, as ccnn-pc evaluate takes it")
    parser.add_argument("models", nargs="+", help="NAME or FOLDER of models of points, with their certainty")
    given = parser.parse_args()
    results = RESULTS / "expected.csv"
    for name in given.models:
        model: Any = from_pretrained(name)
        if model.certainty is None:
            raise ValueError(f"'models' must know how certain they were of validation data (got {name})")
        dataset: Any = open_data(given.data, model.preprocessing, "test", seed=0, classes=model.classes)
        if list(dataset.classes) != list(model.classes):
            raise ValueError(f"'data' must have the classes of the model (got {', '.join(dataset.classes)})")
        new = []
        for change in CHANGES:
            row = row_of(model, dataset, change)
            known = {"validation_accuracy": model.certainty.accuracy, "seed": 0, "git_commit": git_commit()}
            new.append({"model": name, "change": change, **row, **known, "versions": library_versions()})
            print(
                name,
                change,
                *(f"{row[key]:.3f}" for key in ("accuracy", "expected", "confidence")),
                flush=True,
            )
        kept = [row for row in (read_rows(results) if results.exists() else []) if row["model"] != name]
        write_rows_atomically(results, [*kept, *new])


if __name__ == "__main__":
    main()
