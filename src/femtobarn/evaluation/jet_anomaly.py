"""Anomaly scores of jets that need no network."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64

from femtobarn.datasets.jetclass import SPECIES, Jets
from femtobarn.evaluation.anomaly_table import by_score, scores_without_network
from femtobarn.evaluation.scores import Scored
from femtobarn.physics.jets import massless
from femtobarn.physics.substructure import observables

_LEPTONS = [SPECIES.index(name) for name in ("e-", "e+", "mu-", "mu+")]
_LEAST = 0.05  # of the jet's pT: share of a lepton that counts
_TINY = 1e-8  # beside the denominators of ratios, as published (arXiv:2311.17162)


def simple_jet_scores(jets: Jets) -> dict[str, Float64[np.ndarray, "jet"]]:
    """Scores that are fitted to nothing, by name.

    The last, t = 9.9 - 7.2 tau21 - 3.3 tau32 - 3.4 tau42, is the baseline of the code of arXiv:2311.17162.
    """
    tau = jets.tau.astype(np.float64)
    tau21, tau32, tau42 = (tau[:, i] / (tau[:, j] + _TINY) for i, j in ((1, 0), (2, 1), (3, 1)))
    share = jets.particles[..., 2] / jets.jet[:, :1] * np.isin(jets.species, _LEPTONS)
    return {
        "multiplicity": jets.jet[:, 4].astype(np.float64),
        "jet mass": jets.jet[:, 3].astype(np.float64),
        "leptons above 5 %": (share > _LEAST).sum(axis=1).astype(np.float64),
        "leptons' share of pT": share.sum(axis=1, dtype=np.float64),
        "small tau21": -tau21,
        "t": 9.9 - 7.2 * tau21 - 3.3 * tau32 - 3.4 * tau42,
    }


def jet_observables(jets: Jets) -> Float64[np.ndarray, "jet 42"]:
    """Observables of each jet: substructure, number and share of pT of each kind, the simple scores, the taus."""
    mask = jets.species >= 0
    eta, phi, pt, _ = np.moveaxis(jets.particles.astype(np.float64), -1, 0)
    found = observables(massless(np.stack((eta, phi, pt), axis=-1), mask), mask)
    kinds = jets.species[..., None] == np.arange(len(SPECIES))
    share = (kinds * (pt / jets.jet[:, :1])[..., None]).sum(axis=1)
    simple = np.stack([*simple_jet_scores(jets).values()], axis=1)
    return np.concatenate((found, kinds.sum(axis=1), share, simple, jets.tau), axis=1)


def jet_baselines(train: Jets, samples: Mapping[str, Jets], *, background: str, seed: int) -> list[Scored]:
    """Every score without a network on every sample; supervised trees have their signal alone.

    Args:
        train: Jets of background that scores are fitted to.
        samples: Test jets by name, the background among them.
        background: Its name.
        seed: Of trees and their halves.
    """
    given = by_score({name: simple_jet_scores(jets) for name, jets in samples.items()})
    tables = {name: jet_observables(jets) for name, jets in samples.items()}
    return scores_without_network(jet_observables(train), tables, given, background=background, seed=seed)
