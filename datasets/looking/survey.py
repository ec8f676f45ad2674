"""Which kinds of files lie in a folder."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

from ccnn_pc.datasets.common.folders import files_below, folders_in, split_named
from ccnn_pc.datasets.formats.csv_file import SUFFIXES as TABLES
from ccnn_pc.datasets.formats.image_file import SUFFIXES as PICTURES
from ccnn_pc.datasets.looking.found import NotTakenError, counted, listed
from ccnn_pc.datasets.looking.peek import Kind, kind_of_numpy, kind_of_text

_SUFFIXES: dict[str, Kind] = {
    **dict.fromkeys(PICTURES, Kind.PICTURES),
    **dict.fromkeys((".wav", ".flac", ".ogg", ".oga", ".mp3", ".aiff", ".aif", ".au"), Kind.SOUND),
    **dict.fromkeys((".nii", ".nii.gz", ".binvox"), Kind.VOLUMES),
    **dict.fromkeys((".las", ".laz", ".e57"), Kind.SCENES),
    **dict.fromkeys((".off", ".obj", ".stl", ".glb", ".gltf", ".ply", ".pcd", ".xyz", ".pts"), Kind.CLOUDS),
    **dict.fromkeys((".ts", ".arff"), Kind.ARCHIVE),
}
#: What is usually beside data and no data itself.
_BESIDE = (
    ".mtl",
    ".bin",
    ".md",
    ".json",
    ".yaml",
    ".yml",
    ".pdf",
    ".py",
    ".log",
    ".html",
    ".xml",
    ".ini",
    ".lnk",
)
_BESIDE_NAMES = ("readme", "license", "licence", "thumbs.db", "desktop.ini", "notes", "changelog")
#: What would have to be brought to another format, and how.
ADVICE = {
    ".zip": "unpack it", ".tar": "unpack it", ".tgz": "unpack it", ".7z": "unpack it", ".rar": "unpack it",
    ".dcm": "convert series of DICOM to NIfTI, with dcm2niix", ".nrrd": "save as .nii.gz", ".mha": "save as .nii.gz",
    ".mat": "save arrays as .npy", ".h5": "save arrays as .npy", ".hdf5": "save arrays as .npy",
    ".pkl": "save arrays as .npy", ".pickle": "save arrays as .npy", ".pt": "save arrays as .npy",
    ".mp4": "save its pictures or its sound", ".avi": "save its pictures or its sound",
    ".m4a": "save as .wav", ".wma": "save as .wav", ".aac": "save as .wav", ".opus": "save as .wav",
    ".xlsx": "save as .csv", ".xls": "save as .csv",
    ".gif": "save its pictures as .png", ".heic": "save as .jpg", ".heif": "save as .jpg", ".svg": "save as .png",
    ".avif": "save as .png", ".jp2": "save as .png", ".tga": "save as .png", ".psd": "save as .png",
    ".jfif": "call it .jpg", ".jpe": "call it .jpg", ".mhd": "save as .nii.gz", ".mgz": "save as .nii.gz",
    ".fbx": "export as .glb", ".blend": "export as .glb", ".step": "export as .stl", ".stp": "export as .stl",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Survey:
    """The files below a folder, by kind.

    Attributes:
        root: the folder; where it holds one folder alone that is no part, that one.
        files: of each kind, sorted.
        unused: files of no kind.
    """

    root: Path
    files: dict[Kind, list[Path]]
    unused: list[Path]

    def in_folders(self, kind: Kind) -> list[Path]:
        """Files of a kind that lie in a folder which may be that of a class."""
        return [path for path in self.files.get(kind, []) if class_of(path, self.root) is not None]


def suffix_of(path: Path) -> str:
    """The end of a name that says the format, in small letters; with what comes before .gz.

    Example:
        >>> suffix_of(Path("a.NII.gz")), suffix_of(Path("b.tar.gz")), suffix_of(Path("c.2024.png"))
        ('.nii.gz', '.tar.gz', '.png')
    """
    name = path.name.lower()
    ends = name.split(".")[1:]
    if len(ends) > 1 and ends[-1] in ("gz", "xz"):
        return f".{ends[-2]}.{ends[-1]}"
    return f".{ends[-1]}" if ends else ""


def class_of(path: Path, root: Path) -> str | None:
    """The folder that would be the class of a file; None where there is none.

    Example:
        >>> [class_of(Path(p), Path("r")) for p in ("r/train/cat/1.png", "r/cat/sub/1.png", "r/train/1.png")]
        ['cat', 'cat', None]
    """
    folders = [part for part in path.relative_to(root).parts[:-1] if split_named(part) is None]
    return folders[0] if folders else None


def survey(root: Path) -> Survey:
    """Look at every file below a folder.

    Raises:
        NotTakenError: there is no file.
        OSError: a folder cannot be read.
    """
    root = _inner(root)
    paths = files_below(root, lambda path: True)
    if not paths:
        raise NotTakenError(
            f"'{root}' must hold files to train on (found none): put one folder per class there"
        )
    files: dict[Kind, list[Path]] = {}
    unused: list[Path] = []
    text: dict[Path, Kind | None] = {}
    for path in paths:
        kind = _SUFFIXES.get(suffix_of(path), _SUFFIXES.get(path.suffix.lower()))
        if kind is None and suffix_of(path) in TABLES and path.stem.lower() not in _BESIDE_NAMES:
            folder = path.parent  # those of a folder are alike: a few tell
            if path.parent == root or folder not in text:
                text[folder] = kind_of_text(path)
            kind = text[folder]
            if kind is Kind.WIDE_TABLE and class_of(path, root) is not None:
                kind = Kind.SERIES
        elif kind is None and path.suffix.lower() in (".npy", ".npz"):
            folder = path.parent / path.suffix.lower()
            if folder not in text or text[folder] is None:
                text[folder] = kind_of_numpy(path)
            kind = text[folder]
        if kind is None:
            unused.append(path)
        else:
            files.setdefault(kind, []).append(path)
    return Survey(root, files, unused)


def _inner(root: Path) -> Path:
    """Past folders that hold one folder alone, as archives do when they are unpacked."""
    while True:
        inside = [path for path in root.iterdir() if not path.name.startswith((".", "__"))]
        folders = folders_in(root)
        alone = len(folders) == 1 and len(inside) == 1 and split_named(folders[0].name) is None
        if not alone or not folders_in(folders[0]):
            return root
        root = folders[0]


def unused_notes(found: Survey, used: Kind) -> list[str]:
    """What is not used, in one line for each reason: other kinds, unknown formats with what to do."""
    notes = []
    for kind, paths in found.files.items():
        if kind not in (used, Kind.FILE_TABLE):
            notes.append(f"not used: {counted(len(paths), 'file')} of {kind.value} (the first: '{paths[0]}')")
    other = [path for path in found.unused if not _is_beside(path)]
    for suffix, count in Counter(map(suffix_of, other)).most_common():
        first = next(path for path in other if suffix_of(path) == suffix)
        advice = ADVICE.get(suffix, ADVICE.get(first.suffix.lower(), ""))
        what = f"{counted(count, 'file')} {suffix or 'without a suffix'}"
        notes.append(f"not used: {what} (the first: '{first}'){f': {advice}' if advice else ''}")
    return notes


def _is_beside(path: Path) -> bool:
    return path.suffix.lower() in _BESIDE or path.stem.lower() in _BESIDE_NAMES


def nothing_usable(found: Survey) -> NotTakenError:
    """The error for a folder none of whose files can be trained on."""
    suffixes = [suffix or "no suffix" for suffix, _ in Counter(map(suffix_of, found.unused)).most_common()]
    advice = next(
        (ADVICE[suffix] for suffix in suffixes if suffix in ADVICE), "docs/data.md lists the formats"
    )
    return NotTakenError(
        f"'{found.root}' must hold clouds, scans, pictures, sound, volumes, series or tables (found "
        f"{counted(len(found.unused), 'file')} {listed(suffixes)}; the first: '{found.unused[0]}'): {advice}"
    )
