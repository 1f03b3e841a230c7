"""What events of the dark-shower samples look like, and how those of the stand-in were produced: tables."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

from femtobarn.data.sparse_images import SparseImages
from femtobarn.datasets.dark_showers import HT, Produced
from femtobarn.physics.event_images import FEATURES, as_coarse, event_features
from femtobarn.runs import Result
from femtobarn.study import row


def coarse(events: SparseImages) -> Float32[np.ndarray, "event 72 58 3"]:
    """All images in full, summed over 5 x 5 pixels if they are fine."""
    return np.concatenate([as_coarse(piece) for piece in events.pieces()])


def event_means(name: str, samples: Mapping[str, SparseImages]) -> list[Result]:
    """Mean numbers of tracks and occupied pixels, and mean energies, of the events of each sample.

    Args:
        name: Where the samples are from: the public sample, or the stand-in, for which they are to be alike.
        samples: By what they hold; they have a column "n_tracks".
    """
    table = []
    for sample, events in samples.items():
        features = np.expm1(event_features(coarse(events))[:, :6]).T
        columns = {"tracks": events.columns["n_tracks"], **dict(zip(FEATURES, features, strict=False))}
        for quantity, values in columns.items():
            mean = [(float(np.mean(values)), float(np.std(values) / np.sqrt(len(values))))]
            labels = {"sample": name, "events": sample, "quantity": quantity}
            table.append(row("mean of an event", mean, labels, n=len(values)))
    return table


def production_table(name: str, produced: Mapping[str, Produced]) -> list[Result]:
    """Share of the collisions that pass the cut on HT, by the process that was asked for.

    With a hard jet asked for it is not the share of gluon fusion.
    """
    table = []
    for sample, each in produced.items():
        share = each.passed / each.tried
        value = [(share, float(np.sqrt(share * (1 - share) / each.tried)))]
        labels = {"sample": name, "events": sample, "made as": each.process}
        table.append(row(f"share with HT > {HT:g} GeV", value, labels, n=each.tried, sample="binomial"))
    return table
