"""Fetch MNIST, CIFAR and STL-10 where the network allows, checked against their published md5."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ccnn_pc.datasets.common.fetch import RemoteFile, fetch

_MNIST = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_CIFAR = "https://www.cs.toronto.edu/~kriz/"


def _mnist(file: str, md5: str) -> RemoteFile:
    return RemoteFile(file, tuple(address + file for address in _MNIST), md5)


FILES: dict[str, tuple[RemoteFile, ...]] = {
    "mnist": (
        _mnist("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        _mnist("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        _mnist("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        _mnist("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ),
    "cifar10": (
        RemoteFile(
            "cifar-10-binary.tar.gz",
            (f"{_CIFAR}cifar-10-binary.tar.gz",),
            "c32a1d4ab5d03f1284b67883e8d87530",
        ),
    ),
    "cifar100": (
        RemoteFile(
            "cifar-100-binary.tar.gz",
            (f"{_CIFAR}cifar-100-binary.tar.gz",),
            "03b5dce01913d631647c71ecec9e9cb8",
        ),
    ),
    "stl10": (
        RemoteFile(
            "stl10_binary.tar.gz",
            ("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",),
            "91f7769df0f17e558f3565bffb0c7dfb",
        ),
    ),
}
"""Name of a data set → its files."""


def how_to_get(name: str) -> str:
    """What to do by hand to get the files of a data set."""
    lines = [f"  {remote.file}   {remote.mirrors[0]}" for remote in FILES[name]]
    return "\n".join(
        [
            "Get by hand and give their folder as 'root' (no need to unpack):",
            *lines,
            f"or let ccnn_pc.datasets.download_images(root, {name!r}) fetch them where the network allows.",
        ]
    )


def download_images(
    root: str | os.PathLike[str],
    name: str,
    *,
    files: Sequence[RemoteFile] | None = None,
    timeout: float = 30.0,
) -> Path:
    """Fetch the files of a data set into ``root`` unless they are there; only verified files get their names.

    Args:
        root: folder, made where missing.
        name: "mnist" (12 MB), "cifar10" (170 MB), "cifar100" (169 MB) or "stl10" (2.6 GB).
        files: other addresses or checksums instead of the known ones.
        timeout: seconds without an answer.

    Returns:
        The folder; ``MNIST(root)``, ``CIFAR10(root)``, … read it as it is.

    Raises:
        ValueError: an unknown name.
        FileNotFoundError: no mirror delivered a file; the message tells what each said and what to do by hand.
    """
    if name not in FILES:
        raise ValueError(f"'name' must be one of {', '.join(FILES)} (got {name!r})")
    folder = Path(root)
    for remote in FILES[name] if files is None else files:
        fetch(folder, remote.file, remote.mirrors, remote.check, how_to_get(name), timeout)
    return folder
