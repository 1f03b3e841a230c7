"""Analytic stand-in for the trigger-cell charges of HGCAL silicon wafers."""

import numpy as np
from jaxtyping import Float, Int8

from femtobarn.errors import InputError
from femtobarn.physics import wafer

ELECTRON, HADRON, PILEUP = 0, 1, 2

_SHARE = (0.5, 0.3, 0.2)  # of the kinds above
_PILEUP_HITS = 6.0  # mean number per wafer
_PILEUP_CHARGE = 40.0  # mean counts per hit
_NOISE = 2.0  # counts


def toy_wafers(n: int, *, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw `n` wafers: showers of a Gaussian core and an exponential tail, pile-up hits and noise.

    Half of the wafers hold an electron-like shower (core radius 0.4 to 1.2 sensor-cell pitches), 30 % a
    hadron-like one (1 to 3), 20 % pile-up only. The formulas are ours, made to exercise code that compresses
    or compares wafers: a number obtained on them must not be set beside one obtained on CMS samples.

    Args:
        n: Number of wafers.
        generator: The only source of randomness.

    Returns:
        `charge`, float32 (n, 48), whole counts of which 35 are one transverse minimum-ionising particle;
        `kind`, int8 (n,), one of `ELECTRON`, `HADRON`, `PILEUP`;
        `energy`, float32 (n,), scale E of the shower in counts, log-uniform from 10^1.5 to 10^4, and 0 where
        there is none. An endless wafer would collect 1.8 E on average (2 pi over the area of a cell).

    Raises:
        InputError: `n` is negative.
    """
    if n < 0:
        raise InputError(f"expected a number of wafers of 0 or more, got {n}")
    kind = generator.choice(3, size=n, p=_SHARE).astype(np.int8)
    energy = np.where(kind == PILEUP, 0.0, 10 ** generator.uniform(1.5, 4.0, n))
    shower = energy[:, None] * _shower_shape(kind, generator) * generator.gamma(6.0, 1 / 6, (n, wafer.CELLS))
    # Hits thrown at random cells are independent Poisson counts; a sum of k exponentials is a Gamma(k).
    hits = generator.poisson(_PILEUP_HITS / wafer.CELLS, (n, wafer.CELLS))
    pileup = _PILEUP_CHARGE * generator.standard_gamma(hits)
    noise = np.maximum(generator.normal(0.0, _NOISE, (n, wafer.CELLS)), 0.0)
    charge = np.floor(shower + pileup + noise)
    return {"charge": charge.astype(np.float32), "kind": kind, "energy": energy.astype(np.float32)}


def _shower_shape(kind: Int8[np.ndarray, "n"], generator: np.random.Generator) -> Float[np.ndarray, "n 48"]:
    """Mean charge per cell for E = 1: 80 % in the core, 20 % in the tail."""
    n = len(kind)
    cells = wafer.positions()
    centre = cells.mean(axis=0) + generator.uniform(-7.0, 7.0, (n, 2))
    low, high = np.where(kind == HADRON, 1.0, 0.4), np.where(kind == HADRON, 3.0, 1.2)
    radius = generator.uniform(low, high)[:, None]
    distance = np.linalg.norm(cells - centre[:, None], axis=-1)
    core = np.exp(-0.5 * (distance / radius) ** 2)
    tail = np.exp(-distance / (3 * radius)) / 9
    shape: np.ndarray = (0.8 * core + 0.2 * tail) / radius**2
    return shape
