"""Small scenes as LAZ files, and a small model that labels them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import laspy
import numpy as np
import torch

from ccnn_pc.datasets import ScenePreprocessing
from ccnn_pc.models import create_model, save_pretrained
from tests.datasets.scenes.las_files import WKT

CLASSES = ["other", "ground"]


def write_scan(path: Path, count: int = 400, *, form: int = 1, seed: int = 0, side: float = 20.0) -> Path:
    """Ground that rises, and a roof on it, with all fields set; in coordinates as large as those of maps."""
    rng = np.random.default_rng(seed)
    header = laspy.LasHeader(point_format=form)
    header.scales, header.offsets = [0.01, 0.01, 0.01], [500_000.0, 5_400_000.0, 0.0]
    header.add_extra_dim(laspy.ExtraBytesParams("echo_width", "f4"))
    header.vlrs.append(laspy.vlrs.known.WktCoordinateSystemVlr(WKT))
    las = laspy.LasData(header)
    flat = rng.uniform(0, side, (count, 2))
    roof = (np.abs(flat - side / 2) < side / 5).all(axis=1)
    las.x, las.y = flat[:, 0] + 500_000, flat[:, 1] + 5_400_000
    las.z = 100 + 0.1 * flat[:, 0] + np.where(roof, 6.0, 0.0)
    las.classification = np.where(roof, 1, 2).astype(np.uint8)
    las.intensity = rng.integers(0, 60_000, count).astype(np.uint16)
    las.gps_time = np.sort(rng.uniform(0, 10, count))
    las.echo_width = rng.random(count).astype(np.float32)
    las.return_number = np.ones(count, dtype=np.uint8)
    las.number_of_returns = np.ones(count, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    las.write(str(path))
    return path


def scene_model(folder: Path, **changed: Any) -> str:
    """An untrained network of two classes on tiles of 8 m, saved; its answers differ from point to point."""
    torch.manual_seed(1)
    model = create_model(
        "ccnn_4_16", dim=3, in_channels=2, out_channels=2, pool=None, norm="layer", extent=4.0, num_points=64
    )
    used = ScenePreprocessing.from_json(
        {
            "cell": 1.0,
            "tile": {"radius": 8.0, "points": 4096},
            "features": ("height", "one"),
            "classes": {"names": {1: "other", 2: "ground"}, "ignored": [0]},
            "num_neighbors": 8,
            **changed,
        }
    )
    return str(save_pretrained(model, folder, classes=used.wanted.names, preprocessing=used, task="points"))
