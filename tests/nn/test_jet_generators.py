"""The generators and discriminators: sizes, order, padding, multiplicity, the flow, the baselines."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from femtobarn.errors import InputError
from femtobarn.nn.jet_generators import (
    EpicFlow,
    FullyConnectedGenerator,
    GaptDiscriminator,
    GaptGenerator,
    IgaptDiscriminator,
    IgaptGenerator,
    Jets,
    MpganDiscriminator,
    MpganGenerator,
    flow_matching_loss,
)
from femtobarn.nn.jet_generators import sets as model

N = 12
SCALING = model.scaling_by_maxima()
SETS: dict[str, Callable[[], nn.Module]] = {
    "GAPT": lambda: GaptGenerator(SCALING, particles=N, width=16, heads=2),
    "iGAPT": lambda: IgaptGenerator(SCALING, particles=N, width=16, heads=2, blocks=2),
    "MPGAN": lambda: MpganGenerator(SCALING, particles=N, hidden=8, edge=(9, 10), node=(11,)),
    "EPiC-FM": lambda: EpicFlow(SCALING, particles=N, hidden=8, layers=1, steps=2),
}
ALL = SETS | {"FC": lambda: FullyConnectedGenerator(SCALING, particles=N, width=16)}
DISCRIMINATORS: dict[str, Callable[[], nn.Module]] = {
    "GAPT": lambda: GaptDiscriminator(SCALING, width=16, heads=2),
    "iGAPT": lambda: IgaptDiscriminator(SCALING, width=16, heads=2, blocks=2),
    "MPGAN": lambda: MpganDiscriminator(SCALING, hidden=8, edge=(9, 10), node=(11,)),
}


def _rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _build(factory: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return factory().eval()


def _jets(count: int = 6, slots: int = N) -> Jets:
    mask = model.first(slots, torch.arange(count) * 2 % (slots + 1))
    x = torch.randn(count, slots, 3, generator=_rng(1)) * torch.tensor([0.2, 0.2, 0.05])
    return Jets(torch.where(mask.unsqueeze(-1), x.abs(), 0.0), mask)


def _weights(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_sizes_are_those_published() -> None:
    assert _weights(MpganGenerator(SCALING)) == 361_123
    assert _weights(MpganDiscriminator(SCALING)) == 355_617
    assert _weights(GaptGenerator(SCALING)) == 330_627
    assert _weights(GaptDiscriminator(SCALING)) == 248_449
    assert _weights(GaptGenerator(SCALING, width=64, heads=4)) == 83_395
    assert _weights(GaptDiscriminator(SCALING, width=64, heads=4)) == 62_785


@pytest.mark.parametrize("name", ["GAPT", "iGAPT", "MPGAN"])
def test_particles_follow_their_noise(name: str) -> None:
    """The order of the noise is the order of the particles; which are real moves along."""
    generator, order = _build(SETS[name]), torch.randperm(N, generator=_rng(2))
    multiplicity = torch.tensor([0, 1, 5, N])
    each, *whole = generator.noise(4, generator=_rng())
    x, mask = generator(multiplicity, each, *whole)
    moved, moved_mask = generator(multiplicity, each[:, order], *whole)
    assert torch.equal(moved_mask, mask[:, order])
    real = moved_mask.unsqueeze(-1)
    torch.testing.assert_close(
        torch.where(real, moved, 0.0), torch.where(real, x[:, order], 0.0), rtol=0, atol=1e-5
    )


def test_the_flow_follows_its_noise() -> None:
    """Of the flow the first particles are the real ones: order among those."""
    flow, n = _build(SETS["EPiC-FM"]), 7
    (noise,) = flow.noise(3, generator=_rng())
    order = torch.cat((torch.randperm(n, generator=_rng(2)), torch.arange(n, N)))
    multiplicity = torch.full((3,), n)
    x, moved = flow(multiplicity, noise).particles, flow(multiplicity, noise[:, order]).particles
    torch.testing.assert_close(moved[:, :n], x[:, order][:, :n], rtol=0, atol=1e-5)
    loud = noise.clone()
    loud[:, n:] = 1e3
    torch.testing.assert_close(flow(multiplicity, loud).particles[:, :n], x[:, :n], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_scores_ignore_order_and_padding(name: str) -> None:
    judge, (x, mask) = _build(DISCRIMINATORS[name]), _jets()
    order = torch.randperm(N, generator=_rng(3))
    score = judge(x, mask)
    torch.testing.assert_close(judge(x[:, order], mask[:, order]), score, rtol=0, atol=1e-5)
    longer = torch.cat((x, torch.full((len(x), 5, 3), 7.0)), dim=1)
    more = torch.cat((mask, torch.zeros(len(x), 5, dtype=torch.bool)), dim=1)
    torch.testing.assert_close(judge(longer, more), score, rtol=0, atol=1e-6)
    assert score.isfinite().all(), "the first jet is empty"
    assert ((score > 0) & (score < 1)).all()


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_padding_receives_no_gradient(name: str) -> None:
    judge, (x, mask) = _build(DISCRIMINATORS[name]), _jets()
    x = x.clone().requires_grad_()
    judge(x, mask).sum().backward()
    assert x.grad is not None
    assert (x.grad[~mask] == 0).all()
    assert x.grad[mask].any()


@pytest.mark.parametrize("name", ALL)
@given(multiplicity=st.lists(st.integers(0, N), min_size=1, max_size=5), seed=st.integers(0, 1000))
def test_each_jet_has_the_particles_asked_for(name: str, multiplicity: list[int], seed: int) -> None:
    wanted = torch.tensor(multiplicity)
    x, mask = model.generate(_build(ALL[name]), wanted, generator=_rng(seed))
    assert x.isfinite().all()
    assert torch.equal(mask.sum(dim=1), wanted)
    assert torch.equal(x.any(dim=2).sum(dim=1), wanted), "real particles are not all zero, padding is"
    assert torch.equal(mask, model.first(N, wanted)), "padding comes last"
    assert (x[..., 2] >= 0).all()
    assert (x[..., 2].diff(dim=1) <= 0).all(), "hardest first"


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_jets(name: str) -> None:
    generator, wanted = _build(ALL[name]), torch.tensor([3, N, 1])
    one, two, other = (model.generate(generator, wanted, generator=_rng(s)) for s in (5, 5, 6))
    assert torch.equal(one.particles, two.particles)
    assert not torch.equal(one.particles, other.particles)


def test_generate_refuses_too_many_particles_and_takes_no_jets() -> None:
    generator = _build(ALL["FC"])
    with pytest.raises(InputError, match="multiplicities from 0 to 12 expected: got 3 to 13"):
        model.generate(generator, torch.tensor([3, 13]), generator=_rng())
    none = model.generate(generator, torch.zeros(0, dtype=torch.long), generator=_rng())
    assert none.particles.shape == (0, N, 3)
    assert none.mask.shape == (0, N)


def test_scalings_there_and_back() -> None:
    x, mask = _jets()
    published = SCALING(torch.tensor([[list(model.PUBLISHED_MAXIMA), [0.0, 0.0, 0.0]]]))
    torch.testing.assert_close(published, torch.tensor([[[1.0, 1.0, 0.5], [0.0, 0.0, -0.5]]]))
    for log_pt in (True, False):
        moments = model.scaling_by_moments(x, mask, deviation=5.0, log_pt=log_pt)
        y = moments(x)[mask]
        torch.testing.assert_close(y.mean(dim=0), torch.zeros(3), atol=1e-4, rtol=0)
        torch.testing.assert_close(y.std(dim=0), torch.full((3,), 5.0))
        torch.testing.assert_close(moments.inverse(moments(x))[mask], x[mask], atol=1e-5, rtol=1e-4)
    ranged = model.scaling_by_range(x, mask)
    torch.testing.assert_close(ranged(x)[mask].amax(dim=0), torch.ones(3))
    torch.testing.assert_close(ranged(x)[mask].amin(dim=0), -torch.ones(3))


class _Away(nn.Module):
    """A velocity whose flow is known: dx/dt = a x + t."""

    def forward(self, x: torch.Tensor, time: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return 0.5 * x + time[:, None, None]


def test_midpoint_steps_converge_in_second_order() -> None:
    unit = model.Scaling((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    errors = []
    for steps in (4, 8, 16):
        flow = EpicFlow(unit, particles=2, hidden=4, layers=1, steps=steps)
        flow.velocity = _Away()
        start = torch.tensor([[[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]], dtype=torch.float64)
        # x(1) of dx/dt = a x + t from x(0) = c: (c + 1/a^2) exp(a) - 1/a - 1/a^2
        exact = (start + 4) * torch.tensor(0.5, dtype=torch.float64).exp() - 6
        errors.append((flow(torch.tensor([2]), start).particles - exact).abs().max())
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.1)


class _Points(nn.Module):
    """The velocity of all paths to one point: what the loss must be smallest for."""

    def __init__(self, to: torch.Tensor) -> None:
        super().__init__()
        self.to = to

    def forward(self, x: torch.Tensor, time: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        rest = 1 - 1e-4
        return (self.to - rest * x) / (1 - rest * time[:, None, None])


def test_flow_matching_loss_vanishes_for_the_exact_velocity() -> None:
    unit = model.Scaling((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    flow, target = EpicFlow(unit, particles=4, hidden=4, layers=1), torch.tensor([0.3, -0.2, 0.5])
    particles, mask = target.expand(200, 4, 3), model.first(4, torch.arange(200) % 5)
    wild = torch.where(mask.unsqueeze(-1), particles, torch.nan)
    assert flow_matching_loss(flow, wild, mask, generator=_rng()).detach() > 0.1
    flow.velocity = _Points(target)
    assert flow_matching_loss(flow, wild, mask, generator=_rng()) < 1e-5
