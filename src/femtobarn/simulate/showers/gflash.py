"""Parametrised showers of electrons, photons and charged pions in any calorimeter, as energy spots."""

import numpy as np
from jaxtyping import Float

from femtobarn.errors import InputError
from femtobarn.simulate.detector.draws import event_keys
from femtobarn.simulate.showers.calorimeter import Calorimeter
from femtobarn.simulate.showers.electromagnetic import drawn_profile, electromagnetic, photon_start
from femtobarn.simulate.showers.hadronic import pions
from femtobarn.simulate.showers.spots import Spots, scatter

_ELECTRONS, _PHOTONS, _PIONS = (11, -11), (22,), (211, -211)


def gflash(
    energies: Float[np.ndarray, " shower"],
    calorimeter: Calorimeter,
    *,
    generator: np.random.Generator,
    pdg: int = 11,
) -> Spots:
    """Spots of one shower for each energy, after the fluctuations of sampling.

    Electromagnetic showers as in hep-ex/0001020 (see `electromagnetic`), those of pions as in `hadronic`. A
    shower depends on its energy and the state of the generator, not on the showers after it.

    Args:
        energies: Of the incident particles, GeV.
        calorimeter: What they hit, at right angles; see `block` for a simple one.
        generator: Gives one number for each shower.
        pdg: Code of the particle: electron 11, photon 22, charged pion 211, or an antiparticle.

    Returns:
        Spots with energies in GeV.

    Raises:
        InputError: No such particle here, or an energy that is not positive.

    Example:
        >>> from femtobarn.simulate.showers import LEAD_TUNGSTATE, block, gflash, homogeneous
        >>> crystal = block(homogeneous(LEAD_TUNGSTATE), depth=230, layers=23)
        >>> spots = gflash(np.array([10.0]), crystal, generator=np.random.default_rng(1))
        >>> round(float(spots.energy.sum()), 1)
        10.0
    """
    if pdg not in (*_ELECTRONS, *_PHOTONS, *_PIONS):
        raise InputError(f"expected the code of an electron, a photon or a charged pion, got {pdg}")
    if not (np.isfinite(energies).all() and (energies > 0).all()):
        raise InputError(f"expected positive energies in GeV, the least is {energies.min()}")
    keys = event_keys(generator, len(energies))
    if pdg in _PIONS:
        return pions(energies, calorimeter, keys)
    start = photon_start(keys) if pdg in _PHOTONS else np.zeros(len(energies))
    profile = drawn_profile(energies, calorimeter.medium, keys)
    return scatter(electromagnetic(energies, start, profile, calorimeter), calorimeter, keys)
