"""Objects with parts: networks that mix neighbours and those that do not, at equal core minutes; ``results/parts.csv``.

    python -m scripts.studies.parts --runs runs/parts
    python -m scripts.studies.parts --runs runs/parts --only quickstart unet --seeds 0 1 2
    python -m scripts.tables.update

Shapes have another seed than those that settings of ``parts_quickstart`` were found with, in training and in test.
Epochs are such that every training takes about three minutes of one core. A training that has finished is not repeated;
rows of a setting and seed replace older ones.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ccnn_pc._files import read_rows, write_rows_atomically
from scripts import RESULTS
from scripts.studies.harness import train

SHAPES = 2026
#: Words of each training; of an experiment of that name, or of parts_quickstart.
SETTINGS: dict[str, tuple[str, ...]] = {
    "flat CCNN": ("experiment=parts_quickstart",),
    "U-Net": ("experiment=parts_unet", "trainer.max_epochs=10", "trainer.check_val_every_n_epoch=5"),
    "PointNet++": ("experiment=parts_pointnet2", "trainer.max_epochs=6", "trainer.check_val_every_n_epoch=3"),
    "released layer": (
        "experiment=parts_query_features",
        "trainer.max_epochs=16",
        "trainer.check_val_every_n_epoch=8",
    ),
    "one neighbour": (
        "experiment=parts_quickstart",
        "data.num_neighbors=1",
        "data.eval_num_neighbors=1",
        "data.eval_num_points=256",
        "trainer.max_epochs=34",
        "trainer.check_val_every_n_epoch=17",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is named, for every seed, and write the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, required=True, help="folder of runs")
    parser.add_argument("--only", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    given = parser.parse_args(arguments)
    results = RESULTS / "parts.csv"
    for seed in given.seeds:
        for name in given.only:
            words = [
                *SETTINGS[name],
                *(f"+data.module.{part}.shape_seed={SHAPES}" for part in ("train", "test")),
                f"seed={seed}",
                "threads=1",
            ]
            row = {"setting": name, **train(given.runs / f"{name.replace(' ', '_')}{seed}", words)}
            rows = read_rows(results) if results.exists() else []
            kept = [old for old in rows if (old.get("setting"), old["seed"]) != (name, str(seed))]
            write_rows_atomically(results, [*kept, row])
            print(name, seed, row["test_mean_iou"], row["core_minutes"], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
