"""The jets of a run: a reference sample, and another of the same kind that is distorted."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from femtobarn.datasets import jetnet
from femtobarn.errors import InputError
from femtobarn.runs import Provenance
from femtobarn.simulate.toy_jets import toy_jets
from femtobarn.systems.generative_metrics.distortions import Jets


@dataclass(frozen=True)
class Data:
    """Which jets a run works on."""

    files: tuple[Path, ...] = ()
    """Files in the JetNet layout; without any, a stand-in is simulated."""
    engine: Literal["pythia", "toy"] = "pythia"
    """Generator of the stand-in: Pythia 8 with FastJet, or a toy parton cascade."""
    jets: str = "g"
    """Class of the stand-in's jets: g, q, t, w or z."""
    count: int = 40_000
    """Maximum number of jets; one half is the reference, the other is distorted."""
    scheduler: str | None = None
    """Address of a Dask scheduler on which the stand-in is simulated, instead of local processes."""
    particles: int = 30
    """Number of hardest particles kept of each jet."""

    def __post_init__(self) -> None:
        if self.count < 2_000:
            raise InputError(f"at least 2000 jets are needed: got {self.count}")


class Halves(NamedTuple):
    """Two samples of the same thing without a common jet."""

    reference: Jets
    other: Jets
    provenance: Provenance

    @property
    def sizes(self) -> dict[str, int]:
        """Jets of each half."""
        return {"reference": len(self.reference.mask), "other": len(self.other.mask)}


def load_halves(data: Data, *, seed: int, workers: int, progress: bool) -> Halves:
    """All jets in random order, cut in two halves.

    Raises:
        InputError: A file cannot be read, or there are too few jets.
    """
    generator = np.random.default_rng(seed)
    jets, provenance = _read(data) if data.files else _stand_in(data, generator, workers, progress)
    if len(jets.mask) < 2_000:
        raise InputError(f"at least 2000 jets are needed: got {len(jets.mask)}")
    order = generator.permutation(len(jets.mask))
    half = len(order) // 2
    return Halves(jets.take(order[:half]), jets.take(order[half : 2 * half]), provenance)


def _read(data: Data) -> tuple[Jets, Provenance]:
    source = jetnet.open_jets(data.files, particles=data.particles)
    table = source.read(("particles", "mask"), 0, data.count)
    jets = Jets(table["particles"], table["mask"])
    return jets, Provenance.of_files(jetnet.known_as(data.files), data.files)


def _stand_in(
    data: Data, generator: np.random.Generator, workers: int, progress: bool
) -> tuple[Jets, Provenance]:
    if data.engine == "toy":
        jets = Jets(*toy_jets(data.jets, data.count, generator=generator, particles=data.particles))
        source = "Lund cascade from formulas"
    else:
        table = jetnet.stand_in(
            data.jets,
            data.count,
            seed=1,
            particles=data.particles,
            workers=workers,
            scheduler=data.scheduler,
            progress=progress,
        ).read(("particles", "mask"), 0, data.count)
        jets = Jets(table["particles"], table["mask"])
        source = "Pythia 8 and FastJet"
    return jets, Provenance("stand-in", "jetnet", source, generator=asdict(data) | {"files": []})
