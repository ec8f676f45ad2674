"""Sound files as they are written: every depth, sizes that nobody knew, parts before and after the samples."""

from __future__ import annotations

import io
import struct
import wave
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets.formats.wav import read_wav

VALUES = [0, 1, -1, 300, 32767, -32768]
UNKNOWN = 0xFFFFFFFF


def form(code: int = 1, bits: int = 16, channels: int = 1, order: str = "<", extra: bytes = b"") -> bytes:
    block = bits // 8 * channels
    return struct.pack(f"{order}HHIIHH", code, channels, 8000, 8000 * block, block, bits) + extra


def part(name: bytes, data: bytes, size: int | None = None, order: str = "<") -> bytes:
    padding = b"\0" if len(data) % 2 and size is None else b""
    return name + struct.pack(f"{order}I", len(data) if size is None else size) + data + padding


def riff(*parts: bytes, size: int | None = None, head: bytes = b"RIFF", order: str = "<") -> bytes:
    body = b"WAVE" + b"".join(parts)
    return head + struct.pack(f"{order}I", len(body) if size is None else size) + body


def packed(values: Any, kind: str) -> bytes:
    return np.array(values, dtype=kind).tobytes()


RAW = packed(VALUES, "<i2")
GOOD = riff(part(b"fmt ", form()), part(b"data", RAW))


def test_as_python_writes_them() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(RAW)
    samples, rate = read_wav(file.getvalue(), "a.wav")
    assert samples.tolist() == VALUES and samples.dtype == np.int16 and rate == 8000
    assert read_wav(GOOD, "a.wav")[0].tolist() == VALUES


def test_depths() -> None:
    def read(code: int, bits: int, raw: bytes, extra: bytes = b"") -> list[int]:
        return read_wav(riff(part(b"fmt ", form(code, bits, extra=extra)), part(b"data", raw)), "a.wav")[
            0
        ].tolist()

    assert read(1, 8, bytes([0, 128, 255, 129])) == [-32768, 0, 32512, 256]
    three = b"".join((v * 256 + 200).to_bytes(3, "little", signed=True) for v in VALUES)
    assert read(1, 24, three) == VALUES
    assert read(1, 32, packed([v * 65536 + 40000 for v in VALUES], "<i4")) == VALUES
    for bits in (32, 64):
        assert read(3, bits, packed([0, 0.5, -1, 1, 3.4 / 32768], f"<f{bits // 8}")) == [
            0,
            16384,
            -32768,
            32767,
            3,
        ]
    guid = bytes.fromhex("0000 1000 8000 00aa 0038 9b71".replace(" ", ""))
    for code, bits, raw, want in (
        (1, 16, RAW, VALUES),
        (1, 24, three, VALUES),
        (3, 32, packed([-0.5], "<f4"), [-16384]),
    ):
        extra = struct.pack("<HHIHH", 22, bits, 4, code, 0) + guid
        assert read(0xFFFE, bits, raw, extra) == want
    big = riff(
        part(b"fmt ", form(order=">"), order=">"),
        part(b"data", packed(VALUES, ">i2"), order=">"),
        head=b"RIFX",
        order=">",
    )
    assert read_wav(big, "a.wav")[0].tolist() == VALUES


@pytest.mark.parametrize("whole", [None, 0, UNKNOWN, 36])
@pytest.mark.parametrize("size", [0, UNKNOWN])
def test_sizes_of_files_written_to_a_pipe(whole: int | None, size: int) -> None:
    note = part(b"LIST", b"INFOISFT\x05\0\0\0made\0")
    for before in (b"", note):
        streamed = riff(part(b"fmt ", form()), before, part(b"data", RAW, size), size=whole)
        assert read_wav(streamed, "a.wav")[0].tolist() == VALUES


def test_parts_of_odd_size_and_behind_the_samples() -> None:
    odd = part(b"odd ", b"abc")
    for parts in ((odd, part(b"fmt ", form()), odd), (part(b"fmt ", form()), odd[:-1])):  # padded, and not
        assert read_wav(riff(*parts, part(b"data", RAW), odd), "a.wav")[0].tolist() == VALUES
    assert read_wav(GOOD + b"trailing", "a.wav")[0].tolist() == VALUES
    odd_samples = riff(part(b"fmt ", form(bits=8)), part(b"data", bytes([128, 129, 130])), odd)
    assert read_wav(odd_samples, "a.wav")[0].tolist() == [0, 256, 512]
    sizes = part(b"ds64", struct.pack("<QQQ", 100, len(RAW), 6))
    long = riff(sizes, part(b"fmt ", form()), part(b"data", RAW, UNKNOWN), odd, size=UNKNOWN, head=b"RF64")
    assert read_wav(long, "a.wav")[0].tolist() == VALUES


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "first bytes"),
        (b"RIFFxxxxAVI ", "first bytes"),
        (GOOD[:30], "cut off"),
        (GOOD[:-3], "12 bytes of samples and has 9: it is cut off"),
        (riff(part(b"fmt ", form()), part(b"data", RAW, 0x7FFFFFFF)), "cut off"),
        (riff(part(b"data", RAW)), "before their format"),
        (riff(part(b"fmt ", form())), "no part 'data'"),
        (riff(part(b"fmt ", form()), part(b"data", b"")), "at least one sample"),
        (riff(part(b"fmt ", form()), part(b"data", b""), part(b"LIST", b"INFO")), "at least one sample"),
        (riff(part(b"fmt ", form(channels=2)), part(b"data", RAW)), r"one channel \(got 2\)"),
        (riff(part(b"fmt ", form(channels=0)), part(b"data", RAW)), "contradicts"),
        (riff(part(b"fmt ", form(bits=0)), part(b"data", RAW)), "got 0 bits"),
        (riff(part(b"fmt ", form(code=7, bits=8)), part(b"data", RAW)), r"not compressed \(got 7\)"),
        (riff(part(b"fmt ", form(bits=64)), part(b"data", RAW)), "64 bits"),
        (riff(part(b"fmt ", form()), part(b"data", RAW[:5])), "middle of a sample"),
        (riff(part(b"fmt ", form(3, 32)), part(b"data", packed([np.nan], "<f4"))), "must be numbers in"),
        (riff(part(b"fmt ", form(3, 32)), part(b"data", packed([300.0], "<f4"))), "must be numbers in"),
    ],
)
def test_refused(data: bytes, match: str) -> None:
    with pytest.raises(ValueError, match=rf"'a\.wav'.*{match}"):
        read_wav(data, "a.wav")


@pytest.mark.parametrize("kind", ["smooth", "noise", "of 8 bits", "of 10 bits", "quiet", "high", "clipped"])
def test_swapped_bytes_are_told_from_noise(kind: str) -> None:
    """Only what is smooth the other way round is refused, and no other sound is."""
    rng = np.random.default_rng(0)
    noise, time = rng.normal(size=4000), np.arange(4000)
    values = {
        "smooth": 9000 * np.sin(0.1 * time) + 100 * noise,
        "noise": 6000 * noise,
        "of 8 bits": 256 * np.rint(20 * noise),
        "of 10 bits": 64 * np.rint(80 * noise),
        "quiet": np.rint(noise),
        "high": 9000 * np.sin(3.0 * time),
        "clipped": 40000 * noise,
    }[kind]
    samples = np.clip(np.rint(values), -32768, 32767).astype("<i2")
    found, _ = read_wav(riff(part(b"fmt ", form()), part(b"data", samples.tobytes())), "a.wav")
    assert np.array_equal(found, samples)
    if kind == "smooth":
        with pytest.raises(
            ValueError, match="'a.wav' cannot be read as wav.*the two bytes of each are swapped"
        ):
            read_wav(riff(part(b"fmt ", form()), part(b"data", samples.byteswap().tobytes())), "a.wav")
