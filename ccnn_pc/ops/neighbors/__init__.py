"""Which samples each query reads: k nearest, all within a radius, any graph; and how they are laid out."""

from ccnn_pc.ops.neighbors.graph import Graph
from ccnn_pc.ops.neighbors.k_nearest import Backend, Neighbors, knn
from ccnn_pc.ops.neighbors.radius_graph import radius

__all__ = ["Backend", "Graph", "Neighbors", "knn", "radius"]
