"""Figures of a comparison of jets: spectra with ratios to the real sample, and how significant each metric is."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from femtobarn import plots
from femtobarn.evaluation.jet_scores import JetSample
from femtobarn.evaluation.results import worseness
from femtobarn.metrics.estimate import Estimate
from femtobarn.physics.energy_flow import EFP_NAMES
from femtobarn.physics.jets import relative_mass
from femtobarn.runs import Run
from femtobarn.study.drawing import drawing

_SHOWN = 6  # samples in one figure; more hide each other


class _Spectrum(NamedTuple):
    """What is drawn of each jet or particle, and over which range."""

    name: str
    title: str
    axis: str
    of: Callable[[JetSample], np.ndarray]
    low: float  # quantiles of the real sample at which the axis begins and ends
    high: float
    log: bool = False


def _particle(feature: int) -> Callable[[JetSample], np.ndarray]:
    return lambda sample: sample.particles[sample.mask][:, feature]


def _multiplicity(sample: JetSample) -> np.ndarray:
    return sample.mask.sum(axis=1)


def _leading(sample: JetSample) -> np.ndarray:
    return np.where(sample.mask, sample.particles[..., 2], 0).max(axis=1)


_SQUARE = list(EFP_NAMES).index("square")
_SPECTRA = (
    _Spectrum("mass", "Jet mass", r"$m / p_T$", lambda s: relative_mass(*s.jets), 0.0, 0.999),
    _Spectrum("pt-rel", "Particle pT", r"$p_T^\mathrm{rel}$", _particle(2), 0.0, 0.998, log=True),
    _Spectrum("eta-rel", "Particle eta", r"$\eta^\mathrm{rel}$", _particle(0), 0.002, 0.998),
    _Spectrum("phi-rel", "Particle phi", r"$\phi^\mathrm{rel}$", _particle(1), 0.002, 0.998),
    _Spectrum("multiplicity", "Particles in a jet", "particles", _multiplicity, 0.0, 1.0, log=True),
    _Spectrum("leading", "Leading particle", r"leading $p_T^\mathrm{rel}$", _leading, 0.0, 0.999),
    _Spectrum(
        "efp", "Energy flow of the square", "EFP of the square", lambda s: s.efp[:, _SQUARE], 0.0, 0.995, True
    ),
)


def draw_jets(
    run: Run,
    real: JetSample,
    generated: Mapping[str, JetSample],
    *,
    reference: str,
    section: str = "Spectra",
    folder: str = "spectra",
) -> None:
    """Spectra of jets and particles, up to six samples against the real one, with ratio panels.

    Args:
        run: Where the figures are saved.
        real: The reference.
        generated: Samples by name.
        reference: Name of the reference in the legend.
        section: Heading of the report under which they stand.
        folder: Of the figures' files.
    """
    shown = dict(list(generated.items())[:_SHOWN])
    for spectrum in _SPECTRA:
        truth = spectrum.of(real)
        with drawing(
            run,
            f"{folder}/{spectrum.name}",
            title=spectrum.title,
            caption=f"Shares per bin; below, their ratio to {reference}. Bars and band: square roots of counts.",
            section=section,
            shape=(2, 1),
            size=(5.4, 4.9),
            legend={"ncols": 2 if len(shown) > 2 else 1},
            sharex=True,
            gridspec_kw={"height_ratios": [3, 1], "hspace": 0.05},
        ) as d:
            main, below = d.axes[:, 0]
            samples = {name: spectrum.of(sample) for name, sample in shown.items()}
            d.table = plots.ratio_histograms(
                main, below, truth, samples, _edges(truth, spectrum), label=reference
            )
            main.set(ylabel="share of entries", yscale="log" if spectrum.log else "linear")
            if not spectrum.log:
                main.set_ylim(0, 1.45 * main.get_ylim()[1])
            below.set_xlabel(spectrum.axis)


def _edges(truth: np.ndarray, spectrum: _Spectrum) -> np.ndarray:
    low, high = np.quantile(truth, (spectrum.low, spectrum.high))
    if np.issubdtype(truth.dtype, np.integer):
        return np.arange(low - 0.5, high + 1)
    if spectrum.low == 0:
        low = min(low, 0.0)
    return np.linspace(low, high if high > low else low + 1, 41)


def draw_significances(run: Run, scores: Mapping[str, Mapping[str, Estimate]]) -> None:
    """How far each metric puts each sample from the null, in units of the null's scatter, on a log scale."""
    found = {
        sample: {m: worseness(m, e) for m, e in estimates.items() if e.null_error > 0}
        for sample, estimates in scores.items()
    }
    names = list(dict.fromkeys(metric for each in found.values() for metric in each))
    with drawing(
        run,
        "significance",
        title="What each metric sees",
        caption="Distance of each score from what two real samples give, over the scatter of that, counted so that "
        "larger is worse. Grey: within three standard deviations a sample cannot be told from the real one. "
        "The axis is linear inside, logarithmic outside.",
        section="Metrics",
        by="sample",
        size=(6.4, 0.9 + 0.42 * len(names)),
        legend={"loc": "upper left", "bbox_to_anchor": (1.01, 1)},
    ) as d:
        for index, (sample, values) in enumerate(found.items()):
            place = [names.index(metric) + 0.5 - (index + 1) / (len(found) + 1) for metric in values]
            marker = plots.MARKERS[index % len(plots.MARKERS)]
            d.ax.plot(list(values.values()), place, marker, label=plots.plain(sample), linestyle="none")
            d.drawn[sample] = {"metric": list(values), "significance": list(values.values())}
        d.ax.axvspan(-3, 3, color="0.9", zorder=0)
        lines = np.arange(len(names) - 1) + 0.5
        d.ax.hlines(lines, 0, 1, color="0.8", linewidth=0.5, transform=d.ax.get_yaxis_transform())
        d.ax.set_xscale("symlog", linthresh=3)
        d.ax.set(xlabel="significance [standard deviations of the null]", ylim=(len(names) - 0.5, -0.5))
        d.ax.set_yticks(range(len(names)), names)
        d.ax.tick_params(axis="y", which="minor", left=False, right=False)
