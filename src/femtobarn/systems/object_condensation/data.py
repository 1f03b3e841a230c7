"""Simulated slices of the endcap without and with pile-up, pairs of photons, or the events of the user."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from math import pi
from pathlib import Path
from typing import Literal

import numpy as np

from femtobarn.datasets import hgcalml
from femtobarn.datasets.hgcalml import HitEvents, joined_events, of_endcap
from femtobarn.errors import InputError
from femtobarn.evaluation.endcap.files import read_hits
from femtobarn.runs import Provenance
from femtobarn.simulate.endcap import (
    Crossings,
    Endcap,
    Incoming,
    endcap_hits,
    gun,
    pairs,
    soft_crossings,
    together,
)
from femtobarn.study import check_shares

NONE, DENSE = "no pile-up", "pile-up"  #: what is trained on
PAIRS = "photon pairs"
_MARGIN = 0.06  # rad around a slice in which pile-up is simulated


@dataclass(frozen=True)
class Data:
    """Which events a run works on."""

    files: tuple[Path, ...] = ()
    """Files in HGCalML's feature arrays (HDF5) or of the authors' toy, instead of the simulation."""
    engine: Literal["pythia", "averages"] = "pythia"
    """Soft collisions of the pile-up: from Pythia, or from a model by their averages."""
    pool: int = 1000
    """Soft collisions that crossings are drawn from."""
    etas: int = 96
    """Cells of a layer in pseudorapidity; four times as many in azimuth."""
    slice: float = 30.0
    """Degrees in azimuth of an event."""
    particles: tuple[int, int] = (5, 20)
    """Least and most particles of the gun in an event, 1 to 200 GeV."""
    train: tuple[int, int] = (400, 120)
    """Events to train on, without and with pile-up."""
    validation: tuple[int, int] = (40, 16)
    """Events by which settings are chosen, without and with pile-up."""
    dense: tuple[float, float] = (40.0, 200.0)
    """Range of the mean pile-up in training."""
    pileup: tuple[float, ...] = (0.0, 40.0, 200.0)
    """Mean pile-up of the test samples."""
    test: int = 60
    """Events of each test sample."""
    pairs: int = 300
    """Pairs of photons, half a Moliere radius to four apart."""
    shares: tuple[float, float] = (0.15, 0.25)
    """Shares of the files' events that serve to choose and to test."""

    def __post_init__(self) -> None:
        check_shares(*self.shares)
        if min(*self.train, *self.validation, self.test, self.pairs) < 1 or not 0 < self.slice <= 360:
            raise InputError(f"expected events of each kind and a slice of up to 360 degrees: got {self}")
        if not (self.pileup and 0 <= self.dense[0] <= self.dense[1]) or min(self.pileup) < 0:
            raise InputError(f"expected rising pile-up of 0 or more, got {self.dense} and {self.pileup}")


@dataclass(frozen=True)
class Samples:
    """Events by name."""

    train: Mapping[str, HitEvents]
    validation: Mapping[str, HitEvents]
    test: Mapping[str, HitEvents]
    apart: np.ndarray
    """Distance of the two photons of each pair in Moliere radii."""
    provenance: Provenance

    @property
    def sizes(self) -> dict[str, int]:
        """Events of each kind."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {f"{part}, {name}": len(each) for part, some in parts.items() for name, each in some.items()}


def load(settings: Data, *, seed: int, workers: int, progress: bool) -> Samples:
    """All events of a run.

    Raises:
        InputError: A file cannot be read or has no truth, or there are too few events.
    """
    if settings.files:
        return _of_files(settings, seed=seed)
    endcap = Endcap(etas=settings.etas, phis=4 * settings.etas)
    if settings.engine == "pythia":
        crossings = Crossings.pythia(
            endcap, collisions_in_pool=settings.pool, seed=seed, workers=workers, progress=progress
        )
    else:
        crossings = soft_crossings(endcap, collisions_in_pool=settings.pool, seed=seed)
    make = functools.partial(_slices, settings, crossings)
    train, validation = (
        {
            NONE: make(counts[0], None, [seed, place, 0]),
            DENSE: make(counts[1], settings.dense, [seed, place, 1]),
        }
        for place, counts in enumerate((settings.train, settings.validation))
    )
    test = {
        name_of(mean): make(settings.test, (mean, mean), [seed, 2, number])
        for number, mean in enumerate(settings.pileup)
    }
    draw = np.random.default_rng([seed, 3])
    two, apart = pairs(settings.pairs, endcap, distance=(0.5, 4.0), generator=draw)
    test[PAIRS] = of_endcap(endcap_hits(two, endcap, generator=draw), endcap)
    content = {"pool": settings.pool, "cells": f"{endcap.etas} x {endcap.phis}", "seed": seed}
    source = f"GFLASH endcap, soft collisions by {settings.engine}"
    return Samples(
        train, validation, test, apart, Provenance("stand-in", hgcalml.NAME, source, generator=content)
    )


def name_of(mean: float) -> str:
    """Name of a test sample by its pile-up."""
    return f"{DENSE} {mean:g}" if mean else NONE


def _slices(
    settings: Data, crossings: Crossings, events: int, dense: tuple[float, float] | None, seed: list[int]
) -> HitEvents:
    """Slices at random azimuths: particles of the gun, and pile-up of a mean drawn for each event."""
    draw, endcap = np.random.default_rng(seed), crossings.endcap
    width, parts = np.radians(settings.slice), []
    for _ in range(events):
        low = draw.uniform(-pi, pi - width)
        phi = (low, low + width)
        incoming = gun(1, endcap, generator=draw, number=settings.particles, phi=phi)
        mean = 0.0 if dense is None else float(draw.uniform(*dense))
        if mean > 0:
            incoming = together([incoming, _near(crossings.incoming(mean, 1, generator=draw), phi)])
        parts.append(of_endcap(endcap_hits(incoming, endcap, generator=draw, phi=phi), endcap))
    return joined_events(parts)


def _near(incoming: Incoming, phi: tuple[float, float]) -> Incoming:
    middle, half = sum(phi) / 2, (phi[1] - phi[0]) / 2 + _MARGIN
    return incoming.keep(np.abs((incoming.phi - middle + pi) % (2 * pi) - pi) < half)


def _of_files(settings: Data, *, seed: int) -> Samples:
    """The events of files under the name of pile-up: what they have is what is deployed on."""
    parts = [read_hits(path) for path in settings.files]
    events = joined_events(parts)
    if not len(events.energy):
        raise InputError(f"{', '.join(map(str, settings.files))}: no truth to train on")
    order = np.random.default_rng(seed).permutation(len(events))
    ends = (np.cumsum(settings.shares[::-1]) * len(events)).astype(int)
    test, validation, train = np.split(order, ends)
    if min(len(test), len(validation), len(train)) < 1:
        raise InputError(f"too few events to train, validate and test: {len(events)}")
    first, second, third = ({DENSE: events.take(rows)} for rows in (train, validation, test))
    provenance = Provenance.of_files("own endcap hits", list(settings.files))
    return Samples(first, second, third, np.empty(0), provenance)
