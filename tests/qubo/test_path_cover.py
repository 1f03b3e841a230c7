"""Chains of segments: proven against enumeration and the QUBO with forks."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.qubo import Chains, path_cover, solve, solve_parts

pytest.importorskip("dwave.samplers")


def random_chains(
    seed: int, *, layers: int = 4, nodes: int = 3, kept: float = 0.6, groups: int = 1
) -> Chains:
    """Segments between neighbouring layers of nodes, some of them; all links that meet, of random weight."""
    draw = np.random.default_rng(seed)
    start, end = [], []
    for group in range(groups):
        for layer in range(layers - 1):
            pairs = [(a, b) for a in range(nodes) for b in range(nodes) if draw.random() < kept]
            first = (group * layers + layer) * nodes
            start += [first + a for a, _ in pairs]
            end += [first + nodes + b for _, b in pairs]
    start_, end_ = np.array(start), np.array(end)
    first_, second = np.nonzero(end_[:, None] == start_)
    weight = -draw.uniform(0.2, 2.0, len(first_))
    return Chains(start_, end_, draw.uniform(0.1, 0.9, len(start_)), first_, second, weight)


@pytest.mark.parametrize("seed", range(8))
def test_the_optimum_is_that_of_the_qubo_with_hard_forks(seed: int) -> None:
    """Acceptance 4 of qa-tracking: enumeration = exact = annealing."""
    chains = random_chains(seed)
    answer = path_cover(chains)
    hard = chains.quadratic(2 * np.abs(chains.weight).max() * len(chains.weight) + 1)
    exhaustive = solve(hard, "enumerate") if len(hard) <= 20 else solve(hard, "anneal", reads=100)
    assert answer.energy == pytest.approx(exhaustive.energy, abs=1e-6)
    assert answer.gap == 0
    assert chains.forks(answer.state) == 0
    assert solve_parts(hard, "anneal", reads=50).energy == pytest.approx(answer.energy, abs=1e-6)


def test_a_soft_fork_that_pays_is_taken_by_the_qubo_and_not_by_chains() -> None:
    # Two segments leave the same node, each with a link worth more than half the fork.
    chains = Chains(
        np.array([0, 1, 1]), np.array([1, 2, 3]), np.zeros(3),
        np.array([0, 0]), np.array([1, 2]), np.array([-3.0, -3.0]),
    )  # fmt: skip
    soft = solve(chains.quadratic(2.0), "enumerate")
    assert soft.state.tolist() == [True, True, True]
    assert soft.energy == pytest.approx(-4)
    hard = path_cover(chains)
    assert hard.energy == pytest.approx(-3)
    assert chains.forks(soft.state) == 1
    assert chains.forks(hard.state) == 0
    assert chains.without_forks(soft.state).sum() == 2


@pytest.mark.parametrize("seed", range(4))
def test_components_are_proven_alone_and_the_relaxation_is_below(seed: int) -> None:
    chains = random_chains(seed, groups=5, nodes=4)
    answer, relaxed = path_cover(chains), path_cover(chains, relaxed=True)
    assert relaxed.bound <= answer.energy + 1e-6
    assert relaxed.energy >= answer.energy - 1e-6
    assert chains.forks(relaxed.state) == 0
    parts = [random_chains(seed, nodes=4)]
    assert path_cover(parts[0]).energy >= answer.energy - 1e-9, "the first group is one of five"
    scattered = np.random.default_rng(seed).permutation(len(chains.cost))
    place = np.argsort(scattered)
    shuffled = Chains(
        chains.start[scattered], chains.end[scattered], chains.cost[scattered],
        place[chains.first], place[chains.second], chains.weight,
    )  # fmt: skip
    assert path_cover(shuffled).energy == pytest.approx(answer.energy, abs=1e-6)


def test_energy_and_forks_are_those_of_the_quadratic_form() -> None:
    chains = random_chains(3, nodes=4)
    form = chains.quadratic(8.0)
    for seed in range(10):
        chosen = np.random.default_rng(seed).random(len(form)) < 0.5
        assert form.energy(chosen) == pytest.approx(chains.energy(chosen) + 8 * chains.forks(chosen))
        kept = chains.without_forks(chosen)
        assert chains.forks(kept) == 0
        assert not chains.without_forks(np.zeros_like(chosen)).any()
        assert not (kept & ~chosen).any()


def test_out_of_time_there_is_an_answer_and_a_bound() -> None:
    chains = random_chains(1, groups=8, nodes=12, layers=8, kept=0.9)
    answer = path_cover(chains, time_limit=1e-3)
    assert answer.bound <= answer.energy <= 0
    assert chains.forks(answer.state) == 0


def test_nothing_and_unfit_input() -> None:
    whole, real = np.zeros(0, int), np.zeros(0)
    assert path_cover(Chains(whole, whole, real, whole, whole, real)).energy == 0
    chains = random_chains(1)
    for change, words in (
        ({"weight": -chains.weight}, "negative weight"),
        ({"cost": chains.cost * np.nan}, "finite"),
        ({"second": chains.first}, "begins where it ends"),
    ):
        with pytest.raises(InputError, match=words):
            path_cover(chains._replace(**change))
    with pytest.raises(InputError, match="time limit"):
        path_cover(chains, time_limit=0)
