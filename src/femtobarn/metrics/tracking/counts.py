"""What tracks of one event come to, as plain counts that add up over events."""

import numpy as np
from jaxtyping import Int

from femtobarn.errors import InputError
from femtobarn.metrics.tracking.matching import match, selected
from femtobarn.physics.tracks.hits import Hits


def track_counts(hits: Hits, label: Int[np.ndarray, "hit"], *, least_hits: int = 5) -> dict[str, float]:
    """Counts of "wanted" particles, those "found" by double majority, "tracks", "fakes" and "duplicates".

    Wanted are the particles of `selected`; a fake has no particle with more than half of its hits, a duplicate is a
    further track of the same particle.

    Args:
        hits: Of one event, with truth.
        label: Track of each hit, negative for none.
        least_hits: Shorter tracks do not count.

    Raises:
        InputError: Hits without truth.
    """
    if hits.truth is None:
        raise InputError("expected hits with truth: efficiencies need the particles")
    wanted = selected(hits)
    found = match(label, hits.truth.particle, particles=len(wanted), least_hits=least_hits)
    seen = np.unique(found.particle[found.double_majority()])
    real = found.majority()
    return {
        "wanted": float(wanted.sum()),
        "found": float(wanted[seen].sum()),
        "tracks": float(len(found.label)),
        "fakes": float((~real).sum()),
        "duplicates": float(real.sum() - len(np.unique(found.particle[real]))),
    }
