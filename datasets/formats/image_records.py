"""Images as records of bytes: the binary forms of CIFAR and STL-10."""

from __future__ import annotations

import numpy as np


def read_cifar_binary(data: bytes, name: str = "data", label_bytes: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Read CIFAR's binary form: records of label bytes, then 1024 bytes each of red, green and blue, row by row.

    Args:
        data: content of the file, decompressed.
        name: of the file, for messages.
        label_bytes: 1 for CIFAR-10, 2 for CIFAR-100 (coarse, fine).

    Returns:
        Images uint8 ``[n, 3, 32, 32]`` and labels uint8 ``[n, label_bytes]``.

    Raises:
        ValueError: empty, or not a whole number of records.

    Example:
        >>> images, labels = read_cifar_binary(bytes([7]) + bytes(3072))
        >>> images.shape, labels.tolist()
        ((1, 3, 32, 32), [[7]])
    """
    size = label_bytes + 3072
    if not data or len(data) % size:
        raise ValueError(
            f"'{name}' must be a whole number of records of {size} bytes (got {len(data)} bytes); "
            "copy or download it again"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, size)
    images = records[:, label_bytes:].reshape(-1, 3, 32, 32)
    return images, records[:, :label_bytes]


def read_stl10_images(data: bytes, name: str = "data", side: int = 96) -> np.ndarray:
    """Read STL-10's images: red, green, blue, each column by column, without a header.

    Args:
        data: content of ``*_X.bin``.
        name: of the file, for messages.
        side: pixels per side.

    Returns:
        uint8 ``[n, 3, side, side]``, rows then columns.

    Raises:
        ValueError: empty, or not a whole number of images.

    Example:
        >>> read_stl10_images(bytes(range(12)), side=2)[0, 0].tolist()
        [[0, 2], [1, 3]]
    """
    size = 3 * side * side
    if not data or len(data) % size:
        raise ValueError(
            f"'{name}' must be a whole number of images of {size} bytes (got {len(data)} bytes); "
            "copy or download it again"
        )
    images = np.frombuffer(data, np.uint8).reshape(-1, 3, side, side)
    return np.ascontiguousarray(images.transpose(0, 1, 3, 2))


def read_stl10_labels(data: bytes, name: str = "data") -> np.ndarray:
    """Read STL-10's labels, one byte each, 1 to 10.

    Returns:
        uint8 ``[n]``, counted from 0.

    Raises:
        ValueError: empty, or another value.

    Example:
        >>> read_stl10_labels(bytes([1, 10])).tolist()
        [0, 9]
    """
    labels = np.frombuffer(data, np.uint8)
    if len(labels) == 0 or labels.min() < 1 or labels.max() > 10:
        found = f"{labels.min()} to {labels.max()}" if len(labels) else "none"
        raise ValueError(f"'{name}' must hold labels from 1 to 10 (got {found}); copy or download it again")
    return labels - 1
