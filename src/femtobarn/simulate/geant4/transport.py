"""Geant4 through calzone: particles into a stack of flat layers, energy deposits out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from femtobarn.errors import InputError, require
from femtobarn.parts import fresh_processes
from femtobarn.simulate.geant4 import tables

_VERSION = 1  # raise it when the same stack, particles and seed give other steps

#: One particle: PDG code, kinetic energy (GeV), where it starts (mm) and where it goes.
PARTICLE = np.dtype([("pid", "i4"), ("energy", "f8"), ("position", "f8", 3), ("direction", "f8", 3)])
#: One energy deposit: row of the particle, row of the layer in the stack, place (mm), energy (MeV).
STEP = np.dtype([("event", "i4"), ("layer", "i2"), ("x", "f4"), ("y", "f4"), ("z", "f4"), ("energy", "f4")])


#: The stack that this process has simulated, if any.
_stacks: dict[str, "Stack"] = {}


@dataclass(frozen=True)
class Mixture:
    """A material that Geant4 does not know: density in g/cm3 and mass fractions of materials it knows."""

    name: str
    density: float
    fractions: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Layer:
    """A slab from `z` to `z + thickness`, in mm; only sensitive layers report what is deposited in them.

    `material` is one of Geant4's NIST materials ("G4_W", "G4_Si", "G4_PbWO4" ...) or a mixture of the stack.
    """

    name: str
    material: str
    z: float
    thickness: float
    sensitive: bool = False


@dataclass(frozen=True)
class Stack:
    """Layers in order of z, squares of half width `half_width` (mm), in vacuum.

    `cut` is Geant4's production threshold as a range in mm: secondaries that would not travel so far are
    not followed, their energy is deposited on the spot.
    """

    layers: tuple[Layer, ...]
    half_width: float
    mixtures: tuple[Mixture, ...] = ()
    cut: float = 0.7

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError("a stack needs at least one layer")
        if not (self.half_width > 0 and self.cut > 0):
            raise InputError(f"expected positive half_width and cut, got {self.half_width} and {self.cut} mm")
        end = -np.inf
        for layer in self.layers:
            if not layer.thickness > 0:
                raise InputError(
                    f"layer {layer.name}: expected a positive thickness, got {layer.thickness} mm"
                )
            if layer.z < end - 1e-6:
                raise InputError(
                    f"layer {layer.name} starts at z = {layer.z} mm, before {end} mm where the last ends"
                )
            end = layer.z + layer.thickness


def version() -> tuple[int, ...]:
    """For the names of kept results: changes with this module and with the data that Geant4 would use."""
    return (_VERSION, tables.version())


def transport(stack: Stack, particles: np.ndarray, *, seed: int) -> np.ndarray:
    """Energy deposits in the sensitive layers, an array of `STEP` in order of event.

    Physics: Geant4 11.4, electromagnetic "option1", hadronic FTFP_BERT, no magnetic field. The deposit of a
    charged step is put at its middle. The result depends on the arguments (and on Geant4's data, see `tables`)
    alone. The first stack of a process is simulated in it, any other in a new one: Geant4 keeps cross sections of
    the materials it has seen, and hadrons would come out otherwise. For bulk see `femtobarn.simulate.chunks`.

    Args:
        stack: The detector.
        particles: Array of `PARTICLE`; they start in the vacuum before, between or inside the layers.
        seed: Non-negative, below 2**64.

    Raises:
        InputError: Unknown material or particle, energy or direction that is not possible, empty input.
        MissingExtraError: calzone is not installed.
    """
    _check(particles)
    require("calzone", extra="showers")
    if _stacks.setdefault("first", stack) == stack:
        return _transport(stack, particles, seed)
    with fresh_processes(1) as pool:
        return pool.submit(_transport, stack, particles, seed).result()


def _transport(stack: Stack, particles: np.ndarray, seed: int) -> np.ndarray:
    calzone = require("calzone", extra="showers")
    primaries = calzone.particles(
        len(particles),
        pid=particles["pid"],
        energy=particles["energy"] * 1e3,
        position=particles["position"] / 10,
        direction=particles["direction"],
    )
    try:
        with _geant4_data():
            simulation = _simulation(calzone, stack)
            simulation.random.seed = seed
            deposits = simulation.run(primaries).deposits
    except ValueError as error:  # calzone's name for a material or particle it does not know
        raise InputError(f"Geant4: {error}") from error
    steps = [
        _steps(deposits[path], row)
        for row in range(len(stack.layers))
        if (path := f"World.{_volume(row)}") in deposits
    ]
    joined = np.concatenate([np.empty(0, STEP), *steps])
    return joined[np.argsort(joined["event"], kind="stable")]


def _check(particles: np.ndarray) -> None:
    if particles.dtype != PARTICLE or particles.ndim != 1:
        raise InputError(
            f"expected a one-dimensional array of PARTICLE, got {particles.dtype} of shape {particles.shape}"
        )
    if len(particles) == 0:
        raise InputError("expected at least one particle, got none")
    if not (np.isfinite(particles["energy"]).all() and (particles["energy"] > 0).all()):
        raise InputError(
            f"expected positive kinetic energies in GeV, the least is {particles['energy'].min()}"
        )
    if not np.allclose(np.linalg.norm(particles["direction"], axis=1), 1, atol=1e-6):
        raise InputError("expected directions of unit length")
    if not np.isfinite(particles["position"]).all():
        raise InputError("expected finite positions in mm")


@contextmanager
def _geant4_data() -> Iterator[None]:
    """Calzone finds the data of Geant4 by an environment variable, which is left as it was."""
    before = os.environ.get("GEANT4_DATA_DIR")
    os.environ["GEANT4_DATA_DIR"] = str(tables.data_folder())
    try:
        yield
    finally:
        if before is None:
            del os.environ["GEANT4_DATA_DIR"]
        else:
            os.environ["GEANT4_DATA_DIR"] = before


def _simulation(calzone: ModuleType, stack: Stack) -> Any:
    end = stack.layers[-1].z + stack.layers[-1].thickness
    reach = max(abs(stack.layers[0].z), abs(end), stack.half_width) + 1000
    world: dict[str, Any] = {"box": [reach / 5] * 3, "material": "G4_Galactic"}
    for row, layer in enumerate(stack.layers):
        world[_volume(row)] = {
            "box": [stack.half_width / 5, stack.half_width / 5, layer.thickness / 10],
            "position": [0.0, 0.0, (layer.z + layer.thickness / 2) / 10],
            "material": layer.material,
        } | ({"role": "record_deposits"} if layer.sensitive else {})
    mixtures = {
        each.name: {"density": each.density, "composition": dict(each.fractions)} for each in stack.mixtures
    }
    simulation = calzone.Simulation({"World": world, "materials": {"mixtures": mixtures}})
    simulation.physics = calzone.Physics(
        em_model="option1", had_model="FTFP_BERT", default_cut=stack.cut / 10
    )
    simulation.sample_deposits = "detailed"
    return simulation


def _volume(row: int) -> str:
    return f"Layer{row}"


def _steps(deposits: Any, layer: int) -> np.ndarray:
    """One layer's deposits along tracks and at points, from calzone's cm and MeV to ours."""
    line, point = deposits.line, deposits.point
    place = np.concatenate(((line["start"] + line["end"]) / 2, point["position"])) * 10
    steps = np.empty(len(place), STEP)
    steps["event"] = np.concatenate((line["event"], point["event"]))
    steps["layer"] = layer
    steps["x"], steps["y"], steps["z"] = place.T
    steps["energy"] = np.concatenate((line["value"], point["value"]))
    return steps
