"""Coarse images of QCD and dark showers above a cut on HT: Pythia, pile-up and detector, kept in the cache."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from femtobarn.errors import InputError
from femtobarn.physics.event_images import COARSE
from femtobarn.simulate.chunks import Arrays, Chunks
from femtobarn.simulate.collisions.dark import Shower, decay_scalars, suep_process
from femtobarn.simulate.collisions.pileup import overlay
from femtobarn.simulate.collisions.processes import Process, all_soft, biased_dijets
from femtobarn.simulate.collisions.pythia import final_particles, next_records, start_pythia, version
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.collisions.semivisible import semivisible_process, without_invisible
from femtobarn.simulate.detector.detection import Detected, detect
from femtobarn.simulate.detector.images import (
    DARK_SHOWERS,
    coarse_images,
    count_tracks,
    from_vertex,
    scalar_ht,
)
from femtobarn.simulate.particles import Particles

QCD = "QCD"
#: Smallest pT (GeV) of the jet that a scalar recoils against, up to each mass: without one of 125 GeV, 2.5 % pass a cut
#: of HT > 500 GeV. Heavier scalars are made by gluon fusion alone; a recoil asked for makes their SUEP softer.
RECOIL = {125.0: 200.0, 200.0: 175.0, 300.0: 150.0}

_VERSION = 3  # raise it when the same settings give other images
_PER_CHUNK, _TOGETHER = 200, 50
_PATIENCE = 5000  # collisions without one that passes before we give up
_POOL, _POOL_PER_PILEUP = 2000, 50  # soft collisions that pile-up is drawn from, at most and by its mean
_MILLIBARN = 1e9  # pb

Finish = Callable[[Particles, np.random.Generator], Particles]


@dataclass(frozen=True)
class DarkImages:
    """What a chunk depends on, besides its seed."""

    sample: str
    """See `source_of`."""
    pileup: tuple[float, float] = (0.0, 0.0)
    """Range of the mean number of collisions laid over an event, uniform."""
    ht: float = 500.0
    """Least scalar sum of the pT of jets, GeV."""
    energy: float = 13_600.0
    """Of the two protons together, GeV."""

    def __post_init__(self) -> None:
        source_of(self.sample)
        if not 0 <= self.pileup[0] <= self.pileup[1] or self.ht < 0 or self.energy <= 0:
            raise InputError(f"expected a range of pile-up, HT >= 0 and an energy above 0, got {self}")


def suep_name(mass: float) -> str:
    """Name of the sample of SUEP from a scalar of this mass, GeV."""
    return f"SUEP {mass:g} GeV"


def source_of(sample: str) -> tuple[Process, Finish]:
    """The process that makes a sample, and what is done to its final particles.

    Raises:
        InputError: A sample other than "QCD" and such as "SUEP 125 GeV" and "SVJ 2.1 TeV".
    """
    if sample == QCD:
        return biased_dijets(), _as_it_is
    if found := re.fullmatch(r"SUEP ([\d.]+) GeV", sample):
        mass = float(found[1])
        recoil = next((pt for limit, pt in RECOIL.items() if mass <= limit), None)
        return suep_process(mass, recoil=recoil), _decayed
    if found := re.fullmatch(r"SVJ ([\d.]+) TeV", sample):
        return semivisible_process(1000 * float(found[1])), _seen_in_part
    raise InputError(
        f"semi-visible jets are such as SVJ 2.1 TeV, other samples are {QCD} and such as {suep_name(125)}: "
        f"got {sample!r}"
    )


def chunks_of(settings: DarkImages, count: int, *, seed: int) -> Chunks:
    """The chunks of a sample of `count` events that pass."""
    return Chunks(image_chunk, settings, count, _PER_CHUNK, seed, (_VERSION, *version()))


def suep_mass(sample: str) -> float | None:
    """Mass of the scalar of a sample named so, GeV; none for another name."""
    found = re.fullmatch(r"SUEP ([\d.]+) GeV", sample)
    return float(found[1]) if found else None


def image_chunk(settings: DarkImages, items: range, seed: np.random.SeedSequence) -> Arrays:
    """As many events that pass as there are items, pixels with energy only; and sums over all that were tried."""
    generator = np.random.default_rng(seed)
    process, finish = source_of(settings.sample)
    pythia = start_pythia(process, seed=seed, energy=settings.energy, mpi=True)
    found: list[Arrays] = []
    tried, passed, weights = 0, 0, np.zeros(2)
    while passed < len(items):
        records = next_records(pythia, _TOGETHER)
        events = finish(final_particles(pythia, records), generator)
        part = seen(events, settings, generator) | {"weight": records.weight}
        kept = part["ht"] > settings.ht
        tried, passed = tried + len(kept), passed + int(kept.sum())
        weights += records.weight.sum(), records.weight[kept].sum()
        found.append({name: column[kept] for name, column in part.items()})
        if not passed and tried >= _PATIENCE:
            raise InputError(f"{settings.sample}: none of {tried} collisions has HT > {settings.ht:g} GeV")
    table = {name: np.concatenate([part[name] for part in found])[: len(items)] for name in found[0]}
    totals = {"tried": tried, "passed": passed, "tried_weight": weights[0], "passed_weight": weights[1]}
    section = pythia.infoPython().sigmaGen() * _MILLIBARN
    return (
        _packed(table.pop("image"))
        | table
        | {name: np.array([value]) for name, value in {**totals, "cross_section": section}.items()}
    )


def seen(events: Particles, settings: DarkImages, generator: np.random.Generator) -> Arrays:
    """Pile-up and detector: image, tracks, HT and mean pile-up of each event."""
    detected, kept, pileup = _detected(events, settings, generator)
    return {
        "image": coarse_images(detected, kept=kept),
        "n_tracks": count_tracks(detected, kept=kept),
        "ht": scalar_ht(detected, kept=kept),
        "pileup": pileup,
    }


def detected_events(settings: DarkImages, count: int, *, seed: int) -> Detected:
    """Some events of the sample in the detector, whatever their HT, such as to time what is made of them."""
    process, finish = source_of(settings.sample)
    pythia = start_pythia(process, seed=np.random.SeedSequence(seed), energy=settings.energy, mpi=True)
    generator = np.random.default_rng(seed)
    events = finish(final_particles(pythia, next_records(pythia, count)), generator)
    return _detected(events, settings, generator)[0]


def _detected(
    events: Particles, settings: DarkImages, generator: np.random.Generator
) -> tuple[Detected, np.ndarray | None, np.ndarray]:
    """What the detector sees, which particles seem to be of the event's own vertex, and the mean pile-up."""
    pileup, kept = generator.uniform(*settings.pileup, events.events), None
    if settings.pileup[1] > 0:
        events, collision = overlay(events, pool(settings), mean=pileup, generator=generator)
        kept = from_vertex(events, collision)
    return detect(events, card=DARK_SHOWERS, generator=generator), kept, pileup


def in_full(table: Arrays) -> Float32[np.ndarray, "event 72 58 3"]:
    """Images of the columns "size", "pixel" and "energy" of chunks."""
    size = table["size"]
    images = np.zeros((len(size), *COARSE), np.float32)
    event = np.repeat(np.arange(len(size)), size)
    images.reshape(len(size), -1)[event, table["pixel"]] = table["energy"]
    return images


def _packed(images: Float32[np.ndarray, "event 72 58 3"]) -> Arrays:
    flat = images.reshape(len(images), -1)
    event, pixel = np.nonzero(flat)
    size = np.bincount(event, minlength=len(flat))
    return {"size": size, "pixel": pixel.astype(np.uint16), "energy": flat[event, pixel]}


def pool(
    settings: DarkImages, *, workers: int = 1, scheduler: str | None = None, progress: bool = False
) -> Particles:
    """Soft collisions that pile-up is drawn from; the cache keeps them."""
    count = min(_POOL, max(200, round(_POOL_PER_PILEUP * settings.pileup[1])))
    return collisions(
        all_soft(), count, seed=1, energy=settings.energy, workers=workers, scheduler=scheduler,
        progress=progress,
    )  # fmt: skip


def _as_it_is(events: Particles, _: np.random.Generator) -> Particles:
    return events


def _seen_in_part(events: Particles, _: np.random.Generator) -> Particles:
    return without_invisible(events)


def _decayed(events: Particles, generator: np.random.Generator) -> Particles:
    return decay_scalars(events, Shower(), generator=generator)
