"""From a released CKConv file to a folder of this library."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ccnn_pc._files import check_new_folder, written_whole
from ccnn_pc.models.base import Model
from ccnn_pc.models.hub import save_pretrained
from ccnn_pc.models.state import load_tensors
from ccnn_pc.published.ckconv_checkpoint import CKConvCheckpoint, check_omega_0

#: Names of released files have ω₀ with two decimals.
NAME_PRECISION = 0.0051


def read_ckconv(file: str | os.PathLike[str]) -> CKConvCheckpoint:
    """Read a released checkpoint; nothing in it is executed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: truncated, no file of torch, more than tensors in it, or no CKConv checkpoint. The message names the
            file, and the parameters that are missing.
    """
    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(f"'file' must be a released checkpoint (found no file at '{path}')")
    state = load_tensors(path, "copy or download it again")
    if not isinstance(state, Mapping):
        raise ValueError(f"'{path}' must hold parameters by name (got {type(state).__name__})")
    return CKConvCheckpoint.of(state, str(path))


def convert_ckconv(
    file: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    omega_0: float,
    length: int | None = None,
    classes: Sequence[str] = (),
) -> Model:
    """Turn a released CKConv checkpoint into a folder for :func:`ccnn_pc.models.from_pretrained`.

    Everything is checked first; the folder appears whole or not at all.

    Args:
        file: the ``.pt`` file.
        out: folder to make.
        omega_0: angular factor ω of the sines as the papers give it; no file holds it.
        length: samples in training, where the file does not say.
        classes: names of the classes, in the order of the logits (two for one logit); default none.

    Returns:
        the model, in eval mode; its ``anchor``, ``blur`` and ``short_fft`` are those of the released code.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: what :func:`read_ckconv` and :meth:`CKConvCheckpoint.model` refuse; an ω₀ that is not the one in the
            file's name; a folder that exists or cannot be made; another number of classes.
    """
    check_omega_0(omega_0)
    named = re.search(r"kernomega0_(\d+(?:\.\d+)?)_", Path(file).name)
    if named and abs(omega_0 - float(named[1])) > NAME_PRECISION:
        raise ValueError(f"'omega_0' must round to {named[1]}, as the file's name says (got {omega_0})")
    target = check_new_folder("out", out)
    checkpoint = read_ckconv(file)
    wanted = 2 if checkpoint.out_channels == 1 else checkpoint.out_channels
    if classes and (isinstance(classes, str) or len(set(classes)) != len(classes) or len(classes) != wanted):
        raise ValueError(f"'classes' must be {wanted} different names (got {classes!r})")
    model = checkpoint.model(omega_0, length)
    model.classes = list(classes)
    with written_whole(target, folder=True) as hidden:
        save_pretrained(model, hidden)
    return model
