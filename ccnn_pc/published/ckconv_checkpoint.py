"""Checkpoints that were released with CKConv (files ``.pt``), in this library's names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least
from ccnn_pc.kernels.siren import angular_omega_0
from ccnn_pc.models.base import Model
from ccnn_pc.models.registry import build_model
from ccnn_pc.published.ckconv import RELEASED_NORM_EPS, Anchor, ReleasedCKConv

#: Largest angular factor that is taken for one; those of the papers are 2 to 70.
MAX_OMEGA_0 = 1000.0
#: Longest series, ten times those of the papers: kernels have as many samples.
MAX_LENGTH = 2**20
#: Kernels that a file holds must come out again up to this part of their largest value: ω₀ of two decimals does.
KERNEL_TOLERANCE = 0.05

_CONV = {"bias": "bias"}
for _theirs, _ours in (("0", "hidden.0"), ("4", "hidden.1"), ("8", "readout")):
    _layer = f"Kernel.kernel_net.{_theirs}"
    _CONV[f"{_layer}.bias"] = f"kernel.{_ours}.bias"
    for _number, _part in enumerate(("weight_g", "weight_v")):
        _CONV[f"{_layer}.{_part}"] = f"kernel.{_ours}.parametrizations.weight.original{_number}"
#: What only some files hold, of each convolution.
_LENGTHS = ("train_length", "conv_kernel")
_HEAD = {"finallyr.weight": "head.linear.weight", "finallyr.bias": "head.linear.bias"}


def ckconv_names(block: int) -> dict[str, str]:
    """Our names of a residual block's parameters, by those of the released code; without the shortcut's.

    Example:
        >>> ckconv_names(0)["backbone.0.norm1.layer_norm.bias"]
        'blocks.0.norm1.bias'
    """
    names = {}
    for number in (1, 2):
        for theirs, ours in _CONV.items():
            names[f"backbone.{block}.cconv{number}.{theirs}"] = f"blocks.{block}.conv{number}.{ours}"
        for part in ("weight", "bias"):
            names[f"backbone.{block}.norm{number}.layer_norm.{part}"] = f"blocks.{block}.norm{number}.{part}"
    return names


def _shortcut_names(block: int) -> dict[str, str]:
    return {f"backbone.{block}.shortcut.0.{p}": f"blocks.{block}.shortcut.{p}" for p in ("weight", "bias")}


@dataclass(frozen=True)
class CKConvCheckpoint:
    """A released state of a CKCNN, complete, with the sizes that it implies.

    Attributes:
        source: where it comes from, for messages.
        state: parameters by their released names.
        names: our names, by the released ones.
        in_channels, out_channels, channels, num_blocks, kernel_hidden: sizes.
        length: samples in training, where the state says; else None.
    """

    source: str
    state: Mapping[str, Tensor]
    names: Mapping[str, str]
    in_channels: int
    out_channels: int
    channels: int
    num_blocks: int
    kernel_hidden: int
    length: int | None

    @classmethod
    def of(cls, state: Mapping[str, Any], source: str = "state") -> CKConvCheckpoint:
        """Check a state as the released code stores it.

        Raises:
            ValueError: a parameter is missing, unknown, not finite, or has another shape than the others ask for.
        """
        blocks = {found[1] for key in state if (found := re.match(r"backbone\.(\d+)\.", str(key)))}
        names = {k: v for b in range(max(len(blocks), 1)) for k, v in ckconv_names(b).items()} | _HEAD
        _refuse_missing(source, state, names)
        for key, value in state.items():
            if isinstance(value, Tensor) and not _is_dense(value):
                raise ValueError(
                    f"'{source}' must hold every number of {key} (its shape says more than there are)"
                )
            if not isinstance(value, Tensor) or not bool(torch.isfinite(value).all()):
                raise ValueError(f"'{source}' must hold finite numbers alone ({key} holds something else)")
            if key in names and not value.is_floating_point():
                raise ValueError(
                    f"'{source}' must hold parameters of a floating type ({key} is {value.dtype})"
                )
        channels, values = (
            state[f"backbone.0.cconv1.{name}"].numel() for name in ("bias", "Kernel.kernel_net.8.bias")
        )
        if not channels or values < channels or values % channels:
            raise ValueError(
                f"'{source}' must have kernels of a multiple of {channels} values, its channels (got {values})"
            )
        if values != channels**2:
            names |= _shortcut_names(0)
        _refuse_missing(source, state, names)
        known = {f"backbone.{b}.cconv{n}.{end}" for b in blocks for n in (1, 2) for end in _LENGTHS}
        unknown = sorted(map(str, set(state) - set(names) - known))
        if unknown:
            raise ValueError(f"'{source}' must be a CKCNN with sine kernels (got also {_listed(unknown)})")
        return cls(
            source,
            state,
            names,
            in_channels=values // channels,
            out_channels=state["finallyr.bias"].numel(),
            channels=channels,
            num_blocks=len(blocks),
            kernel_hidden=state["backbone.0.cconv1.Kernel.kernel_net.0.bias"].numel(),
            length=_stored_length(source, state, known),
        )

    def model(self, omega_0: float, length: int | None = None) -> Model:
        """The network ``ckcnn_released`` with these parameters, in eval mode.

        Args:
            omega_0: angular factor ω of the sines as the papers give it, 2 to 70; no file holds it.
            length: samples in training; None: as the state says.

        Raises:
            TypeError: no numbers.
            ValueError: ω out of range, or one that does not give the kernels that the state holds; no length, or
                another than the state says; parameters that do not fit each other.
        """
        model = build_model(
            "ckcnn_released",
            dim=1,
            in_channels=self.in_channels,
            out_channels=self.out_channels,
            shape=(self.trained_length(length),),
            num_blocks=self.num_blocks,
            channels=self.channels,
            kernel_hidden=self.kernel_hidden,
            omega_0=angular_omega_0(check_omega_0(omega_0)),
            norm_eps=RELEASED_NORM_EPS,
            anchor=Anchor.OLDEST,
            blur=True,
            short_fft=True,
        )
        if self.state["finallyr.bias"].dtype is torch.float64:
            model.double()
        self._load_(model)
        error = max(self.kernel_errors(model), default=0.0)
        if error > KERNEL_TOLERANCE:
            raise ValueError(
                f"'omega_0' must be that of training: the kernels in '{self.source}' come out off by "
                f"{100 * error:.0f} % of their largest value (got {omega_0})"
            )
        return model.eval()

    def trained_length(self, length: int | None) -> int:
        """Samples in training, from the state or from ``length``.

        Raises:
            ValueError: neither says, or both and not the same.
        """
        if length is not None:
            check_at_least("length", length, 2)
        if self.length is not None and length not in (None, self.length):
            raise ValueError(f"'length' must be {self.length}, as '{self.source}' says (got {length})")
        if (length or self.length or 0) > MAX_LENGTH:
            raise ValueError(
                f"'length' must be at most {MAX_LENGTH} for '{self.source}' (got {length or self.length})"
            )
        if self.length is not None:
            return self.length
        if length is None:
            raise ValueError(
                f"'length' must say how many samples series had in training, which '{self.source}' does not "
                "(sequential MNIST: 784, CIFAR-10: 1024, CharacterTrajectories: 182, SpeechCommands: 16000)"
            )
        return length

    @torch.no_grad()
    def _load_(self, model: nn.Module) -> None:
        ours = dict(model.named_parameters())
        for theirs, name in self.names.items():
            value, parameter = self.state[theirs], ours[name]
            pointwise = theirs.endswith(("weight_g", "weight_v", "shortcut.0.weight"))  # 1x1 convolutions
            wanted = (*parameter.shape, 1) if pointwise else tuple(parameter.shape)
            if tuple(value.shape) != wanted:
                raise ValueError(
                    f"'{self.source}' must have {theirs} of shape {list(wanted)} (got {list(value.shape)})"
                )
            parameter.copy_(value.view_as(parameter))

    @torch.no_grad()
    def kernel_errors(self, model: Model) -> Iterator[float]:
        """For every kernel that the state holds: how far the model's is off, as a part of its largest value."""
        for name, conv in model.named_modules():
            key = re.sub(r"blocks\.(\d+)\.conv", r"backbone.\1.cconv", name) + ".conv_kernel"
            if isinstance(conv, ReleasedCKConv) and key in self.state:
                stored = self.state[key]
                kernel = conv.taps(stored.shape[-1])[0].permute(2, 1, 0)
                if kernel.shape != stored.shape:
                    raise ValueError(
                        f"'{self.source}' must have {key} of shape {list(kernel.shape)} (got {list(stored.shape)})"
                    )
                yield float((kernel - stored).abs().max() / stored.abs().max().clamp_min(1e-30))


def check_omega_0(omega_0: float) -> float:
    """The papers' angular ω₀ must be in (0, 1000].

    Raises:
        TypeError: not a number.
        ValueError: out of range.
    """
    if isinstance(omega_0, bool) or not isinstance(omega_0, (int, float)):
        raise TypeError(f"'omega_0' must be a number (got {omega_0!r})")
    if not (math.isfinite(omega_0) and 0 < omega_0 <= MAX_OMEGA_0):
        raise ValueError(
            f"'omega_0' must be in (0, {MAX_OMEGA_0:g}]; the papers' are 2 to 70 (got {omega_0})"
        )
    return float(omega_0)


def _is_dense(value: Tensor) -> bool:
    """Whether all numbers are there: a stored stride of 0 makes any shape of one of them."""
    if value.is_meta or value.is_sparse or value.is_quantized:
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _refuse_missing(source: str, state: Mapping[str, Any], names: Mapping[str, str]) -> None:
    missing = [name for name in names if name not in state]
    if missing:
        raise ValueError(f"'{source}' must be a CKConv checkpoint (it lacks {_listed(missing)})")


def _stored_length(source: str, state: Mapping[str, Tensor], known: set[str]) -> int | None:
    found = set()
    for key in sorted(known & set(state)):
        value, dim = state[key], 1 if key.endswith("train_length") else 3
        if value.dim() != dim or (dim == 1 and len(value) != 1):
            raise ValueError(f"'{source}' must have {key} of {dim} axes (got shape {list(value.shape)})")
        found.add(int(value) if dim == 1 else value.shape[-1])
    if len(found) > 1 or min(found, default=2) < 2:
        raise ValueError(f"'{source}' must have one length for all convolutions (got {sorted(found)})")
    return found.pop() if found else None


def _listed(names: Sequence[str], most: int = 6) -> str:
    """Some names, and how many more there are."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
