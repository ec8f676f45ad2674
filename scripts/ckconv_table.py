"""The table of CKConv's released checkpoints in docs/: what they score here and there, and what each needs for it."""

from __future__ import annotations

from readme_tables import Row, percent, rows_of, table, thousands  # beside this script

SOURCE = "results/ckconv_checkpoints.csv"
#: Options and normalisation of a column, its heading, and how it is called where a row needs it.
COLUMNS = {
    ("anchor=ends", "step"): ("`anchor=ends`", "anchor"),
    ("blur=false", "step"): ("`blur=False`", "blur"),
    ("short_fft=false", "step"): ("`short_fft=False`", "short FFT"),
    ("released", "channel"): ("per channel", "per step"),
}
#: A quirk is needed where accuracy moves by more than this without it.
NEEDED = 0.002


def results_ckconv() -> str:
    """A row per checkpoint and test rate: as released, the reference, and with one thing changed at a time."""
    rows = rows_of(SOURCE)
    main = [r for r in rows if r["options"] == "released" and (r["normalize"] != "channel" or r["auc"])]
    cells = []
    for row in main:
        others = {
            (r["options"], r["normalize"]): r
            for r in rows
            if (r["checkpoint"], r["rate"]) == (row["checkpoint"], row["rate"]) and r is not row
        }
        changed = [percent(others[key]["accuracy"]) if key in others else "–" for key in COLUMNS]
        needed = [name for key, (_, name) in COLUMNS.items() if key in others and differs(row, others[key])]
        scores = [f"{percent(row[key])}" for key in ("accuracy", "reference_accuracy")]
        cells.append([f"`{row['checkpoint']}`", row["rate"], *scores, *changed, ", ".join(needed) or "–"])
    heads = ["file", "rate", "here", "released code", *(head for head, _ in COLUMNS.values()), "needs"]
    lines = [table(heads, cells)]
    lines += [
        f"`{row['checkpoint']}`: area under the ROC curve {float(row['auc']):.4f} on {thousands(row['n'])} patients, "
        f"all there are here; the reference is {float(row['reference_auc']):.4f} on {thousands(row['reference_n'])}, "
        "which contain them."
        for row in main
        if row["auc"]
    ]
    return "\n\n".join(lines)


def differs(row: Row, other: Row) -> bool:
    """Whether accuracy moves by more than :data:`NEEDED`."""
    return abs(float(row["accuracy"]) - float(other["accuracy"])) > NEEDED
