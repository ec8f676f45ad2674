"""A Transformer encoder over the samples of an array, for comparison: ``transformer``."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ccnn_pc._checks import check_at_least
from ccnn_pc.peers.sequences import SequencePeer, register_sequence_peer, sine_positions


class EncoderLayer(nn.TransformerEncoderLayer):
    """torch's layer, norms first, which can be drawn anew."""

    def __init__(self, channels: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__(channels, heads, feedforward, dropout, "gelu", batch_first=True, norm_first=True)

    def reset_parameters(self) -> None:
        """As new."""
        drawn = EncoderLayer(
            self.linear1.in_features, self.self_attn.num_heads, self.linear1.out_features, 0.0
        )
        self.load_state_dict(drawn.state_dict())


class Transformer(SequencePeer):
    r"""torch's own Transformer encoder, norms first, sines as positions, the mean over all tokens.

    .. math:: h \leftarrow h + \mathrm{Attention}(\mathrm{Norm}(h)), \qquad
        h \leftarrow h + \mathrm{MLP}(\mathrm{Norm}(h))

    Vaswani et al. (arXiv:1706.03762); patches as of Dosovitskiy et al. (arXiv:2010.11929).

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit for two classes).
        dim: axes of the arrays.
        channels: width (default 32).
        num_layers: (default 2).
        heads: that share the width (default 4).
        feedforward: width of the MLPs (default 96).
        patch: samples along an axis that one token holds (default 1).
        dropout: (default 0).

    Example:
        >>> import torch
        >>> Transformer(3, 10, dim=2, patch=4)(torch.rand(5, 3, 32, 32)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dim: int = 1,
        *,
        channels: int = 32,
        num_layers: int = 2,
        heads: int = 4,
        feedforward: int = 96,
        patch: int = 1,
        dropout: float = 0.0,
    ) -> None:
        check_at_least("heads", heads, 1)
        if channels % heads:
            raise ValueError(f"'heads' must divide 'channels' (got {heads} and {channels})")
        number = check_at_least("num_layers", num_layers, 1)
        width = check_at_least("feedforward", feedforward, 1)
        layers = (EncoderLayer(channels, heads, width, dropout) for _ in range(number))
        super().__init__(in_channels, out_channels, dim, channels, layers, patch=patch, dropout=dropout)

    def positions(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Sines as large as the tokens: Vaswani et al. scale these by √channels instead (section 3.4)."""
        return sine_positions(shape, self.num_features, like) / self.num_features**0.5


register_sequence_peer("transformer", Transformer)
