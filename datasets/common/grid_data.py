"""The item of data sets on regular grids: one sequence, image or volume, batched by PyG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data


class GridData(Data):
    """One labelled sequence, image or volume.

    Attributes (each present only where it is known):
        x: values ``[1, C, *S]``, float32.
        y: class index ``[1]``, int64.
        occupied: which cells are samples ``[1, 1, *S]``, boolean; absent: all.
        spacing: distance of samples per axis ``[1, D]``, float64; absent: that of the model.
        windows, window_weight: of an item ``x [w, C, *S]`` that is longer than what a model reads: ``[1]``, w, and
            ``[w]``; see :func:`ccnn_pc.models.windows.answer`.
        name: name of the item.

    ``Batch.from_data_list`` (so every PyG ``DataLoader``) gives ``x [B, C, *S]`` and ``y [B]``; :func:`collate` says
    what is wrong where sizes differ.

    Example:
        >>> item = GridData(x=torch.zeros(1, 3, 32, 32), y=torch.tensor([4]))
        >>> batch = Batch.from_data_list([item, item])
        >>> batch.x.shape, batch.y.tolist()
        (torch.Size([2, 3, 32, 32]), [4, 4])
    """

    def __cat_dim__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Items are put one after the other along the first axis."""
        return 0


def set_windows(item: GridData, weights: Tensor) -> GridData:
    """Say of an item ``x [w, C, *S]`` that it is one, in windows of such weights ``[w]``."""
    item.windows, item.window_weight = torch.tensor([len(weights)]), weights.float()
    return item


#: What says how the samples of an item are read; where one item of a batch has it, all must.
_SAYING = ("spacing", "occupied", "mask", "lattice", "windows")


def collate(items: Sequence[Any]) -> Any:
    """The PyG batch of items, which must fit together: ``Batch.from_data_list`` with errors that say what does not.

    Args:
        items: PyG data, at least one.

    Raises:
        ValueError: arrays of several sizes, features of several channels; some items with a spacing (occupied cells, a
            mask, a lattice) and some without, which PyG would drop.

    Example:
        >>> pictures = [GridData(x=torch.zeros(1, 3, size, size)) for size in (16, 32)]
        >>> collate(pictures)
        Traceback (most recent call last):
        ...
        ValueError: 'items' of a batch must have one size (got 16 x 16 in item 0 and 32 x 32 in item 1): bring ...
    """
    first = items[0]
    for name in _SAYING:
        has = [item.get(name) is not None for item in items]
        if any(has) and not all(has):
            raise ValueError(
                f"'items' of a batch must all have '{name}', or none (got it in item {has.index(True)} and not in item "
                f"{has.index(False)}): say it for all, or batch them apart"
            )
    for number, item in enumerate(items):
        here, there = (each.get("x") for each in (item, first))
        if here is None or there is None or here.shape[1:] == there.shape[1:]:
            continue
        if here.dim() == there.dim() > 2 and here.shape[1] == there.shape[1]:
            sizes = [" x ".join(map(str, each.shape[2:])) for each in (there, here)]
            raise ValueError(
                f"'items' of a batch must have one size (got {sizes[0]} in item 0 and {sizes[1]} in item {number}): "
                "bring them to one (size=, --size), or batch those of each size apart, with their own spacing"
            )
        raise ValueError(
            f"'items' of a batch must have the same channels (got x of shape {list(there.shape)} in item 0 and "
            f"{list(here.shape)} in item {number})"
        )
    return Batch.from_data_list(items)


def grid_batch(x: Tensor, y: Tensor) -> Any:
    """The PyG batch of items ``GridData(x[i:i+1], y[i:i+1])``, made at once.

    Args:
        x: values ``[B, C, *S]``.
        y: class indices ``[B]``.
    """
    ends, zeros = torch.arange(len(x) + 1), torch.zeros(len(x), dtype=torch.long)
    batch = Batch(_base_cls=GridData, x=x, y=y)
    batch.batch, batch.ptr = ends[:-1], ends
    batch._num_graphs = len(x)
    batch._slice_dict = {"x": ends, "y": ends}
    batch._inc_dict = {"x": zeros, "y": zeros}
    return batch
