"""How like the wanted showers the generated ones are, what one costs: every number with its error and floor."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from femtobarn.data.hdf5 import Hdf5File
from femtobarn.datasets import calochallenge
from femtobarn.errors import InputError
from femtobarn.metrics.classifier_test import Schedule, classifier_test
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.frechet import fpd
from femtobarn.metrics.prdc import prdc
from femtobarn.metrics.shower_features import features_of, moments
from femtobarn.metrics.shower_histograms import Largest, ShowerHistograms, group
from femtobarn.physics.voxels import VoxelGeometry, geometry
from femtobarn.runs import DataKind, Result
from femtobarn.systems.calo_challenge import marginals, model, study
from femtobarn.systems.calo_challenge.model import Batch
from femtobarn.systems.calo_challenge.sample import gflash_showers

TRUTH = "training showers"  #: in place of generated ones: the floor of every number
BASELINE = "marginals"
SOURCE = "GFLASH as it is"  #: what the hybrid starts from, uncorrected
METRICS = ("FPD", "AUC, high-level", "AUC, low-level", "coverage", "response")
_EMPTY = 0.1  # MeV, of an empty voxel in nearest-neighbour distances (arXiv:2410.21611, section 4)


@dataclass(frozen=True)
class Evaluation:
    """How the trained generators are judged."""

    showers: int = 10_000
    """Test showers, at most, and as many generated ones."""
    batches: tuple[int, ...] = (1, 100)
    """Showers asked for at once, for the time that one takes; the time of all showers above is measured too."""
    repeats: int = 3
    """Times each is timed; the median counts."""
    neighbours: int = 4000
    """Showers, at most, behind the coverage."""
    epochs: int = 150
    """Of a classifier, at most; it stops when it has not improved in a tenth of these."""
    layers: int = 5
    """Layers that are drawn one by one, evenly chosen."""

    def __post_init__(self) -> None:
        if self.showers < 200 or self.repeats < 1 or self.neighbours < 50 or self.epochs < 10:
            raise InputError(f"at least 200 showers, 1 repeat, 50 neighbours, 10 epochs expected: got {self}")
        if self.layers < 1:
            raise InputError(f"at least 1 layer to draw expected: got {self.layers}")
        if not self.batches or min(self.batches) < 1:
            raise InputError(f"batches of at least 1 shower expected: got {self.batches}")


class Task(NamedTuple):
    """What is judged: a trained model in a folder, or one of the baselines by its name."""

    name: str
    folder: Path
    baseline: bool


class Outcome(NamedTuple):
    """What was made for the energies of the test showers, and all that was measured of it."""

    title: str
    seed: int | None
    """Of the training; none for a baseline."""
    file: Path
    """The showers, in the layout of the challenge."""
    estimates: dict[str, Estimate]
    separations: dict[str, Estimate]
    """By group of histograms, averaged over the layers."""
    seconds: dict[int, float]
    """Seconds a shower, by the showers asked for at once; empty for a baseline."""
    weights: dict[str, int]
    """In generation and in training."""


def judge(
    task: Task,
    report: Callable[[int, int, str], None] = lambda *_: None,
    *,
    train: Batch,
    test: Batch,
    dataset: str,
    settings: Evaluation,
    seed: int,
) -> Outcome:
    """Make showers for the test energies, keep them in the folder, and measure them."""
    torch.set_num_threads(1)
    test = {name: column[: settings.showers] for name, column in test.items()}
    energies, noise = test["energies"], torch.Generator().manual_seed(seed)
    seconds, weights, training_seed, title = dict[int, float](), dict[str, int](), None, task.name
    report(0, 4, "generating")
    if task.baseline:
        made = _baseline(task.name, train, energies, dataset, noise)
    else:
        trained = study.load_part(task.folder)
        start = time.perf_counter()
        made = model.generate(trained.generator, energies, generator=noise)
        seconds[len(energies)] = (time.perf_counter() - start) / len(energies)
        seconds |= seconds_per_shower(trained.generator, energies, settings=settings)
        in_use = sum(weight.numel() for weight in trained.generator.parameters())
        weights = {"generation": in_use, "training": trained.weights}
        training_seed, title = trained.part.seed, trained.title
    # The training showers have energies of their own.
    incident = train["energies"][: len(made)] if task.name == TRUTH else energies
    report(1, 4, "measuring")
    task.folder.mkdir(parents=True, exist_ok=True)
    file = task.folder / "generated.hdf5"
    calochallenge.write_showers(file, incident.numpy(), made.numpy())
    real, generated = (energies.numpy(), test["showers"].numpy()), (incident.numpy(), made.numpy())
    estimates, separations = measured(real, generated, geometry(dataset), settings=settings, seed=seed)
    return Outcome(title, training_seed, file, estimates, separations, seconds, weights)


def measured(
    real: tuple[np.ndarray, np.ndarray],
    made: tuple[np.ndarray, np.ndarray],
    voxels: VoxelGeometry,
    *,
    settings: Evaluation,
    seed: int,
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """All numbers of generated showers, (energies, voxels) in MeV, and the separation of each kind of histogram."""
    found = [moments(*sample, voxels) for sample in (real, made)]
    table = [features_of(each, voxels) for each in found]
    schedule = Schedule(settings.epochs, max(settings.epochs // 10, 5), 256, 1e-3)
    draws = [torch.Generator().manual_seed(seed + place) for place in range(2)]
    rows = [_low_level(*sample) for sample in (real, made)]
    near = [np.log10(np.where(s > 0, s, _EMPTY))[: settings.neighbours] for _, s in (real, made)]
    auc = {"null_trainings": 0, "permutations": 0, "schedule": schedule}
    estimates = {
        "FPD": fpd(*table),
        "AUC, high-level": classifier_test(*table, generator=draws[0], **auc),  # type: ignore[arg-type]
        "AUC, low-level": classifier_test(*rows, generator=draws[1], **auc),  # type: ignore[arg-type]
        "coverage": prdc(*near, scale=np.ones(voxels.voxels), null=False).coverage,
        "response": _response(found[1].total, made[0], found[0].total, real[0]),
    }
    largest = Largest.of(found[0], real[1])
    histograms = [ShowerHistograms(voxels, largest) for _ in range(2)]
    for each, of, (_, showers) in zip(histograms, found, (real, made), strict=True):
        each.update(of, showers)
    return estimates, _by_group(histograms[0].separations(histograms[1]))


def seconds_per_shower(generator: Any, energies: torch.Tensor, *, settings: Evaluation) -> dict[int, float]:
    """Median wall time of a generated shower on one thread, with all units, by the number asked for at once."""
    noise, found = torch.Generator().manual_seed(0), {}
    for batch in settings.batches:
        wanted = energies[torch.arange(batch) % len(energies)]
        times = []
        for _ in range(settings.repeats + 1):
            start = time.perf_counter()
            model.generate(generator, wanted, generator=noise)
            times.append((time.perf_counter() - start) / batch)
        found[batch] = median(times[1:])  # the first one warms up
    return found


def results(
    found: Sequence[Outcome],
    trained: Sequence[study.Trained],
    test: Batch,
    *,
    data: DataKind,
    suffix: str = "",
) -> list[Result]:
    """All numbers of all outcomes, seeds taken together, the leaderboard first.

    The error of a number joins that of the samples and, where there are several seeds, their spread.

    Args:
        found: Of models and baselines on the same test showers.
        trained: The models.
        test: The test showers.
        data: Kind of the data.
        suffix: Behind the names, to keep comparisons on different targets apart.
    """
    table: list[Result] = []
    groups = sorted(_by_title(found), key=lambda group: _mean(group, "FPD")[0])
    count = min(len(test["energies"]), found[0].estimates["FPD"].n_real)
    for same in groups:
        seeds = tuple(each.seed for each in same if each.seed is not None)
        labels = {"model": same[0].title}
        kind = "samples" if len(seeds) < 2 else f"samples and standard deviation over {len(seeds)} seeds"

        def row(
            name: str,
            value: float,
            error: float | None = None,
            unit: str = "",
            *,
            labels: dict[str, str] = labels,
            seeds: tuple[int, ...] = seeds,
            kind: str = kind,
        ) -> Result:
            known = kind if error is not None else ""
            return Result(name + suffix, value, error, unit, count, "test", data, labels, seeds, known)

        for name in METRICS:
            value, error = _mean(same, name)
            shown = "E_tot / E_inc over that of the test" if name == "response" else name
            table += [
                row(shown, value, error),
                row("leaderboard", value, error, labels=labels | {"metric": shown}),
            ]
        for name in same[0].separations:
            estimates = [each.separations[name] for each in same]
            value = float(np.mean([e.value for e in estimates]))
            error = float(np.mean([e.error for e in estimates]))
            table.append(row("separation power", value, error, labels={"histogram": name} | labels))
        for batch in sorted(same[0].seconds):
            value = 1e3 * median(each.seconds[batch] for each in same)
            at_once = labels | {"showers at once": str(batch)}
            table.append(row("time per shower", value, unit="ms", labels=at_once))
            if batch == _usual(same[0].seconds):
                cost = labels | {"metric": f"ms per shower, {batch} at once"}
                table.append(row("leaderboard", value, labels=cost))
        for what, number in same[0].weights.items():
            table.append(row("weights", float(number), labels=labels | {"in": what}))
        if same[0].weights:
            size = labels | {"metric": "1000 weights"}
            table.append(row("leaderboard", same[0].weights["generation"] / 1e3, labels=size))
    floor = next(same[0] for same in groups if same[0].title == TRUTH)
    for name, e in floor.separations.items():
        expected = {"histogram": name, "model": "null"}
        table.append(
            Result(
                "separation power" + suffix, e.null, e.null_error, "", count, "test", data, expected, (),
                "pair to pair",
            )
        )  # fmt: skip
    for each in trained:
        labels, seeds = {"model": each.title, "seed": str(each.part.seed)}, (each.part.seed,)
        seconds = each.history[-1]["seconds"]
        table.append(Result("training time" + suffix, seconds, None, "s", 0, "train", data, labels, seeds))
    order = list(dict.fromkeys(["leaderboard" + suffix, *(r.name for r in table)]))
    return sorted(table, key=lambda result: order.index(result.name))


def read_back(outcome: Outcome) -> tuple[np.ndarray, np.ndarray]:
    """Energies and showers that an outcome keeps on disk, MeV."""
    file = Hdf5File(outcome.file)
    table = file.read(["incident_energies", "showers"], 0, len(file))
    return table["incident_energies"][:, 0], table["showers"]


def _baseline(
    name: str, train: Batch, energies: torch.Tensor, dataset: str, noise: torch.Generator
) -> torch.Tensor:
    match name:
        case "marginals":
            voxels = geometry(dataset)
            return marginals.from_marginals(
                train["energies"], train["showers"], energies, voxels, generator=noise
            )
        case "GFLASH as it is":
            return gflash_showers(dataset, energies, noise)
        case _:
            return train["showers"][: len(energies)]


def _low_level(energies: np.ndarray, showers: np.ndarray) -> Float[np.ndarray, "shower column"]:
    """Inputs of the low-level classifier: log10 E_inc and the voxels over E_inc (arXiv:2410.21611, section 4)."""
    return np.column_stack((np.log10(energies), showers / energies[:, None]))


def _response(made: np.ndarray, energies: np.ndarray, real: np.ndarray, known: np.ndarray) -> Estimate:
    """Mean E_tot / E_inc of the generated showers over that of the test showers."""
    x, y = made / energies, real / known
    value = float(x.mean() / y.mean())
    errors = [float(z.std(ddof=1) / np.sqrt(len(z)) / z.mean()) for z in (x, y)]
    return Estimate(
        value, value * float(np.linalg.norm(errors)), len(y), len(x), 1.0, method="ratio of means"
    )


def _by_group(separations: dict[str, Estimate]) -> dict[str, Estimate]:
    """Mean over the layers, and over the energies; histograms without a null are left out."""
    parts: dict[str, list[Estimate]] = {}
    for name, estimate in separations.items():
        if np.isfinite(estimate.null):
            parts.setdefault(group(name), []).append(estimate)
    return {name: _average(estimates) for name, estimates in parts.items()}


def _average(estimates: Sequence[Estimate]) -> Estimate:
    value, null = (float(np.mean([getattr(e, name) for e in estimates])) for name in ("value", "null"))
    error, spread = (
        float(np.sqrt(np.sum(np.square([getattr(e, name) for e in estimates]))) / len(estimates))
        for name in ("error", "null_error")
    )
    first = estimates[0]
    return Estimate(value, error, first.n_real, first.n_generated, null, spread, "mean separation power")


def _usual(seconds: dict[int, float]) -> int:
    """100 showers at once if these were timed, else the largest number."""
    return 100 if 100 in seconds else max(seconds)


def _by_title(found: Sequence[Outcome]) -> list[list[Outcome]]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in found:
        groups.setdefault(outcome.title, []).append(outcome)
    return list(groups.values())


def _mean(same: Sequence[Outcome], name: str) -> tuple[float, float]:
    """Mean over the seeds; its error, the samples' and the spread between seeds in quadrature."""
    values = np.array([each.estimates[name].value for each in same])
    sampling = float(np.mean([each.estimates[name].error for each in same]))
    between = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return float(values.mean()), float(np.hypot(sampling, between))
