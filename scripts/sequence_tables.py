"""The table of layers and networks on long sequences."""

from __future__ import annotations

from readme_tables import rows_of, table, thousands  # beside this script

SEQUENCES = "results/bench_sequence_models.csv"
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


#: As :data:`readme_tables.BLOCKS`.
BLOCKS = {"bench:sequence_models": (bench_sequence_models, SEQUENCES)}
