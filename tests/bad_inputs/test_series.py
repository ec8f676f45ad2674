"""Damaged files of series, sound and tables: the right data, or an error that names the file."""

from __future__ import annotations

import functools
import gzip
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import (
    CharacterTrajectories,
    LongCSV,
    PhysioNet2019,
    SpeechCommands,
    SpokenDigits,
    UEAArchive,
    open_dataset,
)
from ccnn_pc.datasets.formats.wav import read_wav
from ccnn_pc.datasets.series.character_trajectories import LETTERS
from tests.bad_inputs.damage import damages, right_or_clear
from tests.datasets.series.test_physionet2019 import as_text, patient
from tests.long_tables import labels_of, observations

pytestmark = pytest.mark.slow
SEEDED = 20
UNSCALED = {"variables": None, "statics": None}


def saved_npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def strokes(count: int = 160) -> dict[str, Any]:
    random = np.random.default_rng(0)
    lengths = np.full(count, 5)
    return {
        "values": random.normal(size=(5 * count, 3)).astype(np.float32),
        "length": lengths,
        "label": np.arange(count) % 20,
        "classes": list(LETTERS),
    }


def mat(**changed: Any) -> bytes:
    from scipy.io import savemat

    plain = strokes()
    mixout, key = np.empty((1, 160), dtype=object), np.empty((1, 20), dtype=object)
    for number, series in enumerate(np.split(plain["values"].astype(np.float64), 160)):
        mixout[0, number] = series.T
    key[0, :] = changed.get("key", list(LETTERS))
    file = io.BytesIO()
    labels = changed.get("labels", plain["label"] + 1)
    savemat(file, {"mixout": mixout, "consts": {"charlabels": labels, "key": key}}, do_compression=True)
    return file.getvalue()


def mat_bomb() -> bytes:
    packed = zlib.compress(bytes(600 << 20), 9)
    return mat()[:128] + struct.pack("<II", 15, len(packed)) + packed


def wav(data: bytes = struct.pack("<300h", *range(300)), form: bytes = b"", size: int | None = None) -> bytes:
    form = form or struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def rows_of_table() -> bytes:
    rows = observations()
    labels = labels_of(rows)
    lines = ["id,time,variable,value,label", *(f"{','.join(map(str, row))},{labels[row[0]]}" for row in rows)]
    return "\n".join(lines).encode() + b"\n"


TS = b"""@problemName small
@timeStamps false
@univariate false
@classLabel true left right
@data
0,1.5,2:3,-4e-1,5:left
1,2,?:3,4,5:right
2,3,4:5,6,7:left
"""
ARFF = rb"""@relation small
@attribute bag relational
@attribute t0 numeric
@attribute t1 numeric
@end bag
@attribute class {'very left', right}
@data
'0,1.5\n3,4','very left'
'1,2\n?,4',right
'2,3\n4,5','very left'
"""
PSV = as_text(patient(3)).encode()
TABLE = rows_of_table()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


DIGITS = {f"recordings/{digit}_{who}_0.wav": wav() for digit in range(3) for who in ("a", "yweweler")}


def items(data: Any) -> Any:
    """What is read, as plain arrays."""
    return [(each.x.numpy(), each.times.numpy()) for each in (data[row] for row in range(min(len(data), 5)))]


def uea(path: Path) -> Any:
    return items(UEAArchive(path, None, normalize="none", form="irregular", cache=path.parent / "cache"))


def table(path: Path) -> Any:
    return items(LongCSV(path, None, normalize="none", cache=path.parent / "cache"))


def letters(path: Path) -> Any:
    return items(CharacterTrajectories(path, None, normalize="none", form="irregular"))


def sepsis(path: Path) -> Any:
    cache = path.parent / "cache"
    return items(PhysioNet2019(path, None, labelled=False, scaling=UNSCALED, form="irregular", cache=cache))


def digits(path: Path) -> Any:
    return items(SpokenDigits(path, None, normalize="none", form="irregular"))


Reader = Callable[[Path], Any]
#: Name of a file, its valid content, and what reads it.
READERS: dict[str, tuple[bytes, Reader]] = {
    "a.wav": (wav(), lambda path: read_wav(path.read_bytes(), str(path))[0]),
    "p.psv": (PSV, sepsis),
    "training_setA.zip": (zipped({"p1.psv": PSV, "p2.psv": PSV}), sepsis),
    "fsdd.zip": (zipped(DIGITS), digits),
    "own.ts": (TS, uea),
    "own.ts.gz": (gzip.compress(TS), uea),
    "own.arff": (ARFF, uea),
    "Own_TRAIN.tsv": (b"1\t0.5\t2\n-1\t2\t3\n1\t3\t4\n", uea),
    "long.csv": (TABLE, table),
    "long.csv.gz": (gzip.compress(TABLE), table),
    "character_trajectories.npz": (saved_npz(**strokes()), letters),
    "mixoutALL_shifted.mat": (mat(), letters),
}


@pytest.mark.parametrize("name", READERS)
def test_valid(name: str, tmp_path: Path) -> None:
    content, read = READERS[name]
    (tmp_path / name).write_bytes(content)
    assert len(read(tmp_path / name)) > 0


@pytest.mark.parametrize("seed", range(SEEDED))
@pytest.mark.parametrize("name", READERS)
def test_seeded_damage(name: str, seed: int, tmp_path: Path) -> None:
    content, read = READERS[name]
    for _, damaged in damages(content, seed, 2):
        (tmp_path / name).write_bytes(damaged)
        right_or_clear(lambda: read(tmp_path / name), name)


@functools.cache
def gz_bomb() -> bytes:
    return gzip.compress(bytes(1 << 30), 9)


ARRAYS: dict[str, dict[str, Any]] = {
    "length float": {"length": np.full(160, 5.0)},
    "length empty": {"length": np.zeros(0, int)},
    "length negative": {"length": np.r_[-5, 10, np.full(158, 5)]},
    "label float": {"label": np.zeros(160)},
    "label out of range": {"label": np.full(160, 20)},
    "label negative": {"label": np.full(160, -1)},
    "values text": {"values": np.full((800, 3), "a")},
    "values nan": {"values": np.full((800, 3), np.nan)},
    "values large": {"values": np.full((800, 3), 1e39)},
    "values flat": {"values": np.zeros(800)},
    "two channels": {"values": np.zeros((800, 2))},
    "classes unknown": {"classes": list("!#?" + LETTERS[3:])},
    "classes number": {"classes": 3},
    "objects": {"values": np.array([object()] * 800)},
}
MATS: dict[str, dict[str, Any]] = {
    "label 0": {"labels": np.zeros(160)},
    "label half": {"labels": np.full(160, 1.5)},
    "label 21": {"labels": np.full(160, 21)},
    "label short": {"labels": np.ones(159)},
    "label long": {"labels": np.ones(161)},
    "letters": {"key": list("!?" + LETTERS[2:])},
}
#: Name of the damage -> file, and its content; what takes long to make is made where it is used.
NAMED: dict[str, tuple[str, bytes | Callable[[], bytes]]] = {
    "wav bits 0": ("a.wav", wav(form=struct.pack("<HHIIHH", 1, 1, 8000, 0, 0, 0))),
    "wav data huge": ("a.wav", wav(size=0x7FFFFFFF)),
    "wav float nan": (
        "a.wav",
        wav(struct.pack("<2f", 0.1, float("nan")), struct.pack("<HHIIHH", 3, 1, 8000, 32000, 4, 32)),
    ),
    "psv two in one cell": ("p.psv", PSV.replace(b"|", b" ", 60).replace(b" ", b"|", 40)),
    "psv inf": ("p.psv", PSV.replace(b"\nNaN|", b"\ninf|", 1).replace(b"|NaN|", b"|inf|", 1)),
    "psv underscore": ("p.psv", PSV.replace(b"|NaN|", b"|1_5|", 1)),
    "psv hour half": ("p.psv", PSV.replace(b"|1|0\n", b"|1.5|0\n", 1).replace(b"|2|0\n", b"|2.5|0\n", 1)),
    "psv header": ("p.psv", PSV.replace(b"HR|", b"HR|HR|", 1)),
    "psv nul": ("p.psv", PSV.replace(b"NaN", b"\0\0\0", 1)),
    "ts @ alone": ("own.ts", TS.replace(b"@univariate false", b"@")),
    "ts @ space": ("own.ts", TS.replace(b"@univariate", b"@ univariate")),
    "ts timestamps alone": ("own.ts", TS.replace(b"@timeStamps false", b"@timeStamps")),
    "ts inf": ("own.ts", TS.replace(b"1.5", b"inf")),
    "ts underscore": ("own.ts", TS.replace(b"1.5", b"1_5")),
    "ts other digits": ("own.ts", TS.replace(b"1.5", "١".encode())),
    "ts two channels of other lengths": ("own.ts", TS.replace(b"1.5,", b"")),
    "ts class unknown": ("own.ts", TS.replace(b":right", b":wrong")),
    "ts class nan": ("own.ts", TS.replace(b" left right", b"").replace(b":right", b":NaN")),
    "ts regression": ("own.ts", TS.replace(b"@classLabel true left right", b"@targetLabel true")),
    "ts no data": ("own.ts", TS[: TS.index(b"@data") + 6]),
    "ts nul": ("own.ts", TS.replace(b"1.5", b"1\0005")),
    "ts.gz bomb": ("own.ts.gz", gz_bomb),
    "ts.gz cut": ("own.ts.gz", gzip.compress(TS)[:-9]),
    "ts.gz no gzip": ("own.ts.gz", TS),
    "arff open quote": ("own.arff", ARFF.replace(b"3,4',", b"3,4,")),
    "arff two classes": ("own.arff", ARFF.replace(b"@end bag", b"@end bag\n@attribute other {a, b}")),
    "arff three entries": ("own.arff", ARFF.replace(b",right\n", b",right,1\n")),
    "arff sparse": ("own.arff", ARFF.replace(b"'1,2\\n?,4',right", b"{0 1, 2 right}")),
    "tsv class half": ("Own_TRAIN.tsv", b"0.5\t0.5\t2\n"),
    "tsv empty cell": ("Own_TRAIN.tsv", b"1\t0.5\t\t2\n"),
    "long underscore": ("long.csv", TABLE.replace(b"pulse,", b"pulse,1_", 1)),
    "long time underscore": ("long.csv", TABLE.replace(b"s00,", b"s00,2019_11", 1)),
    "long wide": ("long.csv", TABLE.replace(b"variable,value", b"pulse,temp", 1)),
    "long utf-16": ("long.csv", TABLE.decode().encode("utf-16")),
    "long nul": ("long.csv", TABLE.replace(b"pulse,", b"pulse,\0", 1)),
    "long huge header": ("long.csv", b"i" * 3_000_000 + b"\n"),
    "long.gz bomb": ("long.csv.gz", gz_bomb),
    "long.gz cut": ("long.csv.gz", gzip.compress(TABLE)[:-20]),
    **{
        f"npz {name}": ("character_trajectories.npz", saved_npz(**{**strokes(), **changed}))
        for name, changed in ARRAYS.items()
    },
    "npz without label": (
        "character_trajectories.npz",
        saved_npz(**{key: value for key, value in strokes().items() if key != "label"}),
    ),
    "npz bomb": (
        "character_trajectories.npz",
        lambda: zipped({f"{key}.npy": bytes(1 << 29) for key in ("values", "length", "label")}),
    ),
    **{f"mat {name}": ("mixoutALL_shifted.mat", mat(**changed)) for name, changed in MATS.items()},
    "mat bomb": ("mixoutALL_shifted.mat", mat_bomb),
    "zip no archive": ("fsdd.zip", b"PK\3\4 no archive"),
}


@pytest.mark.parametrize("case", NAMED)
def test_named_damage(case: str, tmp_path: Path) -> None:
    name, content = NAMED[case]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content())
    right_or_clear(lambda: READERS[name][1](tmp_path / name), name, must_fail=True)


def encrypted(archive: bytes) -> bytes:
    """The flags of all members say that they are."""
    damaged = bytearray(archive)
    for mark, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        start = damaged.find(mark)
        while start >= 0:
            damaged[start + place] |= 1
            start = damaged.find(mark, start + 4)
    return bytes(damaged)


def other_method(archive: bytes) -> bytes:
    damaged = bytearray(archive)
    for mark, place in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
        start = damaged.find(mark)
        while start >= 0:
            damaged[start + place] = 99
            start = damaged.find(mark, start + 4)
    return bytes(damaged)


@pytest.mark.parametrize("damage", [encrypted, other_method])
@pytest.mark.parametrize("name", ["fsdd.zip", "training_setA.zip"])
def test_members_that_cannot_be_unpacked(name: str, damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    content, read = READERS[name]
    (tmp_path / name).write_bytes(damage(content))
    right_or_clear(lambda: read(tmp_path / name), name, must_fail=True)


def test_one_bad_member_or_file_leaves_the_others(tmp_path: Path) -> None:
    members = {**DIGITS, "recordings/9_a_1.wav": wav()[:50]}
    (tmp_path / "fsdd.zip").write_bytes(zipped(members))
    with pytest.warns(UserWarning, match=r"1 of 7 files .*9_a_1\.wav"):
        assert len(SpokenDigits(tmp_path, None, normalize="none")) == 6
    bomb = zipped({**DIGITS, "recordings/9_a_1.wav": bytes(300 << 20)})
    (tmp_path / "fsdd.zip").write_bytes(bomb)
    with pytest.warns(UserWarning, match=r"1 of 7 files .*9_a_1\.wav' announces or unpacks to"):
        assert len(SpokenDigits(tmp_path, None, normalize="none")) == 6
    words = tmp_path / "words"
    for word in ("yes", "no"):
        (words / word).mkdir(parents=True)
        for number in range(6):
            clip = wav(bytes(32_000), struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16))
            (words / word / f"{number}.wav").write_bytes(clip)
    os.mkfifo(words / "no" / "pipe.wav")
    os.symlink("nowhere", words / "no" / "link.wav")
    (words / "yes" / "folder.wav").mkdir()

    def read() -> Any:
        data = SpeechCommands(words, None, words=["yes", "no"], normalize="none", cache=tmp_path / "cache")
        return len(data), sorted(Path(name).name for name, _ in data.broken)

    right_or_clear(read, "words", lambda got: got == (12, ["folder.wav", "link.wav", "pipe.wav"]))


def test_devices_and_folders(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.ts")
    (tmp_path / "b.ts").mkdir()
    for path in ("/proc/self/mem", str(tmp_path / "a.ts"), str(tmp_path / "b.ts"), str(tmp_path / "none.ts")):
        right_or_clear(lambda path=path: uea(Path(path)), path, must_fail=True)  # type: ignore[misc]
        right_or_clear(lambda path=path: len(open_dataset(path)), path, must_fail=True)  # type: ignore[misc]
