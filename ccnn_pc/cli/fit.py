"""``ccnn-pc fit``: which kernel network can show what, at equal numbers of parameters."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from ccnn_pc.studies.kernel_fits import Fit, Problem

EXAMPLES = """
Fit kernel networks to functions and pictures; a table and pictures of the fits.

\b
Examples:
  ccnn-pc fit
  ccnn-pc fit --kernels magnet,siren,points --targets step,chirp --points 100
  ccnn-pc fit --targets none --image synthetic --steps 2000
  ccnn-pc fit --image photo.png --pixels 64 --kernels magnet,gelu --json

\b
Kernels: magnet, gabornet, fouriernet, siren, rfnet, points, sine, gelu, swish, leaky_relu, relu
(all of these), and every other registered kernel, also of modules that
--import names.
Targets: gaussian, constant, step, sawtooth, sine, chirp, sines, noise.

The error is the root mean squared error over the target's deviation.
"between" is the same at positions held out between those that were
fitted: where it is much larger, the kernel has aliased.

Unless --omega-0 is given, a kernel starts with the frequency at which
its analytic bound is the Nyquist frequency of the points. All kernels
have about as many parameters as a SIREN of --hidden units.
"""

TABLE = "kernel_fit.csv"
SYNTHETIC = "synthetic"

Choice = TypeVar("Choice", bound=enum.Enum)


def fit(
    kernels: Annotated[str, typer.Option(help="Names with commas between them, or all.")] = "all",
    targets: Annotated[str, typer.Option(help="Names with commas between them, all, or none.")] = "all",
    image: Annotated[
        str | None, typer.Option(metavar="FILE", help="A picture or .npy array to fit too, or 'synthetic'.")
    ] = None,
    points: Annotated[
        int, typer.Option(help="Positions of the functions, evenly spread over [-1, 1].")
    ] = 200,
    pixels: Annotated[int, typer.Option(help="Longest side that the picture is averaged down to.")] = 48,
    hidden: Annotated[int, typer.Option(help="Units of the SIREN that sets the number of parameters.")] = 32,
    steps: Annotated[int, typer.Option(help="Steps of Adam.")] = 1000,
    lr: Annotated[float | None, typer.Option(help="Learning rate; default 0.01, SIREN 0.001.")] = None,
    omega_0: Annotated[
        float | None,
        typer.Option("--omega-0", help="Cycles per unit of u, for all kernels; default: from the spacing."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the kernels' parameters and of the noise.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder of the table and the pictures.")] = Path("plots/fit"),
    as_json: Annotated[bool, typer.Option("--json", help="JSON on the last line of stdout.")] = False,
) -> None:
    """Fit kernels."""
    from ccnn_pc._files import check_writable_folder, write_rows_atomically
    from ccnn_pc.cli.fit_report import advice, draw, print_table, ranked
    from ccnn_pc.studies.families import STUDIED, kernel_family, list_families
    from ccnn_pc.studies.targets import Target

    families = [
        kernel_family(name) for name in names_among("kernels", kernels, list_families(), list(STUDIED))
    ]
    functions = [] if targets == "none" else chosen("targets", targets, Target)
    problems = make_problems(functions, image, points=points, pixels=pixels, seed=seed)
    check_writable_folder("out", out)
    made_with = about(steps, seed)
    fits: list[Fit] = []
    rows: list[dict[str, Any]] = []
    for found in fit_all(problems, families, hidden=hidden, steps=steps, lr=lr, omega_0=omega_0, seed=seed):
        fits.append(found)
        rows.append(found.row() | made_with)
        write_rows_atomically(out / TABLE, rows)  # what is done is kept, whatever comes
    written = [out / TABLE, *draw(fits, out)]
    if as_json:
        print(json.dumps({"rows": rows, "files": [str(path) for path in written]}))
        return
    ranking = ranked(rows)
    print_table(ranking, len(problems))
    for path in written:
        print(path)
    print("Next: " + advice(ranking, steps=steps, with_image=image is not None))


fit.__doc__ = EXAMPLES


def chosen(name: str, words: str, choices: type[Choice]) -> list[Choice]:
    """Members of an enum from their names with commas between them, or ``all``; each once.

    Raises:
        ValueError: a name that is none; the message lists those there are.

    Example:
        >>> from ccnn_pc.studies.targets import Target
        >>> chosen("targets", "step, sine", Target)
        [<Target.STEP: 'step'>, <Target.SINE: 'sine'>]
    """
    known = {str(member.value): member for member in choices}
    return [known[word] for word in names_among(name, words, list(known))]


def names_among(name: str, words: str, known: Sequence[str], every: Sequence[str] | None = None) -> list[str]:
    """Names with commas between them, each once; ``all`` stands for ``every`` one.

    Raises:
        ValueError: a name that is not known; the message lists those there are.
    """
    names = [word.strip() for word in words.split(",") if word.strip()]
    names = list(every or known) if names == ["all"] else list(dict.fromkeys(names))
    wrong = [word for word in names if word not in known]
    if wrong or not names:
        got = ", ".join(wrong) or "none"
        raise ValueError(f"'{name}' must be names among {', '.join(known)} (got {got})")
    return names


def make_problems(
    functions: Sequence[Any], image: str | None, *, points: int, pixels: int, seed: int
) -> list[Problem]:
    """What shall be fitted: functions of one coordinate, then the picture.

    Raises:
        FileNotFoundError: there is no such picture.
        ValueError: nothing to fit, or a picture that cannot be used.
    """
    from ccnn_pc.studies.kernel_fits import image_problem, line_problem
    from ccnn_pc.studies.targets import read_image, synthetic_image

    problems = [line_problem(function, points, seed) for function in functions]
    if image == SYNTHETIC:
        problems.append(image_problem(SYNTHETIC, synthetic_image(pixels)))
    elif image is not None:
        problems.append(image_problem(Path(image).name, read_image(image, pixels)))
    if not problems:
        raise ValueError("'targets' may be none only with an image (add --image FILE or --image synthetic)")
    return problems


def fit_all(
    problems: Sequence[Problem],
    families: Sequence[Any],
    *,
    hidden: int,
    steps: int,
    lr: float | None,
    omega_0: float | None,
    seed: int,
) -> Iterator[Fit]:
    """Fit every kernel to every problem, with a bar on stderr; each fit when it is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ccnn_pc.studies.kernel_fits import run_study

    texts = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*texts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("fitting", total=len(problems) * len(families) * max(steps, 1))

        def progress(text: str, done: int) -> None:
            if done % 25 == 0:
                bar.update(task, completed=done, description=text)

        yield from run_study(
            problems,
            families,
            hidden_channels=hidden,
            steps=steps,
            lr=lr,
            omega_0=omega_0,
            seed=seed,
            progress=progress,
        )


def about(steps: int, seed: int) -> dict[str, Any]:
    """What every row of the table ends with: steps, seed, threads, commit, versions."""
    import torch

    from ccnn_pc.training.versions import git_commit, library_versions

    return {
        "steps": steps,
        "seed": seed,
        "threads": torch.get_num_threads(),
        "git_commit": git_commit(),
        "versions": library_versions(),
    }
