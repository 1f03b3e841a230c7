"""Trigger-cell charges of HGCAL silicon wafers, from showers and pile-up followed by Geant4.

Single electrons, photons and charged pions from the interaction point go through CE-E
(`femtobarn.simulate.hgcal_stack`), soft particles are laid over them, the deposits summed in trigger cells
and read out. What a published CMS sample has and this one has not: collisions with several hard
particles, the magnetic field, the tracker's material, the hadronic section, thinner sensors near the beam,
radiation damage, pile-up from other crossings. See `soft_particles` for what the pile-up leaves out.
"""

import logging
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError
from femtobarn.physics.wafer import CELLS
from femtobarn.simulate.chunks import Arrays, Chunks, run_chunks
from femtobarn.simulate.geant4 import transport as geant4
from femtobarn.simulate.guns import single_particles, soft_particles
from femtobarn.simulate.hgcal_stack import FACE, TRIGGER_LAYERS, ce_e, layer_numbers, sensor_z
from femtobarn.simulate.wafer_readout import MIP, read_out
from femtobarn.simulate.wafer_tiling import add_to_cells, cell_offsets, centre

_VERSION = 1  # raise it when the same settings give other wafers
_SHOWERS_PER_CHUNK, _COLLISIONS_PER_CHUNK = 10, 20
_SPAN = 13  # wafers with |u|, |v| up to this cover a layer
_EDGES = (1.5, 3.0)  # pseudorapidities between which the layers are equipped
_POOL_EDGES = (1.4, 3.1)  # beyond them, so that pile-up does not thin out at the edges


@dataclass(frozen=True)
class Gun:
    """Which particles make the showers."""

    pids: tuple[int, ...] = (11, 22, 211, -211)
    """PDG codes of the particles, equally likely."""
    energy: tuple[float, float] = (2.0, 200.0)
    """Range of the kinetic energy in GeV, uniform in its logarithm."""
    eta: tuple[float, float] = (1.6, 2.9)
    """Range of the pseudorapidity."""

    def __post_init__(self) -> None:
        if not self.pids:
            raise InputError("expected at least one particle code, got none")
        if not 0 < self.energy[0] < self.energy[1]:
            raise InputError(f"expected energies 0 < low < high in GeV, got {self.energy}")
        if not _EDGES[0] <= self.eta[0] < self.eta[1] <= _EDGES[1]:
            raise InputError(f"expected pseudorapidities low < high within {_EDGES}, got {self.eta}")


@dataclass(frozen=True)
class Pileup:
    """Soft collisions laid over each shower.

    Their particles are drawn from a pool that is transported once for all samples; each is turned by a
    random angle about the beam and shifted, so that repeats differ.
    """

    collisions: float = 200.0
    """Mean number of pile-up collisions in a bunch crossing."""
    pool: int = 120
    """Number of simulated pile-up collisions (about 18 particles each), from which particles are drawn repeatedly."""
    shift: float = 30.0
    """Maximum shift of a pile-up particle in x and in y, in mm."""
    seed: int = 1
    """Seed of the simulated pile-up collisions."""

    def __post_init__(self) -> None:
        if self.collisions < 0 or self.pool < 1 or self.shift < 0:
            raise InputError(f"expected collisions >= 0, pool >= 1 and shift >= 0, got {self}")


@dataclass(frozen=True)
class WaferSimulation:
    """Settings of `simulate_wafers`."""

    showers: int = 400
    """Number of showers simulated by Geant4."""
    gun: Gun = field(default_factory=Gun)
    pileup: Pileup = field(default_factory=Pileup)
    placements: int = 3
    """Number of bunch crossings that each shower is placed in, each at a random azimuth."""
    threshold: float = 1.0
    """Minimum deposit of the shower in a wafer that enters the sample, in transverse MIPs."""
    pileup_share: float = 0.2
    """Fraction of additional wafers, drawn at random from the same crossings."""
    noise: float = 0.165
    """Noise of a trigger cell in MIPs; default: four sensor cells of 2000 electrons, before irradiation."""
    seed: int = 1
    """Seed of showers, placement, pile-up and noise."""

    def __post_init__(self) -> None:
        if self.showers < 1 or self.placements < 1:
            raise InputError(
                f"expected showers >= 1 and placements >= 1, got {self.showers} and {self.placements}"
            )
        if not 0 <= self.pileup_share < 1:
            raise InputError(f"expected 0 <= pileup_share < 1, got {self.pileup_share}")
        if self.threshold <= 0 or self.noise < 0:
            raise InputError(
                f"expected threshold > 0 and noise >= 0 MIPs, got {self.threshold} and {self.noise}"
            )


def simulate_wafers(
    settings: WaferSimulation | None = None, *, workers: int = 2, progress: bool = True
) -> dict[str, np.ndarray]:
    """Wafers with their charges and what made them, one row each; kept in the cache for the next call.

    The result depends on the settings alone, whatever the number of workers. Empty wafers are left out;
    their number goes to the log.

    Returns:
        `charge`, float32 (n, 48), whole counts of which 35 are one transverse MIP;
        `eta`, `phi` of the wafer's middle seen from the origin; `layer` (odd, 1 to 27), `u`, `v`, and
        `type` (2, the code of 300 um sensors);
        `shower`, the same in all crossings of one shower: split samples by it; `pid` and `energy` (GeV) of
        its particle;
        `sim_energy`, what the shower left in this wafer's silicon (MeV), `sim_fraction`, that over what it
        left in all trigger layers, `signal_fraction`, that over what shower and pile-up left in the wafer.

    Raises:
        InputError: No workers, or a particle that Geant4 does not know.
        MissingExtraError: calzone is not installed.
    """
    settings = settings or WaferSimulation()
    if settings.pileup.collisions:
        run_chunks(_pool(settings.pileup), workers=workers, progress=progress, label="pile-up collisions")
    chunks = run_chunks(_wafers(settings), workers=workers, progress=progress, label="showers")
    empty = sum(int(chunk.pop("empty")) for chunk in chunks)
    if empty:
        logging.getLogger(__name__).info("%d empty wafers left out", empty)
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


@dataclass(frozen=True)
class _SoftGun:
    eta: tuple[float, float] = _POOL_EDGES


def _pool(pileup: Pileup) -> Chunks:
    return Chunks(soft_steps, _SoftGun(), pileup.pool, _COLLISIONS_PER_CHUNK, pileup.seed, _version())


def _showers(settings: WaferSimulation) -> Chunks:
    return Chunks(shower_steps, settings.gun, settings.showers, _SHOWERS_PER_CHUNK, settings.seed, _version())


def _wafers(settings: WaferSimulation) -> Chunks:
    return Chunks(overlaid_wafers, settings, settings.showers, _SHOWERS_PER_CHUNK, settings.seed, _version())


def _version() -> tuple[int, ...]:
    return (_VERSION, *geant4.version())


def soft_steps(gun: _SoftGun, collisions: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of the pool: the deposits of some soft collisions, particle by particle."""
    generator = np.random.default_rng(seed)
    particles = soft_particles(len(collisions), eta=gun.eta, face=FACE - 1, generator=generator)
    return _transported(particles, generator)


def shower_steps(gun: Gun, showers: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of showers: their particles and deposits."""
    generator = np.random.default_rng(seed)
    particles = single_particles(
        len(showers), pids=gun.pids, energy=gun.energy, eta=gun.eta, face=FACE - 1, generator=generator
    )
    deposits = _transported(particles, generator)
    return deposits | {"pid": particles["pid"], "energy": particles["energy"]}


def overlaid_wafers(settings: WaferSimulation, showers: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of wafers: showers in their crossings, read out."""
    generator = np.random.default_rng(seed)
    steps = _showers(settings).get(showers.start // _SHOWERS_PER_CHUNK)
    pool = _joined_pool(settings.pileup) if settings.pileup.collisions else None
    crossings = []
    for row, shower in enumerate(showers):
        truth = {"shower": shower, "pid": steps["pid"][row], "energy": steps["energy"][row]}
        for _ in range(settings.placements):
            wafers = _crossing(settings, steps, row, pool, generator)
            n = len(wafers["charge"])
            crossings.append(wafers | {name: np.full(n, value) for name, value in truth.items()})
    table = {name: np.concatenate([each[name] for each in crossings]) for name in crossings[0]}
    filled = table["charge"].sum(axis=1) > 0
    return {name: column[filled] for name, column in table.items()} | {"empty": np.array((~filled).sum())}


def _transported(particles: np.ndarray, generator: np.random.Generator) -> Arrays:
    """Deposits in the trigger layers; those of particle i are rows ``first[i]`` to ``first[i + 1]``."""
    steps = geant4.transport(ce_e(), particles, seed=int(generator.integers(2**63)))
    trigger_layer = (layer_numbers() - 1) // 2
    return {
        "first": np.searchsorted(steps["event"], np.arange(len(particles) + 1)),
        "layer": trigger_layer[steps["layer"]].astype(np.int8),
        "x": steps["x"],
        "y": steps["y"],
        "mips": (steps["energy"] / MIP).astype(np.float32),
    }


@lru_cache(maxsize=1)
def _joined_pool(pileup: Pileup) -> Arrays:
    chunks = run_chunks(_pool(pileup), workers=1)
    offsets = np.cumsum([0, *(chunk["first"][-1] for chunk in chunks)])
    first = [chunk["first"][:-1] + offset for chunk, offset in zip(chunks, offsets, strict=False)]
    joined = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in ("layer", "x", "y", "mips")}
    return joined | {"first": np.append(np.concatenate(first), offsets[-1])}


def _crossing(
    settings: WaferSimulation, steps: Arrays, row: int, pool: Arrays | None, generator: np.random.Generator
) -> Arrays:
    """Wafers of one bunch crossing: one shower of the chunk at a random azimuth, pile-up, noise."""
    eta, phi = _seen_from_the_origin()
    equipped = (eta > _EDGES[0]) & (eta < _EDGES[1])
    turn = generator.uniform(-np.pi, np.pi, 1)
    signal = _deposited(steps, np.array([row]), turn, np.zeros((1, 2)), np.ones_like(equipped))
    total = signal.sum(axis=-1)
    chosen = _choose(settings, equipped, total / np.cosh(eta), generator)
    pileup = np.zeros_like(signal)
    if pool is not None:
        particles = len(pool["first"]) - 1
        drawn = generator.integers(
            particles, size=generator.poisson(settings.pileup.collisions * particles / settings.pileup.pool)
        )
        turn = generator.uniform(-np.pi, np.pi, len(drawn))
        shift = generator.uniform(-settings.pileup.shift, settings.pileup.shift, (len(drawn), 2))
        pileup = _deposited(pool, drawn, turn, shift, chosen)
    layer, u, v = np.nonzero(chosen)
    signal, pileup, left = signal[chosen], pileup[chosen], total[chosen]
    noise = generator.normal(0, settings.noise, signal.shape)
    return {
        "charge": read_out(signal + pileup + noise, eta[chosen]),
        "eta": eta[chosen].astype(np.float32),
        "phi": phi[chosen].astype(np.float32),
        "layer": np.array(TRIGGER_LAYERS)[layer],
        "u": u - _SPAN,
        "v": v - _SPAN,
        "type": np.full(len(layer), 2),
        "sim_energy": (left * MIP).astype(np.float32),
        "sim_fraction": _share(left, total.sum()),
        "signal_fraction": _share(left, left + pileup.sum(axis=-1)),
    }


def _choose(
    settings: WaferSimulation,
    equipped: Bool[np.ndarray, "layer u v"],
    transverse: Float[np.ndarray, "layer u v"],
    generator: np.random.Generator,
) -> Bool[np.ndarray, "layer u v"]:
    """Which wafers to keep: those that the shower lights up and a random share of the others."""
    chosen = equipped & (transverse >= settings.threshold)
    others = np.flatnonzero(equipped & ~chosen)
    odds = settings.pileup_share / (1 - settings.pileup_share)
    more = generator.binomial(len(others), min(1.0, odds * chosen.sum() / len(others)))
    chosen.ravel()[generator.choice(others, more, replace=False)] = True
    return chosen


@lru_cache(maxsize=1)
def _seen_from_the_origin() -> tuple[Float[np.ndarray, "layer u v"], Float[np.ndarray, "layer u v"]]:
    """Pseudorapidity and azimuth of the middle of each wafer."""
    u, v = np.indices((2 * _SPAN + 1, 2 * _SPAN + 1)) - _SPAN
    x, y = centre(u, v)
    z = np.array([sensor_z()[layer] for layer in TRIGGER_LAYERS])[:, None, None]
    eta = np.arcsinh(z / np.maximum(np.hypot(x, y), 1e-3))
    return eta, np.broadcast_to(np.arctan2(y, x), eta.shape)


def _share(part: Float[np.ndarray, " n"], whole: Any) -> Float[np.ndarray, " n"]:
    """The quotient, 0 where there is nothing to share."""
    share: np.ndarray = np.zeros(len(part), np.float32)
    np.divide(part, whole, out=share, where=np.asarray(whole) > 0, casting="same_kind")
    return share


def _deposited(
    steps: Arrays,
    drawn: Int[np.ndarray, " n"],
    turn: Float[np.ndarray, " n"],
    shift: Float[np.ndarray, "n 2"],
    wanted: Bool[np.ndarray, "layer u v"],
) -> Float[np.ndarray, "layer u v 48"]:
    """MIPs in each trigger cell of the wanted wafers, from the drawn particles, shifted and then turned."""
    total = np.zeros((*wanted.shape, CELLS))
    columns = (steps["first"], steps["layer"], steps["x"], steps["y"], steps["mips"])
    add_to_cells(columns, drawn, np.cos(turn), np.sin(turn), shift, wanted, cell_offsets(), total)
    return total
