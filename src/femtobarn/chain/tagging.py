"""Scores of jets: which of them come from gluons."""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from femtobarn.chain.flow import Candidates
from femtobarn.chain.jets import TrueJets, partners
from femtobarn.chain.joining import FIRST, answer
from femtobarn.datasets.top_tagging import PARTICLES, write_converted
from femtobarn.physics.clustering import Jets
from femtobarn.physics.vectors import cylindrical
from femtobarn.simulate.collisions.jets import padded

GLUON = 21


def tags_of(choice: str, true: TrueJets, candidates: Candidates, jets: Jets) -> Float[np.ndarray, "jet"]:
    """A score of the found jet of each true one, NaN where there is none.

    Multiplicity is the number of constituents, mass that over the pT; gluons have more of both.

    Args:
        choice: multiplicity, mass, the folder of a run, of whose scores the first counts, or the stem of a file with
            answers.
        true: Jets of the hard collisions.
        candidates: That were clustered.
        jets: Of these.

    Raises:
        InputError: A run that does not score jets, or answers that do not fit.
    """
    of_true = partners(true, jets)
    there = np.flatnonzero(of_true >= 0)
    score = np.full(len(of_true), np.nan)
    if choice == "multiplicity":
        score[there] = np.diff(jets.first)[of_true[there]]
    elif choice == "mass":
        pt, _, _, mass = cylindrical(jets.momentum[of_true[there]]).T
        score[there] = mass / pt
    elif len(there):
        write = partial(write_input, true=true, candidates=candidates, jets=jets)
        columns = answer("tag", choice, write, rows=len(there)).columns
        score[there] = next(column for name, column in columns.items() if name not in FIRST)
    return score


def write_input(
    folder: Path, true: TrueJets, candidates: Candidates, jets: Jets, name: str = "jets"
) -> list[Path]:
    """The found jets of true ones as a run reads them, in the order of the true ones; their label tells gluons."""
    of_true = partners(true, jets)
    there = of_true >= 0
    momentum = candidates.momentum[jets.constituent]
    size = np.diff(jets.first)
    order = np.lexsort((-np.hypot(*momentum[:, 1:3].T), np.repeat(np.arange(len(size)), size)))
    table, mask = padded(momentum[order], jets.first, particles=PARTICLES)
    path = folder / f"{name}.h5"
    write_converted(path, table[of_true[there]], mask[of_true[there]], true.parton[there] == GLUON)
    return [path]
