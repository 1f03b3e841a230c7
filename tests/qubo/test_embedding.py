"""Embeddings: chains are connected, every coupler has its place, the majority is right."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.qubo import Quadratic, embed, largest_embedded, solve, solve_embedded

pytest.importorskip("minorminer")


def _ring(count: int) -> Quadratic:
    draw = np.random.default_rng(1)
    place = np.arange(count)
    return Quadratic(draw.normal(size=count), place, (place + 3) % count, draw.normal(size=count))


@pytest.mark.parametrize("graph", ["chimera", "pegasus", "zephyr"])
def test_chains_hang_together_and_hold_every_coupler(graph: str) -> None:
    form = _ring(14)
    embedding = embed(form, graph, size=4)
    assert embedding is not None
    variables = embedding.chain[embedding.coupler]
    joined = {tuple(sorted(pair)) for pair in variables.tolist()}
    assert joined >= {tuple(sorted(pair)) for pair in zip(form.row, form.column, strict=True)}
    for variable in range(len(form)):
        qubits = np.flatnonzero(embedding.chain == variable)
        inside = embedding.coupler[(variables == variable).all(axis=1)]
        seen = {qubits[0]}
        for _ in qubits:
            seen |= {b for pair in inside.tolist() for b in pair if seen & set(pair)}
        assert seen == set(qubits)


def test_the_embedded_answer_is_that_of_the_form() -> None:
    """Acceptance 8 of qa-tracking, on a form whose minimum is known."""
    form = _ring(14)
    embedding = embed(form, "chimera", size=4)
    assert embedding is not None
    found = solve_embedded(form, embedding, reads=20, sweeps=500)
    assert found.answer.energy == pytest.approx(solve(form, "enumerate").energy, abs=1e-9)
    assert found.broken == 0
    weak = solve_embedded(form, embedding, strength=0.01, reads=5, sweeps=200)
    assert weak.answer.energy >= found.answer.energy - 1e-9


def test_what_does_not_fit_is_none_and_unknown_graphs_are_refused() -> None:
    count = 40
    row, column = np.triu_indices(count, 1)
    clique = Quadratic(np.zeros(count), row, column, np.ones(len(row)))
    assert embed(clique, "chimera", size=2, time_limit=2.0) is None
    assert embed(Quadratic(np.ones(5), *np.zeros((2, 0), int), np.zeros(0)), "chimera", size=1) is not None
    with pytest.raises(InputError, match="graphs are"):
        embed(clique, "square")


def test_the_largest_components_come_first_and_what_does_not_fit_is_nan() -> None:
    count = 40
    row, column = np.triu_indices(count, 1)
    draw = np.random.default_rng(1)
    dense = (row, column, draw.normal(size=len(row)))
    small = (np.array([count]), np.array([count + 1]), np.array([1.0]))
    form = Quadratic(
        draw.normal(size=count + 2), *(np.concatenate(both) for both in zip(dense, small, strict=True))
    )
    rows = largest_embedded(form, "chimera", count=2)
    assert [each["variables"] for each in rows] == [count, 2]
    assert rows[0]["qubits"] > count or np.isnan(rows[0]["qubits"])
    assert rows[1]["left by roof duality"] == 0
    assert np.isnan(rows[1]["qubits"])
