"""PhysioNet 2019, sepsis: ours and peers, with and without the counts of observations; ``results/physionet2019.csv``.

    python -m scripts.studies.physionet path/to/physionet2019 --runs runs/study_physionet
    python -m scripts.tables.update

Interrupted, the same command goes on; a training that has finished is not repeated. The neural CDE and the ODE-RNN have
one seed and as many epochs as the limit of core minutes allows.
"""

from __future__ import annotations

from scripts import RESULTS
from scripts.studies.harness import Setting, main

MODELS = ("tiny", "gru_dt", "gru_d", "ode_rnn", "neural_cde")
SLOW = ("ode_rnn", "neural_cde")

SETTINGS = [
    Setting("tiny_indicators", ("experiment=physionet2019_tiny_indicators",), "test"),
    *(
        Setting(
            f"{model}{counts}", (f"experiment=physionet2019_{model}{counts}",), "test", limited=model in SLOW
        )
        for model in MODELS
        for counts in ("", "_no_counts")
    ),
]

if __name__ == "__main__":
    raise SystemExit(main(SETTINGS, about=__doc__, results=RESULTS / "physionet2019.csv"))
