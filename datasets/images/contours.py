"""Images of contours that do or do not connect two marks, of any size, drawn on the spot."""

from __future__ import annotations

import os
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
#: Pieces of a long contour and of a distractor, and how many distractors an image has at 32 pixels.
_LONG, _SHORT, _DISTRACTORS = 9, 3, 5
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
        task_seed: int = 0,
        scaling: Scaling | None = None,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        part = choice("split", split, Split)
        number = check_at_least("count", COUNTS[part] if count is None else count, 1)
        check_at_least("size", size, 24)
        check_at_least("task_seed", task_seed, 0)
        settings = {"version": 1, "size": size, "count": number, "seed": task_seed, "part": part.value}
        stored = cached(
            cache, "contours", settings, lambda: drawn(size, number, part, task_seed), StoredImages.load
        )
        super().__init__(
            np.asarray(stored.values), stored.labels, CLASSES, scaled_view(view, UNSCALED, scaling), **options
        )


def drawn(size: int, count: int, split: Split, task_seed: int) -> StoredImages:
    """So many images, every second one connected."""
    seed = seeded_generator(task_seed, list(Split).index(split)).initial_seed()
    random = np.random.Generator(np.random.PCG64(seed))
    labels = np.arange(count) % 2
    return StoredImages(np.stack([_image(random, size, bool(label)) for label in labels])[:, None], labels)


def _image(random: np.random.Generator, size: int, connected: bool) -> np.ndarray:
    """One image, uint8 ``[size, size]``."""
    while True:
        taken = np.zeros((0, 2))
        lines: list[np.ndarray] = []
        long = round(_LONG * size / 32)
        for pieces in (long, long, *[_SHORT] * round(_DISTRACTORS * (size / 32) ** 2)):
            line = _contour(random, size, pieces, taken)
            if line is None:
                break
            lines.append(line)
            taken = np.concatenate([taken, line])
        else:
            return _picture(size, lines, _marks(lines[0], lines[1], connected))


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
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="xy"), axis=-1).astype(np.float64)
    value = np.zeros((size, size))
    for line in lines:
        starts, steps = line[:-1], np.diff(line, axis=0)
        for start, step in zip(starts, steps, strict=True):
            a = start + step * (1 - _DRAWN) / 2
            along = _DRAWN * step
            t = np.clip(((grid - a) @ along) / (along @ along), 0, 1)
            value = np.maximum(
                value, _inside(np.linalg.norm(grid - a - t[..., None] * along, axis=-1), _LINE)
            )
    for mark in marks:
        value = np.maximum(value, _inside(np.linalg.norm(grid - mark, axis=-1), _MARK))
    return np.rint(255 * value).astype(np.uint8)


def _inside(distance: np.ndarray, radius: float) -> np.ndarray:
    """1 inside, 0 outside, a pixel wide in between."""
    found: np.ndarray = np.clip(radius + 0.5 - distance, 0.0, 1.0)
    return found
