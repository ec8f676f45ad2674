"""What a step costs: layers and networks on long sequences, networks on irregular series."""

from __future__ import annotations

from readme_tables import rows_of, table, thousands  # beside this script

SEQUENCES = "results/bench_sequence_models.csv"
SERIES = "results/bench_series_models.csv"
BATCHES = {"characters": "32 characters", "sepsis": "256 patients"}
TITLES = {
    "layer": "One layer of {channels} channels, batches of {batch}",
    "network": "A classifier of {channels} channels, batches of {batch}",
}


def bench_sequence_models() -> str:
    """Time and memory of every contender by length, layers and networks apart."""
    rows = rows_of(SEQUENCES)
    parts = []
    for what, title in TITLES.items():
        chosen = [row for row in rows if row["what"] == what]
        if not chosen:
            continue
        contenders = list(dict.fromkeys(row["contender"] for row in chosen))
        cells: list[list[object]] = []
        for length in dict.fromkeys(row["length"] for row in chosen):
            found = {row["contender"]: row for row in chosen if row["length"] == length}
            cells.append([thousands(length), *(cell(found[name]) for name in contenders)])
        cells.append(["parameters", *(span(chosen, name) for name in contenders)])
        parts += [title.format(**chosen[0]) + ":", table(["samples", *contenders], cells)]
    first = rows[0]
    note = (
        f"Forward and backward, least time of interleaved rounds, and extra peak memory of a fresh process; float32, "
        f"{first['threads']} threads ({first['machine']}, torch {first['torch']}"
        + (f", neural-ssm {first['neural_ssm']}" if first.get("neural_ssm") else "")
        + f", {first['date']})."
    )
    return "\n\n".join([*parts, note])


def cell(row: dict[str, str]) -> str:
    """Time and memory of a contender."""
    return f"{float(row['both_min_ms']):.0f} ms, {float(row['peak_mb']):.0f} MB"


def span(rows: list[dict[str, str]], contender: str) -> str:
    """Parameters of a contender, from the shortest sequences to the longest where they differ."""
    counts = sorted({int(row["parameters"]) for row in rows if row["contender"] == contender})
    return " to ".join(thousands(count) for count in dict.fromkeys([counts[0], counts[-1]]))


def bench_series_models() -> str:
    """Time and memory of a step of training."""
    rows = rows_of(SERIES)
    cells: list[list[object]] = [
        [
            BATCHES[row["what"]],
            row["contender"],
            thousands(row["parameters"]),
            *(f"{float(row[f'{part}_min_ms']):.0f} ms" for part in ("forward", "both")),
            f"{float(row['peak_mb']):.0f} MB",
        ]
        for row in rows
    ]
    first = rows[0]
    versions = ", ".join(f"{name} {first[name]}" for name in ("torch", "torchdiffeq", "torchcde"))
    note = (
        "A step on one batch of the training, least time of interleaved rounds, extra peak memory of a fresh process; "
        f"float32, {first['threads']} thread ({first['machine']}, {versions}, {first['date']})."
    )
    header = ["batch", "network", "parameters", "forward", "forward + backward", "memory"]
    return table(header, cells) + "\n\n" + note


#: As :data:`readme_tables.BLOCKS`.
BLOCKS = {
    "bench:sequence_models": (bench_sequence_models, SEQUENCES),
    "bench:series_models": (bench_series_models, SERIES),
}
