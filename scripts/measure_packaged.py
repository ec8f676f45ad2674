"""Measure what the packaged models were trained on, and store it with them.

    python -m scripts.measure_packaged data/modelnet10

Composes the experiment that each model's card names, and measures its training part as `ccnn-pc train` does.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import re
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from ccnn_pc._files import write_text_atomically
from ccnn_pc.cli.compose import compose_config
from ccnn_pc.models import from_pretrained, list_pretrained
from ccnn_pc.models.hub import as_text
from ccnn_pc.models.listing import CONFIG, PACKAGED
from ccnn_pc.training.measuring import measure_training


def main() -> None:
    """Write ``trained_on`` into the description of each packaged model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path, help="folder of ModelNet10")
    root = parser.parse_args().root
    for name in fnmatch.filter(list_pretrained(), "*-modelnet10*"):
        card = (PACKAGED / name / "README.md").read_text(encoding="utf-8")
        words = re.findall(r"(experiment=\S+) .*?(seed=\d+)", card)[0]
        config: Any = compose_config([*words, f"data.root={root}"])
        model: Any = from_pretrained(name)
        found = measure_training(model, instantiate(config.data.module, _convert_="all"))
        path = PACKAGED / name / CONFIG
        described = {**json.loads(path.read_text(encoding="utf-8")), "trained_on": found.to_json()}
        write_text_atomically(path, as_text(described))
        print(name, found)


if __name__ == "__main__":
    main()
