"""Files of a data set that could not be read: counted, and no reason to lose the others."""

from __future__ import annotations

import warnings
from collections.abc import Sequence


class BrokenFileError(ValueError):
    """A file that cannot be read, whatever is asked of it; the message names it."""


class DataWarning(UserWarning):
    """Something in the data of a user that does not end the work."""


def warn_broken(broken: Sequence[tuple[str, str]], total: int, where: object) -> None:
    """One warning for all files that could not be read, at the line that opened the data set.

    Args:
        broken: name of each, with the reason.
        total: of all files.
        where: the data set's folder.
    """
    if broken:
        warnings.warn(
            f"{len(broken)} of {total} files in '{where}' could not be read and are left out (see .broken); "
            f"the first: {broken[0][1]}",
            DataWarning,
            stacklevel=3,
        )
