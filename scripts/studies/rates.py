"""Character trajectories, trained at one rate and asked at others (CKConv, Table 5); ``results/chartraj_rates.csv``.

    python -m scripts.studies.rates path/to/character_trajectories --runs runs/study_rates
    python -m scripts.tables.update

``rate8`` is trained on every eighth sample, and so on: ``chartraj_tiny`` but for the distance of its samples.
Interrupted, the same command goes on; a training that has finished is not repeated.
"""

from __future__ import annotations

from scripts import RESULTS
from scripts.studies.harness import Setting, Test, main

SAMPLES = 182
TRAINED, ASKED = (1, 2, 4, 8), (1, 2, 4, 8, 16)


def rate(step: int) -> str:
    """The name of every ``step``-th sample."""
    return "rate 1" if step == 1 else f"rate 1/{step}"


def trained_at(step: int) -> Setting:
    """A training on every ``step``-th sample, and a test at all rates."""
    words = (
        f"data.every={step}",
        f"data.shape=[{-(-SAMPLES // step)}]",
        f"data.spacing={step}",
        f"model.spacing={step}",
    )
    tests = tuple(Test(rate(other), (f"data.test_every={other}",)) for other in ASKED if other != step)
    return Setting(f"rate{step}", ("experiment=chartraj_tiny", *words), rate(step), tests)


SETTINGS = [trained_at(step) for step in TRAINED]

if __name__ == "__main__":
    raise SystemExit(main(SETTINGS, about=__doc__, results=RESULTS / "chartraj_rates.csv"))
