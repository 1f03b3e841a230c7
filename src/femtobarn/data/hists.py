"""Histograms of this library as objects of `hist`, as scikit-hep plots, fits and sums them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Real

from femtobarn.errors import InputError, require


def hist_of(
    entries: Real[np.ndarray, " bin"],
    edges: Float[np.ndarray, " edge"],
    *,
    label: str = "",
    variance: Real[np.ndarray, " bin"] | None = None,
) -> Any:
    """A ``hist.Hist`` with these entries in these bins; nothing is known of what lies outside.

    Args:
        entries: Of each bin; counts, or sums of weights if a variance is given.
        edges: One more than bins, rising.
        label: Of the axis.
        variance: Sum of the squared weights of each bin.

    Raises:
        InputError: Not one edge more than bins.
        MissingExtraError: hist is not installed.

    Example:
        >>> h = hist_of(np.array([3, 5]), np.array([0.0, 1.0, 4.0]), label="pT [GeV]")
        >>> float(h[1.5j]), float(h.sum())
        (5.0, 8.0)
    """
    if entries.ndim != 1 or edges.shape != (len(entries) + 1,):
        raise InputError(f"expected one edge more than bins, got shapes {entries.shape} and {edges.shape}")
    hist = require("hist", extra="root")
    axis = hist.axis.Variable(edges, label=label)
    if variance is None:
        made = hist.Hist(axis, storage=hist.storage.Double())
        made.view()[...] = entries
        return made
    made = hist.Hist(axis, storage=hist.storage.Weight())
    made.view().value[...], made.view().variance[...] = entries, variance
    return made


def hists_of(columns: Mapping[str, np.ndarray], *, label: str = "") -> dict[str, Any]:
    """One histogram a sample, of the columns that `plots.ratio_histograms` returns and a run keeps as CSV.

    Args:
        columns: sample, low, high and entries; others are not used.
        label: Of the axis.

    Raises:
        InputError: A column is not there.
    """
    lacking = {"sample", "low", "high", "entries"} - {*columns}
    if lacking:
        raise InputError(f"expected columns of histograms, got none of {', '.join(sorted(lacking))}")
    found = {}
    for name in dict.fromkeys(columns["sample"].tolist()):
        low, high, entries = (
            np.asarray(columns[each])[columns["sample"] == name] for each in ("low", "high", "entries")
        )
        found[str(name)] = hist_of(entries.astype(float), np.append(low, high[-1]).astype(float), label=label)
    return found
