"""Energy spots: showers as points with energy, and the sampling fluctuations that go with them.

GFLASH's spots have equal energies, which leaves gaps in the spectrum of small voxels and too few of them filled.
Here the energies within a section are exponential, and the tail, where spots lie alone, has twice as many of half
the energy. Profiles and fluctuations of the sums stay the same, and voxels are filled as by Geant4
(``docs/showers.md``).

All compiled code is in this one file because numba's disk cache watches only the file of the function stored.
"""

from math import cos, log, pi, sqrt
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int16, Int32, UInt64

from femtobarn.compiled import njit
from femtobarn.simulate.detector import draws
from femtobarn.simulate.showers.calorimeter import Calorimeter

_SIGNAL, _PLACE = 101, 102  # what keys are derived for
_FINER = 2.0  # spots of the tail for each one of the paper


class Slices(NamedTuple):
    """What showers leave in each section of a calorimeter, before the fluctuations of its signal."""

    energy: Float[np.ndarray, "shower section"]  # GeV
    spots: Float[np.ndarray, "shower section"]  # mean number, as in the paper
    core: Float[np.ndarray, "shower section"]  # radii in mm: half of a component lies within its radius
    tail: Float[np.ndarray, "shower section"]
    weight: Float[np.ndarray, "shower section"]  # share of the core


class Spots(NamedTuple):
    """Points with energy, in no order. `radius` and `phi` are seen from the axis of the incident particle."""

    shower: Int32[np.ndarray, " spot"]  # which shower it belongs to
    layer: Int16[np.ndarray, " spot"]  # among those that are read out
    radius: Float32[np.ndarray, " spot"]  # mm
    phi: Float32[np.ndarray, " spot"]  # in (-pi, pi)
    energy: Float32[np.ndarray, " spot"]  # GeV

    def layers(self, showers: int, layers: int) -> Float[np.ndarray, "shower layer"]:
        """Energy in GeV of each shower in each layer, for so many showers and layers."""
        row = self.shower.astype(np.int64) * layers + self.layer
        return np.bincount(row, self.energy, showers * layers).reshape(showers, layers)


def joined(parts: list[Spots]) -> Spots:
    """The spots of all parts: showers of the same number become one."""
    return Spots(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def scatter(slices: Slices, calorimeter: Calorimeter, keys: UInt64[np.ndarray, " shower"]) -> Spots:
    """Spots within each section that is read out, `shower` being the row of the slices.

    The measured energy of a section is drawn from a gamma law whose mean is the section's response times the
    energy and whose relative width is stochastic / sqrt(energy / GeV); without stochastic term it is the mean.
    """
    read = calorimeter.layer >= 0
    response = calorimeter.each(lambda section: section.response)[read]
    stochastic = calorimeter.each(lambda section: section.stochastic)[read]
    energy, spots, core, tail, weight = (np.ascontiguousarray(column[:, read]) for column in slices)
    energy = energy * response
    mean = np.stack([spots * weight, _FINER * spots * (1 - weight)], axis=2)
    count = np.empty(mean.shape, np.int32)
    _fluctuate(draws.derived(keys, _SIGNAL), stochastic**2 * response, mean, energy, count)
    total = int(count.sum())
    found = Spots(
        np.empty(total, np.int32),
        np.empty(total, np.int16),
        *(np.empty(total, np.float32) for _ in range(3)),
    )
    radii = np.stack([core, tail], axis=2)
    _scatter(draws.derived(keys, _PLACE), energy, count, radii, calorimeter.layer[read], *found)
    return found


@njit
@no_type_check
def _bits(key, number):
    """As `draws._hash`: output `number` of SplitMix64 from state `key`."""
    state = key + (np.uint64(number) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@njit
@no_type_check
def _uniform(key, number):
    return (float(_bits(key, number) >> np.uint64(12)) + 0.5) * 2.0**-52


@njit
@no_type_check
def _gamma(key, number, shape):
    """A draw from the gamma law of unit scale (Marsaglia and Tsang 2000) and the next free number."""
    boost = 1.0
    if shape < 1:
        boost = _uniform(key, number) ** (1 / shape)
        number += 1
        shape += 1
    d = shape - 1 / 3
    c = 1 / sqrt(9 * d)
    while True:
        u1, u2, u3 = _uniform(key, number), _uniform(key, number + 1), _uniform(key, number + 2)
        number += 3
        x = sqrt(-2 * log(u1)) * cos(2 * pi * u2)
        v = (1 + c * x) ** 3
        if v > 0 and log(u3) < 0.5 * x * x + d - d * v + d * log(v):
            return d * v * boost, number


@njit(cache=True, nogil=True)
@no_type_check
def _fluctuate(keys, scale, mean, energy, count):
    """Draw measured energies in place, and numbers of spots in core and tail: the mean, rounded at random."""
    for shower in range(energy.shape[0]):
        key, number = keys[shower], 0
        for section in range(energy.shape[1]):
            count[shower, section] = 0
            if energy[shower, section] <= 0:
                continue
            if scale[section] > 0:
                drawn, number = _gamma(key, number, energy[shower, section] / scale[section])
                energy[shower, section] = drawn * scale[section]
            if energy[shower, section] > 0:
                core, tail = mean[shower, section, 0], mean[shower, section, 1]
                count[shower, section, 0] = int(core + _uniform(key, number))
                count[shower, section, 1] = int(tail + _uniform(key, number + 1))
                if count[shower, section].sum() == 0:
                    part = 0 if core >= _uniform(key, number + 2) * (core + tail / _FINER) else 1
                    count[shower, section, part] = 1
            number += 3


@njit(cache=True, nogil=True)
@no_type_check
def _scatter(keys, energy, count, scale, layer, shower_of, layer_of, radius, phi, share):
    """Place the spots: r = R sqrt(u / (1 - u)) is distributed as 2 r R^2 / (r^2 + R^2)^2."""
    i = 0
    for shower in range(energy.shape[0]):
        key, number = keys[shower], 0
        for section in range(energy.shape[1]):
            first, total = i, 0.0
            for part in range(2):
                R, size = scale[shower, section, part], 1.0 if part == 0 else 1.0 / _FINER
                for _ in range(count[shower, section, part]):
                    bits = _bits(key, number)  # 32 bits are enough for the direction and for the energy
                    u = _uniform(key, number + 1)
                    number += 2
                    part_of_one = np.float32((float(bits & np.uint64(0xFFFFFFFF)) + 0.5) * 2.0**-32)
                    each = size * max(-log(part_of_one), 1e-6)  # rounding may give log(1)
                    total += each
                    shower_of[i], layer_of[i], share[i] = shower, layer[section], each
                    radius[i] = R * sqrt(u / (1 - u))
                    phi[i] = (float(bits >> np.uint64(32)) + 0.5) * (2 * pi * 2.0**-32) - pi
                    i += 1
            for spot in range(first, i):
                share[spot] *= energy[shower, section] / total
