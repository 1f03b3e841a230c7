"""What is solved: each test event at each density, as segments or triplets, by every solver."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar, get_args

import numpy as np

from femtobarn.errors import InputError
from femtobarn.metrics.tracking import selected, track_counts
from femtobarn.physics.tracks import Hits, TrackFinder, find_tracks, hough, with_overlaps
from femtobarn.physics.tracks.segments import layer_number, true_chains
from femtobarn.qubo import Answer, Chains, path_cover, solve_parts, track_segments
from femtobarn.qubo.track_segments import Energy, Problem, form

T = TypeVar("T")
Solver = Literal["exact", "relaxed", "anneal", "bifurcation", "descent"]


@dataclass(frozen=True)
class Study:
    """Which forms are solved, and how."""

    densities: tuple[float, ...] = (0.02, 0.1, 0.5)
    """Shares of the collisions of a full event."""
    unfiltered: tuple[float, ...] = (0.02, 0.1)
    """Densities that are solved without windows on triplets, too, as in the paper."""
    triplets: tuple[float, ...] = (0.02, 0.1)
    """Densities that are solved with triplets as variables, too."""
    solvers: tuple[Solver, ...] = get_args(Solver)
    """exact: HiGHS, with proof. relaxed: its linear relaxation, rounded. anneal: simulated annealing. bifurcation:
    simulated bifurcation. descent: single flips."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Test events at each density."""
    reads: int = 3
    """Starts of the samplers."""
    sweeps: int = 1000
    """Updates of each variable in a start."""
    time_limit: float = 60.0
    """Seconds of the exact solver for an event; then its best answer counts, with the bound."""
    embedded: int = 10
    """Components that are embedded into the graphs of annealers: the largest at a density of 10 %."""
    energy: Energy = field(default_factory=Energy)

    def __post_init__(self) -> None:
        if not self.densities or not all(
            0 < d <= 1 for d in (*self.densities, *self.unfiltered, *self.triplets)
        ):
            raise InputError(
                f"densities in (0, 1] expected: got {self.densities}, {self.unfiltered}, {self.triplets}"
            )
        if not (self.seeds and self.solvers) or min(self.reads, self.sweeps) < 1 or self.time_limit <= 0:
            raise InputError("an event, a solver, a read, a sweep and a time limit above 0 are needed")

    def parts(self) -> list["Part"]:
        """All events and forms."""
        found = []
        for density in sorted({*self.densities, *self.unfiltered, *self.triplets}):
            ways = [("doublets", True)] if density in self.densities else []
            ways += [("doublets", False)] if density in self.unfiltered else []
            ways += [("triplets", True)] if density in self.triplets else []
            found += [Part(density, kind, filtered, seed) for kind, filtered in ways for seed in self.seeds]
        return found


class Part(NamedTuple):
    """One event in one form."""

    density: float
    kind: str
    filtered: bool
    seed: int

    @property
    def name(self) -> str:
        """Such as ``doublets-10-seed1``."""
        return f"{self.kind}{'' if self.filtered else '-unfiltered'}-{100 * self.density:g}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        variables = self.kind if self.filtered else f"{self.kind}, no triplet windows"
        return {"density": f"{100 * self.density:g} %", "variables": variables}


def solved(chains: Chains, solver: Solver, study: Study, *, seed: int, bound: float | None = None) -> Answer:
    """The answer of a solver; samplers have the soft forks of the paper, the exact one none."""
    if solver in ("exact", "relaxed"):
        answer = path_cover(chains, relaxed=solver == "relaxed", time_limit=study.time_limit)
        return (
            answer if bound is None else answer._replace(bound=min(max(bound, answer.bound), answer.energy))
        )
    quadratic = chains.quadratic(study.energy.fork)
    answer = solve_parts(quadratic, solver, reads=study.reads, sweeps=study.sweeps, seed=seed, bound=-np.inf)
    state = chains.without_forks(answer.state)
    energy = chains.energy(state)
    return Answer(state, energy, energy if bound is None else min(bound, energy))


def solve_event(hits: Hits, finder: TrackFinder, study: Study, part: Part) -> dict[str, dict[str, float]]:
    """What each solver reaches: energy, time, tracks; and under "" the size of the form."""
    make = functools.partial(form, hits, finder, part.kind, study.energy, filtered=part.filtered)  # type: ignore[arg-type]
    problem, built = _timed(make)
    chains = problem.chains
    parts = chains.quadratic(study.energy.fork).components()
    found = {
        "": {
            "variables": float(len(chains.cost)),
            "couplers": float(len(chains.quadratic(study.energy.fork).coupling)),
            "components": float(len(parts)),
            "largest component": float(max(map(len, parts), default=0)),
            "true segments kept": _kept(hits, problem),
            "time to build": built,
        }
    }
    bound = path_cover(chains, time_limit=study.time_limit).bound
    for solver in study.solvers:
        start = time.perf_counter()
        answer = solved(chains, solver, study, seed=part.seed, bound=bound)
        seconds = time.perf_counter() - start
        found[solver] = {
            "energy": answer.energy,
            "above the bound": answer.gap,
            "time": seconds,
            **track_counts(hits, track_segments.tracks(hits, problem, answer.state)),
        }
    return found


def classical(hits: Hits, finder: TrackFinder) -> dict[str, dict[str, float]]:
    """The automaton and the Hough transform on the same hits."""
    found = {}
    ways: dict[str, Callable[[], np.ndarray]] = {
        "automaton": lambda: find_tracks(hits, finder),
        "Hough transform": lambda: with_overlaps(hits, hough(hits)),
    }
    for name, find in ways.items():
        label, seconds = _timed(find)
        found[name] = {"time": seconds, **track_counts(hits, label)}
    return found


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """What `work` gives and its seconds; it is called twice, since the first call may compile."""
    work()
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def _kept(hits: Hits, problem: Problem) -> float:
    """Share of the true pairs (particle, two layers in a row) of which any hit pair is a variable."""
    row, owner = true_chains(hits, selected(hits))
    layer = layer_number(hits)
    same = owner[1:] == owner[:-1]
    true = {
        (o, a, b)
        for o, a, b in zip(owner[1:][same], layer[row[:-1]][same], layer[row[1:]][same], strict=True)
    }
    assert hits.truth is not None
    particle = hits.truth.particle
    pairs = np.concatenate([problem.hit[:, i : i + 2] for i in range(problem.hit.shape[1] - 1)])
    pairs = pairs[particle[pairs[:, 0]] == particle[pairs[:, 1]]]
    have = set(zip(particle[pairs[:, 0]], layer[pairs[:, 0]], layer[pairs[:, 1]], strict=True))
    return len(true & have) / len(true) if true else float("nan")
