"""Preprocessing of volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional

from ccnn_pc._checks import check_at_least
from ccnn_pc.datasets.formats.volume_file import SUFFIXES, read_volume, read_whole_volume
from ccnn_pc.datasets.preprocessing.base import plain, set_fields
from ccnn_pc.datasets.preprocessing.files import FilePreprocessing, FileRead

#: Cells of a volume that a core trains on in minutes.
CELLS = 16**3
#: Files whose sizes are looked at.
_LOOKED_AT = 50


@dataclass(frozen=True)
class VolumePreprocessing(FilePreprocessing):
    """Volumes of one size: finer ones become means over cells, coarser ones straight lines between theirs.

    Args:
        size: cells along each axis; None: the usual size of the training, in its proportions at most :data:`CELLS`
            cells.
        mean, std: of each channel; None: measured on the training.
        files: facts of the volumes of the training; None: measured. Of each volume the cells along each axis,
            ``cells_0`` to ``cells_2``; where a file says them, the millimetres, ``span_0`` to ``span_2``, and whether
            it says which way its axes point, ``oriented``.

    Raises:
        ValueError: sizes below 1, or not three.
    """

    kind: ClassVar[str] = "volume"
    dataset: ClassVar[str] = "volume_folder"
    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES

    size: Sequence[int] | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    files: Mapping[str, Sequence[float]] | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            given = [self.size] * 3 if isinstance(self.size, int) else list(self.size)
            if len(given) != 3:
                raise ValueError(f"'size' must be three numbers, one for each axis (got {given})")
            set_fields(self, size=tuple(check_at_least("size", int(each), 1) for each in given))
        set_fields(self, mean=plain(self.mean), std=plain(self.std), files=plain(self.files))

    def read_file(self, path: Path) -> FileRead:
        read, steps, oriented = read_whole_volume(path)
        values = torch.from_numpy(read)
        facts = {f"cells_{axis}": float(cells) for axis, cells in enumerate(read.shape[1:])}
        facts |= {f"span_{axis}": step * read.shape[1 + axis] for axis, step in enumerate(steps)}
        facts["oriented"] = oriented
        size = tuple(self.size or values.shape[1:])
        coarse = tuple(min(*pair) for pair in zip(size, values.shape[1:], strict=True))
        values = functional.adaptive_avg_pool3d(values, coarse)  # type: ignore[arg-type]
        if tuple(values.shape[1:]) != size:
            values = functional.interpolate(values[None], size, mode="trilinear", align_corners=False)[0]
        return FileRead(values.numpy(), facts)

    def filled(self, paths: Sequence[Path]) -> VolumePreprocessing:
        if self.size is not None:
            return self
        sizes, first = [], ""
        for path in paths[:: max(1, len(paths) // _LOOKED_AT)]:
            try:
                sizes.append(read_volume(path).shape[1:])
            except (OSError, ValueError) as error:
                first = first or str(error)
        if not sizes:
            raise ValueError(f"no volume can be read; the first: {first}")
        usual: np.ndarray = np.median(np.array(sizes), axis=0)
        finer = min(1.0, float((CELLS / usual.prod()) ** (1 / 3)))
        return replace(self, size=tuple(max(1, round(each * finer)) for each in usual.tolist()))
