"""The tables of networks trained on ModelNet10: accuracies, the packaged model, transfer between samplings."""

from __future__ import annotations

from readme_tables import missing, percent, rows_of, table, thousands  # beside this script

MODELNET10 = "results/modelnet10.csv"
TRANSFER = "results/transfer.csv"


def samples(row: dict[str, str]) -> str:
    """How many points or voxels of a shape a run trained on and was tested on."""
    unit = "num_voxels" if row.get("num_voxels") else "num_points"
    trained = row.get(unit) or "–"
    kind = "voxels, " if unit == "num_voxels" else ""
    return f"{trained} → {row.get(f'eval_{unit}') or trained}, {kind}{row.get('sampling') or 'random'}"


def results_modelnet10() -> str:
    """Every row of the ModelNet10 table."""
    found = []
    for row in rows_of(MODELNET10):
        scores = [percent(row["test_accuracy"]), percent(row["test_mean_class_accuracy"])]
        effort = [row["epochs"], f"{float(row['core_minutes']):.0f}", row["seed"], row["selected_on"]]
        run = [f"`{row['experiment']}`", f"`{row['changed']}`" if row.get("changed") else "–"]
        found.append([*run, thousands(row["parameters"]), *scores, row["n_test"], *effort, samples(row)])
    header = "experiment|changed|parameters|test accuracy|mean over classes|test shapes|epochs|core minutes"
    header += "|seed|chosen on|samples: training → test"
    return table(header.split("|"), found)


def results_pretrained() -> str:
    """A sentence for each packaged model, whose row ``scripts/package_model.py`` has marked."""
    rows = [row for row in rows_of(MODELNET10) if row.get("packaged")]
    return "\n\n".join(packaged(row) for row in rows) if rows else missing(MODELNET10)


def packaged(row: dict[str, str]) -> str:
    """What a packaged model is, and how it was trained."""
    chosen = f"epoch {row['best_epoch']} of {row['epochs']}"
    if row["selected_on"] == "val":
        chosen += f", chosen on {row['n_val']} validation shapes"
    form = "voxelised shapes" if row.get("num_voxels") else "shapes"
    return (
        f"`{row['packaged']}` has {thousands(row['parameters'])} parameters. It was trained on "
        f"{thousands(row['n_train'])} {form} in {float(row['core_minutes']):.0f} core minutes ({chosen}; "
        f"seed {row['seed']}) and classifies "
        f"**{percent(row['test_accuracy'])}** of {row['n_test']} test shapes correctly "
        f"({percent(row['test_mean_class_accuracy'])} as a mean over classes). The test split was read once."
    )


def results_transfer() -> str:
    """Accuracy of each model on each sampling; that of its training is bold."""
    rows = rows_of(TRANSFER)
    models = list(dict.fromkeys(row["model"] for row in rows))
    cells: list[list[object]] = []
    for sampling in sorted({row["sampling"] for row in rows}):
        line: list[object] = [f"`{sampling}`"]
        for model in models:
            found = [row for row in rows if (row["model"], row["sampling"]) == (model, sampling)]
            own = bool(found) and found[0]["trained_on"] == sampling
            score = percent(found[0]["accuracy"]) if found else "–"
            line.append(f"**{score}**" if own else score)
        cells.append(line)
    first = {model: next(row for row in rows if row["model"] == model) for model in models}
    heads = [f"`{model}`, ω₀ {float(first[model]['omega_0']):g}" for model in models]
    counts = ", ".join(sorted({row["n"] for row in rows}))
    seeds = ", ".join(sorted({row["seed"] for row in rows}))
    note = f"{counts} test shapes, seed {seeds}; bold: the sampling of training."
    return table(["sampling", *heads], cells) + "\n\n" + note


#: As :data:`readme_tables.BLOCKS`.
BLOCKS = {
    "results:pretrained": (results_pretrained, MODELNET10),
    "results:modelnet10": (results_modelnet10, MODELNET10),
    "results:transfer": (results_transfer, TRANSFER),
}
