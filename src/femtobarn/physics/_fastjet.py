"""Padded jets to and from the Python package of FastJet, which clusters many jets in one call."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from femtobarn.errors import InputError, require
from femtobarn.physics._padded import check_mask, refuse_masked

_JETS = 5000  # reclustered at a time; FastJet keeps the history of all of them in memory


def reclustered(
    momentum: Float[np.ndarray, "jet particle 4"], mask: Bool[np.ndarray, "jet particle"]
) -> Iterator[tuple[np.ndarray, Any]]:
    """Row numbers of jets with any particle, and FastJet's Cambridge/Aachen sequence of these, in pieces.

    The radius is so large that each jet is one again.

    Raises:
        InputError: A real particle's momentum is not finite.
        MissingExtraError: FastJet is not installed.
    """
    fastjet, awkward = require("fastjet", extra="generate"), require("awkward", extra="generate")
    if momentum.ndim != 3 or momentum.shape[2] != 4:
        raise InputError(f"expected momenta (jet, particle, 4) of energy, px, py, pz, got {momentum.shape}")
    check_mask(mask, momentum.shape[:2])
    refuse_masked(momentum)
    if not np.isfinite(momentum[mask]).all():
        row = int(np.flatnonzero((~np.isfinite(momentum).all(axis=2) & mask).any(axis=1))[0])
        raise InputError(
            f"jet {row}: expected finite momenta (E, px, py, pz), got {momentum[row][mask[row]]}"
        )
    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)  # it would print to standard output
    whole = fastjet.JetDefinition(fastjet.cambridge_algorithm, fastjet.JetDefinition.max_allowable_R)
    filled = np.flatnonzero(mask.any(axis=1))
    for start in range(0, len(filled), _JETS):
        rows = filled[start : start + _JETS]
        flat = momentum[rows][mask[rows]].astype(np.float64)
        counts = mask[rows].sum(axis=1)
        columns = {
            name: awkward.unflatten(np.ascontiguousarray(flat[:, k]), counts)
            for k, name in enumerate(("E", "px", "py", "pz"))
        }
        yield rows, fastjet.ClusterSequence(awkward.zip(columns), whole)
