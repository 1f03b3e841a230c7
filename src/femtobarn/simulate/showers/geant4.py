"""The same calorimeters followed by Geant4: every step in active material becomes an energy spot."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from femtobarn.errors import InputError
from femtobarn.simulate.geant4.transport import PARTICLE, Layer, Stack, transport
from femtobarn.simulate.showers.calorimeter import Calorimeter
from femtobarn.simulate.showers.spots import Spots, joined

_HALF_WIDTH = 2000.0  # mm
_TOGETHER = 300.0  # GeV transported at once: about a gigabyte of steps


def geant4(
    energies: Float[np.ndarray, " shower"],
    calorimeter: Calorimeter,
    *,
    generator: np.random.Generator,
    pdg: int = 11,
) -> Spots:
    """Spots of one shower for each energy: arguments and result as those of `gflash`.

    Energies are kinetic. A deposit counts with the share `Section.visible` of the section it lies in.

    Raises:
        InputError: Geant4 does not know the particle, or an energy is not positive.
        MissingExtraError: calzone is not installed.
    """
    if not (np.isfinite(energies).all() and (energies > 0).all()):
        raise InputError(f"expected positive energies in GeV, the least is {energies.min()}")
    stack, section = stack_of(calorimeter)
    scale = 1e-3 / calorimeter.each(lambda each: each.visible)[section]
    layer = calorimeter.layer[section]
    parts = []
    for some in _portions(energies):
        steps = transport(stack, _beam(energies[some], pdg), seed=int(generator.integers(2**63)))
        parts.append(
            Spots(
                (steps["event"] + some.start).astype(np.int32),
                layer[steps["layer"]].astype(np.int16),
                np.hypot(steps["x"], steps["y"]),
                np.arctan2(steps["y"], steps["x"]),
                (steps["energy"] * scale[steps["layer"]]).astype(np.float32),
            )
        )
    return joined(parts)


@lru_cache(maxsize=8)
def stack_of(calorimeter: Calorimeter) -> tuple[Stack, Int[np.ndarray, " row"]]:
    """The calorimeter as flat layers for Geant4, and the section that each of them belongs to.

    A section of absorber and active material becomes a whole number of periods.
    """
    layers: list[Layer] = []
    sections: list[int] = []
    z = 0.0
    for number, section in enumerate(calorimeter.sections):
        slabs = section.medium.slabs
        if not section.medium.is_sampling:
            slabs = ((slabs[0][0], section.thickness),)
        for _ in range(max(1, round(section.thickness / sum(thickness for _, thickness in slabs)))):
            for place, (material, thickness) in enumerate(slabs):
                seen = section.read and place == len(slabs) - 1
                layers.append(Layer(f"{material.name} {len(layers)}", material.name, z, thickness, seen))
                sections.append(number)
                z += thickness
    return Stack(tuple(layers), _HALF_WIDTH), np.array(sections)


def _portions(energies: Float[np.ndarray, " shower"]) -> Iterator[slice]:
    """Consecutive showers whose steps fit into memory."""
    start, total = 0, 0.0
    for row, energy in enumerate(energies):
        if row > start and total + energy > _TOGETHER:
            yield slice(start, row)
            start, total = row, 0.0
        total += energy
    yield slice(start, len(energies))


def _beam(energies: Float[np.ndarray, " shower"], pdg: int) -> np.ndarray:
    """Particles along z, from 1 mm before the calorimeter."""
    particles = np.zeros(len(energies), PARTICLE)
    particles["pid"], particles["energy"] = pdg, energies
    particles["position"], particles["direction"] = (0, 0, -1), (0, 0, 1)
    return particles
