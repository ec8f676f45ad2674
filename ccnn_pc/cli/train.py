"""``ccnn-pc train``: compose a configuration, build its objects, train."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer


def train(
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="experiment=NAME [KEY=VALUE]...", help="What to train.")
    ] = None,
    config_dir: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of your own experiments, data, … (experiment/, data/, task/ …), before those of the package."
        ),
    ] = None,
    multirun: Annotated[
        bool,
        typer.Option("--multirun", "-m", help="A sweep: keys may have several settings, a run for each."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The result as JSON on the last line of stdout.")
    ] = False,
) -> None:
    """Train a model, or with -m one for each of many settings.

    \b
    Examples:
      ccnn-pc train experiment=shapes_quickstart
      ccnn-pc train data.root=my_folder
      ccnn-pc train experiment=modelnet10_tiny data.root=path/to/modelnet10
      ccnn-pc train experiment=modelnet10_tiny resume=last
      ccnn-pc train experiment=modelnet10_tiny trainer.max_epochs=20 optim.lr=0.002 seed=1 threads=1
      ccnn-pc train experiment=modelnet10_tiny logger=tensorboard callbacks=ema
      ccnn-pc train data=long_csv data.root=readings.csv data.labels=labels.csv
      ccnn-pc train --config-dir conf import=my_project experiment=mine
      ccnn-pc train -m experiment=modelnet10_tiny kernel=siren,magnet seed=0,1,2 jobs=2
      ccnn-pc train -m experiment=modelnet10_tiny "optim.lr=tag(log,interval(1e-3,1e-1))" sweep.trials=20
      ccnn-pc train experiment=folder data.root=my_shapes init_from=runs/folder/latest/model trainer.max_epochs=5

    Each word is key=value; the keys are those of the files in configs/. Without an experiment, data=NAME
    takes the one called NAME or NAME_tiny, where there is one; with data.root=FOLDER alone the folder is looked at, and
    two lines say what it is taken for and which words those are. A run writes to
    runs/EXPERIMENT/DATE-TIME: config.yaml, metrics.csv, checkpoints/, model/, curves.png, result.json, report.html (all
    of it as a page to look at; report=false: none) and, where there are classes, confusion.png.

    Names and places are text: name=2024, data.root=a,b. A text that looks like a number or a list elsewhere
    stands in two pairs of quotes: "+model.note='1,2'".
    """  # noqa: D301
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    from ccnn_pc.cli.any_folder import with_found
    from ccnn_pc.cli.own_project import again, own_words
    from ccnn_pc.training.callbacks import NonFiniteError, TrainingInterrupted

    words = own_words(overrides or (), config_dir or ())
    if multirun:
        _sweep(words, as_json)
        return
    try:
        words = with_found(words)
        result = run_experiment(words)
    except TrainingInterrupted as stopped:
        if not _is_first():
            raise typer.Exit(0) from None
        chosen = next((word.split("=", 1)[1] for word in words if word.startswith("run_dir=")), "last")
        left = shlex.join([*again(), *_without_place(words), f"resume={chosen}"])
        _say(f"Stopped ({stopped}), checkpoint saved. Go on with:\n  ccnn-pc train {left}")
        raise typer.Exit(128 + stopped.signum) from None
    except NonFiniteError as error:
        _say(f"error: {error}")
        raise typer.Exit(1) from None
    except MisconfigurationException as error:
        raise ValueError(f"'trainer' must have settings that Lightning takes ({_one_line(error)})") from error
    if as_json and _is_first():
        print(json.dumps(result))


def _sweep(words: Sequence[str], as_json: bool) -> None:
    """Train many settings."""
    from ccnn_pc.cli.own_project import again
    from ccnn_pc.cli.sweep import sweep

    try:
        found = sweep(run_experiment, words)
    except KeyboardInterrupt:
        _say(f"\nStopped. Go on with:\n  ccnn-pc train -m {shlex.join([*again(), *words])}")
        raise typer.Exit(130) from None
    if as_json:
        print(json.dumps(found))
    if found["failed"]:
        raise typer.Exit(1)


def run_experiment(overrides: Sequence[str]) -> dict[str, Any]:
    """Run the experiment that ``overrides`` describe and return its result.

    The run folder is made, and ``latest`` moves, once everything has been built and checked; a run that fails before
    its first checkpoint leaves nothing.

    Raises:
        UsageError: if the words do not describe one.
        ValueError: if an object refuses its settings, or the run folder cannot be written.
    """
    from ccnn_pc._files import check_writable_folder, read_rows
    from ccnn_pc.cli.compose import UsageError, compose_config
    from ccnn_pc.cli.run_folder import (
        CONFIG,
        changed_settings,
        create_run,
        point_latest,
        resumable_run,
        resumed_config,
        store_config,
        stored_overrides,
    )
    from ccnn_pc.training.callbacks import TrainingInterrupted
    from ccnn_pc.training.callbacks.checkpoints import LAST
    from ccnn_pc.training.run import Start

    config = compose_config(overrides)
    folder, checkpoint = resumable_run(config), None
    if not _is_first():
        return _join(config, overrides, folder)
    resumed = folder is not None
    if folder is not None:
        config = resumed_config(folder, overrides)
        finished = _finished(folder, config)
        if finished is not None:
            _say(f"This run has finished: {folder}. Set a larger trainer.max_epochs to train longer.")
            return finished
        checkpoint = folder / "checkpoints" / LAST
        if checkpoint.exists():
            _say(f"Going on with {folder}")
        else:
            checkpoint = None
            _say(f"{folder} has no checkpoint yet: starting from the beginning")
    elif config.resume is not None:
        _say(f"No run of '{config.name}' in {config.runs} to go on with: starting a new one")
    folder = Path(config.run_dir)
    if not resumed and (folder / CONFIG).exists():
        raise UsageError(
            f"'run_dir' must be a new folder (got {folder}, which holds a run; go on with it: resume={folder})"
        )
    check_writable_folder("run_dir", folder, make=False)
    if config.results_csv is not None:
        check_writable_folder("results_csv", Path(config.results_csv).parent, make=False)
        read_rows(config.results_csv)
    identity = {
        "experiment": config.name,
        "model": config.model.get("name", ""),
        "seed": config.seed,
        "changed": " ".join(changed_settings([*stored_overrides(folder), *overrides])),
    }

    def new() -> None:
        if not resumed:
            create_run(config, overrides, folder)
        os.environ[RUN_DIR] = str(folder.resolve())  # for processes that Lightning starts

    def begun() -> None:
        if resumed:
            store_config(config, overrides, folder)
        point_latest(config, folder)

    there = folder.exists()
    try:
        result = _train(config, folder, identity, Start(checkpoint, new, begun, _settings(config)))
    except TrainingInterrupted as stopped:
        _leave_page(config, folder, f"{stopped}", [*_without_place(overrides), f"resume={folder}"])
        raise
    except Exception:
        if not resumed and not there and not (folder / "checkpoints" / LAST).exists():
            shutil.rmtree(folder, ignore_errors=True)
            _forget_latest(folder)
        raise
    finally:
        os.environ.pop(RUN_DIR, None)
    if _is_first() and result:
        _report(result, folder)
    return result


def _without_place(words: Sequence[str]) -> list[str]:
    """The words but those that say where a run is."""
    return [word for word in words if not word.startswith(("resume=", "run_dir="))]


def _leave_page(config: Any, folder: Path, why: str, again: Sequence[str]) -> None:
    """The page of a run that was interrupted."""
    from ccnn_pc.cli.report import write_or_warn
    from ccnn_pc.cli.report_run import write_stopped

    if config.get("report", True):
        write_or_warn(lambda: write_stopped(folder, str(config.name), why, again))


#: Where processes that train along find the run folder.
RUN_DIR = "CCNN_PC_RUN_DIR"


def _is_first() -> bool:
    """Whether this is the process that was started, and not one that trains along.

    torchrun and srun say the rank among all processes; Lightning says that on the machine, and the machine's.
    """
    for rank in ("RANK", "SLURM_PROCID"):
        if rank in os.environ:
            return int(os.environ[rank]) == 0
    return int(os.environ.get("LOCAL_RANK", 0)) == 0 and int(os.environ.get("NODE_RANK", 0)) == 0


def _join(config: Any, overrides: Sequence[str], folder: Path | None) -> dict[str, Any]:
    """Train along with the first process, in its run folder."""
    from ccnn_pc.cli.compose import UsageError
    from ccnn_pc.cli.run_folder import resumed_config
    from ccnn_pc.training.callbacks.checkpoints import LAST
    from ccnn_pc.training.run import Start

    named = any(word.startswith(("run_dir=", "resume=")) and word != "resume=last" for word in overrides)
    if RUN_DIR not in os.environ and not named:
        raise UsageError(
            "'run_dir' must be given where another program than ccnn-pc starts the processes (torchrun, srun)"
        )
    where = Path(os.environ.get(RUN_DIR, folder or config.run_dir))
    if folder is not None:
        config = resumed_config(folder, overrides)
        if _finished(folder, config) is not None:
            return {}
    config.run_dir = str(where)
    last = where / "checkpoints" / LAST
    return _train(config, where, {}, Start(last if folder is not None and last.exists() else None))


def _finished(folder: Path, config: Any) -> dict[str, Any] | None:
    """The result of a run that has had all its epochs."""
    from ccnn_pc.training.run import RESULT

    path = folder / RESULT
    if not path.exists():
        return None
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        epochs = int(result["epochs"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"'{path}' is damaged ({type(error).__name__}: {error}); remove it to test the run again"
        ) from error
    untested = config.get("test", True) and "n_test" not in result  # runs of earlier versions always tested
    return result if epochs >= int(config.trainer.max_epochs) and not untested else None


def _forget_latest(folder: Path) -> None:
    """Take away a ``latest`` that points to a run which is gone."""
    from ccnn_pc.cli.run_folder import LATEST

    link = folder.parent / LATEST
    if link.is_symlink() and not link.exists():
        link.unlink()


def _settings(config: Any) -> dict[str, Any]:
    """The configuration by dotted names, as loggers take hyper-parameters."""
    from omegaconf import OmegaConf

    def flat(node: Any, above: str = "") -> dict[str, Any]:
        if not isinstance(node, dict):
            return {above.rstrip("."): node if isinstance(node, (bool, int, float)) else str(node)}
        return {name: value for key in node for name, value in flat(node[key], f"{above}{key}.").items()}

    return flat(OmegaConf.to_container(config, resolve=False))


def _train(config: Any, folder: Path, identity: dict[str, Any], start: Any) -> dict[str, Any]:
    import logging
    import warnings

    import lightning.pytorch as pl
    import torch
    from hydra.utils import instantiate

    from ccnn_pc._checks import check_at_least
    from ccnn_pc.cli.follow import follow_data
    from ccnn_pc.cli.gathered import Gathered, all_told
    from ccnn_pc.cli.report import write_or_warn
    from ccnn_pc.cli.report_run import write_run
    from ccnn_pc.models import from_pretrained
    from ccnn_pc.models.state import load_weights
    from ccnn_pc.training.run import Record, run_training

    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", module="torchmetrics")
    if config.threads is not None:
        torch.set_num_threads(check_at_least("threads", config.threads, 1))
    # deterministic algorithms are wanted, their debugging aid is slow
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010
    if check_at_least("seed", config.seed, 0) > LARGEST_SEED:
        raise ValueError(f"'seed' must be at most {LARGEST_SEED} (got {config.seed})")
    pl.seed_everything(config.seed, verbose=False)
    data = _build(instantiate, config.data.module)
    classes = data.classes
    if hasattr(data.train_set, "measured"):
        follow_data(config, data.train_set.measured())
    say_of_mixture(config)
    sizes = ", ".join(f"{size} {part}" for part, size in data.sizes().items())
    numbers = config.data.get("numbers") or config.data.get("targets")
    answers = "numbers" if numbers else f"{len(classes)} classes"
    _say(f"{data.name}: {answers}, items: {sizes}")
    for part, items in (("training", data.train_set), ("validation", data.val_set)):
        if hasattr(items, "report"):
            _say(f"{part}: {items.report()}")
    outputs = config.model.get("out_channels") or len(classes)
    model = _build(instantiate, config.model)(out_channels=outputs)
    if start.checkpoint is None and config.get("init_from") is not None:  # a run that goes on may not know it
        _say(f"weights of {config.init_from}: {load_weights(model, from_pretrained(config.init_from))}")
    _say(f"model: {sum(p.numel() for p in model.parameters())} parameters; run folder: {folder}")
    parts = _build(instantiate, config.optim)
    task = _build(instantiate, config.task)(
        model,
        len(classes),
        optimizer=parts["optimizer"],
        schedule=parts["schedule"],
        class_counts=data.class_counts(),
    )
    gathered = (
        Gathered(task.objective.task) if config.get("report", True) and config.get("test", True) else None
    )
    result = run_training(
        folder=folder,
        task=task,
        data=data,
        trainer=_build(instantiate, config.trainer),
        callbacks=[part for part in _build(instantiate, config.callbacks).values() if part is not None],
        loggers=[part for part in _build(instantiate, config.logger).values() if part is not None],
        preprocessing=instantiate(config.data.preprocessing, _convert_="all"),
        train_preprocessing=instantiate(config.data.get("train_preprocessing") or {}, _convert_="all"),
        record=Record(
            identity,
            None if config.results_csv is None else Path(config.results_csv),
            None if gathered is None else all_told(gathered),
            config.get("test", True),
        ),
        start=start,
    )
    if gathered is not None and result:
        write_or_warn(lambda: write_run(folder, result, gathered, task, data, str(config.name)))
    return result


def say_of_mixture(config: Any) -> None:
    """A mixture of samplings that begins after the last epoch never does."""
    first, epochs = int(config.data.get("mixed_from") or 0), config.trainer.get("max_epochs")
    if config.data.get("samplings") and epochs is not None and first > 0 and 0 <= epochs <= first:
        _say(
            f"warning: data.mixed_from={first} leaves out data.samplings, for training ends after epoch {epochs}: "
            "all items come in the first of them; set it lower, or trainer.max_epochs higher"
        )


#: What numpy takes.
LARGEST_SEED = 2**32 - 1


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _build(instantiate: Any, node: Any) -> Any:
    """Build the objects of a node; what an object says about its arguments is the message."""
    from hydra.errors import InstantiationException

    from ccnn_pc.cli.words import UsageError

    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        raise error.__cause__ or UsageError(_one_line(error)) from None


def _report(result: dict[str, Any], folder: Path) -> None:
    selected = {"val": "best epoch by validation", "test": "best epoch BY THE TEST SPLIT"}
    points = "test_mean_iou" in result or "test_angle" in result
    if "n_test" in result:
        found = f"test {scores_in_words(result)} on {result['n_test']} {'points' if points else 'items'}"
    else:
        found = f"the test part was not read (resume={folder} test=true does)"
    _say(f"\n{found}; {selected.get(result['selected_on'], 'last epoch')}")
    _say(f"{result['core_minutes']:.1f} core minutes, {result['parameters']} parameters")
    names = (
        "model",
        "checkpoints",
        "metrics.csv",
        "curves.png",
        "confusion.png",
        "result.json",
        "report.html",
    )
    written = ", ".join(
        f"{name}/" * (folder / name).is_dir() or name for name in names if (folder / name).exists()
    )
    _say(f"written to {folder}: {written}")
    classes = "test_mean_class_accuracy" in result  # one per item, or per point
    one_each = classes and not points
    commands = [
        f"  ccnn-pc evaluate {folder}/model --data PATH   {'accuracy' if one_each else 'scores'} on other data",
        f"  ccnn-pc plot {folder}/model                   the kernels it has learned",
    ]
    used = _preprocessing(folder / "model")
    series = used.get("kind") == "series" and used.get("table") is None  # archives: data sets, no files
    if classes and not series:
        what = "a class for every point" if points else "classes"
        files = "scan.laz --out labelled.laz   " if used.get("kind") == "scene" else "FILE...        "
        commands.insert(0, f"  ccnn-pc predict {folder}/model {files}{what} of your own files")
    _say("\n".join(["next:", *commands]))
    if (folder / "report.html").exists():
        _say(f"report: {folder / 'report.html'}")


def _preprocessing(model: Path) -> dict[str, Any]:
    """What is stored of it with a model."""
    stored = json.loads((model / "config.json").read_text(encoding="utf-8")) if model.exists() else {}
    return stored.get("preprocessing") or {}


def scores_in_words(result: Mapping[str, Any]) -> str:
    """The scores of the test split, in words.

    Example:
        >>> scores_in_words({"test_accuracy": 0.875, "test_mean_class_accuracy": 0.8, "test_auc": 0.9, "seed": 0})
        'accuracy 87.50 %, mean class accuracy 80.00 %, auc 0.9'
        >>> scores_in_words({"test_mean_iou": 0.8, "test_type_1_error": 0.0125, "test_kappa": 0.9})
        'mean IoU 80.00 %, type 1 error 1.25 %, kappa 0.9'
    """
    from ccnn_pc.cli.answers import SHARES

    found = {name.removeprefix("test_"): value for name, value in result.items() if name.startswith("test_")}
    return ", ".join(
        f"{name.replace('_', ' ').replace('iou', 'IoU')} "
        f"{f'{100 * value:.2f} %' if name.endswith(SHARES) else f'{value:.4g}'}"
        for name, value in found.items()
    )


def _say(text: str) -> None:
    if _is_first():
        print(text, file=sys.stderr, flush=True)
