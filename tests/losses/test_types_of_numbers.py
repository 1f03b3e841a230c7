"""What every loss does with counts, short floats, autocast, gradients it cannot give and batches of nothing."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses import (
    EmdNet,
    emd,
    emd_accuracy,
    emd_points,
    learned_emd,
    sinkhorn,
    sinkhorn_cost,
    sliced_wasserstein,
    telescope_mse,
    weighted_mse,
)
from femtobarn.physics import wafer

POSITIONS, COST = torch.tensor(wafer.positions()), torch.tensor(wafer.distances())
NET = EmdNet(filters=4, convolutions=1, dense=8, generator=torch.Generator().manual_seed(1)).eval()
Loss = Callable[[Tensor, Tensor], Tensor]


def _points(a: Tensor, b: Tensor) -> Tensor:
    x = (4 * (POSITIONS - POSITIONS.min())).round()  # exact in all types
    return emd_points(x.to(a.dtype).expand(len(a), -1, -1), x.to(b.dtype).expand(len(b), -1, -1), a, b)


DISTANCES: dict[str, Loss] = {
    "emd": lambda a, b: emd(a, b, COST),
    "emd with a penalty": lambda a, b: emd(a, b, COST, penalty=20.0),
    "emd_points": _points,
    "sinkhorn": lambda a, b: sinkhorn(a, b, COST, iterations=4),
    "sinkhorn_cost": lambda a, b: sinkhorn_cost(a, b, COST, iterations=4),
    "sliced_wasserstein": lambda a, b: sliced_wasserstein(a, b, POSITIONS),
    "learned_emd": lambda a, b: learned_emd(a, b, NET),
}
LOSSES = DISTANCES | {"telescope_mse": telescope_mse, "weighted_mse": weighted_mse}


def _counts(seed: int, pairs: int = 5, most: int = 30) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    a, b = torch.randint(0, most, (2, pairs, 48), generator=g)
    return a, b


@pytest.mark.parametrize("name", LOSSES)
@given(
    seed=st.integers(0, 2**31),
    kinds=st.sampled_from([(torch.int64, torch.int64), (torch.uint8, torch.int32)]),
)
def test_counts_are_numbers_like_others(name: str, seed: int, kinds: tuple[torch.dtype, torch.dtype]) -> None:
    a, b = (side.to(kind) for side, kind in zip(_counts(seed), kinds, strict=True))
    found = LOSSES[name](a, b)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), LOSSES[name](a.double(), b.double()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["emd", "sinkhorn", "sinkhorn_cost"])
def test_a_cost_of_whole_numbers_is_a_cost(name: str) -> None:
    loss = {"emd": emd, "sinkhorn": sinkhorn, "sinkhorn_cost": sinkhorn_cost}[name]
    steps = torch.tensor(wafer.hexagonal_distance())
    a, b = _counts(3)
    torch.testing.assert_close(loss(a, b, steps), loss(a.double(), b.double(), steps.double()).float())


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", DISTANCES)
def test_short_floats_lose_no_more_than_the_rounding_of_the_result(name: str, kind: torch.dtype) -> None:
    """The sums of these charges are beyond what float16 holds."""
    a, b = (side.to(kind) for side in _counts(4, most=4000))
    if name == "emd with a penalty":
        a, b = a / 64, b / 64  # the result grows with the charge
    found = DISTANCES[name](a, b)
    assert found.dtype == kind
    exact = DISTANCES[name](a.double(), b.double())
    torch.testing.assert_close(found.double(), exact, rtol=torch.finfo(kind).eps, atol=1e-6)


@pytest.mark.parametrize("name", DISTANCES)
def test_autocast_changes_nothing(name: str) -> None:
    a, b = (side.float() for side in _counts(5))
    right = DISTANCES[name](a, b)
    with torch.autocast("cpu", torch.bfloat16):
        found = DISTANCES[name](a, b)
    torch.testing.assert_close(found, right, rtol=0, atol=0)


@pytest.mark.parametrize("loss", [emd, sinkhorn, sinkhorn_cost])
def test_a_cost_that_wants_a_gradient_is_refused(loss: Callable[..., Tensor]) -> None:
    a, b = _counts(6)
    cost = COST.clone().requires_grad_()
    with pytest.raises(InputError, match="emd_points"):
        loss(a, b, cost)
    with torch.no_grad():  # nothing is lost where none is recorded
        torch.testing.assert_close(loss(a, b, cost), loss(a, b, COST))


def test_positions_have_the_gradient_of_the_distance() -> None:
    g = torch.Generator().manual_seed(7)
    a, b = torch.rand(2, 3, 5, generator=g, dtype=torch.float64)
    x = torch.rand(5, 2, generator=g, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: sliced_wasserstein(a, b, x), (x,))


@pytest.mark.parametrize("name", DISTANCES)
def test_complex_charges_are_refused(name: str) -> None:
    a, b = (side.to(torch.complex64) for side in _counts(8))
    with pytest.raises((InputError, TypeError)):
        DISTANCES[name](a, b)


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_of_no_pairs_has_no_distances(name: str) -> None:
    a = torch.zeros(0, 48)
    assert LOSSES[name](a, a).shape == (0,)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: emd(x, x, torch.zeros(0, 0)),
        lambda x: sinkhorn(x, x, torch.zeros(0, 0)),
        lambda x: sinkhorn_cost(x, x, torch.zeros(0, 0)),
        lambda x: sliced_wasserstein(x, x, torch.zeros(0, 2)),
    ],
)
def test_histograms_without_cells_are_refused(call: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(InputError, match="n > 0"):
        call(torch.zeros(2, 0))


def test_the_accuracy_of_no_pairs_is_refused() -> None:
    with pytest.raises(InputError, match="at least two pairs"):
        emd_accuracy(NET, torch.zeros(0, 48), torch.zeros(0, 48))
