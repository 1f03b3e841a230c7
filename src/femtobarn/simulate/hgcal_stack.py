"""The electromagnetic section of CMS's high-granularity calorimeter (CE-E) as a stack of flat layers.

Materials and thicknesses as in CMS's own simulation (github.com/cms-sw/cmssw, Geometry/HGCalCommonData,
hgcalEE/v10 with hgcal/v11): 14 cassettes, each of a lead absorber, a sensor layer, a copper cooling plate
between two copper-tungsten base plates, and a second sensor layer; 28 sensor layers in all (TDR
CMS-TDR-019: about 26 radiation lengths). Approximations: every sensor has 300 um of active silicon, slabs
have neither holes nor edges, glue and foils are left out, the circuit boards are glass fibre without
copper. The hadronic section behind is left out: hadron showers are cut off after one and a half
interaction lengths, which the trigger cells of CE-E hardly see.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
from jaxtyping import Int

from femtobarn.simulate.geant4.transport import Layer, Mixture, Stack

LAYERS = 28
TRIGGER_LAYERS = tuple(range(1, LAYERS + 1, 2))  #: of CE-E only every second layer sends trigger data
FACE = 3210.5  #: z of the front face, mm; the first sensor follows at 3221 mm

_HALF_WIDTH = 1800.0  # mm; eta = 1.5 is at a radius of 1670 mm at the back
_MIXTURES = (
    Mixture("CopperTungsten", 14.96, (("G4_W", 0.75), ("G4_Cu", 0.25))),
    Mixture("GlassFibre", 1.85, (("G4_SILICON_DIOXIDE", 0.6), ("G4_POLYCARBONATE", 0.4))),
)
_STEEL, _LEAD, _COPPER, _SILICON = "G4_STAINLESS-STEEL", "G4_Pb", "G4_Cu", "G4_Si"


@cache
def ce_e() -> Stack:
    """The stack; its sensitive layers, "Silicon1", "Silicon3" ..., are those that the trigger reads."""
    layers: list[Layer] = []
    z, sensor = FACE, 0
    for cassette in range(LAYERS // 2):
        for material, thickness in _cassette(first=cassette == 0):
            name, sensitive = f"{material} {len(layers)}", False
            if material == _SILICON:
                sensor += 1
                name, sensitive = f"Silicon{sensor}", sensor in TRIGGER_LAYERS
            if material:
                layers.append(Layer(name, material, round(z, 4), thickness, sensitive))
            z += thickness
    return Stack(tuple(layers), _HALF_WIDTH, _MIXTURES)


@cache
def layer_numbers() -> Int[np.ndarray, " row"]:
    """CMS's number of the sensor layer, 1 to 28, for each row of the stack; 0 where there is no sensor."""
    names = [layer.name for layer in ce_e().layers]
    numbers = [int(name.removeprefix("Silicon")) if name.startswith("Silicon") else 0 for name in names]
    return np.array(numbers)


@cache
def sensor_z() -> dict[int, float]:
    """z in mm of the middle of each trigger layer, by its number."""
    layers = ce_e().layers
    return {
        int(layer.name.removeprefix("Silicon")): layer.z + layer.thickness / 2
        for layer in layers
        if layer.sensitive
    }


def _cassette(*, first: bool) -> Iterator[tuple[str, float]]:
    """Materials and thicknesses in mm from front to back; "" is a gap."""
    if not first:
        yield from (("", 0.1), (_COPPER, 0.1))
    yield from ((_STEEL, 0.3), (_LEAD, 2.125 if first else 4.25), (_STEEL, 0.3), (_COPPER, 0.1))
    yield from _boards()
    yield from (
        (_SILICON, 0.3),
        ("CopperTungsten", 1.45),
        (_COPPER, 6.1),
        ("CopperTungsten", 1.45),
        (_SILICON, 0.3),
    )
    yield from reversed(list(_boards()))
    yield ("", 0.1)


def _boards() -> Iterator[tuple[str, float]]:
    """Mother board, gap with connectors and components, readout board with the glue and foil behind it."""
    yield from (("GlassFibre", 1.85), ("", 3.25), ("GlassFibre", 1.76), ("", 0.5))
