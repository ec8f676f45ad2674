"""A bar on stderr: how much is done, how fast, how long it will take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def progress_over(loader: Any, what: str, *, points: int) -> Iterator[Any]:
    """Yield what a loader yields, and show how many of the points are done, points per second and time left.

    Args:
        loader: with a length; every step stands for the same share of the points.
        what: is done.
        points: in all.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{in_short(task.speed)} points/s" if task.speed else "")

    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"),
        TextColumn(f"of {in_short(points)} points"), Rate(), TimeRemainingColumn(),
    )  # fmt: skip
    steps: Iterable[Any] = loader
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=points)
        for step in steps:
            yield step
            progress.advance(task, points / len(loader))


def in_short(count: float) -> str:
    """A number with at most four signs.

    Example:
        >>> in_short(999), in_short(12_345), in_short(2_500_000)
        ('999', '12k', '2.5M')
    """
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if count >= size:
            value = count / size
            return f"{value:.0f}{sign}" if value >= 10 else f"{value:.1f}{sign}"
    return f"{count:.0f}"
