"""Metric learning: which pairs are sought, what the loss pulls and pushes."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from femtobarn.nn import (
    HitEmbedding,
    crowded_radius,
    hard_pairs,
    metric_loss,
    near_share,
    pair_hinge,
    true_radius,
)
from femtobarn.physics.neighbours import radius_pairs


def test_points_lie_on_the_sphere_only_if_asked_for() -> None:
    torch.manual_seed(1)
    hit = torch.randn(20, 5)
    torch.testing.assert_close(HitEmbedding(5, 3, width=8)(hit).norm(dim=1), torch.ones(20))
    assert HitEmbedding(5, 3, width=8, sphere=False)(hit).norm(dim=1).std() > 1e-3
    assert HitEmbedding(5, 3, width=8)(hit[:0]).shape == (0, 3)


def test_hard_pairs_are_all_near_ones_while_there_are_few() -> None:
    point = torch.from_numpy(np.random.default_rng(1).normal(size=(300, 3)))
    found = hard_pairs(point, 0.3, most=100_000, generator=np.random.default_rng(2))
    expected = {tuple(pair) for pair in radius_pairs(point.numpy(), 0.3).tolist()}
    assert {tuple(pair) for pair in found.tolist()} == expected


def test_the_crowded_radius_has_as_many_neighbours_as_asked_for() -> None:
    point = torch.from_numpy(np.random.default_rng(1).normal(size=(2000, 3)))
    radius = float(crowded_radius(point, 12.0, generator=np.random.default_rng(2)))
    assert 2 * len(radius_pairs(point.numpy(), radius)) / len(point) == pytest.approx(12, rel=0.05)


def test_a_collapsed_embedding_gives_no_more_pairs_than_asked_for() -> None:
    """20 000 hits at one point have 200 million pairs: they must not be made."""
    point = torch.zeros(20_000, 8)
    found = hard_pairs(point, 0.1, most=1000, generator=np.random.default_rng(1))
    assert len(found) == 1000
    assert len(torch.unique(found, dim=0)) == 1000
    assert (found[:, 0] < found[:, 1]).all()


def test_the_loss_is_the_hinge_of_squared_distances() -> None:
    """Against torch's hinge embedding of d^2, of the paper's code, of each kind of pair by itself."""
    draw = torch.Generator().manual_seed(1)
    point, pair = torch.randn(30, 4, generator=draw), torch.randint(30, (50, 2), generator=draw)
    same = torch.rand(50, generator=draw) < 0.4
    square = (point[pair[:, 0]] - point[pair[:, 1]]).square().sum(dim=1)
    target = torch.where(same, 1.0, -1.0)
    each = F.hinge_embedding_loss(square, target, margin=2.25, reduction="none")
    expected = 2 * each[same].mean() + each[~same].mean()
    torch.testing.assert_close(pair_hinge(point, pair, same, margin=1.5), expected)
    assert pair_hinge(point, pair[:0], same[:0]) == 0


def test_training_brings_hits_of_a_track_together() -> None:
    torch.manual_seed(0)
    draw = np.random.default_rng(1)
    track = np.repeat(np.arange(40), 5)
    hit = torch.from_numpy(draw.normal(size=(40, 6))[track] + 0.2 * draw.normal(size=(200, 6))).float()
    net = HitEmbedding(6, 4, width=32, layers=2)
    net.fit_scale(hit)
    true = torch.from_numpy(np.stack((np.arange(199), np.arange(1, 200)), axis=1)[track[1:] == track[:-1]])
    best = torch.optim.AdamW(net.parameters(), lr=5e-3)
    wanted = torch.ones(len(true), dtype=torch.bool)
    for _ in range(60):
        loss = metric_loss(net(hit), true, wanted, margin=0.3, most=2000, generator=draw)
        best.zero_grad()
        loss.backward()
        best.step()
    point = net(hit).detach()
    radius = float(true_radius(point, true, 0.95))
    found = radius_pairs(point.double().numpy(), radius)
    assert (track[found[:, 0]] == track[found[:, 1]]).mean() > 0.8
    kept = {tuple(pair) for pair in found.tolist()}
    assert np.mean([tuple(pair) in kept for pair in true.tolist()]) == pytest.approx(0.95, abs=0.02)
    share = float(near_share(point, radius, generator=draw))
    assert share == pytest.approx(len(found) / (len(hit) ** 2 / 2), rel=0.05)


def test_pairs_that_are_not_wanted_neither_attract_nor_repel() -> None:
    """Two tracks far apart: only the one that is wanted has a gradient."""
    point = torch.tensor([[0.0, 0.0], [0.05, 0.0], [5.0, 0.0], [5.02, 0.0]], requires_grad=True)
    true = torch.tensor([[0, 1], [2, 3]])
    wanted = torch.tensor([False, False])
    loss = metric_loss(point, true, wanted, generator=np.random.default_rng(1))
    assert loss == 0
    loss = metric_loss(point, true, torch.tensor([False, True]), generator=np.random.default_rng(1))
    (gradient,) = torch.autograd.grad(loss, point)
    assert (gradient[:2] == 0).all()
    assert (gradient[2:, 0] != 0).all()


@pytest.mark.parametrize("norms", [True, False])
def test_every_weight_learns(norms: bool) -> None:
    torch.manual_seed(1)
    net = HitEmbedding(5, 3, width=8, norms=norms)
    pair = torch.tensor([[0, 1], [2, 3]])
    pair_hinge(net(torch.randn(9, 5)), pair, torch.tensor([True, False]), margin=9.0).backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in net.parameters())
