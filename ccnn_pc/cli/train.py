"""``ccnn-pc train``: compose a configuration, build its objects, train."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer


def train(
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="experiment=NAME [KEY=VALUE]...", help="What to train.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The result as JSON on the last line of stdout.")
    ] = False,
) -> None:
    """Train a model.

    \b
    Examples:
      ccnn-pc train experiment=shapes_quickstart
      ccnn-pc train experiment=modelnet10_tiny data.root=path/to/modelnet10
      ccnn-pc train experiment=modelnet10_tiny resume=last
      ccnn-pc train experiment=modelnet10_tiny trainer.max_epochs=20 optim.lr=0.002 seed=1 threads=1
      ccnn-pc train experiment=modelnet10_tiny logger=tensorboard callbacks=ema
      ccnn-pc train data=long_csv data.root=readings.csv data.labels=labels.csv

    Each word is key=value; the keys are those of the files in configs/. Without an experiment, data=NAME
    takes the one called NAME or NAME_tiny, where there is one. A run writes to
    runs/EXPERIMENT/DATE-TIME: config.yaml, metrics.csv, checkpoints/, model/, curves.png, confusion.png,
    result.json.
    """  # noqa: D301
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    from ccnn_pc.training.callbacks import NonFiniteError, TrainingInterrupted

    words = list(overrides or [])
    try:
        result = run_experiment(words)
    except TrainingInterrupted as stopped:
        chosen = next((word.split("=", 1)[1] for word in words if word.startswith("run_dir=")), "last")
        again = [
            *(word for word in words if not word.startswith(("resume=", "run_dir="))),
            f"resume={chosen}",
        ]
        _say(f"Stopped ({stopped}), checkpoint saved. Go on with:\n  ccnn-pc train {shlex.join(again)}")
        raise typer.Exit(128 + stopped.signum) from None
    except NonFiniteError as error:
        _say(f"error: {error}")
        raise typer.Exit(1) from None
    except MisconfigurationException as error:
        raise ValueError(f"'trainer' must have settings that Lightning takes ({error})") from error
    if as_json:
        print(json.dumps(result))


def run_experiment(overrides: Sequence[str]) -> dict[str, Any]:
    """Run the experiment that ``overrides`` describe and return its result.

    Raises:
        UsageError: if the words do not describe one.
        ValueError: if an object refuses its settings, or the run folder cannot be written.
    """
    from ccnn_pc._files import check_writable_folder
    from ccnn_pc.cli.compose import (
        changed_settings,
        compose_config,
        resumable_run,
        resumed_config,
        store_config,
        stored_overrides,
    )
    from ccnn_pc.training.callbacks.checkpoints import LAST
    from ccnn_pc.training.run import RESULT

    config = compose_config(overrides)
    folder, checkpoint = resumable_run(config), None
    if folder is not None:
        config = resumed_config(folder, overrides)
        if (folder / RESULT).exists():
            result: dict[str, Any] = json.loads((folder / RESULT).read_text())
            if result["epochs"] >= int(config.trainer.max_epochs):
                _say(f"This run has finished: {folder}. Set a larger trainer.max_epochs to train longer.")
                return result
        checkpoint = folder / "checkpoints" / LAST
        if checkpoint.exists():
            _say(f"Going on with {folder}")
        else:
            checkpoint = None
            _say(f"{folder} has no checkpoint yet: starting from the beginning")
    elif config.resume is not None:
        _say("No run to go on with: starting a new one")
    folder = check_writable_folder("run_dir", config.run_dir)
    if config.results_csv is not None:
        check_writable_folder("results_csv", Path(config.results_csv).parent)
    identity = {
        "experiment": config.name,
        "model": config.model.get("name", ""),
        "seed": config.seed,
        "changed": " ".join(changed_settings([*stored_overrides(folder), *overrides])),
    }
    result = _train(config, folder, checkpoint, identity, lambda: store_config(config, overrides, folder))
    _report(result, folder)
    return result


def _train(
    config: Any, folder: Path, checkpoint: Path | None, identity: dict[str, Any], store: Any
) -> dict[str, Any]:
    import logging
    import warnings

    import lightning.pytorch as pl
    import torch
    from hydra.utils import instantiate

    from ccnn_pc._checks import check_at_least
    from ccnn_pc.cli.compose import follow_data
    from ccnn_pc.training.run import Record, run_training

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", module="torchmetrics")
    if config.threads is not None:
        torch.set_num_threads(check_at_least("threads", config.threads, 1))
    # deterministic algorithms are wanted, their debugging aid is slow
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010
    pl.seed_everything(check_at_least("seed", config.seed, 0), verbose=False)
    data = _build(instantiate, config.data.module)
    classes = data.classes
    if hasattr(data.train_set, "measured"):
        follow_data(config, data.train_set.measured())
    sizes = ", ".join(f"{size} {part}" for part, size in data.sizes().items())
    _say(f"{data.name}: {len(classes)} classes, items: {sizes}")
    outputs = config.model.get("out_channels") or len(classes)
    model = _build(instantiate, config.model)(out_channels=outputs)
    _say(f"model: {sum(p.numel() for p in model.parameters())} parameters; run folder: {folder}")
    parts = _build(instantiate, config.optim)
    task = _build(instantiate, config.task)(
        model,
        len(classes),
        optimizer=parts["optimizer"],
        schedule=parts["schedule"],
        class_counts=data.class_counts(),
    )
    store()
    return run_training(
        folder=folder,
        task=task,
        data=data,
        trainer=_build(instantiate, config.trainer),
        callbacks=[part for part in _build(instantiate, config.callbacks).values() if part is not None],
        loggers=[part for part in _build(instantiate, config.logger).values() if part is not None],
        preprocessing=instantiate(config.data.preprocessing, _convert_="all"),
        train_preprocessing=instantiate(config.data.get("train_preprocessing") or {}, _convert_="all"),
        resume_from=checkpoint,
        record=Record(identity, None if config.results_csv is None else Path(config.results_csv)),
    )


def _build(instantiate: Any, node: Any) -> Any:
    """Build the objects of a node; what an object says about its arguments is the message."""
    from hydra.errors import InstantiationException

    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        raise error.__cause__ or error from None


def _report(result: dict[str, Any], folder: Path) -> None:
    selected = {"val": "best epoch by validation", "test": "best epoch BY THE TEST SPLIT"}
    _say(
        f"\ntest {scores_in_words(result)} on {result['n_test']} items;"
        f" {selected.get(result['selected_on'], 'last epoch')}"
    )
    _say(f"{result['core_minutes']:.1f} core minutes, {result['parameters']} parameters")
    _say(f"written to {folder}: model/, checkpoints/, metrics.csv, curves.png, confusion.png, result.json")
    commands = [f"  ccnn-pc plot {folder}/model                   the kernels it has learned"]
    if "test_mean_class_accuracy" in result:  # one class per item
        commands = [
            f"  ccnn-pc predict {folder}/model FILE...        classes of your own files",
            f"  ccnn-pc evaluate {folder}/model --data PATH   accuracy on other data",
            *commands,
        ]
    _say("\n".join(["next:", *commands]))


def scores_in_words(result: Mapping[str, Any]) -> str:
    """The scores of the test split, in words.

    Example:
        >>> scores_in_words({"test_accuracy": 0.875, "test_mean_class_accuracy": 0.8, "test_auc": 0.9, "seed": 0})
        'accuracy 87.50 %, mean class accuracy 80.00 %, auc 0.9'
    """
    found = {name.removeprefix("test_"): value for name, value in result.items() if name.startswith("test_")}
    return ", ".join(
        f"{name.replace('_', ' ')} {f'{100 * value:.2f} %' if name.endswith('accuracy') else f'{value:.4g}'}"
        for name, value in found.items()
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
