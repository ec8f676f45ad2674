"""`ccnn-pc models`: which networks there are, how large they are, which come trained."""

from __future__ import annotations

import contextlib
import fnmatch
import json
from typing import Any

import typer


def models(
    pattern: str = typer.Argument("*", help="Show names that match, e.g. 'ccnn_4_*'."),
    dim: int = typer.Option(3, help="Number of axes of the positions, 1 to 3."),
    in_channels: int = typer.Option(6, help="Features per sample; 6: normal and position."),
    out_channels: int = typer.Option(40, help="Classes; 40: ModelNet40."),
    as_json: bool = typer.Option(False, "--json", help="Print the table as JSON on the last line of stdout."),
) -> None:
    """List networks: name, axes, parameters, and the trained ones inside the package.

    Examples:  ccnn-pc models  |  ccnn-pc models 'ccnn_4_*' --out-channels 10  |  ccnn-pc models --json
    """
    rows = model_rows(pattern, dim, in_channels, out_channels)
    if as_json:
        print(json.dumps(rows))
        return
    if not rows:
        raise ValueError(f"'pattern' must match a model's name (got {pattern!r}); `ccnn-pc models` lists all")
    width = max(len(str(row["name"])) for row in rows)
    print(f"{'name':<{width}}  dim  parameters  pretrained")
    for row in rows:
        trained = "yes" if row["pretrained"] else "no"
        count = "-" if row["parameters"] is None else row["parameters"]
        print(f"{row['name']:<{width}}  {row['dim']:>3}  {count:>10}  {trained}")
    print(f"\nParameters of untrained models: {in_channels} input channels, {out_channels} outputs.")
    if any(row["parameters"] is None for row in rows):
        print("-: a package is missing (see ccnn-pc doctor).")


def model_rows(pattern: str, dim: int, in_channels: int, out_channels: int) -> list[dict[str, Any]]:
    """One row per network whose name matches ``pattern``: name, dim, parameters, pretrained.

    Of pretrained networks the number is stored; the others with the given numbers of channels, and with ``dim``
    axes unless they are made for another number alone. The number of parameters is None where a package is missing.

    Example:
        >>> model_rows("ccnn_4_16", 3, 6, 40)
        [{'name': 'ccnn_4_16', 'dim': 3, 'parameters': 6545, 'pretrained': False}]
    """
    from ccnn_pc.models.listing import CONFIG, PACKAGED, list_pretrained
    from ccnn_pc.models.parameters import count_parameters, countable_names, nearest_dim

    for word, value in (("dim", dim), ("in_channels", in_channels), ("out_channels", out_channels)):
        if value < 1:
            raise ValueError(f"'{word}' must be at least 1 (got {value})")
    rows: list[dict[str, Any]] = []
    for name in fnmatch.filter(countable_names(), pattern):
        axes = nearest_dim(name, dim)
        count: int | None = None
        with contextlib.suppress(ImportError):
            count = count_parameters(name, axes, in_channels, out_channels)
        rows.append({"name": name, "dim": axes, "parameters": count, "pretrained": False})
    for name in fnmatch.filter(list_pretrained(), pattern):
        stored = json.loads((PACKAGED / name / CONFIG).read_text(encoding="utf-8"))
        geometry = stored["model"].get("geometry", stored["model"])
        rows.append(
            {"name": name, "dim": geometry["dim"], "parameters": stored["parameters"], "pretrained": True}
        )
    return rows
