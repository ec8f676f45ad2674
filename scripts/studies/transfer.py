"""Which samplings trained networks read: one table for several models, ``results/transfer.csv``.

    python -m scripts.studies.transfer path/to/modelnet10 ccnn_tiny-modelnet10 ccnn_tiny-modelnet10-voxels
    python -m scripts.studies.transfer path/to/modelnet10 ccnn_tiny-modelnet10 ccnn_small-modelnet10 --many

``--many`` asks for even, random and uneven points, 32 to 2048 of them, and for voxels of several sizes; its table is
``results/any_sampling.csv``, its picture ``docs/samplings.png``.

Every model is evaluated on its own sampling and on the others; rows of the same model are replaced. The test split is
read once for each model and sampling, with nothing chosen by it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ccnn_pc._files import read_rows, write_rows_atomically
from ccnn_pc.cli.transfer import Part, transfer_model
from ccnn_pc.models import from_pretrained
from ccnn_pc.training.versions import git_commit, library_versions
from ccnn_pc.viz import plot_transfer
from scripts import RESULTS, ROOT

MANY = [
    *(f"even:{number}" for number in (32, 64, 128, 256, 512, 1024, 2048)),
    *(f"{kind}:{number}" for kind in ("random", "uneven") for number in (128, 512, 2048)),
    *("voxels@20", "voxels@30", "voxels", "dense@30"),
]
SAMPLINGS = ["points", "points:256", "points+density", "voxels", "voxels:256", "voxels+density"]


def rows_for(model: str, label: str, data: str, samplings: list[str], seed: int) -> list[dict[str, Any]]:
    """Rows of one model, the sampling of its training first."""
    network: Any = from_pretrained(model)
    trained_on = "points" if getattr(network.preprocessing, "voxels", None) is None else "voxels"
    others = [sampling for sampling in samplings if sampling != trained_on]
    result = transfer_model(model, data, trained_on, others, part=Part(seed=seed))
    common = {
        "model": label,
        "trained_on": trained_on,
        "omega_0": getattr(network.config.get("kernel"), "keywords", {}).get("omega_0"),
        "parameters": sum(p.numel() for p in network.parameters()),
        "seed": seed,
        "git_commit": git_commit(),
        "versions": library_versions(),
    }
    found = result["results"].items()
    return [
        {**common, "sampling": name, **{key: row[key] for key in ("accuracy", "mean_class_accuracy", "n")}}
        for name, row in found
    ]


def main() -> None:
    """Evaluate the models and store their rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="ModelNet10, as ccnn-pc evaluate takes it")
    parser.add_argument(
        "models", nargs="+", help="NAME, FOLDER, or LABEL=FOLDER to say what the table calls it"
    )
    parser.add_argument("--to", nargs="+", default=SAMPLINGS, help="samplings (default: %(default)s)")
    parser.add_argument("--many", action="store_true", help="many samplings, a table and a picture of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=None)
    arguments = parser.parse_args()
    samplings = MANY if arguments.many else arguments.to
    results = arguments.results or RESULTS / ("any_sampling.csv" if arguments.many else "transfer.csv")
    for word in arguments.models:
        label, _, folder = word.rpartition("=")
        new = rows_for(folder, label or folder, arguments.data, samplings, arguments.seed)
        kept = [row for row in read_rows(results) if row["model"] != (label or folder)]
        write_rows_atomically(results, [*kept, *new])
        for row in new:
            print(f"{row['model']}  {row['sampling']:<16} {100 * row['accuracy']:.2f} %  of {row['n']}")
    if arguments.many:
        scores: dict[str, dict[str, float]] = {}
        for row in read_rows(results):
            scores.setdefault(str(row["model"]), {})[str(row["sampling"])] = float(row["accuracy"])
        plot_transfer(scores, ROOT / "docs" / "samplings.png")


if __name__ == "__main__":
    main()
