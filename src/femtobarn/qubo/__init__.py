"""Quadratic forms of binary variables: samplers, exact chains with a bound, annealer graphs, the zoomed classifier."""

from femtobarn.qubo.embedding import Embedded, Embedding, embed, largest_embedded, solve_embedded
from femtobarn.qubo.path_cover import Chains, path_cover
from femtobarn.qubo.quadratic import Fixed, Ising, Quadratic
from femtobarn.qubo.solvers import Answer, Method, bifurcate, enumerate_states, solve, solve_parts

__all__ = [
    "Answer",
    "Chains",
    "Embedded",
    "Embedding",
    "Fixed",
    "Ising",
    "Method",
    "Quadratic",
    "bifurcate",
    "embed",
    "enumerate_states",
    "largest_embedded",
    "path_cover",
    "solve",
    "solve_embedded",
    "solve_parts",
]
