"""Without scikit-learn there are no estimators."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn")
