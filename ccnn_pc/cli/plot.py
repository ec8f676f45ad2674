"""``ccnn-pc plot``: what a model's layers have learned to look for, and how far."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

EXAMPLES = """
Pictures of a model: slices of every layer's kernel under its window, window widths, and spectra
against the frequency bound and the Nyquist frequency.

\b
Examples:
  ccnn-pc plot ccnn_tiny-modelnet10
  ccnn-pc plot runs/my_experiment/model --out pictures --channels 8
  ccnn-pc plot ccnn_tiny-modelnet10 --like chair.off

The last one marks the Nyquist frequency of this shape, as the model samples it, and where the furthest of the
model's k neighbours lies: beyond it nothing of a window is seen. Of images rows run downwards, as they are seen.
"""


def plot(
    model: Annotated[str, typer.Argument(help="A pretrained model's name, or the folder of a saved model.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the pictures; default plots/<model>.")] = None,
    channels: Annotated[int, typer.Option(help="Kernel channels per layer: those with the most energy.")] = 6,
    spacing: Annotated[
        float | None,
        typer.Option(help="Distance of neighbouring samples, position units, for the Nyquist line."),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A mesh or cloud whose median spacing gives the Nyquist line."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which points are drawn from the file of --like.")] = 0,
) -> None:
    """Draw a model's kernels."""
    if spacing is not None and like is not None:
        raise typer.BadParameter("give --spacing or --like, not both")
    for path in plot_model(model, out, channels=channels, spacing=spacing, like=like, seed=seed):
        print(path)


plot.__doc__ = EXAMPLES


def plot_model(
    model: str,
    out: Path | None = None,
    *,
    channels: int = 6,
    spacing: float | None = None,
    like: Path | None = None,
    seed: int = 0,
) -> list[Path]:
    """Draw the kernels, windows and spectra of a saved model; see :func:`ccnn_pc.viz.plot_kernels`.

    Args:
        model: a pretrained model's name or a folder.
        out: folder of the pictures; default ``plots/<model>``.
        channels: kernel channels per layer.
        spacing: distance of neighbouring samples, for the Nyquist line.
        like: instead, a file: the median distance of its points to their nearest neighbours, as the model
            samples it; and where the furthest of the model's k neighbours lies.
        seed: of that sampling.

    Raises:
        ValueError: an unknown model, or one without continuous kernels.
        OSError: ``out`` cannot be written.
    """
    from ccnn_pc.models import from_pretrained
    from ccnn_pc.viz import plot_kernels

    network, furthest = from_pretrained(model), None
    if like is not None:
        spacing = median_spacing(like, network.preprocessing, seed)
        furthest = furthest_neighbor(like, network.preprocessing, seed)
    folder = out if out is not None else Path("plots") / _name(model)
    return plot_kernels(network, folder, spacing=spacing, channels=channels, furthest=furthest)


def median_spacing(file: Path, preprocessing: Any, seed: int = 0) -> float:
    """Median distance to the nearest other point of a file's cloud after the model's preprocessing.

    Raises:
        ValueError: fewer than two different points.
    """
    from ccnn_pc.cli.read_file import read_input
    from ccnn_pc.ops.neighbors.k_nearest import knn

    pos = read_input(file, preprocessing, seed).pos
    index = knn(pos, 2).index.long()
    distance = float((pos[index[:, -1]] - pos).norm(dim=1).median()) if len(pos) > 1 else 0.0
    if distance <= 0:
        raise ValueError(f"'{file}' must hold different points to have a spacing")
    return distance


def furthest_neighbor(file: Path, preprocessing: Any, seed: int = 0) -> float | None:
    """Median distance of the furthest of the k neighbours that a model sees; None where it sees all in reach."""
    from ccnn_pc.cli.read_file import read_input
    from ccnn_pc.ops.neighbors.k_nearest import knn

    k = getattr(preprocessing, "num_neighbors", None)
    if k is None:
        return None
    pos = read_input(file, preprocessing, seed).pos
    index = knn(pos, min(k, len(pos))).index.long()
    return float((pos[index[:, -1]] - pos).norm(dim=1).median())


def _name(model: str) -> str:
    """A folder's name for a model: ``runs/shapes/12-00/model`` becomes ``12-00``."""
    path = Path(model).resolve() if Path(model).is_dir() else Path(model)
    return path.parent.name if path.name == "model" else path.name
