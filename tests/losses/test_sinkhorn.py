import numpy as np
import ot
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses.sinkhorn import sinkhorn, sinkhorn_cost
from femtobarn.physics import wafer
from femtobarn.simulate.toy_wafers import toy_wafers

COST = torch.tensor(wafer.distances())


def wafer_pairs(n: int, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    charge = torch.from_numpy(toy_wafers(2 * n, generator=np.random.default_rng(seed))["charge"]).double()
    return charge[:n], charge[n:]


def cloud(n: int, *, batch: int = 3, seed: int = 0, empty: float = 0.3) -> tuple[Tensor, Tensor, Tensor]:
    """Random images on n random cells, some of them without charge, and the distances."""
    g = torch.Generator().manual_seed(seed)
    a, b = torch.rand(2, batch, n, generator=g, dtype=torch.float64)
    a, b = (torch.where(torch.rand(x.shape, generator=g) < empty, 0.0, x) for x in (a, b))
    a[:, 0] = b[:, -1] = 0.5  # never empty
    x = torch.rand(n, 2, generator=g, dtype=torch.float64)
    return a, b, torch.linalg.norm(x[:, None] - x[None, :], dim=-1)


def exact(a: Tensor, b: Tensor, cost: Tensor) -> Tensor:
    a, b = (x.double() / x.double().sum(-1, keepdim=True) for x in (a, b))
    pairs = zip(a.numpy(), b.numpy(), strict=True)
    return torch.tensor([ot.emd2(p, q, cost.numpy()) for p, q in pairs], dtype=torch.float64)


def by_pot(a: Tensor, b: Tensor, cost: Tensor, blur: float) -> tuple[float, float]:
    """<T, cost> and the regularised objective of one pair, from POT's plan in the log domain."""
    cost = cost[a > 0][:, b > 0].numpy()
    p, q = ((x[x > 0] / x.sum()).double().numpy() for x in (a, b))
    plan, log = ot.sinkhorn(
        p, q, cost, blur, method="sinkhorn_log", stopThr=1e-12, numItermax=5_000, warn=False, log=True
    )
    log_density = log["log_u"][:, None] + log["log_v"] - cost / blur - np.log(np.outer(p, q))
    plan_cost = float((plan * cost).sum())
    return plan_cost, plan_cost + blur * float((plan * log_density).sum())


@pytest.mark.parametrize("blur", [1.0, 0.3, 0.1])
def test_both_agree_with_pot(blur: float) -> None:
    a, b, cost = cloud(10, batch=4)
    divergence = sinkhorn(a, b, cost, blur=blur, iterations=500)
    plan_cost = sinkhorn_cost(a, b, cost, blur=blur, iterations=500)
    for p, q, s, c in zip(a, b, divergence, plan_cost, strict=True):
        expected_cost, w = by_pot(p, q, cost, blur)
        expected = w - (by_pot(p, p, cost, blur)[1] + by_pot(q, q, cost, blur)[1]) / 2
        assert float(s) == pytest.approx(expected, abs=1e-8)
        assert float(c) == pytest.approx(expected_cost, abs=1e-8)


def test_float32_images_at_a_small_blur_agree_with_the_log_domain() -> None:
    """A kernel in float32 would underflow here: exp(-13.757 / 0.05) = 1e-119."""
    blur = 0.05
    a, b = (x.float() for x in wafer_pairs(2, seed=5))
    a[0], b[0] = torch.eye(48)[15], torch.eye(48)[44]  # all charge from one corner to another
    divergence = sinkhorn(a, b, COST, blur=blur, iterations=2000)
    plan_cost = sinkhorn_cost(a, b, COST, blur=blur, iterations=2000)
    assert divergence.dtype == plan_cost.dtype == torch.float32
    for p, q, s, c in zip(a, b, divergence, plan_cost, strict=True):
        expected_cost, w = by_pot(p, q, COST, blur)
        expected = w - (by_pot(p, p, COST, blur)[1] + by_pot(q, q, COST, blur)[1]) / 2
        assert float(s) == pytest.approx(expected, rel=1e-4)
        assert float(c) == pytest.approx(expected_cost, rel=1e-4)
    torch.testing.assert_close(divergence.double(), exact(a, b, COST), rtol=0.02, atol=0)


@pytest.mark.parametrize("blur", [0.05, 0.5, 5.0])
def test_between_single_cells_every_blur_gives_the_distance(blur: float) -> None:
    i, j = torch.cartesian_prod(torch.arange(48), torch.arange(48)).T
    one = torch.eye(48)
    for distance in (sinkhorn, sinkhorn_cost):
        torch.testing.assert_close(distance(one[i], 3 * one[j], COST, blur=blur), COST[i, j].float())


def test_a_large_blur_gives_the_closed_form_of_independent_plans() -> None:
    """T = a b for blur -> infinity: <T, cost> is the mean distance, and S half an energy distance."""
    a, b, cost = cloud(8)
    p, q = a / a.sum(-1, keepdim=True), b / b.sum(-1, keepdim=True)

    def mean_distance(x: Tensor, y: Tensor) -> Tensor:
        return torch.einsum("bi,ij,bj->b", x, cost, y)

    torch.testing.assert_close(sinkhorn_cost(a, b, cost, blur=1e6), mean_distance(p, q), rtol=1e-5, atol=0)
    energy = mean_distance(p, q) - (mean_distance(p, p) + mean_distance(q, q)) / 2
    torch.testing.assert_close(sinkhorn(a, b, cost, blur=1e5), energy, rtol=1e-4, atol=1e-8)


@given(seed=st.integers(0, 2**31), n=st.integers(2, 20), blur=st.floats(0.05, 3.0))
def test_divergence_is_zero_on_itself_positive_and_symmetric(seed: int, n: int, blur: float) -> None:
    a, b, cost = cloud(n, seed=seed)
    s = sinkhorn(a, b, cost, blur=blur, iterations=200)
    assert float(s.min()) > 0
    torch.testing.assert_close(s, sinkhorn(b, a, cost, blur=blur, iterations=200), rtol=1e-3, atol=1e-6)
    assert float(sinkhorn(a, 7 * a, cost, blur=blur, iterations=200).abs().max()) < 1e-6


@given(seed=st.integers(0, 2**31), n=st.integers(2, 20))
def test_plan_cost_is_an_upper_bound_that_tightens(seed: int, n: int) -> None:
    a, b, cost = cloud(n, seed=seed)
    sharp, soft = (sinkhorn_cost(a, b, cost, blur=blur, iterations=500) for blur in (0.1, 0.5))
    assert bool((sharp >= exact(a, b, cost) - 1e-6).all())
    assert bool((soft >= sharp - 1e-6).all())


@pytest.mark.parametrize("blur", [COST.max().item() / 300, 0.2, 1.0])
def test_ugly_images_stay_finite_and_converge_from_below(blur: float) -> None:
    """The over-relaxation is guarded: no masses may make it diverge or leave the range of float64."""
    g = torch.Generator().manual_seed(0)
    a, b = 10 ** (-25 * torch.rand(2, 40, 48, generator=g, dtype=torch.float64))  # masses from 1e-25 to 1
    end = sinkhorn(a, b.requires_grad_(), COST, blur=blur, iterations=3000)
    (gradient,) = torch.autograd.grad(end.sum(), b)
    assert bool(gradient.isfinite().all())
    with torch.no_grad():
        missing = [end - sinkhorn(a, b, COST, blur=blur, iterations=n) for n in (1, 2, 5, 20, 100, 500)]
    assert all(bool((m > -1e-9).all()) for m in missing)
    assert float(missing[-1].max()) < 0.01


@pytest.mark.parametrize("distance", [sinkhorn, sinkhorn_cost])
def test_gradients_are_those_of_the_value(distance) -> None:
    a, b, cost = cloud(6, empty=0.0)
    assert torch.autograd.gradcheck(
        lambda p, q: distance(p, q, cost, blur=0.2, iterations=150), (a.requires_grad_(), b.requires_grad_())
    )


def test_plan_cost_also_takes_a_cost_that_is_not_symmetric() -> None:
    a, b, _ = cloud(6, empty=0.0)
    cost = torch.rand(6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    value = sinkhorn_cost(a, b, cost, blur=0.1, iterations=500)
    expected = [by_pot(p, q, cost, 0.1)[0] for p, q in zip(a, b, strict=True)]
    np.testing.assert_allclose(value, expected, atol=1e-8)
    assert torch.autograd.gradcheck(
        lambda p, q: sinkhorn_cost(p, q, cost, blur=0.1, iterations=150),
        (a.requires_grad_(), b.requires_grad_()),
    )


def test_a_second_derivative_is_refused_rather_than_wrong() -> None:
    a, b, cost = cloud(4)
    b.requires_grad_()
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(sinkhorn(a, b, cost).sum(), b, create_graph=True)


@pytest.mark.parametrize("distance", [sinkhorn, sinkhorn_cost])
def test_an_empty_side_gives_nan_without_gradient_and_leaves_the_others_alone(distance) -> None:
    a, b = (x.float() for x in wafer_pairs(4))
    alone = distance(a[2:], b[2:], COST)
    a[0] = b[1] = 0
    a.requires_grad_()
    b.requires_grad_()
    result = distance(a, b, COST)
    assert result.isnan().tolist() == [True, True, False, False]
    torch.testing.assert_close(result[2:], alone)
    result.nansum().backward()
    for side in (a, b):
        assert side.grad is not None
        assert float(side.grad[:2].abs().max()) == 0
        assert float(side.grad[2:].abs().max()) > 0
        assert bool(side.grad.isfinite().all())


@pytest.mark.parametrize("distance", [sinkhorn, sinkhorn_cost])
def test_scale_of_either_side_does_not_count(distance) -> None:
    a, b = wafer_pairs(5)
    b.requires_grad_()
    value = distance(a, b, COST)
    torch.testing.assert_close(value, distance(0.01 * a, 300 * b, COST))
    (gradient,) = torch.autograd.grad(value.sum(), b)
    assert float((gradient * b.detach()).sum(dim=-1).abs().max()) < 1e-12


def test_leading_dimensions_order_of_the_cells_and_single_precision() -> None:
    a, b = wafer_pairs(6)
    value = sinkhorn(a, b, COST)
    torch.testing.assert_close(sinkhorn(a.view(2, 3, 48), b.view(2, 3, 48), COST), value.view(2, 3))
    torch.testing.assert_close(sinkhorn(a[0], b[0], COST), value[0])
    order = torch.randperm(48, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sinkhorn(a[:, order], b[:, order], COST[order][:, order]), value)
    single = sinkhorn(a.float(), b.float(), COST.float())
    torch.testing.assert_close(single.double(), value, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("blur", "iterations", "plan_cost", "itself", "divergence"),
    [
        (1.0, 50, (0.071, 0.056), 0.58, (-0.24, 0.076)),
        (0.5, 100, (0.026, 0.014), 0.09, (-0.13, 0.045)),
        (0.3, 200, (0.012, 0.006), 0.007, (-0.075, 0.026)),
    ],
)
def test_bias_and_spread_on_wafers(
    blur: float,
    iterations: int,
    plan_cost: tuple[float, float],
    itself: float,
    divergence: tuple[float, float],
) -> None:
    """Mean and sigma of (approximate - exact) / exact over 800 pairs, as measured for the specification."""
    a, b = wafer_pairs(800, seed=2)
    w = exact(a, b, COST)
    for distance, (mean, sigma) in ((sinkhorn_cost, plan_cost), (sinkhorn, divergence)):
        relative = distance(a, b, COST, blur=blur, iterations=iterations) / w - 1
        error = sigma / np.sqrt(len(w))
        assert float(relative.mean()) == pytest.approx(mean, abs=0.005 + 3 * error)
        assert float(relative.std()) == pytest.approx(sigma, rel=0.25)
    assert float(sinkhorn_cost(a, a, COST, blur=blur).mean()) == pytest.approx(itself, rel=0.15)


def test_default_iterations_suffice_for_far_pairs() -> None:
    a, b = wafer_pairs(200, seed=3)
    missing = sinkhorn(a, b, COST, iterations=200) - sinkhorn(a, b, COST)
    assert float(missing.min()) > -1e-12
    assert float(missing.max()) < 1e-4


@pytest.mark.parametrize("nearness", [0.1, 0.02])
def test_for_near_pairs_an_iteration_is_worth_five_plain_ones_or_more(nearness: float) -> None:
    """What is missing after 30 iterations, and after 150 plain ones."""
    a, b = (x / x.sum(dim=-1, keepdim=True) for x in wafer_pairs(200, seed=3))
    b = torch.lerp(a, b, nearness)
    end = sinkhorn(a, b, COST, iterations=1000)
    missing = end - sinkhorn(a, b, COST)
    assert float(missing.min()) > -1e-9
    assert float(missing.mean()) < 1e-3

    kernel, v, blur = torch.exp(-COST / 0.5), torch.ones_like(b), 0.5
    for _ in range(150):
        u = 1 / ((b * v) @ kernel)
        v = 1 / ((a * u) @ kernel)
    plain = blur * ((a * u.log()).sum(dim=-1) + (b * v.log()).sum(dim=-1))
    for _ in range(3000):
        u = 1 / ((b * v) @ kernel)
        v = 1 / ((a * u) @ kernel)
    plain_missing = blur * ((a * u.log()).sum(dim=-1) + (b * v.log()).sum(dim=-1)) - plain
    assert float(missing.mean()) < float(plain_missing.mean())


def test_equal_sides_give_zero_and_no_gradient_at_once() -> None:
    a, _ = wafer_pairs(50)
    b = (3 * a).requires_grad_()
    value = sinkhorn(a, b, COST, iterations=1)
    (gradient,) = torch.autograd.grad(value.sum(), b)
    assert float(value.detach().abs().max()) < 1e-6
    assert float((gradient.abs() * b.detach().sum(dim=-1, keepdim=True)).max()) < 0.01


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": torch.tensor([1.0, -1.0])}, "expected finite charges >= 0, got a"),
        ({"b": torch.tensor([1.0, torch.nan])}, "got b"),
        ({"b": torch.tensor([1.0, torch.inf])}, "got b"),
        ({"blur": 0.0}, "blur"),
        ({"blur": 1e-3}, "at least 0.00333"),
        ({"blur": float("nan")}, "blur"),
        ({"iterations": 0}, "iteration"),
        ({"cost": torch.tensor([[0.0, 1.0], [2.0, 0.0]])}, "symmetric"),
        ({"cost": torch.tensor([[0.0, -1.0], [-1.0, 0.0]])}, "costs >= 0"),
    ],
)
def test_bad_input_is_refused_in_one_line(change: dict[str, object], message: str) -> None:
    good = {"a": torch.tensor([1.0, 0.0]), "b": torch.tensor([0.5, 0.5]), "cost": 1 - torch.eye(2)}
    with pytest.raises(InputError, match=message) as error:
        sinkhorn(**(good | change))
    assert "\n" not in str(error.value)


def test_shapes_that_do_not_match_are_refused() -> None:
    with pytest.raises((ValueError, TypeError), match="b"):
        sinkhorn(torch.ones(2, 3), torch.ones(2, 4), torch.zeros(3, 3))
    with pytest.raises((ValueError, TypeError), match="cost"):
        sinkhorn(torch.ones(2, 3), torch.ones(2, 3), torch.zeros(4, 4))
