"""Tracks: what charged particles lose by ionisation before they shower, and muons all along."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt64
from scipy.special import ndtri

from femtobarn.simulate.detector import draws
from femtobarn.simulate.showers.calorimeter import Calorimeter
from femtobarn.simulate.showers.spots import Slices, Spots, scatter

# Losses in 0.3 mm of silicon: most probable 84 keV of 105 keV in the mean (Bichsel, Rev. Mod. Phys. 60 (1988) 663).
# Moyal's law stands for Landau's, whose mean is infinite: x = most probable - width ln(z^2), z normal, of mean
# most probable + 1.270 width.
_MOST_PROBABLE = 0.8
_WIDTH = (1 - _MOST_PROBABLE) / 1.2703628  # so that the mean is 1


def muons(
    energies: Float[np.ndarray, " shower"], calorimeter: Calorimeter, keys: UInt64[np.ndarray, " shower"]
) -> Spots:
    """Spots of muons: a track until the energy is used up. Radiation is left out."""
    _, signal = track(energies, np.full(len(energies), np.inf), calorimeter)
    return scatter_track(signal, calorimeter, keys)


def track(
    energies: Float[np.ndarray, " shower"], start: Float[np.ndarray, " shower"], calorimeter: Calorimeter
) -> tuple[Float[np.ndarray, " shower"], Float[np.ndarray, "shower section"]]:
    """Energy lost by ionisation up to a depth in interaction lengths, or until nothing is left, and its signal."""
    edges = calorimeter.interaction_depth
    unit = calorimeter.each(lambda section: section.medium.interaction_length)
    path = np.clip(start[:, None] - edges[:-1], 0.0, np.diff(edges)) * unit
    loss = path * calorimeter.each(lambda section: section.medium.mip) / 1e3
    before = np.cumsum(loss, axis=1) - loss
    kept = np.clip(np.divide(energies[:, None] - before, loss, out=np.zeros_like(loss), where=loss > 0), 0, 1)
    signal = path * kept * calorimeter.each(lambda section: section.mip) / 1e3
    return (loss * kept).sum(axis=1), signal


def scatter_track(
    signal: Float[np.ndarray, "shower section"], calorimeter: Calorimeter, keys: UInt64[np.ndarray, " shower"]
) -> Spots:
    """The track lies on the axis; `scatter` expects energies before the response.

    In thin sections the signal fluctuates as single losses do, in others as that of a shower.
    """
    thin = calorimeter.each(lambda section: section.thin) > 0
    if thin.any():
        number = np.broadcast_to(np.arange(signal.shape[1]), signal.shape)
        own = np.broadcast_to(draws.derived(keys, 21)[:, None], signal.shape)
        normal = ndtri(draws.uniform(np.ascontiguousarray(own), np.ascontiguousarray(number)))
        loss = _MOST_PROBABLE - _WIDTH * np.log(np.maximum(normal**2, 1e-12))
        signal = np.where(thin, signal * np.maximum(loss, 0.0), signal)
        calorimeter = _steady(calorimeter)
    response = calorimeter.each(lambda section: section.response)
    one = np.ones_like(signal)
    return scatter(Slices(signal / response, one, 0.5 * one, 0.5 * one, one), calorimeter, keys)


@lru_cache(maxsize=32)
def _steady(calorimeter: Calorimeter) -> Calorimeter:
    """The calorimeter whose thin sections add no fluctuations of their own."""
    sections = (replace(each, stochastic=0.0) if each.thin else each for each in calorimeter.sections)
    return replace(calorimeter, sections=tuple(sections))
