"""Anomaly scores of level-1 trigger objects that need no network."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float64

from femtobarn.evaluation.anomaly_table import by_score, scores_without_network
from femtobarn.evaluation.scores import Scored
from femtobarn.simulate.level1_objects import KINDS

Objects = Float[np.ndarray, "_ 19 3"]  #: pT (GeV), eta and phi


def simple_level1_scores(objects: Objects) -> dict[str, Float64[np.ndarray, "event"]]:
    """What a trigger cuts on anyway, by name: missing energy, sums, hardest objects, their number."""
    pt = objects[..., 0].astype(np.float64)
    ends = np.cumsum([kind.count for kind in KINDS])[:-1]
    missing, electrons, muons, jets = np.split(pt, ends, axis=1)
    return {
        "missing energy": missing[:, 0],
        "sum of jet pT": jets.sum(axis=1),
        "electron or photon pT": electrons.max(axis=1),
        "muon pT": muons.max(axis=1),
        "sum of all pT": pt[:, 1:].sum(axis=1),
        "number of objects": (pt[:, 1:] > 0).sum(axis=1).astype(np.float64),
    }


def level1_baselines(
    train: Objects, samples: Mapping[str, Objects], *, background: str, seed: int
) -> list[Scored]:
    """Every score without a network on every sample; trees that are told a signal have that one alone.

    Args:
        train: Background events that scores are fitted to.
        samples: Test events by name, the background among them.
        background: Its name.
        seed: Of trees and their halves.
    """
    flat = {name: objects.reshape(len(objects), -1) for name, objects in samples.items()}
    given = by_score({name: simple_level1_scores(objects) for name, objects in samples.items()})
    rows = train.reshape(len(train), -1)
    return scores_without_network(rows, flat, given, background=background, seed=seed)
