"""Figures of simulated against reconstructed jets: distances by quantity, and spectra."""

from collections.abc import Sequence

import numpy as np

from femtobarn import plots
from femtobarn.evaluation.fast_simulation.distances import QUANTITIES, entries
from femtobarn.evaluation.fast_simulation.tables import Outcome
from femtobarn.physics.jet_pairs import JetPairs
from femtobarn.runs import Result, Run
from femtobarn.study.drawing import drawing

_EDGE = 0.005  # share of the real jets beyond either end of an axis
_HIDDEN = (
    "jet energy",
    "jet eta",
    "jet phi",
    "pT profile in dR",
)  # of no more news; the last one is no count


def draw_fast_simulation(run: Run, table: Sequence[Result], found: Sequence[Outcome], test: JetPairs) -> None:
    """Every figure; of simulators with several seeds the first is shown, of a copy of the input only its distances.

    Args:
        run: Where the figures are saved.
        table: With the rows of `distance_rows`.
        found: Of the test jets.
        test: Generated and reconstructed.
    """
    _draw_distances(run, [each for each in table if each.name == "W1 over the floor"])
    shown = {each.model: each for each in reversed(found) if each.jets is not test.generated}  # no copy
    for name, truth in entries(test.generated, test.reconstructed).items():
        if name not in _HIDDEN:
            samples = {model: each.entries[name].value for model, each in reversed(shown.items())}
            _draw_spectrum(run, name, truth.value, samples)


def _draw_spectrum(run: Run, name: str, truth: np.ndarray, samples: dict[str, np.ndarray]) -> None:
    low, high = np.quantile(truth, (_EDGE, 1 - _EDGE))
    whole = np.arange(np.floor(low) - 0.5, high + 1)
    edges = whole if name == "particles" else np.linspace(low, max(high, low + 1e-3), 26)
    log = name == "particle pT"
    with drawing(
        run, f"spectra/{name.replace(' ', '-')}", title=name if name.startswith("pT") else name[0].upper() + name[1:],
        caption="Shares per bin; below, their ratio to the reconstructed jets. Bars and band: square roots of counts. "
        "What is far above the reconstructed jets is cut.",
        section="Spectra", shape=(2, 1), size=(5.8, 5.4), legend={"ncols": 2}, sharex=True,
        gridspec_kw={"height_ratios": [3, 1], "hspace": 0.05},
    ) as d:  # fmt: skip
        main, below = d.axes[:, 0]
        d.table = plots.ratio_histograms(main, below, truth, samples, edges, label="reconstructed jets")
        most = np.histogram(truth, edges)[0].max() / len(truth)
        main.set(ylabel="share of entries", yscale="log" if log else "linear")
        main.set_ylim(*((1e-5, 100 * most) if log else (0, 2 * most)))
        below.set_xlabel(f"{name} [{QUANTITIES[name]}]" if QUANTITIES[name] else name)


def _draw_distances(run: Run, rows: Sequence[Result]) -> None:
    models = list(dict.fromkeys(each.labels["model"] for each in rows))
    with drawing(
        run, "distances", title="Distances in units of the floor", section="Distances", by="model",
        caption="W1 between what a simulator made of one half of the test jets and the reconstructed jets of the "
        "other half, over that between the reconstructed jets of the two halves. 1 is as good as the sample can tell.",
        size=(6.8, 5.4), legend={"loc": "upper left", "bbox_to_anchor": (1.01, 1)},
    ) as d:  # fmt: skip
        for index, model in enumerate(models):
            mine = [each for each in rows if each.labels["model"] == model]
            place = np.arange(len(mine)) + 0.35 - 0.7 * (index + 0.5) / len(models)
            value = np.array([each.value for each in mine])
            error = np.array([each.error or 0.0 for each in mine])
            marker = plots.MARKERS[index % len(plots.MARKERS)]
            d.ax.errorbar(value, place, xerr=error, fmt=marker, markersize=4, label=model)
            d.drawn[model] = {"quantity": list(QUANTITIES), "W1 over the floor": value, "error": error}
        d.ax.axvline(1.0, color="0.6", linestyle=":")
        d.ax.set(xscale="log", xlabel="W1 over the floor", ylim=(len(QUANTITIES) - 0.5, -0.5))
        d.ax.set_yticks(range(len(QUANTITIES)), list(QUANTITIES))
        d.ax.tick_params(axis="y", which="minor", left=False, right=False)
