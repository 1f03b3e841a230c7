"""All metrics of generated jets against real ones, each with error, sample sizes and null."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64

from femtobarn import metrics
from femtobarn.metrics.estimate import Estimate
from femtobarn.physics.energy_flow import energy_flow_polynomials


class JetSample(NamedTuple):
    """Jets with the features that the metrics need."""

    particles: Float[np.ndarray, "jet particle 3"]  # eta_rel, phi_rel, pt_rel
    mask: Bool[np.ndarray, "jet particle"]
    efp: Float64[np.ndarray, "jet 36"]  # energy flow polynomials

    @property
    def jets(self) -> tuple[np.ndarray, np.ndarray]:
        """Particles and mask."""
        return self.particles, self.mask

    def first(self, n: int) -> "JetSample":
        """The first n jets, or all if there are fewer."""
        return JetSample(*(column[:n] for column in self))


@dataclass(frozen=True)
class Scoring:
    """Which metrics are computed, and on how many jets."""

    jets: int = 50_000
    """Maximum number of jets of each sample in metrics that need single jets (W1, COV ...); FPD and KPD use all."""
    neighbours: int = 10_000
    """Maximum number of jets of each sample in precision, recall, density and coverage."""
    matched: int = 100
    """Batch size of COV and MMD, which depend on it."""
    wasserstein: bool = True
    """Compute W1-M, W1-P and W1-EFP."""
    manifolds: bool = True
    """Compute precision, recall, density and coverage of the energy flow polynomials."""
    matching: bool = True
    """Compute COV and MMD by the energy mover's distance."""
    literature: bool = False
    """Add FPD and KPD by the published recipes, for comparison with published numbers."""
    fpnd: Path | None = None
    """Folder with the published ParticleNet weights, for FPND against real JetNet (30 particles)."""
    jet_class: str = "g"
    """Class of real JetNet jets, g, q or t, that FPND compares with."""


def jet_sample(
    particles: Float[np.ndarray, "jet particle 3"], mask: Bool[np.ndarray, "jet particle"]
) -> JetSample:
    """Jets with their energy flow polynomials."""
    return JetSample(particles, mask, energy_flow_polynomials(particles, mask))


def moment_scores(real: JetSample, generated: JetSample) -> dict[str, Estimate]:
    """FPD and KPD of the 36 energy flow polynomials, over all jets."""
    return {"FPD": metrics.fpd(real.efp, generated.efp), "KPD": metrics.kpd(real.efp, generated.efp)}


def sample_tasks(settings: Scoring) -> list[str]:
    """Names of the groups of metrics that `sample_scores` can compute side by side."""
    wanted = {
        "manifolds": settings.manifolds,
        "matching": settings.matching,
        "wasserstein": settings.wasserstein,
        "literature": settings.literature,
        "fpnd": settings.fpnd is not None,
    }
    return [name for name, chosen in wanted.items() if chosen]


def sample_scores(
    task: str, real: JetSample, generated: JetSample, *, settings: Scoring, seed: int
) -> dict[str, Estimate]:
    """One group of the metrics that need the jets themselves; the samples are cut to the settings' sizes."""
    draw = np.random.default_rng(seed)
    x, y = real.first(settings.jets), generated.first(settings.jets)
    match task:
        case "wasserstein":
            return _wasserstein(x, y, draw)
        case "manifolds":
            return _manifolds(x.first(settings.neighbours), y.first(settings.neighbours), draw)
        case "matching":
            found = metrics.coverage_mmd(x.jets, y.jets, sample=settings.matched, generator=draw)
            return {"COV": found.coverage, "MMD": found.mmd}
        case "literature":
            return _literature(x, y)
        case "fpnd" if settings.fpnd is not None:
            reference = metrics.load_fpnd(settings.fpnd, settings.jet_class)
            return {"FPND": metrics.fpnd(y.jets, reference, generator=draw)}
        case _:
            raise ValueError(f"expected one of {', '.join(sample_tasks(settings))}, got {task!r}")


def jet_scores(real: JetSample, generated: JetSample, *, settings: Scoring, seed: int) -> dict[str, Estimate]:
    """Every metric asked for, of samples in memory."""
    found = moment_scores(real, generated)
    for task in sample_tasks(settings):
        found |= sample_scores(task, real, generated, settings=settings, seed=seed)
    return found


def _wasserstein(x: JetSample, y: JetSample, draw: np.random.Generator) -> dict[str, Estimate]:
    batch = resample_size(len(x.mask), len(y.mask))
    particles = metrics.w1p(x.jets, y.jets, batch=batch, generator=draw)
    return {
        "W1-M": metrics.w1m(x.jets, y.jets, batch=batch, generator=draw),
        "W1-P": particles.mean,
        "W1-pT": particles.pt,
        "W1-EFP": metrics.w1efp(x.jets, y.jets, batch=batch, generator=draw),
    }


def resample_size(real: int, generated: int) -> int:
    """Jets in a resample for the W1s: as many as there are, so that their spread is the error; 50,000 at most."""
    return min(real, generated, 50_000)


def _manifolds(x: JetSample, y: JetSample, draw: np.random.Generator) -> dict[str, Estimate]:
    return dict(metrics.prdc(x.efp, y.efp, generator=draw)._asdict())


def _literature(x: JetSample, y: JetSample) -> dict[str, Estimate]:
    return {
        "FPD (published recipe)": metrics.fpd_jetnet(x.efp, y.efp),
        "KPD (published recipe)": metrics.kpd_jetnet(x.efp, y.efp),
    }
