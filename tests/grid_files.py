"""Small image data sets in their official files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ccnn_pc.datasets.formats.idx import write_idx


def write_images(data: str, root: Path, count: int = 40) -> Path:
    """Files of a data set (by the name of its configuration) with so many random images per split, ten classes."""
    random = np.random.default_rng(0)
    labels = (np.arange(count) % 10).astype(np.uint8)
    root.mkdir(parents=True, exist_ok=True)
    if data.endswith("mnist"):
        for part in ("train", "t10k"):
            images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
            (root / f"{part}-images-idx3-ubyte").write_bytes(write_idx(images))
            (root / f"{part}-labels-idx1-ubyte").write_bytes(write_idx(labels))
    elif data == "stl10":
        for part in ("train", "test"):
            images = random.integers(0, 256, (count, 3, 96, 96), dtype=np.uint8)
            (root / f"{part}_X.bin").write_bytes(images.tobytes())
            (root / f"{part}_y.bin").write_bytes((labels + 1).tobytes())
    elif data == "imagenet32":
        _write_folder(root, random)
    else:
        fine = data == "cifar100"
        columns = np.stack([labels // 5, labels], axis=1) if fine else labels[:, None]
        for part in ("train", "test") if fine else ("data_batch_1", "test_batch"):
            images = random.integers(0, 256, (count, 3072), dtype=np.uint8)
            (root / f"{part}.bin").write_bytes(np.hstack([columns, images]).tobytes())
    return root


def _write_folder(root: Path, random: np.random.Generator) -> None:
    from PIL import Image

    for part in ("train", "val"):
        for name in ("n01", "n02"):
            (root / part / name).mkdir(parents=True)
            for number in range(8):
                pixels = random.integers(0, 256, (40, 48, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{number}.png")
