"""Whether the times of series are those that an estimator was fitted on: counted samples, or times in some unit."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np

from ccnn_pc.estimators.series_items import SeriesRead
from ccnn_pc.models.shift.outside import SamplingWarning

#: Series that last so many times longer or shorter are others; those with times may end earlier.
_OTHER, _EARLIER = 1.1, 1.5


@dataclasses.dataclass(frozen=True)
class TimesOfFit:
    """What times were in ``fit``.

    Args:
        counted: there were none; samples are numbered from 0.
        whole: all were whole numbers.
        shortest: series, from its first sample to its last.
        longest: series.
    """

    counted: bool
    whole: bool
    shortest: float
    longest: float

    @staticmethod
    def of(read: SeriesRead) -> TimesOfFit:
        """Those of series that were read.

        Example:
            >>> from ccnn_pc.estimators.read_series import read_series
            >>> TimesOfFit.of(read_series([[1.0, 2.0, 5.0], [2.0, 1.0, 4.0]]))
            TimesOfFit(counted=True, whole=True, shortest=2.0, longest=2.0)
        """
        if read.counted is not None:
            return TimesOfFit(True, True, *map(float, read.counted))
        spans = [float(each.times[-1] - each.times[0]) for each in read.items]
        whole = all(bool((each.times == np.rint(each.times)).all()) for each in read.items)
        return TimesOfFit(False, whole, min(spans), max(spans))

    def compare(self, read: SeriesRead, *, pooled: bool) -> None:
        """Warn of series whose times cannot be those of fit.

        Args:
            read: the series.
            pooled: whether each has one answer; else any length may be answered.
        """
        found = TimesOfFit.of(read)
        if not self.counted and found.counted and not self.whole:
            _warn(
                "'X' has no times, and fit had: its samples are taken to be 1 apart; give pairs (times, values), or "
                "frames with a column time, in the unit of fit"
            )
        elif self.counted and pooled:
            low, high = self.shortest / (_OTHER if found.counted else _EARLIER), self.longest * _OTHER
            least = found.shortest if found.counted else found.longest
            if least < low or found.longest > high:
                now = found.longest if found.longest > high else least
                usual = f"{self.shortest:g}" + f" to {self.longest:g}" * (self.shortest < self.longest)
                _warn(
                    f"'X' has a series that lasts {now:g}, and fit had series of {usual}, both in samples that are 1 "
                    f"apart: where it lasts as long and has other samples, give pairs (times, values) with times from "
                    f"0 to {self.longest:g}"
                    if found.counted
                    else f"'X' has times that last {now:g}, and fit counted samples, {usual} of each series: are they "
                    "in another unit? Divide them by the distance of the samples of fit"
                )
        elif self.counted and not found.counted:
            times = np.concatenate([each.times for each in read.items])
            if np.mean(times != np.rint(times)) > 0.5:
                _warn(
                    "'X' has times that are no whole numbers, and fit had none, so that its samples are 1 apart: are "
                    "times in another unit? Divide them by the distance of the samples of fit"
                )


def _warn(text: str) -> None:
    warnings.warn(text, SamplingWarning, stacklevel=5)
