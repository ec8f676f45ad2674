"""Whether a sound file is whole: its header says how long it is, and libraries read what is there."""

from __future__ import annotations

import struct

#: Bytes of the first frame of an MP3 that its header stands in; of a whole file so much of what is announced may miss.
_HEAD, _MISSING = 64, 0.02
_UNKNOWN = 0xFFFFFFFF


def check_whole(content: bytes) -> None:
    """AIFF, AU, MP3 and Ogg must hold as many bytes as their headers announce; others are checked by their readers.

    Raises:
        ValueError: they hold fewer.

    Example:
        >>> check_whole(b".snd" + struct.pack(">5I", 24, 4, 3, 8000, 1) + b"1234")
        >>> check_whole(b".snd" + struct.pack(">5I", 24, 9, 3, 8000, 1) + b"1234")
        Traceback (most recent call last):
        ...
        ValueError: it announces 33 bytes and has 28: it is cut off
    """
    announced = 0
    if content[:4] == b"FORM" and content[8:12] in (b"AIFF", b"AIFC") and len(content) >= 12:
        announced = 8 + struct.unpack_from(">I", content, 4)[0]
    elif content[:4] == b".snd" and len(content) >= 24:
        start, size = struct.unpack_from(">2I", content, 4)
        announced = 0 if size == _UNKNOWN else start + size
    elif content[:4] == b"OggS":
        announced = _ogg_bytes(content)
    elif content[:3] == b"ID3" or content[:1] == b"\xff":
        start, size = _mp3_bytes(content)
        announced = int(start + (1 - _MISSING) * size)
    if announced - 8 != _UNKNOWN and announced > len(content) + (content[:4] == b"FORM"):  # a byte of padding
        raise ValueError(f"it announces {announced} bytes and has {len(content)}: it is cut off")


def _ogg_bytes(content: bytes) -> int:
    """Where the last page of an Ogg file ends."""
    place = 0
    while content[place : place + 4] == b"OggS":
        if place + 27 > len(content):
            return place + 27
        segments = content[place + 26]
        sizes = content[place + 27 : place + 27 + segments]
        place += 27 + segments + sum(sizes)
    return place


def _mp3_bytes(content: bytes) -> tuple[int, int]:
    """Where the first frame of an MP3 begins, and how many bytes its header (Xing, Info) announces; 0: it does not."""
    start = 0
    if content[:3] == b"ID3" and len(content) >= 10:
        high, upper, lower, low = content[6:10]
        start = 10 + (high << 21 | upper << 14 | lower << 7 | low)
    head = content[start : start + _HEAD]
    places = [place for place in (head.find(b"Xing"), head.find(b"Info")) if place >= 0]
    if not places or len(head) < min(places) + 16:
        return start, 0
    place = min(places)
    flags = struct.unpack_from(">I", head, place + 4)[0]
    if not flags & 2:
        return start, 0
    return start, int(struct.unpack_from(">I", head, place + 8 + 4 * (flags & 1))[0])
