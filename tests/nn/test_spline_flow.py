import math

import pytest
import torch

from femtobarn.nn.spline_flow import SplineFlow


def _flow(features: int = 5, context: int = 2, *, std: float = 0.3) -> SplineFlow:
    """A flow that is not the identity."""
    torch.manual_seed(0)
    flow = SplineFlow(features, context, blocks=4, bins=6, bound=5.0, width=16, layers=3)
    for weight in flow.parameters():
        torch.nn.init.normal_(weight, std=std)
    return flow.double()


def test_inverse_undoes_forward_inside_and_outside_the_splines() -> None:
    flow, context = _flow(), torch.randn(200, 2, dtype=torch.float64)
    x = 4 * torch.randn(200, 5, dtype=torch.float64)
    z, _ = flow(x, context)
    assert (z - x).abs().max() > 0.1
    torch.testing.assert_close(flow.inverse(z, context), x, rtol=1e-6, atol=1e-6)


def test_single_precision_is_good_to_a_ten_thousandth() -> None:
    flow, x, context = _flow(std=0.2).float(), torch.randn(500, 5), torch.randn(500, 2)
    torch.testing.assert_close(flow.inverse(flow(x, context)[0], context), x, rtol=1e-4, atol=1e-4)


def test_log_determinant_is_that_of_the_jacobian() -> None:
    flow, x, context = _flow(), torch.randn(3, 5).double(), torch.randn(3, 2).double()
    _, found = flow(x, context)
    for row in range(3):
        each = torch.autograd.functional.jacobian(
            lambda y, row=row: flow(y.unsqueeze(0), context[row : row + 1])[0].squeeze(0), x[row]
        )
        assert float(found[row].detach()) == pytest.approx(
            float(torch.linalg.slogdet(each).logabsdet), abs=1e-4
        )


def test_density_integrates_to_one() -> None:
    flow = _flow(features=2, context=1)
    line = torch.linspace(-7, 7, 351, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    density = flow.log_density(grid, torch.full((len(grid), 1), 0.3, dtype=torch.float64)).exp().detach()
    assert float(density.sum()) * (14 / 350) ** 2 == pytest.approx(1, abs=1e-3)


def test_an_untrained_flow_is_the_identity_and_every_weight_learns() -> None:
    torch.manual_seed(0)
    flow, x, context = SplineFlow(6, 1, blocks=4, width=8, layers=3), torch.randn(32, 6), torch.randn(32, 1)
    z, log_det = flow(x, context)
    torch.testing.assert_close(z, x, rtol=0, atol=1e-5)
    torch.testing.assert_close(log_det, torch.zeros(32), rtol=0, atol=1e-4)
    for weight in flow.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    (-flow.log_density(x, context).mean()).backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in flow.parameters())


def test_a_trained_flow_samples_what_it_has_seen() -> None:
    """A correlated Gaussian whose mean is the context: mean and covariance come back."""
    torch.manual_seed(0)
    flow = SplineFlow(2, 1, blocks=4, bins=6, width=32, layers=3)
    optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
    random = torch.Generator().manual_seed(1)
    for _ in range(250):
        context = torch.rand(256, 1, generator=random)
        a, b = torch.randn(2, 256, 1, generator=random)
        x = torch.cat((a + context, 0.8 * a + 0.6 * b), dim=1)
        loss = -flow.log_density(x, context).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        sample = flow.sample(torch.full((20_000, 1), 0.5), generator=random)
    assert float(loss.detach()) < math.log(2 * math.pi) + 1 + math.log(0.6) + 0.15  # entropy of the truth
    torch.testing.assert_close(sample.mean(0), torch.tensor([0.5, 0.0]), rtol=0, atol=0.08)
    torch.testing.assert_close(sample.T.cov(), torch.tensor([[1.0, 0.8], [0.8, 1.0]]), rtol=0, atol=0.12)


def test_saved_weights_bring_the_order_of_the_features() -> None:
    one, two = (SplineFlow(6, 1, blocks=2, width=8, seed=seed) for seed in (1, 2))
    two.load_state_dict(one.state_dict())
    x, context = torch.randn(4, 6), torch.randn(4, 1)
    torch.testing.assert_close(two(x, context), one(x, context))


def test_one_feature_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 features"):
        SplineFlow(1, 1)
