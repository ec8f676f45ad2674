"""The page that ``ccnn-pc train`` leaves in the folder of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccnn_pc.cli.report import REPORT, check_agrees, counted_of, judged_sections, today
from ccnn_pc.cli.score_figures import score_figures, whole

if TYPE_CHECKING:
    from ccnn_pc.cli.gathered import Gathered
    from ccnn_pc.viz.report import Section

#: Facts of a result, by the names that a page has for them.
_FACTS = {
    **{"experiment": "experiment", "model": "model", "data": "data", "seed": "seed", "changed": "changed"},
    **{
        "best_epoch": "best epoch",
        "epochs": "epochs",
        "selected_on": "chosen on",
        "parameters": "parameters",
    },
    **{
        "n_train": "training items",
        "n_val": "validation items",
        "batch_size": "items per batch",
        "lr": "learning rate",
    },
    **{
        "core_minutes": "core minutes",
        "wall_minutes": "minutes",
        "git_commit": "version",
        "versions": "libraries",
    },
}


def write_run(
    folder: Path, result: Mapping[str, Any], gathered: Gathered, task: Any, data: Any, name: str
) -> Path:
    """Write the page of a run that has ended.

    Args:
        folder: of the run.
        result: what it returns.
        gathered: what is known of each item of the test part.
        task: with the scores of the test.
        data: with the test part.
        name: of the experiment.

    Raises:
        ValueError: there is a file of another kind; items and scores that do not agree.
    """
    from ccnn_pc.cli.judged import item_names
    from ccnn_pc.datasets import Scenes
    from ccnn_pc.models import TaskKind, from_pretrained
    from ccnn_pc.viz.report import Figure, Page, kernels_section, write_page

    model = from_pretrained(folder / "model")
    if gathered.task.kind is TaskKind.CLASSIFICATION:
        check_agrees(gathered, result.get("test_accuracy"))
    counted = counted_of(gathered.task)
    names = () if isinstance(data.test_set, Scenes) else item_names(data.test_set)[1]
    sections = [
        *_curves(folder),
        *judged_sections(
            model,
            gathered,
            data.test_set,
            confusion=task.eval_scores.confusion(),
            names=names,
            counted=counted,
            more=task.eval_scores.of_classes(),
        ),
    ]
    kernels = kernels_section(model)
    sections += [kernels] if kernels is not None else []
    sections.append(_repeat(folder, result))
    scores = {key.removeprefix("test_"): value for key, value in result.items() if key.startswith("test_")}
    chosen = {"val": "best epoch by validation", "test": "best epoch BY THE TEST PART"}
    figures = [
        *score_figures(scores),
        Figure("test points" if counted == "points" else "test items", whole(result["n_test"])),
        Figure("parameters", whole(result["parameters"])),
        Figure("core minutes", f"{result['core_minutes']:.1f}"),
    ]
    subtitle = f"{result['data']}: scores of the test part; {chosen.get(result['selected_on'], 'last epoch')}"
    page = Page(name, sections, kind="training", subtitle=subtitle, figures=figures, date=today())
    return write_page(page, folder / REPORT)


def write_stopped(folder: Path, name: str, why: str, again: Sequence[str]) -> Path | None:
    """Write the page of a run that was interrupted: curves and settings; None where there is no curve yet.

    Args:
        folder: of the run.
        name: of the experiment.
        why: what stopped it.
        again: words of the command that goes on with it.
    """
    from ccnn_pc.viz.report import Page, write_page

    curves = _curves(folder)
    if not curves:
        return None
    sections = [*curves, _repeat(folder, {}, again)]
    subtitle = f"{why}: no test yet, the command below goes on"
    return write_page(Page(name, sections, kind="training", subtitle=subtitle, date=today()), folder / REPORT)


def _curves(folder: Path) -> list[Section]:
    from ccnn_pc.viz.report import curves_section

    metrics = folder / "metrics.csv"
    try:
        return [curves_section(metrics)]
    except (FileNotFoundError, ValueError):  # stopped before the first epoch had ended, or another logger
        return []


def _repeat(folder: Path, result: Mapping[str, Any], words: Sequence[str] | None = None) -> Section:
    from ccnn_pc.cli.own_project import again
    from ccnn_pc.cli.run_folder import CONFIG, stored_overrides
    from ccnn_pc.viz.report import repeat_section

    config = folder / CONFIG
    facts = {said: _said(result[key]) for key, said in _FACTS.items() if result.get(key) is not None}
    return repeat_section(
        ["train", *again(), *(_elsewhere(stored_overrides(folder)) if words is None else words)],
        pairs={**facts, "folder": str(folder)},
        config=config.read_text(encoding="utf-8") if config.exists() else "",
    )


def _elsewhere(words: Sequence[str]) -> list[str]:
    """The words of a run for another one: without its own folder."""
    return [word for word in words if not word.startswith(("run_dir=", "resume="))]


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)
