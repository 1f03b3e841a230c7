"""The jets of a run: from files in JetNet layout, from Pythia, or from the toy cascade."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from femtobarn.data.source import Source
from femtobarn.datasets import jetnet
from femtobarn.errors import InputError
from femtobarn.evaluation.jet_scores import JetSample, jet_sample
from femtobarn.nn.jet_generators import Jets
from femtobarn.runs import Provenance
from femtobarn.simulate.toy_jets import toy_jets
from femtobarn.study import Split, check_shares, cut

JetClass = Literal["g", "q", "t", "w", "z"]


@dataclass(frozen=True)
class Data:
    """Which jets a run works on."""

    engine: Literal["pythia", "toy"] = "pythia"
    """Generator of the stand-in, used where no files are given."""
    files: tuple[Path, ...] = ()
    """Files in JetNet layout, such as g.hdf5, of one class."""
    jet_class: JetClass = "g"
    """Jet class (gluon, light quark, top, W or Z) of the stand-in, and the label of your files in tables."""
    jets: int = 40_000
    """Number of stand-in jets; of files, the maximum."""
    scheduler: str | None = None
    """Address of a Dask scheduler on which the stand-in is simulated, instead of local processes."""
    particles: int = 30
    """Number of hardest particles kept of each jet."""
    validation: float = 0.25
    """Fraction of the jets in the validation sample, which chooses the best checkpoint."""
    test: float = 0.25
    """Fraction of the jets in the test sample."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        if self.jets < 800 or self.particles < 1:
            got = f"{self.jets} jets of {self.particles} particles"
            raise InputError(f"at least 800 jets of 1 particle are needed: got {got}")


@dataclass(frozen=True)
class JetTable:
    """Jets as padded sets of particles, a row each."""

    particles: Float[Tensor, "jet particle 3"]
    mask: Bool[Tensor, "jet particle"]

    def __len__(self) -> int:
        return len(self.mask)

    def take(self, rows: Sequence[int] | np.ndarray | slice) -> "JetTable":
        """These jets."""
        index = rows if isinstance(rows, slice) else torch.as_tensor(rows)
        return JetTable(self.particles[index], self.mask[index])

    def first(self, count: int) -> "JetTable":
        """The first jets, at most so many."""
        return self.take(slice(count))

    @property
    def jets(self) -> Jets:
        """As generators make and take them."""
        return Jets(self.particles, self.mask)

    @property
    def multiplicity(self) -> Int[Tensor, "jet"]:
        """Particles of each jet."""
        return self.mask.sum(dim=1)


def scored(jets: Jets) -> JetSample:
    """Jets with the features that the metrics need."""
    return jet_sample(jets.particles.numpy(), jets.mask.numpy())


def load_split(data: Data, *, seed: int, workers: int, progress: bool) -> Split[JetTable]:
    """Jets of a run, shuffled by the seed and cut into three.

    Raises:
        InputError: A file cannot be read, or there are too few jets.
    """
    jets, provenance = _load(data, seed=seed, workers=workers, progress=progress)
    shares = {"validation": data.validation, "test": data.test}
    return cut(jets, provenance, **shares, seed=seed, least=200, what="jets")  # FPD needs 200


def _load(data: Data, *, seed: int, workers: int, progress: bool) -> tuple[JetTable, Provenance]:
    if data.files:
        source = jetnet.open_jets(data.files, particles=data.particles)
        return _read(source, data.jets), Provenance.of_files(jetnet.known_as(data.files), data.files)
    settings = {"jet_class": data.jet_class, "jets": data.jets, "particles": data.particles, "seed": seed}
    if data.engine == "toy":
        generator = np.random.default_rng(seed)
        arrays = toy_jets(data.jet_class, data.jets, generator=generator, particles=data.particles)
        return _table(*arrays), Provenance("stand-in", "jetnet", "toy cascade", generator=settings)
    source = jetnet.stand_in(
        data.jet_class,
        data.jets,
        seed=seed,
        particles=data.particles,
        workers=workers,
        scheduler=data.scheduler,
        progress=progress,
    )
    provenance = Provenance("stand-in", "jetnet", "Pythia 8 and FastJet", generator=settings)
    return _read(source, len(source)), provenance


def _read(source: Source, limit: int) -> JetTable:
    columns = source.read(["particles", "mask"], 0, min(limit, len(source)))
    return _table(columns["particles"], columns["mask"])


def _table(particles: np.ndarray, mask: np.ndarray) -> JetTable:
    x = torch.from_numpy(np.ascontiguousarray(particles, dtype=np.float32))
    return JetTable(x, torch.from_numpy(np.ascontiguousarray(mask, dtype=bool)))
