"""Spoken digits of a speaker not heard before: sound and coefficients, also at half rate; ``results/fsdd.csv``.

    python -m scripts.studies.speech path/to/fsdd --runs runs/study_speech
    python -m scripts.tables.update

Half rate is every second sample of the sound, or every second frame of coefficients (which need torchaudio).
Interrupted, the same command goes on; a training that has finished is not repeated.
"""

from __future__ import annotations

from scripts import RESULTS
from scripts.studies.harness import Setting, Test, main

HALF = (Test("rate 1/2", ("data.test_every=2",)),)
SETTINGS = [
    Setting("raw", ("experiment=fsdd_tiny",), "rate 1", HALF),
    Setting("mfcc", ("experiment=fsdd_mfcc_tiny",), "rate 1", HALF),
]

if __name__ == "__main__":
    raise SystemExit(main(SETTINGS, about=__doc__, results=RESULTS / "fsdd.csv"))
