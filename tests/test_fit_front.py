"""A training over all costs: the front that it leaves, its price, and that a stop changes nothing."""

import itertools
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from femtobarn.engine import Sweep, TensorTable, fit_front
from femtobarn.errors import InputError
from femtobarn.nn.quantised import ParetoSet, quantise

COURSE = Sweep(epochs=12, batch=50, lr=2e-2, restart=4, beta=(1e-5, 1e-1), hold=0.25)


def _table() -> TensorTable:
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    return TensorTable({"x": x, "y": x @ torch.tensor([1.0, -0.5, 0.25, 2.0])})


TABLE = _table()


def _net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 1))


def _loss(net: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return F.mse_loss(net(batch["x"])[:, 0], batch["y"])


def _quality(net: nn.Module) -> float:
    with torch.no_grad():
        return -float(_loss(net.eval(), TABLE.columns))


def _fit(
    net: nn.Module, folder: Path, course: Sweep = COURSE, **more: object
) -> tuple[ParetoSet, list[dict[str, float]]]:
    return fit_front(net, _loss, _quality, TABLE, course=course, seed=1, folder=folder, **more)


def test_one_training_leaves_networks_of_falling_cost_and_quality(tmp_path: Path) -> None:
    front, history = _fit(quantise(_net(), TABLE.columns["x"]), tmp_path)
    kept = front.checkpoints
    assert len(kept) >= 3
    for cheap, dear in itertools.pairwise(kept):
        assert cheap.cost < dear.cost
        assert cheap.quality < dear.quality
    assert {each.epoch for each in kept} <= set(range(12))
    assert history[-1]["ebops"] < 0.8 * history[0]["ebops"]


def test_the_price_is_held_and_then_grows_by_one_factor() -> None:
    prices = [COURSE.price(epoch) for epoch in range(13)]
    assert prices[:4] == [1e-5] * 4
    factors = [b / a for a, b in itertools.pairwise(prices[3:])]
    assert factors == pytest.approx([1e4 ** (1 / 9)] * 9)
    assert prices[12] == pytest.approx(1e-1)


def test_without_a_price_the_best_epoch_stays(tmp_path: Path) -> None:
    net = _net()
    front, history = _fit(net, tmp_path, Sweep(epochs=6, batch=50, lr=0.5, restart=6))
    (best,) = front.checkpoints
    assert best.quality == max(row["quality"] for row in history)
    net.load_state_dict(best.state)
    assert _quality(net) == best.quality


def test_a_stopped_training_goes_on_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[fit_front.__module__], "_SAVE", 0.0)

    def start() -> nn.Module:
        return quantise(_net(), TABLE.columns["x"])

    def stop(done: int, *_: object) -> None:
        if done == 8:
            raise KeyboardInterrupt

    unbroken, rows = _fit(start(), tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        _fit(start(), tmp_path / "stopped", report=stop)
    front, again = _fit(start(), tmp_path / "stopped")
    assert again == rows
    assert [(e.quality, e.cost) for e in front.checkpoints] == [
        (e.quality, e.cost) for e in unbroken.checkpoints
    ]
    with pytest.raises(InputError, match="epochs 12, now 20"):
        _fit(start(), tmp_path / "stopped", Sweep(epochs=20, batch=50, lr=2e-2, restart=4, beta=COURSE.beta))


def test_weights_that_are_set_after_each_step_stay(tmp_path: Path) -> None:
    def prune(net: nn.Sequential) -> None:
        with torch.no_grad():
            net[0].weight[0, 0] = 0

    net = _net()
    _fit(net, tmp_path, Sweep(epochs=2, batch=50, lr=0.1, restart=2), after_step=prune)
    assert net[0].weight[0, 0] == 0
    assert net[0].weight[0, 1:].all()


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lower the learning rate"):
        _fit(_net(), tmp_path, Sweep(epochs=9, batch=50, lr=1e30, restart=9))
