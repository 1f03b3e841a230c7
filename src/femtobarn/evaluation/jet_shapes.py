"""Numbers that say how heavy, how many-pronged and how spread a jet is, and the anomaly scores that they are."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, Float64

from femtobarn.evaluation.anomaly_baselines import mahalanobis, supervised_ceiling
from femtobarn.evaluation.scores import Scored
from femtobarn.metrics import two_sided
from femtobarn.physics.jets import massless, relative_mass
from femtobarn.physics.n_subjettiness import n_subjettiness

#: Which end of each shape is anomalous, said before any signal is looked at: heavy jets of several prongs, with many
#: particles that share the momentum.
ANOMALOUS: Mapping[str, int] = MappingProxyType(
    {"mass": 1, "multiplicity": 1, "tau21": -1, "tau32": -1, "pT dispersion": -1}
)
_SUPERVISED = "all shapes, supervised trees"


def jet_shapes(
    relative: Float[np.ndarray, "jet particle 3"],
    mask: Bool[np.ndarray, "jet particle"],
    pt: Float[np.ndarray, "jet"],
) -> Float64[np.ndarray, "jet 5"]:
    """Mass (GeV), multiplicity, tau_21, tau_32 and pT dispersion, in the order of `ANOMALOUS`.

    tau_MN is tau_M / tau_N, 0 where both are 0 (N-subjettiness, axes of the kT algorithm moved to the minimum). The
    dispersion is sqrt(sum pT_i^2) / sum pT_i (arXiv:1408.3122): 1 for one particle, n^(-1/2) for n of equal pT.

    Args:
        relative: (eta, phi, pT) relative to the jet.
        mask: True for real particles.
        pt: Of the jet, GeV.

    Raises:
        MissingExtraError: FastJet is not installed.
    """
    tau = n_subjettiness(massless(relative, mask), mask, prongs=(1, 2, 3))
    share = np.where(mask, relative[..., 2], 0.0).astype(np.float64)
    total = share.sum(axis=1)
    return np.column_stack(
        (
            relative_mass(relative, mask) * pt,
            mask.sum(axis=1),
            _ratio(tau[:, 1], tau[:, 0]),
            _ratio(tau[:, 2], tau[:, 1]),
            _ratio(np.sqrt((share**2).sum(axis=1)), total),
        )
    )


def shape_scores(
    shapes: Mapping[str, Float64[np.ndarray, "_ 5"]], train: Float64[np.ndarray, "train 5"]
) -> dict[tuple[str, str], dict[str, Float64[np.ndarray, "_"]]]:
    """Each shape as an anomaly score of every sample, by its name and by the side that counts.

    "larger" or "smaller" is the side in `ANOMALOUS`; "either side" is |x - median| / (interquartile range) of training
    jets, and left out where half of them have one value. A shape that is the same for all of them is left out.
    """
    found: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for k, (name, sign) in enumerate(ANOMALOUS.items()):
        if np.ptp(train[:, k]) == 0:
            continue
        side = "larger" if sign > 0 else "smaller"
        found[name, side] = {key: sign * each[:, k] for key, each in shapes.items()}
        low, high = np.quantile(train[:, k], (0.25, 0.75))
        if high > low:
            found[name, "either side"] = {key: two_sided(x[:, k], train[:, k]) for key, x in shapes.items()}
    return found


def simple_jet_scores(
    train: Float64[np.ndarray, "train 5"],
    shapes: Mapping[str, Float64[np.ndarray, "_ 5"]],
    *,
    background: str,
    seed: int,
) -> list[Scored]:
    """Anomaly scores by the shapes of a jet: one by one, all together, and supervised trees.

    Args:
        train: `jet_shapes` of the background jets to learn from.
        shapes: Of the test jets of every sample.
        background: Name of the background among these.
        seed: Of the trees.
    """
    found = [
        Scored({"score": f"{name}, {side}"}, None, scores)
        for (name, side), scores in shape_scores(shapes, train).items()
    ]
    centre, width = train.mean(axis=0), train.std(axis=0)
    distance = mahalanobis((train - centre) / width)
    together = {name: distance((each - centre) / width) for name, each in shapes.items()}
    found.append(Scored({"score": "all shapes, Mahalanobis distance"}, None, together))
    for signal in (name for name in shapes if name != background):
        normal, own = supervised_ceiling(shapes[background], shapes[signal], seed=seed)
        found.append(Scored({"score": f"{_SUPERVISED} ({signal})"}, None, {background: normal, signal: own}))
    return found


def without_labels(scored: Sequence[Scored]) -> list[Scored]:
    """Those of `simple_jet_scores` that have not learned from the signal."""
    return [each for each in scored if not each.labels["score"].startswith(_SUPERVISED)]


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)
