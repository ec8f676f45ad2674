"""Pictures whose colours stand in another order than those of training: means of channels tell, and labels."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

#: Pictures that are asked, and fewest that say anything.
ASKED, FEWEST = 64, 32
#: How much nearer their colours must be in another order, in variances, and as a factor.
CLEAR, TIMES = 25.0, 4.0
#: Variance of a median, in that of a mean.
_OF_MEDIAN = np.pi / 2


def other_order(means: np.ndarray, trained: np.ndarray, items: int) -> tuple[int, ...] | None:
    r"""The order of channels in which means are far nearer to those of a training; None where it is as they are.

    .. math:: \sum_c (d_{\pi c} - \bar d_\pi)^2 / \sigma_c^2, \qquad d_{\pi c} = \bar m_{\pi(c)} - \mu_c

    without what all channels have in common, which is how bright pictures are.

    Args:
        means: of the channels of each picture, ``[n, 3]``.
        trained: medians of these in training, ``[3]``.
        items: pictures of training that they are of.

    Example:
        >>> noise = np.random.default_rng(0).normal(0, 0.05, (64, 3))
        >>> other_order(noise + [0.3, 0.5, 0.7], np.array([0.7, 0.5, 0.3]), 128)
        (2, 1, 0)
        >>> other_order(noise + [0.6, 0.5, 0.2], np.array([0.7, 0.5, 0.3]), 128) is None
        True
    """
    if len(means) < FEWEST or items < 1:
        return None
    balance = means - means.mean(axis=1, keepdims=True)
    variance = balance.var(axis=0) * (1 / len(means) + _OF_MEDIAN / items) + 1e-12
    off = {order: means.mean(axis=0)[list(order)] - trained for order in itertools.permutations(range(3))}
    fits = {order: float((np.square(each - each.mean()) / variance).sum()) for order, each in off.items()}
    best, given = min(fits, key=fits.__getitem__), fits[0, 1, 2]
    return best if given - fits[best] > CLEAR and TIMES * fits[best] < given else None


def warn_of_colours(model: Any, dataset: Any, to_model: Tensor) -> None:
    """Warn, once per model, of pictures whose channels stand in another order than in training.

    Their means must say so, and the labels: more of them are answered rightly in that order. Without labels nothing is
    said, for blue pictures have such means as well, and a network may be surer of what looks like its training.

    Args:
        model: of one class per picture in three colours; others are not looked at.
        dataset: as the model reads it.
        to_model: the model's class of each class of the data.
    """
    import torch

    from ccnn_pc.datasets import ImagePreprocessing, collate
    from ccnn_pc.models import SamplingWarning

    used, trained, count = model.preprocessing, model.trained_on, min(ASKED, len(dataset))
    channels = () if trained is None else trained.channels
    usual = [channel.mean.median for channel in channels if channel.mean is not None]
    if not isinstance(used, ImagePreprocessing) or model.dim != 2 or len(usual) != 3 or count < FEWEST:
        return
    batch = collate([dataset[i * len(dataset) // count] for i in range(count)])
    if batch.get("pos") is not None or "colours" in model.warned:
        return
    mean, std = (np.broadcast_to(np.asarray(each, dtype=float), 3) for each in (used.mean, used.std))
    means = batch.x.double().mean(dim=(2, 3)).numpy() * std + mean
    known = np.array(usual) * std + mean
    order = other_order(means, known, trained.items)
    if order is None:
        return
    size, offset = (torch.from_numpy(each.copy()).to(batch.x).view(1, 3, 1, 1) for each in (std, mean))
    turned = batch.clone()
    turned.x = ((batch.x * size + offset)[:, list(order)] - offset) / size
    given, other = (_right(model, each, to_model) for each in (batch, turned))
    if other <= given:
        return
    model.warned |= {"colours", "values"}  # which follow from it
    names = "".join("RGB"[place] for place in order)
    here, there = (" ".join(f"{value:.2g}" for value in each) for each in (means.mean(axis=0), known))
    warnings.warn(
        f"'data' have mean colours {here} where training had {there}: read in the order {names} they would fit, and of "
        f"{count} pictures {other} instead of {given} be right; were they written so (BGR for RGB)? Write them as in "
        "training",
        SamplingWarning,
        stacklevel=3,
    )


def _right(model: Any, batch: Any, to_model: Tensor) -> int:
    """How many items of a batch are answered as they are labelled; what is otherwise with them is said elsewhere."""
    import torch

    from ccnn_pc.cli.answers import class_probabilities

    trained, model.trained_on = model.trained_on, None
    try:
        with torch.inference_mode():
            chances = class_probabilities(model(batch.to(next(model.parameters()).device)).cpu())
    finally:
        model.trained_on = trained
    return int((chances.argmax(dim=1) == to_model[batch.y.cpu().flatten()]).sum())
