"""Whether the times of series are those that a model was fitted on: counted samples, or times in some unit."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

#: Series that last so many times longer or shorter are others; those with times may end earlier.
_OTHER, _EARLIER = 1.1, 1.5


@dataclasses.dataclass(frozen=True)
class TimesOfFit:
    """What times were in the ``fit`` of an estimator.

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
    def of(times: Sequence[np.ndarray], counted: tuple[int, int] | None = None) -> TimesOfFit:
        """Those of series.

        Args:
            times: of each series, rising.
            counted: without times, steps of the shortest and of the longest series; None: there are times.

        Example:
            >>> TimesOfFit.of([np.arange(3.0), np.arange(4.0)], counted=(2, 3))
            TimesOfFit(counted=True, whole=True, shortest=2.0, longest=3.0)
        """
        if counted is not None:
            return TimesOfFit(True, True, *map(float, counted))
        spans = [float(each[-1] - each[0]) for each in times]
        whole = all(bool((each == np.rint(each)).all()) for each in times)
        return TimesOfFit(False, whole, min(spans), max(spans))

    def unlike(
        self,
        times: Sequence[np.ndarray],
        counted: tuple[int, int] | None = None,
        *,
        pooled: bool,
        table: bool = False,
        unit: float = 1.0,
    ) -> str | None:
        """What is otherwise with the times of series, in words, which cannot be those of ``fit``; None: nothing.

        Args:
            times: as for :meth:`of`.
            counted: as for :meth:`of`.
            pooled: whether each has one answer; else any length may be answered.
            table: whether they are ``data`` of a command, and not ``X`` of an estimator.
            unit: what the times were multiplied with, as ``--time-unit`` said.

        Example:
            >>> fitted = TimesOfFit(counted=True, whole=True, shortest=39.0, longest=39.0)
            >>> fitted.unlike([np.arange(40.0)], pooled=True) is None
            True
            >>> fitted.unlike([np.arange(20.0)], pooled=True, table=True)
            "'data' have times that last 19, and fit counted samples, 39 of each series: are they in another unit? \
Where they last as long, --time-unit 2.05 says so"
        """
        found, has = TimesOfFit.of(times, counted), "'data' have" if table else "'X' has"
        if not self.counted and found.counted and not self.whole:
            mended = "a column of times" if table else "pairs (times, values), or frames with a column time,"
            return f"{has} no times, and fit had: samples are taken to be 1 apart; give {mended} in the unit of fit"
        if self.counted and pooled:
            low, high = self.shortest / (_OTHER if found.counted else _EARLIER), self.longest * _OTHER
            least = found.shortest if found.counted else found.longest
            if low <= least and found.longest <= high:
                return None
            now = found.longest if found.longest > high else least
            usual = f"{self.shortest:g}" + f" to {self.longest:g}" * (self.shortest < self.longest)
            if found.counted:
                mended = "a column of times" if table else "pairs (times, values) with times"
                return (
                    f"{has} a series that lasts {now:g}, and fit had series of {usual}, both in samples that are 1 "
                    f"apart: where it lasts as long and has other samples, give {mended} from 0 to {self.longest:g}"
                )
            mended = (
                f"Where they last as long, --time-unit {unit * self.longest / now:.3g} says so"
                if table and now > 0
                else "Divide them by the distance of the samples of fit"
            )
            return (
                f"{has} times that last {now:g}, and fit counted samples, {usual} of each series: are they in another "
                f"unit? {mended}"
            )
        if self.counted and not found.counted:
            every = np.concatenate(list(times))
            if np.mean(every != np.rint(every)) > 0.5:
                mended = (
                    "--time-unit says which" if table else "Divide them by the distance of the samples of fit"
                )
                return (
                    f"{has} times that are no whole numbers, and fit had none, so that its samples are 1 apart: are "
                    f"times in another unit? {mended}"
                )
        return None
