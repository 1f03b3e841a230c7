"""Continuous weights of a linear classifier from a series of Ising problems: zooming (QAML-Z, arXiv:1908.04480).

The error sum_t (y_t - sum_i w_i c_i(t))^2 is a convex function of the weights in [-1, 1]; `box_weights` finds its
minimum exactly in milliseconds. Annealing is here an object of study, and the exact minimum its certificate.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import lsq_linear

from femtobarn.errors import InputError
from femtobarn.qubo.embedding import embed, solve_embedded
from femtobarn.qubo.quadratic import Ising, Quadratic
from femtobarn.qubo.solvers import Answer, solve

Columns = Float[np.ndarray, "event column"]
Target = Float[np.ndarray, "event"]
#: Probability, step by step, that a spin is turned although it was right; as published.
FLIPS = (0.16, 0.08, 0.04, 0.02, 0.01)


@dataclass(frozen=True)
class Annealer:
    """How the Ising problem of each step is solved."""

    method: str = "anneal"
    """Of `solve`, or "embedded": simulated annealing of the qubits of a machine's graph, of the spins themselves where
    they do not fit on it."""
    reads: int = 20
    """Independent starts."""
    sweeps: int = 200
    """Updates of each spin in a start."""
    prune: float = 0.0
    """Share of the couplers that is left out, those with the smallest signed value as published; 0.95 there."""
    fix: bool = False
    """Fix spins by roof duality first."""
    graph: str = "pegasus"
    """Graph of the machine, for "embedded"."""
    time_limit: float = 5.0
    """Seconds to look for an embedding."""


class Step(NamedTuple):
    """One step of a zoom."""

    error: float
    """Mean squared error after it."""
    spins: int
    """Left to the annealer after pruning and fixing."""
    couplers: int
    """Among them."""
    qubits: int
    """In use; 0 where nothing is embedded, or fits."""
    broken: float
    """Share of chains that broke, embedded."""


class Zoomed(NamedTuple):
    """Weights and the way to them."""

    weights: Float[np.ndarray, "column"]
    steps: list[Step]


def zoom(
    c: Columns,
    y: Target,
    *,
    steps: int = 8,
    shrink: float = 0.5,
    annealer: Annealer | None = None,
    flips: tuple[float, ...] = (),
    seed: int = 1,
) -> Zoomed:
    """Weights in [-1, 1]: each step moves every weight by half the width of the step before, up or down.

    Args:
        c: Outputs of the weak classifiers, a column each.
        y: -1 for background, +1 for signal.
        steps: The weights become multiples of shrink^steps.
        shrink: Width of a step relative to the one before.
        annealer: Decides the directions; simulated annealing unless given.
        flips: Chance at each step to turn a spin whose turning raises the energy; the last one goes on.
        seed: Of the annealer and the flips.

    Raises:
        InputError: No event or column, NaN.
    """
    _check(c, y)
    how = annealer or Annealer()
    C, J = c.T @ y, c.T @ c
    row, column = np.triu_indices(len(C), 1)
    weights, width = np.zeros(len(C)), 1.0
    draw = np.random.default_rng(seed)
    done = []
    for index in range(steps):
        field = 2 * width * (J @ weights - C)
        problem = Ising(field, row, column, 2 * width**2 * J[row, column])
        spins, step = _directions(problem, how, seed=seed + index)
        if flips:
            spins = _turned(spins, problem, J, width, flips[min(index, len(flips) - 1)], draw)
        weights = weights + shrink * width * spins
        width *= shrink
        done.append(step._replace(error=mean_error(c, y, weights)))
    return Zoomed(weights, done)


def box_weights(c: Columns, y: Target) -> Float[np.ndarray, "column"]:
    """The exact minimum of the squared error with weights in [-1, 1]."""
    _check(c, y)
    # With more events than columns the normal equations have the same minimum and are smaller.
    if len(c) > c.shape[1]:
        values, vectors = np.linalg.eigh(c.T @ c)
        kept = values > 1e-12 * values[-1]
        root = np.sqrt(values[kept])[:, None] * vectors[:, kept].T
        target = (vectors[:, kept].T @ (c.T @ y)) / np.sqrt(values[kept])
        return np.asarray(lsq_linear(root, target, bounds=(-1, 1), tol=1e-12).x)
    return np.asarray(lsq_linear(c, y, bounds=(-1, 1), tol=1e-12).x)


def binary_weights(c: Columns, y: Target, *, penalty: float = 0.0, seed: int = 1) -> Answer:
    """Which columns to add up, each with weight 1 or not at all (QAML, Nature 550 375).

    Args:
        c: Outputs of the weak classifiers, a column each.
        y: -1 for background, +1 for signal.
        penalty: Added to the energy for every column, relative to the largest gain of a single one.
        seed: Of the annealer.
    """
    _check(c, y)
    C, J = c.T @ y, c.T @ c
    row, column = np.triu_indices(len(C), 1)
    linear = np.diag(J) - 2 * C + penalty * np.abs(C).max()
    form = Quadratic(linear, row, column, 2 * J[row, column], offset=float(y @ y))
    return solve(form, "anneal", reads=20, sweeps=200, seed=seed, bound=-np.inf)


def mean_error(c: Columns, y: Target, weights: Float[np.ndarray, "column"]) -> float:
    """Mean squared error of the weighted sum."""
    return float(np.mean((y - c @ weights) ** 2))


def _directions(problem: Ising, how: Annealer, *, seed: int) -> tuple[np.ndarray, Step]:
    """Spins of low energy, and what was left to the annealer."""
    pruned = problem
    if how.prune:
        kept = problem.coupling >= np.quantile(problem.coupling, how.prune)
        pruned = Ising(problem.field, problem.row[kept], problem.column[kept], problem.coupling[kept])
    form = pruned.binary()
    state = np.zeros(len(form), bool)
    free = np.arange(len(form))
    if how.fix:
        fixed = form.fix()
        state[fixed.variables], free, form = fixed.values, fixed.free, fixed.rest
    qubits, broken = 0, 0.0
    if how.method == "embedded" and len(form):
        embedding = embed(form, how.graph, seed=seed, time_limit=how.time_limit)
        if embedding is not None:
            found = solve_embedded(form, embedding, reads=how.reads, sweeps=how.sweeps, seed=seed)
            state[free], qubits, broken = found.answer.state, len(embedding.chain), found.broken
    if len(form) and not qubits:
        method = "anneal" if how.method == "embedded" else how.method
        answer = solve(form, method, reads=how.reads, sweeps=how.sweeps, seed=seed, bound=-np.inf)
        state[free] = answer.state
    return 2.0 * state - 1, Step(0.0, len(form), len(form.row), qubits, broken)


def _turned(
    spins: np.ndarray, problem: Ising, J: np.ndarray, width: float, chance: float, draw: np.random.Generator
) -> np.ndarray:
    """Spins, some of them turned: with the chance where the spin is worse than a weight that stays, else with half."""
    pull = problem.field + 2 * width**2 * (J @ spins - np.diag(J) * spins)
    raises = spins * pull + width**2 * np.diag(J) > 0
    turned = draw.random(len(spins)) < np.where(raises, chance, chance / 2)
    return np.where(turned, -spins, spins)


def _check(c: Columns, y: Target) -> None:
    if not len(c) or not c.shape[1] or y.shape != c.shape[:1]:
        raise InputError(f"events with columns and one label each expected: got {c.shape} and {y.shape}")
    if not (np.isfinite(c).all() and np.isfinite(y).all()):
        raise InputError("finite columns and labels expected: got NaN or infinity")
