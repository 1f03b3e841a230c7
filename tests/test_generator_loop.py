import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from femtobarn.engine import Descent
from femtobarn.errors import InputError
from femtobarn.generator_loop import Course, fit_generator, pace


def test_rates_rise_and_fall() -> None:
    course = Course(schedule="cosine", warmup=0.1)
    rates = [pace(course, step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == rates[100] == pytest.approx(1)
    assert rates[550] == pytest.approx(0.5)
    assert rates[999] < 1e-5
    assert all(a > b for a, b in itertools.pairwise(rates[100:]))
    assert pace(Course(), 5, 10) == 1


class _Step:
    """Moves one weight towards the mean of its batch, to see what the loop hands out."""

    def __init__(self) -> None:
        self.generator = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.generator.weight)
        self.networks = nn.ModuleDict({"generator": self.generator})
        self.rates = {"generator": 0.5}
        self.optimizers = {"generator": torch.optim.SGD(self.generator.parameters(), lr=0.5)}
        self.seen: list[Tensor] = []

    def step(self, real: dict[str, Tensor], *, generator: torch.Generator) -> dict[str, Tensor]:
        self.seen.append(real["x"])
        loss = (self.generator.weight - real["x"].mean()).square().sum() / 2
        self.optimizers["generator"].zero_grad()
        loss.backward()
        self.optimizers["generator"].step()
        return {"loss": loss.detach() + 0 * torch.rand((), generator=generator)}


def test_each_epoch_has_every_event_once(tmp_path: Path) -> None:
    learner, x = _Step(), torch.arange(12.0)
    history = fit_generator(
        learner, {"x": x}, lambda *_: (0.0, 0.0), course=Course(epochs=2, batch=4), seed=1, folder=tmp_path
    )
    epochs = torch.cat(learner.seen).reshape(2, 12)
    assert all(torch.equal(epoch.sort().values, x) for epoch in epochs)
    assert not torch.equal(*epochs)
    assert [row["epoch"] for row in history] == [1, 2]


def test_the_weights_of_the_smallest_distance_plus_error_stay(tmp_path: Path) -> None:
    measured = iter([(3.0, 0.0), (1.0, 0.5), (1.2, 0.1), (2.0, 0.0)])
    weights: list[Tensor] = []

    def distance(generator: nn.Module, _: int) -> tuple[float, float]:
        weights.append(next(generator.parameters()).detach().clone())
        return next(measured)

    learner = _Step()
    course = Course(epochs=4, batch=6, ema=0.5)
    fit_generator(learner, {"x": torch.arange(12.0)}, distance, course=course, seed=1, folder=tmp_path)
    assert torch.equal(learner.generator.weight, weights[2])
    assert not torch.equal(weights[2], weights[3])


def _fit(folder: Path, seed: int = 1, **course: object) -> list[dict[str, float]]:
    settings = Course(**({"epochs": 2, "batch": 4} | course))
    return fit_generator(
        _Step(), {"x": torch.arange(12.0)}, lambda *_: (0.0, 0.0), course=settings, seed=seed, folder=folder
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 4}, "holds a training with epochs 2, now 4: choose another folder"),
        ({"batch": 6}, "with batch 4, now 6"),
        ({"seed": 2}, "with seed 1, now 2"),
    ],
)
def test_a_training_does_not_go_on_under_other_settings(
    tmp_path: Path, changed: dict[str, int], message: str
) -> None:
    _fit(tmp_path, schedule="cosine")
    with pytest.raises(InputError, match=message):
        _fit(tmp_path, schedule="cosine", **changed)


def test_a_constant_rate_is_followed_further(tmp_path: Path) -> None:
    _fit(tmp_path)
    assert [row["epoch"] for row in _fit(tmp_path, epochs=3)] == [1, 2, 3]


def test_the_loss_of_a_descent_is_that_of_the_module() -> None:
    class Square(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.x = nn.Parameter(torch.tensor(3.0))

        def loss(self, batch: dict[str, Tensor], *, generator: torch.Generator) -> Tensor:
            return self.x.square()

    player = Descent(Square(), lr=0.1)
    losses = [float(player.step({}, generator=torch.Generator())["loss"]) for _ in range(100)]
    assert losses[0] == 9
    assert losses[-1] < 0.1
