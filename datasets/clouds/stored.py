"""Many clouds in two flat integer arrays, memory-mapped: how every data set keeps its points."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from ccnn_pc.datasets.clouds.data import PointCloudData, as_attribute
from ccnn_pc.datasets.clouds.dataset import PointCloudDataset, as_label
from ccnn_pc.datasets.common.cache import cached, check_labels, check_stored


@dataclasses.dataclass
class StoredAttributes:
    """What is known of every point besides its place and normal, by name.

    Attributes:
        values: ``[N]`` or ``[N, C]``, of all clouds.
        partial: attributes that only some clouds have, or not alike, with the number of these; they are not kept.
        dropped: clouds that lost points that are not finite, with the number of these.
    """

    values: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    partial: dict[str, int] = dataclasses.field(default_factory=dict)
    dropped: dict[str, int] = dataclasses.field(default_factory=dict)


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
        attributes: what else is known of every point.
        folder: where they are stored; None where they are in memory.
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
    attributes: StoredAttributes = dataclasses.field(default_factory=StoredAttributes)

    def __post_init__(self) -> None:
        self.folder: Path | None = None

    def __len__(self) -> int:
        return len(self.label)

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        np.save(folder / "points.npy", self.points)
        if self.normals is not None:
            np.save(folder / "normals.npy", self.normals)
        for number, values in enumerate(self.attributes.values.values()):
            np.save(folder / f"attribute_{number}.npy", values)
        np.savez(
            folder / "rest.npz",
            offset=self.offset,
            label=self.label,
            name=np.asarray(self.name, dtype=np.str_),
            classes=np.asarray(self.classes, dtype=np.str_),
            center=self.center,
            scale=self.scale,
            broken=np.asarray(self.broken, dtype=np.str_).reshape(-1, 2),
            attributes=np.asarray(list(self.attributes.values), dtype=np.str_),
            partial=np.asarray(list(self.attributes.partial.items()), dtype=np.str_).reshape(-1, 2),
            dropped=np.asarray(list(self.attributes.dropped.items()), dtype=np.str_).reshape(-1, 2),
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> StoredClouds:
        """Read what :meth:`save` wrote; points, normals and attributes stay on disk until they are used.

        Raises:
            ValueError: the arrays do not fit together; numpy lets other errors of damaged files through.
        """
        folder = Path(folder)
        with np.load(folder / "rest.npz") as rest:
            arrays = {key: rest[key] for key in rest.files}
        normals = folder / "normals.npy"
        names = arrays.get("attributes", np.empty(0, np.str_)).tolist()  # earlier versions kept none
        clouds = cls(
            points=np.load(folder / "points.npy", mmap_mode="r"),
            normals=np.load(normals, mmap_mode="r") if normals.exists() else None,
            offset=arrays["offset"],
            label=arrays["label"],
            name=arrays["name"],
            classes=arrays["classes"].tolist(),
            center=arrays["center"],
            scale=arrays["scale"],
            broken=[(str(path), str(reason)) for path, reason in arrays["broken"]],
            attributes=StoredAttributes(
                {
                    name: np.load(folder / f"attribute_{number}.npy", mmap_mode="r")
                    for number, name in enumerate(names)
                },
                *(
                    {str(name): int(count) for name, count in arrays.get(kind, ())}
                    for kind in ("partial", "dropped")
                ),
            ),
        )
        clouds.folder = folder
        clouds._check()
        return clouds

    def _check(self) -> None:
        """The arrays must fit together."""
        check_stored(
            self.offset,
            [self.points, self.normals, *self.attributes.values.values()],
            [self.label, self.name, self.center, self.scale],
        )
        for name, values in (("points", self.points), ("normals", self.normals)):
            if values is not None and (values.dtype.kind != "i" or values.shape[1:] != (3,)):
                raise ValueError(
                    f"'{name}' must be integers [N, 3] (got {values.dtype}, {list(values.shape)})"
                )
        check_labels(self.label, self.classes)

    def cloud(self, row: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Positions in [-1, 1]^3 and normals of cloud ``row``, float32 ``[n, 3]``."""
        rows = slice(int(self.offset[row]), int(self.offset[row + 1]))
        normals = None if self.normals is None else _decode(self.normals[rows])
        return _decode(self.points[rows]), normals

    def attributes_of(self, row: int) -> dict[str, torch.Tensor | list[str]]:
        """The attributes of cloud ``row``, tensors or lists of words."""
        rows = slice(int(self.offset[row]), int(self.offset[row + 1]))
        return {name: as_attribute(values[rows]) for name, values in self.attributes.values.items()}

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self.folder is not None:  # another process maps the files again instead of copying them
            state["points"] = state["normals"] = state["attributes"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.folder is not None:
            again = StoredClouds.load(self.folder)
            self.points, self.normals, self.attributes = again.points, again.normals, again.attributes


def _decode(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.multiply(values, np.float32(1 / np.iinfo(values.dtype).max), dtype=np.float32))


class CloudPacker:
    """Collects clouds of any size into :class:`StoredClouds`, 16 bits per number from the start.

    Each cloud is centred on its bounding box in float64 and scaled to [-1, 1]. Normals and attributes are kept if
    every cloud has them.
    """

    def __init__(self) -> None:
        self._points: list[np.ndarray] = []
        self._normals: list[np.ndarray | None] = []
        self._center: list[np.ndarray] = []
        self._scale: list[float] = []
        self._label: list[int] = []
        self._name: list[str] = []
        self._attributes: list[Mapping[str, np.ndarray]] = []

    def add(
        self,
        points: np.ndarray,
        normals: np.ndarray | None,
        label: int,
        name: str,
        attributes: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> None:
        """One more cloud: points ``[n, 3]``, finite, unit normals ``[n, 3]`` or None, attributes of points."""
        points = np.asarray(points, dtype=np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        center = (low + high) / 2
        scale = float((high - low).max()) / 2 or 1.0
        self._points.append(np.rint((points - center) / scale * 32767).astype(np.int16))
        self._normals.append(
            None if normals is None else np.rint(np.clip(normals, -1, 1) * 32767).astype(np.int16)
        )
        self._center.append(center)
        self._scale.append(scale)
        self._label.append(label)
        self._name.append(name)
        self._attributes.append(attributes)

    def _gathered(self) -> StoredAttributes:
        """Attributes that all clouds have alike, and the numbers of clouds that have the others."""
        kept, partial = {}, {}
        for name in dict.fromkeys(name for each in self._attributes for name in each):
            found = [each[name] for each in self._attributes if name in each]
            kinds = {(values.shape[1:], values.dtype.kind == "U") for values in found}
            if len(found) == len(self._attributes) and len(kinds) == 1:
                kept[name] = np.concatenate(found)
            else:
                partial[name] = len(found)
        return StoredAttributes(kept, partial)

    def finish(self, classes: Sequence[str], broken: Sequence[tuple[str, str]] = ()) -> StoredClouds:
        """All clouds, in the order in which they came."""
        n = len(self._points)
        offset = np.zeros(n + 1, dtype=np.int64)
        np.cumsum([len(points) for points in self._points], out=offset[1:])
        normals = [each for each in self._normals if each is not None]
        empty = np.empty((0, 3), dtype=np.int16)
        return StoredClouds(
            points=np.concatenate([empty, *self._points]),
            normals=np.concatenate(normals) if n and len(normals) == n else None,
            offset=offset,
            label=np.array(self._label, dtype=np.int64),
            name=list(self._name),
            classes=list(classes),
            center=np.array(self._center, dtype=np.float64).reshape(n, 3),
            scale=np.array(self._scale, dtype=np.float64),
            broken=list(broken),
            attributes=self._gathered(),
        )


def cached_clouds(
    root: str | os.PathLike[str] | None,
    name: str,
    settings: dict[str, Any],
    build: Callable[[], StoredClouds],
) -> StoredClouds:
    """The clouds that ``build()`` returns; see :func:`ccnn_pc.datasets.common.cache.cached`."""
    return cached(root, name, settings, build, StoredClouds.load)


class StoredDataset(PointCloudDataset):
    """A data set over :class:`StoredClouds`: ``pos`` in [-1, 1]^3, ``normal`` if stored, ``y``, ``name``.

    Attributes of points come along under their names.
    """

    def __init__(self, clouds: StoredClouds, **options: Any) -> None:
        super().__init__(clouds.classes, clouds.label, **options)
        self.clouds = clouds
        self.broken = clouds.broken

    def load(self, row: int) -> PointCloudData:
        pos, normal = self.clouds.cloud(row)
        data = PointCloudData(pos=pos, y=as_label(int(self._labels[row])), name=str(self.clouds.name[row]))
        if normal is not None:
            data.normal = normal
        for name, values in self.clouds.attributes_of(row).items():
            data[name] = values
        return data
