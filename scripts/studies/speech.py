"""Spoken digits at full rate, at lower ones, with samples left out; ``results/fsdd.csv``, ``results/fsdd_rates.csv``.

    python -m scripts.studies.speech path/to/fsdd --runs runs/study_speech
    python -m scripts.studies.speech path/to/fsdd --runs runs/study_speech_rates --rates --seeds 0
    python -m scripts.tables.update

Half rate is every second sample of the sound, or every second frame of coefficients (which need torchaudio).
With ``--rates`` one network of sound is asked at 8, 4, 3 and 2 kHz and with half of its samples left out, and beside it
stand networks that were trained there; recordings are divided as the data set says (``data.split_by=index``).
Interrupted, the same command goes on; a training that has finished is not repeated.
"""

from __future__ import annotations

import sys

from scripts import RESULTS
from scripts.studies.harness import Setting, Test, main

HALF = (Test("rate 1/2", ("data.test_every=2",)),)
SETTINGS = [
    Setting("raw", ("experiment=fsdd_tiny",), "rate 1", HALF),
    Setting("mfcc", ("experiment=fsdd_mfcc_tiny",), "rate 1", HALF),
]
#: Half a second, in which nearly all recordings end: half the work of a second.
SAMPLES, EPOCHS = 4000, 4
#: Name of a rate -> distance of its samples; 3/8 lie on cubic curves through all of them.
STEPS = {"rate 1/2": 2.0, "rate 3/8": 8 / 3, "rate 1/4": 4.0}
DROPPED = 50


def trained_at(name: str, step: float) -> Setting:
    """A training at a rate: what the recordings allow there."""
    size = int((SAMPLES - 1) / step * (1 + 1e-9)) + 1
    words = (
        f"data.every={step:.16g}",
        f"data.shape=[{size}]",
        f"data.spacing={step:.16g}",
        f"model.spacing={step:.16g}",
    )
    return Setting(name.replace(" ", "_").replace("/", "_"), (*COMMON, *words), name)


COMMON = (
    "experiment=fsdd_tiny",
    "data.split_by=index",
    f"trainer.max_epochs={EPOCHS}",
    f"+data.module.train.length={SAMPLES}",
    f"+data.module.test.length={SAMPLES}",
)
WHOLE = f"data.shape=[{SAMPLES}]"
LEFT_OUT = Test("half left out", sampling=f"drop:{DROPPED}")
RATES = [
    Setting(
        "rate_1",
        (*COMMON, WHOLE),
        "rate 1",
        (*(Test(name, sampling=f"every:{step:.16g}") for name, step in STEPS.items()), LEFT_OUT),
    ),
    *(trained_at(name, step) for name, step in STEPS.items()),
    Setting(
        "half_left_out",
        (
            *COMMON,
            WHOLE,
            f"data.train_drop={DROPPED}",
            "+data.train_transform.irregular=true",
            "+data.eval_transform.irregular=true",
        ),
        "rate 1",
        (LEFT_OUT,),
    ),
]

if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if word != "--rates"]
    rates = len(given) < len(sys.argv) - 1
    table = RESULTS / ("fsdd_rates.csv" if rates else "fsdd.csv")
    raise SystemExit(main(RATES if rates else SETTINGS, about=__doc__, results=table, arguments=given))
