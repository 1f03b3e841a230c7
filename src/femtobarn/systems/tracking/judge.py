"""Who finds which tracks: networks beside the automaton, the Hough transform and the truth, on the same events."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from femtobarn.evaluation.tracks.chain import Chain
from femtobarn.evaluation.tracks.contest import Answer, Competitor, Found, pileup_rows, seed_rows, stage_rows
from femtobarn.evaluation.tracks.hit_graphs import filtered
from femtobarn.evaluation.tracks.labellings import (
    AUTOMATA,
    BINS,
    LABELLINGS,
    Labels,
    by_automaton,
    by_hough,
    labelled,
)
from femtobarn.evaluation.tracks.results import draw_efficiencies, draw_event, gain_row, track_rows
from femtobarn.physics.tracks import Hits, TrackFinder, doublets
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, draw_against, draw_training, grouped
from femtobarn.systems.tracking.study import Part, Regime, chain


def competitors(trained: Sequence[Trained[Part]]) -> list[Competitor]:
    """The chains and, for each thing sought, the automaton, the Hough transform, no network, and the truth."""
    found, names = [], tuple(LABELLINGS)
    for each in trained:
        part, own = each.part, chain(each)
        head = (part.sought, part.seed, part.regime)
        found.append(Competitor(f"network, {part.method}", *head, names, own.find, _read))
        if part.seed == trained[0].part.seed and part.method != "condensation":  # it leaves no pairs to judge
            find = partial(_truth, own)
            found.append(Competitor(f"truth, {part.method}", *head, names[:1], find, _read))
    for each in {each.part.sought: each for each in trained}.values():
        regime, finder = each.part.regime, chain(each).finder
        head = (each.part.sought, 0, regime)
        automaton = partial(_automaton, finder)
        found.append(Competitor("automaton", *head, tuple(map(str, AUTOMATA)), _nothing, automaton))
        if each.part.sought == trained[0].part.sought:  # it takes longer than the rest together
            bins, hough = tuple(map(str, BINS)), partial(_hough, regime)
            found.append(Competitor("Hough transform", *head, bins, _nothing, hough))
        every = partial(_every, finder)
        found.append(Competitor("no network, triplet filter", *head, names, every, _read))
    return found


def results(run: Run, answers: Sequence[Answer], trained: Sequence[Trained[Part]]) -> list[Result]:
    """All tables and figures."""
    groups = grouped(answers, lambda a: (a.competitor.sought, a.competitor.method))
    rows = list[Result]()
    for (sought, method), group in groups.items():
        labels, seeds = {"sought": sought, "method": method}, tuple(a.competitor.seed for a in group)
        common: dict[str, Any] = {"seeds": () if seeds == (0,) else seeds}
        run.log(event="chosen", **labels, ways=[a.way for a in group])
        rows += track_rows([a.test for a in group], labels, **common)
        if method != "automaton":
            rows.append(
                gain_row([a.test for a in group], groups[sought, "automaton"][0].test, labels, **common)
            )
        if group[0].real.found:
            real = track_rows([a.real for a in group], labels, **common)
            rows += [replace(each, name=f"{each.name}, real events", data="real") for each in real]
        rows += seed_rows(group, labels, **common)
        rows += stage_rows(group, labels, **common) + pileup_rows(group, labels, **common)
    _draw(run, groups, rows, trained)
    return rows


def _draw(
    run: Run,
    groups: Mapping[tuple[str, str], Sequence[Answer]],
    rows: Sequence[Result],
    trained: Sequence[Trained[Part]],
) -> None:
    (_, method), answers = next(iter(groups.items()))
    if answers[0].shown is not None:
        draw_event(
            run, answers[0].shown, section="An event",
            caption=f"{method}. Tracks in colours, the hits of none pale; the real event if there is one.",
            kind="real" if answers[0].real.found else None,
        )  # fmt: skip
    for number, sought in enumerate(dict.fromkeys(sought for sought, _ in groups)):
        own = {
            m: [a.test for a in g]
            for (s, m), g in groups.items()
            if s == sought and not m.startswith("truth")
        }
        draw_efficiencies(
            run, own, name=f"efficiency-{number + 1}", title=f"Efficiency: {sought}", section="Tracks",
            caption="Double majority, particles with five hits, |eta| < 4; mean of trainings, interval of one.",
        )  # fmt: skip
    lines: dict[str, list[Result]] = {}
    for each in rows:
        if each.name == "efficiency against pile-up" and not each.labels["method"].startswith("truth"):
            lines.setdefault(each.labels["method"], []).append(each)
    if lines:
        draw_against(
            run, lines, label="pile-up", xlabel="collisions", ylabel="double-majority efficiency", name="pileup",
            title="Efficiency against pile-up", section="Pile-up",
            caption="One event each; windows, networks and settings are those of the pile-up of the training.",
        )  # fmt: skip
    draw_training(
        run, trained, ylabel="cross entropy of validation events",
        caption="Of the last network of each chain; chains have other pairs, so that their levels do not compare.",
    )  # fmt: skip


def _read(hits: Hits, found: Found, way: str) -> Labels:
    return labelled(hits, found.pair, found.score, way)


def _nothing(_: Hits) -> Found:
    return Found(np.empty((0, 2), np.int64), np.empty(0), {}, {})


def _automaton(finder: TrackFinder, hits: Hits, _: Found, way: str) -> Labels:
    return by_automaton(hits, finder, way)


def _hough(regime: Regime, hits: Hits, _: Found, way: str) -> Labels:
    return by_hough(hits, way, pt=regime.pt, z=regime.z)


def _every(finder: TrackFinder, hits: Hits) -> Found:
    found, _ = filtered(hits, doublets(hits, finder.layers).astype(np.int64), finder.triples)
    return Found(found.pair, np.ones(len(found.pair)), {}, {})


def _truth(own: Chain, hits: Hits) -> Found:
    """The pairs that the last stage before the scores leaves, those of one particle as right: no score reads more."""
    assert hits.truth is not None
    pair, particle = own.find(hits).pair, hits.truth.particle
    right = (particle[pair[:, 0]] == particle[pair[:, 1]]) & (particle[pair[:, 0]] >= 0)
    return Found(pair, right.astype(np.float64), {}, {})
