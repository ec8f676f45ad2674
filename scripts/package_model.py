"""Put a trained model into the package, with a card written from its own result.

    python -m scripts.package_model runs/modelnet10_tiny/latest ccnn_tiny-modelnet10

Copies ``model/`` of the run folder to ``ccnn_pc/models/pretrained/NAME`` and writes README.md, the model card, from
``result.json``. Then ``from_pretrained("NAME")`` and ``ccnn-pc predict NAME …`` work offline.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

from ccnn_pc._files import write_rows_atomically
from ccnn_pc.cli.compose import compose_config
from ccnn_pc.models import from_pretrained, save_pretrained
from ccnn_pc.models.listing import PACKAGED
from scripts import RESULTS
from scripts.tables import update

TABLE = RESULTS / "modelnet10.csv"

CARD = """# {name}

A {architecture} network ({parameters} parameters) that names the class of a point cloud: {classes}.

| | |
| --- | --- |
| data | {data}: {n_train} training, {n_val} validation and {n_test} test shapes{note} |
| input | {preprocessing} |
| training input | {samples}, drawn anew in every epoch |
| training | {epochs} epochs, batch {batch_size}, learning rate {lr} |
| selection | best epoch ({best_epoch}) on {selected_on}: {val_accuracy} %; the test shapes read once, at the end |
| seed | {seed} |
| accuracy | **{test_accuracy} %** of the test shapes; mean over classes {test_mean_class_accuracy} % |
| time | {core_minutes} minutes of one core |
| made with | commit {git_commit}, {versions} |

Reproduce: `ccnn-pc train experiment={experiment} data.root=<folder> threads=1 seed={seed}{changed}`.

The shapes of ModelNet10 are for academic research; the copyright of the CAD models stays with their authors. Cite:
Z. Wu et al., "3D ShapeNets: A Deep Representation for Volumetric Shapes", CVPR 2015.
"""


GROUND = """# {name}

A {architecture} network ({parameters} parameters) with a class for every point of an airborne scan: {classes}.

| | |
| --- | --- |
| data | all 12 samples of the ISPRS filter test but {share} % of the area of each, which the run ended with{note} |
| input | features {features}; one point per cell of {cell:g} m; {neighbors} neighbours, horizontally |
| training | {epochs} epochs of {n_train} tiles, batch {batch_size}, rate {lr}; tiles lose up to half of their points |
| selection | none: the weights of the last epoch, averaged over the last steps |
| seed | {seed} |
| total error | **{error}**: networks trained alike, a site left out, 12 samples, 3 seeds; results/ground.csv |
| time | {core_minutes} minutes of one core |
| made with | commit {git_commit}, {versions} |

Reproduce: `ccnn-pc train experiment={experiment} data.root=<folder> threads=1 seed={seed}{changed}`.

Class 2 is ground, 1 is everything else; positions in metres. Cite: G. Sithole, G. Vosselman, "Experimental comparison
of filter algorithms for bare-Earth extraction from airborne laser scanning point clouds", ISPRS Journal of
Photogrammetry and Remote Sensing 59(1-2):85-101, 2004.
"""


def ground_card(name: str, result: dict[str, Any], model: Any, note: str) -> str:
    """The card of a model of scans."""
    used = model.preprocessing
    return GROUND.format(
        **{
            key: result[key]
            for key in ("parameters", "epochs", "n_train", "batch_size", "lr", "seed", "core_minutes")
        },
        **{key: result[key] for key in ("git_commit", "versions", "experiment")},
        name=name,
        architecture=model.config["name"],
        classes=", ".join(model.classes),
        share=5,
        note=f" ({note})" if note else "",
        features=", ".join(used.features),
        cell=used.cell,
        neighbors=used.num_neighbors,
        error=ground_error(),
        changed="".join(f" {word}" for word in result["changed"].split() if not word.startswith("seed=")),
    )


def ground_error() -> str:
    """Mean total error of the networks of :mod:`scripts.studies.ground`, as the table of the docs has it."""
    row = next(line for line in update.body("results:ground").splitlines() if line.startswith("| U-Net |"))
    return row.split("|")[2].strip()


def samples(result: dict[str, Any]) -> str:
    """How a shape was sampled in training."""
    words = [f"experiment={result['experiment']}", *str(result.get("changed") or "").split()]
    if mixed := compose_config([*words, "data.root=."]).data.get("samplings"):
        return (
            f"one of {', '.join(f'`{each}`' for each in mixed)}; {result['num_neighbors']} neighbours for "
            f"{result.get('num_voxels') or result['num_points']} samples, the same share of fewer or more"
        )
    kind = "evenly spread" if result.get("sampling") == "farthest" else "random"
    voxels = result.get("num_voxels")
    number, of = (voxels, "occupied voxels") if voxels is not None else (result["num_points"], "points")
    return f"{number} {kind} {of} and {result['num_neighbors']} neighbours per shape"


def card(name: str, result: dict[str, Any], model: Any, note: str) -> str:
    """The model card."""

    def percent(key: str) -> str:
        return f"{100 * result[key]:.2f}"

    versions = result["versions"]
    return CARD.format(
        name=name,
        architecture=model.config["name"],
        parameters=result["parameters"],
        classes=", ".join(model.classes),
        data=result["data"],
        n_train=result["n_train"],
        n_val=result["n_val"],
        n_test=result["n_test"],
        note=f" ({note})" if note else "",
        preprocessing=", ".join(
            f"{k}: {v}" for k, v in model.preprocessing.to_json().items() if v is not None
        ),
        samples=samples(result),
        epochs=result["epochs"],
        batch_size=result.get("batch_size", "?"),
        lr=result.get("lr", "?"),
        selected_on=result["selected_on"],
        val_accuracy=percent("val_accuracy"),
        best_epoch=result["best_epoch"],
        seed=result["seed"],
        test_accuracy=percent("test_accuracy"),
        test_mean_class_accuracy=percent("test_mean_class_accuracy"),
        core_minutes=result["core_minutes"],
        git_commit=result["git_commit"],
        versions=versions
        if isinstance(versions, str)
        else ", ".join(f"{k} {v}" for k, v in versions.items()),
        changed="".join(f" {word}" for word in result.get("changed", "").split()),
        experiment=result.get("experiment", result.get("name", "")),
    )


def mark_row(table: Path, result: dict[str, Any], name: str) -> None:
    """Write ``name`` into the column ``packaged`` of the result's row, and take it out of all others."""
    if not table.exists():
        return
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    same = ("experiment", "seed", "core_minutes", "git_commit")
    for row in rows:
        if row.get("packaged") == name:
            row["packaged"] = ""
        if all(row.get(key) == str(result.get(key)) for key in same):
            row["packaged"] = name
    write_rows_atomically(table, rows, columns=list(rows[0]) if rows else [])


def main() -> None:
    """Package a model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("name", help="name of the packaged model")
    parser.add_argument(
        "--note", default="", help="what a reader must know of the data, e.g. which subset they are"
    )
    parser.add_argument(
        "--results", type=Path, default=TABLE, help="table in which the model's row is marked as packaged"
    )
    arguments = parser.parse_args()
    result = json.loads((arguments.run / "result.json").read_text(encoding="utf-8"))
    model = from_pretrained(arguments.run / "model")
    folder = save_pretrained(model, PACKAGED / arguments.name)
    write = ground_card if "test_total_error" in result else card
    (folder / "README.md").write_text(write(arguments.name, result, model, arguments.note), encoding="utf-8")
    mark_row(arguments.results, result, arguments.name)
    print(f"{folder}: {sum(f.stat().st_size for f in folder.iterdir()) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
