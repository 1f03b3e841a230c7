"""How representations of the Lorentz group combine: Clebsch-Gordan coefficients, solved for and not looked up.

A representation is given by its six generators: group elements are exp(angle . J + rapidity . K).
"""

import numpy as np
from jaxtyping import Complex128

from femtobarn.errors import InputError

Generators = Complex128[np.ndarray, "6 n n"]  #: J_x, J_y, J_z, K_x, K_y, K_z
_NOTHING = 1e-9  # of squared singular values; the least that is not 0 is of order 1


def irreducible(left: float, right: float) -> Generators:
    """Generators of the irreducible representation (left, right), labelled by two spins.

    (0, 0) is the scalar, (1/2, 1/2) the four-vector, (1/2, 0) a Weyl spinor, (1, 0) and (0, 1) are the halves of
    the field-strength tensor. In terms of the two commuting angular momenta, J = A + B and K = i (B - A)
    (Weinberg, The Quantum Theory of Fields 1, section 5.6), each times -i here.

    Raises:
        InputError: A spin that is not 0, 1/2, 1, ...
    """
    a, b = _spin(left), _spin(right)
    a, b = (
        np.stack([np.kron(x, np.eye(b.shape[-1])) for x in a]),
        np.stack([np.kron(np.eye(a.shape[-1]), x) for x in b]),
    )
    return np.concatenate((-1j * (a + b), b - a))


def four_vector() -> Generators:
    """Generators of (E, px, py, pz): the four-vector in the components that physicists write."""
    generators = np.zeros((6, 4, 4), np.complex128)
    for axis in range(3):
        one, two = 1 + (axis + 1) % 3, 1 + (axis + 2) % 3
        generators[axis, two, one], generators[axis, one, two] = 1, -1
        generators[3 + axis, 0, 1 + axis] = generators[3 + axis, 1 + axis, 0] = 1
    return generators


def couplings(
    one: Complex128[np.ndarray, "6 a a"],
    other: Complex128[np.ndarray, "6 b b"],
    result: Complex128[np.ndarray, "6 c c"],
) -> Complex128[np.ndarray, "coupling c a b"]:
    """All bilinear maps of two representations to a third that commute with boosts and rotations, a basis of them.

    For irreducible representations there is one map or none; they are its Clebsch-Gordan coefficients, of unit
    norm and free phase. Found as the null space of the equations that every generator gives,
    G_result C = C (G_one x 1 + 1 x G_other).
    """
    a, b, c = (each.shape[-1] for each in (one, other, result))
    both = [np.kron(x, np.eye(b)) + np.kron(np.eye(a), y) for x, y in zip(one, other, strict=True)]
    rows = [
        np.kron(g, np.eye(a * b)) - np.kron(np.eye(c), both_g.T)
        for g, both_g in zip(result, both, strict=True)
    ]
    equations = np.concatenate(rows)
    squares, directions = np.linalg.eigh(equations.conj().T @ equations)
    null = directions[:, squares < _NOTHING].T
    return null.reshape(-1, c, a, b)


def _spin(spin: float) -> Complex128[np.ndarray, "3 n n"]:
    """J_x, J_y, J_z of a spin, hermitian."""
    if spin < 0 or 2 * spin != int(2 * spin):
        raise InputError(f"expected a spin of 0, 1/2, 1, ...: got {spin}")
    m = np.arange(spin, -spin - 1, -1)
    raising = np.diag(np.sqrt(spin * (spin + 1) - m[1:] * (m[1:] + 1)), 1).astype(np.complex128)
    lowering = raising.T
    return np.stack(((raising + lowering) / 2, (raising - lowering) / 2j, np.diag(m).astype(np.complex128)))
