"""How like the real jets the generated ones are, and how long one takes: every number with its error and floor."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from femtobarn.errors import InputError
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.frechet import fpd
from femtobarn.metrics.kernel import kpd
from femtobarn.metrics.wasserstein import w1efp, w1m, w1p
from femtobarn.physics.jets import relative_mass
from femtobarn.runs import DataKind, Result
from femtobarn.systems.jet_generation import marginals, model, study
from femtobarn.systems.jet_generation.model import Jets
from femtobarn.systems.jet_generation.study import Trained

TRUTH = "real jets"  #: training jets in place of generated ones: the floor, measured once
DISTANCES = ("FPD", "KPD", "W1-M", "W1-P", "W1-pT", "W1-EFP")
EXPECTED = "null"  #: what two samples of the test jets would give on average


@dataclass(frozen=True)
class Evaluation:
    """How the trained generators are judged."""

    jets: int = 50_000
    """Test jets, at most, and as many generated ones."""
    batches: tuple[int, ...] = (1, 10, 100, 1000, 10_000)
    """Jets asked for at once, for the time a jet takes; more than 1000 are made 1000 at a time."""
    repeats: int = 5
    """Times each is timed; the median counts."""

    def __post_init__(self) -> None:
        if self.jets < 200 or self.repeats < 1 or not self.batches or min(self.batches) < 1:
            raise InputError(f"at least 200 jets, 1 repeat and batches of 1 expected: got {self}")


class Outcome(NamedTuple):
    """What one model, or a baseline, made for the multiplicities of the test jets."""

    labels: dict[str, str]
    seed: int | None
    """Seed of the training; none for a baseline."""
    jets: Jets
    seconds: dict[int, float]
    """Seconds a jet, by the jets asked for at once; empty for a baseline."""


def outcomes(
    trained: Sequence[Trained], train: Jets, test: Jets, *, settings: Evaluation, seed: int
) -> list[Outcome]:
    """Generated jets of every trained model, then those of the baselines and real ones."""
    wanted = test.mask.sum(dim=1)
    found = []
    for each in trained:
        noise = torch.Generator().manual_seed(seed * 1_000_003 + each.part.seed)
        jets = model.generate(each.generator, wanted, generator=noise)
        seconds = seconds_per_jet(each.generator, wanted, settings=settings)
        found.append(Outcome({"model": each.title}, each.part.seed, jets, seconds))
    noise = torch.Generator().manual_seed(seed)
    baselines = {
        "marginals by rank": marginals.from_each_rank(train, wanted, generator=noise),
        "marginals": marginals.from_all_particles(train, wanted, generator=noise),
        TRUTH: study.some(train, len(wanted)),
    }
    return found + [Outcome({"model": name}, None, jets, {}) for name, jets in baselines.items()]


def seconds_per_jet(
    generator: nn.Module, multiplicity: torch.Tensor, *, settings: Evaluation, threads: int = 1
) -> dict[int, float]:
    """Median wall time of a generated jet, by the number asked for at once, on so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    noise, found = torch.Generator().manual_seed(0), {}
    for batch in settings.batches:
        wanted = multiplicity[torch.arange(batch) % len(multiplicity)]
        model.generate(generator, wanted[:1000], generator=noise)
        times = []
        for _ in range(settings.repeats):
            start = time.perf_counter()
            model.generate(generator, wanted, generator=noise)
            times.append((time.perf_counter() - start) / batch)
        found[batch] = median(times)
    torch.set_num_threads(before)
    return found


def distances(real: Jets, made: Jets) -> dict[str, Estimate]:
    """Every distance of generated jets from real ones, by its name in tables."""
    features = study.polynomials(real), study.polynomials(made)
    x, y = ((jets.particles.numpy(), jets.mask.numpy()) for jets in (real, made))
    # Resamples as large as the sample, so that their spread is its error; never more than published.
    batch = min(len(real.mask), 50_000)
    particle = w1p(x, y, batch=batch)
    return {
        "FPD": fpd(*features),
        "KPD": kpd(*features),
        "W1-M": w1m(x, y, batch=batch),
        "W1-P": particle.mean,
        "W1-pT": particle.pt,
        "W1-EFP": w1efp(x, y, batch=batch),
    }


def results(
    found: Sequence[Outcome], trained: Sequence[Trained], test: Jets, *, data: DataKind
) -> list[Result]:
    """All distances and times of every model, seeds taken together.

    The error of a distance joins that of the samples and, where there are several, the standard deviation over
    the seeds. The row of real jets is the floor: what a perfect generator would get.
    """
    table = []
    for group in _by_model(found):
        seeds = tuple(each.seed for each in group if each.seed is not None)
        measured = [distances(test, each.jets) for each in group]
        common = {
            "n": len(test.mask),
            "split": "test",
            "data": data,
            "labels": group[0].labels,
            "seeds": seeds,
        }
        for name in measured[0]:
            estimates = [each[name] for each in measured]
            value, error = _joined(estimates)
            kind = "samples" if len(seeds) < 2 else f"samples and standard deviation over {len(seeds)} seeds"
            table.append(Result(name, value, error, error_kind=kind, **common))  # type: ignore[arg-type]
            if group[0].labels["model"] == TRUTH:
                e, expected = estimates[0], {"model": EXPECTED}
                table.append(
                    Result(
                        name, e.null, e.null_error, "", e.n_real, "test", data, expected, (), "pair to pair"
                    )
                )
        for batch in group[0].seconds:
            times = [1e6 * each.seconds[batch] for each in group]
            labels = group[0].labels | {"jets at once": str(batch)}
            table.append(Result("time per jet", median(times), None, "us", batch, "", data, labels, seeds))
    for each in trained:
        labels = {"model": each.title, "seed": str(each.part.seed)}
        seconds = each.history[-1]["seconds"]
        table.append(Result("training time", seconds, None, "s", 0, "train", data, labels, (each.part.seed,)))
        weights = sum(p.numel() for p in each.generator.parameters())
        table.append(Result("weights", float(weights), None, "", 0, "", data, labels, (each.part.seed,)))
    order = list(dict.fromkeys([*DISTANCES, *(r.name for r in table)]))
    table.sort(key=lambda result: order.index(result.name))
    return _overview(table) + table


def _overview(table: Sequence[Result]) -> list[Result]:
    """All distances of all models as one matrix."""
    return [
        replace(result, name="distance from the test jets", labels={"distance": result.name} | result.labels)
        for result in table
        if result.name in DISTANCES
    ]


def spectra(jets: Jets) -> dict[str, Float[np.ndarray, "_"]]:
    """Distributions that the figures show: of particles, then of jets; jets without particles are left out."""
    x, mask = jets.particles.double().numpy(), jets.mask.numpy()
    some = mask.any(axis=1)
    return {
        "eta": x[..., 0][mask],
        "phi": x[..., 1][mask],
        "pt": x[..., 2][mask],
        "mass": relative_mass(x, mask)[some],
        "multiplicity": (x[..., 2] > 0).sum(axis=1)[some].astype(float),
        "leading": x[:, :, 2].max(axis=1)[some],
    }


def _by_model(found: Sequence[Outcome]) -> list[list[Outcome]]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in found:
        groups.setdefault(outcome.labels["model"], []).append(outcome)
    return list(groups.values())


def _joined(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Mean over the seeds; its error, the samples' and the spread between seeds in quadrature."""
    values = np.array([each.value for each in estimates])
    sampling = float(np.mean([each.error for each in estimates]))
    between = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return float(values.mean()), float(np.hypot(sampling, between))
