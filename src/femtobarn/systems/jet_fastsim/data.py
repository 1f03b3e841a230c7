"""Pairs of a generated and a reconstructed jet: from files of four layouts, from Pythia and the detector, or a toy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from femtobarn.data.split import split_by_group
from femtobarn.errors import InputError
from femtobarn.evaluation.fast_simulation.files import read_pairs
from femtobarn.physics.jet_pairs import JetPairs
from femtobarn.runs import Provenance
from femtobarn.simulate.jet_pairs import PairSample, measured_again, simulated_pairs, toy_pairs, toy_response
from femtobarn.study import Split, check_shares

_LEAST = 50  # pairs to train, to validate and to test with


@dataclass(frozen=True)
class Data:
    """Which pairs of jets a run works on."""

    engine: Literal["pythia", "toy"] = "pythia"
    """Generator of the stand-in, where no files are given."""
    files: tuple[Path, ...] = ()
    """*_gen_*.pt with *_reco_*.pt beside it, .npz of OmniFold, .root of Parnassus or PFNano."""
    events: int = 7000
    """Collisions of the stand-in, about one pair each; or pairs of the toy or of the files, at most."""
    particles: int = 50
    """Hardest particles kept of each jet."""
    pileup: float = 0.0
    """Mean number of further collisions in an event of the stand-in."""
    distance: float = 0.2
    """Largest distance of a reconstructed jet from the generated one in (eta, phi); others are dropped."""
    scheduler: str | None = None
    """Address of a Dask scheduler that makes the stand-in, instead of processes here."""
    validation: float = 0.15
    """Share of the events by which the best checkpoint is chosen."""
    test: float = 0.35
    """Share of the events kept for the results."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        if self.events < 100 or self.particles < 13 or self.distance <= 0:
            got = f"{self.events}, {self.particles}, {self.distance:g}"
            raise InputError(f"expected 100 events, 13 particles and a distance above 0: got {got}")

    @property
    def sample(self) -> PairSample:
        """Of the stand-in from Pythia."""
        return PairSample(particles=self.particles, pileup=self.pileup, distance=self.distance)


def load_split(data: Data, *, seed: int, workers: int, progress: bool) -> Split[JetPairs]:
    """Pairs of a run, cut into three by the seed; the jets of one collision stay together.

    Raises:
        InputError: A file cannot be read, or there are too few pairs.
    """
    pairs, provenance = _load(data, seed=seed, workers=workers, progress=progress)
    shares = (1 - data.validation - data.test, data.validation, data.test)
    train, validation, test = (
        pairs.take(rows) for rows in split_by_group(pairs.event, fractions=shares, seed=seed)
    )
    split = Split(train, validation, test, provenance)
    if min(split.sizes.values()) < _LEAST:
        raise InputError(f"expected {_LEAST} pairs to train, to validate and to test with, got {split.sizes}")
    return split


def measured_many_times(data: Data, jets: int, times: int, *, seed: int) -> JetPairs | None:
    """Some generated jets, each simulated `times` times; None where there is no simulation of the jets in the run."""
    if data.files:
        return None
    if data.engine == "pythia":
        return measured_again(data.sample, jets, times, seed=seed)
    draw = np.random.default_rng([seed, 2])
    number = np.repeat(np.arange(jets), times)
    made = toy_pairs(jets, particles=data.particles, generator=draw).generated.take(number)
    return JetPairs(made, toy_response(made, generator=draw), number, len(number))


def _load(data: Data, *, seed: int, workers: int, progress: bool) -> tuple[JetPairs, Provenance]:
    if data.files:
        pairs = read_pairs(data.files, particles=data.particles, distance=data.distance, most=data.events)
        return pairs, Provenance.of_files("own jets", data.files)
    content = {"events": data.events, "particles": data.particles, "pileup": data.pileup, "seed": seed}
    if data.engine == "toy":
        draw = np.random.default_rng(seed)
        pairs = toy_pairs(data.events, particles=data.particles, generator=draw)
        return pairs, Provenance("stand-in", "jet pairs", "toy cascade and smearing", generator=content)
    pairs = simulated_pairs(
        data.sample, data.events, seed=seed, workers=workers, scheduler=data.scheduler, progress=progress
    )
    return pairs, Provenance("stand-in", "jet pairs", "Pythia 8, detector, FastJet", generator=content)
