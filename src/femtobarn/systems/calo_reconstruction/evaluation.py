"""Settings of the evaluation, and what networks and trees say of the same test showers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from femtobarn.errors import InputError
from femtobarn.systems.calo_reconstruction import baselines, study
from femtobarn.systems.calo_reconstruction.sample import TASKS, Data, Split, hadronic_ratio, of_task
from femtobarn.systems.calo_reconstruction.study import GEOMETRIES, TITLES, Part, Trained


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test showers."""

    bins: tuple[float, ...] = (5.0, 7.0, 10.0, 14.0, 20.0, 28.0, 38.0, 50.0)
    """Edges in energy for response and resolution, GeV."""
    wide_bins: tuple[float, ...] = (5.0, 10.0, 20.0, 30.0, 50.0)
    """Edges in energy for the AUC, GeV."""
    electron_like: float = 0.05
    """Ratio of HCAL to ECAL, in file units, below which a pion looks like an electron: e or pi also there."""
    rounds: int = 400
    """Boosted trees, at most."""
    bootstraps: int = 200
    """Samples drawn with replacement behind the errors of differences."""
    least: int = 40
    """Showers that a bin of energy must have."""
    nulls: int = 2
    """Trainings of a classifier of Geant4 against Geant4 behind the null of that against the GAN; 0 for none."""
    calls: int = 100
    """Single showers behind a latency; 0 leaves it out."""

    def __post_init__(self) -> None:
        for edges in (self.bins, self.wide_bins):
            if len(edges) < 2 or list(edges) != sorted(set(edges)):
                raise InputError(f"expected rising edges of bins in GeV, got {edges}")
        if self.bootstraps < 2 or self.rounds < 1 or self.least < 2 or self.calls < 0:
            raise InputError(
                "expected at least two bootstraps and showers a bin, one round, calls of 0 or more"
            )


class Outcome(NamedTuple):
    """One method on the test showers of a task."""

    task: str
    method: str
    geometry: str
    seed: int
    score: Float64[np.ndarray, "shower"]
    energy: Float64[np.ndarray, "shower"]

    @property
    def labels(self) -> dict[str, str]:
        """As in tables."""
        return {
            "task": TASKS[self.task].title,
            "method": TITLES.get(self.method, self.method),
            "cells": GEOMETRIES[self.geometry],
        }


class Truth(NamedTuple):
    """Test showers of a task and what is known of them."""

    rows: Int[np.ndarray, "shower"]
    label: Int[np.ndarray, "shower"]
    energy: Float64[np.ndarray, "shower"]
    pdg: Int[np.ndarray, "shower"]
    ratio: Float64[np.ndarray, "shower"]


def truth_of(split: Split, data: Data, task: str) -> Truth:
    """The test showers of a task."""
    rows, label, _ = of_task(split.test, task, data)
    columns = split.test.columns
    ratio = hadronic_ratio(split.test)[rows]
    return Truth(rows, label, columns["energy"][rows], columns["pdg"][rows], ratio)


def of_networks(trained: Sequence[Trained], split: Split, data: Data) -> list[Outcome]:
    """All networks on the test showers of their tasks."""
    tables = {each.part.task: study.table(split.test, each.part.task, data) for each in trained}
    found = []
    for each in trained:
        out = study.outputs(each.model, tables[each.part.task])
        part = each.part
        found.append(
            Outcome(part.task, part.network, part.geometry, part.seed, out.logit.numpy(), out.energy.numpy())
        )
    return found


def of_trees(
    part: Part,
    split: Split,
    data: Data,
    shapes: dict[str, Float64[np.ndarray, "shower feature"]],
    settings: Evaluation,
) -> Outcome:
    """Boosted trees on the features of a task and geometry, fitted and applied.

    Args:
        part: Which method, task and geometry.
        split: The showers.
        data: Their cuts.
        shapes: Features of all showers of the samples "train", "validation" and "test".
        settings: Rounds.
    """
    columns = []
    for name in ("train", "validation", "test"):
        showers = getattr(split, name)
        rows, label, _ = of_task(showers, part.task, data)
        columns.append(
            (
                shapes[name][rows],
                label,
                showers.columns["energy"][rows],
                split.calibration.energy(showers)[rows],
            )
        )
    trees = baselines.fit_trees(*columns[0], validation=columns[1], seed=part.seed, rounds=settings.rounds)
    x, _, _, sums = columns[2]
    return Outcome(part.task, part.network, part.geometry, part.seed, trees.score(x), trees.energy(x, sums))


def grouped(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Outcomes that differ by their seed only, together."""
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.task, outcome.geometry, outcome.method), []).append(outcome)
    return [group for _, group in sorted(groups.items(), key=lambda pair: (pair[0][1] != "clic", pair[0][1]))]
