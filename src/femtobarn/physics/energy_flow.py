"""The 36 energy flow polynomials with up to four edges (Komiske, Metodiev, Thaler, arXiv:1712.07124).

A polynomial belongs to a graph G with n vertices:

    EFP_G = sum over i_1 ... i_n of z_i1 ... z_in prod over edges (k, l) of theta(i_k, i_l)

with z = pt, not normalised, and theta = sqrt(deta^2 + dphi^2): the measure "hadr" with beta = 1 of the
package EnergyFlow, for massless particles, whose rapidity is eta. Under pt -> c pt a polynomial grows as
c^n, under theta -> s theta as s^d with d edges.

The n-fold sums are contracted by hand. With a_k = theta^k z, b = theta (z a_1), M = theta diag(z) theta and
t_i = sum_j theta_ij z_j M_ij each of the 21 connected graphs is a sum over one particle or a pair; only M
costs particles^3. The 15 others are products of these.
"""

from math import tau
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from femtobarn.compiled import njit
from femtobarn.physics._padded import zero_padded
from femtobarn.physics.differentiable import safe_sqrt
from femtobarn.physics.vectors import delta_phi

Edges = tuple[tuple[int, int], ...]

_CONNECTED: dict[str, Edges] = {
    "dot": (),
    "edge": ((0, 1),),
    "edge^2": ((0, 1),) * 2,
    "edge^3": ((0, 1),) * 3,
    "edge^4": ((0, 1),) * 4,
    "wedge": ((0, 1), (0, 2)),
    "wedge 2+1": ((0, 1), (0, 1), (0, 2)),
    "wedge 3+1": ((0, 1), (0, 1), (0, 1), (0, 2)),
    "wedge 2+2": ((0, 1), (0, 1), (0, 2), (0, 2)),
    "triangle": ((0, 1), (0, 2), (1, 2)),
    "triangle 2+1+1": ((0, 1), (0, 1), (0, 2), (1, 2)),
    "star": ((0, 1), (0, 2), (0, 3)),
    "star 2+1+1": ((0, 1), (0, 1), (0, 2), (0, 3)),
    "path": ((0, 1), (1, 2), (2, 3)),
    "path 2+1+1": ((0, 1), (0, 1), (1, 2), (2, 3)),
    "path 1+2+1": ((0, 1), (1, 2), (1, 2), (2, 3)),
    "triangle and tail": ((0, 1), (0, 2), (1, 2), (0, 3)),
    "square": ((0, 1), (1, 2), (2, 3), (0, 3)),
    "star of 4": ((0, 1), (0, 2), (0, 3), (0, 4)),
    "fork": ((0, 1), (0, 2), (0, 3), (3, 4)),
    "path of 4": ((0, 1), (1, 2), (2, 3), (3, 4)),
}
_PRODUCTS = (
    ("edge", "edge"),
    ("edge", "edge^2"),
    ("edge", "edge^3"),
    ("edge^2", "edge^2"),
    ("edge", "wedge"),
    ("edge^2", "wedge"),
    ("edge", "wedge 2+1"),
    ("edge", "triangle"),
    ("edge", "edge", "edge"),
    ("edge", "star"),
    ("edge", "path"),
    ("wedge", "wedge"),
    ("edge", "edge", "edge^2"),
    ("edge", "edge", "wedge"),
    ("edge", "edge", "edge", "edge"),
)


def _joined(parts: tuple[str, ...]) -> Edges:
    edges: Edges = ()
    for part in parts:
        first = 1 + max((max(edge) for edge in edges), default=-1)
        edges += tuple((first + a, first + b) for a, b in _CONNECTED[part])
    return edges


#: Edges of each graph, pairs of vertices counted from 0, by its name, in the order of EnergyFlow's list for at
#: most four edges. The graph "dot" has one vertex and no edge.
EFP_GRAPHS: dict[str, Edges] = _CONNECTED | {" x ".join(parts): _joined(parts) for parts in _PRODUCTS}
EFP_NAMES: tuple[str, ...] = tuple(EFP_GRAPHS)  #: names of the 36 columns

_FACTORS = tuple(tuple(list(_CONNECTED).index(part) for part in parts) for parts in _PRODUCTS)
# Sums may be reordered, which lets them run in vector registers; nothing is assumed about NaN or infinity.
_kernel = njit(fastmath={"reassoc", "contract"}, nogil=True, cache=True)


def energy_flow_polynomials(
    particles: Float[np.ndarray, "jet particle 3"], mask: Bool[np.ndarray, "jet particle"]
) -> Float64[np.ndarray, "jet 36"]:
    """The 36 polynomials of each jet, in the order of `EFP_NAMES`, computed in float64.

    A jet without particles has zeros; with one particle only the first, its pt, is not zero. Any number of
    particles will do; time grows as the cube of a jet's real particles.

    Args:
        particles: (eta, phi, pt) in radians and any unit of pt; relative to the jet or not.
        mask: True for real particles.

    Raises:
        InputError: A real particle is not finite.
    """
    connected = np.empty((len(particles), len(_CONNECTED)))
    _connected(zero_padded(particles, mask), np.ascontiguousarray(mask), connected)
    products = [connected[:, list(factors)].prod(axis=1) for factors in _FACTORS]
    return np.column_stack((connected, *products))


def energy_flow_polynomials_torch(
    particles: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"]
) -> Float[Tensor, "jet 36"]:
    """The same with gradients, in the precision and on the device of the particles.

    The distance of two particles at one point has no gradient; it is taken as zero. Memory grows as jets
    times the square of the particles.
    """
    eta, phi, z = torch.where(mask.unsqueeze(-1), particles, 0.0).unbind(-1)
    square = (eta[:, :, None] - eta[:, None, :]) ** 2 + delta_phi(phi[:, :, None], phi[:, None, :]) ** 2
    theta = safe_sqrt(square)

    def weigh(matrix: Tensor, vector: Tensor) -> Tensor:
        return (matrix @ vector.unsqueeze(-1)).squeeze(-1)

    a1, a2, a3, a4 = (weigh(power, z) for power in (theta, square, theta * square, square * square))
    b = weigh(theta, z * a1)
    M = theta @ (z.unsqueeze(-1) * theta)
    t = weigh(theta * M, z)
    vertex = (
        torch.ones_like(z),
        a1,
        a2,
        a3,
        a4,
        a1**2,
        a1 * a2,
        a1 * a3,
        a2**2,
        t,
        weigh(square * M, z),
        a1**3,
        a1**2 * a2,
        a1 * b,
        a2 * b,
        a1 * weigh(square, z * a1),
        a1 * t,
        weigh(M**2, z),
        a1**4,
        a1**2 * b,
        b**2,
    )
    connected = (z.unsqueeze(-1) * torch.stack(vertex, dim=-1)).sum(dim=1)
    products = [connected[:, list(factors)].prod(dim=1) for factors in _FACTORS]
    return torch.cat((connected, torch.stack(products, dim=1)), dim=1)


@no_type_check
@_kernel
def _connected(particles, mask, result):
    """The connected graphs' polynomials of all jets; the working space serves one jet after the other."""
    most = particles.shape[1]
    eta, phi, z = np.empty(most), np.empty(most), np.empty(most)
    theta, square, weighed = np.empty((most, most)), np.empty((most, most)), np.empty((most, most))
    a, row = np.empty((4, most)), np.empty(most)
    for jet in range(len(particles)):
        n = np.int64(0)
        for i in range(most):
            if mask[jet, i]:
                eta[n], phi[n], z[n] = particles[jet, i]
                n += 1
        result[jet] = 0.0
        _angles(n, eta, phi, theta, square)
        _moments(n, z, theta, square, weighed, a)
        _sums_of_one(n, z, square, weighed, a, result[jet])
        _sums_of_pairs(n, z, theta, weighed, a, row, result[jet])


@no_type_check
@_kernel
def _angles(n, eta, phi, theta, square):
    for i in range(n):
        for j in range(n):
            across = phi[i] - phi[j]
            across -= tau * np.rint(across * (1 / tau))
            square[i, j] = (eta[i] - eta[j]) ** 2 + across**2
        for j in range(n):
            theta[i, j] = np.sqrt(square[i, j])


@no_type_check
@_kernel
def _moments(n, z, theta, square, weighed, a):
    """theta diag(z) and a_1 to a_4."""
    for i in range(n):
        a1, a2, a3, a4 = 0.0, 0.0, 0.0, 0.0
        for j in range(n):
            w = theta[i, j] * z[j]
            weighed[i, j] = w
            a1 += w
            a2 += w * theta[i, j]
            a3 += w * square[i, j]
            a4 += w * theta[i, j] * square[i, j]
        a[0, i], a[1, i], a[2, i], a[3, i] = a1, a2, a3, a4


@no_type_check
@_kernel
def _sums_of_one(n, z, square, weighed, a, result):
    """The graphs without a cycle."""
    for i in range(n):
        b, bridge = 0.0, 0.0
        for j in range(n):
            b += weighed[i, j] * a[0, j]
            bridge += square[i, j] * z[j] * a[0, j]
        a1, a2, a3, a4 = a[0, i], a[1, i], a[2, i], a[3, i]
        result[0] += z[i]
        result[1] += z[i] * a1
        result[2] += z[i] * a2
        result[3] += z[i] * a3
        result[4] += z[i] * a4
        result[5] += z[i] * a1**2
        result[6] += z[i] * a1 * a2
        result[7] += z[i] * a1 * a3
        result[8] += z[i] * a2**2
        result[11] += z[i] * a1**3
        result[12] += z[i] * a1**2 * a2
        result[13] += z[i] * a1 * b
        result[14] += z[i] * a2 * b
        result[15] += z[i] * a1 * bridge
        result[18] += z[i] * a1**4
        result[19] += z[i] * a1**2 * b
        result[20] += z[i] * b**2


@no_type_check
@_kernel
def _sums_of_pairs(n, z, theta, weighed, a, row, result):
    """The graphs with a cycle; all are symmetric in i and j, and M_ii is a_2."""
    for i in range(n):
        _row(i, n, theta, weighed, row)
        triangle, double, tail, square = 0.0, 0.0, 0.0, 0.0
        for j in range(i):
            M = row[j]
            closed = weighed[i, j] * M
            triangle += closed
            double += closed * theta[i, j]
            tail += closed * (a[0, i] + a[0, j])
            square += z[j] * M * M
        result[9] += 2 * z[i] * triangle
        result[10] += 2 * z[i] * double
        result[16] += z[i] * tail
        result[17] += z[i] * (2 * square + z[i] * a[1, i] ** 2)


@no_type_check
@_kernel
def _row(i, n, theta, weighed, row):
    """M_ij for j < i, four at a time: twice as fast, since each weight is loaded once for four sums."""
    for j in range(0, i - i % 4, 4):
        m0, m1, m2, m3 = 0.0, 0.0, 0.0, 0.0
        for k in range(n):
            w = weighed[i, k]
            m0 += w * theta[j, k]
            m1 += w * theta[j + 1, k]
            m2 += w * theta[j + 2, k]
            m3 += w * theta[j + 3, k]
        row[j], row[j + 1], row[j + 2], row[j + 3] = m0, m1, m2, m3
    for j in range(i - i % 4, i):
        row[j] = 0.0
        for k in range(n):
            row[j] += weighed[i, k] * theta[j, k]
