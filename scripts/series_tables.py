"""The tables of the studies on series, with the numbers of the papers beside them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from readme_tables import Row, rows_of, table, thousands  # beside this script

CHARTRAJ = "results/chartraj.csv"
PHYSIONET = "results/physionet2019.csv"
DROPS, RATES = (0, 30, 50, 70), ("1", "1/2", "1/4", "1/8")
CKCONV = "CKConv, arXiv:2102.02611"

#: CKConv, Table 4: accuracy in per cent with 0, 30, 50, 70 % of the samples left out, a network for each.
PAPER_DROPS = {
    "GRU-ODE": (96.2, 92.6, 86.7, 89.9),
    "GRU-Δt": (97.8, 93.6, 91.3, 90.4),
    "GRU-D": (95.9, 94.2, 90.2, 91.9),
    "ODE-RNN": (97.1, 95.4, 96.0, 95.3),
    "NCDE": (98.8, 98.7, 98.8, 98.6),
    "CKCNN": (99.53, 99.30, 98.83, 98.14),
}
#: CKConv, Table 5, trained at rate 1: accuracy in per cent at rates 1, 1/2, 1/4, 1/8.
PAPER_RATES = (99.53, 99.30, 99.30, 95.80)
#: CKConv, Table 5, model comparison: trained at rate 1, tested at 1/2.
PAPER_HALF = {"GRU-D": 23.1, "ODE-RNN": 41.8, "LMU": 44.7, "NCDE": 6.0, "HiPPO": 88.8}
#: CKConv, Table 4: area under the ROC curve, with the counts of observations.
PAPER_SEPSIS = {
    "GRU-ODE": 0.852,
    "GRU-Δt": 0.878,
    "GRU-D": 0.871,
    "ODE-RNN": 0.874,
    "NCDE": 0.880,
    "CKCNN": 0.895,
}

#: Setting (``%`` is the share of samples left out), weights or interpolation at the test, what the table calls it.
Line = tuple[str, str, str]
DROP_LINES: list[Line] = [
    ("drop%", "", "ours on the grid, a network for each share"),
    ("mixed", "", "ours on the grid, one network, trained on 0 to 70 %"),
    ("stamps_mixed_cell", "cell", "ours on stamps, weighted, trained on 0 to 70 %"),
    ("stamps_mixed_constant", "constant", "the same without weights"),
    ("random_cell", "cell", "ours at random times, weighted, trained on 0 to 70 %"),
    ("random_constant", "constant", "the same without weights"),
    ("random_lines", "linear", "ours at random times, on straight lines, trained on 0 to 70 %"),
    ("stamps", "cell", "ours on stamps, weighted, trained on all samples"),
    ("stamps", "constant", "the same network, tested without weights"),
    ("stamps", "linear", "ours on stamps, trained on all samples, tested on straight lines"),
    ("gru_dt_mixed", "", "GRU-Δt, trained on 0 to 70 %"),
    ("gru_d_mixed", "", "GRU-D, trained on 0 to 70 %"),
    ("ode_rnn_mixed", "", "ODE-RNN, trained on 0 to 70 %"),
    ("neural_cde_mixed", "", "neural CDE, trained on 0 to 70 %"),
]
#: Of these and of the published ones what the README shows.
SHORT = ("drop%", "mixed", "stamps", "random_lines")
SHORT_PAPER = ("ODE-RNN", "NCDE", "CKCNN")
RATE_LINES: list[Line] = [
    ("drop0", "linear", "ours on the grid"),
    ("drop0", "none", "the same network, sums over samples as published"),
    ("stamps", "cell", "ours on stamps, weighted"),
    ("stamps", "constant", "the same network, tested without weights"),
    ("stamps", "linear", "the same network, tested on straight lines between stamps"),
]
COST_LINES = {
    "drop0": "ours on the grid",
    "stamps": "ours on stamps",
    "random_cell": "ours at random times, weighted, 0 to 70 % left out",
    "random_lines": "ours at random times, on straight lines, 0 to 70 % left out",
    "gru_dt": "GRU-Δt",
    "gru_d": "GRU-D",
    "ode_rnn": "ODE-RNN",
    "neural_cde": "neural CDE, adjoint (torchcde's default)",
    "neural_cde_no_adjoint": "neural CDE, back-propagation through the solver",
}
#: What the table calls a network: its settings with and without the counts of observations.
SEPSIS_LINES = {
    "ours": ("tiny", "tiny_no_counts"),
    "ours, told what was measured when": ("", "tiny_indicators"),
    "GRU-Δt": ("gru_dt", "gru_dt_no_counts"),
    "GRU-D": ("gru_d", "gru_d_no_counts"),
    "ODE-RNN": ("ode_rnn", "ode_rnn_no_counts"),
    "neural CDE": ("neural_cde", "neural_cde_no_counts"),
}


def spread(values: Sequence[float], digits: int) -> str:
    """Mean and, of several, standard deviation (n - 1).

    Example:
        >>> spread([99.0, 99.5, 98.5], 2), spread([0.875], 3), spread([], 2)
        ('99.00 ± 0.50', '0.875', '–')
    """
    if not values:
        return "–"
    mean = f"{statistics.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def numbers(rows: Sequence[Row], column: str, scale: float = 1.0) -> list[float]:
    """One column of those rows that have it."""
    return [scale * float(row[column]) for row in rows if row.get(column)]


def seeds(rows: Sequence[Row]) -> str:
    """How many seeds rows have: "3", or "1 to 3"."""
    each: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        each.setdefault((row["setting"], row["tested_on"]), set()).add(row["seed"])
    counts = sorted({len(found) for found in each.values()})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def lines_of(
    rows: Sequence[Row], lines: Sequence[Line], tests: Sequence[str], setting: Callable[[str, str], str]
) -> list[list[object]]:
    """A line of mean accuracies for each of those that have been trained."""
    cells: list[list[object]] = []
    for name, how, label in lines:
        groups = [
            [
                row
                for row in rows
                if (row["setting"], row["tested_on"]) == (setting(name, test), test)
                and (not how or how in (row["weights"], row.get("interpolation")))
            ]
            for test in tests
        ]
        here = [row for group in groups for row in group]
        if here:
            found = [spread(numbers(group, "test_accuracy", 100), 2) for group in groups]
            sizes = sorted({int(row["parameters"]) for row in here})
            cells.append([label, " to ".join(thousands(size) for size in sizes), *found, seeds(here)])
    return cells


def about(rows: Sequence[Row]) -> str:
    """Splits, and how the epoch was chosen."""
    train, val, test = (
        ", ".join(sorted({thousands(row[key]) for row in rows})) for key in ("n_train", "n_val", "n_test")
    )
    return f"{train} series train, {val} choose the epoch, {test} test"


def drop_table(rows: Sequence[Row], lines: Sequence[Line], published: Sequence[str]) -> str:
    """Accuracies with samples left out, and those of the papers."""
    tests = [f"drop {percent}" for percent in DROPS]
    cells = lines_of(rows, lines, tests, lambda name, test: name.replace("%", test.split()[1]))
    for name in published:
        cells.append([f"*{name}, published*", "–", *(f"{value:g}" for value in PAPER_DROPS[name]), "–"])
    return table(["network", "parameters", *(f"{percent} % left out" for percent in DROPS), "seeds"], cells)


def results_chartraj() -> str:
    """Accuracies with samples left out."""
    rows = rows_of(CHARTRAJ)
    note = (
        f"Accuracy in per cent, mean ± standard deviation over seeds. {about(rows)}. *Published*: {CKCONV}, "
        "Table 4, a network for each share, parts of the same sizes. On stamps there is nothing but the samples that "
        "are left and their times; at random times values between the samples are taken, as many as are left elsewhere."
    )
    return drop_table(rows, DROP_LINES, list(PAPER_DROPS)) + "\n\n" + note


def results_series() -> str:
    """What of the character trajectories the README shows."""
    rows = rows_of(CHARTRAJ)
    lines = [line for line in DROP_LINES if line[0] in SHORT and line[1] in ("", "linear")]
    note = f"Character trajectories, accuracy in per cent. {about(rows)}. *Published*: {CKCONV}, Table 4."
    return drop_table(rows, lines, SHORT_PAPER) + "\n\n" + note


#: Data and network, table, what picks the rows of its own test, those of another one, column and form of the score.
HEADLINES = [
    ("ModelNet10, points", "results/transfer.csv", {"model": "ccnn_tiny-modelnet10"},
     {"sampling": "points"}, {"sampling": "voxels"}, "voxels", "accuracy", "%"),
    ("ModelNet10, voxels", "results/transfer.csv", {"model": "ccnn_tiny-modelnet10-voxels"},
     {"sampling": "voxels"}, {"sampling": "points"}, "points", "accuracy", "%"),
    ("sequential MNIST", "results/images.csv", {"setting": "smnist"},
     {"tested_on": "pixels"}, {"tested_on": "pixels:2"}, "every second sample", "test_accuracy", "%"),
    ("character trajectories, time stamps", CHARTRAJ, {"setting": "stamps"},
     {"tested_on": "drop 0", "weights": "cell"}, {"tested_on": "drop 70", "interpolation": "linear"},
     "70 % left out, on straight lines", "test_accuracy", "%"),
    ("sepsis in PhysioNet 2019", PHYSIONET, {"setting": "tiny"},
     {"tested_on": "test"}, None, "–", "test_auc", "AUC"),
]  # fmt: skip


def results_headline() -> str:
    """A row for each kind of data: the score as trained, and on another sampling with the same weights."""
    cells: list[list[object]] = []
    for label, source, fixed, own, other, change, column, form in HEADLINES:
        rows = [row for row in rows_of(source) if all(row[key] == value for key, value in fixed.items())]
        scores = []
        for chosen in (own, other):
            found = [row for row in rows if chosen and all(row[k] == v for k, v in chosen.items())]
            here = numbers(found, column, 100 if form == "%" else 1)
            scores.append(
                (f"AUC {spread(here, 3)}" if form == "AUC" else f"{spread(here, 2)} %") if here else "–"
            )
        cells.append([label, thousands(rows[0]["parameters"]), scores[0], change, scores[1]])
    header = ["trained on", "parameters", "test, as in training", "test, sampled otherwise", "there"]
    return (
        table(header, cells)
        + "\n\nOne core each; ± over three seeds. ModelNet10: 452 test shapes, half of the official ones."
    )


def results_chartraj_rates() -> str:
    """Accuracies at other rates than that of training."""
    rows = [dict(row) for row in rows_of(CHARTRAJ)]
    whole = [{**row, "tested_on": "rate 1"} for row in rows if row["tested_on"] == "drop 0"]
    same = [{**row, "interpolation": "none"} for row in whole if row["setting"] == "drop0"]
    rows += [*whole, *same]  # with all samples there is nothing between them
    cells = lines_of(rows, RATE_LINES, [f"rate {rate}" for rate in RATES], lambda name, test: name)
    cells.append(["*CKCNN, published*", "–", *(f"{value:g}" for value in PAPER_RATES), "–"])
    for name, half in PAPER_HALF.items():
        cells.append([f"*{name}, published*", "–", "–", f"{half:g}", "–", "–", "–"])
    note = (
        "Trained at rate 1, accuracy in per cent at all. On the grid kernels are evaluated at the spacing of "
        "training: the samples that are left stand for straight lines between them. "
        f"*Published*: {CKCONV}, Table 5."
    )
    return (
        table(["network", "parameters", *(f"rate {rate}" for rate in RATES), "seeds"], cells) + "\n\n" + note
    )


def costs(rows: Sequence[Row], lines: dict[str, str], first: str, score: str = "") -> list[list[object]]:
    """Parameters, core seconds per epoch, those of ``first`` in them, epochs; a score in per cent if wanted."""
    cells: list[list[object]] = []
    base = numbers([row for row in rows if row["setting"] == first], "seconds_per_epoch")
    for name, label in lines.items():
        here = [row for row in rows if row["setting"] == name]
        if not here:
            continue
        seconds = numbers(here, "seconds_per_epoch")
        ratio = f"{statistics.mean(seconds) / statistics.mean(base):.1f}×" if seconds and base else "–"
        epochs = sorted({int(row["epochs"]) for row in here})
        cells.append(
            [
                label,
                thousands(here[0]["parameters"]),
                f"{statistics.mean(seconds):.1f} s" if seconds else "–",
                ratio,
                " to ".join(map(str, epochs)) + f" of {here[0]['max_epochs']}",
                *([spread(numbers(here, score, 100), 2)] if score else []),
            ]
        )
    return cells


def machine(rows: Sequence[Row]) -> str:
    """Where times were measured, and the limit of peers."""
    machines = ", ".join(sorted({row["machine"] for row in rows if row.get("machine")})) or "unknown machine"
    limits = sorted({float(row["limit_core_minutes"]) for row in rows if row.get("limit_core_minutes")})
    minutes = " or ".join(f"{limit:g}" for limit in limits)
    limited = f"; limited ones have one seed and at most {minutes} core minutes" if limits else ""
    return f"Core seconds of an epoch with its validation, one thread ({machines}){limited}."


COST_HEADER = ["network", "parameters", "one epoch", "to ours", "epochs"]


def results_chartraj_cost() -> str:
    """What an epoch costs: ours and peers, on all samples."""
    own = {
        (row["setting"], row["seed"]): row
        for row in reversed(rows_of(CHARTRAJ))
        if row["tested_on"] == "drop 0"
    }
    rows = list(own.values())
    cells = costs(rows, COST_LINES, "stamps", "test_accuracy")
    note = machine(rows) + " *To ours*: ours on stamps. Accuracy in per cent, nothing left out."
    return table([*COST_HEADER, "accuracy"], cells) + "\n\n" + note


def results_physionet2019() -> str:
    """Areas under the ROC curve with and without counts, and what an epoch costs."""
    rows = rows_of(PHYSIONET)
    cells: list[list[object]] = []
    for label, settings in SEPSIS_LINES.items():
        groups = [[row for row in rows if row["setting"] == setting] for setting in settings]
        if any(groups):
            found = [spread(numbers(group, "test_auc"), 3) for group in groups]
            sizes = [thousands(group[0]["parameters"]) if group else "–" for group in groups]
            cells.append(
                [label, " / ".join(sizes), *found, seeds([row for group in groups for row in group])]
            )
    for name, value in PAPER_SEPSIS.items():
        cells.append([f"*{name}, published*", "–", f"{value:.3f}", "–", "–"])
    header = ["network", "parameters with / without counts", "with counts", "without counts", "seeds"]
    note = (
        f"Area under the ROC curve, mean ± standard deviation over seeds. {about(rows)}: those patients that were "
        f"there, of one hospital of two. *Published*: {CKCONV}, Table 4, both hospitals: not the same patients."
    )
    lines = {counted: label for label, (counted, _) in SEPSIS_LINES.items()}
    about_cost = table(COST_HEADER, costs(rows, lines, "tiny")) + "\n\n" + machine(rows) + " With counts."
    return "\n\n".join([table(header, cells), note, about_cost])


#: As :data:`readme_tables.BLOCKS`.
BLOCKS = {
    "results:headline": (results_headline, CHARTRAJ),
    "results:chartraj": (results_chartraj, CHARTRAJ),
    "results:series": (results_series, CHARTRAJ),
    "results:chartraj_rates": (results_chartraj_rates, CHARTRAJ),
    "results:chartraj_cost": (results_chartraj_cost, CHARTRAJ),
    "results:physionet2019": (results_physionet2019, PHYSIONET),
}
