"""Soft unclustered energy patterns (SUEP): a scalar that decays to many soft dark mesons, arXiv:1612.00850.

The scalar is a colour singlet, so Pythia makes the event around it and leaves it stable; its decay is made here,
in flat arrays: a thermal shower of dark mesons, each to two dark photons, each of these to a pair of electrons,
muons or charged pions. Only the photons that such leptons would radiate are missing.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from femtobarn.errors import InputError
from femtobarn.physics.boosts import boost
from femtobarn.physics.vectors import invariant_mass
from femtobarn.simulate.collisions.processes import Process
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.particles import Particles

SCALAR = 25  #: PDG code of the scalar, which Pythia takes for a Higgs boson
#: Final particles of a dark photon: PDG code, mass in GeV and branching ratio, as in the authors' samples
#: (arXiv:2306.13595).
PAIRS = ((11, 0.000511, 0.15), (13, 0.10566, 0.15), (211, 0.13957, 0.70))
_GRID = 4000  # points of the thermal distribution
_BISECTIONS = 60


@dataclass(frozen=True)
class Shower:
    """A thermal shower of dark mesons."""

    meson: float = 2.0
    """Mass of a dark meson, GeV."""
    temperature: float = 2.0
    """Temperature of the shower, GeV."""
    photon: float = 0.7
    """Mass of a dark photon, GeV; a meson decays to two."""

    def __post_init__(self) -> None:
        if not (self.meson > 2 * self.photon > 4 * PAIRS[-1][1] and self.temperature > 0):
            raise InputError(
                f"expected a temperature above 0 and a meson heavier than two dark photons heavier than two "
                f"pions each, got {self}"
            )


def suep_process(mass: float, *, recoil: float | None = None, narrow: bool = False) -> Process:
    """A stable scalar of this mass from gluon fusion, as the source of `suep`.

    Args:
        mass: GeV. Pythia keeps the width of a standard Higgs boson of this mass, as the published samples do.
        recoil: Smallest pT (GeV) of a jet that the scalar recoils against; then it is made with one. Most light
            scalars without one fail a cut on the scalar sum of pT.
        narrow: No width.
    """
    if recoil is None:
        lines = ["HiggsSM:gg2H = on"]
    else:
        channels = ("gg2Hg(l:t)", "qg2Hq(l:t)", "qqbar2Hg(l:t)")
        lines = [*(f"HiggsSM:{each} = on" for each in channels), f"PhaseSpace:pTHatMin = {recoil:g}"]
    lines += [f"{SCALAR}:m0 = {mass:g}", f"{SCALAR}:mMax = {10 * mass:g}", f"{SCALAR}:mayDecay = off"]
    if narrow:
        lines += [f"{SCALAR}:doForceWidth = on", f"{SCALAR}:mWidth = 0.01"]
    jet = "" if recoil is None else f" with a jet above {recoil:g} GeV"
    return Process(f"SUEP {mass:g} GeV{jet}", tuple(lines))


def suep(
    mass: float,
    count: int,
    *,
    seed: int,
    shower: Shower | None = None,
    recoil: float | None = None,
    narrow: bool = False,
    energy: float = 13_600.0,
    workers: int = 2,
    progress: bool = False,
) -> Particles:
    """Final particles of collisions with a scalar that decays to a SUEP.

    Args:
        mass: Of the scalar, GeV.
        count: Collisions.
        seed: Of the sample.
        shower: Mesons, temperature and dark photons.
        recoil, narrow: See `suep_process`.
        energy: Of the two protons together, GeV.
        workers: Processes that run Pythia.
        progress: Show a bar.

    Raises:
        InputError: Settings that are not possible, such as a scalar too light for three mesons.
    """
    process = suep_process(mass, recoil=recoil, narrow=narrow)
    events = collisions(process, count, seed=seed, energy=energy, workers=workers, progress=progress)
    return decay_scalars(events, shower or Shower(), generator=np.random.default_rng([seed, SCALAR]))


def decay_scalars(events: Particles, shower: Shower, *, generator: np.random.Generator) -> Particles:
    """Events in which the last scalar of each is replaced by what its shower decays to; it stands at the end."""
    rows = np.flatnonzero(events.pdg == SCALAR)
    found = np.unique(events.event[rows])
    if len(rows) != events.events or len(found) != len(rows):
        raise InputError(f"expected one scalar in each of {events.events} events, got {len(rows)}")
    scalar = events.momentum[rows]
    momentum, offset = thermal_shower(invariant_mass(scalar), shower, generator=generator)
    event = np.repeat(np.arange(len(rows)), np.diff(offset))
    momentum = boost(momentum, -scalar[event, 1:] / scalar[event, :1])
    photons = _two_body(momentum, np.full(len(momentum), shower.photon), generator)
    kinds = generator.choice(len(PAIRS), size=len(photons), p=[pair[2] for pair in PAIRS])
    masses = np.array([pair[1] for pair in PAIRS])[kinds]
    final = _two_body(photons, masses, generator)
    # Both halves of a pair stand side by side; the negative lepton has the positive code, the negative pion not.
    code = np.repeat(np.array([pair[0] for pair in PAIRS])[kinds], 2)
    first = np.tile([True, False], len(kinds))
    pdg = np.where(first, code, -code)
    charge = np.where((code == PAIRS[-1][0]) == first, 1.0, -1.0)
    return _inserted(events, rows, np.repeat(event, 4), pdg, charge, final)


def thermal_shower(
    mass: Float[np.ndarray, "event"], shower: Shower, *, generator: np.random.Generator
) -> tuple[Float64[np.ndarray, "meson 4"], Int[np.ndarray, "boundary"]]:
    """Dark mesons (E, px, py, pz) of scalars at rest, and where each event's mesons begin and end.

    Momenta follow p^2 exp(-E / T) until their energies add up to the mass; the mean momentum is taken out, and
    all momenta are scaled so that energies add up to the mass exactly (arXiv:1305.5226). Energy and momentum are
    conserved to rounding.

    Raises:
        InputError: A mass that no shower of three mesons has.
    """
    if len(mass) and not mass.min() > 3 * shower.meson:
        raise InputError(f"expected masses above {3 * shower.meson:g} GeV, got {mass.min():g}")
    mesons: list[np.ndarray] = [np.empty((0, 3))] * len(mass)
    left = np.arange(len(mass))
    while len(left):
        p, real = _drawn(mass[left], shower, generator)
        scale, solved = _scales(p, real, mass[left], shower.meson)
        for i in np.flatnonzero(solved):
            mesons[left[i]] = scale[i] * p[i, real[i]]
        left = left[~solved]
    offset = np.cumsum([0, *map(len, mesons)])
    p = np.concatenate(mesons) if mesons else np.empty((0, 3))
    energy = np.sqrt((p**2).sum(axis=1) + shower.meson**2)
    return np.column_stack((energy, p)), offset


def _drawn(
    mass: np.ndarray, shower: Shower, generator: np.random.Generator
) -> tuple[Float64[np.ndarray, "event meson 3"], Bool[np.ndarray, "event meson"]]:
    """Thermal momenta, isotropic, as many as reach the mass, their mean taken out."""
    grid = np.linspace(0, 30 * shower.temperature + 5 * shower.meson, _GRID)
    energy = np.sqrt(grid**2 + shower.meson**2)
    density = grid**2 * np.exp(-(energy - shower.meson) / shower.temperature)
    cumulative = np.concatenate(([0.0], np.cumsum(density[1:] + density[:-1])))
    most = int(mass.max() / shower.meson) + 1
    size = np.interp(generator.random((len(mass), most)), cumulative / cumulative[-1], grid)
    direction = generator.normal(size=(len(mass), most, 3))
    p = size[..., None] * direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    before = np.cumsum(np.sqrt(size**2 + shower.meson**2), axis=1)
    real = np.concatenate((np.ones((len(mass), 1), bool), before[:, :-1] < mass[:, None]), axis=1)
    mean = np.where(real[..., None], p, 0).sum(axis=1) / real.sum(axis=1)[:, None]
    return p - mean[:, None], real


def _scales(
    p: np.ndarray, real: np.ndarray, mass: np.ndarray, meson: float
) -> tuple[Float64[np.ndarray, "event"], Bool[np.ndarray, "event"]]:
    """Factor in (0, 2) by which the momenta make up the mass, and whether there is one and three mesons."""
    square = (p**2).sum(axis=-1)

    def total(scale: np.ndarray) -> np.ndarray:
        energy = np.sqrt(scale[:, None] ** 2 * square + meson**2)
        return np.where(real, energy, 0).sum(axis=1)

    low, high = np.zeros(len(mass)), np.full(len(mass), 2.0)
    solved = (total(low) < mass) & (total(high) > mass) & (real.sum(axis=1) >= 3)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        below = total(middle) < mass
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2, solved


def _two_body(
    parents: Float64[np.ndarray, "parent 4"], mass: np.ndarray, generator: np.random.Generator
) -> Float64[np.ndarray, "daughter 4"]:
    """Two daughters of equal mass for each parent, side by side, isotropic in its frame."""
    half = invariant_mass(parents) / 2
    size = np.sqrt(np.maximum(half**2 - mass**2, 0))
    direction = generator.normal(size=(len(parents), 3))
    p = size[:, None] * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    pairs = np.stack([np.column_stack((half, p)), np.column_stack((half, -p))], axis=1)
    return boost(pairs, -(parents[:, 1:] / parents[:, :1])[:, None]).reshape(-1, 4)


def _inserted(
    events: Particles,
    removed: np.ndarray,
    event: np.ndarray,
    pdg: np.ndarray,
    charge: np.ndarray,
    momentum: np.ndarray,
) -> Particles:
    """The events without some rows and with further particles, which start where the removed one did."""
    vertex = events.vertex[removed][event]
    kept = events.keep(np.bincount(removed, minlength=len(events.pdg)) == 0)
    order = np.argsort(np.concatenate((kept.event, event)), kind="stable")
    columns = (pdg, charge, momentum, vertex)
    joined = [
        np.concatenate((old, new.astype(old.dtype)))[order]
        for old, new in zip(kept[1:], columns, strict=True)
    ]
    offset = kept.offset + np.concatenate(([0], np.cumsum(np.bincount(event, minlength=events.events))))
    return Particles(offset, *joined)
