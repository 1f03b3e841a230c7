"""Object condensation: against another library, a dense reference, its gradients, and what it pulls together."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses import (
    condensation,
    condensation_2022,
    energy_loss,
    object_weight,
    payload,
)
from femtobarn.losses.condensation import repulsion_of, softclip
from femtobarn.physics.condense import condense


def _hits(seed: int, n: int = 60, objects: int = 5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    beta = 0.02 + 0.95 * torch.rand(n, generator=g, dtype=torch.float64)
    x = torch.randn(n, 3, generator=g, dtype=torch.float64)
    distance = 0.3 + torch.rand(n, generator=g, dtype=torch.float64)
    owner = torch.randint(-1, objects, (n,), generator=g)
    return beta, x, distance, owner


@pytest.mark.parametrize("seed", range(5))
def test_four_terms_are_those_of_the_package(seed: int) -> None:
    package = pytest.importorskip(
        "object_condensation.pytorch.losses", reason="pip install object-condensation"
    )
    beta, x, _, owner = _hits(seed)
    theirs = package.condensation_loss(beta=beta, x=x, object_id=owner + 1, q_min=0.1)
    ours = condensation(beta, x, owner, norm="objects", q_min=0.1)
    names = ("attractive", "repulsive", "coward", "noise")
    for one, name in zip(ours, names, strict=True):
        assert float(one) == pytest.approx(float(theirs[name]), rel=1e-6), name


@pytest.mark.parametrize("norm", ["hits", "objects", "tiger"])
def test_terms_are_sums_over_pairs(norm: str) -> None:
    """Written out as in arXiv:2002.03605, equations 4 to 8, pair by pair."""
    beta, x, _, owner = _hits(3, n=25, objects=3)
    q = [math.atanh(b) ** 2 + 0.1 for b in beta.tolist()]
    names = sorted(set(owner.tolist()) - {-1})
    alpha = {k: max((i for i in range(25) if owner[i] == k), key=lambda i: q[i]) for k in names}
    pull, push = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for i, k in itertools.product(range(25), names):
        apart = float(torch.linalg.norm(x[i] - x[alpha[k]]))
        if owner[i] == k:
            pull[k] += q[i] * q[alpha[k]] * apart**2
        else:
            push[k] += q[i] * q[alpha[k]] * max(0.0, 1 - apart)
    size = {k: int((owner == k).sum()) for k in names}
    attraction, repulsion = {
        "hits": (sum(pull.values()) / 25, sum(push.values()) / 25),
        "objects": (
            np.mean([pull[k] / size[k] for k in names]),
            np.mean([push[k] / (25 - size[k]) for k in names]),
        ),
        "tiger": (sum(pull.values()) / (25 - len(names)), sum(push.values()) / (len(names) - 1) / 25),
    }[norm]
    found = condensation(beta, x, owner, norm=norm)
    assert float(found.attraction) == pytest.approx(attraction)
    assert float(found.repulsion) == pytest.approx(repulsion, rel=1e-4)


def test_the_form_of_2022_is_written_out() -> None:
    beta, x, distance, owner = _hits(4, n=20, objects=3)
    weight = torch.tensor([1.0, 0.5, 0.1], dtype=torch.float64)
    q = torch.atanh(beta / 1.001) ** 2 + 0.1
    attraction = repulsion = stands = 0.0
    for k in range(3):
        own = owner == k
        alpha = int(torch.where(own, q, -1.0).argmax())
        mean = (q[own, None] * x[own]).sum(0) / q[own].sum()
        D = ((x - 0.9 * x[alpha] - 0.1 * mean) ** 2).sum(1) / (distance[alpha] ** 2 + 1e-6)
        attraction += weight[k] * q[alpha] * (q * torch.log(math.e * D / 2 + 1))[own].mean()
        repulsion += weight[k] * q[alpha] * (q * torch.exp(-D / 2))[~own].mean()
        stands += weight[k] * (1 - beta[alpha])
    found = condensation_2022(beta, x, distance, owner, weight=weight)
    expected = (
        attraction / weight.sum(),
        repulsion / weight.sum(),
        stands / weight.sum(),
        beta[owner < 0].mean(),
    )
    torch.testing.assert_close(tuple(found), tuple(torch.as_tensor(e) for e in expected))


@pytest.mark.parametrize("kind", ["gauss", "hinge"])
def test_gradients_of_the_repulsion_are_right(kind: str) -> None:
    beta, x, distance, owner = _hits(5, n=12, objects=3)
    centre = x[:3].clone() + 0.1
    inputs = [t.clone().requires_grad_() for t in (x, centre, beta, distance[:3])]
    assert torch.autograd.gradcheck(
        lambda *each: repulsion_of(*each, owner, kind, 15), inputs, nondet_tol=0.0
    )


def test_gradients_of_the_whole_loss_are_right() -> None:
    beta, x, distance, owner = _hits(6, n=14, objects=3)
    inputs = [t.clone().requires_grad_() for t in (beta, x, distance)]

    def total(b: Tensor, place: Tensor, d: Tensor) -> Tensor:
        return condensation_2022(b, place, d, owner, chunk=20).sum + condensation(b, place, owner).sum

    assert torch.autograd.gradcheck(total, inputs)


def test_order_of_hits_and_size_of_chunks_change_nothing() -> None:
    beta, x, distance, owner = _hits(7)
    order = torch.randperm(len(beta), generator=torch.Generator().manual_seed(1))
    for loss in (
        lambda rows, chunk: condensation(beta[rows], x[rows], owner[rows], chunk=chunk),
        lambda rows, chunk: condensation_2022(beta[rows], x[rows], distance[rows], owner[rows], chunk=chunk),
    ):
        expected = loss(torch.arange(len(beta)), 4_000_000)
        torch.testing.assert_close(tuple(loss(order, 70)), tuple(expected))


def test_a_far_noise_hit_counts_only_in_the_number() -> None:
    beta, x, _, owner = _hits(8)
    far = (torch.cat((beta, beta[:1])), torch.cat((x, x[:1] + 1e3)), torch.cat((owner, -owner.new_ones(1))))
    one, two = condensation(beta, x, owner), condensation(*far)
    torch.testing.assert_close(two.attraction * 61, one.attraction * 60)
    torch.testing.assert_close(two.repulsion * 61, one.repulsion * 60)


def test_events_do_not_see_each_other() -> None:
    parts = [_hits(seed) for seed in (1, 2)]
    beta, x, distance = (torch.cat([part[i] for part in parts]) for i in range(3))
    owner = torch.cat([torch.where(part[3] < 0, -1, part[3] + 5 * i) for i, part in enumerate(parts)])
    together = condensation_2022(beta, x, distance, owner, offset=torch.tensor([0, 60, 60, 120]))
    alone = [condensation_2022(*part) for part in parts]
    for term, one, two in zip(together, *alone, strict=True):
        torch.testing.assert_close(term, (one + two) / 2)


@pytest.mark.parametrize("owner", [[-1, -1, -1], [0, 0, 0], [2, -1, 2]])
def test_events_without_noise_or_objects_have_finite_gradients(owner: list[int]) -> None:
    beta = torch.tensor([1e-4, 0.5, 1 - 1e-4], requires_grad=True)
    x = torch.zeros(3, 2, requires_grad=True)
    d = torch.ones(3, requires_grad=True)
    each = torch.ones(3, requires_grad=True)
    of = torch.tensor(owner)
    weight = torch.ones(3)
    total = (
        condensation(beta, x, of).sum
        + condensation_2022(beta, x, d, of, weight=weight).sum
        + payload(each, beta, of, weight=weight)
    )
    total.backward()
    assert all(torch.isfinite(t.grad).all() for t in (beta, x, each))


def test_weights_and_soft_clip_are_those_of_the_snapshot() -> None:
    energy = torch.tensor([0.2, 0.5, 5.25, 10.0, 80.0])
    torch.testing.assert_close(object_weight(energy), torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0]))
    contained = torch.tensor([True] * 4 + [False])
    assert float(object_weight(energy, contained)[-1]) == pytest.approx(0.01)
    x = torch.tensor([0.1, 0.4, 0.4 + 1e-4, 4.0], dtype=torch.float64)
    y = softclip(x, 0.4)
    torch.testing.assert_close(y[:2], x[:2])
    assert float(y[2] - y[1]) == pytest.approx(1e-4, rel=1e-2)
    assert 0.4 < float(y[3]) < 0.6
    right = torch.tensor([1.25])
    assert float(energy_loss(right, torch.tensor([8.0]), torch.tensor([10.0]))) == pytest.approx(0, abs=1e-9)


def test_free_hits_gather_into_their_objects() -> None:
    """Acceptance 3 of the sheet: five objects of 40 hits from a random start."""
    adjusted_rand_score = pytest.importorskip("sklearn.metrics").adjusted_rand_score
    g = torch.Generator().manual_seed(1)
    owner = torch.arange(5).repeat_interleave(40)
    x = torch.randn(200, 2, generator=g).requires_grad_()
    raw = (0.1 * torch.randn(200, generator=g)).requires_grad_()
    optimiser = torch.optim.Adam([x, raw], lr=0.03)
    for _ in range(400):
        beta = torch.sigmoid(raw)
        loss = condensation_2022(beta, x, torch.ones(200), owner).sum
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    label, centres = condense(torch.sigmoid(raw).detach().numpy(), x.detach().numpy(), t_beta=0.1, t_d=0.5)
    assert adjusted_rand_score(owner.numpy(), label) > 0.98
    assert len(centres) < 12


def test_unfit_arguments_are_refused() -> None:
    beta, x, _, owner = _hits(1)
    with pytest.raises(InputError, match="normalisation"):
        condensation(beta, x, owner, norm="pixels")
    with pytest.raises(InputError, match="offsets"):
        condensation(beta, x, owner, offset=torch.tensor([0, 30]))
    with pytest.raises(InputError, match="at least one hit"):
        condensation(beta[:0], x[:0], owner[:0], offset=torch.tensor([0, 0]))
