"""Figures of a run of the chain: what bits buy, all choices beside the reference, the rate under pile-up."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from femtobarn import plots
from femtobarn.chain.collisions import ZERO_BIAS
from femtobarn.chain.display import draw_collision
from femtobarn.chain.judge import ENDCAP_JETS, EVENT, MISSING, OVER, REFERENCE, RESOLUTION, told
from femtobarn.chain.settings import CELLS, HITS, LINKS, PYRAMID, Chain
from femtobarn.evaluation.scores import Scored
from femtobarn.evaluation.trigger import draw_rates
from femtobarn.runs import Result, Run
from femtobarn.study import drawing

_LEAST_VALUES = 10  # of a score beside which the others' residuals can be taken


def draw(
    run: Run,
    chain: Chain,
    table: Sequence[Result],
    found: Sequence[Scored],
    pileup: Float[np.ndarray, "crossing"],
) -> list[Result]:
    """All figures, and the rows that belong to the rate under pile-up."""
    _bits(run, chain, table)
    _ratios(run, table)
    scores = {
        each.labels["score"]: each.scores[ZERO_BIAS]
        for each in found
        if each.labels["choice"].startswith(REFERENCE)
    }
    rows = list[Result]()
    varied = [name for name, score in scores.items() if len(np.unique(score)) > _LEAST_VALUES]
    if varied:
        first = scores.pop(varied[0])
        rows = draw_rates(
            run, scores, pileup, first, share=chain.passing, bunches=chain.bunches, variable=varied[0]
        )
    draw_collision(run, chain)
    return rows


def _bits(run: Run, chain: Chain, table: Sequence[Result]) -> None:
    """End-points against the bits of a crossing."""
    bits = {r.labels["choice"]: r.value for r in table if r.name == "bits of a crossing"}
    panels = (
        (RESOLUTION, ENDCAP_JETS, "resolution of the pT of endcap jets"),
        ("resolution of the jet mass", ENDCAP_JETS, "resolution of the mass of endcap jets"),
        (MISSING, EVENT, "width of the missing momentum [GeV]"),
    )
    with drawing(
        run, "bits", title="What bits buy", section="Compression", shape=(1, 3), size=(11.5, 3.6), by="panel",
        caption="End-points of dijets against the bits that the endcap sends in a crossing, one point for each "
        "choice of compression: circles for best choice and all cells, triangles for the pyramid code, squares for "
        "runs; the dashed line has all hits and no trigger path, if that is a choice. Bars: bootstrap over events; the "
        "points share their events, so that their differences are known better than that.",
    ) as d:  # fmt: skip
        for ax, (name, where, label) in zip(d.axes.flat, panels, strict=True):
            rows = [r for r in table if r.name == name and r.labels["where"] == where]
            named = [(_compress(chain, r), r) for r in rows]
            known = sorted(((bits[c], c, r) for c, r in named if c in bits), key=lambda point: point[0])
            if not known:
                continue
            x, y, error = np.array([(place, r.value, r.error or 0.0) for place, _, r in known]).T
            chosen = [choice for _, choice, _ in known]
            by_best, by_pyramid = (
                np.isin(chosen, [told("compress", each) for each in names])
                for names in ((CELLS, *LINKS), PYRAMID)
            )
            for those, look in ((by_best, "o-"), (by_pyramid, "^-"), (~by_best & ~by_pyramid, "s")):
                ax.errorbar(x[those], y[those], error[those], fmt=look)
            for place, choice, r in known:
                words = plots.plain(choice.removeprefix("compress: "))
                ax.annotate(words, (place, r.value), fontsize=6, xytext=(4, 4), textcoords="offset points")
            for choice, r in named:
                if choice == told("compress", HITS):
                    ax.axhline(r.value, color="0.5", linestyle="--")
            ax.set(xlabel="Mbit a crossing", ylabel=label, xlim=(0.0, 1.25 * x.max()))
            d.drawn[label] = {"Mbit": x, "value": y, "error": error}


def _ratios(run: Run, table: Sequence[Result]) -> None:
    """Every choice over the reference, for the end-points that have a ratio."""
    rows = [r for r in table if r.name.endswith(OVER) and not r.name.startswith("response")]
    names = list(dict.fromkeys((r.name.removesuffix(OVER), r.labels["where"]) for r in rows))
    choices = list(dict.fromkeys(r.labels["choice"] for r in rows))
    if not choices:
        return
    with drawing(
        run, "choices", title="Every choice over the reference", section="End-points", by="end-point",
        size=(8.5, 1.4 + 0.5 * len(choices)),
        legend={"fontsize": 6, "loc": "upper left", "bbox_to_anchor": (1.0, 1.0)},
        caption="Ratio of each end-point to that of the reference on the same events, one choice changed at a time. "
        "For widths and resolutions less is better, for the track efficiency more. Bars: paired, bootstrap over "
        "events.",
    ) as d:  # fmt: skip
        for number, (name, where) in enumerate(names):
            mine = [r for r in rows if r.name.removesuffix(OVER) == name and r.labels["where"] == where]
            at = [choices.index(r.labels["choice"]) for r in mine]
            shift = 0.7 * ((number + 0.5) / len(names) - 0.5)
            value, error = np.array([r.value for r in mine]), np.array([r.error or 0.0 for r in mine])
            label = f"{name}, {where}"
            d.ax.errorbar(
                value, np.array(at) + shift, xerr=error, fmt="o", markersize=3, label=plots.plain(label)
            )
            d.drawn[label] = {
                "choice": np.array([choices[i] for i in at]), "ratio": value, "error": error
            }  # fmt: skip
        d.ax.axvline(1.0, color="0.5", linewidth=0.8)
        d.ax.set_yticks(range(len(choices)), list(map(plots.plain, choices)))
        d.ax.set_yticks([], minor=True)
        d.ax.set(xlabel="over the reference", ylim=(len(choices) - 0.5, -0.5))


def _compress(chain: Chain, result: Result) -> str:
    """The choice of compression that a row is about: that of the reference is one too."""
    choice = result.labels["choice"]
    return told("compress", chain.compress[0]) if choice.startswith(REFERENCE) else choice
