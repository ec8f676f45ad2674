"""Benchmarks (``bench``), studies that train (``studies``) and what writes the tables of the docs (``tables``).

Run from the root of the repository, ``python -m scripts.bench.knn``.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
