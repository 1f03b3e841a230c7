"""A helix in a field along z: where it goes, and where it meets a cylinder or a plane.

A track is a point (x, y, z), a unit vector (ux, uy) of its transverse direction, the slope dz/ds and the curvature
k: after the way s in the transverse plane the direction has turned by the angle -k s. All forms hold for k = 0 too.
"""

from math import atan, cos, inf, sin, sqrt
from typing import no_type_check

from femtobarn.compiled import njit

_SMALL = 0.05  # radians up to which the series are exact to 1e-15


@njit(inline="always")
@no_type_check
def arc(s, k):
    """Way along the first direction and to the right of it: sin(k s) / k and (1 - cos(k s)) / k."""
    turn = k * s
    t2 = turn * turn
    if t2 < _SMALL * _SMALL:
        along = s * (1.0 - t2 / 6.0 * (1.0 - t2 / 20.0 * (1.0 - t2 / 42.0)))
        return along, s * turn / 2.0 * (1.0 - t2 / 12.0 * (1.0 - t2 / 30.0 * (1.0 - t2 / 56.0)))
    return sin(turn) / k, (1.0 - cos(turn)) / k


@njit(inline="always")
@no_type_check
def moved(x, y, ux, uy, k, s):
    """Transverse point and direction after the way s."""
    along, right = arc(s, k)
    c, n = 1.0 - k * right, k * along  # cosine and sine of the turn
    return x + ux * along + uy * right, y + uy * along - ux * right, ux * c + uy * n, uy * c - ux * n


@njit(inline="always")
@no_type_check
def to_cylinder(x, y, ux, uy, k, radius):
    """Least positive way to the cylinder within half a turn, infinite if there is none.

    With tau = 2 tan(k s / 2) / k the crossing solves a quadratic equation whose coefficients are finite at k = 0.
    """
    a, c = x * ux + y * uy, x * uy - y * ux
    gap = radius * radius - x * x - y * y
    square = 1.0 + c * k - gap * k * k / 4.0
    root = a * a + square * gap
    if root < 0.0:
        return inf
    root = sqrt(root)
    best = inf
    for sign in (1.0, -1.0):
        below = a + sign * root
        if below != 0.0:
            tau = gap / below
            if tau > 1e-9 and tau < best:
                best = tau
    if best == inf or k == 0.0:
        return best
    return 2.0 * atan(k * best / 2.0) / k
