"""Figures of scores of whitened strain: rejection of noise, and efficiency against the signal-to-noise ratio."""

from collections.abc import Sequence

from femtobarn.evaluation.comparisons import draw_efficiencies
from femtobarn.evaluation.scores import Scored, draw_scores
from femtobarn.evaluation.strain.scores import COHERENT, verdict
from femtobarn.nn.strain_networks import TRAINABLE
from femtobarn.runs import Result, Run


def draw_strain_scores(
    run: Run,
    scored: Sequence[Scored],
    table: Sequence[Result],
    *,
    background: str,
    bins: Sequence[tuple[float, float]],
    fraction: float,
) -> None:
    """Background rejection of weak signals and of those without bins, and efficiencies of each class by bins.

    Of strong signals nothing is left to reject. The captions say which autoencoder is no better than excess power.

    Args:
        run: Where the figures are saved.
        scored: Scores to be drawn; samples are named as by `femtobarn.simulate.strain.in_bins`.
        table: Of `score_table`.
        background: Name of the noise among the samples.
        bins: Of the ratio of the network, the weakest first.
        fraction: Of the noise that passes, in the table.
    """
    strong = tuple(f" {a:g}-{b:g}" for a, b in bins[1:])
    weak = [name for name in scored[0].scores if not name.endswith(strong)]
    some = [each._replace(scores={name: each.scores[name] for name in weak}) for each in scored]
    draw_scores(run, some, background=background, shown=len(scored))
    names = {each.labels["score"] for each in scored}
    found = verdict([each for each in table if each.name == "gain in AUC"], TRAINABLE)
    for kind in [name.rpartition(" ")[0] for name in weak if " " in name]:
        draw_efficiencies(
            run, [each for each in table if each.labels["score"] in names],
            {f"{kind} {a:g}-{b:g}": (a + b) / 2 for a, b in bins},
            xlabel="signal-to-noise ratio of the network", xscale="linear", title=f"Efficiency: {kind}", bold=COHERENT,
            name=f"efficiency-{kind}", caption=f"Share of {kind} signals above the threshold that {100 * fraction:g} % "
            "of noise events pass, in bins of the optimal signal-to-noise ratio of both detectors. Bars: of both "
            f"samples, and between seeds. {found}",
        )  # fmt: skip
