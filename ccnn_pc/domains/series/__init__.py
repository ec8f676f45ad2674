"""Series with time stamps of their own."""

from ccnn_pc.domains.series.irregular_series import IrregularSeries

__all__ = ["IrregularSeries"]
