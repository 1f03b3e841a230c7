"""Figures of a run of the chain: what bits buy, all choices beside the reference, the rate under pile-up."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from femtobarn import plots
from femtobarn.chain.collisions import ZERO_BIAS
from femtobarn.chain.display import draw_collision
from femtobarn.chain.judge import OVER, REFERENCE, RESOLUTION
from femtobarn.chain.settings import Chain
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
    _bits(run, table)
    _ratios(run, table)
    scores = {
        each.labels["score"]: each.scores[ZERO_BIAS] for each in found if each.labels["stage"] == REFERENCE
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


def _bits(run: Run, table: Sequence[Result]) -> None:
    """End-points against the bits of a crossing."""
    bits = {r.labels["choice"]: r.value for r in table if r.name == "bits of a crossing"}
    panels = (
        (RESOLUTION, "endcap", "resolution of the pT of endcap jets"),
        ("resolution of the jet mass", "endcap", "resolution of the mass of endcap jets"),
        ("width of the missing momentum", None, "width of the missing momentum [GeV]"),
    )
    with drawing(
        run, "bits", title="What bits buy", section="Compression", shape=(1, 3), size=(11.5, 3.6), by="panel",
        caption="End-points of dijets against the bits that the endcap sends in a crossing, one point for each "
        "choice of compression; the dashed line has all hits and no trigger path, if that is a choice. Bars: "
        "bootstrap over events; the points share their events, so that their differences are known better than that.",
    ) as d:  # fmt: skip
        for ax, (name, jets, label) in zip(d.axes.flat, panels, strict=True):
            rows = [r for r in table if r.name == name and (jets is None or r.labels.get("jets") == jets)]
            chosen = [r for r in rows if r.labels["stage"] in (REFERENCE, "compress")]
            points = [(bits.get(_compress(r)), r, _compress(r)) for r in chosen]
            known = sorted(((x, r, c) for x, r, c in points if x is not None), key=lambda p: p[0])
            if not known:
                continue
            x, y, e = (
                np.array(c, float)
                for c in zip(*((x, r.value, r.error or 0.0) for x, r, _ in known), strict=True)
            )
            ax.errorbar(x, y, e, marker="o")
            for each, (_, r, choice) in zip(x, known, strict=True):
                ax.annotate(plots.plain(choice), (each, r.value), fontsize=6, rotation=30, xytext=(3, 5),
                            textcoords="offset points")  # fmt: skip
            for _, r, choice in points:
                if choice not in bits:
                    ax.axhline(r.value, color="0.5", linestyle="--")
            ax.set(xlabel="Mbit a crossing", ylabel=label, xscale="log")
            d.drawn[label] = {"Mbit": x, "value": y, "error": e}


def _ratios(run: Run, table: Sequence[Result]) -> None:
    """Every choice over the reference, for the end-points that have a ratio."""
    rows = [r for r in table if r.name.endswith(OVER) and not r.name.startswith("response")]
    names = list(dict.fromkeys((r.name.removesuffix(OVER), r.labels.get("jets", "")) for r in rows))
    choices = list(dict.fromkeys((r.labels["stage"], r.labels["choice"]) for r in rows))
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
        for number, (name, jets) in enumerate(names):
            mine = [r for r in rows if r.name.removesuffix(OVER) == name and r.labels.get("jets", "") == jets]
            at = [choices.index((r.labels["stage"], r.labels["choice"])) for r in mine]
            shift = 0.7 * ((number + 0.5) / len(names) - 0.5)
            value, error = np.array([r.value for r in mine]), np.array([r.error or 0.0 for r in mine])
            label = f"{name}, {jets}" if jets else name
            d.ax.errorbar(
                value, np.array(at) + shift, xerr=error, fmt="o", markersize=3, label=plots.plain(label)
            )
            d.drawn[label] = {
                "choice": np.array([": ".join(choices[i]) for i in at]), "ratio": value, "error": error
            }  # fmt: skip
        d.ax.axvline(1.0, color="0.5", linewidth=0.8)
        d.ax.set_yticks(range(len(choices)), [plots.plain(": ".join(each)) for each in choices])
        d.ax.set_yticks([], minor=True)
        d.ax.set(xlabel="over the reference", ylim=(len(choices) - 0.5, -0.5))


def _compress(result: Result) -> str:
    """The choice of compression behind a row: that of the reference stands first in its name."""
    choice = result.labels["choice"]
    return choice.split(", ")[0] if result.labels["stage"] == REFERENCE else choice
