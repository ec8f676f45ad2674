"""One look for all pictures: sizes, colours, saving; matplotlib is imported when the first is drawn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccnn_pc._files import written_whole
from ccnn_pc._optional import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, RED, GREEN, ORANGE, VIOLET = "#2a6fbb", "#c8453b", "#3a8f5c", "#dc8a1e", "#7a5bb0"
SERIES = (BLUE, RED, GREEN, ORANGE, VIOLET, "#4fa3b5", "#8c6d46", "#d67ab1")
INK, FAINT = "#2b2f36", "#9aa3ad"

#: Signed values (kernels), magnitudes (counts), ordered scalars (heights, values on points).
DIVERGING, SEQUENTIAL = "RdBu_r", "Blues"

_RC = {
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "image.interpolation": "nearest",
}


@contextmanager
def picture(
    out: str | os.PathLike[str], width: float, height: float, *, fit: bool = False
) -> Iterator[Figure]:
    """Yield an empty figure in the common style, and write it to ``out`` as png (or what the suffix says).

    No window system and no global figure list is touched; the user's settings come back afterwards.

    Args:
        out: file to write; missing folders are made.
        width: in inches.
        height: in inches.
        fit: cut or grow the picture to what is drawn.

    Raises:
        ImportError: matplotlib is not installed.
        OSError: the file cannot be written; the message names it.
    """
    matplotlib = require("matplotlib", extra="train", purpose="to draw pictures")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    path = Path(out)
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **_RC, "backend": "agg"}):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        yield figure
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fitted: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": 0.08} if fit else {}
            with written_whole(path) as hidden:
                figure.savefig(hidden, format=path.suffix[1:] or "png", **fitted)
        except OSError as error:
            raise OSError(
                f"'out' must be a file that can be written (got {path}: {error.strerror})"
            ) from error


def class_colours(number: int) -> list[str]:
    """So many colours for classes, those of lines first.

    Example:
        >>> class_colours(2), len(set(class_colours(40)))
        (['#2a6fbb', '#c8453b'], 40)
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    more = max(number - len(SERIES), 1)
    hues = [colormaps["hsv"]((i + 0.5) / more) for i in range(more)]
    shades = [0.75 if i % 2 else 1.0 for i in range(more)]
    rest = [
        to_hex((shade * r, shade * g, shade * b)) for shade, (r, g, b, _) in zip(shades, hues, strict=True)
    ]
    return [*SERIES, *rest][:number]


def colour_scale(figure: Figure, image: Any, axes: Any, label: str) -> None:
    """Add a slim colour bar with a label to ``axes`` (one or several)."""
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03, aspect=28)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2)
    bar.set_label(label)
