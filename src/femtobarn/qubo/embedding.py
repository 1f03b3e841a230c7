"""Quadratic forms on the graphs of annealers: minor embedding, the form of the qubits, majority vote."""

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Int

from femtobarn.errors import InputError, require
from femtobarn.qubo.quadratic import Ising, Quadratic
from femtobarn.qubo.solvers import Answer, solve

Graph = Literal["chimera", "pegasus", "zephyr"]
#: Sizes of machines that were built: D-Wave 2X, Advantage, Advantage2.
SIZES: dict[str, int] = {"chimera": 12, "pegasus": 16, "zephyr": 12}


class Embedding(NamedTuple):
    """A chain of qubits for each variable, and the couplers among the qubits in use."""

    chain: Int[np.ndarray, "qubit"]
    """Variable that a qubit stands for."""
    coupler: Int[np.ndarray, "coupler 2"]
    """Pairs of qubits, by their place in `chain`."""

    @property
    def longest(self) -> int:
        """Qubits of the longest chain."""
        return int(np.bincount(self.chain).max(initial=0))


def embed(
    form: Quadratic,
    graph: str = "pegasus",
    *,
    size: int | None = None,
    seed: int = 1,
    time_limit: float = 20.0,
) -> Embedding | None:
    """A minor embedding by minorminer, or None where it finds none in time.

    Args:
        form: Its couplers are what is embedded.
        graph: Of the annealer.
        size: Of the graph; 12, 16 and 12 for Chimera, Pegasus and Zephyr unless given.
        seed: Of the heuristic.
        time_limit: Seconds.

    Raises:
        InputError: An unknown graph.
        MissingExtraError: minorminer or dwave-graphs is not installed.
    """
    if graph not in get_args(Graph):
        raise InputError(f"graphs are {', '.join(get_args(Graph))}: got {graph!r}")
    target = getattr(require("dwave.graphs", extra="quantum"), f"{graph}_graph")(size or SIZES[graph])
    pairs = list(zip(form.row.tolist(), form.column.tolist(), strict=True))
    lonely = np.setdiff1d(np.arange(len(form)), np.r_[form.row, form.column])
    miner = require("minorminer", extra="quantum")
    found = (
        miner.find_embedding(pairs, list(target.edges), random_seed=seed, timeout=time_limit) if pairs else {}
    )
    if pairs and not found:
        return None
    unused = sorted(set(target.nodes) - {qubit for chain in found.values() for qubit in chain})
    if len(unused) < len(lonely):
        return None
    found |= {variable: [qubit] for variable, qubit in zip(lonely.tolist(), unused, strict=False)}
    place = {qubit: i for i, qubit in enumerate(q for v in range(len(form)) for q in found[v])}
    chain = np.repeat(np.arange(len(form)), [len(found[v]) for v in range(len(form))])
    inside = [(place[a], place[b]) for a, b in target.subgraph(place).edges]
    return Embedding(chain, np.array(inside, np.int64).reshape(-1, 2))


class Embedded(NamedTuple):
    """What an emulated annealer answers."""

    answer: Answer
    broken: float
    """Share of chains whose qubits disagree in the best state."""


def solve_embedded(
    form: Quadratic,
    embedding: Embedding,
    *,
    strength: float = 2.0,
    reads: int = 50,
    sweeps: int = 1000,
    seed: int = 1,
) -> Embedded:
    """Simulated annealing of the qubits of an embedding; the majority of a chain decides.

    Args:
        form: In variables.
        embedding: From `embed`.
        strength: Coupling within a chain, relative to the largest coefficient of the form in spins.
        reads, sweeps, seed: As of `solve`.
    """
    ising = form.spins()
    size = np.bincount(embedding.chain, minlength=len(form))
    one, two = embedding.coupler.T
    variables = embedding.chain[embedding.coupler]
    within = variables[:, 0] == variables[:, 1]
    key = np.sort(variables, axis=1) @ np.array([len(form), 1])
    wanted = ising.row * len(form) + ising.column
    couplers = dict(zip(wanted.tolist(), ising.coupling.tolist(), strict=True))
    ways = dict(zip(*np.unique(key[~within], return_counts=True), strict=True))
    largest = max(np.abs(ising.field).max(initial=0), np.abs(ising.coupling).max(initial=0))
    coupling = np.where(within, -strength * largest, 0.0)
    coupling[~within] = [couplers.get(k, 0.0) / ways[k] for k in key[~within].tolist()]
    physical = Ising(ising.field[embedding.chain] / size[embedding.chain], one, two, coupling).binary()
    found = solve(physical, "anneal", reads=reads, sweeps=sweeps, seed=seed, bound=-np.inf)
    up = np.bincount(embedding.chain, weights=found.state, minlength=len(form))
    state = 2 * up > size
    energy = float(form.energy(state))
    bound: Any = form.fix().bound
    return Embedded(Answer(state, energy, min(bound, energy)), float(((up > 0) & (up < size)).mean()))


def largest_embedded(form: Quadratic, graph: str, *, count: int, seed: int = 1) -> list[dict[str, float]]:
    """What the largest components of a form need on a graph, after roof duality; "qubits" is NaN where they do not fit.

    Args:
        form: In variables.
        graph: See `embed`.
        count: Components.
        seed: Of embedding and annealing.

    Returns:
        For each its "variables", those "left by roof duality", and of what fits "qubits", "longest chain", "broken
        chains" (a share) and "energy above annealing" of the variables themselves.
    """
    rows = []
    for _, part in form.split()[:count]:
        rest = part.fix().rest
        embedding = embed(rest, graph, seed=seed)
        row = {
            "variables": float(len(part)),
            "left by roof duality": float(len(rest)),
            "qubits": float("nan"),
        }
        if embedding is not None and len(rest):
            found = solve_embedded(rest, embedding, seed=seed)
            best = solve(rest, "anneal", reads=20, seed=seed, bound=-np.inf)
            row |= {
                "qubits": float(len(embedding.chain)),
                "longest chain": float(embedding.longest),
                "broken chains": found.broken,
                "energy above annealing": found.answer.energy - best.energy,
            }
        rows.append(row)
    return rows
