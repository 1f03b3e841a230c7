"""Ways from the hits of an event to tracks, of which one is chosen on validation events: for networks and without."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from femtobarn.evaluation.hit_graphs import filtered
from femtobarn.physics.tracks import (
    Hits,
    TrackFinder,
    assignment,
    attach_overlaps,
    automaton,
    best_path,
    components,
    doublets,
    hough,
    walk,
)

Labels = Int[np.ndarray, "hit"]
Pairs = Int[np.ndarray, "pair 2"]
Scores = Float[np.ndarray, "pair"]
_SHORTEST = 4  # hits; what is shorter is free for overlaps

#: From scored pairs to tracks.
LABELLINGS: Mapping[str, Callable[[Hits, Pairs, Scores], Labels]] = {
    "components above 0.5": lambda h, p, s: components(p[s > 0.5], hits=len(h.number)),
    "components above 0.9": lambda h, p, s: components(p[s > 0.9], hits=len(h.number)),
    "components and walks": lambda h, p, s: walk(p, s, h.position),
    "best paths": lambda h, p, s: best_path(p, s, hits=len(h.number)),
    "best assignment": lambda h, p, s: assignment(p, s, hits=len(h.number)),
}
#: Without a network: the links of the automaton in standard deviations, the bins of the Hough transform.
SIGMAS = (3.0, 4.0, 5.0, 6.0, 8.0)
BINS = ((51, 31, 400, 300), (51, 31, 800, 500), (101, 31, 800, 500))


def labelled(hits: Hits, pair: Pairs, score: Scores, way: str) -> Labels:
    """Tracks of four hits or more by one of `LABELLINGS`, with the second hits on overlapping modules."""
    return attach_overlaps(hits, _long(LABELLINGS[way](hits, pair, score)))


def by_automaton(hits: Hits, finder: TrackFinder, way: str) -> Labels:
    """Tracks of the cellular automaton with links of so many standard deviations."""
    found, triples = filtered(hits, doublets(hits, finder.layers).astype(np.int64), finder.triples)
    wider = triples._replace(change=float(way) / 4 * triples.change)
    return attach_overlaps(hits, automaton(hits.position, found.pair, wider))


def by_hough(hits: Hits, way: str, *, pt: float, z: float) -> Labels:
    """Tracks of the Hough transform with one of `BINS`, for collisions spread by `z` mm along the beam."""
    bins = dict(zip(map(str, BINS), BINS, strict=True))[way]
    return attach_overlaps(hits, _long(hough(hits, pt=pt, z0=2 * z, bins=bins)))


def best_way(ways: Sequence[str], worth: Callable[[str], float]) -> tuple[str, dict[str, float]]:
    """The way that is worth most, the first of equal ones, and what each is worth."""
    found = {way: worth(way) for way in ways}
    return max(found, key=lambda way: found[way]), found


def _long(label: Labels) -> Labels:
    """The labels without those of very short tracks."""
    size = np.append(np.bincount(label[label >= 0]), 0)
    return np.where(size[label] >= _SHORTEST, label, -1)
