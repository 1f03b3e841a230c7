"""Errors of compressions as scores of unusual jets, beside scores that need no training: tables and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from femtobarn.evaluation.jet_clouds import Jets
from femtobarn.evaluation.jet_compression import Compression
from femtobarn.evaluation.jet_shapes import jet_shapes, simple_jet_scores, without_labels
from femtobarn.evaluation.same_spectrum import equal_spectrum_table
from femtobarn.evaluation.scores import (
    Scored,
    dependence_table,
    draw_scores,
    score_table,
    with_all_signals,
)
from femtobarn.evaluation.sculpting import draw_sculpting
from femtobarn.runs import Result, Run


def simple_scores(train: Jets, samples: Mapping[str, Jets], *, background: str, seed: int) -> list[Scored]:
    """Scores of every sample by the shapes of its jets, see `simple_jet_scores`."""
    known, *rows = (jet_shapes(j.relative.numpy(), j.mask.numpy(), j.pt) for j in (train, *samples.values()))
    shapes = dict(zip(samples, rows, strict=True))
    return simple_jet_scores(known, shapes, background=background, seed=seed)


def anomaly_table(
    found: Sequence[Compression],
    plain: Sequence[Compression],
    simple: Sequence[Scored],
    samples: Mapping[str, Jets],
    *,
    background: str,
    fractions: Sequence[float],
    windows: Sequence[tuple[float, float]],
    seed: int,
) -> list[Result]:
    """Every score against every signal: of all jets, at equal mass, and how far it repeats mass and pT.

    Args:
        found: Compressions that were trained.
        plain: Compressions without training; with `simple` they are what has to be beaten.
        simple: See `simple_scores`.
        samples: The jets.
        background: Name of the background among the samples.
        fractions: Shares of it that may pass a threshold.
        windows: In mass (GeV), see `equal_spectrum_table`.
        seed: Of the draws.
    """
    without, with_training = ([each.scored[0] for each in group] for group in (plain, found))
    trivial = [each.labels for each in [*without_labels(simple), *without]]
    main = [*simple, *without, *with_training]
    other = [score for each in [*plain, *found] for score in each.scored[1:]]
    mass = {name: jets.mass for name, jets in samples.items()}
    table = score_table(
        with_all_signals(main, background=background), background=background, trivial=trivial,
        fractions=fractions, reference=mass[background], variable="mass",
    )  # fmt: skip
    if other:
        rows = score_table(
            with_all_signals(other, background=background), background=background, fractions=()
        )
        table += [replace(each, name="AUC of other errors") for each in rows if each.name == "AUC"]
    table += equal_spectrum_table(
        main, mass, windows, background=background, trivial=trivial, name="mass", unit="GeV", seed=seed
    )
    columns = {"mass": mass[background], "pT": samples[background].pt}
    return table + dependence_table(with_training, columns, background=background)


def draw_anomalies(
    run: Run,
    simple: Sequence[Scored],
    found: Sequence[Compression],
    samples: Mapping[str, Jets],
    *,
    background: str,
    section: str = "Scores",
) -> None:
    """Rejection of every signal, and the masses of background jets that pass with half of the last signal."""
    shown = [s for s in simple if s.labels["score"].startswith(("mass", "all shapes, Maha"))]
    draw_scores(
        run, [*shown, *(each.scored[0] for each in found)], background=background, shown=9, section=section
    )
    sides = (list(samples)[-1], background)
    draw_sculpting(
        run,
        np.concatenate([samples[name].mass for name in sides]),
        np.repeat([True, False], [len(samples[name]) for name in sides]),
        {c.model: np.concatenate([c.scored[0].scores[name] for name in sides]) for c in found},
        edges=np.linspace(0, 300, 21), looks=[{"markersize": 3}] * len(found), name="mass-of-unusual-jets",
        classes=sides, xlabel="mass of the jet [GeV]", ylabel="share of jets", section=section,
        title="Mass of jets called unusual", caption=f"{background} jets above the threshold that half of {sides[0]} "
        "passes, beside all of them: a score that repeats the mass moves them to large ones. One training of each.",
    )  # fmt: skip
