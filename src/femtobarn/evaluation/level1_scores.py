"""Anomaly scores of level-1 trigger objects that need no network."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Float64

from femtobarn.datasets.cms_l1_anomaly import Events
from femtobarn.evaluation.anomaly_table import by_score, scores_without_network
from femtobarn.evaluation.scores import Scored, score_table
from femtobarn.evaluation.trigger import draw_rates, zero_bias_rates
from femtobarn.runs import Result, Run
from femtobarn.simulate.level1_objects import KINDS
from femtobarn.study import Split

ZERO_BIAS = "zero bias"  #: the background among the samples
Objects = Float[np.ndarray, "_ 19 3"]  #: pT (GeV), eta and phi


def simple_level1_scores(objects: Objects) -> dict[str, Float64[np.ndarray, "event"]]:
    """What a trigger cuts on anyway, by name: missing energy, sums, hardest objects, their number."""
    pt = objects[..., 0].astype(np.float64)
    ends = np.cumsum([kind.most for kind in KINDS])[:-1]
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
    """Every score without a network on every sample; supervised trees have their signal alone.

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


def level1_table(
    run: Run,
    zero_bias: Split[Events],
    signals: Mapping[str, Events],
    networks: Sequence[Scored],
    *,
    fraction: float,
    bunches: int,
    seed: int,
) -> list[Result]:
    """Scores of networks beside those without one, and their rates: all rows begin with "level 1".

    Args:
        run: Where the figure of rates against pile-up is saved, if the pile-up is known.
        zero_bias: Background, of which the test events count.
        signals: Test events of each signal.
        networks: Scores of the same events by networks.
        fraction: Share of zero bias that may pass; for rates, of which half sets the threshold, twice as much.
        bunches: Colliding bunches.
        seed: Of forests and trees.
    """
    test = zero_bias.test
    samples = {ZERO_BIAS: test.objects, **{name: each.objects for name, each in signals.items()}}
    found = level1_baselines(zero_bias.train.objects, samples, background=ZERO_BIAS, seed=seed)
    trivial = [each.labels for each in found if not each.labels["model"]]
    rows = score_table([*found, *networks], background=ZERO_BIAS, trivial=trivial, fractions=(fraction,))
    rows += zero_bias_rates(networks, background=ZERO_BIAS, share=2 * fraction, bunches=bunches)
    if networks and np.isfinite(test.pileup).all():
        first = {each.name: each.scores[ZERO_BIAS] for each in reversed(networks)}
        total = test.objects[:, 1:, 0].sum(axis=1, dtype=np.float64)
        rows += draw_rates(run, first, test.pileup, total, share=2 * fraction, bunches=bunches)
    return [replace(each, name=f"level 1: {each.name}") for each in rows]
