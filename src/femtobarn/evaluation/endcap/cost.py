"""Time of finding showers against the number of hits."""

import time
from collections.abc import Mapping

import numpy as np

from femtobarn.datasets.hgcalml import HitEvents, side_by_side
from femtobarn.evaluation.endcap.showers import Finder
from femtobarn.runs import Result

_COUNTS = (1, 2, 4, 8)  # slices side by side


def cost_rows(finders: Mapping[str, Finder], events: HitEvents) -> list[Result]:
    """Seconds of each method on more and more slices side by side, and the power of hits with which they grow."""
    made = []
    for method, find in finders.items():
        points = []
        for count in (n for n in _COUNTS if n <= len(events)):
            whole = side_by_side(events, count)
            start = time.perf_counter()
            find(whole)
            points.append((len(whole.hits), time.perf_counter() - start))
            labels = {"method": method, "hits": str(len(whole.hits))}
            made.append(Result("time of an event", points[-1][1], unit="s", labels=labels, split="test"))
        if len(points) > 2:  # the first call is slower
            hits, seconds = np.log(np.array(points[1:])).T
            slope = float(np.polyfit(hits, seconds, 1)[0])
            labels = {"method": method, "of the time in": "s"}
            made.append(Result("power of hits", slope, labels=labels, split="test"))
    return made
