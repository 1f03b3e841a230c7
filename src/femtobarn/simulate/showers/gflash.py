"""Parametrised showers of electrons, photons, hadrons and muons in any calorimeter, as energy spots."""

import numpy as np
from jaxtyping import Float

from femtobarn.errors import InputError
from femtobarn.simulate.detector.draws import event_keys
from femtobarn.simulate.showers.calorimeter import Calorimeter
from femtobarn.simulate.showers.electromagnetic import drawn_profile, electromagnetic, photon_start
from femtobarn.simulate.showers.hadronic import hadrons
from femtobarn.simulate.showers.spots import Spots, scatter
from femtobarn.simulate.showers.tracks import muons

ELECTRON, MUON, PHOTON = 11, 13, 22
CHARGED_HADRONS = (211, 321, 2212)  #: pi+, K+, proton; antiparticles have the negative codes
NEUTRAL_HADRONS = (130, 310, 2112)  #: K0 long, K0 short, neutron


def gflash(
    energies: Float[np.ndarray, " shower"],
    calorimeter: Calorimeter,
    *,
    generator: np.random.Generator,
    pdg: int = 11,
) -> Spots:
    """Spots of one shower for each energy, after the fluctuations of sampling.

    Electromagnetic showers as in hep-ex/0001020 (see `electromagnetic`), those of hadrons as in `hadronic`: kaons and
    protons shower as pions do, neutral hadrons leave no track before. Muons see `muons`. A shower depends on its
    energy and the state of the generator, not on the showers after it.

    Args:
        energies: Kinetic ones of the incident particles, GeV.
        calorimeter: What they hit, at right angles; see `block` for a simple one.
        generator: Gives one number for each shower.
        pdg: Code of the particle: electron 11, muon 13, photon 22, one of `CHARGED_HADRONS` or `NEUTRAL_HADRONS`, or
            an antiparticle.

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
    kind = abs(pdg)
    if kind not in (ELECTRON, MUON, PHOTON, *CHARGED_HADRONS, *NEUTRAL_HADRONS) or pdg == -PHOTON:
        raise InputError(f"expected the code of an electron, a muon, a photon or a hadron, got {pdg}")
    if not (np.isfinite(energies).all() and (energies > 0).all()):
        raise InputError(f"expected positive energies in GeV, the least is {energies.min()}")
    keys = event_keys(generator, len(energies))
    if kind == MUON:
        return muons(energies, calorimeter, keys)
    if kind in (*CHARGED_HADRONS, *NEUTRAL_HADRONS):
        return hadrons(energies, calorimeter, keys, charged=kind in CHARGED_HADRONS)
    start = photon_start(keys) if kind == PHOTON else np.zeros(len(energies))
    profile = drawn_profile(energies, calorimeter.medium, keys)
    return scatter(electromagnetic(energies, start, profile, calorimeter), calorimeter, keys)
