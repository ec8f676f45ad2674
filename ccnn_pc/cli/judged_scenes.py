"""What ``ccnn-pc evaluate`` keeps of single scenes: their scores, and pictures of them."""

from __future__ import annotations

import abc
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ccnn_pc.datasets import Scenes
    from ccnn_pc.datasets.scenes.tiled import TiledScene
    from ccnn_pc.training.scene_predictions import SceneMeans, ScenePredictions
    from ccnn_pc.viz.report import Told

#: Points of a scene on a page, and numbers of it that are drawn.
_POINTS, _NUMBERS = 20_000, 500
#: Scores of a scene, and how tables call them.
HEADS = {
    **{"accuracy": "accuracy", "mean_class_accuracy": "mean over classes", "mean_iou": "mean IoU"},
    **{
        "type_1_error": "type 1 error",
        "type_2_error": "type 2 error",
        "total_error": "total error",
        "kappa": "kappa",
    },
    **{"mae": "MAE", "rmse": "RMSE", "r2": "R2"},
    **{"angle": "angle", "within_10": "within 10 degrees", "within_30": "within 30 degrees"},
}


class JudgedScenes(abc.ABC):
    """Scores of each scene, while its tiles come; a picture of each.

    Args:
        dataset: tiles that cover scenes.
        predictions: what averages the answers for them.
        out: table beside which pictures are drawn; None: none are.

    Attributes:
        rows: ``file``, ``n`` and scores of each scene that is done.
        seen: where they are wanted for a page, of each scene its row, positions and what is told of its points.
        pairs: true and predicted numbers of some points of each scene.
        trained: targets of the training, as the network answers them.
    """

    #: Tiles per batch, unless the user says it.
    batch_size = 4

    def __init__(self, dataset: Scenes, predictions: SceneMeans, out: Path | None) -> None:
        self.dataset, self.predictions, self.out = dataset, predictions, out
        predictions.ended = self._ended
        self.rows: list[dict[str, Any]] = []
        self.seen: list[tuple[dict[str, Any], np.ndarray, Told]] | None = None
        self.pairs: list[tuple[np.ndarray, np.ndarray]] = []
        self.trained: Sequence[Sequence[float]] = ()
        self._names: set[str] = set()

    def __call__(self, batch: Any, answers: Tensor, target: Tensor) -> None:
        """Take in a batch."""
        self.predictions.add(batch, answers)

    def more(self) -> dict[str, Any]:
        """The scores of each scene (``files``), when all tiles have come."""
        self.predictions.finish()
        return {"files": self.rows}

    def warn(self) -> None:  # noqa: B027
        """Name targets that are otherwise than the answers."""

    def store(self, path: Path, confusion: Tensor | None) -> None:
        """Write the scores of scenes as a table, and the confusions of all of them beside it."""
        from ccnn_pc._files import write_rows_atomically
        from ccnn_pc.cli.judged import store_confusion

        write_rows_atomically(path, [_flat(row) for row in self.rows])
        if confusion is not None:
            store_confusion(confusion, self.dataset.classes, path)

    def _ended(self, predictions: Any) -> None:
        from ccnn_pc.cli.answers import free_name

        scene = self.dataset.scenes[predictions.scene or 0]
        row: dict[str, Any] = {"file": scene.scene.source}
        if not scene.area.whole:
            row["area"] = str(scene.area)
        self.rows.append(row | self.scores())
        if self.out is not None:
            name = free_name(f"{self.out.stem}_{Path(scene.scene.source).stem}", self._names)
            self.draw(scene, self.out.with_name(f"{name}.png"))
        if self.seen is not None and len(scene.members()):
            from ccnn_pc.viz.scenes import drawn_rows

            members = scene.members()
            rows = members[drawn_rows(len(members), _POINTS)]
            self.seen.append((self.rows[-1], scene.scene.pos[rows], self.told(scene, rows)))

    @abc.abstractmethod
    def told(self, scene: TiledScene, rows: np.ndarray) -> Told:
        """What is said of some points of the present scene, beside the truth."""

    @abc.abstractmethod
    def scores(self) -> dict[str, Any]:
        """Of the present scene, with ``n``."""

    @abc.abstractmethod
    def draw(self, scene: TiledScene, out: Path) -> None:
        """Draw the present scene."""


class JudgedClasses(JudgedScenes):
    """The same of classes.

    Args:
        dataset: tiles that cover scenes.
        positive: of two classes the one that errors are of.
        out: see :class:`JudgedScenes`.
    """

    def __init__(self, dataset: Scenes, *, positive: int = 1, out: Path | None = None) -> None:
        from ccnn_pc.training.scene_predictions import ScenePredictions

        self.positive, self._classes = positive, ScenePredictions(len(dataset.classes))
        super().__init__(dataset, self._classes, out)

    def scores(self) -> dict[str, Any]:
        """From the confusions of the original points of a scene."""
        from ccnn_pc.training.segmentation_scores import confusion_scores

        confusion = self._classes.scene_confusion()
        return {"n": int(confusion.sum()), **confusion_scores(confusion, self.positive)}

    def draw(self, scene: TiledScene, out: Path) -> None:
        """Draw kept points with truth and errors."""
        _draw(scene, self._classes, self.dataset.classes, out)

    def told(self, scene: TiledScene, rows: np.ndarray) -> Told:
        """Classes of points."""
        from ccnn_pc.viz.report import Told

        said = self._classes.mean().argmax(dim=1).cpu().numpy()[rows]
        return Told(list(self.dataset.classes), said, scene.labels(rows))


class JudgedNumbers(JudgedScenes):
    """The same of numbers, or of directions; errors of all scenes together too.

    Args:
        dataset: tiles that cover scenes.
        out: see :class:`JudgedScenes`.
    """

    def __init__(self, dataset: Scenes, *, out: Path | None = None) -> None:
        from ccnn_pc.training.scene_numbers import SceneNumbers, errors_for

        self.target = dataset.preprocessing.wanted
        directions = bool(getattr(self.target, "direction", False))
        self._means = SceneNumbers(len(self.target.names), directions=directions)
        self._all = errors_for(self.target)
        self._some: list[tuple[np.ndarray, np.ndarray]] = []
        super().__init__(dataset, self._means, out)

    def scores(self) -> dict[str, Any]:
        """Errors at the original points of a scene."""
        from ccnn_pc.training.scene_numbers import errors_for, scene_pairs

        errors = errors_for(self.target)
        for said, truth in scene_pairs(self._means):
            for each in (errors, self._all):
                each.add(said, truth)
            some = slice(None, None, max(1, len(said) // _NUMBERS))
            self._some.append((said[some], truth[some]))
        return errors.results()

    def warn(self) -> None:
        """Name numbers of files that are in another unit than the answers."""
        import numpy as np
        import torch

        from ccnn_pc.models import SamplingWarning
        from ccnn_pc.models.shift.outside_answers import of_targets
        from ccnn_pc.models.shift.trained_on import Spread

        if not (self._some and self.trained) or self.target.direction:  # type: ignore[union-attr]
            return
        numbers = self.target.restored(np.array(self.trained).T).T.tolist()  # type: ignore[union-attr]
        said, truth = (torch.from_numpy(np.concatenate(parts)) for parts in zip(*self._some, strict=True))
        text = of_targets(said, truth, [Spread(*each) for each in numbers], self.target.names)
        if text is not None:
            warnings.warn(text, SamplingWarning, stacklevel=2)

    def more(self) -> dict[str, Any]:
        """The errors of all scenes, and of each (``files``)."""
        return {**super().more(), **self._all.results()}

    def draw(self, scene: TiledScene, out: Path) -> None:
        """Draw the first number at kept points, with truth and error."""
        from ccnn_pc.training.scene_numbers import restored
        from ccnn_pc.viz.scene_numbers import plot_scene_numbers
        from ccnn_pc.viz.scenes import drawn_rows

        members = scene.members()
        rows = members[drawn_rows(len(members))]
        said, pos = restored(self._means)[rows, 0], scene.scene.pos[rows]
        truth = self.target.restored(scene.labels(rows))[:, 0]  # type: ignore[union-attr]
        title = f"{Path(scene.scene.source).name}, kept points"
        plot_scene_numbers(pos, said, out, truth=truth, name=self.target.names[0], title=title)

    def told(self, scene: TiledScene, rows: np.ndarray) -> Told:
        """Numbers of points, in the unit of the files."""
        from ccnn_pc.training.scene_numbers import restored
        from ccnn_pc.viz.report import Told

        said = restored(self._means)[rows]
        truth = self.target.restored(scene.labels(rows))  # type: ignore[union-attr]
        some = slice(None, None, max(1, len(rows) // _NUMBERS))
        self.pairs.append((truth[some], said[some]))
        numbers = {}
        for place, name in enumerate(self.target.names[:3]):
            numbers[f"answer {name}"], numbers[f"true {name}"] = said[:, place], truth[:, place]
            numbers[f"±error {name}"] = said[:, place] - truth[:, place]
        return Told(numbers=numbers)


def judge_of(dataset: Scenes, *, positive: int = 1, out: Path | None = None) -> JudgedScenes:
    """What keeps the scores of scenes, by what is learned of their points."""
    from ccnn_pc.datasets.scenes.targets import NumberTarget

    if isinstance(dataset.preprocessing.wanted, NumberTarget):
        return JudgedNumbers(dataset, out=out)
    return JudgedClasses(dataset, positive=positive, out=out)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a table: scores of single numbers as columns of their own."""
    single = {
        f"{score}({name})": value
        for name, scores in row.get("targets", {}).items()
        for score, value in scores.items()
    }
    return {key: value for key, value in row.items() if key != "targets"} | single


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
    for name, scores in result.get("targets", {}).items():
        scenes.add_row(f"all: {escape(name)}", "", *(_said(key, scores.get(key)) for key in shown))
    console = Console()
    if not console.is_terminal:
        console.width = 10_000
    console.print(scenes)
    print()


def _said(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name in ("kappa", "mae", "rmse", "r2", "angle"):
        return f"{value:.4f}"
    return f"{100 * value:.2f} %"
