"""N-subjettiness (arXiv:1011.2268, arXiv:1108.2701), through FastJet's contrib Nsubjettiness."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64

from femtobarn.errors import InputError, require
from femtobarn.physics._fastjet import reclustered

Axes = Literal["one-pass kt", "kt", "one-pass wta kt", "wta kt"]
_AXES = {
    "one-pass kt": "OnePass_KT_Axes",
    "kt": "KT_Axes",
    "one-pass wta kt": "OnePass_WTA_KT_Axes",
    "wta kt": "WTA_KT_Axes",
}


def n_subjettiness(
    momentum: Float[np.ndarray, "jet particle 4"],
    mask: Bool[np.ndarray, "jet particle"],
    *,
    prongs: Sequence[int] = (1, 2, 3, 4),
    beta: float = 1.0,
    radius: float = 0.8,
    axes: Axes = "one-pass kt",
) -> Float64[np.ndarray, "jet prongs"]:
    """tau_N of each jet, a column for each N in `prongs`: how far its particles lie from N axes.

        tau_N = sum pt_i min over axes a of dR_ia^beta / sum pt_i radius^beta

    It is 0 for a jet of N particles or fewer. The axes are the N exclusive jets of the kT algorithm, with
    the usual sum of momenta or "winner takes all" (wta, arXiv:1401.2158), whose axes are always particles and
    whose tau_N falls with N. "One-pass" moves the axes from there to the nearest minimum of tau_N, to a
    precision of 1e-4 and not always to the lowest minimum.

    Args:
        momentum: (E, px, py, pz) of the particles; `physics.jets.massless` makes them from (eta, phi, pt).
        mask: True for real particles.
        prongs: Values of N.
        beta: Power of the distance in rapidity and phi.
        radius: R0 of the jets, for the normalisation only.
        axes: Where the axes come from.

    Raises:
        InputError: A real particle's momentum is not finite, no or wrong values of N, unknown axes.
        MissingExtraError: FastJet is not installed.
    """
    if not prongs or min(prongs) < 1:
        raise InputError(f"expected numbers of prongs of 1 or more, got {tuple(prongs)}")
    if axes not in _AXES:
        raise InputError(f"expected axes {', '.join(_AXES)}, got {axes!r}")
    awkward = require("awkward", extra="generate")
    tau = np.zeros((len(momentum), len(prongs)))
    for rows, sequence in reclustered(momentum, mask):
        found = sequence.njettiness(
            measure_definition="NormalizedMeasure",
            axes_definition=_AXES[axes],
            njets=list(prongs),
            beta=beta,
            R0=radius,
        )
        tau[rows] = awkward.to_numpy(found)
    return tau
