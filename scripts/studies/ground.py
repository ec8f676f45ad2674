"""Ground in airborne lidar, one site of the ISPRS filter test left out at a time; ``results/ground.csv``.

    python -m scripts.studies.ground path/to/isprs_filter --runs runs/ground
    python -m scripts.studies.ground DATA --runs FOLDER --only "U-Net" --seeds 0 1 2
    python -m scripts.tables.update

The folder holds ``samp11.laz`` to ``samp61.laz``. A network is trained on five sites and judged on all points of the
samples of the sixth, so that no test area, nor its neighbour, is seen in training; nothing is chosen by them. Cloth
simulation (Zhang et al. 2016) has nothing to train: at its defaults, and at the best of some settings for each sample,
which nobody could know. A training that has finished is not repeated; rows of a method and seed replace older ones.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ccnn_pc._files import read_rows, write_rows_atomically
from ccnn_pc._optional import require
from ccnn_pc.cli.compose import compose_config
from ccnn_pc.datasets.scenes.computed import computed_features
from ccnn_pc.datasets.scenes.files import read_scene
from ccnn_pc.models import from_pretrained
from ccnn_pc.training.predict_scene import predict_scene
from scripts import RESULTS
from scripts.bench.harness import processor
from scripts.studies.harness import train

#: Samples of each site.
SITES = {
    1: ("11", "12"),
    2: ("21", "22", "24"),
    3: ("31",),
    4: ("41", "42"),
    5: ("51", "52", "53"),
    6: ("61",),
}
GROUND = 2
#: One cloud instead of four.
FLAT = ("experiment=ground", "model.name=ccnn_small", "~model.cells", "~model.keep", "+model.norm=layer")
#: Words of each method.
METHODS: dict[str, tuple[str, ...]] = {
    "U-Net": ("experiment=ground",),
    "flat CCNN": FLAT,
    "one neighbour": (*FLAT, "data.num_neighbors=1", "trainer.max_epochs=30"),
    "PointNet++": ("experiment=ground_pointnet2",),
}
#: Gradient-boosted trees on the features of single points, of so many random points of each sample.
TREES, POINTS_PER_SAMPLE = "boosted trees", 8000
CLOTH, BEST_CLOTH = "cloth simulation", "cloth simulation, best per sample"
#: Settings of cloth simulation that are tried for each sample; the first of each are its defaults.
CLOTH_GRID = {"cloth_resolution": (1.0, 0.5, 2.0), "rigidness": (3, 2, 1), "bSloopSmooth": (True, False)}
KEPT = ("parameters", "core_minutes", "epochs", "threads", "git_commit", "versions")


def errors(ground: np.ndarray, said: np.ndarray) -> dict[str, Any]:
    """Type 1 (ground that was not found), type 2 (other points taken for it) and total error, per cent."""
    return {
        "points": len(ground),
        "type_1": round(100 * float((ground & ~said).sum() / max(1, ground.sum())), 3),
        "type_2": round(100 * float((~ground & said).sum() / max(1, (~ground).sum())), 3),
        "total": round(100 * float((ground != said).mean()), 3),
    }


def of_network(method: str, seed: int, root: Path, runs: Path) -> Iterator[dict[str, Any]]:
    """A row for each sample, its site left out."""
    for site, samples in SITES.items():
        words = [
            *METHODS[method],
            f"data.root={root}",
            f"data.part_names={{test: ['samp{site}*']}}",
            "data.val_fraction=0.0",
            f"seed={seed}",
            "threads=1",
        ]
        folder = runs / f"{method.replace(' ', '_')}_{seed}_site{site}"
        result = train(folder, words)
        model = from_pretrained(folder / "model")
        for sample in samples:
            scene = read_scene(root / f"samp{sample}.laz", fields=["classification"])
            said = predict_scene(model, scene, model.preprocessing).numbers() == GROUND
            found = errors(scene.labels("classification") == GROUND, said)
            yield {"method": method, "seed": seed, "sample": sample, **found, **{k: result[k] for k in KEPT}}


def of_trees(seed: int, root: Path) -> Iterator[dict[str, Any]]:
    """A row for each sample, its site left out; the features are those of the networks, the defaults scikit-learn's."""
    ensemble = require("sklearn.ensemble", extra="estimators", purpose="to boost trees")
    names = compose_config(["experiment=ground", f"data.root={root}"]).data.features
    table = {}
    for sample in itertools.chain(*SITES.values()):
        scene = read_scene(root / f"samp{sample}.laz", fields=["classification"])
        found = computed_features(scene.pos, names)
        x = np.stack([found[name] for name in names], axis=1)
        table[sample] = x, scene.labels("classification") == GROUND
    generator = np.random.default_rng(seed)
    for samples in SITES.values():
        others = [each for name, each in table.items() if name not in samples]
        rows = [generator.permutation(len(y))[:POINTS_PER_SAMPLE] for _, y in others]
        x, y = (
            np.concatenate([each[which][row] for each, row in zip(others, rows, strict=True)])
            for which in (0, 1)
        )
        trees = ensemble.HistGradientBoostingClassifier(random_state=seed).fit(x, y)
        for sample in samples:
            x, y = table[sample]
            yield {"method": TREES, "seed": seed, "sample": sample, **errors(y, trees.predict(x))}


def of_cloth(root: Path) -> Iterator[dict[str, Any]]:
    """Two rows for each sample: at the defaults, and at the best setting."""
    CSF = require("CSF", extra="bench", purpose="to run cloth simulation")
    for sample in itertools.chain(*SITES.values()):
        scene = read_scene(root / f"samp{sample}.laz", fields=["classification"])
        ground = scene.labels("classification") == GROUND
        found = []
        for values in itertools.product(*CLOTH_GRID.values()):
            setting = dict(zip(CLOTH_GRID, values, strict=True))
            cloth = CSF.CSF()
            for name, value in setting.items():
                setattr(cloth.params, name, value)
            cloth.setPointCloud(scene.pos - scene.pos.min(axis=0))
            inside, outside = CSF.VecInt(), CSF.VecInt()
            cloth.do_filtering(inside, outside, False)
            said = np.zeros(len(ground), dtype=bool)
            said[np.array(inside, dtype=np.int64)] = True
            found.append((errors(ground, said), setting))
        yield {"method": CLOTH, "seed": 0, "sample": sample, **found[0][0]}
        best, setting = min(found, key=lambda each: each[0]["total"])
        yield {"method": BEST_CLOTH, "seed": 0, "sample": sample, **best, "setting": json.dumps(setting)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and judge what is named, for every seed, and write the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path, help="folder of the samples")
    parser.add_argument("--runs", type=Path, required=True, help="folder of runs")
    parser.add_argument(
        "--only", nargs="+", choices=[*METHODS, TREES, CLOTH], default=[*METHODS, TREES, CLOTH]
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    given = parser.parse_args(arguments)
    results, machine = RESULTS / "ground.csv", processor()
    torch.set_num_threads(1)
    for method, seed in itertools.product(given.only, given.seeds):
        if method == CLOTH and seed != given.seeds[0]:
            continue
        if method == CLOTH:
            made = of_cloth(given.root)
        elif method == TREES:
            made = of_trees(seed, given.root)
        else:
            made = of_network(method, seed, given.root, given.runs)
        new = [{**row, "machine": machine} for row in made]
        keys = {(row["method"], str(row["seed"])) for row in new}
        old = read_rows(results) if results.exists() else []
        write_rows_atomically(results, [*(r for r in old if (r["method"], r["seed"]) not in keys), *new])
        for name in sorted({row["method"] for row in new}):
            mean = np.mean([row["total"] for row in new if row["method"] == name])
            print(f"{name}, seed {seed}: mean total error {mean:.2f} %", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
