"""Every method on the same test events: tables, gains, cost, and one event in space."""

from collections.abc import Sequence

from femtobarn.datasets.hgcalml import HitEvents
from femtobarn.evaluation.endcap.baselines import CLASSICAL
from femtobarn.evaluation.endcap.cost import cost_rows
from femtobarn.evaluation.endcap.event import endcap_drawing
from femtobarn.evaluation.endcap.figures import draw_cost, draw_efficiency, draw_pairs, draw_photons
from femtobarn.evaluation.endcap.jets import jet_rows
from femtobarn.evaluation.endcap.showers import compared
from femtobarn.evaluation.endcap.tables import Outcome, gain_row, pair_rows, sample_rows, size_rows
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, draw_training, grouped
from femtobarn.systems.object_condensation.data import DENSE, NONE, PAIRS, Samples
from femtobarn.systems.object_condensation.study import NET, TRUTH, Part, finder


def results(run: Run, samples: Samples, trained: Sequence[Trained[Part]], *, seed: int) -> list[Result]:
    """All tables and figures."""
    found = []
    for each in trained:
        find, weights = finder(each.part, each.model, each.kept), each.kept["weights"].numpy()
        showers = {name: compared(events, find, weights) for name, events in samples.test.items()}
        found.append(Outcome(each.part.labels, each.part.seed, showers))
    groups = list(grouped(found, lambda each: tuple(each.labels.values())).values())
    names = [name for name in samples.test if name != PAIRS]
    rows = [row for group in groups for name in names for row in sample_rows(name, group, seed=seed)]
    rows += [each for group in groups for name in names for each in jet_rows(name, group, seed=seed)]
    rows += [each for name in names for each in size_rows(name, samples.test[name])]
    rows += _gains(groups, names, seed)
    chosen = {each.part.method: each for each in trained if each.part.method != TRUTH}
    finders = {method: finder(each.part, each.model, each.kept) for method, each in chosen.items()}
    rows += cost_rows(finders, samples.test[names[-1]])
    last = trained[-1].part.trained
    kept = [
        group for group in groups if group[0].labels["method"] == NET or group[0].labels["tuned on"] == last
    ]
    lines = {_legend(group[0]): group for group in kept}
    draw_efficiency(run, lines, names)
    draw_photons(run, lines, names[-1])
    if PAIRS in samples.test:
        bins = ((1.0, 2.0), (2.0, 3.0))
        rows += [row for group in groups for row in pair_rows(PAIRS, group, samples.apart, bins)]
        draw_pairs(run, lines, PAIRS, samples.apart)
    draw_cost(run, rows)
    draw_training(
        run, trained, column="distance", ylabel="1 - F1 score", caption="On the validation events, at IoU 0.3."
    )  # fmt: skip
    _draw_event(run, names[0], samples.test[names[0]].event(0), trained)
    return rows


def _legend(outcome: Outcome) -> str:
    method, tuned = outcome.labels.values()
    return f"{method}, trained: {tuned}" if method == NET else method


def _gains(groups: Sequence[Sequence[Outcome]], names: Sequence[str], seed: int) -> list[Result]:
    """The network over the others, tuned on the same events, and with pile-up in its training over none."""
    by = {tuple(group[0].labels.values()): group for group in groups}
    made = []
    for name in names:
        for (method, tuned), ours in by.items():
            if method != NET:
                continue
            for other in CLASSICAL:
                if theirs := by.get((other, tuned)):
                    labels = {"tuned on": tuned}
                    made.append(gain_row(f"over {other}", ours, theirs, name, seed=seed, **labels))
            if tuned == DENSE and (theirs := by.get((NET, NONE))):
                made.append(
                    gain_row("of pile-up in training", ours, theirs, name, seed=seed, **{"tuned on": tuned})
                )
    return made


def _draw_event(run: Run, name: str, event: HitEvents, trained: Sequence[Trained[Part]]) -> None:
    """One event as it is and as the best network tuned on such events sees it."""
    networks = [each for each in trained if each.part.method == NET and each.part.trained in (name, DENSE)]
    best = min(networks, key=lambda each: (each.part.trained != name, each.validation))
    found = finder(best.part, best.model, best.kept)(event)
    for title, shown in (("true", event.owner), ("found", found)):
        picture, drawn = endcap_drawing(event.hits, shown)
        run.save_figure(
            f"event-{title}", picture, title=f"One event: {title} showers", section="Event", data=drawn,
            caption=f"A test event, {name}: hits coloured by shower, grey for none; colours of both drawings are not "
            "the same. Drag to turn.",
        )  # fmt: skip
