"""Character trajectories: samples left out, other rates, stamps without a grid, peers; ``results/chartraj.csv``.

    python -m scripts.studies.chartraj path/to/character_trajectories --runs runs/study_chartraj
    python -m scripts.studies.chartraj DATA --runs FOLDER --only drop0 mixed --seeds 0 --set trainer.max_epochs=20
    python -m scripts.tables.update

Interrupted, the same command goes on; a training that has finished is not repeated. Settings that are limited (the
peers) have one seed and as many epochs as the limit of core minutes allows.
"""

from __future__ import annotations

from scripts import RESULTS
from scripts.studies.harness import Setting, Test, main

GRID, SERIES = "experiment=chartraj_tiny", "experiment=chartraj_tiny_irregular"
DROPS = (0, 30, 50, 70)
CHANNEL = ("data.observed=true", "data.in_channels=4")
#: A share of its own between 0 and 70 % for every series in every epoch.
MIXED = ("data.train_drop=[0,70]",)
#: Sums over samples, or straight lines between the stamps, in training as well.
SUMS, LINES = "model.series_interpolation=none", "model.series_interpolation=linear"
PEERS = ("gru_dt", "gru_d", "ode_rnn", "neural_cde")

drops = tuple(Test(f"drop {percent}", (f"data.test_drop={percent}",)) for percent in DROPS[1:])
#: The same on the stamps as they are, where training knew their lattice: another path to the same numbers.
direct = tuple(Test(test.name, (*test.words, "data.direct=true")) for test in drops)
rates = tuple(Test(f"rate 1/{step}", (f"data.test_every={step}",)) for step in (2, 4, 8))
fewer = (*rates, *drops)


def between(tests: tuple[Test, ...], interpolation: str) -> tuple[Test, ...]:
    """The same tests with straight lines between samples (linear), or with sums over samples (none)."""
    return tuple(Test(test.name, test.words, interpolation=interpolation) for test in tests)


def unweighted(tests: tuple[Test, ...]) -> tuple[Test, ...]:
    """The same tests with weights of 1."""
    return tuple(Test(test.name, test.words, "constant") for test in tests)


SETTINGS = [
    Setting("drop0", (GRID,), "drop 0", (*rates, *between(rates, "none"))),
    *(
        Setting(f"drop{percent}", (GRID, f"data.drop={percent}", "data.in_channels=4"), f"drop {percent}")
        for percent in DROPS[1:]
    ),
    Setting("mixed", (GRID, *MIXED, *CHANNEL), "drop 0", drops),
    Setting(
        "stamps",
        (SERIES, SUMS),
        "drop 0",
        (*fewer, *unweighted((Test("drop 0"), *fewer)), *between((Test("drop 0"), *fewer), "linear")),
    ),
    #: Today's defaults: the stamps as they are, on straight lines.
    Setting("lines", (SERIES,), "drop 0", fewer),
    Setting("lines_mixed", (SERIES, *MIXED), "drop 0", drops),
    *(
        Setting(f"{name}_{weights}", (SERIES, SUMS, *words, *MIXED, f"model.series_weights={weights}"), "drop 0", tests)
        for name, words, tests in (("stamps_mixed", (), direct), ("random", ("data=chartraj_random",), drops))
        for weights in ("cell", "constant")
    ),
    Setting("random_lines", ("data=chartraj_random", SERIES, *MIXED, LINES), "drop 0", drops),
    *(
        Setting(f"{peer}{name}", (f"experiment=chartraj_{peer}", *words), "drop 0", tests, limited=True)
        for name, words, tests in (("", (), ()), ("_mixed", MIXED, drops))
        for peer in PEERS
    ),
    Setting(
        "neural_cde_no_adjoint",
        ("experiment=chartraj_neural_cde", "model.adjoint=false"),
        "drop 0",
        limited=True,
    ),
]  # fmt: skip

if __name__ == "__main__":
    raise SystemExit(main(SETTINGS, about=__doc__, results=RESULTS / "chartraj.csv"))
