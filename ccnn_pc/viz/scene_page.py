"""A page in which a scene can be turned: one file, no network, plain WebGL (see docs/design.md for why)."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ccnn_pc._files import write_text_atomically
from ccnn_pc.viz.scenes import RIGHT, UNKNOWN, SeenScene
from ccnn_pc.viz.style import RED, class_colours

#: Points of a page: 8 bytes each, 11 as text.
MOST = 100_000
_STEPS = 65_535
#: Byte of points whose class is not known.
_NONE = 255


def write_scene_page(scene: SeenScene, out: str | os.PathLike[str], *, title: str = "scene") -> Path:
    r"""Write a page that shows a scene, coloured by class, truth or errors, as its reader likes.

    Positions are stored in 16 bits, on all axes in steps of the largest extent over 65535:

    .. math:: q = \mathrm{round}((p - \min p) / s), \qquad s = \max_a (\max p_a - \min p_a) / 65535

    Args:
        scene: of more than 100 000 points an even subset is shown.
        out: file to write, in a folder that exists.
        title: over the page.

    Returns:
        The page's path.

    Raises:
        ValueError: more than 255 classes.
        OSError: ``out`` cannot be written.
    """
    if len(scene.classes) > _NONE:
        raise ValueError(f"'scene' must have at most {_NONE} classes to be a page (got {len(scene.classes)})")
    shown = scene.subset(MOST)
    low = shown.pos.min(axis=0)
    step = float(np.ptp(shown.pos, axis=0).max()) / _STEPS or 1.0
    colours = class_colours(len(shown.classes))
    views = [_view("class", shown.said, list(shown.classes), colours)]
    if shown.truth is not None:
        views.append(_view("truth", shown.truth, list(shown.classes), colours))
        views.append(_view("errors", shown.wrong, ["right", "wrong"], [RIGHT, RED]))
    told = {
        "title": title,
        "points": len(shown.pos),
        "total": shown.total,
        "low": low.tolist(),
        "step": step,
        "pos": _text(np.rint((shown.pos - low) / step).astype("<u2")),
        "views": views,
        "unknown": UNKNOWN,
    }
    page = Path(__file__).with_name("scene_page.html").read_text(encoding="utf-8")
    content = json.dumps(told, separators=(",", ":")).replace("<", "\\u003c")  # no name may end the script
    write_text_atomically(Path(out), page.replace("{{scene}}", content))
    return Path(out)


def _view(name: str, rows: NDArray[Any], names: list[str], colours: list[str]) -> dict[str, Any]:
    """A colouring: class of each point as a byte, 255 where it is not known."""
    values = np.where(rows < 0, _NONE, rows.astype(np.int64)).astype(np.uint8)
    return {"name": name, "names": names, "colours": colours, "rows": _text(values)}


def _text(values: NDArray[Any]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
