"""What does it cost to label a scene: seconds and memory of ``ccnn-pc predict``, from LAZ to LAZ.

Scenes of hills with trees, 1 point per square metre, made on the spot; an untrained network of the size and the
settings of ``experiment=scenes`` costs what a trained one does. Each scene is labelled by a fresh process, one thread,
without a picture; its peak of resident memory is that of the whole process. Writes results/bench_predict_scene.csv.

    python -m scripts.bench.predict_scene                  # about 5 minutes
    python -m scripts.bench.predict_scene --points 10000
"""

from __future__ import annotations

import argparse
import datetime
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import laspy
import numpy as np
import torch

from ccnn_pc._files import write_rows_atomically
from ccnn_pc.datasets import ScenePreprocessing
from ccnn_pc.models import create_model, save_pretrained
from scripts import ROOT
from scripts.bench.harness import processor

SIZES = (100_000, 300_000, 1_000_000)


def scan(path: Path, points: int) -> None:
    """Hills with trees, 1 point per square metre."""
    random = np.random.default_rng(0)
    las = laspy.create(point_format=6, file_version="1.4")
    las.header.scales = [0.01, 0.01, 0.01]
    las.x, las.y = random.uniform(0, points**0.5, (2, points))
    tree = random.random(points) < 0.25
    las.z = 5 * np.sin(las.x / 40) + np.where(tree, random.uniform(0, 12, points), 0.0)
    las.write(path)


def model(folder: Path) -> None:
    """The network of ``experiment=scenes``, two classes."""
    torch.manual_seed(0)
    network = create_model(
        "ccnn_unet_tiny",
        dim=3,
        in_channels=2,
        out_channels=2,
        point_spacing=1.0,
        width=0.5,
        num_points=8192,
        num_neighbors=16,
    )
    used = ScenePreprocessing(
        cell=1.0,
        features=("height", "one"),
        target={"table": {"names": {1: "other", 2: "ground"}}},
        num_neighbors=16,
    )
    save_pretrained(network, folder, classes=("other", "ground"), preprocessing=used, task="points")


def labelled(place: Path, points: int) -> dict[str, float]:
    """Seconds of the processor, start included, and peak memory of one process."""
    scan(place / "scan.laz", points)
    words = [
        "predict",
        str(place / "model"),
        str(place / "scan.laz"),
        "--out",
        str(place / "out.laz"),
        "--no-picture",
    ]
    code = "import sys; from ccnn_pc.cli.app import main; main(sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"labelling {points} points ended with status {status}")
    return {"cpu_s": round(used.ru_utime + used.ru_stime, 1), "peak_mb": round(_bytes(used) / 1e6)}


def _bytes(used: resource.struct_rusage) -> int:
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Label scenes of all sizes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, nargs="+", default=SIZES)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench_predict_scene.csv")
    given = parser.parse_args()
    about = {
        "date": datetime.date.today().isoformat(),
        "machine": processor(),
        "threads": 1,
        "torch": torch.__version__,
    }
    rows = []
    with tempfile.TemporaryDirectory() as place:
        model(Path(place, "model"))
        for points in given.points:
            rows.append({**about, "points": points, **labelled(Path(place), points)})
            print(rows[-1])
    write_rows_atomically(given.out, rows)


if __name__ == "__main__":
    main()
