"""What came of a sweep: a table on the screen and in a file, a picture, the settings that validation chooses."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ccnn_pc._files import write_rows_atomically
from ccnn_pc.training.scores import FALLING

RESULT, TABLE, PICTURE = "result.json", "sweep.csv", "sweep.png"
#: Columns of a result that the table has.
NUMBERS = ("best_epoch", "epochs", "parameters", "core_minutes")


def rows_of(
    folder: Path,
    settings: Mapping[str, Sequence[str]],
    errors: Mapping[str, str],
    states: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """A row for each run: its settings, scores, times, or why it failed.

    Args:
        folder: of the sweep.
        settings: words of each run, by the name of its folder.
        errors: what went wrong, by name.
        states: of the trials of a search, by name.
    """
    rows = []
    for name, words in settings.items():
        row: dict[str, Any] = {"run": name}
        for key, _, value in (word.lstrip("+").partition("=") for word in words):
            row[key] = value
        path = folder / name / RESULT
        if path.exists():
            result = json.loads(path.read_text(encoding="utf-8"))
            scores = {k: v for k, v in result.items() if k.startswith(("val_", "test_")) and v is not None}
            row |= {**scores, **{k: result.get(k) for k in (*NUMBERS, "selected_on")}}
        if states is not None:
            row["state"] = states.get(name)
        if name in errors:
            row["error"] = errors[name]
        rows.append(row)
    return rows


def groups_of(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Rows put together over seeds: for each score its mean, and the deviation of several (n - 1).

    Example:
        >>> rows = [{"kernel": "siren", "seed": s, "val_accuracy": v} for s, v in (("0", 0.5), ("1", 0.7))]
        >>> groups_of(rows, ["kernel", "seed"])
        [{'kernel': 'siren', 'runs': 2, 'val_accuracy': (0.6, 0.1414...)}]
    """
    others = [key for key in (*keys, "state") if key != "seed" and any(key in row for row in rows)]
    together: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        together.setdefault(tuple(row.get(key) for key in others), []).append(row)
    found = []
    for values, members in together.items():
        scored = [row for row in members if any(key.startswith("val_") for key in row)]
        group: dict[str, Any] = {**dict(zip(others, values, strict=True)), "runs": len(scored)}
        names = dict.fromkeys(key for row in scored for key in row if key.startswith(("val_", "test_")))
        for name in sorted(names, key=lambda name: name.startswith("test_")):
            numbers = [float(row[name]) for row in scored if name in row]
            deviation = statistics.stdev(numbers) if len(numbers) > 1 else None
            group[name] = (statistics.mean(numbers), deviation)
        found.append(group)
    return found


def best_of(groups: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The group that validation chooses by its mean, the first of equal ones; None where nothing was validated."""
    scores = [(name, group) for group in groups for name in group if name.startswith("val_")]
    if not scores:
        return None
    score = scores[0][0]
    falls = score.removeprefix("val_") in FALLING
    scored = [group for group in groups if score in group]
    return min(scored, key=lambda group: group[score][0] * (1 if falls else -1))


def report(
    folder: Path,
    settings: Mapping[str, Sequence[str]],
    errors: Mapping[str, str],
    states: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write ``sweep.csv`` and ``sweep.png``, print the table and what was chosen.

    The table is written once no run is left to be done, so that its being there says that the sweep is over.

    Args:
        folder: of the sweep.
        settings: words of each run, by the name of its folder.
        errors: what went wrong, by name.
        states: of the trials of a search, by name; those that were ended early are not chosen.
    """
    rows = rows_of(folder, settings, errors, states)
    keys = list(
        dict.fromkeys(word.partition("=")[0].lstrip("+") for words in settings.values() for word in words)
    )
    groups = groups_of(rows, keys)
    best = best_of(groups_of([row for row in rows if row.get("state") in (None, "complete")], keys))
    print(f"\n{table(groups)}", file=sys.stderr)
    if best is not None:
        on_test = any(row.get("selected_on") == "test" for row in rows)
        words = " ".join(f"{key}={best[key]}" for key in keys if key in best) or "all of them"
        print(f"\nbest by {'THE TEST SPLIT' if on_test else 'validation'}: {words}", file=sys.stderr)
    written = [TABLE] if not errors else []
    if not errors:
        write_rows_atomically(folder / TABLE, rows)
        (folder / f"unfinished_{TABLE}").unlink(missing_ok=True)
    else:
        write_rows_atomically(folder / f"unfinished_{TABLE}", rows)
        written.append(f"unfinished_{TABLE}")
        for name, error in errors.items():
            print(f"failed: {name}: {error}", file=sys.stderr)
        print("The same command trains those that failed again.", file=sys.stderr)
    if _picture(rows, keys, folder / PICTURE):
        written.append(PICTURE)
    print(f"written to {folder}: {', '.join(written)}", file=sys.stderr, flush=True)
    return {"folder": str(folder), "best": best, "runs": rows, "failed": list(errors)}


def table(groups: Sequence[Mapping[str, Any]]) -> str:
    """Groups as lines of text: settings, runs, scores in per cent or as they are.

    Example:
        >>> print(table([{"kernel": "siren", "runs": 2, "val_accuracy": (0.6, 0.02), "val_loss": (1.5, None)}]))
        kernel  runs  val accuracy    val loss
        siren   2     60.00 ± 2.00 %  1.5
    """
    from ccnn_pc.cli.answers import SHARES

    heads = list(dict.fromkeys(key for group in groups for key in group))

    def cell(name: str, value: Any) -> str:
        if not isinstance(value, tuple):
            return "–" if value is None else str(value)
        mean, deviation = value
        factor, form, unit = (100.0, ".2f", " %") if name.endswith(SHARES) else (1.0, ".4g", "")
        spread = "" if deviation is None else f" ± {factor * deviation:{form}}"
        return f"{factor * mean:{form}}{spread}{unit}"

    cells = [[head.replace("_", " ") if head.startswith(("val_", "test_")) else head for head in heads]]
    cells += [[cell(head, group.get(head)) for head in heads] for group in groups]
    widths = [max(len(line[i]) for line in cells) for i in range(len(heads))]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
    return "\n".join(lines)


def _picture(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], out: Path) -> bool:
    """Draw the validation score over each setting; whether there was one."""
    from ccnn_pc.viz import plot_sweep

    score = next((key for row in rows for key in row if key.startswith("val_")), None)
    if score is None:
        return False
    scored = [row for row in rows if score in row]
    varied = [key for key in keys if len({row.get(key) for row in scored}) > 1]
    settings = {key: [str(row.get(key)) for row in scored] for key in varied or keys[:1]}
    try:
        plot_sweep(settings, [float(row[score]) for row in scored], score.replace("_", " "), out)
    except Exception as error:  # a picture must not cost the table
        print(f"No picture: {type(error).__name__}: {error}", file=sys.stderr)
        return False
    return True
