import numpy as np
import pytest
import torch
from torch import Tensor, nn

from femtobarn.nn import MaskedBatchNorm


def _batch(seed: int = 1) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    x = 3 * torch.randn(8, 5, 4, generator=g) + torch.arange(4.0)
    return x, torch.arange(5) < torch.randint(0, 6, (8, 1), generator=g)


@pytest.mark.parametrize("momentum", [0.01, 0.3])
def test_running_values_are_those_of_torch_where_all_sets_are_full(momentum: float) -> None:
    ours = MaskedBatchNorm(4, momentum=momentum, first_batch=False).train()
    theirs = nn.BatchNorm1d(4, momentum=momentum)
    for seed in range(5):
        x, _ = _batch(seed)
        ours(x, torch.ones(8, 5, dtype=torch.bool))
        theirs(x.flatten(0, 1))
    assert theirs.running_mean is not None
    assert theirs.running_var is not None
    torch.testing.assert_close(ours.mean, theirs.running_mean)
    kept = (1 - momentum) ** 5  # torch divides the variance of a batch by n - 1
    torch.testing.assert_close((ours.variance - kept) * 40 / 39 + kept, theirs.running_var)
    x, _ = _batch(9)
    theirs.running_var.copy_(ours.variance)
    expected = theirs.eval()(x.flatten(0, 1)).view(8, 5, 4)
    torch.testing.assert_close(ours.eval()(x, torch.ones(8, 5, dtype=torch.bool)), expected)


def test_every_event_counts_alike_and_the_first_batch_is_taken_whole() -> None:
    x, mask = _batch()
    norm = MaskedBatchNorm(4).train()
    norm(x, mask)
    events = [event[real].numpy() for event, real in zip(x, mask, strict=True) if real.any()]
    mean = np.mean([event.mean(axis=0) for event in events], axis=0)
    variance = np.mean([((event - mean) ** 2).mean(axis=0) for event in events], axis=0)
    np.testing.assert_allclose(norm.mean.numpy(), mean, rtol=1e-5)
    np.testing.assert_allclose(norm.variance.numpy(), variance, rtol=1e-5)
    before = norm.mean.clone()
    norm(x + 1, mask)
    torch.testing.assert_close(norm.mean, before + 0.01)


def test_order_and_padding_do_not_count() -> None:
    x, mask = _batch()
    order = torch.tensor([3, 1, 4, 0, 2])
    found = []
    for rows, real in (
        (x, mask),
        (x[:, order], mask[:, order]),
        (x.masked_fill(~mask.unsqueeze(-1), torch.nan), mask),
    ):
        norm = MaskedBatchNorm(4).train()
        found.append((norm(rows, real), norm.mean, norm.variance))
    torch.testing.assert_close(found[1], (found[0][0][:, order], *found[0][1:]))
    torch.testing.assert_close(found[2], found[0])
    assert not found[0][0][~mask].any()


def test_an_event_is_not_judged_by_its_neighbours() -> None:
    x, mask = _batch()
    norm = MaskedBatchNorm(4).train()
    norm(x, mask)
    norm.eval()
    torch.testing.assert_close(norm(x[2:3], mask[2:3]), norm(x, mask)[2:3])


def test_no_particles_leave_the_statistics_alone() -> None:
    x, mask = _batch()
    norm = MaskedBatchNorm(4).train()
    norm(x, torch.zeros_like(mask))
    norm(x[:0], mask[:0])
    assert int(norm.batches) == 0
    assert not norm.mean.any()
    norm(x, mask)
    assert int(norm.batches) == 1
    assert norm.mean.all()


def test_gradients_reach_gain_bias_and_input_and_it_is_saved() -> None:
    x, mask = _batch()
    x.requires_grad_()
    norm = MaskedBatchNorm(4).train()
    (norm(x, mask) * torch.arange(4.0)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in (x, norm.gain, norm.bias))
    assert x.grad is not None
    assert not x.grad[~mask].any()
    other = MaskedBatchNorm(4)
    other.load_state_dict(norm.state_dict())
    torch.testing.assert_close(other.eval()(x, mask), norm.eval()(x, mask))
    assert sum(p.numel() for p in norm.parameters()) == 8
