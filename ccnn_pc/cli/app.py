"""Entry point of ``ccnn-pc``: knows the commands' names and loads only the one that was asked for.

A command is a file ``cli/<name>.py`` with a typer-annotated function ``<name>``, and a line in `COMMANDS`.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ccnn_pc import __version__
from ccnn_pc._optional import require

#: Name of each command and what it does, as `ccnn-pc --help` shows it.
COMMANDS = {
    "train": "Train a network: an experiment and Hydra overrides.",
    "init": "A small project of your own: experiment, data set, kernel, loss, test.",
    "evaluate": "Accuracy of a trained model on a data set, a folder or an .npz file.",
    "predict": "Classes and probabilities of meshes or clouds, and a picture; scans labelled.",
    "features": "What a model's last layer reads of files, as arrays.",
    "transfer": "One trained model on several samplings: points, voxels, coarser images.",
    "recalibrate": "A trained model whose batch norms fit other data.",
    "export": "A trained model as a file for onnxruntime or PyTorch alone.",
    "plot": "Pictures of a model's kernels, windows and spectra.",
    "show": "A cloud, a series, an image, a data set, a model or a run, in the browser.",
    "explain": "What an answer rests on: points, samples or pixels, as a picture.",
    "fit": "Which kernel network can show what: fits of functions and pictures.",
    "convert": "Released CKConv checkpoints into models of this library.",
    "models": "Names, sizes and pretrained weights.",
    "doctor": "Versions, backends, device, and a self-check of 5 seconds.",
}

#: Which extra brings a package, for packages that are imported without `ccnn_pc._optional.require`.
EXTRAS = {
    **dict.fromkeys(("lightning", "torchmetrics", "hydra", "omegaconf", "typer", "rich"), "train"),
    **dict.fromkeys(("matplotlib", "tensorboard"), "train"),
    **dict.fromkeys(("trimesh", "h5py", "networkx", "PIL"), "mesh"),
    **dict.fromkeys(("torch_cluster", "torch_scatter"), "accel"),
    "open3d": "open3d",
    "captum": "explain",
    "jinja2": "train",
    "wandb": "wandb",
}

#: Where processes of a sweep find what ``--import`` named.
IMPORTED = "CCNN_PC_IMPORTED"

EPILOG = (
    "Examples: ccnn-pc train experiment=shapes_quickstart | ccnn-pc predict ccnn_tiny-modelnet10 chair.off | "
    "ccnn-pc COMMAND --help"
)


def build_app(chosen: str | None = None) -> Any:
    """The typer application, with the code of the command ``chosen`` and the bare names of all others.

    Args:
        chosen: name of the command that will run; None for help on all of them.

    Raises:
        ImportError: typer, or what the command needs, is not installed; the message names the extra.
    """
    typer = require("typer", extra="train", purpose="for the command line")
    app = typer.Typer(
        name="ccnn-pc",
        help="Continuous-kernel CNNs on point clouds, grids and series: train, evaluate, use.",
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # plain help: importing rich takes most of the time that help takes
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )

    def print_version(wanted: bool) -> None:
        if wanted:
            print(__version__)
            raise typer.Exit()

    version_option = typer.Option(
        False, "--version", callback=print_version, is_eager=True, help="Print the version."
    )

    import_option = typer.Option(
        None,
        "--import",
        metavar="MODULE,…",
        help="Modules that register kernels, windows, models or data sets; before or after the command.",
    )

    @app.callback()
    def root(version: bool = version_option, imports: str | None = import_option) -> None:
        pass

    for name, summary in COMMANDS.items():
        function = _load(name) if name == chosen else _placeholder(name, summary)
        app.command(name, short_help=summary)(function)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``ccnn-pc`` and leave with an exit status: 0, 1 for a failed command, 2 for wrong usage.

    Errors of the user's (a missing file, a wrong name, a missing extra) are one line on stderr;
    set ``CCNN_PC_TRACEBACK=1`` to see where they came from.

    Args:
        arguments: the words after ``ccnn-pc``; None takes them from the command line.
    """
    usual, warnings.formatwarning = warnings.formatwarning, _in_one_line
    try:
        words = import_modules(sys.argv[1:] if arguments is None else arguments)
        chosen = next((word for word in words if not word.startswith("-")), None)
        build_app(chosen)(args=words, prog_name="ccnn-pc")
    except (ImportError, OSError, TypeError, ValueError) as error:
        if os.environ.get("CCNN_PC_TRACEBACK"):
            raise
        print(f"error: {describe(error)}", file=sys.stderr)
        if isinstance(error, TypeError):
            print("(CCNN_PC_TRACEBACK=1 shows where this comes from)", file=sys.stderr)
        raise SystemExit(1) from None
    finally:
        warnings.formatwarning = usual


def _in_one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    r"""Warnings of this library are for users, who need no line of its code.

    Example:
        >>> from ccnn_pc.models import SamplingWarning
        >>> _in_one_line("other units", SamplingWarning, "reading.py", 7)
        'warning: other units\n'
    """
    if category.__module__.startswith("ccnn_pc."):
        return f"warning: {message}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"


def import_modules(words: Sequence[str]) -> list[str]:
    """Import the modules that ``--import`` names, wherever it stands; the other words are left.

    Raises:
        ValueError: see :func:`import_named`.

    Example:
        >>> import_modules(["plot", "--import", "math,json", "my_model"])
        ['plot', 'my_model']
    """
    left: list[str] = []
    given = iter(words)
    for word in given:
        option, equals, names = word.partition("=")
        if option != "--import":
            left.append(word)
            continue
        import_named(names if equals else next(given, ""), "--import")
    return left


def import_named(names: str, option: str) -> None:
    """Import modules of the working folder, or installed ones.

    Args:
        names: with commas between them.
        option: what named them, for messages.

    Raises:
        ValueError: no name, or no module of that name.
    """
    if "" not in sys.path:
        sys.path.insert(0, "")  # modules of the working folder, as `python -m` finds them
    for name in map(str.strip, names.split(",")):
        try:
            importlib.import_module(name)
        except (ModuleNotFoundError, ValueError) as error:
            if isinstance(error, ModuleNotFoundError) and not f"{name}.".startswith(f"{error.name}."):
                raise
            raise ValueError(
                f"'{option}' must name modules of the working folder or installed ones, without '.py' (got '{name}')"
            ) from error
        known = list(filter(None, os.environ.get(IMPORTED, "").split(",")))
        os.environ[IMPORTED] = ",".join(dict.fromkeys([*known, name]))


def describe(error: Exception) -> str:
    """The message of an error; for a package that is missing, the extra that brings it.

    Example:
        >>> describe(ModuleNotFoundError("No module named 'hydra'", name="hydra"))
        "'hydra' is needed for this command: pip install 'ccnn-pc[train]'"
    """
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.split(".")[0]
        if package in EXTRAS:
            return f"'{package}' is needed for this command: pip install 'ccnn-pc[{EXTRAS[package]}]'"
    return str(error) or type(error).__name__


def _load(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(importlib.import_module(f"ccnn_pc.cli.{name}"), name)
    return function


def _placeholder(name: str, summary: str) -> Callable[[], None]:
    """Stands for a command in the list that `ccnn-pc --help` prints; never runs."""

    def command() -> None:
        raise RuntimeError(f"'{name}' was not loaded")

    command.__doc__ = summary
    return command


if __name__ == "__main__":
    main()
