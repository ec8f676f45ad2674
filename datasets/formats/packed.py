"""Bytes of files that may be compressed, or members of an archive; nothing is ever unpacked to disk."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from ccnn_pc.datasets.common.folders import is_hidden
from ccnn_pc.datasets.formats.limits import check_unpacked, read_unpacked

_DAMAGED = (OSError, EOFError, MemoryError, zlib.error, lzma.LZMAError, tarfile.TarError)


def unpacked(data: bytes, name: str) -> bytes:
    """Undo gzip (``name`` ends in .gz) or xz (.xz); other bytes are returned as they are.

    Raises:
        ValueError: damaged or truncated, or it unpacks to more than
            :func:`~ccnn_pc.datasets.formats.limits.most_bytes`; the message names the file.

    Example:
        >>> unpacked(gzip.compress(b"abc"), "a.gz"), unpacked(b"abc", "a.bin")
        (b'abc', b'abc')
    """
    try:
        if name.endswith(".gz"):
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                return read_unpacked(stream, len(data), f"'{name}'")
        if name.endswith(".xz"):
            with lzma.open(io.BytesIO(data)) as stream:
                return read_unpacked(stream, len(data), f"'{name}'")
    except _DAMAGED as error:
        raise ValueError(f"'{name}' is damaged or cut off ({error}); copy or download it again") from error
    return data


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The content of a file, which is no pipe or device: those may never end.

    Raises:
        OSError: no such file, another kind, or it cannot be read; the message names it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"'{path}' must be an existing file")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise OSError(f"'{path}' cannot be read ({error.strerror})") from error


def zip_members(path: str | os.PathLike[str], end: str) -> list[tuple[str, Callable[[], bytes]]]:
    """Full name, and what reads it, of each member of a zip whose name ends so, by name; hidden ones are left out.

    What reads a member raises ValueError where it is damaged, encrypted, or unpacks to more than
    :func:`~ccnn_pc.datasets.formats.limits.most_bytes`.

    Raises:
        OSError: the file cannot be read.
        ValueError: no zip archive, or a damaged one; the message names it.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (
        Exception
    ) as error:  # zipfile raises BadZipFile, struct.error, NotImplementedError, bare OSErrors …
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise ValueError(f"'{path}' is damaged or cut off ({error}); copy or download it again") from error
    packed = Path(path).stat().st_size

    def read(member: zipfile.ZipInfo) -> bytes:
        name = f"'{path}:{member.filename}'"
        try:
            check_unpacked(member.file_size, packed, name)
            with archive.open(member) as stream:
                return read_unpacked(stream, packed, name)
        except Exception as error:  # RuntimeError (encrypted), NotImplementedError, BadZipFile, zlib.error …
            if name in str(error):  # too large
                raise
            raise ValueError(f"{name} is damaged or cut off ({error}); copy or download it again") from error

    wanted = sorted(
        (each for each in archive.infolist() if each.filename.endswith(end) and not is_hidden(each.filename)),
        key=lambda each: each.filename,
    )
    return [(f"{path}:{each.filename}", partial(read, each)) for each in wanted]


def read_packed(path: str | os.PathLike[str]) -> bytes:
    """The content of a file, decompressed if its name ends in .gz or .xz.

    Raises:
        OSError: no such file, or it cannot be read.
        ValueError: damaged.
    """
    return unpacked(read_file(path), str(path))


class Store:
    """The files of a data set, wherever they lie below ``root``: in it, in a folder, or in a tar archive.

    Args:
        root: folder, or the archive itself.
        folders: names of folders in ``root`` that may hold the files.
        archives: names of archives (.tar.gz, .tar) in ``root`` that may hold them.
        names: files that may be asked for; others are not read from archives.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        folders: Sequence[str] = (),
        archives: Sequence[str] = (),
        names: Sequence[str] = (),
    ) -> None:
        self.root, self._names = Path(root), set(names)
        self._folders = [self.root, *(self.root / name for name in folders)]
        self._archives = [self.root, *(self.root / name for name in archives)]
        self._members: dict[str, tuple[bytes, str]] | None = None

    def read(self, name: str) -> tuple[bytes, str] | None:
        """Content and full name of ``name``, ``name.gz`` or ``name.xz``; None if there is none of them.

        Raises:
            ValueError: damaged.
        """
        for folder in self._folders:
            for suffix in ("", ".gz", ".xz"):
                path = folder / (name + suffix)
                if path.is_file():
                    return read_packed(path), str(path)
        if self._members is None:
            self._members = self._open_archive()
        return self._members.get(name)

    def _open_archive(self) -> dict[str, tuple[bytes, str]]:
        for path in self._archives:
            if not path.is_file():
                continue
            found, packed, passed = {}, path.stat().st_size, 0
            try:
                with tarfile.open(path) as archive:
                    for member in archive:
                        passed += member.size  # members that nobody asks for are unpacked to be passed over
                        check_unpacked(passed, packed, f"'{path}'")
                        name = PurePosixPath(member.name).name
                        if name not in self._names or member.isdir():
                            continue
                        if not member.isreg():
                            raise ValueError(
                                f"'{path}' must hold '{member.name}' as a file (it is a link): download it again"
                            )
                        content = archive.extractfile(member)
                        assert content is not None  # it is a file
                        found[name] = read_unpacked(content, packed, f"'{path}'"), f"{path}:{member.name}"
            except _DAMAGED as error:
                reason = " ".join(str(error).split())  # tarfile tells all it tried, line by line
                raise ValueError(f"'{path}' is damaged or cut off ({reason}); download it again") from error
            return found
        return {}
