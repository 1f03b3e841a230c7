"""Showers of single particles in a stack like CLIC's barrel calorimeters, followed by Geant4, in cells.

ECAL: 25 layers of tungsten (17 x 2.4 mm, then 8 x 4.8 mm) and 0.5 mm of silicon; HCAL: 60 layers of 19 mm of
steel and 3 mm of scintillator. One flat side of the barrel, its face 1.5 m from the interaction point. Gaps for
the readout are vacuum and as wide as gives CLIC's total depths (139 mm, 1.59 m; unverified). Left out: the
magnetic field, all material before the face, the curvature of the barrel, noise and digitisation.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from femtobarn.errors import InputError
from femtobarn.physics.calorimeter_cells import (
    ECAL,
    ECAL_ABSORBER,
    ECAL_CELL,
    ECAL_CELLS,
    ECAL_SILICON,
    FACE,
    HCAL,
    HCAL_ABSORBER,
    HCAL_CELL,
    HCAL_SCINTILLATOR,
    ecal_depths,
    hcal_depths,
)
from femtobarn.simulate.chunks import Arrays, Chunks, run_chunks
from femtobarn.simulate.geant4 import transport as geant4
from femtobarn.simulate.geant4.transport import PARTICLE, Layer, Stack
from femtobarn.simulate.guns import pion_decay

Species = Literal["e-", "gamma", "pi0", "pi-"]
PDG = {"e-": 11, "gamma": 22, "pi0": 111, "pi-": -211}  #: codes of the species

_MASS = {"e-": 0.000511, "gamma": 0.0, "pi0": 0.13498, "pi-": 0.13957}  # GeV
_VERSION = 1  # raise it when the same settings give other showers
_PER_CHUNK = 100
_HALF_WIDTH = 1500.0  # mm; a track at 30 degrees leaves the back of the HCAL at 1000 mm
_KEEP = 1e-5  # MeV: cells with less are left out

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Gun:
    """Which particles are shot at the stack."""

    species: Species = "e-"
    """Electrons, photons, neutral pions (as the two photons of their decay) or charged pions."""
    energy: tuple[float, float] = (10.0, 100.0)
    """Range of the total energy, GeV."""
    spectrum: Literal["flat", "log"] = "flat"
    """Energies are uniform, or uniform in their logarithm."""
    angle: float = 30.0
    """Largest angle to the normal of the face in the plane of the beam axis, degrees; uniform up to it."""

    def __post_init__(self) -> None:
        if self.species not in PDG:
            raise InputError(f"expected a species of {', '.join(PDG)}, got {self.species!r}")
        if not 0.5 <= self.energy[0] < self.energy[1]:
            raise InputError(f"expected energies 0.5 <= low < high in GeV, got {self.energy}")
        if not 0 <= self.angle <= 35:
            raise InputError(f"expected an angle from 0 to 35 degrees, got {self.angle}")


def clic_showers(
    gun: Gun, count: int, *, seed: int, workers: int = 2, scheduler: str | None = None, progress: bool = False
) -> Arrays:
    """Showers as sparse cells with what made them; kept in the cache for the next call.

    Returns:
        `cell` (int32) and `value` (float32, deposited MeV): the filled cells of shower i are rows
        ``first[i]`` to ``first[i + 1]``; numbers below `ECAL_CELLS` count through the ECAL window (51, 51, 25),
        those above through that of the HCAL (11, 11, 60). And one row a shower: `pdg`, `energy` (GeV), `theta`,
        `phi`, `eta` of the particle, `reco_theta`, `reco_phi`, `reco_eta` of the barycentre seen from the
        interaction point, `opening` (rad, of a neutral pion's photons, else 0).

    Raises:
        InputError: No showers or no workers.
        MissingExtraError: calzone is not installed.
    """
    if count < 1:
        raise InputError(f"expected at least one shower, got {count}")
    version = (_VERSION, *geant4.version())
    chunks = Chunks(shower_chunk, gun, count, min(_PER_CHUNK, count), seed, version)
    label = f"{gun.species} showers"
    parts = run_chunks(chunks, workers=workers, scheduler=scheduler, progress=progress, label=label)
    return join(parts)


def join(parts: list[Arrays]) -> Arrays:
    """Several samples of showers as one."""
    counts = np.concatenate([np.diff(part["first"]) for part in parts])
    rest = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name != "first"}
    return {"first": np.concatenate(([0], np.cumsum(counts))), **rest}


def shower_chunk(gun: Gun, showers: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of showers, see `clic_showers`."""
    # Species have nothing in common, though their chunks have the same seeds.
    generator = np.random.default_rng([*np.ravel(np.asarray(seed.entropy)), abs(PDG[gun.species])])
    truth = _truth(gun, len(showers), generator)
    particles, shower = _particles(gun, truth, generator)
    steps = geant4.transport(clic_stack(), particles, seed=int(generator.integers(2**63)))
    found = cells(steps, shower[steps["event"]], len(showers), origin=truth.pop("origin"))
    return found | truth


@cache
def clic_stack() -> Stack:
    """The stack; rows 1, 3, 5 ... are sensitive, those of the ECAL first."""
    layers: list[Layer] = []
    for row, depth in enumerate(ecal_depths()):
        absorber, sensor = float(ECAL_ABSORBER[row]), float(depth) - ECAL_SILICON / 2
        layers.append(Layer(f"W{row}", "G4_W", sensor - absorber, absorber))
        layers.append(Layer(f"Si{row}", "G4_Si", sensor, ECAL_SILICON, sensitive=True))
    for row, depth in enumerate(hcal_depths()):
        sensor = float(depth) - HCAL_SCINTILLATOR / 2
        layers.append(Layer(f"Fe{row}", "G4_Fe", sensor - HCAL_ABSORBER, HCAL_ABSORBER))
        plastic = "G4_PLASTIC_SC_VINYLTOLUENE"
        layers.append(Layer(f"Scintillator{row}", plastic, sensor, HCAL_SCINTILLATOR, sensitive=True))
    return Stack(tuple(layers), _HALF_WIDTH)


def cells(
    steps: np.ndarray, shower: Int[np.ndarray, " step"], count: int, *, origin: Float[np.ndarray, "shower 2"]
) -> Arrays:
    """Deposits summed in the cells of the windows around each shower's barycentre.

    The barycentre is that of the deposits in the ECAL, or in the HCAL if the ECAL is empty. The ECAL window has
    one centre for all layers, so that an inclined shower shows its inclination; the HCAL window follows the
    straight line from the interaction point through the barycentre, as otherwise inclined hadrons would leave it
    (the published windows follow the barrel in x only).

    Args:
        steps: Array of `STEP` from `clic_stack`.
        shower: Row of the shower that each step belongs to.
        count: Number of showers.
        origin: The detector's x, y (mm) at the stack's (0, 0).
    """
    depths = np.concatenate((ecal_depths(), hcal_depths()))
    layer = (steps["layer"].astype(np.int64) - 1) // 2
    x, y = (steps[name] + origin[shower, axis] for axis, name in enumerate("xy"))
    energy, in_ecal = steps["energy"].astype(np.float64), layer < ECAL[2]
    centre = _barycentres(shower, in_ecal, np.stack((x, y, FACE + depths[layer])), energy, count)
    ecal = [
        _index(place, ECAL_CELL) - _index(centre[shower, axis], ECAL_CELL)
        for axis, place in enumerate((x, y))
    ]
    along = (FACE + depths[layer]) / centre[shower, 2]
    hcal = [
        _index(place, HCAL_CELL) - _index(centre[shower, axis] * along, HCAL_CELL)
        for axis, place in enumerate((x, y))
    ]
    ix, iy = (np.where(in_ecal, a + ECAL[0] // 2, b + HCAL[0] // 2) for a, b in zip(ecal, hcal, strict=True))
    size = np.where(in_ecal, ECAL[0], HCAL[0])
    inside = (ix >= 0) & (ix < size) & (iy >= 0) & (iy < size)
    cell = np.where(
        in_ecal,
        (ix * ECAL[1] + iy) * ECAL[2] + layer,
        ECAL_CELLS + (ix * HCAL[1] + iy) * HCAL[2] + layer - ECAL[2],
    )
    return _summed(shower[inside], cell[inside], energy[inside], count) | _directions(centre, "reco_")


def _index(place: Array, size: float) -> np.ndarray:
    return np.floor(place / size + 0.5).astype(np.int64)


def _summed(shower: np.ndarray, cell: np.ndarray, energy: Array, count: int) -> Arrays:
    cells_in_all = ECAL_CELLS + HCAL[0] * HCAL[1] * HCAL[2]
    filled, place = np.unique(shower * cells_in_all + cell, return_inverse=True)
    value = np.bincount(place, energy, len(filled))
    filled, value = filled[value > _KEEP], value[value > _KEEP]
    return {
        "first": np.searchsorted(filled, np.arange(count + 1) * cells_in_all),
        "cell": (filled % cells_in_all).astype(np.int32),
        "value": value.astype(np.float32),
    }


def _barycentres(
    shower: np.ndarray, in_ecal: np.ndarray, place: np.ndarray, energy: Array, count: int
) -> Float[np.ndarray, "shower 3"]:
    def of(weight: Array) -> tuple[Array, Array]:
        total = np.bincount(shower, weight, count).astype(np.float64)
        sums = np.stack([np.bincount(shower, weight * each, count) for each in place], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return total, sums / total[:, None]

    total, ecal = of(np.where(in_ecal, energy, 0.0))
    centre = np.where((total > 0)[:, None], ecal, of(energy)[1])
    return np.where(np.isfinite(centre), centre, np.array([0.0, 0.0, FACE]))


def _directions(place: Float[np.ndarray, "shower 3"], prefix: str) -> Arrays:
    """Angles of points or directions seen from the interaction point; y is along the colliding beams."""
    x, y, z = place.T
    across = np.hypot(x, z)
    return {
        f"{prefix}theta": np.arctan2(across, y),
        f"{prefix}phi": np.arctan2(x, z),
        f"{prefix}eta": np.arcsinh(y / across),
    }


def _truth(gun: Gun, count: int, generator: np.random.Generator) -> Arrays:
    low, high = gun.energy
    share = generator.random(count)
    energy = low * (high / low) ** share if gun.spectrum == "log" else low + (high - low) * share
    slope = np.tan(np.radians(gun.angle) * generator.uniform(-1, 1, count))
    # Spread over one cell in x; in y the angle and the rest of the spot do it.
    spot = generator.uniform(-0.5, 0.5, (count, 2)) * ECAL_CELL
    impact = np.stack((np.zeros(count), FACE * slope), axis=1) + spot
    direction = np.column_stack((impact, np.full(count, FACE)))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    origin = np.round(impact / ECAL_CELL) * ECAL_CELL
    return {
        "pdg": np.full(count, PDG[gun.species], np.int32),
        "energy": energy,
        "opening": np.zeros(count),
        "origin": origin,
        **_directions(direction, ""),
    }


def _particles(gun: Gun, truth: Arrays, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What enters the stack 1 mm before its face, and the shower that each belongs to."""
    theta, phi = truth["theta"], truth["phi"]
    direction = np.stack((np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)), axis=1)
    energy, shower, pid = truth["energy"], np.arange(len(theta)), PDG[gun.species]
    if gun.species == "pi0":
        size = np.sqrt(energy**2 - _MASS["pi0"] ** 2)
        pair = pion_decay(direction * size[:, None], generator=generator)
        cosine = (pair[0] * pair[1]).sum(axis=1) / np.prod([np.linalg.norm(p, axis=1) for p in pair], axis=0)
        truth["opening"] = np.arccos(np.clip(cosine, -1, 1))
        both = np.concatenate(pair)
        energy = np.linalg.norm(both, axis=1)
        direction, shower, pid = both / energy[:, None], np.tile(shower, 2), PDG["gamma"]
        forward = (direction[:, 2] > 0.1) & (energy > 1e-3)  # a photon of a few MeV may miss the side
        energy, direction, shower = energy[forward], direction[forward], shower[forward]
    particles = np.empty(len(energy), PARTICLE)
    particles["pid"] = pid
    particles["energy"] = energy - (0.0 if gun.species == "pi0" else _MASS[gun.species])
    particles["direction"] = direction
    particles["position"] = direction * ((FACE - 1) / direction[:, 2:]) - np.array([0.0, 0.0, FACE])
    particles["position"][:, :2] -= truth["origin"][shower]
    return particles, shower
