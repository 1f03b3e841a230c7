"""Feedback on codes: every method lowers any cost, counts its evaluations, and goes on from its state."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from femtobarn.engine import Feedback, latent_cost, no_feedback, tune
from femtobarn.engine.feedback import Cost, State, advised_method, probe
from femtobarn.errors import InputError

METHODS = ("seeking", "gradient", "random", "simplex")
CENTRE = torch.tensor([[0.5, -0.4, 0.3], [-0.6, 0.2, 0.1]])


class Counted:
    """A bowl that counts who asks."""

    def __init__(self, centre: Tensor = CENTRE) -> None:
        self.centre, self.asked = centre, 0

    def __call__(self, vector: Tensor) -> Tensor:
        self.asked += 1
        return (vector - self.centre).square().sum(dim=1)


def settings(method: str, **more: float) -> Feedback:
    step = {"seeking": 0.1, "gradient": 0.1, "random": 0.2, "simplex": 0.3}[method]
    return Feedback(method, **{"calls": 10, "step": step, "gain": 5.0} | more)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_bottom_of_a_bowl(method: str) -> None:
    cost, state, draw = Counted(), no_feedback(2, 3), torch.Generator().manual_seed(1)
    for _ in range(40):
        found = tune(cost, state, settings(method), generator=draw)
        state = found.state
    assert float(found.cost.max()) < 0.1 * float(cost(torch.zeros(2, 3)).min())
    torch.testing.assert_close(found.cost, cost(found.best))


@pytest.mark.parametrize("method", METHODS)
def test_all_methods_have_as_many_evaluations(method: str) -> None:
    cost = Counted(CENTRE[:1])
    found = tune(cost, no_feedback(1, 3), settings(method), generator=torch.Generator().manual_seed(1))
    assert cost.asked == found.state.calls == 10


def test_without_feedback_nothing_moves() -> None:
    encoder, decoder = nn.Linear(6, 3), nn.Linear(3, 6)
    measured = torch.rand(2, 6)
    with torch.no_grad():
        code = encoder(measured)
        cost = latent_cost(code, decoder, nn.Identity(), measured)
        found = tune(cost, no_feedback(2, 3), Feedback("none"))
        assert torch.equal(decoder(code + found.best), decoder(encoder(measured)))
    assert found.state.calls == 1


def test_any_encoder_and_decoder_will_do() -> None:
    """A linear code of ten channels, one of which loses gain: the code is tuned, nothing is trained."""
    draw = torch.Generator().manual_seed(1)
    basis = torch.linalg.qr(torch.rand(10, 3, generator=draw))[0]
    truth = torch.rand(1, 3, generator=draw) @ basis.T
    gains = torch.ones(10)
    gains[2] = 0.5
    measured = truth * gains
    code, state = measured @ basis, no_feedback(1, 3)
    before = (code @ basis.T - truth).abs().sum()
    cost = latent_cost(code, lambda z: z @ basis.T, lambda hidden: hidden * gains, measured)
    for _ in range(100):
        found = tune(cost, state, Feedback("gradient", step=0.01))
        state = found.state
    after = ((code + found.best) @ basis.T - truth).abs().sum()
    assert float(after) < 0.2 * float(before)


def test_the_unit_of_a_code_is_its_spread() -> None:
    cost = latent_cost(
        torch.zeros(1, 2),
        lambda z: z,
        lambda z: z,
        torch.tensor([[3.0, 0.2]]),
        spread=torch.tensor([3.0, 0.2]),
    )
    assert float(cost(torch.ones(1, 2))) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_machines_are_followed_as_if_alone(method: str) -> None:
    if method == "random":
        pytest.skip("the machines share the random numbers")
    together = tune(Counted(), no_feedback(2, 3), settings(method))
    alone = tune(Counted(CENTRE[:1]), no_feedback(1, 3), settings(method))
    torch.testing.assert_close(together.state.position[:1], alone.state.position)


@pytest.mark.parametrize("method", ["seeking", "gradient", "simplex"])
def test_a_stored_state_goes_on_as_if_nothing_had_happened(method: str, tmp_path: Path) -> None:
    state = tune(Counted(), no_feedback(2, 3), settings(method)).state
    torch.save(state._asdict(), tmp_path / "state.pt")
    again = State(**torch.load(tmp_path / "state.pt"))
    one, two = (tune(Counted(), each, settings(method)) for each in (state, again))
    assert torch.equal(one.best, two.best)
    assert all(
        torch.equal(a, b) if isinstance(a, Tensor) else a == b
        for a, b in zip(one.state, two.state, strict=True)
    )


def test_a_vector_stays_within_its_limit_and_near_zero_with_a_prior() -> None:
    far = Counted(torch.full((1, 3), 50.0))
    for method in METHODS:
        state = no_feedback(1, 3)
        for _ in range(12):
            state = tune(
                far, state, settings(method, limit=0.5), generator=torch.Generator().manual_seed(1)
            ).state
        assert float(state.position.abs().max()) <= 0.5
    state = no_feedback(2, 3)
    for _ in range(40):
        found = tune(Counted(), state, settings("gradient", prior=1.0))
        state = found.state
    torch.testing.assert_close(found.best, CENTRE / 2, atol=0.03, rtol=0)


def test_a_cost_that_is_not_finite_is_never_the_best() -> None:
    def cost(vector: Tensor) -> Tensor:
        return torch.where(vector[:, 0] > 0, torch.nan, vector.square().sum(dim=1))

    draw = torch.Generator().manual_seed(1)
    for method in METHODS:
        found = tune(cost, no_feedback(1, 3), settings(method), generator=draw)
        assert torch.isfinite(found.cost).all(), method
        assert torch.isfinite(found.state.position).all(), method


def test_noise_decides_which_method_is_advised() -> None:
    draw = torch.Generator().manual_seed(1)

    def noisy(size: float) -> Cost:
        return lambda vector: Counted()(vector) + size * torch.randn(2, generator=draw)

    quiet, loud = (probe(noisy(size), torch.zeros(2, 3), 0.15, repeats=17) for size in (0.01, 3.0))
    assert quiet.noise.tolist() == pytest.approx([0.01, 0.01], rel=0.5)
    assert advised_method(quiet, differentiable=False) == "seeking"
    assert advised_method(loud, differentiable=False) == "none"
    assert advised_method(loud, differentiable=True) == "gradient"


def test_wishes_that_cannot_be() -> None:
    with pytest.raises(InputError, match="gradient"):
        Feedback("gradint")
    with pytest.raises(InputError, match="a call or more"):
        Feedback(calls=0)
    with pytest.raises(InputError, match="a generator"):
        tune(Counted(), no_feedback(2, 3), Feedback("random"))
    with pytest.raises(InputError, match="for each of 2 machines"):
        tune(lambda v: v.sum(), no_feedback(2, 3), Feedback("gradient"))  # type: ignore[arg-type]
