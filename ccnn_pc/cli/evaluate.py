"""``ccnn-pc evaluate``: scores of a trained model on labelled data."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ccnn_pc.cli.answers import SHARES
from ccnn_pc.cli.judged_scenes import JudgedScenes, judge_of, print_judged
from ccnn_pc.cli.read_as import AS_TRAINED, Axes, Interpolate, ReadAs, Size, Spacing, TimeUnit, Windows


def evaluate(
    model: Annotated[str, typer.Argument(help="Name of a packaged model, or the folder of a trained one.")],
    data: Annotated[
        str,
        typer.Option(
            help="A folder (MNIST, CIFAR, STL-10, images, meshes, scenes), a file (npz, a table, a scene), or a name."
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(help="train, val or test; default: test where there is one, else everything."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="File of labels of a table; default: a column of the table.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of the points that are drawn from each shape; default: as in training."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Items per batch; default 16, of scenes 4 tiles.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Table (csv) of all answers (of scenes: of their scores), with confusions and pictures beside it."
        ),
    ] = None,
    report: Annotated[bool, typer.Option(help="How well each class is found.")] = False,
    sampling: Annotated[
        str | None,
        typer.Option(help="Sampling of the data, as ccnn-pc transfer has them; default: as in training."),
    ] = None,
    size: Size = None,
    spacing: Spacing = None,
    time_unit: TimeUnit = None,
    interpolation: Interpolate = None,
    axes: Axes = None,
    windows: Windows = None,
    html: Annotated[
        Path | None,
        typer.Option(help="File of the page; default: beside --out, else reports/MODEL_on_DATA.html."),
    ] = None,
    no_html: Annotated[bool, typer.Option("--no-html", help="Write no page.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on the last line of stdout.")] = False,
) -> None:
    """Measure a trained model: accuracies, errors of numbers, intersections over unions of classes of points.

    \b
    Examples:
      ccnn-pc evaluate ccnn_tiny-modelnet10 --data path/to/modelnet10 --report
      ccnn-pc evaluate runs/modelnet10_tiny/latest/model --data path/to/test.npz --json
      ccnn-pc evaluate my_model --data my_shapes/ --split val --out predictions.csv
      ccnn-pc evaluate ccnn_tiny-modelnet10 --data path/to/test.npz --sampling random:256
      ccnn-pc evaluate runs/smnist_tiny/latest/model --data path/to/mnist --batch-size 250
      ccnn-pc evaluate runs/my_series/latest/model --data readings.csv --labels labels.csv --split test
      ccnn-pc evaluate runs/my_scenes/latest/model --data flights/ --split test --out scores.csv

    The points of each shape are drawn by the seed and prepared as in training. --split train and val are the parts
    that the training of the model learned from and held out, if --data are its data. Of a table all series are read
    without --split; its parts are those of the training only if the table is the same.
    A page for the browser shows what was right and wrong: confusions, classes, the surest mistakes with their pictures,
    calibration, kernels, and the command; the last line of stderr says where it lies (docs/reports.md).
    --out writes a row for each item: what it is called, what it is, what the model says; and, beside predictions.csv,
    predictions_confusion.csv and .png, or predictions.png where the answers are numbers.
    With --json the last line of stdout is {"accuracy": ..., "mean_class_accuracy": ..., "n": ..., "model": ...,
    "data": ..., "seed": ...}, with "auc" where there are two classes and items of both, "classes" with --report; where
    answers are numbers {"mse": ..., "rmse": ..., "mae": ..., "r2": ..., ...}; "read" says how data were read.
    Where points have classes (task=points) there are also "mean_iou", the mean over the classes that occur of
    intersections over unions, of shapes with parts "instance_iou" and "category_iou", and of two classes
    "type_1_error" (omission), "type_2_error" (commission), "total_error" and "kappa"; "n" counts points.
    Of scenes all points of the files are judged that have a class, each file and all together, and each class ("files"
    and "classes" of --json); --out writes a row for each file, and draws each with its truth and its errors. Of
    scenes with numbers it is "mae", "rmse" and "r2" at all points that have them ("missing": how many have not), in
    the unit of the files, of each file and each number ("targets").
    Pictures of another size are read as the scene of training at their own spacing, where the model's were taken as
    they were, else resized as in training; --size resizes them to another one.
    """  # noqa: D301
    result = evaluate_model(
        model, data, split=split, labels=labels, seed=seed, batch_size=batch_size, out=out, report=report,
        sampling=sampling, read=ReadAs(size, spacing, time_unit, interpolation, axes, windows),
        html=None if no_html else page_of(model, data, split, out, html),
    )  # fmt: skip
    if as_json:
        print(json.dumps(result))
        return
    if "files" in result:
        print_judged(result)
    else:
        of_points = "mean_iou" in result or "angle" in result
        print(f"{scores_in_words(result)}, {result['n']} {'points' if of_points else 'items'} of {data}")
    for line in report_lines(result.get("classes", {})):
        print(line)


def page_of(model: str, data: str, split: str | None, out: Path | None, html: Path | None) -> Path:
    """Where the page goes.

    Raises:
        ValueError: a file of another kind lies there; a folder that cannot be written.
    """
    from ccnn_pc._files import check_writable_folder
    from ccnn_pc.cli.report import default_place
    from ccnn_pc.viz.report import check_place, free_place

    if html is not None:
        check_writable_folder("html", html.parent)
        return check_place("html", html)
    return (
        default_place(model, data, split)
        if out is None
        else free_place(out.with_name(f"{out.stem}_report.html"))
    )


def scores_in_words(result: Mapping[str, Any]) -> str:
    """Scores for people.

    Example:
        >>> scores_in_words({"accuracy": 0.875, "mean_class_accuracy": 0.8, "auc": 0.9, "n": 8})
        'accuracy 87.50 %, mean over classes 80.00 %, AUC 0.9000'
        >>> scores_in_words({"mse": 0.25, "rmse": 0.5, "r2": 0.75, "n": 8})
        'mse 0.25, rmse 0.5, r2 0.75'
        >>> scores_in_words({"accuracy": 0.875, "mean_iou": 0.75, "total_error": 0.125, "kappa": 0.5, "n": 8})
        'accuracy 87.50 %, mean IoU 75.00 %, total error 12.50 %, kappa 0.5'
    """
    words = {
        "mean_class_accuracy": "mean over classes",
        "instance_iou": "IoU over shapes",
        "category_iou": "over categories",
        "type_1_error": "omission (type 1)",
        "type_2_error": "commission (type 2)",
        "within_10": "within 10 degrees",
        "within_30": "within 30 degrees",
        "auc": "AUC",
        "bits_per_character": "bits per character",
    }
    said = []
    for name, value in result.items():
        if name.endswith(SHARES):
            said.append(
                f"{words.get(name, name.replace('_', ' ').replace('iou', 'IoU'))} {100 * value:.2f} %"
            )
        elif name == "auc":
            said.append(f"AUC {value:.4f}")
        elif name in ("mse", "rmse", "mae", "r2", "bits_per_character", "kappa", "angle"):
            said.append(f"{words.get(name, name)} {value:.4g}")
    return ", ".join(said)


def report_lines(classes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table of the classes; of points with their intersections over unions.

    Example:
        >>> print(*report_lines({"chair": {"n": 4, "found": 0.75, "right": 1.0, "mistaken_for": "sofa"}}), sep=chr(10))
        class  items   found   right  most often taken for
        chair      4  75.0 %  100.0 %  sofa
    """
    if not classes:
        return []
    width = max(5, *map(len, classes))
    shares = {"found": "found", "right": "right", "iou": "IoU"}
    shares = {key: head for key, head in shares.items() if all(key in row for row in classes.values())}
    most = max(5, *(len(str(row["n"])) for row in classes.values()))
    counted = "points" if "iou" in shares else "items"
    heads = "  ".join(f"{head:>7}" for head in shares.values())
    lines = [f"{'class':<{width}}  {counted:>{most}}  {heads}  most often taken for"]
    for name, row in classes.items():
        said = "  ".join(f"{'–' if row[key] is None else f'{100 * row[key]:.1f} %':>7}" for key in shares)
        lines.append(f"{name:<{width}}  {row['n']:>{most}}  {said}  {row['mistaken_for'] or ''}".rstrip())
    return lines


def evaluate_model(
    name_or_path: str,
    data: str | Path,
    *,
    split: str | None = None,
    labels: str | Path | None = None,
    seed: int | None = None,
    batch_size: int | None = None,
    out: Path | None = None,
    report: bool = False,
    sampling: str | None = None,
    read: ReadAs = AS_TRAINED,
    html: Path | None = None,
) -> dict[str, Any]:
    r"""Return the scores of a trained model on ``data``, and the number of items.

    Of classes accuracy and mean-class accuracy; of two classes also ``auc``, where both occur:
    :math:`P(s_+ > s_-) + \tfrac12 P(s_+ = s_-)` of the probabilities of the second class. Of a class per sample the
    accuracy of the samples that count. Of numbers mean squared error, its root, mean absolute error, and
    :math:`R^2 = 1 - \sum (a - y)^2 / \sum (y - \bar y)^2`.

    Args:
        name_or_path: the model.
        data: name, file or folder.
        split: part; None: the default one.
        labels: file of labels of a table.
        seed: of the points that are drawn; None: that of the training.
        batch_size: items per batch; None: 16, of scenes 4 tiles.
        out: table of the answers; see the command.
        report: whether the result has ``classes``: of each how many items (``n``), the share of them that is found,
            the share of what is taken for it that is right, and what it is most often taken for.
        sampling: of clouds or images (:class:`ccnn_pc.datasets.samplings.Sampling`); None: as in training.
        read: how data are read, where not as in training.
        html: page to write (docs/reports.md); None: none. One that cannot be written is a warning.

    Raises:
        FileNotFoundError: if the model or the data do not exist.
        ValueError: if the data have a class that the model does not know, or are images and the model reads clouds, or
            the other way round, or images of another size; targets of another kind than the model's answers.
    """
    import torch
    from rich.console import Console
    from rich.progress import track

    from ccnn_pc._files import check_writable_folder
    from ccnn_pc.cli.axes import warn_of_other_axes
    from ccnn_pc.cli.classes import check_counts, matching_classes, warn_of_exchanged
    from ccnn_pc.cli.colours import warn_of_colours
    from ccnn_pc.cli.gathered import Gathered, all_told
    from ccnn_pc.cli.judged import Judged, class_report
    from ccnn_pc.cli.open_data import check_data, open_data
    from ccnn_pc.cli.read_as import Footing, say, tell
    from ccnn_pc.cli.report import write_or_warn
    from ccnn_pc.cli.report_evaluation import command_words, write_evaluation
    from ccnn_pc.cli.sampled import Sampler
    from ccnn_pc.cli.unlike_scenes import compared_fields
    from ccnn_pc.datasets import ScenePreprocessing, Scenes
    from ccnn_pc.datasets.samplings import Sampling
    from ccnn_pc.models import TaskKind, from_pretrained
    from ccnn_pc.models.shift.expected import Expected
    from ccnn_pc.training.evaluation import objective_of, scores_on

    check_data(data)
    if out is not None:
        check_writable_folder("out", out.parent)
    model = from_pretrained(name_or_path)
    for option, value in (("labels", labels), ("sampling", sampling)):
        if value is not None and isinstance(model.preprocessing, ScenePreprocessing):
            raise ValueError(f"'{option}' must be left out for a model of scenes (got {value})")
    footing = Footing(model, read)
    drawn = [] if sampling is None else [Sampling.parse(sampling)]
    sampler = Sampler(model, drawn) if drawn else None
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    seed = int(model.data.get("seed", 0)) if seed is None else seed
    task, outputs = model.answers, len(model.classes) or model.out_channels
    numbers = task.kind is TaskKind.REGRESSION
    dataset = open_data(
        data,
        model.preprocessing,
        split,
        seed=seed,
        shape=model.config.get("shape"),
        labels=labels,
        classes=model.classes,
        numbers=numbers,
        trained=model.data,
        footing=footing,
        longest=footing.longest if sampler is None else None,
    )
    if sampler is not None:
        dataset = sampler(dataset, drawn[0], footing)
    judged: Judged | JudgedScenes
    if isinstance(dataset, Scenes):
        how, judged = say(dataset.report()), judge_of(dataset, positive=task.positive, out=out)
        judged.seen, judged.trained = None if html is None else [], model.targets
    else:
        how, judged = tell(model, dataset), Judged(model, dataset)
    to_model = None if numbers or not model.classes else matching_classes(dataset.classes, model.classes)
    if task.kind is TaskKind.CLASSIFICATION and to_model is not None:
        warn_of_other_axes(model, dataset, footing, to_model)
        warn_of_colours(model, dataset, to_model)
    if task.kind is TaskKind.CLASSIFICATION and to_model is None:
        check_counts(dataset.classes, outputs)
    gathered, expected = None if html is None else Gathered(task), Expected(model)
    scenes = dataset.scenes if isinstance(dataset, Scenes) else []
    with compared_fields(model, [(Path(each.scene.source).name, each.scene.values) for each in scenes]):
        scores = scores_on(
            model,
            dataset,
            objective_of(task, outputs),
            to_model=to_model,
            batch_size=batch_size or judged.batch_size,
            shown=lambda loader: track(
                loader, "evaluating", total=len(loader), console=Console(stderr=True), transient=True
            ),
            heard=all_told(gathered, judged, expected),
        )
    _report_broken(dataset)
    confusion = scores.confusion()
    other = confusion is not None and warn_of_exchanged(model, confusion)
    expected.warn(None if other else scores.results().get("accuracy"))
    more = judged.more()
    judged.warn()
    if expected.share is not None:
        more["expected_accuracy"] = round(expected.share, 6)
    if (report or "files" in more) and confusion is not None:
        more["classes"] = class_report(confusion.cpu(), list(model.classes), scores.of_classes())
    if out is not None:
        judged.store(out, confusion)
    result = {
        **{name: value for name, value in scores.results().items() if name != "loss"},
        "n": scores.count(),
        "model": str(name_or_path),
        "data": str(data),
        "seed": seed,
        "read": how,
        **more,
    }
    if html is not None and gathered is not None:
        options = {
            "split": split,
            "labels": labels,
            "seed": seed,
            "sampling": sampling,
            "batch_size": batch_size,
        }
        words = command_words(name_or_path, str(data), options, read)
        page = write_or_warn(
            lambda: write_evaluation(
                html,
                model,
                gathered,
                dataset,
                scores,
                result,
                judged=judged,
                words=words,
            )
        )
        if page is not None:
            print(f"report: {page}", file=sys.stderr)
    return result


def _report_broken(dataset: Any) -> None:
    broken = list(getattr(dataset, "broken", []))
    if broken:
        print(f"{len(broken)} files could not be read and were left out:", file=sys.stderr)
        for path, reason in broken[:10]:
            print(f"  {path}: {reason}", file=sys.stderr)
