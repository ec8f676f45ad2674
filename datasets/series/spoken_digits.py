"""Free Spoken Digit Dataset: ten digits, a few speakers, 8 kHz."""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.broken import warn_broken
from ccnn_pc.datasets.common.folders import visible
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.packed import read_file, zip_members
from ccnn_pc.datasets.formats.wav import read_wav_at, warn_of_slow
from ccnn_pc.datasets.registry import is_found, register_dataset, zip_holds
from ccnn_pc.datasets.series.dataset import Fill, SeriesDataset, SeriesForm
from ccnn_pc.datasets.series.mfcc import mfcc_of_samples
from ccnn_pc.datasets.series.speech_commands import SpeechFeatures
from ccnn_pc.datasets.series.stored import StoredSeries, join_series

RATE = 8000
_NAME = re.compile(r"([0-9])_([^_/]+)_(\d+)\.wav$")
Source = tuple[str, Callable[[], bytes]]


class DigitSplit(enum.Enum):
    """SPEAKER: whole speakers are kept for the test. INDEX: the official split, recordings 0 to 4 of each speaker."""

    SPEAKER = "speaker"
    INDEX = "index"


def _is_there(path: Path) -> bool:
    return zip_holds(path, ".wav") if path.is_file() else is_found(find_spoken_digits, path)


@register_dataset("spoken_digits", recognises=_is_there)
class SpokenDigits(SeriesDataset):
    """Spoken digits 0 to 9, ``{digit}_{speaker}_{index}.wav``, one channel, 8 kHz, 0.1 to 2.3 seconds.

    Recordings of another rate are brought to 8 kHz.

    The grid form ``[1, length]`` is silent behind the end of a recording and cut at ``length``; the irregular form has
    the samples of the recording. With the ``scaling`` of a training, recordings of other speakers alone are all of the
    test.

    Args:
        root: folder of the recordings, one that has it as ``recordings``, a zip of it, or a folder with ``fsdd.zip``.
        split: TRAIN, TEST, or VAL where ``val_speakers`` are given; None: all.
        split_by: speaker (default: no speaker is in two parts) or index.
        test_speakers: speakers of the test (default: yweweler; the others train).
        val_speakers: speakers of the validation (default none: draw it from the training part).
        length: samples of the grid (default 8000, one second).
        features: raw (default), or mfcc: 20 coefficients of the first ``length`` samples, every 100 of them, in both
            forms.
        options: form, normalize, drop, drop_seed, spacing, transform, pre_transform, seed: see :class:`SeriesDataset`.

    Attributes:
        broken: files that could not be read, with the reason.
        speakers: speaker of each recording of the whole data set.

    Raises:
        FileNotFoundError: no recording.
        ImportError: mfcc without torchaudio.
        ValueError: a speaker that is not there, a part without recordings, a damaged zip.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str | None = Split.TRAIN,
        *,
        split_by: DigitSplit | str = DigitSplit.SPEAKER,
        test_speakers: Sequence[str] = ("yweweler",),
        val_speakers: Sequence[str] = (),
        length: int | None = RATE,
        features: SpeechFeatures | str = SpeechFeatures.RAW,
        **options: Any,
    ) -> None:
        sources = find_spoken_digits(root)
        stored = _read(sources)
        warn_broken(stored.broken, len(sources), root)
        parts = [_NAME.search(f"{name}.wav") for name in stored.name] if stored.name is not None else []
        self.speakers = [found.group(2) for found in parts if found]
        indices = np.array([int(found.group(3)) for found in parts if found])
        unknown = sorted({*test_speakers, *val_speakers} - set(self.speakers))
        by_speaker = choice("split_by", split_by, DigitSplit) is DigitSplit.SPEAKER
        if options.get("scaling") is not None and not {*test_speakers} & {*self.speakers}:
            test_speakers, val_speakers, unknown = sorted({*self.speakers}), (), []
        if by_speaker and (unknown or set(test_speakers) & set(val_speakers)):
            raise ValueError(
                f"'test_speakers' and 'val_speakers' must be different ones of {sorted(set(self.speakers))} "
                f"(got {list(test_speakers)} and {list(val_speakers)})"
            )
        part = np.zeros(len(stored), dtype=int)
        if by_speaker:
            part[np.isin(self.speakers, list(val_speakers))] = 1
            part[np.isin(self.speakers, list(test_speakers))] = 2
        else:
            part[indices < 5] = 2
        split = None if split is None else choice("split", split, Split)
        rows = np.arange(len(part)) if split is None else np.flatnonzero(part == list(Split).index(split))
        if not len(rows):
            raise ValueError(
                f"'split' must have recordings (got none for {split}): give 'val_speakers', or draw validation from "
                "the training part"
            )
        self._recorded, self._cut_at = stored.lengths, length
        if SpeechFeatures(features) is SpeechFeatures.MFCC:
            stored = _coefficients(stored, int(stored.lengths.max()) if length is None else length)
            length = int(stored.lengths[0])
        super().__init__(stored, rows, np.flatnonzero(part == 0), length=length, fill=Fill.MISSING, **options)

    @property
    def item_lengths(self) -> np.ndarray:
        return self._recorded[self._rows]

    @property
    def cut_at(self) -> int | None:
        return self._cut_at if self.form is SeriesForm.GRID else None


def find_spoken_digits(root: str | os.PathLike[str]) -> list[Source]:
    """Name and content of every recording, by digit, speaker and index.

    Raises:
        FileNotFoundError: there are none.
        ValueError: a damaged zip.
    """
    root = Path(root)
    places = [root, root / "recordings", root / "fsdd.zip", root / "free-spoken-digit-dataset" / "recordings"]
    for place in places:
        found: list[Source] = []
        if place.is_file():
            found = zip_members(place, ".wav")
        elif place.is_dir():
            found = [(str(path), partial(read_file, path)) for path in visible(place.glob("*.wav"), place)]
        keyed = [(match.group(1), match.group(2), int(match.group(3)), source) for source in found
                 if (match := _NAME.search(source[0]))]  # fmt: skip
        if keyed:
            return [source for *_, source in sorted(keyed, key=lambda entry: entry[:3])]
    raise FileNotFoundError(
        f"'root' must hold recordings {{digit}}_{{speaker}}_{{index}}.wav, or fsdd.zip with them (found none at "
        f"'{root}').\nGet by hand: https://github.com/Jakobovski/free-spoken-digit-dataset"
    )


def _coefficients(stored: StoredSeries, length: int) -> StoredSeries:
    """Mel-frequency cepstral coefficients of recordings cut or, in silence, filled up to one length."""
    samples = np.zeros((len(stored), length), dtype=stored.values.dtype)
    for row in range(len(stored)):
        first, last = int(stored.offset[row]), int(stored.offset[row + 1])
        recording = stored.values[first:last, 0][:length]
        samples[row, : len(recording)] = recording
    frames = mfcc_of_samples(samples, rate=RATE)
    return join_series(
        list(frames), stored.label.tolist(), stored.classes, name=stored.name, broken=stored.broken
    )


def _read(sources: Sequence[Source]) -> StoredSeries:
    series, label, names, broken, rates = [], [], [], [], []
    for name, content in sources:
        try:
            samples, rate = read_wav_at(content(), name, RATE)
        except (ValueError, OSError) as error:
            broken.append((name, str(error)))
            continue
        rates.append(rate)
        series.append(samples[:, None])
        names.append(PurePosixPath(name.replace("\\", "/").rpartition(":")[2]).stem)
        label.append(int(names[-1][0]))
    if not series:
        raise ValueError(f"none of the {len(broken)} recordings can be read; the first: {broken[0][1]}")
    warn_of_slow(rates, RATE)
    return join_series(series, label, [str(digit) for digit in range(10)], name=names, broken=broken)
