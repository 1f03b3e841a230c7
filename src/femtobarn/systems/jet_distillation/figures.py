"""The figures of the report: each is saved with the numbers drawn in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes

from femtobarn import plots
from femtobarn.metrics import roc_curve
from femtobarn.physics.vectors import invariant_mass
from femtobarn.runs import DataKind, Run
from femtobarn.systems.jet_distillation.evaluation import Evaluation, Outcome, by_labels
from femtobarn.systems.jet_distillation.sample import Sample
from femtobarn.systems.jet_distillation.study import Part, Trained

_MASS_BINS = np.linspace(0, 300, 16)  # GeV
_COLOURS = dict(zip(("lorentznet", "particlenet", "deepset", "mlp", "chip"), plots.PALETTE, strict=False))
_BOOSTED = plots.PALETTE[6]
_HANDLE = 2.6  # long enough to tell the dashes in a legend apart


def draw_all(
    run: Run,
    found: Sequence[Outcome],
    trained: Sequence[Trained],
    test: Sample,
    settings: Evaluation,
    *,
    data: DataKind,
) -> None:
    """Draw every figure of the report.

    Args:
        run: Where they are saved.
        found: All networks on the test jets.
        trained: The same networks, for their training curves.
        test: The test jets.
        settings: Of the evaluation.
        data: Kind of the data.
    """
    groups = by_labels(found)
    with plots.style():
        _roc(run, groups, test, data)
        _boosts(run, groups, settings, data)
        _masses(run, groups, test, data)
        _training(run, trained, data)


def _look(part: Part) -> dict[str, Any]:
    """A colour for each network; on labels dashed, distilled solid, from another teacher dash-dotted."""
    line = {"labels": "--", "smoothed": ":"}.get(part.method, "-")
    if part.teacher and part.teacher != "lorentznet":
        line = "-."
    return {"color": _BOOSTED if part.boosted else _COLOURS[part.network], "linestyle": line}


def _open(part: Part) -> dict[str, Any]:
    """Open markers for students on labels."""
    return {"markerfacecolor": "white"} if part.method == "labels" else {}


def _in_turn(ax: Axes, parts: Sequence[Part]) -> None:
    """The next lines drawn have the looks of these parts."""
    looks = [_look(part) for part in parts]
    ax.set_prop_cycle(**{key: [look[key] for look in looks] for key in ("color", "linestyle")})


def _title(outcome: Outcome) -> str:
    labels = outcome.part.labels_in_tables
    few = f", {labels['labelled jets']} labels" if outcome.part.labels else ""
    return (
        labels["network"]
        if outcome.part.method == "teacher" and not few
        else (f"{labels['network']}, {labels['method']}{few}")
    )


def _shown(groups: Sequence[Sequence[Outcome]]) -> list[Sequence[Outcome]]:
    """Those that stand for the main question; the tables have all."""
    return [
        g for g in groups if not g[0].part.labels and not g[0].part.boosted and g[0].part.method != "smoothed"
    ]


def _roc(run: Run, groups: Sequence[Sequence[Outcome]], test: Sample, data: DataKind) -> None:
    figure, ax = pyplot.subplots(figsize=(6.4, 4.6))
    background = int((~test.is_signal).sum())
    drawn = {}
    _in_turn(ax, [group[0].part for group in _shown(groups)])
    for group in _shown(groups):
        score = group[0].score
        curve = roc_curve(score[test.is_signal], score[~test.is_signal])
        drawn[_title(group[0])] = plots.rejection(ax, *curve, background, label=_title(group[0]))
    ax.legend(fontsize=8, handlelength=_HANDLE)
    plots.label(ax, data)
    run.save_figure(
        "roc",
        figure,
        title="Background rejection",
        caption="One over the share of other jets that pass, against the share of tops that pass. One training of "
        "each. Band: binomial error. Upper right is better.",
        section="Tagging",
        data=plots.long_form(drawn, name="network"),
    )


def _boosts(run: Run, groups: Sequence[Sequence[Outcome]], settings: Evaluation, data: DataKind) -> None:
    figure, ax = pyplot.subplots(figsize=(8.6, 4.6))
    speeds = np.array(settings.speeds)
    drawn: dict[str, dict[str, np.ndarray]] = {}
    for group in groups:
        if group[0].part.labels or group[0].part.method == "smoothed":
            continue
        for what in group[0].boosted:
            each = np.array([outcome.boosted[what] for outcome in group])
            error = each.std(axis=0, ddof=1) if len(each) > 1 else np.zeros(len(speeds))
            name = _title(group[0]) + (", beams too" if "beams" in what else "")
            ax.errorbar(
                speeds,
                each.mean(axis=0),
                error,
                label=name,
                marker=plots.MARKERS[len(drawn) % len(plots.MARKERS)],
                **_look(group[0].part)
                | _open(group[0].part)
                | ({"linestyle": ":"} if "beams" in what else {}),
            )
            drawn[name] = {"speed": speeds, "accuracy": each.mean(axis=0), "error": error}
    ax.axhline(0.5, color="0.6", linewidth=0.8, zorder=0)  # by chance
    low, high = ax.get_ylim()
    ax.set(xlabel=f"speed of the frame along {settings.axis}", ylabel="accuracy", ylim=(min(low, 0.46), high))
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), handlelength=_HANDLE)
    plots.label(ax, data)
    run.save_figure(
        "boosts",
        figure,
        title="Jets seen from a moving frame",
        caption="Accuracy on the same test jets seen by an observer of that speed, at the same cut. The particles are "
        "boosted; 'beams too': also the beams that LorentzNet is given. Bars: standard deviation over seeds; grey "
        "line: chance. Large speeds leave the jets' range of pT: a test of the mathematics, not of a detector.",
        section="Moving frames",
        data=plots.long_form(drawn, name="network"),
    )


def _masses(run: Run, groups: Sequence[Sequence[Outcome]], test: Sample, data: DataKind) -> None:
    others = np.flatnonzero(~test.is_signal)
    mass = invariant_mass(test.momentum[others].sum(axis=1, dtype=np.float64))
    tops = invariant_mass(test.momentum[test.is_signal].sum(axis=1, dtype=np.float64))
    figure, ax = pyplot.subplots(figsize=(6.4, 4.6))
    drawn = {}
    for name, values, grey, fill in (("all tops", tops, "0.85", True), ("all others", mass, "0.5", False)):
        drawn[name] = _shares(values)
        ax.stairs(drawn[name]["share"], _MASS_BINS, label=name, color=grey, fill=fill)
    compared = _teacher_and_student(groups)
    for place, group in enumerate(compared):
        score, name = group[0].score, _title(group[0])
        cut = np.quantile(score[test.is_signal], 0.5)
        drawn[name] = columns = _shares(mass[score[others] > cut])
        # Beside each other, so that the bars can be told apart.
        x = columns["low"] + np.diff(_MASS_BINS) * (place + 1) / (len(compared) + 1)
        filled = columns["share"] > 0
        look = _look(group[0].part) | _open(group[0].part)
        look |= {"marker": plots.MARKERS[place], "linestyle": ""}
        ax.errorbar(x[filled], columns["share"][filled], columns["error"][filled], label=name, **look)
    ax.set(
        xlabel=f"mass of the {test.mask.shape[1]} hardest particles [GeV]",
        ylabel=f"share of jets per {_MASS_BINS[1]:.0f} GeV",
        ylim=(0, None),
    )
    ax.legend(fontsize=8)
    plots.label(ax, data, text="others at 50 % of tops")
    run.save_figure(
        "mass",
        figure,
        title="Mass of the background that passes",
        caption="Mass of the particles that the networks see, for other jets that pass the cut which keeps half of the "
        "tops; one training of each. Bars: binomial errors. All taggers sculpt it; a student inherits what its teacher "
        "does.",
        section="Tagging",
        data=plots.long_form(drawn, name="jets"),
    )


def _teacher_and_student(groups: Sequence[Sequence[Outcome]]) -> list[Sequence[Outcome]]:
    """The main teacher and the first student, on labels and distilled from it."""
    shown = _shown(groups)
    main = shown[0][0].part.network
    student = next(group[0].part.network for group in shown if not group[0].part.is_teacher)
    learned = [g for g in shown if g[0].part.network == student and g[0].part.teacher in ("", main)]
    return [shown[0], *learned]


def _shares(values: np.ndarray) -> dict[str, np.ndarray]:
    counts, _ = np.histogram(values, _MASS_BINS)
    share = counts / max(len(values), 1)
    error = np.sqrt(share * (1 - share) / max(len(values), 1))
    return {"low": _MASS_BINS[:-1], "high": _MASS_BINS[1:], "share": share, "error": error}


def _training(run: Run, trained: Sequence[Trained], data: DataKind) -> None:
    chosen = [
        t for t in trained if not t.part.labels and not t.part.boosted and t.part.seed == trained[0].part.seed
    ]
    longest = max(len(each.history) for each in chosen)
    curves = {}
    for each in chosen:
        values = [1 - row["validation"] for row in each.history]
        labels = each.part.labels_in_tables
        curves[f"{labels['network']}, {labels['method']}"] = values + [np.nan] * (longest - len(values))
    figure, ax = pyplot.subplots(figsize=(6.4, 4.6))
    _in_turn(ax, [each.part for each in chosen])
    drawn = plots.training_curves(ax, np.arange(longest), curves)
    low, high = ax.get_ylim()
    ax.set(ylabel="accuracy on validation jets", ylim=(low, high + 0.35 * (high - low)))
    ax.legend(fontsize=7, loc="upper center", ncols=2, handlelength=_HANDLE)
    plots.label(ax, data)
    run.save_figure(
        "training",
        figure,
        title="Training",
        caption="Accuracy on the validation jets after each epoch; the best epoch is kept.",
        section="Training",
        data=drawn,
    )
