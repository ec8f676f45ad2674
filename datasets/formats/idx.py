"""IDX arrays, the format of MNIST."""

from __future__ import annotations

import math

import numpy as np

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(data: bytes, name: str = "data", dim: int | None = None) -> np.ndarray:
    """Read an IDX array: two zero bytes, a type, the number of axes, big-endian sizes, then the values row by row.

    Types: 8 uint8, 9 int8, 11 int16, 12 int32, 13 float32, 14 float64.

    Args:
        data: content of the file, decompressed.
        name: of the file, for messages.
        dim: number of axes that is expected (images 3, labels 1); None: any.

    Returns:
        The array in the byte order of this machine.

    Raises:
        ValueError: another magic number, another number of axes, or not as many bytes as announced.

    Example:
        >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 6, 7])).tolist()
        [5, 6, 7]
    """
    if len(data) < 4 or data[:2] != b"\x00\x00" or data[2] not in _TYPES:
        raise ValueError(
            f"'{name}' is not an IDX file: its first bytes must be 0, 0, a type and the number of axes "
            f"(got {list(data[:4])})"
        )
    axes = data[3]
    if dim is not None and axes != dim:
        raise ValueError(f"'{name}' must hold an array of {dim} axes (got {axes}): is it another file?")
    start = 4 + 4 * axes
    if len(data) < start:
        raise ValueError(f"'{name}' is cut off in its header; copy or download it again")
    shape = [int(size) for size in np.frombuffer(data, ">u4", axes, 4)]
    dtype = np.dtype(_TYPES[data[2]])
    wanted = math.prod(shape) * dtype.itemsize
    if len(data) - start != wanted:
        raise ValueError(
            f"'{name}' must hold {wanted} bytes of values for an array {shape} (got {len(data) - start}); "
            "copy or download it again"
        )
    values = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def write_idx(array: np.ndarray) -> bytes:
    """The IDX form of an array, the inverse of :func:`read_idx`.

    Raises:
        ValueError: a type or size that IDX does not know.

    Example:
        >>> read_idx(write_idx(np.array([[1, -2]], dtype=np.int16))).tolist()
        [[1, -2]]
    """
    codes = {np.dtype(text).newbyteorder("="): code for code, text in _TYPES.items()}
    code = codes.get(array.dtype.newbyteorder("="))
    if code is None or array.ndim > 255:
        raise ValueError(f"'array' must be of one of the types of IDX (got {array.dtype}, {array.ndim} axes)")
    header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    return header + array.astype(_TYPES[code]).tobytes()
