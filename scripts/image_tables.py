"""The table of networks trained on sequences and images of pixels."""

from __future__ import annotations

from readme_tables import percent, rows_of, table, thousands  # beside this script

IMAGES = "results/images.csv"
NAMES = {"smnist": "sequential MNIST", "cifar10": "CIFAR-10"}
SAMPLINGS = {"pixels": "as in training", "pixels:2": "every second sample", "scattered:0.5": "a random half"}


def results_images() -> str:
    """Accuracy of each network at each sampling."""
    rows = rows_of(IMAGES)
    cells: list[list[object]] = []
    for own in (row for row in rows if row["tested_on"] == "pixels"):
        same = [row for row in rows if (row["setting"], row["seed"]) == (own["setting"], own["seed"])]
        scores = {row["tested_on"]: percent(row["test_accuracy"]) for row in same}
        effort = [own["epochs"], f"{float(own['core_minutes']):.0f}", own["seed"]]
        sizes = [thousands(own[name]) for name in ("parameters", "n_train", "n_test")]
        cells.append([NAMES[own["setting"]], *sizes, *(scores.get(name, "–") for name in SAMPLINGS), *effort])
    header = ["data", "parameters", "training items", "test items", *SAMPLINGS.values()]
    return table([*header, "epochs", "core minutes", "seed"], cells)


#: As :data:`readme_tables.BLOCKS`.
BLOCKS = {"results:images": (results_images, IMAGES)}
