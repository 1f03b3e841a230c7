import inspect
import math

import numpy as np
import ot
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses.emd import emd
from femtobarn.losses.emd_points import emd_points

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 9)
Clouds = tuple[Tensor, Tensor, Tensor, Tensor]


def clouds(n: int, m: int, *, seed: int, batch: int = 3, dim: int = 2, padding: float = 0.0) -> Clouds:
    """Points and positive weights, some of which may be padding."""
    g = torch.Generator().manual_seed(seed)
    sets = []
    for count in (n, m):
        weight = torch.rand(batch, count, generator=g, dtype=torch.float64)
        weight[:, 1:] *= torch.rand(batch, count - 1, generator=g) >= padding
        sets.append((torch.randn(batch, count, dim, generator=g, dtype=torch.float64), weight))
    (x, a), (y, b) = sets
    return x, y, a, b


def distances(x: Tensor, y: Tensor) -> np.ndarray:
    return (x[..., :, None, :] - y[..., None, :, :]).norm(dim=-1).numpy()


def pot(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> list[float]:
    a, b = (w / w.sum(dim=-1, keepdim=True) for w in (a, b))
    return [ot.emd2(p, q, c) for p, q, c in zip(a.numpy(), b.numpy(), distances(x, y), strict=True)]


def partial_by_highs(p: np.ndarray, q: np.ndarray, cost: np.ndarray, penalty: float) -> float:
    """Eq. (1) of arXiv:1902.02346 times R as it stands there: inequalities, no point for the surplus."""
    n, m = cost.shape
    limits = np.vstack((np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))))
    moved = min(p.sum(), q.sum())
    found = linprog(cost.ravel(), limits, np.concatenate((p, q)), np.ones((1, n * m)), [moved])
    assert found.success
    return found.fun + penalty * abs(p.sum() - q.sum())


@given(seed=seeds, n=sizes, m=sizes, padding=st.sampled_from([0.0, 0.5]))
def test_agrees_with_pot(seed: int, n: int, m: int, padding: float) -> None:
    x, y, a, b = clouds(n, m, seed=seed, padding=padding)
    np.testing.assert_allclose(emd_points(x, y, a, b), pot(x, y, a, b), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("n", "m"), [(31, 33), (64, 64), (150, 20), (200, 210)])
def test_agrees_with_pot_on_large_sets(n: int, m: int) -> None:
    for padding in (0.0, 0.4):
        x, y, a, b = clouds(n, m, seed=n, padding=padding)
        np.testing.assert_allclose(emd_points(x, y, a, b), pot(x, y, a, b), rtol=0, atol=1e-10)


def test_agrees_with_pot_on_equal_weights_and_points_on_a_grid() -> None:
    """As many ties as can be: most edges of the simplex's trees carry nothing."""
    g = torch.Generator().manual_seed(0)
    x, y = torch.randint(0, 4, (2, 50, 40, 2), generator=g, dtype=torch.float64)
    one = torch.ones(50, 40, dtype=torch.float64)
    np.testing.assert_allclose(emd_points(x, y, one, one), pot(x, y, one, one), rtol=0, atol=1e-10)


@given(seed=seeds, n=sizes, m=sizes)
def test_agrees_with_scipy_on_a_line(seed: int, n: int, m: int) -> None:
    x, y, a, b = clouds(n, m, seed=seed, dim=1)
    expected = [wasserstein_distance(*row) for row in zip(x[..., 0], y[..., 0], a, b, strict=True)]
    np.testing.assert_allclose(emd_points(x, y, a, b), expected, rtol=0, atol=1e-12)


@given(seed=seeds, n=st.integers(1, 12), penalty=st.sampled_from([None, 8.0]))
def test_agrees_with_emd_on_common_points(seed: int, n: int, penalty: float | None) -> None:
    x, _, a, b = clouds(n, n, seed=seed, batch=1, padding=0.3)
    x = x.round()  # some points coincide
    cost = torch.from_numpy(distances(x, x)[0])
    torch.testing.assert_close(
        emd_points(x, x, a, b, penalty=penalty), emd(a, b, cost, penalty=penalty), rtol=0, atol=1e-12
    )


@given(seed=seeds, n=st.integers(1, 6), m=st.integers(1, 6), penalty=st.sampled_from([0.3, 1.0, 5.0]))
def test_penalty_agrees_with_the_definition(seed: int, n: int, m: int, penalty: float) -> None:
    x, y, a, b = clouds(n, m, seed=seed, padding=0.3)
    rows = zip(a.numpy(), b.numpy(), distances(x, y), strict=True)
    expected = [partial_by_highs(p, q, c, penalty) for p, q, c in rows]
    np.testing.assert_allclose(emd_points(x, y, a, b, penalty=penalty), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("penalty", [None, 0.8, 5.0])
@pytest.mark.parametrize("period", [None, (None, 2.0)])
def test_gradients(penalty: float | None, period: tuple[float | None, ...] | None) -> None:
    inputs = tuple(t.requires_grad_() for t in clouds(5, 4, seed=1))
    assert torch.autograd.gradcheck(lambda *t: emd_points(*t, penalty=penalty, period=period), inputs)


@pytest.mark.parametrize("penalty", [None, 0.8])
def test_gradient_of_a_zero_weight_is_that_of_adding_some(penalty: float | None) -> None:
    x, y, a, b = clouds(6, 5, seed=2)
    a[:, 2], b[:, 4] = 0, 0
    a.requires_grad_(), b.requires_grad_()
    before = emd_points(x, y, a, b, penalty=penalty)
    before.sum().backward()
    for weight, index in ((a, 2), (b, 4)):
        more = weight.detach().clone()
        more[:, index] = 1e-7
        both = (more, b.detach()) if weight is a else (a.detach(), more)
        slope = (emd_points(x, y, *both, penalty=penalty) - before.detach()) / 1e-7
        assert weight.grad is not None
        torch.testing.assert_close(weight.grad[:, index], slope, rtol=0, atol=1e-5)


def test_gradient_at_equal_totals_lies_between_surplus_and_deficit() -> None:
    x, y, a, b = clouds(4, 4, seed=3)
    b = (b * (a.sum(dim=-1) / b.sum(dim=-1))[:, None]).requires_grad_()
    emd_points(x, y, a, b, penalty=6.0).sum().backward()
    slopes = []
    for factor in (1 - 1e-6, 1 + 1e-6):
        c = (b.detach() * factor).requires_grad_()
        emd_points(x, y, a, c, penalty=6.0).sum().backward()
        slopes.append(c.grad)
    torch.testing.assert_close(b.grad, (slopes[0] + slopes[1]) / 2, rtol=0, atol=1e-9)


@given(seed=seeds, penalty=st.sampled_from([None, 2.0]))
def test_order_padding_and_place_do_not_count(seed: int, penalty: float | None) -> None:
    x, y, a, b = clouds(6, 5, seed=seed)
    expected = emd_points(x, y, a, b, penalty=penalty)
    g = torch.Generator().manual_seed(seed)
    order, shift = torch.randperm(6, generator=g), torch.randn(2, generator=g, dtype=torch.float64)
    torch.testing.assert_close(emd_points(x[:, order], y, a[:, order], b, penalty=penalty), expected)
    torch.testing.assert_close(emd_points(x + shift, y + shift, a, b, penalty=penalty), expected)
    torch.testing.assert_close(emd_points(y, x, b, a, penalty=penalty), expected)
    padded = torch.cat((100 * torch.randn(3, 4, 2, generator=g, dtype=torch.float64), x), dim=1)
    weight = torch.cat((torch.zeros(3, 4, dtype=torch.float64), a), dim=1).requires_grad_()
    padded.requires_grad_()
    value = emd_points(padded, y, weight, b, penalty=penalty)
    torch.testing.assert_close(value, expected)
    value.sum().backward()
    assert padded.grad is not None
    assert not padded.grad[:, :4].any()


def test_moving_everything_costs_the_way() -> None:
    x, _, a, _ = clouds(7, 1, seed=4)
    x, step = x.requires_grad_(), torch.tensor([0.3, -0.4], dtype=torch.float64)
    value = emd_points(x, x.detach() + step, a, 2 * a)
    torch.testing.assert_close(value, torch.full_like(value, 0.5))
    value.sum().backward()
    torch.testing.assert_close(x.grad, -(a / a.sum(dim=-1, keepdim=True))[..., None] * step / 0.5)


@given(seed=seeds)
def test_phi_closes(seed: int) -> None:
    x, y, a, b = clouds(5, 6, seed=seed)
    turns = torch.randint(-2, 3, (3, 5, 1), generator=torch.Generator().manual_seed(seed)).double()
    period = (None, 2 * math.pi)
    expected = emd_points(x, y, a, b, period=period)
    turned = x + turns * torch.tensor([0.0, 2 * math.pi], dtype=torch.float64)
    torch.testing.assert_close(emd_points(turned, y, a, b, period=period), expected, rtol=0, atol=1e-12)
    assert bool((expected <= emd_points(x, y, a, b) + 1e-12).all())
    delta = x[:, :, None] - y[:, None]
    delta[..., 1] = torch.atan2(delta[..., 1].sin(), delta[..., 1].cos())
    cost = delta.norm(dim=-1).numpy()
    p, q = (w / w.sum(dim=-1, keepdim=True) for w in (a, b))
    by_pot = [ot.emd2(s, t, c) for s, t, c in zip(p.numpy(), q.numpy(), cost, strict=True)]
    np.testing.assert_allclose(expected, by_pot, rtol=0, atol=1e-10)


def test_sets_without_weight() -> None:
    x, y, a, b = clouds(3, 4, seed=5, batch=4)
    a[1], b[2], a[3], b[3] = 0, 0, 0, 0
    inputs = [t.requires_grad_() for t in (x, y, a, b)]
    value = emd_points(*inputs)
    assert value.isnan().tolist() == [False, True, True, True]
    value.nansum().backward()
    for t in inputs:
        assert t.grad is not None
        assert bool(t.grad.isfinite().all())
        assert t.grad.flatten(1).abs().sum(dim=-1).gt(0).tolist() == [True, False, False, False]
    total = emd_points(x, y, a, b, penalty=2.0)
    torch.testing.assert_close(total[1:], 2 * (a.sum(dim=-1) + b.sum(dim=-1))[1:])


def test_points_that_coincide_have_finite_gradients() -> None:
    x, _, a, _ = clouds(5, 1, seed=6)
    x.requires_grad_()
    value = emd_points(x, x, a, 2 * a)
    value.sum().backward()
    assert not value.any()
    assert x.grad is not None
    assert not x.grad.any()


def test_threads_agree_bit_for_bit() -> None:
    inputs = [t.requires_grad_() for t in clouds(9, 8, seed=7, batch=31)]
    results = []
    for threads in (1, 2, 5):
        value = emd_points(*inputs, penalty=1.0, threads=threads)
        results.append((value, *torch.autograd.grad(value.sum(), inputs)))
    for one, two, five in zip(*results, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, five)


def test_types_and_shapes() -> None:
    x, y, a, b = (t.reshape(2, 3, *t.shape[1:]) for t in clouds(4, 5, seed=8, batch=6))
    exact = emd_points(x, y, a, b)
    single = [t.float().requires_grad_() for t in (x, y, a, b)]
    value = emd_points(*single)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), exact, rtol=1e-5, atol=0)
    assert all(slope.dtype == torch.float32 for slope in torch.autograd.grad(value.sum(), single))
    assert emd_points(x.float(), y, a, b).dtype == torch.float64
    assert emd_points(x[0, 0], y[0, 0], a[0, 0], b[0, 0]).shape == ()
    assert emd_points(x[:0], y[:0], a[:0], b[:0]).shape == (0, 3)
    assert emd_points(x[..., :0, :], y, a[..., :0], b).isnan().all()


def test_second_derivatives_are_refused() -> None:
    inputs = [t.requires_grad_() for t in clouds(3, 3, seed=9)]
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(emd_points(*inputs).sum(), inputs, create_graph=True)


GOOD = {
    "x": torch.rand(2, 3, 2),
    "y": torch.rand(2, 4, 2),
    "x_weight": torch.ones(2, 3),
    "y_weight": torch.ones(2, 4),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.full((2, 3, 2), torch.nan)}, "positions.*: x has"),
        ({"y": torch.full((2, 4, 2), torch.inf)}, "positions.*: y has"),
        ({"x_weight": -torch.ones(2, 3)}, r"got x_weight\[0, 0\] = -1"),
        ({"y_weight": torch.full((2, 4), torch.nan)}, r"got y_weight\[0, 0\] = nan"),
        ({"penalty": 0.0}, "penalty"),
        ({"penalty": math.inf}, "penalty"),
        ({"period": (None,)}, "2 axes"),
        ({"period": (None, -1.0)}, "period"),
        ({"threads": 0}, "thread"),
    ],
)
def test_refuses_with_one_line(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        emd_points(**(GOOD | change))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"y": torch.rand(2, 4, 3)},
        {"y": torch.rand(3, 4, 2), "y_weight": torch.ones(3, 4)},
        {"x_weight": torch.ones(2, 4)},
        {"y_weight": torch.ones(4)},
        {"x": torch.rand(3), "x_weight": torch.ones(3)},
    ],
)
def test_refuses_shapes_that_do_not_match(change: dict[str, Tensor]) -> None:
    unchecked = inspect.unwrap(emd_points)  # without the shape checks of the test run
    with pytest.raises(InputError, match="expected") as error:
        unchecked(**(GOOD | change))
    assert "\n" not in str(error.value)
