"""Jets from formulas: a cascade of emissions in the Lund plane, without any generator."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError, check_known

CLASSES = ("g", "q", "t", "w", "z")

_PT = 1000.0  # of every jet, GeV
_RADIUS = 0.8
_LEAST_KT = 0.2  # of an emission to its emitter, GeV
_COUPLING = 0.25  # a strong coupling that does not run
_C_F, _C_A = 4 / 3, 3.0
_TOP, _W, _Z = 172.8, 80.4, 91.2  # masses, GeV
_FORWARD = 0.9  # largest |cos| of a decay angle; beyond it the slow prong leaves the jet


class _Prongs(NamedTuple):
    """Particles of many jets: which jet, share of its pT, place, and the angle within which they radiate."""

    jet: Int[np.ndarray, "prong"]
    pt: Float[np.ndarray, "prong"]
    place: Float[np.ndarray, "prong 2"]
    opening: Float[np.ndarray, "prong"]


def toy_jets(
    jet_class: str, count: int, *, generator: np.random.Generator, particles: int = 30
) -> tuple[Float[np.ndarray, "jet particle 3"], Bool[np.ndarray, "jet particle"]]:
    """Draw `count` jets of one class as padded (eta_rel, phi_rel, pt_rel), hardest first, and their mask.

    A gluon, a light quark, or the two or three quarks that a W, Z or top of 1 TeV decays to in its rest
    frame without preferred direction, emit gluons uniformly in (ln 1/angle, ln 1/share of pT) where the
    relative transverse momentum is above 0.2 GeV (the Lund plane, doi:10.1007/BF01550769; see
    arXiv:1807.04758), and these gluons emit once more at smaller angles. The number is Poisson distributed
    with density 2 alpha C / pi, alpha = 0.25, C = 3 for gluons and 4/3 for quarks. There is no running
    coupling, recoil or hadronisation: good for tests, and a number obtained on these jets means nothing
    for physics.

    Args:
        jet_class: One of "g", "q", "t", "w", "z".
        count: Number of jets.
        generator: The only source of randomness.
        particles: How many of the hardest to give; the shares of pT of all add up to 1.

    Raises:
        InputError: An unknown class, a negative count, or no particles asked for.
    """
    check_known("class of jets", [jet_class], CLASSES)
    if count < 0 or particles < 1:
        raise InputError(f"expected count >= 0 and particles >= 1, got {count} and {particles}")
    hard = _hard_prongs(jet_class, count, generator)
    hard, gluons = _radiate(hard, _C_A if jet_class == "g" else _C_F, generator)
    gluons, soft = _radiate(gluons, _C_A, generator)
    return _padded(_joined(hard, gluons, soft), count, particles)


def _hard_prongs(jet_class: str, count: int, generator: np.random.Generator) -> _Prongs:
    whole = _Prongs(np.arange(count), np.ones(count), np.zeros((count, 2)), np.full(count, _RADIUS))
    if jet_class in "gq":
        return whole
    if jet_class in "wz":
        return _joined(*_decayed(whole, _W if jet_class == "w" else _Z, 0.0, generator))
    bottom, w = _decayed(whole, _TOP, _W, generator)
    return _joined(bottom, *_decayed(w, _W, 0.0, generator))


def _decayed(
    parent: _Prongs, mass: float, heavy: float, generator: np.random.Generator
) -> tuple[_Prongs, _Prongs]:
    """A massless prong and one of mass `heavy`; their angles follow from the transverse momentum."""
    cos = generator.uniform(-_FORWARD, _FORWARD, len(parent.jet))
    azimuth = generator.uniform(-np.pi, np.pi, len(cos))
    momentum = (mass**2 - heavy**2) / (2 * mass)
    share = (1 - (heavy / mass) ** 2) * (1 + cos) / 2  # of the light-cone momentum
    kick = momentum * np.sqrt(1 - cos**2) / (_PT * parent.pt)
    direction = np.stack((np.cos(azimuth), np.sin(azimuth)), axis=1)
    first, second = (kick / share)[:, None] * direction, -(kick / (1 - share))[:, None] * direction
    opening = np.minimum(kick / share + kick / (1 - share), parent.opening)
    return (
        _Prongs(parent.jet, parent.pt * share, parent.place + first, opening),
        _Prongs(parent.jet, parent.pt * (1 - share), parent.place + second, opening),
    )


def _radiate(emitter: _Prongs, colour: float, generator: np.random.Generator) -> tuple[_Prongs, _Prongs]:
    """The emitters with what is left of their pT, and the gluons that took the rest."""
    side = np.log(np.maximum(_PT * emitter.pt * emitter.opening / _LEAST_KT, 1.0))  # of the Lund triangle
    number = generator.poisson(_COUPLING * colour / np.pi * side**2)
    source = np.repeat(np.arange(len(number)), number)
    lund = generator.uniform(size=(len(source), 2))
    lund = side[source, None] * np.where(lund.sum(axis=1, keepdims=True) > 1, 1 - lund, lund)
    angle, share = emitter.opening[source] * np.exp(-lund[:, 0]), np.exp(-lund[:, 1])
    azimuth = generator.uniform(-np.pi, np.pi, len(source))
    step = angle[:, None] * np.stack((np.cos(azimuth), np.sin(azimuth)), axis=1)
    left = emitter.pt / (1 + np.bincount(source, share, len(number)))
    gluons = _Prongs(emitter.jet[source], left[source] * share, emitter.place[source] + step, angle)
    return emitter._replace(pt=left), gluons


def _joined(*parts: _Prongs) -> _Prongs:
    return _Prongs(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _padded(
    prongs: _Prongs, count: int, particles: int
) -> tuple[Float[np.ndarray, "jet particle 3"], Bool[np.ndarray, "jet particle"]]:
    """Jets about their axis, the mean place weighted with pT, hardest particles first."""
    axis = np.stack([np.bincount(prongs.jet, prongs.pt * x, count) for x in prongs.place.T], axis=1)
    values = np.column_stack((prongs.place - axis[prongs.jet], prongs.pt)).astype(np.float32)
    order = np.lexsort((-prongs.pt, prongs.jet))
    jet = prongs.jet[order]
    rank = np.arange(len(jet)) - np.searchsorted(jet, jet)
    kept = rank < particles
    table, mask = np.zeros((count, particles, 3), np.float32), np.zeros((count, particles), bool)
    table[jet[kept], rank[kept]] = values[order[kept]]
    mask[jet[kept], rank[kept]] = True
    return table, mask
