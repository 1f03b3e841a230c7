"""Quadratic forms of binary variables (QUBO, Ising) from arrays: energy, components, fixed variables."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from femtobarn.errors import InputError, require

if TYPE_CHECKING:
    import dimod

Vector = Float[np.ndarray, "_"]
Index = Int[np.ndarray, "_"]


@dataclass(frozen=True)
class Quadratic:
    """E(x) = offset + sum_i linear_i x_i + sum_k coupling_k x_row(k) x_column(k), with each x 0 or 1.

    Couplers of the same pair are added up, those of a variable with itself are linear, zeros are left out.

    Raises:
        InputError: Another number of rows, columns and couplings, variables that do not exist, or NaN.
    """

    linear: Vector
    row: Index
    column: Index
    coupling: Vector
    offset: float = 0.0

    def __post_init__(self) -> None:
        count = len(self.linear)
        if not len(self.row) == len(self.column) == len(self.coupling):
            raise InputError(
                "one row, column and coupling for each coupler expected: "
                f"got {len(self.row)}, {len(self.column)}, {len(self.coupling)}"
            )
        pairs = np.concatenate([self.row, self.column]).astype(np.int64)
        if pairs.size and not 0 <= pairs.min() <= pairs.max() < count:
            raise InputError(f"couplers between variables 0 to {count - 1} expected: got {pairs.max()}")
        if not (np.isfinite(self.linear).all() and np.isfinite(self.coupling).all()):
            raise InputError("finite coefficients expected: got NaN or infinity")
        low, high = np.sort(pairs.reshape(2, -1), axis=0)
        full = sparse.coo_array((np.asarray(self.coupling, np.float64), (low, high)), (count, count)).tocsr()
        linear = np.asarray(self.linear, np.float64) + full.diagonal()  # x x = x
        upper = sparse.triu(full, 1).tocoo()
        kept = upper.data != 0
        for name, value in (
            ("linear", linear),
            ("row", upper.row[kept].astype(np.int64)),
            ("column", upper.col[kept].astype(np.int64)),
            ("coupling", upper.data[kept]),
            ("offset", float(self.offset)),
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.linear)

    @property
    def matrix(self) -> sparse.csr_array:
        """The couplings as a symmetric matrix with an empty diagonal."""
        upper = sparse.coo_array((self.coupling, (self.row, self.column)), (len(self), len(self)))
        return (upper + upper.T).tocsr()

    def energy(self, x: Bool[np.ndarray, "*batch variable"]) -> Float[np.ndarray, "*batch"]:
        """E of one state or of many."""
        x = np.asarray(x, np.float64)
        pairs = x[..., self.row] * x[..., self.column]
        return np.asarray(self.offset + x @ self.linear + pairs @ self.coupling)

    def components(self) -> list[Int[np.ndarray, "variable"]]:
        """Variables that hang together through couplers, the largest set first; each can be solved alone."""
        graph = sparse.coo_array((np.ones(len(self.row)), (self.row, self.column)), (len(self), len(self)))
        count, label = connected_components(graph, directed=False)
        sizes = np.bincount(label, minlength=count)
        ordered = np.split(np.argsort(label, kind="stable"), np.cumsum(sizes)[:-1]) if count else []
        return sorted(ordered, key=len, reverse=True)

    def part(self, variables: Int[np.ndarray, "variable"]) -> "Quadratic":
        """The form of some variables, the others at 0; without the offset."""
        place = np.full(len(self), -1)
        place[variables] = np.arange(len(variables))
        kept = (place[self.row] >= 0) & (place[self.column] >= 0)
        return Quadratic(
            self.linear[variables], place[self.row[kept]], place[self.column[kept]], self.coupling[kept]
        )

    def split(self) -> list[tuple[Int[np.ndarray, "variable"], "Quadratic"]]:
        """All components with their variables, in one pass over the couplers."""
        parts = self.components()
        owner, place = np.empty(len(self), np.int64), np.empty(len(self), np.int64)
        for index, variables in enumerate(parts):
            owner[variables], place[variables] = index, np.arange(len(variables))
        order = np.argsort(owner[self.row], kind="stable")
        ends = np.searchsorted(owner[self.row][order], np.arange(1, len(parts)))
        pieces = np.split(order, ends) if parts else []
        return [
            (
                variables,
                Quadratic(
                    self.linear[variables],
                    place[self.row[piece]],
                    place[self.column[piece]],
                    self.coupling[piece],
                ),
            )
            for variables, piece in zip(parts, pieces, strict=True)
        ]

    def fix(self) -> "Fixed":
        """Variables that roof duality fixes in every minimum, the form of the rest, and a lower bound of the energy.

        Raises:
            MissingExtraError: dwave-preprocessing is not installed.
        """
        if not len(self):
            return Fixed(np.empty(0, np.int64), np.empty(0, bool), np.empty(0, np.int64), self, self.offset)
        bound, known = require("dwave.preprocessing", extra="quantum").roof_duality(self.model(), strict=True)
        fixed = np.array(sorted(known), np.int64)
        values = np.array([known[i] for i in fixed.tolist()], bool)
        free = np.setdiff1d(np.arange(len(self)), fixed)
        state = np.zeros(len(self), bool)
        state[fixed] = values
        rest = self.part(free)
        field = (self.matrix @ state.astype(np.float64))[free]
        return Fixed(
            fixed,
            values,
            free,
            Quadratic(
                rest.linear + field, rest.row, rest.column, rest.coupling, offset=float(self.energy(state))
            ),
            float(bound),
        )

    def model(self) -> "dimod.BinaryQuadraticModel":
        """The same as a model of dimod, for samplers of its family.

        Raises:
            MissingExtraError: dimod is not installed.
        """
        kinds: Any = require("dimod", extra="quantum")
        quadratic = (self.row, self.column, self.coupling)
        return kinds.BinaryQuadraticModel.from_numpy_vectors(
            self.linear, quadratic, self.offset, "BINARY", variable_order=range(len(self))
        )

    def spins(self) -> "Ising":
        """The same energy with s = 2 x - 1."""
        field = self.linear / 2 + self.matrix.sum(axis=1) / 4
        offset = self.offset + self.linear.sum() / 2 + self.coupling.sum() / 4
        return Ising(field, self.row, self.column, self.coupling / 4, float(offset))


class Fixed(NamedTuple):
    """Result of `Quadratic.fix`."""

    variables: Int[np.ndarray, "fixed"]
    values: Bool[np.ndarray, "fixed"]
    free: Int[np.ndarray, "free"]
    rest: Quadratic
    """Energy of the free variables, that of the fixed ones included."""
    bound: float
    """No state has a lower energy."""


class Ising(NamedTuple):
    """E(s) = offset + sum_i field_i s_i + sum_k coupling_k s_row(k) s_column(k), with each s -1 or 1."""

    field: Vector
    row: Index
    column: Index
    coupling: Vector
    offset: float = 0.0

    def binary(self) -> Quadratic:
        """The same energy with x = (1 + s) / 2."""
        pulled = np.zeros(len(self.field))
        for end in (self.row, self.column):
            np.add.at(pulled, end, self.coupling)
        offset = self.offset - self.field.sum() + self.coupling.sum()
        return Quadratic(
            2 * self.field - 2 * pulled, self.row, self.column, 4 * self.coupling, offset=float(offset)
        )
