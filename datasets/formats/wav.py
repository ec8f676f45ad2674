"""Sound: ``.wav`` files, read here because scipy stumbles over sizes that nobody knew when writing."""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ccnn_pc.datasets.common.broken import DataWarning

#: First bytes of a file → byte order; RF64 and BW64 have sizes of 64 bits in a chunk of their own.
_ORDERS = {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">"}
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
#: Samples that bytes are compared in, and how many of them there must be.
_HEARD, _FEWEST = 1 << 16, 256
#: Bytes behind the samples that may be anything.
_BESIDE = 1024
#: What stands in place of a size by those who write to a pipe.
_UNKNOWN = 0xFFFFFFFF


@dataclass(frozen=True)
class _Form:
    """What the chunk ``fmt`` says."""

    code: int
    channels: int
    rate: int
    bytes_per_sample: int


def read_wav(content: bytes, name: str) -> tuple[np.ndarray, int]:
    """Samples int16 ``[n]`` and samples per second of a file of one channel.

    Whole numbers of 8, 16, 24 or 32 bits: the upper 16 of them (8 bits: ``256 · (v - 128)``). Floating-point numbers
    in [-1, 1]: ``32768 v``, rounded, at most 32767. Samples of a file that was written to a pipe (its size is 0 or
    0xFFFFFFFF) go on to its end.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        ValueError: another format, several channels, no sample, NaN, damaged or cut off.

    Example:
        >>> form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
        >>> data = struct.pack("<4sIhh", b"data", 4, 100, -3)
        >>> samples, rate = read_wav(struct.pack("<4sI4s", b"RIFF", 40, b"WAVE") + form + data, "a.wav")
        >>> samples.tolist(), rate
        ([100, -3], 8000)
    """
    samples, rate = read_wav_channels(content, name)
    if samples.shape[1] != 1:
        raise ValueError(
            f"'{name}' cannot be read as wav: it must have one channel (got {samples.shape[1]}): take one, or their "
            "mean"
        )
    return samples[:, 0], rate


def read_wav_channels(content: bytes, name: str) -> tuple[np.ndarray, int]:
    """Samples int16 ``[n, channels]`` and samples per second; else as :func:`read_wav`."""
    return read_wav_parts(content, name)[:2]


def read_wav_parts(content: bytes, name: str) -> tuple[np.ndarray, int, int]:
    """Samples int16 ``[n, channels]``, samples per second, and bits of a sample in the file.

    Raises:
        ValueError: another format, no sample, NaN, damaged or cut off.
    """
    try:
        order, form, raw = _parts(content)
        samples = _samples(order, form, raw)
        _check_order(samples[:: form.channels])
        if len(samples) % form.channels:
            raise ValueError(f"it ends in the middle of a sample of {form.channels} channels: it is cut off")
    except (ValueError, struct.error) as error:
        raise ValueError(f"'{name}' cannot be read as wav: {error}; copy it again or convert it") from error
    if not len(samples):
        raise ValueError(f"'{name}' must hold at least one sample (got none)")
    return samples.reshape(-1, form.channels), form.rate, 8 * form.bytes_per_sample


def read_wav_at(content: bytes, name: str, rate: int) -> tuple[np.ndarray, int]:
    """The samples of :func:`read_wav` at ``rate`` samples per second, and how many the file has.

    Another rate is brought to it by a band-limited filter (:func:`scipy.signal.resample_poly`): nothing above half of
    the smaller rate is left.

    Raises:
        ValueError: what :func:`read_wav` refuses, or a file of less than a ninth of ``rate``.
    """
    samples, own = read_wav(content, name)
    if own == rate:
        return samples, own
    if own * 9 < rate:
        raise ValueError(
            f"'{name}' must have about {rate} samples per second (got {own}): what is heard there is not in it; is its "
            "header wrong?"
        )
    from scipy.signal import resample_poly  # a second to load, and seldom wanted

    common = math.gcd(own, rate)
    heard = resample_poly(samples.astype(np.float64), rate // common, own // common)
    return np.clip(np.rint(heard), -32768, 32767).astype(np.int16), own


def warn_of_slow(rates: Sequence[int], rate: int) -> None:
    """Warn of recordings with fewer samples per second than are read."""
    slow = [own for own in rates if own < rate]
    if slow:
        warnings.warn(
            f"{len(slow)} of {len(rates)} recordings have {min(slow)} samples per second where {rate} are read: "
            f"nothing above {min(slow) // 2} Hz is in them; record at {rate}, or train on such recordings too",
            DataWarning,
            stacklevel=3,
        )


def _parts(content: bytes) -> tuple[str, _Form, bytes]:
    """Byte order, form, and bytes of the samples."""
    order = _ORDERS.get(content[:4])
    if order is None or content[8:12] != b"WAVE":
        raise ValueError("its first bytes must be RIFF, a size and WAVE")
    form, long_size = None, None
    for key, start, size in _chunks(content, order):
        left = len(content) - start
        if key == b"data":
            if form is None:
                raise ValueError("its samples come before their format")
            if size == _UNKNOWN and long_size is not None:
                size = long_size
            elif size == _UNKNOWN or (size == 0 and not _is_chunk(content, start, order)):
                size = left
            if size > left:
                raise ValueError(f"it announces {size} bytes of samples and has {left}: it is cut off")
            _check_rest(content, start + size, size, order)
            return order, form, content[start : start + size]
        if size > left:
            raise ValueError(f"its part {key!r} is cut off")
        if key == b"fmt ":
            form = _form(content[start : start + size], order)
        elif key == b"ds64":
            long_size = struct.unpack_from("<Q", content, start + 8)[0]
    raise ValueError("it has no samples: it is cut off" if form is None else "it has no part 'data'")


def _check_rest(content: bytes, end: int, size: int, order: str) -> None:
    """Behind the samples stand other parts, or next to nothing: a recorder that was stopped wrote too small a size.

    Raises:
        ValueError: more than a tenth of the samples follows, and is no part.
    """
    rest = content[end:]
    parts = any(_is_chunk(content, place, order) for place in (end, end + end % 2))
    if not parts and len(rest) > max(size // 10, _BESIDE) and rest.strip(b"\0"):
        raise ValueError(
            f"it announces {size} bytes of samples, and {len(rest)} more follow that belong to no part: its header is "
            "wrong, as where a recorder was stopped"
        )


def _check_order(samples: np.ndarray) -> None:
    """Where the two bytes of samples are swapped, the upper ones are noise and the lower ones are not.

    Lower ones that are all alike are those of samples of 8 bits.

    Raises:
        ValueError: they are, and the samples are smoother the other way round.
    """
    some = np.ascontiguousarray(samples[:_HEARD], dtype="<i2")
    if len(some) < _FEWEST or (rough := _roughness(some)) < 0.9:
        return
    lower, upper = (_entropy(each) for each in some.view(np.uint8).reshape(-1, 2).T)
    if lower > 0.5 and upper - lower > 1 and _roughness(some.byteswap()) < 0.75 * rough:
        raise ValueError(
            "its samples are noise, and sound where the two bytes of each are swapped: they stand in the wrong order; "
            "in RIFF the low byte comes first"
        )


def _roughness(samples: np.ndarray) -> float:
    """Mean step from sample to sample over the mean size: 4/3 in white noise, less in what is smooth."""
    values = samples - samples.mean(dtype=np.float64)
    size = float(np.abs(values).mean())
    return float(np.abs(np.diff(values)).mean()) / size if size > 0 else 0.0


def _entropy(values: np.ndarray) -> float:
    """Bits that a byte holds."""
    share = np.bincount(values, minlength=256) / len(values)
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


def _chunks(content: bytes, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of each part; a byte of padding follows odd sizes, which some writers forget."""
    place = 12
    while place + 8 <= len(content):
        key, size = struct.unpack_from(f"{order}4sI", content, place)
        yield key, place + 8, size
        place += 8 + size
        place += size % 2 and content[place : place + 4] not in (b"fmt ", b"data")


def _is_chunk(content: bytes, place: int, order: str) -> bool:
    """Whether a part, or nothing, begins there: then the one before it is truly empty."""
    if place >= len(content):
        return True
    if place + 8 > len(content):
        return False
    key, size = struct.unpack_from(f"{order}4sI", content, place)
    return key.isascii() and key.decode().isprintable() and place + 8 + size <= len(content)


def _form(chunk: bytes, order: str) -> _Form:
    code, channels, rate, _, block, bits = struct.unpack_from(f"{order}HHIIHH", chunk)
    if code == _EXTENSIBLE:
        code = struct.unpack_from(f"{order}H", chunk, 24)[0]
    if code not in (_PCM, _FLOAT):
        raise ValueError(
            f"its samples must be PCM (1) or floating-point numbers (3), not compressed (got {code})"
        )
    width = block // max(channels, 1)
    if channels < 1 or rate < 1 or block != width * channels or not 8 * (width - 1) < bits <= 8 * width:
        raise ValueError(f"its format contradicts itself ({channels} channels, {block} bytes, {bits} bits)")
    return _Form(code, channels, rate, width)


def _samples(order: str, form: _Form, raw: bytes) -> np.ndarray:
    width = form.bytes_per_sample
    if width not in ((1, 2, 3, 4) if form.code == _PCM else (4, 8)):
        raise ValueError(
            f"its samples must have 8, 16, 24 or 32 bits, or be float32 or float64 (got {8 * width} bits)"
        )
    if len(raw) % width:
        raise ValueError(
            f"it ends in the middle of a sample ({len(raw)} bytes of {width} each): it is cut off"
        )
    if form.code == _FLOAT:
        values = np.frombuffer(raw, f"{order}f{width}").astype(np.float64)
        wrong = values[~(np.abs(values) <= 1)]
        if len(wrong):
            raise ValueError(f"its floating-point samples must be numbers in [-1, 1] (got {wrong[0]:g})")
        return np.minimum(np.rint(32768 * values), 32767).astype(np.int16)
    if width == 1:
        return (np.frombuffer(raw, np.uint8).astype(np.int16) - 128) * 256
    upper = np.frombuffer(raw, np.uint8).reshape(-1, width)[
        :, slice(-2, None) if order == "<" else slice(0, 2)
    ]
    return np.ascontiguousarray(upper).view(f"{order}i2")[:, 0].astype(np.int16)
