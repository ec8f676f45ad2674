"""What tables.yaml calls by name: further columns of rows (``derive``), cells, columns, and words around a table."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping
from typing import Any

from scripts.tables.choices import choices
from scripts.tables.counted import experiments, models
from scripts.tables.papers import papers
from scripts.tables.render import NOTHING, Row, Rows, markdown, matching, rows_of, shown
from scripts.tables.stress import stress_words

__all__ = ["choices", "experiments", "models", "papers", "stress_words"]

# --- scripts/bench ----------------------------------------------------------------------------------------------

CONTENDERS = {
    "native": "this library, native operator",
    "native_baseline": "this library, native operator, baseline vectors",
    "native_avx2": "this library, native operator, AVX2",
    "native_avx512": "this library, native operator, AVX-512",
    "fused": "this library, fused operator in calls of torch",
    "messages": "this library, message passing",
    "released_repaired": "released formulation, gather repaired",
    "pyg_cfconv": "PyG `CFConv`, kernel network as released",
    "pyg_cfconv_our_kernel": "PyG `CFConv`, our kernel network",
    "torch_pointcloud_kpconv": "*KPConv (torch-pointcloud)*",
    "torch_pointcloud_pointconv": "*PointConv (torch-pointcloud)*",
    "open3d_continuous_conv": "*ContinuousConv (Open3D)*",
    "ours": "this library",
    "ours_fft": "this library, FFT",
    "released_fft": "released formulation, FFT",
    "conv2d_channels_first": "channels-first `conv2d`",
}
#: On a GPU.
ON_GPU = {
    "triton": "ours, Triton",
    "triton_tf32": "ours, Triton, sums in tf32",
    "triton_bf16": "ours, Triton, sums in bfloat16",
    "torch": "ours, calls of torch",
    "messages": "ours, message passing",
    "cfconv": "PyG's CFConv",
    "released": "released formulation",
    "pointnet2": "PointNet++",
    "native": "ours, on the processor",
}


def named(rows: Rows) -> Rows:
    """Rows with what the tables call a contender; those that failed are left out."""
    return [{**row, "name": CONTENDERS[row["contender"]]} for row in rows if not row.get("reason")]


def on_gpu(rows: Rows) -> Rows:
    """Rows of a GPU with what the tables call a contender; those that failed are left out."""
    return [{**row, "name": ON_GPU[row["contender"]]} for row in rows if not row.get("reason")]


def ratio(column: str, top: Rows, bottom: Rows) -> str:
    """How many times a figure is another one."""
    return f"{float(top[0][column]) / float(bottom[0][column]):.1f}×"


def speed_on_points(rows: Rows) -> str:
    """What follows from the times on points."""
    widths = list(dict.fromkeys(row["width"] for row in rows))
    names = {row["contender"] for row in rows}
    ours = "native" if "native" in names else "fused"
    wide, narrow = (
        matching(rows, {"contender": ours, "width": w})[:1] for w in (widths[0], min(widths, key=float))
    )
    released, cfconv = (
        matching(rows, {"contender": name, "width": widths[0]})[:1]
        for name in ("released_repaired", "pyg_cfconv_our_kernel")
    )
    text = (
        f"With width {widths[0]} (nothing pruned) the {ours} operator is "
        f"{ratio('both_min_ms', released, wide)} faster than the released formulation with its gather repaired, in "
        f"{ratio('peak_mb', released, wide)} less memory, and {ratio('both_min_ms', cfconv, wide)} faster than PyG's "
        f"`CFConv` with our kernel network. With width {narrow[0]['width']} it is a further "
        f"{ratio('both_min_ms', wide, narrow)} faster. Errors are against the definition in float64, relative to the "
        "largest output; operators in italics compute something else on the same edges."
    )
    large = (
        "One cloud of {points:,} points, k = {k}, C = {channels}, {operator} operator: forward + backward in "
        "{seconds:.0f} s and {peak_mb:.0f} MB extra."
    )
    lines = [
        shown(large, [{**row, "operator": row["contender"], "seconds": str(float(row["both_min_ms"]) / 1e3)}])
        for row in matching(rows_of("results/bench_large_clouds.csv"), {"part": "wide", "reason": ""})
    ]
    return "\n\n".join([text, *lines])


def speed_on_grids(rows: Rows) -> str:
    """What follows from the times on grids."""
    ratios = []
    for case in dict.fromkeys(row["case"] for row in rows):
        ours = matching(rows, {"case": case, "contender": "ours"})
        others = matching(rows, {"case": case, "contender": ("released_fft", "conv2d_channels_first")})
        ratios += [f"{case}: {ratio('both_min_ms', [row], ours)} against {row['name']}" for row in others]
    return "Forward + backward: " + "; ".join(ratios) + "."


def searches(rows: Rows) -> dict[str, Any]:
    """A column for each search that was measured."""
    backends = [
        name for name in ("native", "kdtree", "dense", "cluster") if matching(rows, {"contender": name})
    ]
    return {
        "clouds × points": "{clouds} × {points:,}, {kind}",
        "k": "{k}",
        **{name: ["{min_ms:.0f} ms", {"contender": name}] for name in backends},
        "`AUTO`": ["`{contender}`", {"contender": backends, "auto": "True"}],
    }


def about_searches(rows: Rows) -> str:
    """The machine and its load."""
    loads = [float(row["load_before"]) for row in rows]
    about = "Least of several runs on {machine}, {threads} threads, torch {torch}, scipy {scipy}. "
    return (
        shown(about, rows[:1])
        + f"The machine's load was {min(loads):g} to {max(loads):g} meanwhile: compare within a row only."
    )


def contenders(rows: Rows) -> dict[str, Any]:
    """A column for each contender on sequences."""
    names = dict.fromkeys(row["contender"] for row in rows)
    cell = "{both_min_ms:.0f} ms, {peak_mb:.0f} MB"
    return {"samples": "{length:,}", **{name: [cell, {"contender": name}] for name in names}}


def sizes(rows: Rows) -> list[list[str]]:
    """The line of the contenders' parameters."""
    names = dict.fromkeys(row["contender"] for row in rows)
    return [["parameters", *(shown("{parameters:,}", matching(rows, {"contender": name})) for name in names)]]


def about_sequences() -> str:
    """How the sequence models were measured."""
    rows = rows_of("results/bench_sequence_models.csv")[:1]
    package = ", neural-ssm {neural_ssm}" if rows[0].get("neural_ssm") else ""
    about = (
        "Forward and backward, least time of interleaved rounds, and extra peak memory of a fresh process; "
    )
    return shown(
        about + "float32, {threads} threads ({machine}, torch {torch}" + package + ", {date}).", rows
    )


def batch(line: Rows, rows: Rows, head: str) -> str:
    """What a step trains on."""
    return {"characters": "32 characters", "sepsis": "256 patients"}[line[0]["what"]]


# --- shapes and pixels ------------------------------------------------------------------------------------------


def headline() -> str:
    """A row for each kind of data: the score as trained, and on another sampling with the same weights."""
    points, voxels = {"sampling": "points"}, {"sampling": "voxels"}
    lines = [
        ("ModelNet10, points", "transfer", {"model": "ccnn_tiny-modelnet10"}, points, voxels, "voxels", "accuracy"),
        ("ModelNet10, nine samplings", "any_sampling", {"model": "ccnn_small-modelnet10"}, points,
         {"sampling": "uneven:512"}, "512 points, ten times denser at one end", "accuracy"),
        ("ModelNet10, voxels", "transfer", {"model": "ccnn_tiny-modelnet10-voxels"}, voxels, points,
         "points", "accuracy"),
        ("sequential MNIST", "images", {"setting": "smnist"}, {"tested_on": "pixels"}, {"tested_on": "pixels:2"},
         "every second sample", "test_accuracy"),
        ("character trajectories, time stamps", "chartraj", {"setting": "stamps"},
         {"tested_on": "drop 0", "weights": "cell"}, {"tested_on": "drop 70", "interpolation": "linear"},
         "70 % left out, on straight lines", "test_accuracy"),
        ("sepsis in PhysioNet 2019", "physionet2019", {"setting": "tiny"}, {"tested_on": "test"},
         {"tested_on": NOTHING}, NOTHING, "test_auc"),
    ]  # fmt: skip
    cells = []
    for label, source, where, own, other, change, column in lines:
        rows = matching(rows_of(f"results/{source}.csv"), where)
        score = f"AUC {{{column}:±3}}" if column == "test_auc" else f"{{{column}:±2%}} %"
        here, there = (shown(score, matching(rows, test)) for test in (own, other))
        cells.append([label, shown("{parameters:,}", rows), here, change, there])
    header = ["trained on", "parameters", "test, as in training", "test, sampled otherwise", "there"]
    note = "One core each; ± over three seeds. ModelNet10: 452 test shapes, half of the official ones."
    return markdown(header, cells) + "\n\n" + note


def packaged_models() -> str:
    """A paragraph for each packaged model, whose row ``scripts/package_model.py`` has marked."""
    return "\n\n".join(
        shown(
            "`{packaged}` has {parameters:,} parameters. It was trained on {n_train:,} "
            + ("voxelised shapes" if row.get("num_voxels") else "shapes")
            + " in {core_minutes:.0f} core minutes (epoch {best_epoch} of {epochs}"
            + (", chosen on {n_val} validation shapes" if row["selected_on"] == "val" else "")
            + "; seed {seed}) and classifies **{test_accuracy:%}** of {n_test} test shapes correctly "
            "({test_mean_class_accuracy:%} as a mean over classes). The test split was read once.",
            [row],
        )
        for row in rows_of("results/modelnet10.csv")
        if row.get("packaged")
    )


def samples(line: Rows, rows: Rows, head: str) -> str:
    """How many points or voxels of a shape a run trained on and was tested on."""
    row = line[0]
    unit, kind = ("num_voxels", "voxels, ") if row.get("num_voxels") else ("num_points", "")
    trained = row.get(unit) or NOTHING
    return f"{trained} → {row.get(f'eval_{unit}') or trained}, {kind}{row.get('sampling') or 'random'}"


def by_sampling(rows: Rows) -> Rows:
    """Rows in the order of their samplings, with what a model's column is called, its own score bold."""
    bold = {True: "**{accuracy:%}**", False: "{accuracy:%}"}
    return [
        {**row, "score": shown(bold[row["trained_on"] == row["sampling"]], [row])}
        for row in sorted(rows, key=_in_words)
    ]


def _in_words(row: Row) -> list[tuple[str, int]]:
    """Words of a sampling and numbers in it, by which it is sorted: even:64 before even:128."""
    return [
        (part, 0) if i % 2 == 0 else ("", int(part))
        for i, part in enumerate(re.split(r"(\d+)", row["sampling"]))
    ]


def transferred(rows: Rows) -> dict[str, Any]:
    """A column for each model."""
    models = {row["model"]: row for row in rows}
    heads = {
        name: shown("`{model}`, ω₀ {omega_0:g}" if row.get("omega_0") else "`{model}`", [row])
        for name, row in models.items()
    }
    return {"sampling": "`{sampling}`", **{heads[name]: ["{score}", {"model": name}] for name in models}}


def pixels(line: Rows, rows: Rows, head: str) -> str:
    """The data's name."""
    return {
        "smnist": "sequential MNIST",
        "cifar10": "CIFAR-10",
        "cifar10_alone": "the same without samplings",
    }[line[0]["setting"]]


def over_samples(rows: Rows) -> Rows:
    """One row for each method and seed: means over samples, core minutes of all sites together."""
    found = []
    for method, seed in dict.fromkeys((row["method"], row["seed"]) for row in rows):
        mine = matching(rows, {"method": method, "seed": seed})
        sites = {row["sample"][0]: row.get("core_minutes") for row in mine}
        minutes = [float(value) for value in sites.values() if value]
        means = {
            key: str(statistics.mean(float(row[key]) for row in mine))
            for key in ("total", "type_1", "type_2")
        }
        found.append({**mine[0], **means, "core_minutes": f"{sum(minutes):.1f}" if minutes else ""})
    return found


def by_method(rows: Rows) -> dict[str, Any]:
    """A column for each method."""
    methods = dict.fromkeys(row["method"] for row in rows)
    return {"sample": "{sample}", **{name: ["{total:.1f}", {"method": name}] for name in methods}}


# --- series -----------------------------------------------------------------------------------------------------


def seeds(line: Rows, rows: Rows, head: str) -> str:
    """How many seeds the tests of a line have: "3", or "1 to 3"."""
    tests = {(row["setting"], row["tested_on"]) for row in line}
    counts = [len({r["seed"] for r in line if (r["setting"], r["tested_on"]) == test}) for test in tests]
    return " to ".join(str(count) for count in dict.fromkeys([min(counts), max(counts)]))


def of_all_estimators(rows: Rows) -> Rows:
    """Rows of data and seeds that ours, MiniRocket and Hydra have answered at every drop, in order of data and drop."""
    asked = {(method, row["drop"]) for row in rows for method in ("ours", "minirocket", "hydra")}
    have: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for row in rows:
        have.setdefault((row["data"], row["seed"]), set()).add((row["method"], row["drop"]))
    kept = [row for row in rows if asked <= have[row["data"], row["seed"]]]
    return sorted(kept, key=lambda row: (row["data"], int(row["drop"])))


def beside_ours(rows: Rows) -> Rows:
    """Rows of tasks, drops and seeds that ours have answered."""
    have = {(row["task"], row["drop"], row["seed"]) for row in rows if row["method"] == "ours"}
    return [row for row in rows if (row["task"], row["drop"], row["seed"]) in have]


def at_rates(rows: Rows) -> Rows:
    """All samples are rate 1; on the grid there is nothing between them, lines or not."""
    whole = [{**row, "tested_on": "rate 1"} for row in matching(rows, {"tested_on": "drop 0"})]
    return [
        *rows,
        *whole,
        *({**row, "interpolation": "none"} for row in matching(whole, {"setting": "drop0"})),
    ]


def one_of_each_run(rows: Rows) -> Rows:
    """The first test of every training that reads all samples."""
    return list(
        {(r["setting"], r["seed"]): r for r in reversed(matching(rows, {"tested_on": "drop 0"}))}.values()
    )


def to_ours(line: Rows, rows: Rows, head: str) -> str:
    """An epoch in those of our network, on stamps where there are several."""
    ours = matching(rows, {"setting": ("stamps", "tiny")})
    times = [
        [float(row["seconds_per_epoch"]) for row in part if row.get("seconds_per_epoch")]
        for part in (line, ours)
    ]
    return f"{statistics.mean(times[0]) / statistics.mean(times[1]):.1f}×" if all(times) else NOTHING


def machine(rows: Rows) -> str:
    """Where times were measured, and the limit of peers."""
    machines = shown("{machine}", rows).replace(NOTHING, "unknown machine")
    limits = sorted({float(row["limit_core_minutes"]) for row in rows if row.get("limit_core_minutes")})
    minutes = " or ".join(f"{limit:g}" for limit in limits)
    limited = f"; limited ones have one seed and at most {minutes} core minutes" if limits else ""
    return f"Core seconds of an epoch with its validation, one thread ({machines}){limited}."


def about_characters(rows: Rows) -> str:
    """Where the times of character trajectories come from."""
    return machine(rows) + " *To ours*: ours on stamps. Accuracy in per cent, nothing left out."


def about_patients(rows: Rows) -> str:
    """Where the times of PhysioNet come from."""
    return machine(rows_of("results/physionet2019.csv")) + " With counts."


def with_and_without(rows: Rows) -> Rows:
    """Rows with the network's name, and whether it has the counts of observations."""
    found = []
    for row in rows:
        name, without = row["setting"].removesuffix("_no_counts"), row["setting"].endswith("_no_counts")
        told = name == "tiny_indicators"
        network = "told" if told else {"tiny": "ours"}.get(name, name)
        found.append({**row, "network": network, "counts": "without" if without or told else "with"})
    return found


def both_sizes(line: Rows, rows: Rows, head: str) -> str:
    """Parameters with and without counts."""
    return " / ".join(
        shown("{parameters:,}", matching(line, {"counts": counts})) for counts in ("with", "without")
    )


# --- kernels, released checkpoints ------------------------------------------------------------------------------


def kernel_fits() -> str:
    """Errors of every kernel on every target, at the points and between them, least mean error first."""
    from ccnn_pc.cli.fit_report import report

    about, header, rows = report(rows_of("results/kernel_fit.csv"))
    return about + "\n\n" + markdown(header, rows)


#: Heading of a column -> what is changed in it, and how that is called where a row needs it.
CHANGES = {
    "`anchor=ends`": ({"options": "anchor=ends", "normalize": "step"}, "anchor"),
    "`blur=False`": ({"options": "blur=false", "normalize": "step"}, "blur"),
    "`short_fft=False`": ({"options": "short_fft=false", "normalize": "step"}, "short FFT"),
    "per channel": ({"options": "released", "normalize": "channel"}, "per step"),
}


def as_released(rows: Rows) -> Rows:
    """Rows marked where nothing is changed."""
    native = ["yes" if row["normalize"] != "channel" or row["auc"] else "no" for row in rows]
    return [
        {**row, "released": mark if row["options"] == "released" else "no"}
        for row, mark in zip(rows, native, strict=True)
    ]


def with_change(line: Rows, rows: Rows, change: Mapping[str, str]) -> list[Row]:
    """The row of the same file and rate with one thing changed."""
    same = {name: line[0][name] for name in ("checkpoint", "rate")}
    return [row for row in matching(rows, {**same, **change}) if row is not line[0]]


def changed(line: Rows, rows: Rows, head: str) -> str:
    """Accuracy with one thing changed."""
    return shown("{accuracy:%}", with_change(line, rows, CHANGES[head][0]))


def needed(line: Rows, rows: Rows, head: str) -> str:
    """What accuracy needs: it moves by more than 0.002 without it."""
    own = float(line[0]["accuracy"])
    found = [(name, with_change(line, rows, change)) for change, name in CHANGES.values()]
    names = [name for name, row in found if row and abs(float(row[0]["accuracy"]) - own) > 0.002]
    return ", ".join(names) or NOTHING


def areas(rows: Rows) -> str:
    """Areas under the ROC curve, where there are any."""
    about = (
        "`{checkpoint}`: area under the ROC curve {auc:.4f} on {n:,} patients, all there are here; the reference is "
        "{reference_auc:.4f} on {reference_n:,}, which contain them."
    )
    return "\n\n".join(shown(about, [row]) for row in rows if row["auc"])
