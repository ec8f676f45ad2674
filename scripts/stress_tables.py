"""The tables of the stress tasks and of spoken digits."""

from __future__ import annotations

from readme_tables import rows_of, table, thousands  # beside this script, like the next
from series_tables import about, numbers, spread

STRESS, FSDD = "results/stress_tasks.csv", "results/fsdd.csv"
FEATURES = {"raw": "8 000 samples of sound", "mfcc": "81 frames of 20 coefficients"}


#: Networks by the end of a setting's name.
NETWORKS = {"": "ours", "ckcnn": "CKCNN as published"}


def results_stress() -> str:
    """Scores of every length, and what it took."""
    cells: list[list[object]] = []
    for row in rows_of(STRESS):
        copy = row["setting"].startswith("copy_memory_")
        length, _, network = row["setting"].removeprefix("copy_memory_" if copy else "adding_").partition("_")
        score = f"{100 * float(row['test_accuracy']):.2f} %" if copy else f"MSE {float(row['test_mse']):.1e}"
        solved = float(row["test_accuracy"]) == 1 if copy else float(row["test_mse"]) <= 1e-4
        effort = [row["epochs"], f"{float(row['core_minutes']):.1f}"]
        task = f"{'copy memory' if copy else 'adding problem'}, {length}"
        yes = "yes" if solved else "no"
        cells.append([task, NETWORKS[network], thousands(row["parameters"]), score, yes, *effort])
    note = (
        "1000 sequences in the test. Solved: all ten symbols of all sequences right, or a squared error of at most "
        "1e-4 (always answering 1: 0.17). Trained until the validation is solved, or the core minutes are spent; one "
        "seed each."
    )
    header = ["task", "network", "parameters", "test", "solved", "validations", "core minutes"]
    return table(header, cells) + "\n\n" + note


def results_fsdd() -> str:
    """Accuracies at both rates."""
    rows = rows_of(FSDD)
    cells: list[list[object]] = []
    for name, label in FEATURES.items():
        groups = [
            [row for row in rows if (row["setting"], row["tested_on"]) == (name, f"rate {rate}")]
            for rate in ("1", "1/2")
        ]
        if groups[0]:
            found = [spread(numbers(group, "test_accuracy", 100), 2) for group in groups]
            cells.append([label, thousands(groups[0][0]["parameters"]), *found, len(groups[0])])
    note = (
        f"Spoken digits (FSDD), accuracy in per cent, mean ± standard deviation over seeds. {about(rows)}; the "
        "speaker of the test is not heard before; validation is a tenth of the other speakers' recordings. Half rate: "
        "every second sample, or frame, in the test alone."
    )
    return table(["input", "parameters", "rate 1", "rate 1/2", "seeds"], cells) + "\n\n" + note


#: As :data:`readme_tables.BLOCKS`.
BLOCKS = {"results:stress_tasks": (results_stress, STRESS), "results:fsdd": (results_fsdd, FSDD)}
