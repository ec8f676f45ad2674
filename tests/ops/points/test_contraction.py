"""What one chunk of edges needs: memory that is used again."""

import torch

from ccnn_pc.ops.points.contraction import Buffer


def test_memory_is_used_again_where_it_suffices() -> None:
    buffer = Buffer(torch.empty(0))
    first = buffer(3, 4)
    assert buffer(4, 3).data_ptr() == first.data_ptr() == buffer(2, 2).data_ptr()
    assert buffer(5, 4).shape == (5, 4)
