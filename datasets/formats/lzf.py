"""LZF decompression, the one that PCD files use."""

from __future__ import annotations


def lzf_decompress(data: bytes, size: int) -> bytearray:
    """Undo LZF.

    A control byte c < 32 announces c + 1 literal bytes. Otherwise ``(c >> 5) + 2`` bytes (7 + the next byte +
    2 if ``c >> 5`` is 7) are copied from ``((c & 31) << 8) + next byte + 1`` before the end of the output;
    source and target may overlap.

    Args:
        data: the compressed block.
        size: number of bytes that must come out.

    Raises:
        ValueError: the block is damaged or of another size.

    Example:
        >>> bytes(lzf_decompress(bytes([1, 97, 98, 0x40, 1]), 6))
        b'ababab'
    """
    out = bytearray()
    place, end = 0, len(data)
    try:
        while place < end and len(out) <= size:
            control = data[place]
            place += 1
            if control < 32:
                stop = place + control + 1
                if stop > end:
                    raise ValueError("the compressed block ends too early")
                out += data[place:stop]
                place = stop
                continue
            length = control >> 5
            if length == 7:
                length += data[place]
                place += 1
            length += 2
            start = len(out) - ((control & 31) << 8) - data[place] - 1
            place += 1
            if start < 0:
                raise ValueError("the compressed block points before its beginning")
            piece = out[start : start + length]
            while len(piece) < length:  # the copy overlaps what it writes: the pattern repeats
                piece += piece[: length - len(piece)]
            out += piece
    except IndexError as error:
        raise ValueError("the compressed block ends too early") from error
    if len(out) != size:
        more = "more than " if place < end else ""
        raise ValueError(f"the compressed block holds {more}{len(out)} bytes instead of {size}")
    return out
