import inspect
import subprocess
import sys

import numpy as np
import ot
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses import _transport
from femtobarn.losses.emd import emd, emd_potentials
from femtobarn.physics import wafer
from femtobarn.simulate.toy_wafers import toy_wafers

WAFER = torch.tensor(wafer.distances())
KINDS = ["dense", "sparse", "ties", "tiny", "identical", "nearly identical", "disjoint", "single"]
seeds = st.integers(0, 2**32 - 1)


def tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def wafers(n: int, *, seed: int = 0) -> Tensor:
    charge = toy_wafers(n, generator=np.random.default_rng(seed))["charge"]
    return tensor(charge[charge.sum(axis=1) > 0]).double()


def lattice(n: int, generator: np.random.Generator) -> np.ndarray:
    """Distances of points on a small grid: many are equal, some are 0."""
    points = generator.integers(0, 4, (n, 2))
    return np.linalg.norm(points[:, None] - points, axis=-1)


def histograms(kind: str, n: int, rows: int, g: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    a, b = g.random((2, rows, n))
    if kind in ("sparse", "ties"):
        a, b = (np.where(g.random(x.shape) < 0.6, 0, x) for x in (a, b))
    if kind == "ties":
        a, b = np.ceil(3 * a), np.ceil(3 * b)
    if kind == "tiny":
        a, b = (np.where(g.random(x.shape) < 0.5, 1e-12 * x, x) for x in (a, b))
    if kind == "identical":
        b = 3 * a
    if kind == "nearly identical":
        b = a * (1 + 1e-12 * (g.random(a.shape) - 0.5))
    if kind == "disjoint":
        b[:, : n // 2], a[:, n // 2 :] = 0, 0
    if kind == "single":
        a, b = (np.eye(n)[g.integers(0, n, rows)] * x for x in (a, b))
    a[:, 0] += a.sum(axis=1) == 0
    b[:, -1] += b.sum(axis=1) == 0
    return a, b


def shares(a: np.ndarray | Tensor) -> np.ndarray:
    a = np.asarray(a, dtype=np.float64)
    return a / a.sum(axis=-1, keepdims=True)


def pot(a: np.ndarray | Tensor, b: np.ndarray | Tensor, cost: np.ndarray) -> np.ndarray:
    return np.array([ot.emd2(p, q, cost) for p, q in zip(shares(a), shares(b), strict=True)])


def dual_by_highs(p: np.ndarray, q: np.ndarray, cost: np.ndarray) -> float:
    """Largest sum f (p - q) over potentials with f_i - f_j <= cost_ij."""
    n = len(p)
    i, j = np.nonzero(~np.eye(n, dtype=bool))
    rows = np.eye(n)[i] - np.eye(n)[j]
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(
        q - p, A_ub=rows, b_ub=cost[i, j], bounds=[(0, 0)] + [(None, None)] * (n - 1), options=tight
    )
    assert found.success
    return -found.fun


def partial_by_highs(p: np.ndarray, q: np.ndarray, cost: np.ndarray, penalty: float) -> float:
    """Eq. (1) of arXiv:1902.02346 times R as it stands there: inequalities, no point for the surplus."""
    n = len(p)
    give, take = np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))
    moved = min(p.sum(), q.sum())
    found = linprog(
        cost.ravel(), np.vstack((give, take)), np.concatenate((p, q)), np.ones((1, n * n)), [moved]
    )
    assert found.success
    return found.fun + penalty * abs(p.sum() - q.sum())


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds, n=st.integers(2, 12))
def test_agrees_with_two_other_solvers(kind: str, seed: int, n: int) -> None:
    g = np.random.default_rng(seed)
    cost = lattice(n, g)
    a, b = histograms(kind, n, 2, g)
    value = emd(tensor(a), tensor(b), tensor(cost)).numpy()
    np.testing.assert_allclose(value, pot(a, b, cost), rtol=0, atol=1e-10)
    dual = [dual_by_highs(p, q, cost) for p, q in zip(shares(a), shares(b), strict=True)]
    np.testing.assert_allclose(value, dual, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_pot_on_wafers(kind: str) -> None:
    a, b = histograms(kind, 48, 40, np.random.default_rng(1))
    value = emd(tensor(a), tensor(b), WAFER).numpy()
    np.testing.assert_allclose(value, pot(a, b, wafer.distances()), rtol=0, atol=1e-10)


@pytest.mark.parametrize("n", [63, 64, 65, 150])
def test_agrees_with_pot_where_the_tree_needs_more_than_one_word(n: int) -> None:
    g = np.random.default_rng(n)
    x = g.random((n, 3))
    cost = np.linalg.norm(x[:, None] - x, axis=-1)
    for kind in ("dense", "ties"):
        a, b = histograms(kind, n, 5, g)
        transport = emd_potentials(tensor(a), tensor(b), tensor(cost))
        np.testing.assert_allclose(transport.value, pot(a, b, cost), rtol=0, atol=1e-10)
        warm = emd(tensor(a), tensor(b), tensor(cost), warm=transport.potential.flip(0))
        np.testing.assert_allclose(warm, transport.value, rtol=0, atol=1e-12)


def test_many_ties_neither_cycle_nor_mislead() -> None:
    """Whole masses of equal total on a grid: most trees of the simplex have edges without flow."""
    g = np.random.default_rng(2)
    for n in (6, 20, 40):
        cost = lattice(n, g)
        a = g.integers(0, 3, (200, n)).astype(float)
        a[:, 0] += 1
        b = g.permuted(a, axis=1)
        np.testing.assert_allclose(
            emd(tensor(a), tensor(b), tensor(cost)).numpy(), pot(a, b, cost), rtol=0, atol=1e-10
        )


@given(seed=seeds, n=st.integers(1, 20), kind=st.sampled_from(KINDS))
def test_is_a_metric(seed: int, n: int, kind: str) -> None:
    g = np.random.default_rng(seed)
    cost = tensor(lattice(n, g))
    a, b = (tensor(x) for x in histograms(kind, n, 4, g))
    c = tensor(g.random((4, n)))
    assert torch.equal(emd(a, a, cost), torch.zeros(4, dtype=torch.float64))
    ab, ba, ac, cb = emd(a, b, cost), emd(b, a, cost), emd(a, c, cost), emd(c, b, cost)
    torch.testing.assert_close(ab, ba, rtol=0, atol=1e-13)
    assert bool((ab <= ac + cb + 1e-13).all())
    torch.testing.assert_close(emd(7 * a, b / 3, 2 * cost), 2 * ab, rtol=0, atol=1e-13)


@given(seed=seeds, n=st.integers(1, 20), kind=st.sampled_from(KINDS), penalty=st.sampled_from([None, 3.0]))
def test_potential_is_feasible_and_proves_the_value(
    seed: int, n: int, kind: str, penalty: float | None
) -> None:
    g = np.random.default_rng(seed)
    cost = lattice(n, g)
    a, b = histograms(kind, n, 3, g)
    value, potential = emd_potentials(tensor(a), tensor(b), tensor(cost), penalty=penalty)
    f = potential.numpy()
    difference = a - b if penalty else shares(a) - shares(b)
    np.testing.assert_allclose((f * difference).sum(axis=-1), value, rtol=0, atol=1e-10)
    assert np.all(np.abs(f[:, :, None] - f[:, None]) <= cost + 1e-12)
    if penalty:
        assert np.all(np.abs(f) <= penalty + 1e-12)
    else:
        np.testing.assert_allclose(f.mean(axis=-1), 0, atol=1e-12)


def test_moving_all_charge_to_a_neighbour_costs_its_distance() -> None:
    pairs = torch.tensor([(c, d) for c in range(48) for d in wafer.neighbours()[c]])
    start, end = pairs.T
    image = 35 * torch.eye(48)
    value = emd(image[start], image[end], WAFER)
    torch.testing.assert_close(value.double(), WAFER[start, end], rtol=1e-6, atol=0)
    same = start // 16 == end // 16
    torch.testing.assert_close(value[same], torch.full_like(value[same], 2.0))
    assert {round(float(v), 3) for v in value[~same]} == {1.803, 2.291}


@pytest.mark.parametrize("penalty", [None, 7.0])
def test_potential_is_the_slope(penalty: float | None) -> None:
    """Central differences along directions that move charge from one cell to another."""
    g = torch.Generator().manual_seed(3)  # no equal cells, no equal sums of cells: the potential is unique
    a, b = wafers(2, seed=3) + torch.rand(2, 48, generator=g, dtype=torch.float64)
    a, b = a / a.sum(), b / b.sum() * (1 if penalty is None else 1.2)
    f = emd_potentials(a, b, WAFER, penalty=penalty).potential
    step = 1e-7 * (torch.eye(48, dtype=a.dtype) - torch.eye(48, dtype=a.dtype).roll(17, dims=0))
    up, down = (emd(a + s, b.expand(48, 48), WAFER, penalty=penalty) for s in (step, -step))
    torch.testing.assert_close((up - down) / 2e-7, f - f.roll(17), rtol=0, atol=1e-6)


@pytest.mark.parametrize("penalty", [None, 1.5])
def test_gradients_include_the_scaling(penalty: float | None) -> None:
    g = torch.Generator().manual_seed(4)
    a, b = (torch.rand(3, 7, generator=g, dtype=torch.float64).requires_grad_() for _ in range(2))
    x = torch.rand(7, 2, generator=g, dtype=torch.float64)
    cost = torch.linalg.norm(x[:, None] - x, dim=-1)
    assert torch.autograd.gradcheck(lambda a, b: emd(a, b, cost, penalty=penalty), (a, b))
    assert torch.autograd.gradcheck(lambda b: emd(a.detach(), b, cost, penalty=penalty), (b,))


def test_second_derivatives_are_refused() -> None:
    a = torch.rand(2, 48, dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(emd(a, wafers(2), WAFER).sum(), a, create_graph=True)


@given(seed=seeds)
def test_equal_cells_get_the_middle_of_all_optimal_potentials(seed: int) -> None:
    """The range of f at a cell over the optimal face, by a linear programme, for a unique f elsewhere."""
    g = np.random.default_rng(seed)
    n, moving = 9, 6
    x = g.random((n, 2))
    cost = np.linalg.norm(x[:, None] - x, axis=-1)
    p, q = g.random((2, n))
    p[moving:] = q[moving:] = g.random(n - moving) * np.array([0, 1, 1])
    p[:moving] *= q[:moving].sum() / p[:moving].sum()
    f = emd_potentials(tensor(p), tensor(q), tensor(cost)).potential.numpy()
    i, j = np.nonzero(~np.eye(n, dtype=bool))
    rows, fixed = np.eye(n)[i] - np.eye(n)[j], np.eye(n)[:moving]
    for cell in range(moving, n):
        ends = [
            linprog(sign * np.eye(n)[cell], rows, cost[i, j], fixed, f[:moving], bounds=(None, None))
            for sign in (1, -1)
        ]
        assert all(end.success for end in ends)
        assert f[cell] == pytest.approx((ends[0].fun - ends[1].fun) / 2, abs=1e-7)


@pytest.mark.parametrize("penalty", [None, 10.0])
def test_warm_start_changes_nothing(penalty: float | None) -> None:
    a, b = wafers(100)[:80].chunk(2)
    g = torch.Generator().manual_seed(5)
    cold = emd_potentials(a, b, WAFER, penalty=penalty)
    guesses = {
        "exact": cold.potential,
        "float32": cold.potential.float(),
        "of another row": cold.potential.roll(1, dims=0),
        "not known": torch.zeros(a.shape),
        "distances": WAFER[0].expand(a.shape),
        "wild": 100 * torch.randn(a.shape, generator=g),
    }
    for guess in guesses.values():
        value, potential = emd_potentials(a, b, WAFER, penalty=penalty, warm=guess)
        torch.testing.assert_close(value, cold.value, rtol=0, atol=1e-9 if penalty else 1e-12)
        assert bool(((potential[..., None] - potential[..., None, :]).abs() <= WAFER + 1e-12).all())
    moved = b * torch.exp(0.1 * torch.randn(b.shape, generator=g))
    warm = emd(a, moved, WAFER, penalty=penalty, warm=cold.potential.float())
    torch.testing.assert_close(warm, emd(a, moved, WAFER, penalty=penalty), rtol=1e-13, atol=1e-12)


def test_threads_agree_bit_for_bit() -> None:
    a, b = wafers(41).double()[:40].chunk(2)
    a[3] = 0
    one = emd_potentials(a, b, WAFER)
    for threads in (2, 3, 50):
        more = emd_potentials(a, b, WAFER, threads=threads)
        assert torch.equal(more.value.nan_to_num(-1), one.value.nan_to_num(-1))
        assert torch.equal(more.potential, one.potential)


def test_threads_work_after_a_fork() -> None:
    """As in the worker process of a data loader, whose parent used threads before."""
    script = (
        "import os, torch; from femtobarn.losses import emd;"
        "run = lambda: emd(torch.eye(4), torch.ones(4, 4), 1 - torch.eye(4), threads=3);"
        "expected = run(); child = os.fork();"
        "child or os._exit(not torch.equal(run(), expected));"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", script], check=True, timeout=60)


@given(seed=seeds, n=st.integers(1, 8), kind=st.sampled_from(KINDS))
def test_penalty_agrees_with_the_definition(seed: int, n: int, kind: str) -> None:
    g = np.random.default_rng(seed)
    cost = lattice(n, g)
    a, b = histograms(kind, n, 2, g)
    penalty = cost.max() / 2 + g.choice([0.0, 0.5])
    value = emd(tensor(a), tensor(b), tensor(cost), penalty=penalty)
    expected = [partial_by_highs(p, q, cost, penalty) for p, q in zip(a, b, strict=True)]
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-9)


def test_penalty_with_nothing_on_a_side() -> None:
    nothing, some = torch.zeros(2, 48, requires_grad=True), torch.full((2, 48), 0.5)
    value = emd(nothing, some, WAFER, penalty=8.0)
    value.sum().backward()
    assert value.tolist() == [8.0 * 24] * 2
    assert emd(torch.zeros(48), torch.zeros(48), WAFER, penalty=8.0) == 0
    slope = nothing.grad  # charge added where charge is missing saves the penalty
    assert slope is not None
    torch.testing.assert_close(slope, torch.full_like(slope, -8.0))


def test_a_row_without_charge_gives_nan_and_leaves_the_others_alone() -> None:
    a, b = wafers(60)[:8].chunk(2)
    a[1], b[2] = 0, 0
    a.requires_grad_(), b.requires_grad_()
    value, potential = emd_potentials(a, b, WAFER)
    assert value.isnan().tolist() == [False, True, True, False]
    assert not potential[1:3].any()
    value.nansum().backward()
    for side in (a, b):
        assert side.grad is not None
        assert bool(side.grad.isfinite().all())
        assert side.grad.abs().sum(dim=-1).gt(0).tolist() == [True, False, False, True]


def test_types_and_shapes() -> None:
    a, b = wafers(60)[:12].reshape(2, 2, 3, 48)
    exact = emd(a, b, WAFER)
    for kind, accuracy in ((torch.float32, 1e-6), (torch.bfloat16, 1e-2)):
        single = a.to(kind).requires_grad_()
        value, potential = emd_potentials(single, b.to(kind), WAFER.float())
        assert value.dtype == potential.dtype == kind
        torch.testing.assert_close(value.double(), exact, rtol=accuracy, atol=0)
        value.sum().backward()
        assert single.grad is not None
        assert single.grad.dtype == kind
    assert emd(a.float(), b, WAFER).dtype == torch.float64
    assert emd(a[0, 0], b[0, 0], WAFER).shape == ()
    assert emd(a[:0], b[:0], WAFER).shape == (0, 3)
    assert emd(torch.ones(1), torch.full((1,), 3.0), torch.zeros(1, 1)) == 0
    torch.testing.assert_close(emd(a.transpose(0, 1), b.transpose(0, 1), WAFER), exact.T)


def test_input_is_not_changed() -> None:
    a, b, warm = wafers(3)[0], wafers(3)[1], torch.zeros(48, dtype=torch.float64)
    copies = [x.clone() for x in (a, b, warm)]
    emd(a, b, WAFER, warm=warm).sum()
    assert all(torch.equal(x, y) for x, y in zip((a, b, warm), copies, strict=True))


def test_cost_is_looked_at_again_when_it_changes() -> None:
    a, b, cost = torch.eye(2)[:1], torch.eye(2)[1:], torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert emd(a, b, cost).item() == 1
    cost *= 3
    assert emd(a, b, cost).item() == 3


GOOD = {"a": torch.ones(2, 3), "b": torch.ones(2, 3), "cost": 1 - torch.eye(3)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": torch.tensor([[1.0, 2, 3], [4, -5, 6]])}, r"got a\[1, 1\] = -5"),
        ({"b": torch.tensor([[1.0, 2, torch.nan], [4, 5, 6]])}, r"got b\[0, 2\] = nan"),
        ({"b": torch.tensor([[1.0, 2, 3], [torch.inf, 5, 6]])}, r"got b\[1, 0\] = inf"),
        ({"cost": torch.ones(3, 3)}, "diagonal"),
        ({"cost": torch.tensor([[0.0, 1, 1], [2, 0, 1], [1, 1, 0]])}, "symmetric"),
        (
            {"cost": torch.tensor([[0.0, 1, 9], [1, 0, 1], [9, 1, 0]])},
            r"0-2 \(9\) is longer than over 1 \(1 \+ 1\)",
        ),
        ({"cost": -GOOD["cost"]}, "from -1.0 to"),
        ({"cost": torch.full((3, 3), torch.nan)}, "finite"),
        ({"penalty": 0.4}, "at least half the largest cost, 1.0, got 0.4"),
        ({"penalty": float("nan")}, "half the largest"),
        ({"warm": torch.full((2, 3), torch.nan)}, "warm"),
        ({"threads": 0}, "thread"),
    ],
)
def test_refuses_with_one_line(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        emd(**(GOOD | change))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [{"b": torch.ones(2, 4)}, {"b": torch.ones(3)}, {"cost": torch.ones(2, 3)}, {"warm": torch.ones(3, 3)}],
)
def test_refuses_shapes_that_do_not_match(change: dict[str, Tensor]) -> None:
    unchecked = inspect.unwrap(emd_potentials)  # without the shape checks of the test run
    with pytest.raises(InputError, match="shape") as error:
        unchecked(**(GOOD | change))
    assert "\n" not in str(error.value)


def test_one_compiled_form_serves_all_calls() -> None:
    a, b = wafers(10)[:8].float().chunk(2)
    for options in (
        {},
        {"penalty": 9.0},
        {"warm": b},
        {"threads": 2},
        {"penalty": 9.0, "warm": b, "threads": 2},
    ):
        for cost in (WAFER, WAFER.float(), WAFER.T):
            emd(a, b, cost, **options)
    emd(a.double().T[:4].T, b[:, :4], WAFER[:4, :4])
    assert len(_transport.move_histograms.signatures) == 1


def test_importing_compiles_nothing() -> None:
    script = (
        "import femtobarn.losses, femtobarn.losses._transport as t;"
        "assert not any(f.signatures for f in vars(t).values() if hasattr(f, 'signatures'))"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
