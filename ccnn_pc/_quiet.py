"""Other packages' loggers, silent for a while."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def only_errors(*names: str) -> Iterator[None]:
    """Loggers of these names say errors alone inside, and what they said before afterwards.

    Example:
        >>> with only_errors("some.package"):
        ...     logging.getLogger("some.package").warning("not printed")
    """
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
