"""Many clouds in two flat integer arrays, memory-mapped: the form in which every data set keeps its points."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ccnn_pc.datasets.base import PointCloudDataset, as_label
from ccnn_pc.datasets.point_cloud_data import PointCloudData
from ccnn_pc.datasets.transforms.base import Transform


@dataclasses.dataclass
class StoredClouds:
    """Clouds one after the other; cloud i has rows ``offset[i]`` to ``offset[i + 1]``.

    Attributes:
        points: ``[N, 3]`` int16, 32767 = 1: each cloud is centred on its bounding box and scaled to [-1, 1].
        normals: ``[N, 3]`` int8 (127 = 1) or int16, or None where no cloud has any.
        offset: ``[n + 1]`` int64.
        label: ``[n]`` int64.
        name: ``[n]`` names.
        classes: names of the classes.
        center, scale: ``[n, 3]`` and ``[n]`` float64: original coordinates are ``pos * scale + center``.
        broken: files that could not be read, with the reason.
    """

    points: np.ndarray
    normals: np.ndarray | None
    offset: np.ndarray
    label: np.ndarray
    name: Sequence[str] | np.ndarray
    classes: list[str]
    center: np.ndarray
    scale: np.ndarray
    broken: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.label)

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        np.save(folder / "points.npy", self.points)
        if self.normals is not None:
            np.save(folder / "normals.npy", self.normals)
        np.savez(
            folder / "rest.npz",
            offset=self.offset,
            label=self.label,
            name=np.asarray(self.name, dtype=np.str_),
            classes=np.asarray(self.classes, dtype=np.str_),
            center=self.center,
            scale=self.scale,
            broken=np.asarray(self.broken, dtype=np.str_).reshape(-1, 2),
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> StoredClouds:
        """Read what :meth:`save` wrote; points and normals stay on disk until they are used."""
        folder = Path(folder)
        with np.load(folder / "rest.npz") as rest:
            arrays = {key: rest[key] for key in rest.files}
        normals = folder / "normals.npy"
        return cls(
            points=np.load(folder / "points.npy", mmap_mode="r"),
            normals=np.load(normals, mmap_mode="r") if normals.exists() else None,
            offset=arrays["offset"],
            label=arrays["label"],
            name=arrays["name"],
            classes=arrays["classes"].tolist(),
            center=arrays["center"],
            scale=arrays["scale"],
            broken=[(str(path), str(reason)) for path, reason in arrays["broken"]],
            folder=folder,
        )

    def cloud(self, row: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Positions in [-1, 1]^3 and normals of cloud ``row``, float32 ``[n, 3]``."""
        rows = slice(int(self.offset[row]), int(self.offset[row + 1]))
        normals = None if self.normals is None else _decode(self.normals[rows])
        return _decode(self.points[rows]), normals

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self.folder is not None:  # another process maps the files again instead of copying them
            state["points"] = state["normals"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.folder is not None:
            again = StoredClouds.load(self.folder)
            self.points, self.normals = again.points, again.normals


def _decode(values: np.ndarray) -> torch.Tensor:
    decoded = values.astype(np.float32)
    decoded *= np.float32(1.0 / np.iinfo(values.dtype).max)
    return torch.from_numpy(decoded)


def encode_clouds(
    clouds: Sequence[tuple[np.ndarray, np.ndarray | None]],
    label: Sequence[int] | np.ndarray,
    name: Sequence[str],
    classes: Sequence[str],
    broken: Sequence[tuple[str, str]] = (),
) -> StoredClouds:
    """Pack clouds, a sequence of ``(points [n, 3], normals [n, 3] or None)`` of any size, into :class:`StoredClouds`.

    Each is centred on its bounding box in float64 and scaled to [-1, 1]. Normals are kept if every cloud has them.
    """
    offset = np.zeros(len(clouds) + 1, dtype=np.int64)
    np.cumsum([len(points) for points, _ in clouds], out=offset[1:])
    packed = np.empty((int(offset[-1]), 3), dtype=np.int16)
    with_normals = bool(clouds) and all(normals is not None for _, normals in clouds)
    packed_normals = np.empty_like(packed) if with_normals else None
    center, scale = np.zeros((len(clouds), 3)), np.ones(len(clouds))
    for row, (points, normals) in enumerate(clouds):
        rows = slice(int(offset[row]), int(offset[row + 1]))
        points = np.asarray(points, dtype=np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        center[row] = (low + high) / 2
        scale[row] = float((high - low).max()) / 2 or 1.0
        packed[rows] = np.rint((points - center[row]) / scale[row] * 32767)
        if packed_normals is not None and normals is not None:
            packed_normals[rows] = np.rint(np.clip(normals, -1, 1) * 32767)
    return StoredClouds(
        packed,
        packed_normals,
        offset,
        np.asarray(label, dtype=np.int64),
        list(name),
        list(classes),
        center,
        scale,
        list(broken),
    )


class StoredDataset(PointCloudDataset):
    """A data set over :class:`StoredClouds`: ``pos`` in [-1, 1]^3, ``normal`` where stored, ``y``, ``name``."""

    def __init__(
        self,
        clouds: StoredClouds,
        *,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(clouds.classes, clouds.label, transform=transform, pre_transform=pre_transform, seed=seed)
        self.clouds = clouds
        self.broken = clouds.broken

    def load(self, row: int) -> PointCloudData:
        pos, normal = self.clouds.cloud(row)
        data = PointCloudData(pos=pos, y=as_label(int(self._labels[row])), name=str(self.clouds.name[row]))
        if normal is not None:
            data.normal = normal
        return data
