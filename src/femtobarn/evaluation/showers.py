"""Evaluation of files of generated showers against real ones, for ``femtobarn evaluate showers``."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar, cast

import numpy as np
from jaxtyping import Float32

from femtobarn.data.hdf5 import opened_hdf5
from femtobarn.data.kind import kinds_of
from femtobarn.data.opening import given_files
from femtobarn.datasets.calochallenge import Unit
from femtobarn.errors import InputError
from femtobarn.evaluation import (
    leaderboard,
    shower_checks,
    shower_figures,
    shower_metric_figures,
    shower_scores,
)
from femtobarn.evaluation.figures import draw_significances
from femtobarn.evaluation.generation_time import GenerationCost, read_costs
from femtobarn.evaluation.results import score_results
from femtobarn.evaluation.samples import is_stand_in, sample_names, short_name
from femtobarn.evaluation.shower_event import radius_of, shower_drawing
from femtobarn.evaluation.shower_scores import ShowerScoring
from femtobarn.evaluation.shower_summary import (
    Extent,
    Piece,
    ShowerFiles,
    ShowerSummary,
    extent,
    pieces,
    summarise,
)
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.shower_features import feature_names
from femtobarn.parts import run_parts
from femtobarn.physics.voxels import GEOMETRIES, VoxelGeometry, geometry
from femtobarn.report import write_report
from femtobarn.runs import DataKind, Provenance, Result, Run
from femtobarn.settings import check_machine

SYSTEM = "evaluate-showers"
_SUMMARY = "Generated showers against real ones, by every metric of the CaloChallenge"
_BLOCKS = 100  # of `FeatureMoments`
_TRIED = 20  # showers near the wanted energy, of which one is drawn
_ALL = 125_000  # rows of features kept for the published recipes: all of the published files

Dataset = Literal["1-photons", "1-pions", "2", "3"]
M = TypeVar("M", Extent, ShowerSummary)


@dataclass(frozen=True)
class ShowerEvaluation:
    """How files of showers are evaluated."""

    dataset: Dataset | None = None
    """CaloChallenge data set whose geometry the showers have; from the number of voxels if not given."""
    depth: Literal["fast", "full"] = "fast"
    """fast: histograms, FPD and KPD, in minutes; full: classifiers and nearest neighbours too. --fast and --full are
    short for it."""
    real: Literal["own", "stand-in", "challenge"] | None = None
    """Whose reference it is; published numbers stand beside ours for that of the challenge only. If not given own, or
    a stand-in where the file does not deny it."""
    unit: Unit | None = None
    """Unit of the energies in the files; MeV, with a check, if not given."""
    scoring: ShowerScoring = field(default_factory=ShowerScoring)
    """On how many showers, and with which trainings."""
    costs: Path | None = None
    """JSON with times and numbers of parameters of the generators, by the names of their files."""
    seed: int = 1
    """Seed of all random draws."""
    workers: int = 2
    """Processes."""
    scheduler: str | None = None
    """Address of a Dask scheduler, or its file; the workers must be able to read the files."""


def evaluate_showers(
    real: Path | Sequence[Path],
    generated: Sequence[Path],
    *,
    settings: ShowerEvaluation,
    out: Path,
    progress: bool = True,
) -> Run:
    """Compare each generated file with the real ones; gives the run, a folder with results and report page.

    Histograms, separation powers and FPD use every shower, however many there are; the other metrics a random part
    of each file that is the same for any number of workers. What looks wrong but can be computed all the same, such
    as a generated file that is the reference, is noted in the log of the run and at the head of the report.

    Args:
        real: The reference: a file, a folder, or several files that belong together.
        generated: Files or folders to judge, each a generator.
        settings: See `ShowerEvaluation`.
        out: Folder of all runs.
        progress: Show bars.

    Raises:
        InputError: A file that cannot be read or whose showers are none, too few showers, nothing to compare, or a
            reference that cannot be the published one though it is said to be.
    """
    check_machine(settings)
    if not generated:
        raise InputError("no generated file given: femtobarn evaluate showers GENERATED... --ref REFERENCE")
    references = (real,) if isinstance(real, Path) else tuple(real)
    dataset = settings.dataset or guess_dataset(references[0])
    settings = replace(settings, dataset=dataset)
    reference = ShowerFiles(short_name(references[0]), references, dataset, settings.unit)
    samples = [
        ShowerFiles(name, (file,), dataset, settings.unit)
        for name, file in zip(sample_names(generated, reference=reference.name), generated, strict=True)
    ]
    settings = replace(settings, real=_kind(reference, settings))
    costs = read_costs(settings.costs) if settings.costs else {}
    _check_sizes([reference, *samples])
    _check_reference(reference, settings)
    _check_costs(costs, samples)
    summaries = _summaries(reference, samples, settings, progress)
    run = Run.create(
        out,
        system=SYSTEM,
        preset=settings.depth,
        settings=settings,
        seed=settings.seed,
        summary=_SUMMARY,
        data=_provenance(reference, samples, settings),
    )
    with run.lock():
        try:
            _fill(run, reference, samples, summaries, costs, settings, progress)
        except InputError as error:
            run.finish("failed", reason=str(error))
            raise
    return run


def guess_dataset(path: Path) -> Dataset:
    """The data set whose number of voxels a file has.

    Raises:
        InputError: The file cannot be read, or no data set has so many.
    """
    file = given_files(path, ".h5", ".hdf5")[0]
    with opened_hdf5(file) as opened:
        shape = opened.shape("showers")
    for name, known in GEOMETRIES.items():
        if shape[1:] == (known.voxels,):
            return cast(Dataset, name)
    known_sizes = ", ".join(f"{known.voxels} ({name})" for name, known in GEOMETRIES.items())
    raise InputError(f"{file}: expected rows of {known_sizes} voxels, got showers of shape {shape}")


def data_kind(settings: ShowerEvaluation) -> DataKind:
    """Of the reference."""
    return "stand-in" if settings.real == "stand-in" else "real"


def _summaries(
    reference: ShowerFiles, samples: Sequence[ShowerFiles], settings: ShowerEvaluation, progress: bool
) -> dict[str, ShowerSummary]:
    """Of the reference and of each generator, by name."""
    spread = functools.partial(run_parts, scheduler=settings.scheduler, progress=progress, name=Piece.label)
    parts = pieces(reference)
    # A start of processes takes seconds: worth it only for samples of several pieces.
    workers = settings.workers if len(parts) > 1 else 1
    whole = _merged(parts, spread(extent, parts, title="range", workers=workers))[reference.name]
    rows = _ALL if _literature(settings) else settings.scoring.kernel
    work = functools.partial(summarise, whole, rows, settings.seed)
    parts = [piece for sample in (reference, *samples) for piece in pieces(sample)]
    return _merged(parts, spread(work, parts, title="reading", workers=workers))


def _fill(
    run: Run,
    reference: ShowerFiles,
    samples: Sequence[ShowerFiles],
    summaries: Mapping[str, ShowerSummary],
    costs: Mapping[str, GenerationCost],
    settings: ShowerEvaluation,
    progress: bool,
) -> None:
    """Compute what the run is to hold, and write it."""
    voxels, truth, kind = geometry(reference.dataset), summaries[reference.name], data_kind(settings)
    said = [
        line
        for sample in samples
        for line in shower_checks.remarks(reference, truth, sample, summaries[sample.name])
    ]
    for line in said:
        run.log(warning=line)
    separations = {
        sample.name: truth.histograms.separations(summaries[sample.name].histograms) for sample in samples
    }
    scores = {
        sample.name: _moment_scores(truth, summaries[sample.name], voxels, settings) for sample in samples
    }
    if settings.depth == "full":
        for name, found in _full_scores(run, reference, samples, settings).items():
            scores[name] |= found
    run.save_results(
        [
            *score_results(scores),
            *separation_results(separations, kind),
            *cost_results(costs, kind),
        ]
    )
    shown = {sample.name: summaries[sample.name] for sample in samples}
    figures: dict[str, Callable[[], None]] = {
        "significances": lambda: draw_significances(run, scores),
        "separation powers": lambda: shower_metric_figures.draw_separations(run, separations, data=kind),
    }
    figures |= shower_figures.shower_figures(run, voxels, truth, shown, reference=reference.name, data=kind)
    figures["single showers"] = lambda: _draw_events(run, [reference, *samples], truth)
    if settings.real == "challenge":
        figures["leaderboard"] = lambda: shower_metric_figures.draw_leaderboard(
            run, leaderboard.leaderboard(reference.dataset, [run])
        )
    run_parts(lambda name, _: figures[name](), list(figures), title="drawing", workers=1, progress=progress)
    run.finish("done", reason=" ".join(said))
    write_report([run], run.folder / "report.html")


def _moment_scores(
    truth: ShowerSummary, found: ShowerSummary, voxels: VoxelGeometry, settings: ShowerEvaluation
) -> dict[str, Estimate]:
    showers, seed = settings.scoring.kernel, settings.seed
    scores = shower_scores.fast_scores(truth, found, voxels, showers=showers, seed=seed)
    return scores | (shower_scores.literature_scores(truth, found) if _literature(settings) else {})


def _literature(settings: ShowerEvaluation) -> bool:
    """Whether the published recipes of FPD and KPD are computed: where their numbers are wanted."""
    return settings.real == "challenge" or settings.depth == "full"


def _full_scores(
    run: Run,
    reference: ShowerFiles,
    samples: Sequence[ShowerFiles],
    settings: ShowerEvaluation,
) -> dict[str, dict[str, Estimate]]:
    """Classifiers and nearest neighbours of each generator, one after the other: each fills the memory."""
    how, voxels = settings.scoring.classifier, geometry(reference.dataset)
    read = functools.partial(shower_scores.classifier_inputs, showers=how.showers, seed=settings.seed)
    truth = read(reference)
    found: dict[str, dict[str, Estimate]] = {}
    for sample in samples:
        inputs = read(sample)
        scores: dict[str, Estimate] = {}
        for task in shower_scores.classifier_tasks(voxels, how):
            scores |= shower_scores.classifier_scores(task, truth, inputs, voxels, how, settings.seed)
            run.log(sample=sample.name, classifier=task, auc=scores[f"AUC {task}"].value)
        del inputs
        neighbours = settings.scoring.neighbours
        scores |= shower_scores.neighbour_scores(reference, sample, showers=neighbours, seed=settings.seed)
        found[sample.name] = scores
    if len(samples) > 1:
        each = {sample.name: read(sample) for sample in samples}
        posterior = shower_scores.posterior_scores(truth, each, voxels, how, settings.seed)
        for name, estimate in posterior.score.items():
            found[name]["log posterior"] = estimate
        shower_metric_figures.draw_consistency(
            run, list(each), posterior.consistency, data=data_kind(settings)
        )
    return found


def separation_results(separations: Mapping[str, Mapping[str, Estimate]], kind: DataKind) -> list[Result]:
    """Mean separation power over its null for each kind of histogram, then the separation power of each histogram."""
    results = []
    for sample, found in separations.items():
        for metric, estimate in shower_scores.mean_separations(found).items():
            ratio, error = estimate.value / estimate.null, estimate.null_error / estimate.null
            labels, n = {"metric": metric, "sample": sample}, min(estimate.n_real, estimate.n_generated)
            value = Result("separation power over null", ratio, error, n=n, data=kind, labels=labels)
            results.append(replace(value, error_kind="scatter of the null"))
    for sample, found in separations.items():
        for histogram, estimate in found.items():
            labels, n = {"histogram": histogram, "sample": sample}, min(estimate.n_real, estimate.n_generated)
            spread = estimate.error if np.isfinite(estimate.error) else None
            value = Result("separation power", estimate.value, spread, n=n, data=kind, labels=labels)
            results.append(replace(value, error_kind="of the estimator"))
    return results


def cost_results(costs: Mapping[str, GenerationCost], kind: DataKind) -> list[Result]:
    """Times a shower and numbers of parameters, as they were given."""
    results = []
    for name, cost in costs.items():
        for each in cost.times:
            labels = {"sample": name, "batch": str(each.batch), "device": cost.device}
            results.append(
                Result(
                    "generation time", each.mean, each.deviation, "ms", each.runs, "", kind, labels,
                    error_kind="standard deviation of the runs",
                )
            )  # fmt: skip
        counts = {"parameters": cost.parameters, "parameters in training": cost.training_parameters}
        results += [
            Result(what, float(number), data=kind, labels={"sample": name})
            for what, number in counts.items()
            if number is not None
        ]
    return results


def _draw_events(run: Run, samples: Sequence[ShowerFiles], truth: ShowerSummary) -> None:
    """A shower of each sample in space, all of about the same incident energy."""
    voxels = geometry(samples[0].dataset)
    energy = float(np.quantile(truth.energies[:, 0], 0.7))
    radius = radius_of(truth.mean, voxels)
    for number, sample in enumerate(samples):
        found = _shower_near(sample, energy)
        if found is None:
            continue
        incident, shower = found
        drawing, columns = shower_drawing(shower, voxels, radius=radius)
        run.save_figure(
            f"showers/{number}",
            drawing,
            title=f"A shower of {sample.name}",
            caption=f"Incident energy {incident / 1e3:.4g} GeV. Drag it, or use the arrow keys, to turn it.",
            section="Showers",
            data=columns,
        )


def _shower_near(sample: ShowerFiles, energy: float) -> tuple[float, Float32[np.ndarray, " voxel"]] | None:
    """The shower that is not empty and nearest in incident energy, with it; none if the nearest few are empty."""
    source = sample.open()
    energies = source.read(("energies",), 0, len(source))["energies"]
    for row in np.argsort(np.abs(np.log(energies / energy)))[:_TRIED].tolist():
        shower = source.read(("showers",), row, row + 1)["showers"][0]
        if shower.any():
            return float(energies[row]), shower
    return None


def _provenance(
    reference: ShowerFiles, samples: Sequence[ShowerFiles], settings: ShowerEvaluation
) -> Provenance:
    name = "own showers" if settings.real == "own" else "stand-in showers"
    if settings.real == "challenge":
        name = leaderboard.data_name(reference.dataset)
    files = [file for sample in (reference, *samples) for file in sample.files]
    found = Provenance.of_files(name, files)
    return Provenance(data_kind(settings), name, found.source, found.files)


def _kind(reference: ShowerFiles, settings: ShowerEvaluation) -> Literal["own", "stand-in", "challenge"]:
    """Whose reference it is; what the user says counts, unless the files say that it cannot be."""
    files = [file for path in reference.files for file in given_files(path, ".h5", ".hdf5")]
    if settings.real == "challenge" and kinds_of(files) & {"stand-in", "generated"}:
        raise InputError(
            f"{reference.name} says of itself that it is no published sample: leave out --real challenge"
        )
    if settings.real is not None:
        return settings.real
    return "stand-in" if is_stand_in(files) else "own"


def _check_reference(reference: ShowerFiles, settings: ShowerEvaluation) -> None:
    if settings.real == "challenge":
        for line in shower_checks.published_reference(reference, len(reference.open())):
            raise InputError(f"{line}; leave out --real challenge, published numbers are for that file only")


def _check_sizes(samples: Sequence[ShowerFiles]) -> None:
    """Two showers for each of the blocks of FPD, and a covariance of full rank."""
    least = max(2 * _BLOCKS, len(feature_names(geometry(samples[0].dataset))) + 2)
    for sample in samples:
        if len(sample.open()) < least:
            raise InputError(
                f"expected at least {least} showers of data set {sample.dataset}, got {len(sample.open())} in "
                f"{sample.name}: FPD needs as many"
            )


def _check_costs(costs: Mapping[str, GenerationCost], samples: Sequence[ShowerFiles]) -> None:
    names = [sample.name for sample in samples]
    for name in costs:
        if name not in names:
            raise InputError(f"costs of {name}, but the generated samples are {', '.join(names)}")


def _merged(parts: Sequence[Piece], found: Sequence[M]) -> dict[str, M]:
    """One accumulator a sample, of those of its pieces."""
    whole: dict[str, M] = {}
    for piece, part in zip(parts, found, strict=True):
        if piece.sample.name in whole:
            whole[piece.sample.name].merge(part)
        else:
            whole[piece.sample.name] = part
    return whole
