"""Images of contours that do or do not connect two marks, of any size, drawn on the spot."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.cache import cached
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.images.arrays import ImageArrays, Scaling, scaled_view
from ccnn_pc.datasets.images.pathfinder import CLASSES, UNSCALED, StoredImages
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.datasets.transforms.view import View

#: Images of a part where nothing is said.
COUNTS = {Split.TRAIN: 20_000, Split.VAL: 2_000, Split.TEST: 2_000}
#: Dashes of a distractor.
_SHORT = 3
#: Pixels of a step along a contour, the share of it that is drawn, and how far a contour turns from step to step.
_STEP, _DRAWN, _TURN = 2.6, 0.72, 0.35
#: Half-width of a line, radius of a mark, and the distance that contours keep from each other, in pixels.
_LINE, _MARK, _APART = 0.55, 1.6, 2.3
_TRIES = 200


@register_dataset("contours", sample={"size": 32, "count": 12})
class Contours(ImageArrays):
    """Two marks on one dashed contour, or on two, among short ones: a synthetic set like Pathfinder.

    Contours are smooth random walks of dashes that keep apart from each other. Both long ones have a mark at one end in
    half of the images ("apart"), one has both in the other half ("connected"), so that neither the number of marks nor
    what lies around one tells the classes. It is not the published set, which has its own rules.

    Args:
        split: TRAIN (20,000 images), VAL or TEST (2,000 each), drawn independently of each other.
        view: image or sequence; None: an image.
        size: pixels along an axis, at least 24 (default 32); contours and distractors grow in number, not in width.
        count: another number of images.
        dashes: of a long contour at 32 pixels (default 9): the longer, the harder.
        distractors: short contours of an image at 32 pixels (default 5).
        task_seed: of the images.
        scaling: mean and deviation; None: values stay in [0, 1].
        cache: folder of processed data; None: the usual one.
        options: transform, pre_transform, seed: see :class:`LabelledDataset`.

    Raises:
        ValueError: numbers out of range.

    Example:
        >>> few = Contours("test", count=4)
        >>> few[0].x.shape, few.classes, int(few.labels.sum())
        (torch.Size([1, 1, 32, 32]), ['apart', 'connected'], 2)
    """

    def __init__(
        self,
        split: Split | str = Split.TRAIN,
        view: View | str | None = None,
        *,
        size: int = 32,
        count: int | None = None,
        dashes: int = 9,
        distractors: int = 5,
        task_seed: int = 0,
        scaling: Scaling | None = None,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        part = choice("split", split, Split)
        number = check_at_least("count", COUNTS[part] if count is None else count, 1)
        check_at_least("size", size, 24)
        check_at_least("task_seed", task_seed, 0)
        drawing = Drawing(
            size, check_at_least("dashes", dashes, 2), check_at_least("distractors", distractors, 0)
        )
        settings = {"version": 2, **asdict(drawing), "count": number, "seed": task_seed, "part": part.value}
        stored = cached(
            cache, "contours", settings, lambda: drawn(drawing, number, part, task_seed), StoredImages.load
        )
        super().__init__(
            np.asarray(stored.values), stored.labels, CLASSES, scaled_view(view, UNSCALED, scaling), **options
        )


@dataclass(frozen=True)
class Drawing:
    """How images look: pixels along an axis, dashes of a long contour and short contours at 32 pixels."""

    size: int = 32
    dashes: int = 9
    distractors: int = 5

    def lines(self) -> list[int]:
        """Dashes of each contour of an image, the two long ones first."""
        long = round(self.dashes * self.size / 32)
        return [long, long, *[_SHORT] * round(self.distractors * (self.size / 32) ** 2)]


def drawn(drawing: Drawing, count: int, split: Split, task_seed: int) -> StoredImages:
    """So many images, every second one connected."""
    seed = seeded_generator(task_seed, list(Split).index(split)).initial_seed()
    random = np.random.Generator(np.random.PCG64(seed))
    labels = np.arange(count) % 2
    return StoredImages(np.stack([_image(random, drawing, bool(label)) for label in labels])[:, None], labels)


def _image(random: np.random.Generator, drawing: Drawing, connected: bool) -> np.ndarray:
    """One image, uint8 ``[size, size]``."""
    while True:
        taken = np.zeros((0, 2))
        lines: list[np.ndarray] = []
        for dashes in drawing.lines():
            line = _contour(random, drawing.size, dashes, taken)
            if line is None:
                break
            lines.append(line)
            taken = np.concatenate([taken, line])
        else:
            return _picture(drawing.size, lines, _marks(lines[0], lines[1], connected))


def _marks(first: np.ndarray, second: np.ndarray, connected: bool) -> list[np.ndarray]:
    """Ends of one contour, or of both: those about as far from each other, so that the distance tells little."""
    if connected:
        return [first[0], first[-1]]
    chord = np.linalg.norm(first[-1] - first[0])
    pairs = [[a, b] for a in (first[0], first[-1]) for b in (second[0], second[-1])]
    return min(pairs, key=lambda pair: abs(float(np.linalg.norm(pair[0] - pair[1]) - chord)))


def _contour(random: np.random.Generator, size: int, pieces: int, taken: np.ndarray) -> np.ndarray | None:
    """Ends of the dashes of a smooth random walk ``[pieces + 1, 2]`` that keeps apart; None: there is no room."""
    for _ in range(_TRIES):
        points = [random.uniform(2, size - 3, 2)]
        angle = random.uniform(0, 2 * np.pi)
        for _ in range(pieces):
            angle += random.uniform(-_TURN, _TURN)
            points.append(points[-1] + _STEP * np.array([np.cos(angle), np.sin(angle)]))
        line = np.array(points)
        if line.min() < 2 or line.max() > size - 3:
            continue
        if len(taken) and _distances(line, taken).min() < _APART + _STEP / 2:
            continue
        own = _distances(line, line)
        far = np.abs(np.subtract.outer(np.arange(len(line)), np.arange(len(line)))) > 2
        if not far.any() or own[far].min() > _APART:
            return line
    return None


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.linalg.norm(a[:, None] - b[None], axis=2)
    return found


def _picture(size: int, lines: list[np.ndarray], marks: list[np.ndarray]) -> np.ndarray:
    """Dashes and marks with smooth borders."""
    value = np.zeros((size, size))
    starts, steps = (
        np.concatenate([line[:-1] for line in lines]),
        np.concatenate([np.diff(x, axis=0) for x in lines]),
    )
    for start, along in zip(starts + steps * (1 - _DRAWN) / 2, _DRAWN * steps, strict=True):
        _stroke(value, start, along, _LINE)
    for mark in marks:
        _stroke(value, mark, np.zeros(2), _MARK)
    return np.rint(255 * value).astype(np.uint8)


def _stroke(value: np.ndarray, start: np.ndarray, along: np.ndarray, radius: float) -> None:
    """Draw a line of that half-width, into the pixels around it; ``along`` 0: a disc."""
    low = np.floor(np.minimum(start, start + along) - radius - 1).astype(int).clip(0)
    high = np.ceil(np.maximum(start, start + along) + radius + 2).astype(int)
    part = value[low[1] : high[1], low[0] : high[0]]
    x, y = np.arange(part.shape[1]) + low[0] - start[0], np.arange(part.shape[0])[:, None] + low[1] - start[1]
    t = np.clip((x * along[0] + y * along[1]) / max(float(along @ along), 1e-12), 0, 1)
    distance = np.hypot(x - t * along[0], y - t * along[1])
    np.maximum(
        part, np.clip(radius + 0.5 - distance, 0.0, 1.0), out=part
    )  # a pixel between inside and outside
