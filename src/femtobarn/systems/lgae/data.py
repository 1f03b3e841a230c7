"""The jets of a run: quark and gluon jets to learn from, and jets of tops, W and Z bosons to be found."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from femtobarn.data.source import Source
from femtobarn.datasets import jetnet
from femtobarn.errors import InputError
from femtobarn.evaluation.jet_clouds import Jets
from femtobarn.runs import Provenance
from femtobarn.simulate.toy_jets import toy_jets
from femtobarn.study import Split, check_shares, cut

JetClass = Literal["g", "q", "t", "w", "z"]


@dataclass(frozen=True)
class Data:
    """Which jets a run works on."""

    engine: Literal["pythia", "toy"] = "pythia"
    """Generator of the stand-in, where no files are given."""
    files: tuple[Path, ...] = ()
    """Files in JetNet layout of the background, such as g.hdf5 and q.hdf5."""
    signal_files: tuple[Path, ...] = ()
    """Files in JetNet layout, one for each signal, named after it."""
    classes: tuple[JetClass, ...] = ("g", "q")
    """Classes of the stand-in that are background, in equal parts."""
    signals: tuple[JetClass, ...] = ("t", "w", "z")
    """Classes of the stand-in that are to be found."""
    jets: int = 5000
    """Background jets of the stand-in, or of the files, at most."""
    signal_jets: int = 1000
    """Jets of each signal, at most."""
    particles: int = 30
    """Hardest particles kept of each jet."""
    validation: float = 0.1
    """Share of the background by which the best epoch is chosen."""
    test: float = 0.5
    """Share of the background kept for the results."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        if self.jets < 200 or self.signal_jets < 40 or self.particles < 3 or not self.classes:
            raise InputError(
                "expected 200 background jets of a class, 40 of each signal and 3 particles: got "
                f"{self.jets}, {self.signal_jets}, {self.particles}, {self.classes}"
            )


@dataclass(frozen=True)
class Problem(Split[Jets]):
    """The background of a run in three parts; signals are made when they are asked for."""

    settings: Data
    seed: int
    workers: int

    def signals(self, *, progress: bool = False) -> dict[str, Jets]:
        """What is to be found, by name. Nothing but the evaluation asks for it."""
        data = self.settings
        if data.files:
            sources = {p.stem: jetnet.open_jets(p, particles=data.particles) for p in data.signal_files}
            return {name: _read(source, data.signal_jets, self.seed) for name, source in sources.items()}
        made = (
            stand_in(data, name, data.signal_jets, seed=self.seed, workers=self.workers, progress=progress)
            for name in data.signals
        )
        return dict(zip(data.signals, made, strict=True))


def load(data: Data, *, seed: int, workers: int, progress: bool) -> Problem:
    """The background of a run, shuffled by the seed and cut in three.

    Raises:
        InputError: A file cannot be read, or there are too few jets.
    """
    if data.files:
        jets = _read(jetnet.open_jets(data.files, particles=data.particles), data.jets, seed)
        provenance = Provenance.of_files(jetnet.known_as(data.files), data.files)
    else:
        share = -(-data.jets // len(data.classes))
        parts = [
            stand_in(data, name, share, seed=seed, workers=workers, progress=progress)
            for name in data.classes
        ]
        jets = Jets(*(torch.cat([getattr(p, name) for p in parts]) for name in ("relative", "mask", "axis")))
        content: dict[str, Any] = {"classes": list(data.classes), "jets": len(jets), "seed": seed}
        engine = "toy cascade" if data.engine == "toy" else "Pythia 8 and FastJet"
        provenance = Provenance("stand-in", jetnet.NAME, engine, generator=content)
    three = cut(
        jets, provenance, validation=data.validation, test=data.test, seed=seed, least=20, what="jets"
    )
    return Problem(three.train, three.validation, three.test, provenance, data, seed, workers)


def _read(source: Source, limit: int, seed: int) -> Jets:
    """All jets of a source, or some drawn at random, so that every one of its files is among them."""
    columns = source.read(["particles", "mask", "jet"], 0, len(source))
    if len(source) > limit:
        rows = np.sort(np.random.default_rng(seed).choice(len(source), limit, replace=False))
        columns = {name: values[rows] for name, values in columns.items()}
    return Jets.of(columns)


def stand_in(
    data: Data, name: str, count: int, *, seed: int, workers: int = 1, progress: bool = False
) -> Jets:
    """Jets of the stand-in."""
    if data.engine == "pythia":
        made = jetnet.stand_in(
            name, count, seed=seed, particles=data.particles, workers=workers, progress=progress
        )
        return _read(made, count, seed)
    draw = np.random.default_rng([seed, jetnet.CLASSES.index(name)])
    particles, mask = toy_jets(name, count, generator=draw, particles=data.particles)
    jet = np.column_stack((draw.uniform(950, 1050, count), draw.normal(size=count)))
    return Jets.of({"particles": particles, "mask": mask, "jet": jet})
