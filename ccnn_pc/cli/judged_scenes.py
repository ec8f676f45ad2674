"""What ``ccnn-pc evaluate`` keeps of single scenes: their scores, and pictures of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ccnn_pc.datasets import Scenes
    from ccnn_pc.datasets.scenes.tiled import TiledScene
    from ccnn_pc.training.scene_predictions import ScenePredictions

#: Scores of a scene, and how tables call them.
HEADS = {
    **{"accuracy": "accuracy", "mean_class_accuracy": "mean over classes", "mean_iou": "mean IoU"},
    **{
        "type_1_error": "type 1 error",
        "type_2_error": "type 2 error",
        "total_error": "total error",
        "kappa": "kappa",
    },
}


class JudgedScenes:
    """Scores of each scene, while its tiles come; a picture of each.

    Args:
        dataset: tiles that cover scenes.
        positive: of two classes the one that errors are of.
        out: table beside which pictures are drawn; None: none are.

    Attributes:
        rows: ``file``, ``n`` and scores of each scene that is done.
    """

    #: Tiles per batch, unless the user says it.
    batch_size = 4

    def __init__(self, dataset: Scenes, *, positive: int = 1, out: Path | None = None) -> None:
        from ccnn_pc.training.scene_predictions import ScenePredictions

        self.dataset, self.positive, self.out = dataset, positive, out
        self.predictions = ScenePredictions(len(dataset.classes), self._ended)
        self.rows: list[dict[str, Any]] = []
        self._names: set[str] = set()

    def __call__(self, batch: Any, answers: Tensor, target: Tensor) -> None:
        """Take in a batch."""
        self.predictions.add(batch, answers)

    def more(self) -> dict[str, Any]:
        """The scores of each scene (``files``), when all tiles have come."""
        self.predictions.finish()
        return {"files": self.rows}

    def store(self, path: Path, confusion: Tensor | None) -> None:
        """Write the scores of scenes as a table, and the confusions of all of them beside it."""
        from ccnn_pc._files import write_rows_atomically
        from ccnn_pc.cli.judged import store_confusion

        write_rows_atomically(path, self.rows)
        if confusion is not None:
            store_confusion(confusion, self.dataset.classes, path)

    def _ended(self, predictions: ScenePredictions) -> None:
        from ccnn_pc.cli.answers import free_name
        from ccnn_pc.training.segmentation_scores import confusion_scores

        scene = self.dataset.scenes[predictions.scene or 0]
        confusion = predictions.scene_confusion()
        row = {"file": scene.scene.source, "n": int(confusion.sum())}
        if not scene.area.whole:
            row["area"] = str(scene.area)
        self.rows.append(row | confusion_scores(confusion, self.positive))
        if self.out is not None:
            name = free_name(f"{self.out.stem}_{Path(scene.scene.source).stem}", self._names)
            _draw(scene, predictions, self.dataset.classes, self.out.with_name(f"{name}.png"))


def _draw(scene: TiledScene, predictions: ScenePredictions, names: Sequence[str], out: Path) -> None:
    from ccnn_pc.viz.scenes import SeenScene, drawn_rows, plot_scene

    members = scene.members()
    rows = members[drawn_rows(len(members))]
    said = predictions.mean().argmax(dim=1).cpu().numpy()[rows]
    seen = SeenScene(scene.scene.pos[rows], said, names, scene.labels(rows), len(members))
    plot_scene(seen, out, title=f"{Path(scene.scene.source).name}, kept points")


def print_judged(result: Mapping[str, Any]) -> None:
    """Scores of each scene, and of all, as a table and an empty line."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    shown = [name for name in HEADS if name in result]
    scenes = Table("scene", box=None, header_style="bold", pad_edge=False)
    for head in ("points", *(HEADS[name] for name in shown)):
        scenes.add_column(head, justify="right")
    for row in result["files"]:
        area = f" ({row['area']})" if "area" in row else ""
        scenes.add_row(
            escape(f"{row['file']}{area}"), str(row["n"]), *(_said(name, row.get(name)) for name in shown)
        )
    if len(result["files"]) > 1:
        scenes.add_row("all", str(result["n"]), *(_said(name, result[name]) for name in shown), style="bold")
    console = Console()
    if not console.is_terminal:
        console.width = 10_000
    console.print(scenes)
    print()


def _said(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if name == "kappa" else f"{100 * value:.2f} %"
