"""Arrays as pictures inside of a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ccnn_pc._optional import require
from ccnn_pc.viz.report.colours import STEPS, scale_rgb, signed_range, steps_of
from ccnn_pc.viz.report.templates import fill

_TEMPLATE = """\
<div class="pixels{% if pictures|length == 1 %} one{% endif %}">
{% for name, source in pictures %}
<figure><img src="{{ source }}" alt="{{ name }}">{% if pictures|length > 1 %}{{ name }}{% endif %}</figure>
{% endfor %}
</div>"""


def png_address(pixels: NDArray[np.uint8]) -> str:
    """Pixels ``[H, W]`` or ``[H, W, 3]`` as a data address.

    Example:
        >>> png_address(np.zeros((2, 2), np.uint8))[:22]
        'data:image/png;base64,'
    """
    image = require("PIL.Image", extra="train", purpose="to draw pictures")
    file = io.BytesIO()
    image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def picture_pixels(x: NDArray[Any]) -> NDArray[np.uint8]:
    """Channels ``[C, H, W]`` as grey or coloured pixels, from the least to the greatest value."""
    x = np.asarray(x, dtype=np.float64)
    x = x[:3] if len(x) >= 3 else x[:1]
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    scaled = steps_of(x, low, high, 255)
    return scaled[0] if len(scaled) == 1 else scaled.transpose(1, 2, 0)


def signed_pixels(values: NDArray[Any], most: float | None = None) -> NDArray[np.uint8]:
    """Signed numbers ``[H, W]`` in colours that are symmetric about 0; most: at the ends, default the greatest."""
    values = np.asarray(values, dtype=np.float64)
    most = signed_range(values) if most is None else most
    return scale_rgb("signed")[np.minimum(steps_of(values, -most, most), STEPS - 1)]


def class_pixels(rows: NDArray[Any], classes: int) -> NDArray[np.uint8]:
    """Classes ``[H, W]``, grey where they are negative."""
    from ccnn_pc.viz.style import FAINT, class_colours

    palette = np.array(
        [[int(text[i : i + 2], 16) for i in (1, 3, 5)] for text in [*class_colours(classes), FAINT]],
        dtype=np.uint8,
    )
    return palette[np.where(rows < 0, classes, rows)]


def pictures(shown: Sequence[tuple[str, NDArray[np.uint8]]]) -> Markup:
    """Pictures beside each other, with names where there are several."""
    return fill(_TEMPLATE, pictures=[(name, png_address(pixels)) for name, pixels in shown])
