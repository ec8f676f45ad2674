"""The tables of README.md and docs/: written from results/*.csv, configs/ and the code; see update_readme.py."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
POINT_CONV = "results/bench_point_conv.csv"
GRID_CONV = "results/bench_grid_conv.csv"
KNN = "results/bench_knn.csv"
KERNEL_FIT = "results/kernel_fit.csv"
Row = dict[str, str]

CONTENDERS = {
    "fused": "this library, fused operator",
    "messages": "this library, message passing",
    "released_repaired": "released formulation, gather repaired",
    "pyg_cfconv": "PyG `CFConv`, kernel network as released",
    "pyg_cfconv_our_kernel": "PyG `CFConv`, our kernel network",
}
GRID_CONTENDERS = {
    "ours": "this library",
    "ours_fft": "this library, FFT",
    "released_fft": "released formulation, FFT",
    "conv2d_channels_first": "channels-first `conv2d`",
}


def rows_of(source: str) -> list[Row]:
    """Rows of a table in results/; none where it does not exist yet."""
    path = ROOT / source
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column is left-aligned, numbers are right-aligned."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    lines = [list(header), rule, *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(value: str | None) -> str:
    """A fraction as a percentage; a dash where there is none.

    Example:
        >>> percent("0.92345"), percent("")
        ('92.35 %', '–')
    """
    return f"{100 * float(value):.2f} %" if value else "–"


def thousands(number: object) -> str:
    """A whole number with groups of three digits.

    Example:
        >>> thousands(2017503)
        '2 017 503'
    """
    return f"{int(str(number)):,}".replace(",", " ")


#: Data that networks are made for; all others take every kind.
MADE_FOR = {
    "ckcnn": ["sequence"],
    "dgcnn": ["points"],
    "flexnet": ["image"],
    "flextcn": ["sequence"],
    "gru_": ["sequence"],
    "neural_cde": ["sequence"],
    "ode_rnn": ["sequence"],
    "pointnet2": ["points"],
    "smpconv": ["image"],
    "smpnet_resnet": ["image"],
    "smpnet_tcn": ["sequence"],
}


def models() -> str:
    """Sizes of all networks, counted, for the data that each is made for."""
    from ccnn_pc.models import CCNN, create_model, list_models

    kinds = {"points": (3, 6, 40), "sequence": (1, 1, 10), "image": (2, 3, 10)}
    rows = []
    for name in list_models():
        made_for = next((found for start, found in MADE_FOR.items() if name.startswith(start)), list(kinds))
        size: list[object] = ["–", "–", "–"]
        counts = dict.fromkeys(kinds, "–")
        for kind in made_for:
            dim, channels, classes = kinds[kind]
            model = create_model(name, dim=dim, in_channels=channels, out_channels=classes)
            counts[kind] = thousands(sum(p.numel() for p in model.parameters()))
            if isinstance(model, CCNN):
                kernel: Any = model.stem.kernel
                size = [
                    len(model.blocks),
                    model.stem.out_channels,
                    f"{kernel.hidden_channels} × {kernel.num_filters}",
                ]
        rows.append([f"`{name}`", *size, *counts.values()])
    header = "name|blocks|channels|kernel: units × filters|points, 40 classes|sequence, 10 classes|image, 10 classes"
    return table(header.split("|"), rows)


def experiments() -> str:
    """Settings of all experiments, as the configuration files compose them."""
    from hydra.utils import instantiate

    from ccnn_pc.cli.compose import compose_config, list_experiments

    classes, rows = {"shapes": 12, "modelnet40": 40, "cifar100": 100, "adding": 1, "ptb": 50}, []
    for name in list_experiments():
        c = compose_config([f"experiment={name}"])
        outputs = c.model.get("out_channels") or classes.get(c.data.name, 20 if "chartraj" in name else 10)
        batch = f"{c.data.batch_size} × {c.trainer.accumulate_grad_batches}"
        if open_sizes := c.model.in_channels is None:  # the user's table says it
            count = "–"
        else:
            model = instantiate(c.model)(out_channels=outputs)
            count = thousands(sum(p.numel() for p in model.parameters()))
        kernel = [
            f"{c.model[key]:g}" if c.model.get(key) is not None else "–" for key in ("omega_0", "width")
        ]
        if open_sizes:
            samples = ["–", "–", "–"]
        elif "shape" in c.data:
            samples = ["×".join(str(size) for size in c.data.shape), "–", "–"]
        else:
            points = c.data.get("num_voxels") or c.data.num_points
            samples = [points, c.data.num_neighbors or "–", c.data.copies]
        chosen = "test" if c.data.select_on_test else "validation"
        steps = [batch, f"{c.optim.lr:g}", c.trainer.max_epochs, chosen]
        rows.append([f"`{name}`", count, *kernel, *samples, *steps])
    header = "experiment|parameters|ω₀|width|samples|k|copies|batch|rate|epochs|epoch chosen on"
    return table(header.split("|"), rows)


def bench_point_conv() -> str:
    """Times and memory of one layer, and the ratios that follow."""
    rows = rows_of(POINT_CONV)
    small = [row for row in rows if row["contender"] != "fused" or row.get("max_error")]
    head = small[0]
    by = {(row["width"], row["contender"]): row for row in small}
    cells = []
    for row in small:
        name = f"{CONTENDERS.get(row['contender'], row['contender'])}, width {row['width']}"
        times = [f"{float(row[key]):.0f} ms" for key in ("forward_min_ms", "both_min_ms")]
        cells.append([name, *times, f"{float(row['peak_mb']):.0f} MB", f"{float(row['max_error']):.0e}"])

    def ratio(column: str, top: tuple[str, str], bottom: tuple[str, str]) -> str:
        return f"{float(by[top][column]) / float(by[bottom][column]):.1f}×"

    widths = list(dict.fromkeys(row["width"] for row in small))
    wide, narrow = (widths[0], "fused"), (widths[-1], "fused")
    released, cfconv = (widths[0], "released_repaired"), (widths[0], "pyg_cfconv_our_kernel")
    lines = [
        f"One layer, {head['clouds']} clouds × {head['points']} points on the unit sphere, k = {head['k']}, "
        f"C = {head['channels']}, H = {head['hidden']}, float32, {head['threads']} threads "
        f"({head['machine']}, torch {head['torch']}, {head['date']}). Least time of interleaved rounds; extra "
        "peak memory of a fresh process.",
        table(["contender, window width", "forward", "forward + backward", "extra memory", "error"], cells),
        f"With width {wide[0]} (nothing pruned) the fused operator is "
        f"{ratio('both_min_ms', released, wide)} faster than the released formulation with its gather "
        f"repaired, in {ratio('peak_mb', released, wide)} less memory, and "
        f"{ratio('both_min_ms', cfconv, wide)} faster than PyG's `CFConv` with our kernel network. "
        f"With width {narrow[0]} it is a further {ratio('both_min_ms', wide, narrow)} faster. "
        "Errors are against the definition in float64, relative to the largest output.",
    ]
    for row in rows:
        if row not in small:
            seconds = float(row["both_min_ms"]) / 1e3
            lines.append(
                f"One cloud of {thousands(row['points'])} points, k = {row['k']}, C = {row['channels']}: "
                f"forward + backward in {seconds:.0f} s and {float(row['peak_mb']):.0f} MB extra."
            )
    return "\n\n".join(lines)


def bench_grid_conv() -> str:
    """Times and memory of the depthwise convolution on grids, and the ratios that follow."""
    rows = rows_of(GRID_CONV)
    head, cells, ratios = rows[0], [], []
    for case in dict.fromkeys(row["case"] for row in rows):
        here = {row["contender"]: row for row in rows if row["case"] == case}
        ours = here["ours"]
        about = f"{case}: {ours['shape']}, kernel {ours['taps']}, {ours['batch']} × {ours['channels']}"
        for name, row in here.items():
            times = [f"{float(row[key]):.1f} ms" for key in ("forward_min_ms", "both_min_ms")]
            memory = f"{float(row['peak_mb']):.0f} MB"
            cells.append([about, GRID_CONTENDERS[name], *times, memory, f"{float(row['max_error']):.0e}"])
        for name in ("released_fft", "conv2d_channels_first"):
            if name in here:
                ratio = float(here[name]["both_min_ms"]) / float(ours["both_min_ms"])
                ratios.append(f"{case}: {ratio:.1f}× against {GRID_CONTENDERS[name]}")
    lines = [
        f"Depthwise convolution on grids with a rendered kernel, float32, {head['threads']} threads "
        f"({head['machine']}, torch {head['torch']}, {head['date']}). Least time of interleaved rounds; extra peak "
        "memory of a fresh process.",
        table(
            [
                "case: samples, taps, batch × channels",
                "contender",
                "forward",
                "forward + backward",
                "memory",
                "error",
            ],
            cells,
        ),
        "Forward + backward: " + "; ".join(ratios) + ".",
    ]
    return "\n\n".join(lines)


def bench_knn() -> str:
    """Times of the searches on every case, and which one ``Backend.AUTO`` takes."""
    rows = rows_of(KNN)
    present = {row["contender"] for row in rows}
    backends = [name for name in ("kdtree", "dense", "cluster") if name in present]
    cases = list(dict.fromkeys((row["clouds"], row["points"], row["k"], row["kind"]) for row in rows))
    cells = []
    for case in cases:
        here = {r["contender"]: r for r in rows if (r["clouds"], r["points"], r["k"], r["kind"]) == case}
        times = [f"{float(here[b]['min_ms']):.0f} ms" if b in here else "–" for b in backends]
        chosen = next((b for b in backends if b in here and here[b]["auto"] == "True"), "–")
        clouds, points, k, kind = case
        cells.append([f"{clouds} × {thousands(points)}, {kind}", k, *times, f"`{chosen}`"])
    loads = [float(row["load_before"]) for row in rows]
    head = rows[0]
    about = (
        f"Least of several runs on {head['machine']}, {head['threads']} threads, torch {head['torch']}, "
        f"scipy {head['scipy']}. The machine's load was {min(loads):g} to {max(loads):g} meanwhile: compare "
        "within a row only."
    )
    return about + "\n\n" + table(["clouds × points", "k", *backends, "`AUTO`"], cells)


def results_kernel_fit() -> str:
    """Errors of every kernel on every target, at the points and between them, least mean error first."""
    from ccnn_pc.cli.fit_report import report

    about, header, rows = report(rows_of(KERNEL_FIT))
    return about + "\n\n" + table(header, rows)


def missing(source: str) -> str:
    """What stands in the place of a table that has not been measured."""
    return f"*Not measured yet: this part is written by `scripts/update_readme.py` once `{source}` exists.*"


#: Name of a block -> how it is written, and the table in results/ that it needs.
BLOCKS: dict[str, tuple[Callable[[], str], str | None]] = {
    "models": (models, None),
    "experiments": (experiments, None),
    "bench:point_conv": (bench_point_conv, POINT_CONV),
    "bench:grid_conv": (bench_grid_conv, GRID_CONV),
    "bench:knn": (bench_knn, KNN),
    "results:kernel_fit": (results_kernel_fit, KERNEL_FIT),
}
