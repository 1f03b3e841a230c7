"""Seven ways to distort a sample of jets by a known amount (arXiv:2211.10295, section IV B).

Three reweight whole jets in their relative mass, as a generator with a wrong mass spectrum but right jets
would; four smear or scale the particles one by one, as one with right yields but wrong particles would.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from femtobarn.errors import InputError, check_known
from femtobarn.physics.jets import relative_mass

MASS_BINS = 25  #: of the histograms whose ratio weights the jets
TAIL = 0.17  #: relative mass from which on "mass without tail" has no jets, as published

Numbers = Float[np.ndarray, "jet"]


class Jets(NamedTuple):
    """Jets as padded arrays."""

    particles: Float[np.ndarray, "jet particle 3"]  # eta_rel, phi_rel, pt_rel
    mask: Bool[np.ndarray, "jet particle"]

    def take(self, rows: np.ndarray) -> "Jets":
        """The jets of these rows."""
        return Jets(self.particles[rows], self.mask[rows])


def distort(jets: Jets, distortion: str, *, generator: np.random.Generator, tail: float = TAIL) -> Jets:
    """As many jets as there are, distorted in one of the ways named in `DISTORTIONS`.

    The distortions of the mass draw jets with replacement, so some jets occur twice.

    Args:
        jets: The jets.
        distortion: Name of the distortion.
        generator: Of all draws.
        tail: Relative mass from which on "mass without tail" has no jets.

    Raises:
        InputError: There is no distortion of this name, or no jet is below the tail.
    """
    check_known("distortion", [distortion], DISTORTIONS)
    if distortion == _TAIL_CUT:
        return _mass_without_tail(jets, generator, tail)
    return DISTORTIONS[distortion](jets, generator)


def _mass_smeared(jets: Jets, generator: np.random.Generator) -> Jets:
    mass = relative_mass(*jets)
    return _reweighted(jets, mass, mass * generator.normal(1.0, 0.25, len(mass)), generator)


def _mass_shifted(jets: Jets, generator: np.random.Generator) -> Jets:
    mass = relative_mass(*jets)
    return _reweighted(jets, mass, mass * generator.normal(1.1, 0.05, len(mass)), generator)


def _mass_without_tail(jets: Jets, generator: np.random.Generator, tail: float = TAIL) -> Jets:
    kept = np.flatnonzero(relative_mass(*jets) < tail)
    if not len(kept):
        raise InputError(f"no jet has a relative mass below {tail:g}: nothing would be left")
    return jets.take(generator.choice(kept, len(jets.mask)))


def _reweighted(jets: Jets, mass: Numbers, wanted: Numbers, generator: np.random.Generator) -> Jets:
    """Jets drawn with replacement so that their masses follow the histogram of those wanted."""
    edges = np.linspace(0, mass.max(), MASS_BINS + 1)
    have, want = np.histogram(mass, edges)[0], np.histogram(wanted, edges)[0]
    ratio = np.divide(want, have, out=np.zeros(MASS_BINS), where=have > 0)
    weight = ratio[np.clip(np.digitize(mass, edges) - 1, 0, MASS_BINS - 1)]
    return jets.take(generator.choice(len(mass), len(mass), p=weight / weight.sum()))


def _particles_scaled(
    *features: int, mean: float, width: float
) -> Callable[[Jets, np.random.Generator], Jets]:
    """Each particle's features times a Gaussian factor of its own."""

    def scaled(jets: Jets, generator: np.random.Generator) -> Jets:
        factor = np.ones(jets.particles.shape)
        # One in 30,000 draws is below 0; there is no particle of negative pT.
        factor[..., features] = generator.normal(mean, width, (*jets.mask.shape, len(features))).clip(min=0)
        return Jets((jets.particles * factor).astype(jets.particles.dtype), jets.mask)

    return scaled


_TAIL_CUT = "mass without tail"
#: Name in the report, and what it does. The paper says that "pT scale" shifts pT up; its code, which made its
#: numbers, scales by 0.9, and so do we.
DISTORTIONS: dict[str, Callable[[Jets, np.random.Generator], Jets]] = {
    "mass smeared": _mass_smeared,
    "mass shifted": _mass_shifted,
    _TAIL_CUT: _mass_without_tail,
    "all features smeared": _particles_scaled(0, 1, 2, mean=1.0, width=0.25),
    "eta smeared": _particles_scaled(0, mean=1.0, width=0.25),
    "pT smeared": _particles_scaled(2, mean=1.0, width=0.25),
    "pT scaled": _particles_scaled(2, mean=0.9, width=0.1),
}
