"""``ccnn-pc convert``: checkpoints of other code into folders of this library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

#: Whose checkpoints can be converted.
SOURCES = ("ckconv",)


def convert(
    source: Annotated[str, typer.Argument(help="Whose checkpoint it is: ckconv.")],
    file: Annotated[Path, typer.Argument(help="The released .pt file.")],
    omega_0: Annotated[
        float,
        typer.Option("--omega-0", help="ω₀ of training, as the paper counts it (2 to 70); no file holds it."),
    ],
    out: Annotated[Path, typer.Option(help="Folder to make; must not exist.")],
    length: Annotated[
        int | None, typer.Option(help="Samples of a series in training, where the file does not say.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="Names of the classes, separated by commas, in the order of the logits."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on the last line of stdout.")] = False,
) -> None:
    """Turn a released CKConv checkpoint into a folder that from_pretrained loads.

    \b
    Examples:
      ccnn-pc convert ckconv CharTrajectories_srtr_1_drop_0_model_CKCNN_….pt --omega-0 21.44961185481323 --out ct
      ccnn-pc convert ckconv MNIST_perm_False_model_CKCNN_….pt --omega-0 31.09195739463897 --length 784 --out smnist

    The network takes arrays of shape batch x channels x length and computes what the released
    code computes, quirks included.
    With --json the last line of stdout is {"model": ..., "in_channels": ..., "length": ..., "parameters": ..., ...}.
    """  # noqa: D301
    if source not in SOURCES:
        raise ValueError(f"'source' must be one of {', '.join(SOURCES)} (got {source!r})")
    result = convert_checkpoint(file, out, omega_0=omega_0, length=length, classes=classes)
    if as_json:
        print(json.dumps(result))
        return
    print(f"arrays [batch, {result['in_channels']}, {result['length']}], {result['out_channels']} outputs, "
          f"{result['parameters']} parameters")  # fmt: skip
    print(f"{result['model']}: load it with ccnn_pc.models.from_pretrained")


def convert_checkpoint(
    file: Path, out: Path, *, omega_0: float, length: int | None = None, classes: str | None = None
) -> dict[str, Any]:
    """Convert one file; sizes of the network, and where it lies.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: what :func:`ccnn_pc.published.convert_ckconv` refuses.
    """
    from ccnn_pc.published import convert_ckconv

    names = [] if classes is None else [name.strip() for name in classes.split(",")]
    model = convert_ckconv(file, out, omega_0=omega_0, length=length, classes=names)
    return {
        "model": str(out),
        "in_channels": model.in_channels,
        "out_channels": model.out_channels,
        "length": model.config["shape"][0],
        "parameters": sum(p.numel() for p in model.parameters()),
        "omega_0": omega_0,
        "source": str(file),
    }
