"""Evaluation of files of generated jets against a file of real ones, for ``femtobarn evaluate jets``."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np

from femtobarn.data.source import stream
from femtobarn.datasets import jetnet
from femtobarn.errors import InputError
from femtobarn.evaluation import figures
from femtobarn.evaluation.jet_scores import (
    JetSample,
    Scoring,
    jet_sample,
    sample_scores,
    sample_tasks,
)
from femtobarn.evaluation.results import score_results
from femtobarn.evaluation.samples import check_jets, is_stand_in, sample_names
from femtobarn.metrics import FeatureMoments, KernelMoments, Subsample
from femtobarn.metrics.estimate import Estimate
from femtobarn.parts import Report, run_parts
from femtobarn.physics.energy_flow import energy_flow_polynomials
from femtobarn.report import write_report
from femtobarn.runs import Provenance, Run
from femtobarn.settings import check_machine

_SUMMARY = "Generated jets against real ones, by every metric"
_ROWS = 20_000  # read at a time
_PIECE = 250_000  # jets of a file that one process sums up


@dataclass(frozen=True)
class JetEvaluation:
    """How files of jets are evaluated."""

    particles: int | None = None
    """Number of hardest particles of each jet; all that the files hold if not given."""
    real: Literal["own", "stand-in"] | None = None
    """Kind of the reference: your own real jets, or a stand-in; by default as the file says."""
    scoring: Scoring = field(default_factory=Scoring)
    """Which metrics, on how many jets."""
    seed: int = 1
    """Seed of all random draws."""
    workers: int = 2
    """Parallel processes."""
    scheduler: str | None = None
    """Address of a Dask scheduler, or its file; the workers must be able to read the files."""


class _Piece(NamedTuple):
    file: Path
    start: int
    stop: int

    def label(self) -> str:
        return f"{self.file.name} from jet {self.start}"


class _Task(NamedTuple):
    file: Path
    group: str

    def label(self) -> str:
        return f"{self.file.name}, {self.group}"


@runtime_checkable
class _Mergeable(Protocol):
    def merge(self, other: Any, /) -> None: ...


M = TypeVar("M", bound=_Mergeable)


class _Summary(NamedTuple):
    """What is kept of a file of any length: moments of all jets, and some jets themselves."""

    moments: FeatureMoments
    sample: Subsample

    def merge(self, other: "_Summary", /) -> None:
        self.moments.merge(other.moments)
        self.sample.merge(other.sample)


def evaluate_jets(
    real: Path, generated: Sequence[Path], *, settings: JetEvaluation, out: Path, progress: bool = True
) -> Run:
    """Compare each generated file with the real one; gives the run, a folder with results and report page.

    FPD and KPD use every jet, however many there are; the other metrics a random part of each file that is
    the same for any number of workers.

    Args:
        real: Jets in JetNet's layout.
        generated: Files to judge, in the same layout.
        settings: See `JetEvaluation`.
        out: Folder of all runs.
        progress: Show bars.

    Raises:
        InputError: A file that cannot be read or holds jets that are none, too few jets, nothing to compare, or a
            generated file twice.
    """
    check_machine(settings)
    if not generated:
        raise InputError("no generated file given: femtobarn evaluate jets REAL GENERATED...")
    files = list(dict.fromkeys([real, *generated]))  # the real one may be among the generated
    check_jets(files, particles=settings.particles)
    names = dict(zip(generated, sample_names(generated, reference=real.name), strict=True))
    stand_in = settings.real == "stand-in" or (settings.real is None and is_stand_in([real]))
    pieces = [piece for file in files for piece in _pieces(file, settings.particles)]
    # A start of processes takes seconds: worth it for files of several pieces, and for the slow metrics.
    workers = settings.workers if len(pieces) > len(files) else 1
    spread = functools.partial(run_parts, scheduler=settings.scheduler, progress=progress)
    read = functools.partial(spread, name=_Piece.label, workers=workers)
    summaries = _merged(pieces, read(functools.partial(_summarise, settings), pieces, title="reading"))
    scale = summaries[real].moments.scale
    kernels = _merged(pieces, read(functools.partial(_kernel, settings, scale), pieces, title="kernel"))
    samples = {file: JetSample(*summary.sample.value()) for file, summary in summaries.items()}
    tasks = [_Task(file, group) for file in generated for group in sample_tasks(settings.scoring)]
    work = functools.partial(_score, settings, samples, real)
    scored = spread(work, tasks, name=_Task.label, title="metrics", workers=settings.workers)
    draw = np.random.default_rng(settings.seed)
    scores = {
        file: {
            "FPD": summaries[real].moments.value(summaries[file].moments),
            "KPD": kernels[real].value(kernels[file], generator=draw),
        }
        for file in generated
    }
    for task, found in zip(tasks, scored, strict=True):
        scores[task.file] |= found
    provenance = replace(
        Provenance.of_files("own jets" if not stand_in else "stand-in jets", files),
        kind="stand-in" if stand_in else "real",
    )
    run = Run.create(
        out,
        system="evaluate-jets",
        preset="",
        settings=settings,
        seed=settings.seed,
        summary=_SUMMARY,
        data=provenance,
    )
    named = {names[file]: found for file, found in scores.items()}
    run.save_results(score_results(named))
    shown = {names[file]: samples[file] for file in generated}
    figures.draw_jets(run, samples[real], shown, reference=real.name)
    figures.draw_significances(run, named)
    run.finish("done")
    write_report([run], run.folder / "report.html")
    return run


def _merged(pieces: Sequence[_Piece], found: Sequence[M]) -> dict[Path, M]:
    """One accumulator a file, of those of its pieces."""
    whole: dict[Path, M] = {}
    for piece, part in zip(pieces, found, strict=True):
        if piece.file in whole:
            whole[piece.file].merge(part)
        else:
            whole[piece.file] = part
    return whole


def _pieces(file: Path, particles: int | None) -> list[_Piece]:
    n = len(jetnet.open_jets([file], particles=particles))
    return [_Piece(file, start, min(start + _PIECE, n)) for start in range(0, n, _PIECE)]


def _summarise(settings: JetEvaluation, piece: _Piece, report: Report) -> _Summary:
    summary = _Summary(FeatureMoments(36), Subsample(max(settings.scoring.jets, 1), seed=settings.seed))
    source = jetnet.open_jets([piece.file], particles=settings.particles)
    row = piece.start
    for table in stream(source, ("particles", "mask"), rows=_ROWS, start=piece.start, stop=piece.stop):
        sample = jet_sample(table["particles"], table["mask"])
        summary.moments.update(sample.efp, start=row)
        summary.sample.update(*sample, start=row)
        row += len(sample.mask)
        report(row - piece.start, piece.stop - piece.start, "jets")
    return summary


def _kernel(settings: JetEvaluation, scale: np.ndarray, piece: _Piece, report: Report) -> KernelMoments:
    kernel = KernelMoments(scale)
    source = jetnet.open_jets([piece.file], particles=settings.particles)
    row = piece.start
    for table in stream(source, ("particles", "mask"), rows=_ROWS, start=piece.start, stop=piece.stop):
        kernel.update(energy_flow_polynomials(table["particles"], table["mask"]), start=row)
        row += len(table["mask"])
        report(row - piece.start, piece.stop - piece.start, "jets")
    return kernel


def _score(
    settings: JetEvaluation, samples: dict[Path, JetSample], real: Path, task: _Task, _: Report
) -> dict[str, Estimate]:
    pair = samples[real], samples[task.file]
    return sample_scores(task.group, *pair, settings=settings.scoring, seed=settings.seed)
