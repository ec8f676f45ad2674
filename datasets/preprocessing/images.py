"""Preprocessing of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.preprocessing.base import Preprocessing, set_fields
from ccnn_pc.datasets.transforms.attach import KNN
from ccnn_pc.datasets.transforms.base import Compose, Transform
from ccnn_pc.datasets.transforms.cells import LitCells
from ccnn_pc.datasets.transforms.view import NOISE_LENGTH, ToView, View


@dataclass(frozen=True)
class ImagePreprocessing(Preprocessing):
    """Augmentation of images in [0, 1], then their normalisation and view (:class:`ToView`, also for the arguments).

    Args:
        bits: of each channel of the files, 8 (default) or 16 (of grey ones).
        num_neighbors: of each pixel that is not black, so that a cloud of these is read; None (default): the array.
        transparent: share of the pictures of training that are transparent, and read on white; None: not known.

    Raises:
        ValueError: an unknown view, numbers that :class:`ToView` refuses, or neighbours of what is no image.

    Example:
        >>> ImagePreprocessing("sequence", mean=[0.13], std=[0.31]).to_json()["mean"]
        [0.13]
        >>> ImagePreprocessing(num_neighbors=32).transform()
        Compose([ToView(image), LitCells(0), KNN(32)])
    """

    kind: ClassVar[str] = "image"

    view: View | str = View.IMAGE
    mean: float | Sequence[float] = 0.0
    std: float | Sequence[float] = 1.0
    permutation_seed: int = 0
    length: int = NOISE_LENGTH
    noise_seed: int = 0
    bits: int = 8
    num_neighbors: int | None = None
    transparent: float | None = None

    def __post_init__(self) -> None:
        if self.bits not in (8, 16):
            raise ValueError(f"'bits' must be 8 or 16 (got {self.bits!r})")
        view = choice("view", self.view, View)
        set_fields(self, view=view)
        if self.num_neighbors is not None:
            set_fields(self, num_neighbors=check_at_least("num_neighbors", int(self.num_neighbors), 1))
            if view not in (View.IMAGE, View.GREY):
                raise ValueError(
                    f"'view' must be image or grey where pixels have neighbours (got {view.value})"
                )
        for name in ("mean", "std"):
            value = getattr(self, name)
            set_fields(self, **{name: value if isinstance(value, (int, float)) else tuple(value)})
        self.to_view()

    def to_view(self) -> ToView:
        """The last step alone."""
        return ToView(
            self.view,
            self.mean,
            self.std,
            permutation_seed=self.permutation_seed,
            length=self.length,
            noise_seed=self.noise_seed,
        )

    def transform(self, augment: Sequence[Transform] = ()) -> Compose:
        """``augment``, then the view, and the points of it."""
        steps: list[Transform] = [*augment, self.to_view()]
        if self.num_neighbors is not None:
            steps += [LitCells(self.black), KNN(self.num_neighbors)]
        return Compose(steps)

    @property
    def black(self) -> tuple[float, ...]:
        """What 0 is after normalisation, one value for all channels or one for each; in float32, as pixels are.

        Example:
            >>> ImagePreprocessing(mean=[0.5], std=[0.25]).black
            (-2.0,)
        """
        view = self.to_view()
        return tuple(((0 - view.mean) / view.std).flatten().tolist())

    @property
    def normalises(self) -> bool:
        """Whether normal pictures are no more between 0 and 1.

        Example:
            >>> ImagePreprocessing(mean=[0.5], std=[0.25]).normalises, ImagePreprocessing().normalises
            (True, False)
        """
        mean, std = (each if isinstance(each, tuple) else (each,) for each in (self.mean, self.std))
        return min(mean) > 0 and max(std) < 1  # type: ignore[type-var]

    @property
    def reads_grey(self) -> bool:
        """Whether files are read with one channel: where one number normalises them and no view makes grey.

        Example:
            >>> [ImagePreprocessing(view, mean=[0.13]).reads_grey for view in ("sequence", "grey")]
            [True, False]
        """
        grey = self.view in (View.GREY, View.GREY_SEQUENCE)
        return isinstance(self.mean, tuple) and len(self.mean) == 1 and not grey

    def side(self, shape: Sequence[int] | None) -> int | None:
        """Side of the square images of a model of so many samples per axis; None: they are no squares, or not known.

        Example:
            >>> ImagePreprocessing("sequence").side([784]), ImagePreprocessing().side([96, 96])
            (28, 96)
        """
        if shape is None or self.view is View.NOISE_PADDED:
            return None
        side = math.isqrt(math.prod(shape))
        return side if list(shape) in ([side * side], [side, side]) else None
