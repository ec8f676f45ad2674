"""A network of scenes asked at half and at double the density it was trained at; ``results/densities.csv``.

    python -m scripts.studies.densities path/to/isprs_filter --runs runs/densities
    python -m scripts.tables.update

Samples of the ISPRS filter test of about a point per square metre (sites 1 to 4), a random half of their points. Sites
1 and 3 train, 2 and 4 are asked: at the half, at a quarter, and at all points. All points stay (no cell), so that the
network sees the density; features are heights above openings, which a thinner scan changes, too. With *weights* points
count as the area that they stand for. A training that has finished is not repeated; rows are written anew.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import torch

from ccnn_pc._files import write_rows_atomically
from ccnn_pc.datasets.scenes.files import read_scene
from ccnn_pc.models import from_pretrained
from ccnn_pc.training.predict_scene import predict_scene
from scripts import RESULTS
from scripts.studies.ground import GROUND, errors
from scripts.studies.harness import train

TRAIN, ASKED = ("11", "12", "31"), ("21", "22", "24", "41", "42")
SHARES = (0.25, 0.5, 1.0)
TRAINED = 0.5
NETWORKS = {
    "U-Net": (),
    "flat CCNN": ("model.name=ccnn_small", "~model.cells", "~model.keep", "+model.norm=layer"),
}


def thinner(root: Path, folder: Path, seed: int) -> None:
    """Files of every sample at every share; a thinner one is part of a denser one."""
    for sample in (*TRAIN, *ASKED):
        las = laspy.read(root / f"samp{sample}.laz")
        order = np.random.default_rng([seed, int(sample)]).permutation(len(las))
        for share in SHARES:
            place = folder / f"{share:g}" / f"samp{sample}.laz"
            place.parent.mkdir(parents=True, exist_ok=True)
            las[np.sort(order[: round(share * len(order))])].write(place)


def asked(run: Path, folder: Path, share: float) -> dict[str, Any]:
    """Mean errors of a trained network over the samples that are asked."""
    model, found = from_pretrained(run / "model"), []
    for sample in ASKED:
        scene = read_scene(folder / f"{share:g}" / f"samp{sample}.laz", fields=["classification"])
        said = predict_scene(model, scene, model.preprocessing).numbers() == GROUND
        found.append(errors(scene.labels("classification") == GROUND, said))
    return {
        key: round(float(np.mean([each[key] for each in found])), 3) for key in ("total", "type_1", "type_2")
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, ask, and write the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path, help="folder of the samples")
    parser.add_argument("--runs", type=Path, required=True, help="folder of scans and runs")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = []
    for seed in given.seeds:
        folder = given.runs / f"scans{seed}"
        thinner(given.root, folder, seed)
        for name, weights in itertools.product(NETWORKS, (False, True)):
            words = [
                "experiment=ground",
                *NETWORKS[name],
                f"data.root={folder / f'{TRAINED:g}'}",
                f"data.part_names={{test: [{', '.join(f'samp{sample}*' for sample in ASKED)}]}}",
                "data.val_fraction=0.0",
                "data.cell=null",
                "augmentation=land",
                f"data.tile.weights={weights}".lower(),
                "trainer.max_epochs=6",
                f"seed={seed}",
                "threads=1",
            ]
            run = given.runs / f"{name.replace(' ', '_')}_{'weights' if weights else 'none'}_{seed}"
            result = train(run, words)
            for share in SHARES:
                row = {"network": name, "weights": weights, "seed": seed, "density": share / TRAINED}
                kept = {key: result[key] for key in ("parameters", "core_minutes", "git_commit", "versions")}
                rows.append({**row, **asked(run, folder, share), **kept})
                print(rows[-1]["network"], weights, rows[-1]["density"], rows[-1]["total"], flush=True)
    write_rows_atomically(RESULTS / "densities.csv", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
