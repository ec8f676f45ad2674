"""How an image is handed to a network: normalised, as an image or as a sequence of its pixels."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice

#: Length of noise-padded sequences in the published experiments.
NOISE_LENGTH = 1000


class View(enum.Enum):
    """Image ``[C, H, W]`` to what the network reads.

    IMAGE: as it is. SEQUENCE: pixels row by row ``[C, H·W]``. PERMUTED: a sequence in one fixed random order.
    GREY: luminance ``[1, H, W]``. GREY_SEQUENCE: luminance row by row ``[1, H·W]`` (the "Image" task of Long
    Range Arena). NOISE_PADDED: one step per image row with ``C·W`` channels, then fixed noise
    ``[C·W, 1000]``.
    """

    IMAGE = "image"
    SEQUENCE = "sequence"
    PERMUTED = "permuted"
    GREY = "grey"
    GREY_SEQUENCE = "grey_sequence"
    NOISE_PADDED = "noise_padded"


def fixed_permutation(length: int, seed: int = 0) -> np.ndarray:
    """A permutation int64 ``[length]`` that is a function of the seed on every machine.

    It is ``numpy.random.RandomState(seed).permutation(length)``, whose stream numpy keeps for ever; with seed 0
    that of the published permuted MNIST.

    Example:
        >>> fixed_permutation(784)[:6].tolist()
        [693, 85, 647, 392, 765, 14]
    """
    return np.random.RandomState(seed).permutation(length).astype(np.int64)  # noqa: NPY002  (frozen stream)


def fixed_noise(channels: int, length: int, seed: int = 0) -> Tensor:
    """Standard normal noise ``[channels, length]`` that is a function of the seed."""
    noise = np.random.RandomState(seed).standard_normal((channels, length))  # noqa: NPY002  (frozen stream)
    return torch.from_numpy(noise).float()


def luminance(x: Tensor) -> Tensor:
    r"""Grey image ``[B, 1, H, W]`` of colours in [0, 1]: 0.299 R + 0.587 G + 0.114 B, rounded to 256 levels.

    In 16-bit fixed point, as ITU-R 601 is usually computed on bytes, so that grey values agree with image
    libraries.

    Raises:
        ValueError: ``x`` does not have 3 channels.

    Example:
        >>> (255 * luminance(torch.eye(3).view(3, 3, 1, 1))).flatten().round().tolist()
        [76.0, 150.0, 29.0]
    """
    if x.shape[1] != 3:
        raise ValueError(f"'x' must have 3 channels to become grey (got {x.shape[1]})")
    levels = (x * 255).round().to(torch.int32).clamp_(0, 255)
    weight = torch.tensor([19595, 38470, 7471], dtype=torch.int32, device=x.device).view(1, 3, 1, 1)
    return ((levels * weight).sum(dim=1, keepdim=True).add(32768) >> 16).float().div_(255)


class ToView(BaseTransform):
    r"""Normalise images, :math:`(x - \mathrm{mean}) / \mathrm{std}`, and take a view of them.

    Grey views take the luminance before they normalise, with numbers of their own.

    Args:
        view: image (default), sequence, permuted, grey, grey_sequence, noise_padded.
        mean, std: one number or one per channel, of values in [0, 1].
        permutation: the order of pixels of ``permuted``; None: ``fixed_permutation(H·W, permutation_seed)``.
        permutation_seed: default 0, the published one.
        length: of noise-padded sequences, image rows included (default 1000).
        noise_seed: of that noise.

    Raises:
        ValueError: an unknown view, ``std`` not positive, an order that is no permutation.

    Example:
        >>> images = torch.rand(8, 3, 32, 32)
        >>> ToView(View.SEQUENCE).of(images).shape, ToView("noise_padded").of(images).shape
        (torch.Size([8, 3, 1024]), torch.Size([8, 96, 1000]))
    """

    def __init__(
        self,
        view: View | str = View.IMAGE,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        *,
        permutation: Sequence[int] | np.ndarray | None = None,
        permutation_seed: int = 0,
        length: int = NOISE_LENGTH,
        noise_seed: int = 0,
    ) -> None:
        self.view = choice("view", view, View)
        self.mean, self.std = (
            torch.as_tensor(value, dtype=torch.float32).reshape(-1, 1, 1) for value in (mean, std)
        )
        if not bool((torch.isfinite(self.std) & (self.std > 0)).all()) or not bool(
            torch.isfinite(self.mean).all()
        ):
            raise ValueError(f"'mean' must be finite, 'std' also positive (got {mean}, {std})")
        order = None if permutation is None else np.asarray(permutation, dtype=np.int64)
        if order is not None and not np.array_equal(np.sort(order), np.arange(len(order))):
            raise ValueError(f"'permutation' must hold each of 0 to {len(order) - 1} once")
        self.permutation = None if order is None else torch.from_numpy(order)
        self.permutation_seed = check_at_least("permutation_seed", permutation_seed, 0)
        self.length = check_at_least("length", length, 1)
        self.noise_seed = check_at_least("noise_seed", noise_seed, 0)
        self._noise: Tensor | None = None

    def forward(self, data: Any) -> Any:
        """Replace ``x``."""
        data.x = self.of(data.x)
        return data

    def of(self, x: Tensor) -> Tensor:
        """The view of images ``[B, C, H, W]`` with values in [0, 1].

        Raises:
            ValueError: another shape, or other numbers of channels or pixels than the settings.
        """
        if x.dim() != 4:
            raise ValueError(f"'x' must hold images [B, C, H, W] (got shape {list(x.shape)})")
        if self.view in (View.GREY, View.GREY_SEQUENCE):
            x = luminance(x)
        if len(self.mean) not in (1, x.shape[1]) or len(self.std) not in (1, x.shape[1]):
            raise ValueError(
                f"'mean' and 'std' must be one number or one per channel ({x.shape[1]} channels; "
                f"got {len(self.mean)} and {len(self.std)})"
            )
        x = (x - self.mean.to(x.device)) / self.std.to(x.device)
        if self.view in (View.IMAGE, View.GREY):
            return x
        if self.view is View.NOISE_PADDED:
            return self._padded(x)
        x = x.flatten(2)
        return x[:, :, self._order(x.shape[2]).to(x.device)] if self.view is View.PERMUTED else x

    def _order(self, pixels: int) -> Tensor:
        if self.permutation is None:
            self.permutation = torch.from_numpy(fixed_permutation(pixels, self.permutation_seed))
        if len(self.permutation) != pixels:
            raise ValueError(
                f"'permutation' must be of as many pixels as an image has ({pixels}; got {len(self.permutation)})"
            )
        return self.permutation

    def _padded(self, x: Tensor) -> Tensor:
        """Rows as steps, channel ``c·W + column``, then the noise."""
        rows, channels = x.shape[2], x.shape[1] * x.shape[3]
        if rows > self.length:
            raise ValueError(f"'length' must be at least the {rows} rows of an image (got {self.length})")
        if self._noise is None or self._noise.shape != (channels, self.length - rows):
            self._noise = fixed_noise(channels, self.length - rows, self.noise_seed)
        steps = x.permute(0, 1, 3, 2).reshape(len(x), channels, rows)
        return torch.cat([steps, self._noise.to(x.device).expand(len(x), -1, -1)], dim=2)

    def shape_of(self, channels: int, height: int, width: int) -> tuple[int, ...]:
        """Channels and sizes ``(C', *S')`` that the view makes of an image.

        Example:
            >>> ToView("grey_sequence").shape_of(3, 32, 32)
            (1, 1024)
        """
        if self.view is View.NOISE_PADDED:
            return channels * width, self.length
        channels = 1 if self.view in (View.GREY, View.GREY_SEQUENCE) else channels
        if self.view in (View.IMAGE, View.GREY):
            return channels, height, width
        return channels, math.prod((height, width))

    def __repr__(self) -> str:
        return f"ToView({self.view.value})"
