"""What an answer rests on: parts of it for each sample, and what is left of it without some of them."""

from ccnn_pc.explain.answer import Asked
from ccnn_pc.explain.attribution import Attribution, integrated_gradients
from ccnn_pc.explain.deletion import Deletion, deletion
from ccnn_pc.explain.left_out import left_out

__all__ = ["Asked", "Attribution", "Deletion", "deletion", "integrated_gradients", "left_out"]
