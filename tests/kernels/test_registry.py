"""Kernels and windows by name: options, errors, descriptions."""

from __future__ import annotations

import json
from functools import partial

import pytest
from torch import nn

from ccnn_pc.kernels import (
    MLP,
    SIREN,
    GaussianWindow,
    Init,
    NoWindow,
    describe_factory,
    factory_from_json,
    kernel_factory,
    list_kernels,
    register_kernel,
    window_factory,
)


def test_unknown_names_list_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"unknown kernel 'sirn'; did you mean 'siren'\? Known: .*magnet"):
        kernel_factory("sirn")
    with pytest.raises(ValueError, match="unknown window 'siren'. Known: gaussian, none"):
        window_factory("siren")
    with pytest.raises(ValueError, match=r"unknown kernel or window 'hann'.*gaussian"):
        factory_from_json({"name": "hann"})
    with pytest.raises(ValueError, match="'description' must have a name"):
        factory_from_json({"hidden_channels": 3})


def test_unknown_options_list_those_there_are() -> None:
    with pytest.raises(TypeError, match="'wdith' must be an option of the window 'gaussian': width, mean, "):
        window_factory("gaussian", wdith=0.3)
    with pytest.raises(TypeError, match="'width' must be an option of the window 'none': it has none"):
        window_factory("none", width=0.3)
    with pytest.raises(TypeError, match="'fan' must be an option of the kernel 'siren'"):
        kernel_factory("siren", fan=3.0)  # the layer's business
    with pytest.raises(ValueError, match="'init' must be one of 'default', 'ckconv'"):
        kernel_factory("siren", init="kaiming")


def test_names_are_entered_once_and_classes_only() -> None:
    with pytest.raises(ValueError, match="'name' must be new"):
        register_kernel("gaussian")(SIREN)
    with pytest.raises(TypeError, match="must be a class of modules"):
        register_kernel("new")(partial(SIREN))  # type: ignore[type-var]
    assert "new" not in list_kernels()


def test_descriptions_are_plain_and_lead_back() -> None:
    factory = partial(MLP, hidden_channels=8, activation=nn.GELU)
    described = describe_factory(factory)
    assert described == {"name": "mlp", "hidden_channels": 8, "activation": "gelu"}
    back = factory_from_json(json.loads(json.dumps(described)))
    assert describe_factory(back) == described
    assert isinstance(back(dim=1, out_channels=1).activations[0], nn.GELU)
    window = describe_factory(partial(GaussianWindow, width=(0.1, 0.2)))
    assert window == {"name": "gaussian", "width": [0.1, 0.2]}
    assert factory_from_json(window)(dim=2).width.tolist() == pytest.approx([0.1, 0.2])
    assert factory_from_json(describe_factory(NoWindow)).func is NoWindow
    kernel = factory_from_json(describe_factory(partial(SIREN, init=Init.CCNN)))(dim=1, out_channels=1)
    assert kernel.init is Init.CCNN


def test_what_cannot_be_described() -> None:
    class Unknown(nn.Module):
        pass

    with pytest.raises(ValueError, match="must make a registered kernel or window .got Unknown: enter it"):
        describe_factory(Unknown)
    with pytest.raises(TypeError, match="must be a class, or a partial"):
        describe_factory(lambda **_: SIREN(1, 1))
    with pytest.raises(TypeError, match="must be a class, or a partial"):
        describe_factory(partial(SIREN, 1))
    with pytest.raises(TypeError, match="'activation' must be a number"):
        describe_factory(partial(MLP, activation=nn.Softplus))
