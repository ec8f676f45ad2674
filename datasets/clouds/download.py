"""Fetch ModelNet where the network allows; verified, atomic, from the first mirror that answers."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

from ccnn_pc.datasets.clouds.modelnet import HOW_TO_GET
from ccnn_pc.datasets.common.fetch import fetch


@dataclasses.dataclass(frozen=True)
class Archive:
    """A file to fetch.

    Attributes:
        file: its name.
        mirrors: addresses, tried in order.
        md5: published checksum; None where no one has published one.
        members: how many of its files end in ``suffix``: the check that is left without a checksum.
        suffix: see ``members``.
    """

    file: str
    mirrors: tuple[str, ...]
    md5: str | None
    members: int
    suffix: str


MODELNET10 = Archive(
    "ModelNet10.zip",
    (
        "http://3dvision.princeton.edu/projects/2014/3DShapeNets/ModelNet10.zip",
        "http://vision.princeton.edu/projects/2014/3DShapeNets/ModelNet10.zip",
        "https://3dshapenets.cs.princeton.edu/ModelNet10.zip",
    ),
    None,
    4899,
    ".off",
)
MODELNET40 = Archive(
    "ModelNet40.zip",
    ("https://modelnet.cs.princeton.edu/ModelNet40.zip", "http://modelnet.cs.princeton.edu/ModelNet40.zip"),
    None,
    12311,
    ".off",
)
MODELNET40_H5 = Archive(
    "modelnet40_ply_hdf5_2048.zip",
    ("https://shapenet.cs.stanford.edu/media/modelnet40_ply_hdf5_2048.zip",),
    "c9ab8e6dfb16f67afdab25e155c79e59",
    7,
    ".h5",
)


def download_modelnet(
    root: str | os.PathLike[str],
    archive: Archive = MODELNET10,
    *,
    mirrors: tuple[str, ...] | None = None,
    sha256: str | None = None,
    timeout: float = 30.0,
) -> Path:
    """Fetch an archive into ``root`` unless it is there; only a verified file gets its final name.

    Checked: ``sha256`` if given, else the published md5; always that the zip is whole and has the known
        number of shapes.

    Args:
        root: folder, made where missing.
        archive: MODELNET10 (default, about 450 MB), MODELNET40 (2 GB) or MODELNET40_H5 (435 MB).
        mirrors: other addresses instead of the known ones.
        sha256: a checksum of your own.
        timeout: seconds without an answer.

    Returns:
        The file; ``ModelNet(root)`` reads the OFF archives as they are, the h5 one must be unpacked.

    Raises:
        FileNotFoundError: no mirror delivered it; the message tells what each said and what to do by hand.
    """
    return fetch(
        Path(root),
        archive.file,
        archive.mirrors if mirrors is None else mirrors,
        lambda path, digests: _verify(path, archive, digests, sha256),
        HOW_TO_GET,
        timeout,
    )


def _verify(path: Path, archive: Archive, digests: Mapping[str, str], sha256: str | None) -> None:
    if sha256 is not None:
        if digests["sha256"] != sha256.lower():
            raise ValueError(f"its sha256 is {digests['sha256']}, not {sha256}")
    elif archive.md5 is not None and digests["md5"] != archive.md5:
        raise ValueError(f"its md5 is {digests['md5']}, not {archive.md5}")
    with zipfile.ZipFile(path) as content:
        names = [name for name in content.namelist() if not name.startswith("__MACOSX") and "/." not in name]
        count = sum(name.endswith(archive.suffix) for name in names)
        if count < archive.members:
            raise ValueError(f"it holds {count} {archive.suffix} files instead of {archive.members}")
        damaged = content.testzip()
        if damaged is not None:
            raise ValueError(f"its member {damaged} is damaged")
