"""What ``ccnn-pc fit`` makes of its fits: pictures, a ranking, advice, a report of the stored table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccnn_pc.studies.kernel_fits import Fit

LINES, IMAGE = "kernel_fit.png", "kernel_fit_image.png"


def draw(fits: Sequence[Fit], out: Path) -> list[Path]:
    """Pictures of the functions and of the picture, as far as they were fitted."""
    from ccnn_pc.viz import LineFit, plot_image_fits, plot_line_fits

    panels: dict[str, dict[str, LineFit]] = {}
    images: dict[str, Any] = {}
    for found in fits:
        problem, kernel, note = found.problem, found.family.name, f"{found.result.error:.2g}"
        if problem.u.shape[1] == 1:
            lines = (problem.u[:, 0], problem.target[:, 0], problem.shown[:, 0], found.values)
            panels.setdefault(kernel, {})[problem.name] = LineFit(*lines, note=note)
        else:
            between = found.result.error_between
            images[kernel] = (found.values, note if between is None else f"{note}, between {between:.2g}")
    written = [plot_line_fits(panels, out / LINES)] if panels else []
    if images:
        problem = fits[-1].problem
        written.append(plot_image_fits(problem.image(), images, out / IMAGE, title=problem.name))
    return written


def ranked(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per kernel, least error first: means over the targets; noise, which has no between, apart.

    Example:
        >>> row = {"parameters": 9, "cpu_seconds": 1.0, "target": "step", "error_between": 0.5}
        >>> found = ranked([row | {"kernel": "a", "error": 0.5}, row | {"kernel": "b", "error": 0.25}])
        >>> [(row["kernel"], row["error"], row["between"]) for row in found]
        [('b', 0.25, 0.5), ('a', 0.5, 0.5)]
    """
    found = []
    for kernel in dict.fromkeys(row["kernel"] for row in rows):
        mine = [row for row in rows if row["kernel"] == kernel]
        noise = [row for row in mine if row["error_between"] is None]
        smooth = [row for row in mine if row["error_between"] is not None]
        error, between = _mean(smooth, "error"), _mean(smooth, "error_between")
        found.append(
            {
                "kernel": kernel,
                "error": error,
                "between": between,
                "noise": _mean(noise, "error"),
                "aliased": error is not None and between is not None and between > 2.0 * error + 0.1,
                "parameters": ", ".join(str(n) for n in dict.fromkeys(row["parameters"] for row in mine)),
                "cpu_seconds": sum(row["cpu_seconds"] for row in mine),
            }
        )
    return sorted(found, key=lambda row: row["noise"] if row["error"] is None else row["error"])


def _mean(rows: Sequence[dict[str, Any]], column: str) -> float | None:
    return sum(row[column] for row in rows) / len(rows) if rows else None


def print_table(ranking: Sequence[dict[str, Any]], problems: int) -> None:
    """The ranking, on stdout; errors of kernels that oscillate between the points in red."""
    from rich.console import Console
    from rich.table import Table

    table = Table("kernel", box=None, header_style="bold", pad_edge=False)
    for name in ("error", "between", "noise", "parameters", "CPU s"):
        table.add_column(name, justify="right")
    for row in ranking:
        cells = ["–" if row[name] is None else f"{row[name]:.3g}" for name in ("error", "between", "noise")]
        cells[1] = f"[red]{cells[1]}[/red]" if row["aliased"] else cells[1]
        table.add_row(row["kernel"], *cells, row["parameters"], f"{row['cpu_seconds']:.1f}")
    print(f"Relative errors, means over targets ({problems} in all); least error first.\n")
    Console().print(table)


def advice(ranking: Sequence[dict[str, Any]], *, steps: int, with_image: bool) -> str:
    """What to try next, from what came out.

    Example:
        >>> advice([{"kernel": "siren", "aliased": True, "error": 0.0}], steps=100, with_image=True)
        'siren oscillates between the points: try a smaller --omega-0 or --lr, or more --points.'
    """
    aliased = [row["kernel"] for row in ranking if row["aliased"]]
    if aliased:
        verb = "oscillates" if len(aliased) == 1 else "oscillate"
        return f"{', '.join(aliased)} {verb} between the points: try a smaller --omega-0 or --lr, or more --points."
    if (ranking[0]["error"] or 0.0) > 0.1:
        return f"no kernel fits well: try --steps {4 * steps}, or a larger --hidden."
    if not with_image:
        return "pictures: --image FILE, or --image synthetic."
    return f"--seed 1 shows what is luck, --steps {4 * steps} what is patience."


def report(table: Sequence[Mapping[str, str]]) -> tuple[str, list[str], list[list[str]]]:
    """A stored table in words: how it was made and what it says; header and rows, least mean error first.

    Args:
        table: rows of ``kernel_fit.csv``, every kernel fitted to every target.

    Returns:
        A paragraph, the names of the columns, and cells "error / error between the points".
    """
    floats = ("error", "error_between", "cpu_seconds")
    rows: list[dict[str, Any]] = [
        dict(row) | {k: float(row[k]) if row.get(k) else None for k in floats} for row in table
    ]
    head, ranking, targets = rows[0], ranked(rows), list(dict.fromkeys(row["target"] for row in rows))
    both = "{error:.2g} / {between:.2g}".format
    cells = []
    for best in ranking:
        mine = {row["target"]: row for row in rows if row["kernel"] == best["kernel"]}
        pairs = [[mine[t][k] for k in floats[:2] if mine[t][k] is not None] for t in targets]
        errors = [" / ".join(f"{error:.2g}" for error in pair) for pair in pairs]
        cells.append([f"`{best['kernel']}`", best["parameters"], both(**best), *errors])
    tame = min(ranking, key=lambda row: row["between"])
    sizes = dict.fromkeys((row["target"], row["points"]) for row in rows if row["points"] != head["points"])
    others = "".join(f", {points} of {target}" for target, points in sizes)
    minutes = sum(row["cpu_seconds"] for row in rows) / 60
    about = (
        f"{head['points']} points{others}; {head['steps']} steps, seed {head['seed']}, {minutes:.1f} processor "
        f"minutes for {len(rows)} fits ({head['versions']}). Errors are relative, at the points / between them. "
        "The mean leaves out noise, which has nothing between. "
        f"At the points `{ranking[0]['kernel']}` comes closest ({both(**ranking[0])} in the mean), "
        f"between them `{tame['kernel']}` ({both(**tame)})."
    )
    return about, ["kernel", "parameters", "mean", *targets], cells
