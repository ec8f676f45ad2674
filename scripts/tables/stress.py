"""What rows of the copy memory and adding problems say in words."""

from __future__ import annotations

from scripts.tables.render import Rows, shown


def stress_words(rows: Rows) -> Rows:
    """Rows with task, network, score, and whether that is a solution."""
    found = []
    for row in rows:
        copy = row["setting"].startswith("copy_memory_")
        length, _, network = row["setting"].removeprefix("copy_memory_" if copy else "adding_").partition("_")
        solved = float(row["test_accuracy"]) == 1 if copy else float(row["test_mse"]) <= 1e-4
        words = {
            "task": f"{'copy memory' if copy else 'adding problem'}, {length}",
            "network": {"": "ours", "ckcnn": "CKCNN as published"}[network],
            "score": shown("{test_accuracy:%}" if copy else "MSE {test_mse:.1e}", [row]),
            "solved": "yes" if solved else "no",
        }
        found.append({**row, **words})
    return found
