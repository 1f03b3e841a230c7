"""Calorimeters like those of two detectors to come, for both engines.

Materials and thicknesses are those of `femtobarn.simulate.hgcal_stack` and `femtobarn.simulate.clic_stack`, where the
sources stand; what lies between two sensors is put together, as a section has one absorber. `response` and `sampling`
are set so that both engines measure 10 GeV electrons right in the mean.
"""

from dataclasses import replace
from functools import cache

from femtobarn.physics.calorimeter_cells import (
    ECAL_ABSORBER,
    ECAL_SILICON,
    HCAL,
    HCAL_ABSORBER,
    HCAL_SCINTILLATOR,
)
from femtobarn.simulate.showers.calorimeter import Calorimeter, Section
from femtobarn.simulate.showers.materials import (
    COPPER,
    IRON,
    LEAD,
    POLYSTYRENE,
    SILICON,
    TUNGSTEN,
    Medium,
    homogeneous,
    sampling,
)

ENDCAP_LAYERS = (14, 18)  #: of the toy endcap: electromagnetic and hadronic
ENDCAP_LEAD, ENDCAP_COPPER, ENDCAP_SILICON = 10.382, 76.6, 0.3  #: mm in each layer


@cache
def hgcal_like() -> Calorimeter:
    """CMS's CE-E: 14 cassettes of two silicon layers each, 28 layers in 25 radiation lengths.

    Lead is before the first sensor of a cassette, copper and copper-tungsten before the second; the latter counts
    as 1.98 mm of tungsten, which has as many radiation lengths.
    """
    lead, tungsten = sampling((LEAD, 4.5), (SILICON, 0.3)), sampling((TUNGSTEN, 1.98), (SILICON, 0.3))
    cassette = (
        Section(lead, lead.period, response=1.31, hadronic=0.65, stochastic=0.2, sampling=0.00836),
        Section(homogeneous(COPPER), 6.1, read=False),
        Section(tungsten, tungsten.period, response=1.31, hadronic=0.65, stochastic=0.2, sampling=0.01132),
    )
    return Calorimeter(cassette * 14, lead, 0.2)


@cache
def clic_like() -> Calorimeter:
    """CLIC's barrel: 25 silicon layers behind tungsten, then 60 scintillator layers behind iron."""
    thin, thick = (sampling((TUNGSTEN, each), (SILICON, ECAL_SILICON)) for each in (2.4, 4.8))
    tiles = sampling((IRON, HCAL_ABSORBER), (POLYSTYRENE, HCAL_SCINTILLATOR))
    absorbers = [float(each) for each in ECAL_ABSORBER]
    ecal = [_silicon(thin if each < 3 else thick) for each in absorbers]
    hcal = Section(tiles, tiles.period, stochastic=0.3)
    return Calorimeter((*ecal, *(hcal,) * HCAL[2]), thin, 0.22)


@cache
def endcap_like(stretch: float = 1.0) -> Calorimeter:
    """The toy endcap of arXiv:2204.01681: 14 silicon layers behind lead, then 18 behind copper.

    Thicknesses of the authors' Geant4 geometry (shahrukhqasim/miniCalo, branch srq_branch): 10.382 mm of lead, 1.85
    radiation lengths, and 76.6 mm of copper, half an interaction length, before 0.3 mm of silicon each.

    Args:
        stretch: By which all thicknesses are multiplied: 1 / cos(theta) for particles that come in at an angle.
    """
    lead = sampling((LEAD, stretch * ENDCAP_LEAD), (SILICON, stretch * ENDCAP_SILICON))
    copper = sampling((COPPER, stretch * ENDCAP_COPPER), (SILICON, stretch * ENDCAP_SILICON))
    # Numbers of Geant4 in this stack (200 showers each): electrons of 1, 10, 30 GeV are measured with sigma / E =
    # 0.38, 0.36, 0.34 / sqrt(E); of charged pions of 5 and 20 GeV 43 and 29 % of the energy are measured before the
    # copper, 56 and 71 % in it, with 1.6 and 1.5 / sqrt(E). Sampling terms grow as the root of the thickness.
    term, coarse = 0.35 * stretch**0.5, 1.6 * stretch**0.5
    front = Section(lead, lead.period, hadronic=2.0, stochastic=term, sampling=0.00538, thin=True)
    back = Section(copper, copper.period, hadronic=0.75, stochastic=coarse, thin=True)
    return Calorimeter((*(front,) * ENDCAP_LAYERS[0], *(back,) * ENDCAP_LAYERS[1]), lead, term)


def _silicon(medium: Medium) -> Section:
    guess = Section(medium, medium.period, stochastic=0.22)
    return replace(guess, sampling=0.885 * guess.visible)
