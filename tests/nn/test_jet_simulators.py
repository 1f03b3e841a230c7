"""Simulators of jets: published size, shapes, padding, turns about the beam, noise, gradients."""

import math

import pytest
import torch
from torch import nn

from femtobarn.errors import InputError
from femtobarn.nn.jet_generators import Scaling
from femtobarn.nn.jet_simulators import FlowSimulator, JetVae, count_loss, draw_count, momenta, simulate

N = 16


def jets(count: int = 6, n: int = N, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    pt = (torch.rand(count, n, generator=g) * 40 + 1).sort(dim=1, descending=True).values
    eta = torch.rand(count, 1, generator=g) + 0.2 * torch.randn(count, n, generator=g)
    phi = 6 * torch.rand(count, 1, generator=g) + 0.2 * torch.randn(count, n, generator=g)
    mask = torch.arange(n) < torch.arange(count)[:, None] % n + 3
    momentum = torch.stack((pt * phi.cos(), pt * phi.sin(), pt * torch.sinh(eta)), dim=-1)
    return torch.where(mask.unsqueeze(-1), momentum, 0.0), mask


def vae(**more: object) -> JetVae:
    torch.manual_seed(0)
    sizes = {"particles": N, "latent": 3, "channels": (2, 2, 2), "dense": 8, "dropout": (0.0, 0.0)}
    return JetVae(torch.zeros(3), torch.full((3,), 10.0), **(sizes | more))  # type: ignore[arg-type]


def flow() -> FlowSimulator:
    torch.manual_seed(0)
    scaling = Scaling((0.0, 0.0, -3.0), (0.1, 0.1, 1.0), log_pt=True)
    return FlowSimulator(scaling, particles=N, hidden=8, layers=1, whole=4, steps=3)


def batch() -> dict[str, torch.Tensor]:
    x, mask = jets()
    y, other = jets(seed=1)
    return {"generated": x, "generated_mask": mask, "reconstructed": y, "reconstructed_mask": other}


MODELS = {"published": vae, "masked": lambda: vae(masked=True, turned=True, free_bits=0.05), "flow": flow}
each_model = pytest.mark.parametrize("name", MODELS)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("particles", [30, 50, 100])
def test_published_shapes(particles: int) -> None:
    with torch.device("meta"):
        model = JetVae(torch.zeros(3), torch.ones(3), particles=particles)
        mean, log_variance = model.encode(torch.zeros(2, particles, 3))
        assert mean.shape == log_variance.shape == (2, 20)
        assert model.decode(mean).shape == (2, particles, 3)


def test_published_number_of_weights() -> None:
    """14.79 million at 50 particles, counted by hand from the authors' layers."""
    with torch.device("meta"):
        found = sum(p.numel() for p in JetVae(torch.zeros(3), torch.ones(3)).parameters())
    convolutions = sum(a * b * k + b for a, b, k in ((1, 32, 15), (32, 64, 5), (64, 128, 5)))
    mirrored = sum(a * b * k + b for a, b, k in ((128, 64, 5), (64, 32, 5), (32, 1, 15)))
    dense = sum(a * b + b for a, b in ((4864, 1500), (1500, 40), (20, 1500), (1500, 4864)))
    assert found == convolutions + mirrored + dense == 14_793_585


@each_model
def test_what_is_simulated_is_a_list_hardest_first(name: str) -> None:
    model, (x, mask) = MODELS[name](), jets()
    found = simulate(model, x, mask, generator=rng())
    pt = found.momentum[..., :2].norm(dim=-1)
    assert (pt.diff(dim=1) <= 0).all()
    assert not found.momentum[~found.mask].any()
    assert (found.mask.int().diff(dim=1) <= 0).all()
    assert torch.isfinite(found.momentum).all()
    assert model.training, "as it was"


@each_model
def test_noise_decides_the_jet_and_nothing_else(name: str) -> None:
    model, (x, mask) = MODELS[name](), jets()
    one, same, other = (simulate(model, x, mask, generator=rng(s)) for s in (1, 1, 2))
    torch.testing.assert_close(one.momentum, same.momentum, rtol=0, atol=0)
    assert (one.momentum != other.momentum).any()


@each_model
def test_padding_of_either_side_cannot_leak(name: str) -> None:
    """Of the generated side the lists are padded with zeros by contract; the flow and the targets need none."""
    model, data = MODELS[name](), batch()
    kept = model.loss(data, generator=rng())
    torch.testing.assert_close(model.loss(data, generator=rng()), kept)
    if name != "published":  # there the zeros are targets
        mask = data["reconstructed_mask"].unsqueeze(-1)
        dirty = data | {"reconstructed": torch.where(mask, data["reconstructed"], 123.0)}
        torch.testing.assert_close(model.loss(dirty, generator=rng()), kept)


@pytest.mark.parametrize("name", ["masked", "flow"])
def test_a_turn_about_the_beam_turns_the_answer(name: str) -> None:
    model, (x, mask) = MODELS[name](), jets()
    angle = torch.linspace(-3, 3, len(x))
    plain = simulate(model, x, mask, generator=rng())
    turned = simulate(model, momenta.turned(x, angle), mask, generator=rng())
    torch.testing.assert_close(turned.momentum, momenta.turned(plain.momentum, angle), rtol=1e-3, atol=1e-3)


@each_model
def test_gradients_reach_every_weight(name: str) -> None:
    model = MODELS[name]()
    model.loss(batch(), generator=rng()).backward()
    for weight, parameter in model.named_parameters():
        assert parameter.grad is not None, weight
        assert torch.isfinite(parameter.grad).all(), weight


@each_model
def test_a_few_steps_lower_the_loss(name: str) -> None:
    model, data = MODELS[name](), batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = model.loss(data, generator=rng())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_jet_terms_pull_the_mass_and_the_pt() -> None:
    from femtobarn.nn.jet_simulators import LossWeights

    model, data = vae(), batch()
    without = vae(weights=LossWeights(mass=0.0, pt=0.0))
    assert model.loss(data, generator=rng()) > without.loss(data, generator=rng())


def test_free_bits_put_a_floor_under_the_divergence() -> None:
    """A latent vector that knows nothing costs the free bits, and its divergence has no gradient."""
    from femtobarn.nn.jet_simulators import LossWeights

    weights = LossWeights(divergence=1.0, particles=0.0, mass=0.0, pt=0.0)
    model = vae(free_bits=0.05, weights=weights)
    last = model.encoder[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    loss = model.loss(batch(), generator=rng())
    torch.testing.assert_close(loss, torch.tensor(3 * 0.05))
    loss.backward()
    assert last.weight.grad is None or not last.weight.grad.any()
    assert model.divergences(*jets()).abs().max() < 1e-6


def test_relative_coordinates_and_back() -> None:
    x, mask = jets()
    to = momenta.axis(x, mask)
    again = momenta.absolute(momenta.relative(x, to), to)
    torch.testing.assert_close(again[mask], x[mask], rtol=1e-4, atol=1e-3)


def test_numbers_of_particles_are_drawn_from_their_distribution() -> None:
    chances = torch.tensor([1.0 - 1e-7, 0.75, 0.25, 1e-7])
    logit = torch.logit(chances).expand(4000, 4)
    mask = draw_count(logit, generator=rng())
    assert (mask.int().diff(dim=1) <= 0).all(), "the first slots"
    share = mask.float().mean(dim=0)
    torch.testing.assert_close(share, chances, atol=4 * math.sqrt(0.25 / 4000), rtol=0)
    right, wrong = (count_loss(torch.logit(c).expand(4000, 4), mask) for c in (chances, chances.flip(0)))
    assert right < wrong


def test_lists_of_another_length_are_refused() -> None:
    x, mask = jets(n=N + 1)
    with pytest.raises(InputError, match=f"lists of {N} particles, got {N + 1}"):
        simulate(vae(), x, mask, generator=rng())
    with pytest.raises(InputError, match="at least 13"):
        vae(particles=12)


def test_no_jets_give_no_jets() -> None:
    x, mask = jets()
    assert simulate(flow(), x[:0], mask[:0], generator=rng()).mask.shape == (0, N)


@each_model
def test_of_nothing_nothing_is_reconstructed(name: str) -> None:
    x, mask = jets()
    mask[2], x[2] = False, 0.0
    found = simulate(MODELS[name](), x, mask, generator=rng())
    assert not found.mask[2].any()
    assert torch.isfinite(found.momentum).all()
