r"""Do CKConv's released checkpoints, converted, score what the released code scores with them?

    python -m scripts.studies.ckconv_checkpoints --checkpoints FOLDER --data FOLDER \
        [--golden FOLDER] [--only ct mnist ...]

Every file is converted, loaded and run in float32, as the released code computes and with each of its quirks turned
off where that can change a number. FOLDER of the data holds character_trajectories.npz, physionet2019/ and mnist/;
that of the references ct_checkpoint_results.json and extra_image_checkpoint_results.json. Rows of networks that are
not asked for stay in the table.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._files import write_rows_atomically
from ccnn_pc.models import Model, from_pretrained
from ccnn_pc.published import Anchor, ReleasedCKConv, convert_ckconv
from scripts.studies.ckconv_data import character_trajectories, digits, patients, references, roc_auc

RELEASED: dict[str, Any] = {"anchor": Anchor.OLDEST, "blur": True, "short_fft": True}
LOAD = {"ct": character_trajectories, "physionet": patients, "mnist": digits}


@dataclass(frozen=True)
class Check:
    """A released file, found by the start of its name and its ω₀, and what it is tested on.

    Attributes:
        name: in the table.
        start: of the file's name.
        omega_0: exact.
        length: samples in training, where the file does not say.
        drop: per cent of the samples left out.
        rates: every so many-th sample.
        normalize: that of training first, then another one that is tried.
    """

    name: str
    start: str
    omega_0: float
    length: int | None = None
    drop: float = 0.0
    rates: tuple[int, ...] = (1,)
    normalize: tuple[str, ...] = ("step", "channel")

    def file(self, folder: Path) -> Path:
        found = sorted(folder.glob(f"{self.start}_*kernomega0_{round(self.omega_0, 2)}_*.pt"))
        if len(found) != 1:
            raise FileNotFoundError(
                f"'{folder}' must hold one file {self.start}… of omega_0 {self.omega_0:.2f} (got {len(found)})"
            )
        return found[0]


_CT, _RATES = "CharTrajectories_srtr", (1, 2, 4, 8, 16)
CHECKS = [
    Check("ct_sr1", f"{_CT}_1_drop_0", 21.44961185481323, rates=_RATES),
    Check("ct_sr2", f"{_CT}_2_drop_0", 21.44961185481323, rates=_RATES),
    Check("ct_sr4", f"{_CT}_4_drop_0", 21.44961185481323, rates=_RATES),
    Check("ct_sr8", f"{_CT}_8_drop_0", 12.589391905289371, rates=_RATES),
    Check("ct_drop30", f"{_CT}_1_drop_30", 17.243982444546685, drop=30.0),
    Check("ct_drop70", f"{_CT}_1_drop_70", 4.237433943113986, drop=70.0),
    Check("physionet", "PhysioNet", 9.779406396796968, normalize=("channel",)),
    Check("mnist", "MNIST_perm_False", 31.09195739463897, 784, normalize=("image",)),
]


def quirks(layer: ReleasedCKConv, length: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The released options, and each one turned off that changes the result at this length."""
    yield "released", RELEASED
    trained = layer.trained_length
    coarser = round(trained / length) if length < trained else 1
    finer = round(length / trained) if length > trained else 1
    if (trained - 1) % coarser or (length - 1) % finer:
        yield "anchor=ends", {**RELEASED, "anchor": Anchor.ENDS}
    if finer > 1:
        yield "blur=false", {**RELEASED, "blur": False}
    if length >= trained and length % 2:
        yield "short_fft=false", {**RELEASED, "short_fft": False}


@torch.no_grad()
def answers(model: Model, x: Tensor, options: dict[str, Any], batch_size: int) -> Tensor:
    """Logits ``[n, K]`` of all series ``[n, C, L]``."""
    for layer in model.convolutions():
        assert isinstance(layer, ReleasedCKConv)
        layer.anchor, layer.blur, layer.short_fft = options["anchor"], options["blur"], options["short_fft"]
    return torch.cat([model(part) for part in x.split(batch_size)])


def measured(check: Check, model: Model, data: Path, batch_size: int) -> Iterator[dict[str, Any]]:
    """Rows of one network: every quirk with the normalisation of training, the network as it is with another."""
    first = model.convolutions()[0]
    assert isinstance(first, ReleasedCKConv)
    for normalize in check.normalize:
        x, y = LOAD[check.name.partition("_")[0]](data, normalize, check.drop)
        native = normalize == check.normalize[0]
        for rate in check.rates:
            series = x[:, :, ::rate].contiguous()
            length = series.shape[-1]
            if not native and length != first.trained_length:
                continue
            for what, options in quirks(first, length) if native else [("released", RELEASED)]:
                begun = time.perf_counter()
                logits = answers(model, series, options, batch_size)
                binary = logits.shape[1] == 1
                right = ((logits[:, 0] > 0) == y.bool()) if binary else logits.argmax(1) == y
                yield {
                    "checkpoint": check.name,
                    "rate": f"1/{rate}",
                    "length": length,
                    "options": what,
                    "normalize": normalize,
                    "n": len(y),
                    "errors": int((~right).sum()),
                    "accuracy": round(float(right.double().mean()), 6),
                    "auc": round(roc_auc(logits[:, 0], y), 6) if binary else "",
                    "seconds": round(time.perf_counter() - begun, 1),
                }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder of the released .pt files")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--golden", type=Path, help="folder of the released code's results")
    parser.add_argument("--only", nargs="*", default=[], help="starts of names: ct, ct_sr8, physionet, mnist")
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("results/ckconv_checkpoints.csv"))
    choices = parser.parse_args()
    torch.set_num_threads(choices.threads)
    known = {} if choices.golden is None else references(choices.golden)
    for check in CHECKS:
        if choices.only and not check.name.startswith(tuple(choices.only)):
            continue
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "model"
            convert_ckconv(
                check.file(choices.checkpoints), folder, omega_0=check.omega_0, length=check.length
            )
            model = from_pretrained(folder)
        rows = []
        for row in measured(check, model, choices.data, choices.batch_size):
            found = known.get((row["checkpoint"], row["rate"], row["options"], row["normalize"]), {})
            row |= {f"reference_{what}": found.get(what, "") for what in ("accuracy", "auc", "n")}
            rows.append({**row, "threads": choices.threads, "torch": torch.__version__})
            print(" ".join(str(value) for value in row.values()), file=sys.stderr, flush=True)
        others = []
        if choices.out.exists():
            with choices.out.open(newline="") as file:
                others = [row for row in csv.DictReader(file) if row["checkpoint"] != check.name]
        order = [each.name for each in CHECKS]
        write_rows_atomically(
            choices.out, sorted([*others, *rows], key=lambda row: order.index(row["checkpoint"]))
        )


if __name__ == "__main__":
    main()
