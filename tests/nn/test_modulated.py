import pytest
import torch
from torch import nn

from femtobarn.nn.modulated import DiTBlock, ModulatedMlp, ModulatedMlpBlock
from femtobarn.nn.time_features import TimeFeatures


def _woken(net: nn.Module) -> nn.Module:
    for weight in net.parameters():
        nn.init.normal_(weight, std=0.2)
    return net


def test_blocks_start_as_the_identity() -> None:
    x, context = torch.randn(3, 7, 8), torch.randn(3, 5)
    assert torch.equal(DiTBlock(8, context=5, heads=2)(x, context), x)
    assert torch.equal(ModulatedMlpBlock(8, context=5, hidden=16)(x[:, 0], context), x[:, 0])
    assert not ModulatedMlp(8, 4, context=5, width=16, blocks=2)(x[:, 0], context).any()


def test_attention_does_not_know_the_order_of_the_tokens() -> None:
    torch.manual_seed(0)
    block, x, context = _woken(DiTBlock(8, context=5, heads=2)), torch.randn(3, 7, 8), torch.randn(3, 5)
    order = torch.randperm(7)
    torch.testing.assert_close(block(x[:, order], context), block(x, context)[:, order])
    moved = x.clone()
    moved[:, 6] += torch.randn(8)  # a constant would be taken out by the norm
    assert (block(moved, context) - block(x, context))[:, 0].abs().max() > 1e-4


@pytest.mark.parametrize(
    ("net", "x"),
    [
        (DiTBlock(8, context=5, heads=2), torch.randn(3, 7, 8)),
        (ModulatedMlp(8, 4, context=5, width=16, blocks=2), torch.randn(3, 8)),
    ],
)
def test_context_matters_and_every_weight_learns(net: nn.Module, x: torch.Tensor) -> None:
    torch.manual_seed(0)
    _woken(net)
    one, two = (net(x, torch.full((3, 5), value)) for value in (0.5, -0.5))
    assert (one - two).abs().max() > 1e-3
    one.square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in net.parameters())


def test_heads_divide_the_width() -> None:
    with pytest.raises(ValueError, match="heads divide"):
        DiTBlock(8, context=5, heads=3)


def test_time_features_tell_times_apart() -> None:
    features = TimeFeatures(64)(torch.linspace(0, 1, 101))
    assert features.shape == (101, 64)
    distances = torch.cdist(features, features) + 10 * torch.eye(101)
    assert distances.min() > 0.05
    torch.testing.assert_close(features.square().sum(1), torch.full((101,), 32.0))
    with pytest.raises(ValueError, match="even number"):
        TimeFeatures(3)
