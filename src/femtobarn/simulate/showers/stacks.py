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


def _silicon(medium: Medium) -> Section:
    guess = Section(medium, medium.period, stochastic=0.22)
    return replace(guess, sampling=0.885 * guess.visible)
