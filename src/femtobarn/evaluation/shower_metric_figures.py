"""Figures of the metrics of a comparison of showers: separation powers, the leaderboard, who is taken for whom."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64
from matplotlib import pyplot

from femtobarn import plots
from femtobarn.evaluation.leaderboard import Row
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.shower_histograms import group
from femtobarn.runs import DataKind, Run

_OF_ESTIMATE = {
    "separation power": "value",
    "null": "null",
    "scatter of the null": "null_error",
    "p": "p_value",
}


def draw_separations(run: Run, separations: Mapping[str, Mapping[str, Estimate]], *, data: DataKind) -> None:
    """Separation power of every histogram over its null, one line for each kind of histogram."""
    with plots.style():
        kinds = list(dict.fromkeys(group(name) for each in separations.values() for name in each))
        figure, ax = pyplot.subplots(figsize=(6.4, 1.1 + 0.42 * len(kinds)))
        columns: dict[str, dict[str, list[str] | list[float]]] = {}
        for index, (sample, found) in enumerate(separations.items()):
            kept = {name: e for name, e in found.items() if e.null > 0 and e.value > 0}
            ratio = [e.value / e.null for e in kept.values()]
            shift = (index + 1) / (len(separations) + 1)
            place = [kinds.index(group(name)) + 0.5 - shift for name in kept]
            marker = plots.MARKERS[index % len(plots.MARKERS)]
            ax.plot(ratio, place, marker, label=sample, linestyle="none", markersize=4, alpha=0.6)
            columns[sample] = {"histogram": list(kept), "separation power over null": ratio}
            for name, field in _OF_ESTIMATE.items():
                columns[sample][name] = [float(getattr(e, field)) for e in kept.values()]
        ax.axvline(1, color="0.4", linewidth=0.8)
        ax.set(xscale="log", xlabel="separation power / null", ylim=(len(kinds) - 0.5, -0.5))
        ax.set_yticks(range(len(kinds)), [kind.replace("_layer", " of layers") for kind in kinds])
        ax.tick_params(axis="y", which="minor", left=False, right=False)
        ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
        plots.label(ax, data)
        run.save_figure(
            "separation",
            figure,
            title="Separation power against the null",
            caption="One point for each histogram. At 1 (line) it is what two samples of the same thing of these sizes "
            "give on average; how far from 1 is still chance is in the table.",
            section="Metrics",
            data=plots.long_form(columns, name="sample"),
        )


def draw_leaderboard(run: Run, rows: Sequence[Row]) -> None:
    """FPD and AUC of the published generators and of those of this run."""
    with plots.style():
        figure, ax = pyplot.subplots(figsize=(6.4, 4.6))
        known = [row for row in rows if {"FPD", "AUC low"} <= set(row.values)]
        fpd, auc = np.array(
            [[row.values["FPD"], row.values["AUC low"]] for row in known] or np.zeros((0, 2))
        ).T
        own = np.array([row.source == run.name for row in known], dtype=bool)
        for chosen, marker, name in ((~own, "o", "published"), (own, "*", "this run")):
            ax.plot(
                fpd[chosen],
                auc[chosen],
                marker,
                label=name,
                linestyle="none",
                markersize=5 + 5 * (marker == "*"),
            )
        for row, x, y in zip(known, fpd, auc, strict=True):
            ax.annotate(row.model, (x, y), (4, 3), textcoords="offset points", fontsize=6)
        ax.set(xscale="log", xlabel="FPD x 1000, published recipe", ylabel="AUC of the low-level classifier")
        ax.legend(fontsize=8)
        plots.label(ax, "real")
        run.save_figure(
            "leaderboard",
            figure,
            title="Among the generators of the challenge",
            caption="Published numbers (arXiv:2410.21611) and those of this run, on the same reference.",
            section="Metrics",
            data={"model": [row.model for row in known], "FPD": fpd, "AUC low": auc},
        )


def draw_consistency(
    run: Run, names: Sequence[str], consistency: Float64[np.ndarray, "sample sample"], *, data: DataKind
) -> None:
    """Mean log posterior of each generator (columns) for showers of each generator (rows)."""
    with plots.style():
        figure, ax = pyplot.subplots(figsize=(1.6 + 0.7 * len(names), 1.2 + 0.6 * len(names)))
        image = ax.imshow(consistency, cmap="viridis")
        for (i, j), value in np.ndenumerate(consistency):
            ax.annotate(f"{value:.2f}", (j, i), ha="center", va="center", fontsize=8, color="white")
        ax.set_xticks(range(len(names)), names, rotation=30, ha="right")
        ax.set_yticks(range(len(names)), names)
        ax.tick_params(which="both", length=0)
        ax.minorticks_off()
        ax.set(xlabel="taken for", ylabel="showers of")
        figure.colorbar(image, ax=ax, label="mean log posterior")
        plots.label(ax, data)
        run.save_figure(
            "consistency",
            figure,
            title="Who is taken for whom",
            caption="Mean log posterior for showers that took no part in the training: the diagonal should be "
            "the largest of each row.",
            section="Metrics",
            data={
                "showers of": np.repeat(names, len(names)),
                "taken for": np.tile(names, len(names)),
                "mean log posterior": consistency.ravel(),
            },
        )
