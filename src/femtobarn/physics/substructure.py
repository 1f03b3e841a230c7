"""The 16 observables of a jet in the hls4ml jet data, as its producers computed them.

Definitions from the program whose names the data carry (processing/anaSubstructure.cpp in the repository
nhanvtran/trackObservables): mMDT is soft drop with beta = 0 and z_cut = 0.1, and all but zlogz and the
multiplicity are of the groomed jet. For alpha = beta = 1 the generalised D2 is D2 itself, so two of the 16
are equal. A fork of that program stores M2 under the name n2_b2; which one made the published files we could
not check, here n2_b2 is N2.
"""

import numpy as np
from jaxtyping import Bool, Float, Float64

from femtobarn.physics.soft_drop import soft_drop
from femtobarn.physics.vectors import rapidity

#: Names of the 16, in the order of the OpenML table hls4ml_lhc_jets_hlf.
OBSERVABLES = (
    "zlogz",
    "c1_b0_mmdt",
    "c1_b1_mmdt",
    "c1_b2_mmdt",
    "c2_b1_mmdt",
    "c2_b2_mmdt",
    "d2_b1_mmdt",
    "d2_b2_mmdt",
    "d2_a1_b1_mmdt",
    "d2_a1_b2_mmdt",
    "m2_b1_mmdt",
    "m2_b2_mmdt",
    "n2_b1_mmdt",
    "n2_b2_mmdt",
    "mass_mmdt",
    "multiplicity",
)


def observables(
    momentum: Float[np.ndarray, "jet particle 4"], mask: Bool[np.ndarray, "jet particle"]
) -> Float64[np.ndarray, "jet 16"]:
    """The 16 observables of each jet, in the order of `OBSERVABLES`.

    zlogz is sum x ln x with x = E / sum E, so never positive; the mass has the unit of the momenta; the rest
    are plain numbers. A jet without particles has zeros.

    Args:
        momentum: (E, px, py, pz) of the particles; `physics.jets.massless` makes them from (eta, phi, pt).
        mask: True for real particles.

    Raises:
        InputError: A real particle's momentum is not finite.
        MissingExtraError: FastJet is not installed.
    """
    # The compiler is a slow import, and the names above are wanted without it.
    from femtobarn.physics.energy_correlators import energy_correlators, generalised_d2

    groomed = soft_drop(momentum, mask, cut=0.1, beta=0.0)
    _, px, py, _ = np.moveaxis(groomed.momentum, -1, 0)
    particles = np.stack((rapidity(groomed.momentum), np.arctan2(py, px), np.hypot(px, py)), axis=-1)
    flat, linear, square = (
        energy_correlators(particles, groomed.mask, beta=beta) for beta in (0.0, 1.0, 2.0)
    )
    return np.stack(
        (
            zlogz(momentum[..., 0], mask),
            flat.c1,
            linear.c1,
            square.c1,
            linear.c2,
            square.c2,
            linear.d2,
            square.d2,
            generalised_d2(linear, linear),
            generalised_d2(linear, square),
            linear.m2,
            square.m2,
            linear.n2,
            square.n2,
            groomed.mass,
            mask.sum(axis=1),
        ),
        axis=1,
    )


def zlogz(
    energy: Float[np.ndarray, "jet particle"], mask: Bool[np.ndarray, "jet particle"]
) -> Float64[np.ndarray, "jet"]:
    """zlogz = sum x ln x with x = E / sum E: 0 for one particle, -ln n for n of equal energy."""
    energy = np.where(mask, energy, 0).astype(np.float64)
    whole = energy.sum(axis=1, keepdims=True)
    x = np.divide(energy, whole, out=np.zeros_like(energy), where=~(whole <= 0))  # NaN stays NaN
    return np.asarray((x * np.log(x, out=np.zeros_like(x), where=~(x <= 0))).sum(axis=1))
