"""Batch norms folded into the linear layers behind them."""

import pytest
import torch
from torch import nn

from femtobarn.errors import InputError
from femtobarn.nn.without_batch_norm import without_batch_norm


@pytest.mark.parametrize("bend", [nn.ReLU(), nn.LeakyReLU(0.01)])
def test_layers_without_batch_norm_are_the_same_function(bend: nn.Module) -> None:
    torch.manual_seed(2)
    net = nn.Sequential(
        nn.Linear(8, 12),
        bend,
        nn.BatchNorm1d(12),
        nn.Linear(12, 12),
        bend,
        nn.BatchNorm1d(12),
        nn.Linear(12, 2),
    )
    x = torch.randn(300, 8)
    with torch.no_grad():
        for _ in range(20):
            net.train()(x)
    plain = without_batch_norm(net.eval())
    assert [type(layer) for layer in plain[::2]] == [nn.Linear] * 3
    assert all(type(layer) is type(bend) for layer in plain[1::2])
    torch.testing.assert_close(plain(x), net(x), rtol=1e-4, atol=1e-5)


def test_a_batch_norm_without_a_linear_layer_behind_is_refused() -> None:
    with pytest.raises(InputError, match="the last one has none"):
        without_batch_norm(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    with pytest.raises(InputError, match="expected a linear layer behind"):
        without_batch_norm(nn.Sequential(nn.BatchNorm1d(2), nn.ReLU()))
