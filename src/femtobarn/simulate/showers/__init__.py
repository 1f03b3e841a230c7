"""Showers in calorimeters, by formulas (GFLASH) or by Geant4, as energy spots or voxels.

================= =====================================================================================
`sample`          showers of the CaloChallenge's data sets in any number
`gflash`          parametrised showers of electrons, photons, hadrons and muons in any calorimeter
`geant4`          the same by Geant4
`calorimeter`     a calorimeter as a row of sections
`cylinders`       those of the CaloChallenge
`stacks`          HGCAL-like and CLIC-like ones, an endcap
`materials`       what a shower sees of matter
`voxelise`        spots summed in voxels
`electromagnetic` GFLASH's formulas
`hadronic`        the two components of hadron showers
`tracks`          tracks before showers, and of muons
`spots`           energy spots and sampling fluctuations
================= =====================================================================================
"""

from femtobarn.simulate.showers.calorimeter import Calorimeter, Section, block
from femtobarn.simulate.showers.geant4 import geant4
from femtobarn.simulate.showers.gflash import gflash
from femtobarn.simulate.showers.materials import (
    ALUMINIUM,
    ARGON,
    COPPER,
    IRON,
    LEAD,
    LEAD_TUNGSTATE,
    POLYSTYRENE,
    SILICON,
    TUNGSTEN,
    Material,
    Medium,
    homogeneous,
    sampling,
)
from femtobarn.simulate.showers.sample import incident_energies, shower_chunks, shower_sample, showers
from femtobarn.simulate.showers.spots import Spots
from femtobarn.simulate.showers.stacks import clic_like, endcap_like, hgcal_like
from femtobarn.simulate.showers.voxelise import voxelise

__all__ = [
    "ALUMINIUM",
    "ARGON",
    "COPPER",
    "IRON",
    "LEAD",
    "LEAD_TUNGSTATE",
    "POLYSTYRENE",
    "SILICON",
    "TUNGSTEN",
    "Calorimeter",
    "Material",
    "Medium",
    "Section",
    "Spots",
    "block",
    "clic_like",
    "endcap_like",
    "geant4",
    "gflash",
    "hgcal_like",
    "homogeneous",
    "incident_energies",
    "sampling",
    "shower_chunks",
    "shower_sample",
    "showers",
    "voxelise",
]
