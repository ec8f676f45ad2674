"""Whole scenes answered by a trained model, file by file, written back in the format that they came in."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from ccnn_pc.datasets import ScenePreprocessing
    from ccnn_pc.datasets.scenes import Scene
    from ccnn_pc.models import Model
    from ccnn_pc.training.predict_scene import PredictedScene

Row = dict[str, Any]
#: End of the names of numbers in files that have such numbers already.
BESIDE = "_predicted"


@dataclasses.dataclass(frozen=True)
class Written:
    """What is written of each scene.

    Args:
        out: a file, or a folder.
        probabilities: whether files get those of all classes.
        picture: whether there is a picture beside each.
        html: a page in which the scene can be turned, or a folder of them; None: none.
    """

    out: Path
    probabilities: bool = False
    picture: bool = True
    html: Path | None = None


def predict_scenes(
    model: Model, files: Sequence[Path], written: Written, *, positive: int = 1, seed: int = 0
) -> list[Row]:
    """Label scenes, or write numbers of every point into them.

    Args:
        model: with ``preprocessing`` of scenes; answers ``[n, K]``.
        files: files, folders, and patterns with ``*``.
        written: what becomes of them.
        positive: of two classes the one that errors are of.
        seed: which points of tiles with too many are read together.

    Returns:
        for each file ``file``, ``written``, ``points``, ``kept``, ``shares`` of the classes, or ``fields``, where the
        numbers are, and their ``means``; ``seconds``, ``picture`` and ``html`` where they were made, ``scores`` where
        the file has classes, or numbers, of its own, else ``unscored``, why not; or ``file`` and ``error``.

    Raises:
        FileNotFoundError: no scene there.
        ValueError: probabilities or a page of a model of numbers; two files that would be written as one; one file
            named for several scenes.
        ImportError: pictures are wanted and matplotlib is missing.
    """
    from ccnn_pc._optional import require
    from ccnn_pc.datasets.scenes.targets import NumberTarget

    used: ScenePreprocessing = model.preprocessing  # type: ignore[assignment]
    if isinstance(used.wanted, NumberTarget):
        for name, given in (("probabilities", written.probabilities), ("html", written.html)):
            if given:
                raise ValueError(f"'{name}' must be left out for a model of numbers (got {given})")
    if written.picture:
        require("matplotlib", extra="train", purpose="to draw pictures (or use --no-picture)")
    targets = targets_of(files, written.out)
    places = beside(targets, written)
    broken = refused(targets, written.out, used, written.probabilities)
    rows = []
    with ended_by_sigterm():
        for number, (source, target) in enumerate(targets.items(), start=1):
            head = f"[{number}/{len(targets)}] " if len(targets) > 1 else ""
            print(f"{head}{source}", file=sys.stderr)
            row: Row = {"file": str(source)}
            try:
                if source in broken:
                    raise broken[source]
                row |= _one(model, source, target, places[source], written, positive, seed)
            except Exception as error:  # readers of broken files raise anything; the other files must go on
                if os.environ.get("CCNN_PC_TRACEBACK"):
                    raise
                row["error"] = str(error) or type(error).__name__
                print(f"error: {row['error']}", file=sys.stderr)
            rows.append(row)
    return rows


def targets_of(files: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Where each scene is written to; below a folder as it lies below its own, others by their names.

    What lies in ``out`` already is no scene to be read, where ``out`` lies in the folder that is read.

    Raises:
        FileNotFoundError: no scene there.
        ValueError: several scenes and one file, or two scenes of one name.
    """
    from ccnn_pc.datasets.scenes import scene_files
    from ccnn_pc.datasets.scenes.files import is_scene, target_suffixes

    places: dict[Path, Path] = {}
    for given in files:
        inside = given.is_dir()
        for file in scene_files(given) if inside or not given.suffix or _is_pattern(given) else [given]:
            if not (inside and out.resolve() != given.resolve() and out.resolve() in file.resolve().parents):
                places[file] = file.relative_to(given) if inside and file != given else Path(file.name)
    if not places:
        raise FileNotFoundError(f"'files' must hold scenes outside of '{out}' (found none)")
    if is_file_name(out):
        if len(places) > 1:
            raise ValueError(f"'out' must be a folder for {len(places)} scenes (got the file '{out}')")
        return dict.fromkeys(places, out)
    found: dict[Path, Path] = {}
    for file, place in places.items():
        ends = target_suffixes(file) if is_scene(file) or file.is_dir() else ()  # rooms are folders
        target = out / (
            place.with_suffix(f".{ends[0]}") if ends and file.suffix.lower()[1:] not in ends else place
        )
        same = next((other for other, there in found.items() if there == target), None)
        if same is not None:
            raise ValueError(
                f"'files' must have different names (got '{same}' and '{file}', both '{target}')"
            )
        found[file] = target
    return found


def is_file_name(out: Path) -> bool:
    """Whether a place where scenes go is that of one file: it has a suffix, and is no folder yet."""
    return bool(out.suffix) and not out.is_dir()


def _is_pattern(path: Path) -> bool:
    return any(sign in str(path) for sign in "*?[") and not path.exists()


def beside(targets: Mapping[Path, Path], written: Written) -> dict[Path, dict[str, Path]]:
    """What is drawn of each scene: its ``picture`` beside what is written, and its page (``html``).

    Raises:
        ValueError: several scenes and one page; a folder that cannot be written.
    """
    from ccnn_pc._files import check_writable_folder
    from ccnn_pc.cli.answers import free_name

    html = written.html
    one = html is not None and html.suffix.lower() in (".html", ".htm")
    if one and len(targets) > 1:
        raise ValueError(f"'html' must be a folder for {len(targets)} scenes (got the file '{html}')")
    if html is not None:
        check_writable_folder("html", html.parent if one else html)
    found: dict[Path, dict[str, Path]] = {}
    taken, pages = set[str](), set[str]()
    for source, target in targets.items():
        found[source] = {}
        if written.picture:
            found[source]["picture"] = Path(free_name(str(target.with_suffix("")), taken) + ".png")
        if html is not None:
            found[source]["html"] = html if one else html / f"{free_name(target.stem, pages)}.html"
    return found


def refused(
    targets: Mapping[Path, Path], out: Path, preprocessing: ScenePreprocessing, probabilities: bool
) -> dict[Path, Exception]:
    """Scenes that could not be written, and why, before any is read."""
    import numpy as np

    from ccnn_pc._files import check_writable_folder
    from ccnn_pc.datasets.scenes.files import check_fields, probability_fields
    from ccnn_pc.datasets.scenes.targets import ClassTarget

    wanted = preprocessing.wanted
    columns = {name: np.zeros(1, dtype=np.float32) for name in wanted.fields}
    if isinstance(wanted, ClassTarget):
        table = wanted.classes
        columns[wanted.field] = table.numbers(np.arange(len(table)))
        chances = np.zeros((len(table), len(table)), dtype=np.float32)
        columns |= probability_fields(chances, table.classes) if probabilities else {}
    found: dict[Path, Exception] = {}
    for source, target in targets.items():
        try:
            check_writable_folder("out", target.parent, make=target != out)  # which is a folder then
            quick = source.suffix.lower() in (".las", ".laz") and source.is_file()  # its header says it
            known = quick and not isinstance(wanted, ClassTarget)
            check_fields(source, target, beside_own(source, columns) if known else columns)
        except (ValueError, OSError) as error:
            found[source] = error
    return found


def beside_own(source: Path, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Numbers under names that a file does not have yet: what it has may be measured."""
    from ccnn_pc.datasets.scenes.files import fields_of

    there = fields_of(source)
    return {f"{name}{BESIDE}" if name in there else name: values for name, values in columns.items()}


def _one(
    model: Model,
    source: Path,
    target: Path,
    places: Mapping[str, Path],
    written: Written,
    positive: int,
    seed: int,
) -> Row:
    """Answer for one scene."""
    from ccnn_pc.cli.progress import progress_over
    from ccnn_pc.cli.read_as import say
    from ccnn_pc.cli.unlike_scenes import compared_fields
    from ccnn_pc.datasets.scenes.files import write_fields
    from ccnn_pc.datasets.scenes.targets import ClassTarget
    from ccnn_pc.training.predict_scene import predict_scene

    begun = time.monotonic()
    used: ScenePreprocessing = model.preprocessing  # type: ignore[assignment]
    scene, truth, unscored = read_with_truth(source, used)
    with compared_fields(model, [(source.name, scene.fields)]):
        found = predict_scene(
            model,
            scene,
            used,
            seed=seed,
            shown=lambda loader: progress_over(loader, "labelling", points=len(scene)),
        )
    classes = isinstance(found.target, ClassTarget)
    thinned = f", {len(found.kept)} kept (one per cell of {used.cell:g})" if used.cell else ""
    row: Row = {"written": str(target), "points": len(found), "kept": len(found.kept)}
    columns = found.fields(written.probabilities)
    if not classes:
        columns = beside_own(source, columns)
    write_fields(source, target, columns)
    row |= _shares(found) if classes else _means(columns)
    row["read"] = say(f"{len(found)} points{thinned}")
    if truth is None:
        row["unscored"] = unscored
    else:
        row["scores"] = _scores(found, truth, positive) if classes else _errors(found, truth)
    if places and classes:
        _draw(scene, found, truth, places, source.name)
    elif places:
        _draw_numbers(scene, found, truth, places["picture"], source.name)
    drawn = {name: str(place) for name, place in places.items()}
    return {**row, **drawn, "seconds": round(time.monotonic() - begun, 3)}


def read_with_truth(path: Path, preprocessing: ScenePreprocessing) -> tuple[Scene, np.ndarray | None, str]:
    """A scene with what a model reads of it; the class of each point, int16 ``[n]``, -100 where it has none.

    Returns:
        the scene; classes, or numbers ``[n, T]`` with NaN where they are not known, or None where there is nothing that
        can be judged; why.

    Raises:
        ValueError: the scene cannot be read.
    """
    import numpy as np

    from ccnn_pc.datasets.common.broken import BrokenFileError
    from ccnn_pc.datasets.scenes import read_scene
    from ccnn_pc.datasets.scenes.targets import NumberTarget

    target = preprocessing.wanted
    try:
        numbers = target.fields if isinstance(target, NumberTarget) else ()
        scene = read_scene(path, fields=[*preprocessing.fields, *target.fields], gaps=numbers)
        if isinstance(target, NumberTarget):
            truth = target.read(scene)
            known = np.isfinite(truth).all(axis=1).any()
            return scene, truth if known else None, f"'{path}': {', '.join(numbers)} are known of no point"
        label = scene.labels(target.field)
        rows = target.classes.rows(label, source=str(path), field=target.field).astype(np.int16)
    except BrokenFileError:
        raise
    except ValueError as error:  # it may lack what is learned, for it is there to get it
        return read_scene(path, fields=preprocessing.fields), None, str(error)
    if len(np.unique(rows[rows >= 0])) < 2:
        return scene, None, f"'{path}': field '{target.field}' does not hold two classes"
    return scene, rows, ""


def _shares(found: PredictedScene) -> Row:
    """Share of the points of each class."""
    import numpy as np

    said = found.kept.argmax(axis=1)
    counts = np.bincount(said[found.nearest], minlength=len(found.table))
    return {"shares": dict(zip(found.table.classes, (counts / counts.sum()).tolist(), strict=True))}


def _means(columns: Mapping[str, np.ndarray]) -> Row:
    """Fields that hold numbers, and their means."""
    return {
        "fields": list(columns),
        "means": {name: float(values.mean(dtype=float)) for name, values in columns.items()},
    }


def _scores(found: PredictedScene, truth: np.ndarray, positive: int) -> dict[str, float]:
    """Scores on all points that have a class."""
    import numpy as np
    import torch

    from ccnn_pc.training.segmentation_scores import confusion_scores

    known, count, said = truth >= 0, len(found.table), found.kept.argmax(axis=1)
    pairs = truth[known].astype(np.int64) * count + said[found.nearest[known]]
    confusion = np.bincount(pairs, minlength=count**2).reshape(count, count)
    return confusion_scores(torch.from_numpy(confusion), positive) | {"n": int(known.sum())}


def _errors(found: PredictedScene, truth: np.ndarray) -> Row:
    """Errors at all points whose numbers are known."""
    from ccnn_pc.training.scene_numbers import errors_for

    errors = errors_for(found.target)
    for piece in found.pieces():
        errors.add(found.probabilities(piece), truth[piece])
    return errors.results()


def _draw(
    scene: Scene,
    found: PredictedScene,
    truth: np.ndarray | None,
    places: Mapping[str, Path],
    title: str,
) -> None:
    """Draw what is wanted of a scene."""
    from ccnn_pc.viz.scene_page import write_scene_page
    from ccnn_pc.viz.scenes import SeenScene, drawn_rows, plot_scene

    rows, said = drawn_rows(len(scene)), found.kept.argmax(axis=1)
    known = None if truth is None else truth[rows]
    seen = SeenScene(scene.pos[rows], said[found.nearest[rows]], found.table.classes, known, len(scene))
    if "picture" in places:
        plot_scene(seen, places["picture"], title=title)
    if "html" in places:
        write_scene_page(seen, places["html"], title=title)


def _draw_numbers(
    scene: Scene, found: PredictedScene, truth: np.ndarray | None, place: Path, title: str
) -> None:
    """Draw the first of the numbers of a scene."""
    from ccnn_pc.viz.scene_numbers import plot_scene_numbers
    from ccnn_pc.viz.scenes import drawn_rows

    rows = drawn_rows(len(scene))
    known = None if truth is None else truth[rows, 0]
    said, name = found.kept[found.nearest[rows], 0], found.target.names[0]
    plot_scene_numbers(scene.pos[rows], said, place, truth=known, name=name, title=title)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """A polite kill ends the block as an error does, so that hidden files are removed."""

    def leave(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, leave)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def print_scenes(rows: Sequence[Row], model: str, html: bool) -> None:
    """What was done, for people: a table, what failed, and what may come next."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ccnn_pc.cli.evaluate import scores_in_words

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("written")
    for head in ("points", "s"):
        table.add_column(head, justify="right")
    table.add_column("means" if any("means" in row for row in rows) else "classes")
    scored = any("scores" in row for row in rows)
    if scored:
        table.add_column("scores")
    for row in rows:
        if "error" in row:
            table.add_row(
                f"[red]{escape(row['file'])}[/red]", "", "", f"[red]error: {escape(row['error'])}[/red]"
            )
            continue
        ranked = sorted(row.get("shares", {}).items(), key=lambda item: -item[1])
        classes = ", ".join(f"{name} {100 * share:.1f} %" for name, share in ranked if share)
        classes = classes or ", ".join(f"{name} {mean:.4g}" for name, mean in row["means"].items())
        scores = [scores_in_words(row["scores"]) if "scores" in row else ""] if scored else []
        table.add_row(
            escape(row["written"]),
            str(row["points"]),
            f"{row['seconds']:.1f}",
            escape(classes),
            *map(escape, scores),
        )
    console = Console()
    if not console.is_terminal:
        console.width = 10_000
    console.print(table)
    done = [row for row in rows if "error" not in row]
    if len(done) < len(rows):
        print(f"{len(rows) - len(done)} of {len(rows)} files could not be labelled", file=sys.stderr)
    for row in done:
        for key in ("picture", "html"):
            if key in row:
                print(f"{key}: {row[key]}", file=sys.stderr)
    if not done:
        return
    if scored:
        print(
            f"next: ccnn-pc evaluate {model} --data FOLDER has the scores of many files, and of each class or number",
            file=sys.stderr,
        )
    elif not html and "shares" in done[0]:
        print("next: --html scene.html writes a page in which the scene can be turned", file=sys.stderr)
