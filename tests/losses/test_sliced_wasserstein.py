import math

import numpy as np
import ot
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses.sliced_wasserstein import sliced_wasserstein
from femtobarn.physics import wafer
from femtobarn.simulate.toy_wafers import toy_wafers

POSITIONS = torch.tensor(wafer.positions())


def cloud(n: int, *, batch: int = 4, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    a, b = torch.rand(2, batch, n, generator=g, dtype=torch.float64)
    return a, b, torch.rand(n, 2, generator=g, dtype=torch.float64)


def exact(a: Tensor, b: Tensor, positions: Tensor) -> Tensor:
    cost = torch.linalg.norm(positions[:, None] - positions[None, :], dim=-1).numpy()
    a, b = (x / x.sum(dim=-1, keepdim=True) for x in (a, b))
    return torch.tensor([ot.emd2(p, q, cost) for p, q in zip(a.numpy(), b.numpy(), strict=True)])


@given(seed=st.integers(0, 2**31), n=st.integers(2, 30), directions=st.integers(1, 9))
def test_agrees_with_scipy_on_each_projection(seed: int, n: int, directions: int) -> None:
    a, b, positions = cloud(n, seed=seed)
    angles = np.arange(directions) * np.pi / directions
    lines = [(positions @ torch.tensor([np.cos(t), np.sin(t)])).numpy() for t in angles]
    expected = [
        math.pi / 2 * np.mean([wasserstein_distance(x, x, p, q) for x in lines])
        for p, q in zip(a.numpy(), b.numpy(), strict=True)
    ]
    np.testing.assert_allclose(
        sliced_wasserstein(a, b, positions, directions=directions), expected, rtol=1e-9
    )


@given(seed=st.integers(0, 2**31), n=st.integers(2, 25), k=st.integers(1, 16))
def test_stays_between_the_stated_bounds(seed: int, n: int, k: int) -> None:
    a, b, positions = cloud(n, seed=seed)
    sliced = sliced_wasserstein(a, b, positions, directions=k)
    assert bool(
        (sliced <= exact(a, b, positions) * math.pi / (2 * k * math.sin(math.pi / (2 * k))) + 1e-12).all()
    )
    centres = [x @ positions / x.sum(dim=-1, keepdim=True) for x in (a, b)]
    apart = torch.linalg.norm(centres[0] - centres[1], dim=-1)
    assert bool((sliced >= apart * math.pi / (2 * k * math.tan(math.pi / (2 * k))) - 1e-12).all())


@pytest.mark.parametrize("k", [2, 3, 8])
def test_bounds_are_reached_by_a_single_step(k: int) -> None:
    """Over all angles of one step, the largest and smallest ratio to its length are the two constants."""
    angle = torch.linspace(0, torch.pi, 2 * k * 60 + 1, dtype=torch.float64)
    steps = torch.stack((angle.cos(), angle.sin()), dim=1)
    one, other = torch.eye(2, dtype=torch.float64)
    ratio = torch.stack(
        [
            sliced_wasserstein(one, other, torch.stack((torch.zeros(2).double(), step)), directions=k)
            for step in steps
        ]
    )
    half = math.pi / (2 * k)
    assert float(ratio.max()) == pytest.approx(half / math.sin(half), rel=1e-12)
    assert float(ratio.min()) == pytest.approx(half / math.tan(half), rel=1e-12)


def test_bias_spread_and_correlation_on_wafers() -> None:
    """(sliced - exact) / exact of 2000 pairs at 8 directions, as measured for the specification."""
    charge = torch.from_numpy(toy_wafers(4000, generator=np.random.default_rng(0))["charge"]).double()
    a, b = charge[:2000], charge[2000:]
    sliced, w = sliced_wasserstein(a, b, POSITIONS), exact(a, b, POSITIONS)
    relative = sliced / w - 1
    assert float(relative.mean()) == pytest.approx(-0.045, abs=0.005)
    assert float(relative.std()) == pytest.approx(0.057, rel=0.1)
    assert np.corrcoef(sliced, w)[0, 1] == pytest.approx(0.9955, abs=0.0015)


def test_zero_on_itself_symmetric_scale_free_and_a_triangle() -> None:
    a, b, positions = cloud(20, batch=50)
    c = a.roll(1, dims=0)
    ab, bc, ac = (sliced_wasserstein(x, y, positions) for x, y in ((a, b), (b, c), (a, c)))
    torch.testing.assert_close(ab, sliced_wasserstein(5 * b, 0.1 * a, positions))
    assert float(sliced_wasserstein(a, 3 * a, positions).abs().max()) < 1e-14
    assert bool((ac <= ab + bc).all())


def test_gradients() -> None:
    a, b, positions = cloud(7)
    inputs = (a.requires_grad_(), b.requires_grad_())
    assert torch.autograd.gradcheck(lambda p, q: sliced_wasserstein(p, q, positions), inputs)


def test_cells_on_top_of_each_other_count_as_one() -> None:
    a, b, positions = cloud(6)
    merged = torch.cat((positions, positions[:1]))
    split = torch.cat((a / torch.tensor([2.0, 1, 1, 1, 1, 1]), a[:, :1] / 2), dim=1)
    expected = sliced_wasserstein(a, b, positions)
    padded = torch.cat((b, torch.zeros_like(b[:, :1])), dim=1)
    torch.testing.assert_close(sliced_wasserstein(split, padded, merged), expected)


def test_an_empty_side_gives_nan_without_gradient() -> None:
    a, b, positions = cloud(5)
    a[0] = b[1] = 0
    b.requires_grad_()
    result = sliced_wasserstein(a, b, positions)
    assert result.isnan().tolist() == [True, True, False, False]
    result.nansum().backward()
    assert b.grad is not None
    assert float(b.grad[:2].abs().max()) == 0
    assert bool((b.grad[2:] != 0).any(dim=1).all())


def test_leading_dimensions_and_single_precision() -> None:
    a, b, positions = cloud(9, batch=6)
    value = sliced_wasserstein(a, b, positions)
    torch.testing.assert_close(
        sliced_wasserstein(a.view(2, 3, 9), b.view(2, 3, 9), positions), value.view(2, 3)
    )
    single = sliced_wasserstein(a.float(), b.float(), positions.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), value, rtol=1e-4, atol=1e-5)


def test_bad_input_is_refused() -> None:
    a, b, positions = cloud(5)
    with pytest.raises(InputError, match="direction"):
        sliced_wasserstein(a, b, positions, directions=0)
    with pytest.raises(InputError, match="got b"):
        sliced_wasserstein(a, b - 1, positions)
    with pytest.raises((ValueError, TypeError), match="position"):
        sliced_wasserstein(a, b, positions[:4])
