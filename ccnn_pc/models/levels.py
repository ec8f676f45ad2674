"""Features of a network at several levels, in place of its answers: what detectors and decoders are built on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.models.base import Model, Network
from ccnn_pc.models.reading import Input, Spacing


class Level(NamedTuple):
    """Features behind one layer, ``[m, C]``, and where they lie."""

    x: Tensor
    domain: AbstractDomain


class Levelled(nn.Module):
    """The features of a network behind each of its blocks, or behind each level of those that have coarser ones.

    Made by ``create_model(..., features_only=True)``.

    Args:
        network: whose features; its head is not used.
        out_indices: which of the levels, negative numbers from the end; None: all.

    Attributes:
        names: of the layers whose features come out.

    Shapes:
        * ``model(data)``: a list of ``[m, C]``, or of ``[B, C, *S]`` where a level lies on a grid.

    Raises:
        TypeError: a network that has no levels, or one that is no network of continuous kernels.
        ValueError: no such level.

    Example:
        >>> import torch
        >>> from ccnn_pc.models import create_model
        >>> model = create_model(
        ...     "ccnn_4_16", dim=2, in_channels=3, shape=(8, 8), features_only=True, out_indices=(0, -1)
        ... )
        >>> model.names, [tuple(y.shape) for y in model(torch.rand(2, 3, 8, 8))]
        (['blocks.0', 'blocks.3'], [(2, 16, 8, 8), (2, 16, 8, 8)])
    """

    def __init__(self, network: Model, out_indices: Sequence[int] | None = None) -> None:
        super().__init__()
        if not isinstance(network, Network) or not network.convolutions():
            raise TypeError(
                f"'features_only' must be False for a {type(network).__name__}, which has no levels of "
                "continuous convolutions: forward_features() gives what its head reads"
            )
        found = list(_layers(network))
        chosen = range(len(found)) if out_indices is None else out_indices
        for index in chosen:
            if not -len(found) <= index < len(found):
                raise ValueError(f"'out_indices' must be below {len(found)} levels (got {index})")
        self.network = network
        self.names = [found[index] for index in chosen]

    def levels(
        self, data: Input, domain: AbstractDomain | None = None, *, spacing: Spacing | None = None
    ) -> list[Level]:
        """Features behind each layer with the domain that they lie on; arguments as those of the network."""
        x, where = self.network.read(data, domain, spacing)
        heard: dict[str, Level] = {}
        handles = []
        for name in self.names:

            def hear(layer: nn.Module, given: Any, y: Any, name: str = name) -> None:
                there = next((each for each in given if isinstance(each, AbstractDomain)), where)
                heard[name] = Level(*y) if isinstance(y, tuple) else Level(y, there)

            handles.append(self.network.get_submodule(name).register_forward_hook(hear))
        try:
            self.network.features(x, where)
        finally:
            for handle in handles:
                handle.remove()
        self.network.remember(data, domain, spacing, x, where)
        return [heard[name] for name in self.names]

    def forward(
        self, data: Input, domain: AbstractDomain | None = None, *, spacing: Spacing | None = None
    ) -> list[Tensor]:
        """See the class."""
        found = self.levels(data, domain, spacing=spacing)
        return [
            at.unflatten(x) if isinstance(at, Grid) and at.occupied_cells is None else x for x, at in found
        ]


def _layers(network: nn.Module) -> Iterator[str]:
    """Names of the blocks, in the order in which they run."""
    for name, module in network.named_children():
        if isinstance(module, nn.ModuleList) and name in ("blocks", "encoder", "decoder", "stages"):
            yield from _blocks(name, module)


def _blocks(name: str, blocks: nn.ModuleList) -> Iterator[str]:
    """Blocks one after the other; of lists of blocks the last of each, where a level ends."""
    order = reversed(list(blocks.named_children())) if name == "decoder" else blocks.named_children()
    for number, block in order:
        if not isinstance(block, nn.ModuleList):
            yield f"{name}.{number}"
        elif len(block) > 0:
            yield f"{name}.{number}.{len(block) - 1}"
