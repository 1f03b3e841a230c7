"""Events of each problem: the toy of photon pairs or the published outputs, and HIGGS of the UCI repository."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from femtobarn.data.source import InMemory
from femtobarn.datasets import diphotons, higgs
from femtobarn.errors import InputError
from femtobarn.runs import Provenance
from femtobarn.simulate.diphotons import OBSERVABLES
from femtobarn.study import Split, check_shares, cut

Scores = Float[np.ndarray, "_"]
DIPHOTONS, HIGGS = "diphotons", "HIGGS"


@dataclass(frozen=True)
class Data:
    """Which events a run works on."""

    events: int = 60_000
    """Events of the photon-pair toy."""
    outputs: tuple[Path, ...] = ()
    """The published outputs of weak classifiers, signal file then background file, instead of the toy."""
    higgs: Path | None = None
    """HIGGS.csv.gz of the UCI repository, or part of it: a second problem beside the photon pairs."""
    higgs_rows: int = 100_000
    """Events of HIGGS, at most."""
    validation: float = 0.1
    """Share of the events by which settings are chosen."""
    test: float = 0.4
    """Share of the events kept for the results."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        if len(self.outputs) not in (0, 2):
            raise InputError(f"one file of signal and one of background expected: got {len(self.outputs)}")


@dataclass(frozen=True)
class Table:
    """Events with features."""

    x: Float[np.ndarray, "event feature"]
    label: Int[np.ndarray, "event"]

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: Int[np.ndarray, "_"]) -> "Table":
        """These events."""
        return Table(self.x[rows], self.label[rows])

    def classes(self, score: Scores) -> tuple[Scores, Scores]:
        """Background and signal of the scores of these events."""
        return score[self.label == 0], score[self.label == 1]


@dataclass(frozen=True)
class Problem:
    """Events of one kind and what their features are."""

    split: Split[Table]
    names: tuple[str, ...]
    paired: tuple[int, ...]
    """Features of which pairs are taken, too."""
    ready: bool = False
    """Whether the features are outputs of weak classifiers."""

    def drawn(self, count: int, seed: int) -> Table:
        """Some of the training events, the same for every method."""
        if count > len(self.split.train):
            raise InputError(f"there are {len(self.split.train)} training events: got {count} asked for")
        return self.split.train.take(np.random.default_rng(seed).permutation(len(self.split.train))[:count])


@dataclass(frozen=True)
class Problems:
    """All problems of a run by name."""

    by_name: Mapping[str, Problem]

    @property
    def provenance(self) -> Provenance:
        """Of the first problem."""
        return next(iter(self.by_name.values())).split.provenance

    @property
    def sizes(self) -> dict[str, int]:
        """Events of each sample."""
        return {
            f"{name} {part}": size for name, p in self.by_name.items() for part, size in p.split.sizes.items()
        }


def load(settings: Data, *, seed: int) -> Problems:
    """The events of a run.

    Raises:
        InputError: A file cannot be read or has too few events.
    """
    if settings.outputs:
        made = diphotons.open_outputs(*settings.outputs)
        provenance = Provenance.of_files("CaltechDATA 1335", settings.outputs)
        names = tuple(f"h{i}" for i in range(made.read(["features"], 0, 1)["features"].shape[1]))
        problems = {DIPHOTONS: Problem(_split(made, provenance, settings, seed), names, (), ready=True)}
    else:
        made = diphotons.stand_in(settings.events, seed=seed)
        content = {"events": settings.events, "seed": seed}
        provenance = Provenance("stand-in", diphotons.NAME, "formulas of a toy", generator=content)
        every = tuple(range(len(OBSERVABLES)))
        problems = {DIPHOTONS: Problem(_split(made, provenance, settings, seed), OBSERVABLES, every)}
    if settings.higgs is not None:
        made = higgs.open_higgs(settings.higgs, rows=settings.higgs_rows)
        provenance = Provenance.of_files(higgs.NAME, [settings.higgs])
        derived = tuple(higgs.FEATURES.index(name) for name in higgs.DERIVED)
        problems[HIGGS] = Problem(_split(made, provenance, settings, seed), higgs.FEATURES, derived)
    return Problems(problems)


def _split(source: InMemory, provenance: Provenance, settings: Data, seed: int) -> Split[Table]:
    columns = source.read(["features", "label"], 0, len(source))
    table = Table(columns["features"], columns["label"])
    return cut(table, provenance, validation=settings.validation, test=settings.test, seed=seed)
