"""Small scenes: a slope with trees and one small building, in map coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

GROUND, TREES, BUILDING = 2, 5, 6
ORIGIN = np.array([512_300.0, 5_403_100.0, 300.0])


def points(count: int = 1500, seed: int = 0, size: float = 60.0) -> dict[str, np.ndarray]:
    """Positions ``[n, 3]``, intensity, classification; class 0 of some was never given."""
    random = np.random.default_rng(seed)
    flat = random.uniform(0, size, (count, 2))
    kind = np.where(random.uniform(size=count) < 0.3, TREES, GROUND)
    near = np.abs(flat - 0.2 * size).max(axis=1) < 0.05 * size
    kind[near] = BUILDING
    high = {GROUND: 0.0, TREES: 4.0, BUILDING: 6.0}
    height = 0.1 * flat[:, 0] + np.vectorize(high.get)(kind) + random.normal(0, 0.1, count)
    intensity = np.where(kind == TREES, 40, 160) + random.integers(0, 20, count)
    kind[random.uniform(size=count) < 0.05] = 0
    return {
        "pos": np.column_stack([flat, height]) + ORIGIN,
        "intensity": intensity.astype(np.uint16),
        "classification": kind.astype(np.uint8),
    }


def write(path: Path, scene: dict[str, Any] | None = None, **changed: Any) -> Path:
    """One scene as npz; ``changed`` arrays take the place of others, None leaves one out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {**(points() if scene is None else scene), **changed}
    np.savez(path, **{name: values for name, values in arrays.items() if values is not None})
    return path


def write_parts(root: Path, count: int = 1500, size: float = 60.0) -> Path:
    """A folder with two scenes to train on and one each to validate and test."""
    for seed, name in enumerate(("train/a.npz", "train/b.npz", "val/c.npz", "test/d.npz")):
        write(root / name, points(count, seed, size))
    return root
