"""Why accuracy is lost at other samplings, one cause at a time; ``results/causes.csv`` and ``docs/causes.png``.

    python -m scripts.studies.causes modelnet10=FOLDER cifar10=FOLDER chartraj=FOLDER fsdd=FOLDER --runs runs/causes
    python -m scripts.studies.causes cifar10=FOLDER --runs runs/causes
    python -m scripts.tables.update

A network that was trained on one sampling is asked for others on validation data: as it is, and with the statistics of
its batch norms taken anew from training data at the sampling asked for. Beside it stands a network that was trained
there. All have the weights of their last epoch: the best one was chosen at another sampling. A training that has
finished is not repeated; rows of a data set replace older ones.
"""

from __future__ import annotations

import argparse
import copy
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate

from ccnn_pc._files import read_rows, write_rows_atomically
from ccnn_pc.cli.compose import compose_config
from ccnn_pc.datasets import ImagePreprocessing
from ccnn_pc.models import from_pretrained
from ccnn_pc.models.shift.outside import SamplingWarning
from ccnn_pc.nn import recalibrate
from ccnn_pc.training.loader import ResumableLoader
from ccnn_pc.training.versions import git_commit, library_versions
from ccnn_pc.viz.style import BLUE, FAINT, ORANGE, picture
from scripts import RESULTS, ROOT
from scripts.studies.harness import train
from scripts.studies.thinning import AskedAt, Coarser, Part, Points, Thinning, aliased_share, everything

RECALIBRATED = 256  # training items
#: Settings with which the validation data of a training are sampled as its training data are.
OWN_SAMPLING = ("data.every=", "data.drop=")


@dataclass(frozen=True)
class Way:
    """A way to ask.

    Attributes:
        cause: what it tells about.
        what: what is done.
        asked: the sampling.
        thin: makes it.
        depth: where it is made; see :class:`~scripts.studies.thinning.AskedAt`.
        interpolation: between samples.
        margin: samples repeated beyond the borders.
    """

    cause: str
    what: str
    asked: str
    thin: Thinning
    depth: int = 0
    interpolation: str = "none"
    margin: int = 0


@dataclass(frozen=True)
class Subject:
    """A data set with the networks that are asked.

    Attributes:
        words: of the training on one sampling.
        ways: to ask.
        there: sampling asked for -> words of a training at it.
        items: of the validation part that are asked, evenly picked; 0: all.
        coarser: steps for which the spectra of kernels are judged.
        packaged: name of a network that is taken as it is, instead of a training.
    """

    words: tuple[str, ...]
    ways: tuple[Way, ...]
    there: dict[str, tuple[str, ...]]
    items: int = 0
    coarser: tuple[int, ...] = ()
    packaged: str = ""


def of_grids(blocks: int, step: int, share: float, k: int, axes: int) -> Iterator[Way]:
    """Ways to ask networks of images and sequences for every ``step``-th sample, and for a part of them."""
    lattice, part = f"every {step}", f"{share:g} of them"
    yield Way("all samples", "as in training", "all", everything)
    yield Way("all samples", "borders repeated", "all", everything, margin=4)
    yield Way("sums over samples", "at the input", lattice, Coarser(step))
    yield Way("input", "means over cells", lattice, Coarser(step, "mean"))
    yield Way("input", "band-limited", lattice, Coarser(step, "band"))
    yield Way("borders", "borders repeated", lattice, Coarser(step), margin=4)
    for depth in range(1, blocks + 1):
        yield Way("layers", f"from block {depth} on", lattice, Coarser(step), depth)
    yield Way("reading", "lines to the training grid", lattice, Coarser(step), 0, "linear")
    if axes > 1:
        yield Way("reading", "cubic to the training grid", lattice, Coarser(step), 0, "cubic")
        yield Way("reading", "band-limited, then cubic", lattice, Coarser(step, "band"), 0, "cubic")
        for weights in ("none", "density", "cell"):
            yield Way("weights", weights, part, Part(share, weights, k))
        for depth in range(1, blocks + 1):
            yield Way("layers", f"from block {depth} on", part, Part(share, "cell", k), depth)
        yield Way("reading", "onto the training grid", part, Part(share), 0, "cubic")


def of_series(blocks: int) -> Iterator[Way]:
    """Ways to ask networks of series with stamps."""
    yield Way("all samples", "as in training", "all", everything)
    for asked, thin in (("every 4", Coarser(4)), ("half dropped", Part(0.5)), ("70 % dropped", Part(0.3))):
        yield Way("sums over samples", "at the input", asked, thin)
        for depth in range(1, blocks + 1):
            yield Way("layers", f"from block {depth} on", asked, thin, depth)
        yield Way("reading", "straight lines", asked, thin, 0, "linear")


def of_clouds(blocks: int, whole: int, number: int, k: int) -> Iterator[Way]:
    """Ways to ask networks of clouds for fewer points; k is a share of them in training."""
    share = max(2, round(k * number / whole))
    yield Way("all samples", "as in training", "all", Points(whole, "even", k))
    for how in ("even", "random", "uneven"):
        asked = f"{how} {number}"
        yield Way("neighbours", f"k {k}, as in training", asked, Points(number, how, k))
        yield Way("neighbours", f"k {share}, the same share", asked, Points(number, how, share))
        yield Way("weights", "density", asked, Points(number, how, share, density=True))
        for depth in range(1, blocks + 1):
            yield Way("layers", f"from block {depth} on", asked, Points(number, how, share), depth)


SUBJECTS = {
    "modelnet10": Subject(
        ("experiment=modelnet10_tiny",),
        tuple(of_clouds(4, 1024, 128, 96)),
        {
            f"{how} 128": (
                "experiment=modelnet10_tiny",
                f"data.samplings=[{how}:128]",
                "data.fewest_neighbors=8",
            )
            for how in ("even", "uneven", "random")
        },
        items=200,
        packaged="ccnn_tiny-modelnet10",
    ),
    "cifar10": Subject(
        ("experiment=cifar10_tiny", "data.samplings=[]"),
        tuple(of_grids(4, 2, 0.5, 61, 2)),
        {
            "every 2": ("experiment=cifar10_tiny", "data.samplings=[pixels:2]"),
            "0.5 of them": (
                "experiment=cifar10_tiny",
                "data.samplings=[scattered:0.5]",
            ),
        },
        items=500,
        coarser=(2,),
    ),
    "chartraj": Subject(
        (
            "experiment=chartraj_tiny_irregular",
            "model.series_interpolation=none",
            "trainer.max_epochs=30",
        ),
        tuple(of_series(4)),
        {
            "half dropped": (
                "experiment=chartraj_tiny_irregular",
                "model.series_interpolation=none",
                "trainer.max_epochs=30",
                "data.drop=50",
            ),
            "70 % dropped": (
                "experiment=chartraj_tiny_irregular",
                "model.series_interpolation=none",
                "trainer.max_epochs=30",
                "data.drop=70",
            ),
        },
    ),
    "fsdd": Subject(
        ("experiment=fsdd_tiny", "trainer.max_epochs=6"),
        tuple(of_grids(4, 4, 0.5, 0, 1)),
        {"every 4": ("experiment=fsdd_tiny", "data.every=4", "data.shape=[2000]", "trainer.max_epochs=6")},
        coarser=(4,),
    ),
}


TITLES = {"modelnet10": "clouds", "cifar10": "images", "chartraj": "series", "fsdd": "sound"}


def asked(network: Any, validation: Any, training: Any, way: Way, taught: int) -> dict[str, Any]:
    """Accuracy as it is, and with statistics taken anew."""
    module = AskedAt(copy.deepcopy(network), way.thin, way.depth, way.interpolation, way.margin).eval()
    as_it_is = accuracy(module, validation)
    recalibrate(module, ResumableLoader(training, 16, shuffle=False))
    return {
        "cause": way.cause,
        "what": way.what,
        "asked": way.asked,
        "accuracy": round(as_it_is, 4),
        "statistics_anew": round(accuracy(module, validation), 4),
        "n": len(validation),
        "epochs": taught,
    }


def accuracy(module: Any, items: Any) -> float:
    """Share of right answers."""
    hits = 0
    with torch.inference_mode():
        for batch in ResumableLoader(items, 16, shuffle=False):
            hits += int((module(batch).argmax(1) == batch.y).sum())
    return hits / len(items)


def spread(count: int, wanted: int) -> list[int]:
    """So many rows of them, evenly picked; 0: all."""
    step = max(1, count // wanted) if wanted else 1
    return list(range(0, count, step))[: wanted or None]


def rows_of(name: str, root: str, runs: Path) -> Iterator[dict[str, Any]]:
    """Train what is missing, and ask."""
    subject = SUBJECTS[name]
    place = (f"data.root={Path(root).resolve()}", "seed=0", "threads=1")

    def trained(label: str, words: Sequence[str]) -> tuple[Any, int]:
        folder = runs.resolve() / name / label
        result = train(folder, [*words, *place])
        model: Any = from_pretrained(folder / "model")
        last = torch.load(folder / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)[
            "state_dict"
        ]
        model.load_state_dict(
            {key.removeprefix("model."): value for key, value in last.items() if "model." in key}
        )
        return model.eval(), int(result["epochs"])

    network, epochs = (
        (from_pretrained(subject.packaged).eval(), 30) if subject.packaged else trained("all", subject.words)
    )
    config = compose_config([*subject.words, *place])
    data: Any = instantiate(config.data.module, _convert_="all")
    data.prepare()
    scaled = isinstance(network.preprocessing, ImagePreprocessing)  # by the data set itself
    read = None if scaled else network.preprocessing.transform()

    def part(of: Any, wanted: int) -> Any:
        return of.subset(spread(len(of), wanted), transform=read)

    validation, training = part(data.val_set, subject.items), part(data.train_set, RECALIBRATED)
    for way in subject.ways:
        yield asked(network, validation, training, way, epochs)
    for step in subject.coarser:
        for number, layer in enumerate(network.convolutions()):
            yield {
                "cause": "kernels",
                "what": "stem" if number == 0 else f"convolution {number}",
                "asked": f"every {step}",
                "aliased_share": round(aliased_share(layer, step), 4),
                "epochs": epochs,
            }
    for sampling, words in subject.there.items():
        other, taught = trained(sampling.replace(" ", "_"), words)
        row = {"cause": "data", "what": "trained there", "asked": sampling, "epochs": taught}
        if any(word.startswith(OWN_SAMPLING) for word in words):
            own: Any = instantiate(compose_config([*words, *place]).data.module, _convert_="all")
            own.prepare()
            yield {**row, "accuracy": round(accuracy(other, own.val_set), 4), "n": len(own.val_set)}
            continue
        way = next(each for each in subject.ways if each.asked == sampling and usual(each, other))
        yield {**asked(other, validation, training, way, taught), **row}


def usual(way: Way, network: Any) -> bool:
    """Whether a way is that of a network by default."""
    if way.cause == "neighbours":
        return "share" in way.what
    usual_curve = way.cause == "reading" and way.interpolation == network.reading.interpolation.value
    return usual_curve and "band" not in way.what


def draw(rows: Sequence[dict[str, Any]], out: Path) -> None:
    """Bars: a panel for each data set and sampling; thin ones with statistics taken anew."""
    panels: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if row.get("accuracy"):
            panels.setdefault((row["data"], row["asked"]), []).append(row)
    whole = {data: float(panel[0]["accuracy"]) for (data, asked), panel in panels.items() if asked == "all"}
    panels = {key: panel for key, panel in panels.items() if key[1] != "all"}
    columns = 3
    lines = -(-len(panels) // columns)
    with picture(out, 11.0, 2.9 * lines, fit=True) as figure:
        grid = figure.subplots(lines, columns, squeeze=False).ravel()
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        figure.supxlabel("accuracy [%]", fontsize=9)
        for axes, ((data, sampling), panel) in zip(grid, panels.items(), strict=False):
            names = [f"{row['cause']}: {row['what']}" for row in panel]
            colours = [ORANGE if row["cause"] == "data" else BLUE for row in panel]
            anew = [100 * float(row.get("statistics_anew") or row["accuracy"]) for row in panel]
            axes.barh(names, anew, 0.75, color=FAINT, label="statistics anew")
            axes.barh(
                names, [100 * float(row["accuracy"]) for row in panel], 0.4, color=colours, label="as it is"
            )
            axes.axvline(100 * whole[data], color="black", linewidth=0.8, linestyle=":")
            axes.invert_yaxis()
            axes.set_title(f"{TITLES[data]}, {sampling}")
            axes.set_xlim(0, 100)
        grid[len(panels) % len(grid)].legend(*grid[0].get_legend_handles_labels(), loc="upper left")


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask what is named, write the rows, draw the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="+", help="NAME=FOLDER, of " + ", ".join(SUBJECTS))
    parser.add_argument("--runs", type=Path, required=True, help="folder of the trainings")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", SamplingWarning)
    results = RESULTS / "causes.csv"
    for word in given.data:
        name, _, root = word.partition("=")
        if name not in SUBJECTS or not root:
            parser.error(f"data must be NAME=FOLDER with one of {', '.join(SUBJECTS)} (got {word})")
        common = {"data": name, "seed": 0, "git_commit": git_commit(), "versions": library_versions()}
        old = [row for row in (read_rows(results) if results.exists() else []) if row["data"] != name]
        new = []
        for row in rows_of(name, root, given.runs):
            new.append({**common, **row})
            write_rows_atomically(results, [*old, *new])  # what is done is kept, whatever comes
            print(name, *(f"{key}={value}" for key, value in row.items()), flush=True)
    draw(read_rows(results), ROOT / "docs" / "causes.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
