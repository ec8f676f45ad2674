"""Speech Commands: one word a second, raw or as MFCC."""

from __future__ import annotations

import enum
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.broken import DataWarning, warn_broken
from ccnn_pc.datasets.common.cache import fingerprint
from ccnn_pc.datasets.common.folders import visible
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.packed import read_file
from ccnn_pc.datasets.formats.wav import read_wav_at, warn_of_slow
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.datasets.series.dataset import SeriesDataset
from ccnn_pc.datasets.series.mfcc import mfcc_of_samples
from ccnn_pc.datasets.series.stored import StoredSeries, cached_series, rows_of_split

#: The task of the papers, in the order of their labels.
WORDS_10 = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
#: All words of version 0.02, by name.
WORDS_35 = (
    *("backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward", "four", "go"),
    *("happy", "house", "learn", "left", "marvin", "nine", "no", "off", "on", "one", "right", "seven"),
    *("sheila", "six", "stop", "three", "tree", "two", "up", "visual", "wow", "yes", "zero"),
)
LENGTH = 16_000
_FOLDERS = ("", "SpeechCommands/speech_commands_v0.02", "speech_commands_v0.02", "speech_commands")


class SpeechFeatures(enum.Enum):
    """RAW: samples in [-1, 1], ``[1, 16000]``. MFCC: 20 coefficients, ``[20, 161]`` (needs torchaudio)."""

    RAW = "raw"
    MFCC = "mfcc"


class SpeechSplit(enum.Enum):
    """PUBLISHED: 70/15/15, stratified. OFFICIAL: ``validation_list.txt`` and ``testing_list.txt``, apart by speaker."""

    PUBLISHED = "published"
    OFFICIAL = "official"


@register_dataset("speech_commands")
class SpeechCommands(SeriesDataset):
    """Speech Commands v0.02 (Warden, arXiv 1804.03209), 16 kHz: ten words (34,975 whole clips) or all 35.

    Clips that do not have exactly 16,000 samples are left out, as published; those of other rates are brought to 16 kHz
    before. The papers' split is
    :func:`published_rows`; they take clips in the order in which the folders list them, here in the order of words and
    file names, so it is a draw of the same kind, not the same draw.

    Args:
        root: folder with one folder of ``.wav`` files per word.
        split: TRAIN, VAL, TEST; None: all.
        words: 10 (default), 35, or names of your own, in the order of the labels.
        features: raw (default) or mfcc.
        split_rule: published (default) or official.
        padded: keep shorter clips, with silence behind them (default False).
        cache: folder of processed data (None: the default cache); ten words take 1.1 GB.
        options: form, normalize (default "channel"; "step" is what the released code computes), drop, drop_seed,
            spacing, transform, pre_transform, seed: see :class:`SeriesDataset`.

    Attributes:
        broken: files that could not be read, with the reason.

    Raises:
        FileNotFoundError: a word has no folder, or no file.
        ImportError: mfcc without torchaudio.
        ValueError: an unknown option, or no clip that can be read.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str | None = Split.TRAIN,
        *,
        words: int | Sequence[str] = 10,
        features: SpeechFeatures | str = SpeechFeatures.RAW,
        split_rule: SpeechSplit | str = SpeechSplit.PUBLISHED,
        padded: bool = False,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        names = _names(words)
        features, rule = (
            choice("features", features, SpeechFeatures),
            choice("split_rule", split_rule, SpeechSplit),
        )
        folder = find_speech_commands(root, names)
        files = [path for name in names for path in visible((folder / name).glob("*.wav"), folder)]
        settings = {
            "version": 3, "features": features.value, "padded": padded, "words": names, "files": fingerprint(files)
        }  # fmt: skip
        stored = cached_series(
            cache, "speech-commands", settings, lambda: _read(files, names, features, padded)
        )
        warn_broken(stored.broken, len(files), folder)
        split = None if split is None else choice("split", split, Split)
        if rule is SpeechSplit.OFFICIAL:
            rows, training = (_official(folder, stored, part) for part in (split, Split.TRAIN))
        else:
            rows, training = (rows_of_split(folder, stored, part) for part in (split, Split.TRAIN))
        super().__init__(stored, rows, training, **options)


def _names(words: int | Sequence[str]) -> list[str]:
    if isinstance(words, int):
        if words not in (10, 35):
            raise ValueError(f"'words' must be 10, 35 or a list of names (got {words})")
        return list(WORDS_10 if words == 10 else WORDS_35)
    names = [str(word) for word in words]
    if len(set(names)) != len(names) or len(names) < 2:
        raise ValueError(f"'words' must be at least two different names (got {names})")
    return names


def find_speech_commands(root: str | os.PathLike[str], words: Sequence[str] = WORDS_10) -> Path:
    """The folder that has a folder for each word.

    Raises:
        FileNotFoundError: there is none; the message says how to get the data.
    """
    for folder in (Path(root) / name for name in _FOLDERS):
        if all((folder / word).is_dir() for word in words):
            return folder
    missing = [word for word in words if not (Path(root) / word).is_dir()]
    raise FileNotFoundError(
        f"'root' must hold a folder of .wav files per word (no {', '.join(missing[:5])} at '{root}').\n"
        "Get by hand and unpack: http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz"
    )


def _read(
    files: Sequence[Path], words: Sequence[str], features: SpeechFeatures, padded: bool
) -> StoredSeries:
    samples = np.zeros((len(files), LENGTH), dtype=np.int16)
    kept: list[Path] = []
    broken, other = [], 0
    rates: list[int] = []
    for path in files:
        try:
            clip, rate = read_wav_at(read_file(path), str(path), LENGTH)
            rates.append(rate)
        except (ValueError, OSError) as error:
            broken.append((str(path), str(error)))
            continue
        if len(clip) == LENGTH or (padded and len(clip) < LENGTH):
            samples[len(kept), : len(clip)] = clip
            samples[len(kept), len(clip) :] = 0
            kept.append(path)
        else:
            other += 1
    if not kept:
        reason = broken[0][1] if broken else f"{other} clips of another length than {LENGTH} samples"
        raise ValueError(f"'root' must hold clips that can be read (got {len(files)} files, none; {reason})")
    warn_of_slow(rates, LENGTH)
    if padded and other:
        warnings.warn(f"{other} clips of more than {LENGTH} samples are left out", DataWarning, stacklevel=2)
    samples = samples[: len(kept)]
    values = samples[..., None] if features is SpeechFeatures.RAW else mfcc_of_samples(samples)
    label = [words.index(path.parent.name) for path in kept]
    return StoredSeries(
        values=values.reshape(-1, values.shape[2]),
        offset=np.arange(len(kept) + 1, dtype=np.int64) * values.shape[1],
        label=np.array(label, dtype=np.int64),
        classes=list(words),
        name=[f"{path.parent.name}/{path.name}" for path in kept],
        broken=broken,
    )


def _official(folder: Path, stored: StoredSeries, split: Split | None) -> np.ndarray:
    part = np.zeros(len(stored), dtype=int)
    for number, name in ((1, "validation_list.txt"), (2, "testing_list.txt")):
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(f"'split_rule' official needs '{path}', which comes with the data set")
        listed = set(path.read_text(encoding="utf-8").split())
        part[[str(clip) in listed for clip in (() if stored.name is None else stored.name)]] = number
    return np.arange(len(part)) if split is None else np.flatnonzero(part == list(Split).index(split))
