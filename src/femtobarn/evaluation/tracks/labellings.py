"""Ways from the hits of an event to tracks, of which one is chosen on validation events: for networks and without."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from femtobarn.evaluation.tracks.hit_graphs import filtered
from femtobarn.physics.tracks import (
    Hits,
    TrackFinder,
    assignment,
    automaton,
    best_path,
    components,
    doublets,
    hough,
    walk,
    with_overlaps,
)

Labels = Int[np.ndarray, "hit"]
Pairs = Int[np.ndarray, "pair 2"]
Scores = Float[np.ndarray, "pair"]
_SHORTEST = 4  # hits before overlaps; what is shorter is free for them

#: From scored pairs to tracks.
LABELLINGS: Mapping[str, Callable[[Hits, Pairs, Scores], Labels]] = {
    "components above 0.5": lambda h, p, s: components(p[s > 0.5], hits=len(h.number)),
    "components above 0.9": lambda h, p, s: components(p[s > 0.9], hits=len(h.number)),
    "components and walks": lambda h, p, s: walk(p, s, h.position),
    "best paths": lambda h, p, s: best_path(p, s, hits=len(h.number)),
    "best assignment": lambda h, p, s: assignment(p, s, hits=len(h.number)),
}
#: Without a network, as many to choose from. Of the automaton: width of its links in standard deviations, least layers
#: of a chain. Of the Hough transform: its bins.
AUTOMATA = ((3.0, 3), (4.0, 3), (6.0, 3), (4.0, 4), (4.0, 5))
BINS = (
    (51, 31, 200, 150),
    (51, 31, 400, 300),
    (51, 31, 800, 500),
    (101, 31, 400, 300),
    (101, 31, 800, 500),
)


def labelled(hits: Hits, pair: Pairs, score: Scores, way: str) -> Labels:
    """Tracks of scored pairs by one of `LABELLINGS`, completed as all are by `with_overlaps`."""
    return with_overlaps(hits, _long(LABELLINGS[way](hits, pair, score)))


def by_automaton(hits: Hits, finder: TrackFinder, way: str) -> Labels:
    """Tracks of the cellular automaton with the links and the shortest chains of one of `AUTOMATA`."""
    sigmas, layers = dict(zip(map(str, AUTOMATA), AUTOMATA, strict=True))[way]
    found, triples = filtered(hits, doublets(hits, finder.layers).astype(np.int64), finder.triples)
    wider = triples._replace(change=sigmas / 4 * triples.change)
    return with_overlaps(hits, automaton(hits.position, found.pair, wider, least_hits=layers))


def by_hough(hits: Hits, way: str, *, pt: float, z: float) -> Labels:
    """Tracks of the Hough transform with one of `BINS`, for collisions spread by `z` mm along the beam."""
    bins = dict(zip(map(str, BINS), BINS, strict=True))[way]
    return with_overlaps(hits, _long(hough(hits, pt=pt, z0=2 * z, bins=bins)))


def best_way(ways: Sequence[str], worth: Callable[[str], float]) -> tuple[str, dict[str, float]]:
    """The way that is worth most, the first of equal ones, and what each is worth."""
    found = {way: worth(way) for way in ways}
    return max(found, key=lambda way: found[way]), found


def _long(label: Labels) -> Labels:
    """The labels without those of very short tracks."""
    size = np.append(np.bincount(label[label >= 0]), 0)
    return np.where(size[label] >= _SHORTEST, label, -1)
