"""Windows that cover what is longer than what a network reads."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def window_starts(samples: int, window: int) -> list[int]:
    """Where windows begin that cover all samples, spread evenly; neighbours overlap by half at least.

    Args:
        samples: how many there are, at least one window.
        window: samples of a window.

    Example:
        >>> window_starts(10, 10), window_starts(20, 10), window_starts(26, 10)
        ([0], [0, 5, 10], [0, 4, 8, 12, 16])
    """
    steps = math.ceil((samples - window) / max(1, window / 2))
    return [round(step * (samples - window) / max(1, steps)) for step in range(steps + 1)]


def mean_over_windows(answers: Tensor, windows: Tensor, weight: Tensor, *, numbers: bool = False) -> Tensor:
    r"""One answer for each item that was read in windows.

    .. math:: \ln \frac{\sum_i w_i\, p_i}{\sum_i w_i}, \qquad p_i = \operatorname{softmax}(a_i)

    of classes, whose softmax is the mean of the probabilities; of a single logit the same of its two classes; of
    numbers their mean. An item of one window keeps its answer as it is.

    Args:
        answers: of the windows, ``[n, K]``.
        windows: how many each item has, ``[B]``, n in all.
        weight: of each window, ``[n]``, not negative.
        numbers: whether answers are numbers.

    Returns:
        ``[B, K]``.

    Example:
        >>> answers, one_each = torch.tensor([[0.0], [2.0], [4.0]]), torch.ones(3)
        >>> mean_over_windows(answers, torch.tensor([2, 1]), one_each, numbers=True).tolist()
        [[1.0], [4.0]]
    """
    parts = zip(answers.split(windows.tolist()), weight.to(answers).split(windows.tolist()), strict=True)
    return torch.stack([_mean(part, share / share.sum(), numbers) for part, share in parts])


def _mean(answers: Tensor, share: Tensor, numbers: bool) -> Tensor:
    """Of one item; logarithms of probabilities stay finite where these are too small for a float."""
    if len(answers) == 1:
        return answers[0]
    if numbers:
        return share @ answers
    single = answers.shape[1] == 1
    chances = logsigmoid(torch.cat([answers, -answers], dim=1)) if single else answers.log_softmax(dim=1)
    mean = (chances + share.log()[:, None]).logsumexp(dim=0)
    return mean[:1] - mean[1:] if single else mean
