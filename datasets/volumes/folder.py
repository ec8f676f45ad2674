"""A folder with one folder of volumes per class."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ccnn_pc.datasets.common.file_arrays import FileArrays
from ccnn_pc.datasets.common.folders import is_hidden, named_splits
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.volume_file import is_volume
from ccnn_pc.datasets.preprocessing.files import FilePreprocessing
from ccnn_pc.datasets.preprocessing.volumes import VolumePreprocessing
from ccnn_pc.datasets.registry import register_dataset


def _holds_volumes(path: Path) -> bool:
    """NIfTI and binvox can be nothing else; arrays of numpy may be clouds."""
    ends = (".nii", ".nii.gz", ".binvox")
    return path.is_dir() and any(
        each.name.lower().endswith(ends) and not is_hidden(each.relative_to(path)) for each in path.rglob("*")
    )


def _split_of(path: Path) -> Split | None:
    return Split.TEST if Split.TEST in named_splits(path) else None


@register_dataset("volume_folder", recognises=_holds_volumes, split_of=_split_of, rank=1)
class VolumeFolder(FileArrays):
    """Volumes ``root/<class>/*.nii.gz`` (npy, npz, NIfTI, binvox) as arrays ``x [1, C, D, H, W]`` of one size.

    ``reading`` is a :class:`~ccnn_pc.datasets.preprocessing.volumes.VolumePreprocessing`; else see :class:`FileArrays`.
    """

    _what = "volumes"
    make_reading: ClassVar[type[FilePreprocessing]] = VolumePreprocessing

    @classmethod
    def is_data(cls, path: Path) -> bool:
        return is_volume(path)
