"""Without scikit-learn there are no estimators."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of scikit-learn's checks, trainings that are done once more in read-only memory or in float32 are slow.

    Both have a short check of their own: check_readonly_memmap_input and check_estimators_dtypes.
    """
    for item in items:
        if "_train(readonly_memmap=True" in item.name:
            item.add_marker(pytest.mark.slow)
