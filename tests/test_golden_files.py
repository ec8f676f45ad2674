"""The golden vectors beside the tests: small, licensed, and parts of the recorded files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).with_name("golden")
SMALL = sorted(FOLDER.glob("*.npz"))


def test_they_are_small_and_come_with_their_licences() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_000_000
    licences = (FOLDER / "LICENSES.txt").read_text(encoding="utf-8")
    assert licences.count("Permission is hereby granted") == 4
    kinds = {"_".join(path.stem.split("_")[:3]) for path in SMALL}
    assert {"1_kernel_cc", "1_kernel_ck", "1_kernel_fx", "1_kernel_smp", "1_kernel_smpi"} <= kinds
    assert {"2_conv_cc", "2_conv_ck", "2_conv_fx", "2_conv_smp", "3_net_ccnn"} <= kinds


def test_they_are_parts_of_what_was_recorded(shared: Path) -> None:
    for path in SMALL:
        with np.load(path) as small, np.load(shared / "golden" / path.name) as whole:
            for key in small:
                np.testing.assert_array_equal(small[key], whole[key], err_msg=f"{path.stem}: {key}")
