"""Figures of the report: rejection, moving frames, sculpted masses, training."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from femtobarn import plots
from femtobarn.evaluation.sculpting import draw_sculpting
from femtobarn.physics.vectors import invariant_mass
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, draw_against, draw_rejection, draw_training, grouped
from femtobarn.systems.jet_distillation.judge import IN_MOTION, Evaluation, Outcome
from femtobarn.systems.jet_distillation.sample import Sample
from femtobarn.systems.jet_distillation.study import TITLES, Part

_MASS_BINS = np.linspace(0, 300, 16)  # GeV
_COLOURS = dict(zip(TITLES, plots.PALETTE, strict=False))
_BOOSTED = plots.PALETTE[6]
_LEGEND = {"fontsize": 8, "handlelength": 2.6}  # long enough to tell the dashes apart


def draw(
    run: Run,
    table: Sequence[Result],
    found: Sequence[Outcome],
    trained: Sequence[Trained[Part]],
    test: Sample,
    settings: Evaluation,
) -> None:
    """Every figure of the report; of networks with several seeds the first is shown, or their mean.

    Those with trained bits, few or smoothed labels stand in the tables only.
    """
    groups = grouped((each for each in found if _shown(each.part)), lambda each: each.part._replace(seed=0))
    at_rest = [group[0] for part, group in groups.items() if not part.boosted]
    draw_rejection(
        run,
        {title(each.part): each.score for each in at_rest},
        test.is_signal,
        caption="One over the share of other jets that pass, against the share of tops that pass. One training of "
        "each. Band: binomial error. Upper right is better.",
        section="Tagging",
        by="network",
        size=(6.4, 4.6),
        legend=_LEGEND,
        lines=[_look(each.part) for each in at_rest],
    )
    _boosts(run, table, list(groups), settings)
    _masses(run, _teacher_and_student(at_rest), test)
    first = [
        t for t in trained if _shown(t.part) and not t.part.boosted and t.part.seed == found[0].part.seed
    ]
    draw_training(
        run,
        first,
        ylabel="error rate on validation jets",
        caption="Share of validation jets on the wrong side after each epoch; the best epoch is kept.",
        size=(6.4, 4.6),
        legend=_LEGEND | {"fontsize": 7},
        lines=[_look(each.part) for each in first],
    )


def title(part: Part) -> str:
    """A network in a legend."""
    network, method = part.labels["network"], part.labels["method"]
    return network if part.is_teacher else f"{network}, {method}"


def _shown(part: Part) -> bool:
    return not (part.labelled or part.beta or part.method == "smoothed")


def _look(part: Part) -> dict[str, Any]:
    """A colour for each network; on labels dashed and open, distilled solid, from another teacher dash-dotted."""
    line = "--" if part.method == "labels" else "-." if part.teacher not in ("", "lorentznet") else "-"
    colour = _BOOSTED if part.boosted else _COLOURS[part.network]
    filling = "white" if part.method == "labels" else colour
    return {"color": colour, "linestyle": line, "markerfacecolor": filling}


def _boosts(run: Run, table: Sequence[Result], parts: Sequence[Part], settings: Evaluation) -> None:
    for name, cut in zip(
        IN_MOTION, ("that is best at rest", "that keeps half of the tops there"), strict=True
    ):
        lines, looks = {}, []
        for part, boosted in itertools.product(parts, ("particles", "particles and beams")):
            place = (part.labels | {"boosted": boosted}).items()
            if found := [each for each in table if each.name == name and place <= each.labels.items()]:
                beams = "beams" in boosted
                lines[title(part) + (", beams too" if beams else "")] = found
                looks.append(_look(part) | ({"linestyle": ":"} if beams else {}))
        draw_against(
            run,
            lines,
            label="speed",
            looks=looks,
            name="boosts" if "accuracy" in name else "boosts-rejection",
            title=name.capitalize(),
            caption=f"The same test jets seen by an observer of that speed, at the cut {cut}. The particles are "
            "boosted; 'beams too': also the beams that LorentzNet is given. Bars: test sample and seeds. Large "
            "speeds leave the jets' range of pT: a test of the mathematics, not of a detector.",
            section="Moving frames",
            by="network",
            size=(8.6, 4.6),
            legend=_LEGEND | {"loc": "center left", "bbox_to_anchor": (1, 0.5)},
            xlabel=f"speed of the frame along {settings.axis}",
            ylabel=name.removesuffix(" in a moving frame"),
        )


def _masses(run: Run, compared: Sequence[Outcome], test: Sample) -> None:
    draw_sculpting(
        run,
        invariant_mass(test.momentum.sum(axis=1, dtype=np.float64)),
        test.is_signal,
        {title(each.part): each.score for each in compared},
        edges=_MASS_BINS,
        looks=[_look(each.part) for each in compared],
        name="mass",
        classes=("all tops", "all others"),
        xlabel=f"mass of the {test.mask.shape[1]} hardest particles [GeV]",
        ylabel=f"share of jets per {_MASS_BINS[1]:.0f} GeV",
        title="Mass of the background that passes",
        caption="Mass of the particles that the networks see, for other jets that pass the cut which keeps half of the "
        "tops; one training of each. Bars: binomial errors. All taggers sculpt it; a student inherits what its "
        "teacher does.",
        section="Tagging",
        text="others at 50 % of tops",
    )


def _teacher_and_student(shown: Sequence[Outcome]) -> list[Outcome]:
    """The main teacher and the first student, on labels and distilled from it."""
    main = shown[0].part.network
    student = next(each.part.network for each in shown if not each.part.is_teacher)
    learned = [e for e in shown if e.part.network == student and e.part.teacher in ("", main)]
    return [shown[0], *learned]
