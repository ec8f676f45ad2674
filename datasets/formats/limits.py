"""How much a file may unpack to: checked before memory is taken, so that a bomb is an error and not a full machine."""

from __future__ import annotations

import os
from typing import Protocol

RATIO = 100
"""Whatever its size, a file may unpack to this many times its bytes."""

SMALL_MIB = 256
"""Any file may unpack to this many MiB; the environment variable ``CCNN_PC_MAX_UNPACKED`` sets another number."""

_MIB = 1 << 20


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes: ...


def most_bytes(packed: int) -> int:
    """Bytes that ``packed`` bytes of a file may stand for: the larger of ``RATIO`` times them and ``SMALL_MIB``.

    Raises:
        ValueError: ``CCNN_PC_MAX_UNPACKED`` is no whole number of MiB.

    Example:
        >>> most_bytes(1000) == 256 * 2**20, most_bytes(10**9) == 100 * 10**9
        (True, True)
    """
    given = os.environ.get("CCNN_PC_MAX_UNPACKED") or str(SMALL_MIB)
    if not (given.isascii() and given.isdigit()):
        raise ValueError(f"'CCNN_PC_MAX_UNPACKED' must be a whole number of MiB (got {given!r})")
    return max(RATIO * packed, int(given) * _MIB)


def check_unpacked(size: int, packed: int, what: str = "it") -> None:
    """``size`` bytes, announced or counted, must be what ``packed`` bytes of a file may stand for.

    Args:
        size: bytes in memory.
        packed: bytes in the file.
        what: subject of the message.

    Raises:
        ValueError: too many.

    Example:
        >>> check_unpacked(10**10, 5000, "'a.npz'")
        Traceback (most recent call last):
        ...
        ValueError: 'a.npz' announces or unpacks to 10000000000 bytes, too many for the 5000 that it has \
(at most 268435456): it is damaged, or CCNN_PC_MAX_UNPACKED must be set to at least 9537 (MiB)
    """
    most = most_bytes(packed)
    if size > most:
        raise ValueError(
            f"{what} announces or unpacks to {size} bytes, too many for the {packed} that it has (at most {most}): "
            f"it is damaged, or CCNN_PC_MAX_UNPACKED must be set to at least {-(-size // _MIB)} (MiB)"
        )


def read_unpacked(stream: Readable, packed: int, what: str = "it") -> bytes:
    """All that a decompressing stream holds.

    Args:
        stream: of a gzip file, of a member of an archive, …
        packed: bytes of the file that it unpacks.
        what: subject of the message.

    Raises:
        ValueError: it unpacks to more than :func:`most_bytes`.

    Example:
        >>> import gzip, io
        >>> data = gzip.compress(b"abc")
        >>> read_unpacked(gzip.GzipFile(fileobj=io.BytesIO(data)), len(data))
        b'abc'
    """
    pieces, size = [], 0
    while piece := stream.read(_MIB):
        pieces.append(piece)
        size += len(piece)
        check_unpacked(size, packed, what)
    return b"".join(pieces)
