"""Files of scores of background and signals, of any program, for ``femtobarn evaluate scores``."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np

from femtobarn import plots
from femtobarn.data.kind import kinds_of
from femtobarn.data.opening import check_distinct
from femtobarn.data.scores import read_scores
from femtobarn.errors import InputError, nearest
from femtobarn.evaluation.scores import Scored, draw_scores, score_table
from femtobarn.evaluation.trigger import draw_rates, rate_rows
from femtobarn.metrics.working_point import LEAST
from femtobarn.report import write_report
from femtobarn.runs import Provenance, Result, Run
from femtobarn.settings import check_machine
from femtobarn.study import drawing

_SUMMARY = "Scores of background and signals, beside the score they have to beat"
_SHOWN = 8  # scores that are drawn
_BINS = 50
_BEYOND = 3  # errors below 0.5 from which an area is said to be so

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class ScoreEvaluation:
    """How files of scores are evaluated."""

    scores: tuple[str, ...] = ()
    """Columns that are scores; all of the files if none is named."""
    reference: str | None = None
    """Column that the other scores have to beat, such as the number of tracks: their gain over it is paired event by
    event, and the report says how far they merely repeat it."""
    fractions: tuple[float, ...] = (0.01, 0.02)
    """Shares of the background at which the share of the signal is given."""
    efficiency: float = 0.4
    """Share of the signal at which the background is given."""
    bunches: int | None = None
    """Colliding bunches, such as 2500, if the background are zero-bias crossings: gives rates in kHz."""
    pileup: str | None = None
    """Column of the background with the pile-up of the crossing, to show the rate against it; with --bunches and
    --reference."""
    real: Literal["own", "stand-in"] | None = None
    """Whose events were scored; if not given own, or a stand-in where a file says so."""
    seed: int = 1
    """Kept with the run; nothing is drawn at random."""

    def __post_init__(self) -> None:
        for share in (*self.fractions, self.efficiency):
            if not 0 < share < 1:
                raise InputError(f"expected shares between 0 and 1, got {share:g}")
        if self.bunches is not None and self.bunches < 1:
            raise InputError(f"expected at least one bunch, got {self.bunches}")
        if self.pileup and (self.bunches is None or self.reference is None):
            raise InputError("a rate against --pileup needs --bunches and --reference too")


def evaluate_scores(
    background: Path, signals: Sequence[Path], *, settings: ScoreEvaluation, out: Path
) -> Run:
    """Compare the scores of each signal with those of the background; gives the run, with results and report page.

    Every column of the files is a score, of which a larger value is more like signal. What looks wrong but can be
    computed all the same, such as a signal that is less anomalous than the background, is reported in the log of the
    run and at the head of the report.

    Args:
        background: Scores of background events: NumPy, CSV, Parquet or HDF5, see `femtobarn.data.scores.read_scores`.
        signals: The same scores of the events of one signal each.
        settings: See `ScoreEvaluation`.
        out: Folder of all runs.

    Raises:
        InputError: A file that cannot be read or is given twice, a score that is not finite, files with different
            scores, or so few background events that fewer than ten pass.
    """
    check_machine(settings)
    if not signals:
        raise InputError("no signal given: femtobarn evaluate scores BACKGROUND SIGNAL...")
    files = [background, *signals]
    check_distinct(files)
    samples = dict(
        zip(_names(files), (_read(file, settings, first=file is background) for file in files), strict=True)
    )
    first, own = next(iter(samples.items()))
    pileup = own.pop(settings.pileup) if settings.pileup else None
    _check_same(list(samples.values()), files)
    _check_fractions(background, len(next(iter(own.values()))), settings)
    scored = [
        Scored({"score": score}, None, {name: columns[score] for name, columns in samples.items()})
        for score in own
    ]
    reference = settings.reference
    table = score_table(
        scored, background=first, trivial=[{"score": reference}] if reference else [],
        fractions=settings.fractions, efficiency=settings.efficiency,
        reference=own[reference] if reference else None, variable=reference or "",
    )  # fmt: skip
    run = Run.create(
        out, system="evaluate-scores", preset="", settings=settings, seed=settings.seed, summary=_SUMMARY,
        data=_provenance(files, settings),
    )  # fmt: skip
    with run.lock():
        try:
            said = remarks(table, samples)
            table += _drawn(run, scored, pileup, settings, background=first)
            if settings.bunches:
                table += rate_rows(table, bunches=settings.bunches)
            run.save_results(table)
            for line in said:
                run.log(warning=line)
            run.finish("done", reason=" ".join(said))
        except InputError as error:
            run.finish("failed", reason=str(error))
            raise
    write_report([run], run.folder / "report.html")
    return run


def remarks(table: Sequence[Result], samples: Mapping[str, Columns]) -> list[str]:
    """What looks wrong in scores and the table of them, a sentence each.

    Args:
        table: Of `femtobarn.evaluation.scores.score_table`.
        samples: Columns by the name of the sample.
    """
    said = []
    for (name, one), (other, another) in combinations(samples.items(), 2):
        if all(_alike(one[score], another[score]) for score in one):
            said.append(f"{name} and {other} hold the same scores: is one a copy of the other?")
    wrong: dict[str, list[str]] = {}
    for each in table:
        if each.name == "AUC" and each.value + _BEYOND * (each.error or 0.0) < 0.5:
            own = f"{each.labels['score']} ({each.value:.3f})"
            wrong.setdefault(each.labels["signal"], []).append(own)
    for signal, scores in wrong.items():
        said.append(
            f"{signal} has an AUC below 0.5 beyond its error by {', '.join(scores)}: is the order swapped? The "
            "background comes first, and a larger score is more like signal."
        )
    return said


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal up to rounding, as of a table written as text or in float32."""
    return len(one) == len(other) and np.allclose(one, other, rtol=1e-6, atol=0)


def _names(files: Sequence[Path]) -> list[str]:
    names = [file.stem for file in files]
    return names if len(set(names)) == len(names) else [str(file) for file in files]


def _read(file: Path, settings: ScoreEvaluation, *, first: bool) -> Columns:
    """The scores of a file, and of the background the pile-up besides."""
    wanted = dict.fromkeys(settings.scores)
    if settings.scores and settings.reference:
        wanted[settings.reference] = None
    if settings.scores and settings.pileup and first:
        wanted[settings.pileup] = None
    found = read_scores(file, tuple(wanted))
    for name in (settings.reference, settings.pileup if first else None):
        if name and name not in found:
            raise InputError(f"{file}: no column {name!r}; {nearest(name, found)}")
    if settings.pileup and not first:
        found.pop(settings.pileup, None)
    return found


def _check_same(samples: Sequence[Columns], files: Sequence[Path]) -> None:
    own, *others = samples
    if not own:
        raise InputError(f"{files[0]}: expected a column of scores besides the pile-up, got none")
    for file, columns in zip(files[1:], others, strict=True):
        if odd := sorted(own.keys() ^ columns.keys()):
            raise InputError(
                f"{file}: other scores than {files[0]}; only in one of them: {', '.join(odd[:6])}; give the ones to "
                "compare by --scores"
            )


def _check_fractions(background: Path, events: int, settings: ScoreEvaluation) -> None:
    """Each share needs ten events above its threshold; the rate against pile-up sets one on half of them."""
    least = [(share, events) for share in settings.fractions]
    least += [(max(settings.fractions), events // 2)] if settings.pileup and settings.fractions else []
    for share, there in least:
        if math.floor(share * there + 1e-9) < LEAST:
            enough = math.ceil(1000 * LEAST / max(there, 1)) / 1000
            advice = f"give more, or --fractions {enough:g}" if enough < 1 else "give more"
            raise InputError(
                f"{background}: {100 * share:g} % of {there} background events are fewer than the {LEAST} that a "
                f"threshold needs above it: {advice}"
            )


def _provenance(files: Sequence[Path], settings: ScoreEvaluation) -> Provenance:
    real = settings.real
    if real is None:
        said = kinds_of([file for file in files if file.suffix in (".h5", ".hdf5")])
        real = "stand-in" if said & {"stand-in", "generated"} else "own"
    found = Provenance.of_files(f"{real} events", files)
    return replace(found, kind="stand-in" if real == "stand-in" else "real")


def _drawn(
    run: Run,
    scored: Sequence[Scored],
    pileup: np.ndarray | None,
    settings: ScoreEvaluation,
    *,
    background: str,
) -> list[Result]:
    """All figures, and what the one against pile-up measures."""
    draw_scores(run, scored, background=background, shown=_SHOWN)
    _draw_distributions(run, scored, background=background)
    if pileup is None or settings.reference is None or settings.bunches is None:
        return []
    scores = {each.name: each.scores[background] for each in scored}
    reference = scores.pop(settings.reference)
    return draw_rates(
        run, scores, pileup, reference, variable=settings.reference, share=max(settings.fractions),
        bunches=settings.bunches,
    )  # fmt: skip


def _draw_distributions(run: Run, scored: Sequence[Scored], *, background: str) -> None:
    """Each score of the background and of the signals, between the outermost thousandths of all events."""
    for number, each in enumerate(scored[:_SHOWN], start=1):
        edges = _edges(np.concatenate([*each.scores.values()]))
        with drawing(
            run, f"score-{number}", title=each.name, section="Distributions", by="sample", legend={},
            caption="Shares of the events of each sample in a bin; the outermost thousandths of all events lie "
            f"outside. Grey: {background}.",
        ) as d:  # fmt: skip
            for name, values in each.scores.items():
                share = np.histogram(values, edges)[0] / len(values)
                look = {"fill": True, "color": "0.85"} if name == background else {"linewidth": 1.4}
                d.ax.stairs(share, edges, label=plots.plain(name), **look)
                d.drawn[name] = {"low": edges[:-1], "high": edges[1:], "share": share}
            d.ax.set(xlabel=plots.plain(each.name), ylabel="share of events", yscale="log")


def _edges(values: np.ndarray) -> np.ndarray:
    """Of bins that hold the same number of whole numbers each, if the score is a count."""
    low, high = np.quantile(values, (0.001, 0.999))
    if not low < high:
        low, high = low - 0.5, low + 0.5
    if np.array_equal(values, np.round(values)) and high - low < 1e6:
        step = max(1, math.ceil((high - low) / _BINS))
        return np.arange(math.floor(low) - 0.5, high + step, step)
    return np.linspace(low, high, _BINS + 1)
