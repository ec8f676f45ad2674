"""Fetch ModelNet where the network allows; verified, atomic, from the first mirror that answers."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
import urllib.request
import zipfile
from pathlib import Path
from typing import IO

from ccnn_pc.datasets.modelnet import HOW_TO_GET


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
    folder = Path(root)
    target = folder / archive.file
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for address in archive.mirrors if mirrors is None else mirrors:
        handle, temporary = tempfile.mkstemp(prefix=f".tmp-{archive.file}-", dir=folder)
        try:
            with os.fdopen(handle, "wb") as out:
                digests = _fetch(address, out, timeout)
            _verify(Path(temporary), archive, digests, sha256)
            os.replace(temporary, target)
            return target
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            failures.append(f"  {address}: {error}")
        finally:
            Path(temporary).unlink(missing_ok=True)
    raise FileNotFoundError(
        f"'{archive.file}' could not be downloaded:\n" + "\n".join(failures) + f"\n{HOW_TO_GET}"
    )


def _fetch(address: str, out: IO[bytes], timeout: float) -> dict[str, str]:
    md5, sha = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with urllib.request.urlopen(address, timeout=timeout) as answer:
        while block := answer.read(1 << 20):
            out.write(block)
            md5.update(block)
            sha.update(block)
    return {"md5": md5.hexdigest(), "sha256": sha.hexdigest()}


def _verify(path: Path, archive: Archive, digests: dict[str, str], sha256: str | None) -> None:
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
