"""LorentzNet: its symmetry, order, padding, size, and a sum over pairs written out."""

import numpy as np
import pytest
import torch
from scipy.stats import special_ortho_group
from torch import Tensor

from femtobarn.nn.lorentz_net import LorentzBlock, LorentzNet, psi
from femtobarn.physics.boosts import boost_torch


def jets(n: int = 6, particles: int = 9) -> tuple[Tensor, Tensor, Tensor]:
    """Light particles of hundreds of GeV in narrow jets, masses, mask: (momentum float64, scalars, mask)."""
    g = torch.Generator().manual_seed(3)
    mass = torch.rand(n, particles, generator=g, dtype=torch.float64)
    pt = 200 * torch.rand(n, particles, generator=g, dtype=torch.float64) + 1
    eta, phi = (0.3 * torch.randn(n, particles, generator=g, dtype=torch.float64) for _ in range(2))
    p = torch.stack((pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()), dim=-1)
    energy = (p.square().sum(-1) + mass**2).sqrt()
    mask = torch.arange(particles) < torch.tensor([9, 5, 2, 1, 7, 9])[:n, None]
    momentum = torch.where(mask[..., None], torch.cat((energy[..., None], p), dim=-1), 0)
    return momentum, torch.stack((mass, torch.zeros_like(mass)), dim=-1), mask


def net(**sizes: int) -> LorentzNet:
    """A network in evaluation mode whose batch norms have seen these jets, and whose momenta move noticeably."""
    torch.manual_seed(0)
    model = LorentzNet(2, 3, **{"width": 10, "blocks": 3} | sizes)
    for name, weight in model.named_parameters():
        if "move.2" in name:
            torch.nn.init.normal_(weight)
    momentum, scalars, mask = jets()
    with torch.no_grad():
        for _ in range(20):
            model(momentum, scalars, mask)
    return model.eval()


def transformed(momentum: Tensor, rapidity: float, seed: int) -> Tensor:
    """A boost in a random direction, then a random rotation."""
    g = np.random.default_rng(seed)
    axis = g.normal(size=3)
    velocity = torch.from_numpy(np.tanh(rapidity) * axis / np.linalg.norm(axis))
    rotation = torch.from_numpy(special_ortho_group(3, seed=seed).rvs())
    seen = boost_torch(momentum, velocity)
    return torch.cat((seen[..., :1], seen[..., 1:] @ rotation.mT), dim=-1)


@pytest.mark.parametrize("rapidity", [0.0, 0.3, 1.0, 3.0])
def test_no_frame_is_special_in_float64(rapidity: float) -> None:
    model, (momentum, scalars, mask) = net().double(), jets()
    expected = model(momentum, scalars, mask)
    assert expected.std() > 1e-3, "the outputs must differ from jet to jet for this to mean anything"
    for seed in range(5):
        torch.testing.assert_close(
            model(transformed(momentum, rapidity, seed), scalars, mask), expected, rtol=0, atol=1e-9
        )


def test_no_frame_is_special_in_float32_weights() -> None:
    model, (momentum, scalars, mask) = net(), jets()
    expected = model(momentum, scalars, mask)
    for seed in range(5):
        seen = model(transformed(momentum, 3.0, seed), scalars, mask)
        assert (seen - expected).abs().max() < 1e-4 * expected.abs().max()


def test_the_frame_is_noticed_by_what_should_notice_it() -> None:
    """Moving one particle alone, or boosting half of them, changes the outputs."""
    model, (momentum, scalars, mask) = net().double(), jets()
    moved = momentum.clone()
    moved[:, :1] = transformed(momentum, 1.0, 0)[:, :1]
    difference = model(moved, scalars, mask) - model(momentum, scalars, mask)
    assert difference[[0, 1, 2, 4, 5]].abs().max(dim=-1).values.min() > 1e-4


@pytest.mark.parametrize("training", [True, False])
def test_order_and_padding_do_not_matter(training: bool) -> None:
    model, (momentum, scalars, mask) = net().double().train(training), jets()
    model.scores[2].p = 0.0
    expected = model(momentum, scalars, mask)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(model(momentum[:, order], scalars[:, order], mask[:, order]), expected)
    junk = torch.where(mask[..., None], momentum, torch.nan)
    wide = (torch.cat((each, torch.full((6, 4, each.shape[-1]), 1e9)), dim=1) for each in (junk, scalars))
    torch.testing.assert_close(model(*wide, torch.nn.functional.pad(mask, (0, 4))), expected)


def test_messages_as_written_in_the_paper() -> None:
    """One block, pair by pair, for one jet."""
    torch.manual_seed(1)
    block = LorentzBlock(4, 2, step=0.005).double().eval()
    momentum, scalars, mask = (each[4:5] for each in jets())
    n = 7
    h, s = torch.randn(1, 9, 4, dtype=torch.float64), psi(scalars)
    pairs = mask[:, :, None] & mask[:, None, :] & ~torch.eye(9, dtype=torch.bool)
    got_h, got_x = block(h, momentum, s, mask, pairs)

    def product(a: Tensor, b: Tensor) -> Tensor:
        return a[0] * b[0] - (a[1:] * b[1:]).sum()

    x = momentum[0]
    for i in range(n):
        heard, pull = torch.zeros(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
        for j in range(n):
            if i == j:
                continue
            numbers = torch.stack((product(x[i] - x[j], x[i] - x[j]), product(x[i], x[j])))
            message = block.edge(torch.cat((h[0, i], h[0, j], psi(numbers)))[None])[0]
            message = message * block.gate(message).sigmoid()
            heard = heard + message
            pull = pull + (x[i] - x[j]) * block.move(message) / (n - 1)
        new = h[0, i] + block.update(torch.cat((h[0, i], heard, s[0, i]))[None])[0]
        torch.testing.assert_close(got_h[0, i], new)
        torch.testing.assert_close(got_x[0, i], x[i] + 0.005 * pull)


def test_published_size() -> None:
    assert sum(weight.numel() for weight in LorentzNet().parameters()) == 224_072


def test_gradients_reach_every_parameter_and_state_is_saved() -> None:
    torch.manual_seed(0)
    model, (momentum, scalars, mask) = LorentzNet(2, 3, width=8, blocks=3), jets()
    model(momentum, scalars, mask).square().sum().backward()
    assert all(w.grad is not None and w.grad.isfinite().all() and w.grad.any() for w in model.parameters())
    copy = LorentzNet(2, 3, width=8, blocks=3)
    copy.load_state_dict(model.state_dict())
    torch.testing.assert_close(
        copy.eval()(momentum, scalars, mask), model.eval()(momentum, scalars, mask), rtol=0, atol=0
    )


def test_psi_is_odd_and_tames_large_numbers() -> None:
    z = torch.tensor([-1e6, -1e-8, 0.0, 1e-8, 1e6], dtype=torch.float64)
    torch.testing.assert_close(psi(z), -psi(-z))
    torch.testing.assert_close(psi(z)[3:], torch.tensor([1e-8, np.log(1e6 + 1)], dtype=torch.float64))
