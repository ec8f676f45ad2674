"""Networks as files that run without this library: PyTorch's exported programs (pt2) and ONNX."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.export.check import deviation
    from ccnn_pc.export.program import FileFormat, NeighborSource, Program, program_of
    from ccnn_pc.export.write import write_program

__all__ = ["FileFormat", "NeighborSource", "Program", "deviation", "program_of", "write_program"]

lazy(__name__)
