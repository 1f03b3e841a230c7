"""What every layer does with a batch of nothing, and where torch's default type is float64."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from femtobarn.nn import (
    circular_conv,
    deep_set,
    epic,
    flow_matching,
    jet_autoencoders,
    lorentz_net,
    message_passing,
    modulated,
    particle_net,
    resnet_3d,
    set_attention,
    spline_flow,
    time_features,
    unet_3d,
)

Call = Callable[[int, torch.dtype], Tensor]


def _x(*shape: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def _mask(*shape: int) -> Tensor:
    return torch.ones(shape, dtype=torch.bool)


LAYERS: dict[str, Call] = {
    "CircularConv3d": lambda n, d: circular_conv.CircularConv3d(2, 3).to(d)(_x(n, 2, 4, 5, 6, dtype=d)),
    "DeepSet": lambda n, d: (
        deep_set.DeepSet(4, 2, width=8).to(d).eval()(_x(n, 5, 4, dtype=d), _mask(n, 5), _x(n, 5, dtype=d))
    ),
    "EpicLayer": lambda n, d: epic.EpicLayer(4, context=2).to(d)(
        _x(n, 5, 4, dtype=d), _x(n, 10, dtype=d), _x(n, 2, dtype=d), _mask(n, 5)
    )[0],
    "LorentzAutoencoder": lambda n, d: jet_autoencoders.LorentzAutoencoder(5, vectors=1, hidden=1).to(d)(
        _x(n, 5, 4, dtype=d), _mask(n, 5)
    ),
    "GraphAutoencoder": lambda n, d: jet_autoencoders.GraphAutoencoder(5).to(d)(
        _x(n, 5, 3, dtype=d), _mask(n, 5)
    ),
    "LorentzNet": lambda n, d: (
        lorentz_net.LorentzNet(width=8, blocks=2)
        .to(d)
        .eval()(_x(n, 5, 4, dtype=d), _x(n, 5, 2, dtype=d), _mask(n, 5))
    ),
    "MessagePassing": lambda n, d: message_passing.MessagePassing(4, 3).to(d)(
        _x(n, 5, 4, dtype=d), _mask(n, 5)
    ),
    "ModulatedMlp": lambda n, d: modulated.ModulatedMlp(3, 2, context=4, width=8, blocks=1).to(d)(
        _x(n, 3, dtype=d), _x(n, 4, dtype=d)
    ),
    "DiTBlock": lambda n, d: modulated.DiTBlock(8, context=4, heads=2).to(d)(
        _x(n, 3, 8, dtype=d), _x(n, 4, dtype=d)
    ),
    "ParticleNet": lambda n, d: (
        particle_net.ParticleNet(4, 2, widths=(8,), hidden=8).to(d).eval()(_x(n, 5, 4, dtype=d), _mask(n, 5))
    ),
    "ShowerResNet": lambda n, d: (
        resnet_3d.ShowerResNet((8, 8, 8), widths=(4, 4)).to(d).eval()(_x(n, 513, dtype=d))
    ),
    "SAB": lambda n, d: set_attention.SAB(8, heads=2).to(d)(_x(n, 5, 8, dtype=d), _mask(n, 5)),
    "ISAB": lambda n, d: set_attention.ISAB(8, heads=2).to(d)(_x(n, 5, 8, dtype=d), _mask(n, 5)),
    "IPAB": lambda n, d: set_attention.IPAB(8, heads=2).to(d)(
        _x(n, 5, 8, dtype=d), _x(n, 8, dtype=d), _mask(n, 5)
    )[0],
    "PMA": lambda n, d: set_attention.PMA(8, heads=2).to(d)(_x(n, 5, 8, dtype=d), _mask(n, 5)),
    "SplineFlow": lambda n, d: (
        spline_flow.SplineFlow(4, 2, blocks=2, width=8)
        .to(d)
        .sample(_x(n, 2, dtype=d), generator=torch.Generator().manual_seed(1))
    ),
    "log_density": lambda n, d: (
        spline_flow.SplineFlow(4, 2, blocks=2, width=8)
        .to(d)
        .log_density(_x(n, 4, dtype=d), _x(n, 2, dtype=d))
    ),
    "TimeFeatures": lambda n, d: time_features.TimeFeatures(8).to(d)(_x(n, dtype=d)),
    "UNet3d": lambda n, d: unet_3d.UNet3d(2, 1, channels=(8, 8, 8), context=3).to(d)(
        _x(n, 2, 4, 4, 4, dtype=d), _x(n, 3, dtype=d)
    ),
    "matching_loss": lambda n, d: flow_matching.matching_loss(
        lambda x, t: x * t.unsqueeze(1),
        _x(n, 3, dtype=d),
        _x(n, 3, dtype=d),
        generator=torch.Generator().manual_seed(1),
    ).expand(n),
}


@pytest.fixture
def float64_by_default() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("name", LAYERS)
def test_a_batch_of_nothing_gives_nothing(name: str) -> None:
    one, none = (LAYERS[name](n, torch.float32) for n in (2, 0))
    assert none.shape == (0, *one.shape[1:])


@pytest.mark.usefixtures("float64_by_default")
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", LAYERS)
def test_the_default_type_does_not_decide_the_type(name: str, kind: torch.dtype) -> None:
    assert LAYERS[name](3, kind).dtype == kind


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_flow_refuses_a_seed_that_is_none(seed: int) -> None:
    with pytest.raises(ValueError, match="seed"):
        spline_flow.SplineFlow(4, 2, seed=seed)
