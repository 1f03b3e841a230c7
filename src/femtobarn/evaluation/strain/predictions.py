"""Scores of a user's strain: files of GWOSC in, a row for every piece of strain out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from femtobarn.data.source import Arrays, InMemory
from femtobarn.datasets.gwosc import StrainFile, read_strain
from femtobarn.errors import InputError
from femtobarn.evaluation.strain.scores import POWER, VETOED, Scorer, Strains
from femtobarn.evaluation.strain.search import Cuts, Preparation, cut_events, prepared, slid
from femtobarn.metrics.false_alarm import YEAR
from femtobarn.study import grouped, write_predictions

_SLIDES = 200
_UNITS = {"gps": "s", "false alarms a year": "1/year"}
_FEWEST = "fewest false alarms a year"


def score_strain_files(
    files: Sequence[Path],
    output: Path,
    scorer: Scorer,
    preparation: Preparation,
    *,
    model: str,
    duration: float,
    progress: bool,
) -> Path:
    """One row for each piece that lies in good data of all its detectors; pieces overlap by half.

    H1 and L1 that begin at the same time are a pair, with all scores. A file without its partner has the excess power
    and the score of the network alone, the others are NaN. "false alarms a year" is that of coherent energy and
    correlation in the same files, slid by pieces, with whatever events are in them; where nothing slid is as large it
    is that of one, the value in the attribute "fewest false alarms a year".

    Args:
        files: Of GWOSC.
        output: HDF5 file to write.
        scorer: Gives the scores; has one network.
        preparation: Of the strain.
        model: Name of the network's training.
        duration: Of a piece, s.
        progress: Show a bar.

    Raises:
        InputError: A file cannot be read, or has no good strain that is long enough.
    """
    groups = grouped([(path, read_strain(path)) for path in files], lambda pair: pair[1].start).values()
    columns: dict[Path, Arrays] = {}
    fewest = 0.0
    for group in groups:
        names, cuts = _cuts(group, preparation, duration)
        columns[group[0][0]], one = _scores(names, cuts, scorer, duration)
        fewest = max(fewest, one)
    return write_predictions(
        list(columns), output, lambda path: InMemory(columns[path]), lambda piece: piece, model=model,
        what="pieces", units=_UNITS, attributes={_FEWEST: fewest, "duration": duration}, progress=progress,
    )  # fmt: skip


def _cuts(
    group: Sequence[tuple[Path, StrainFile]], preparation: Preparation, duration: float
) -> tuple[list[str], Cuts]:
    order = sorted(group, key=lambda pair: pair[1].detector)
    names = [file.detector for _, file in order]
    where = ", ".join(str(path) for path, _ in order)
    if len(names) > 2:
        raise InputError(f"{where}: expected at most two detectors at the same time, got {', '.join(names)}")
    try:
        pieces = prepared([file for _, file in order], preparation)
        return names, cut_events(pieces, duration=duration, step=duration / 2)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _scores(names: Sequence[str], cuts: Cuts, scorer: Scorer, duration: float) -> tuple[Arrays, float]:
    """Columns of a group, and the rate that one slid piece stands for."""
    count, (network,) = len(cuts.time), scorer.networks
    name = network.labels["score"]
    found: Arrays = {"gps": cuts.time, "detectors": np.full(count, len(names), np.uint8)}
    if len(names) == 2:
        found |= scorer.classical(cuts.strain)
        found[name] = network.terms(cuts.strain).sum(axis=1)
        found["false alarms a year"], fewest = _false_alarms(cuts.strain, found[VETOED], scorer, duration)
        return found, fewest
    twice = np.repeat(cuts.strain, 2, axis=1)  # both are the same detector, one of which counts
    terms, nothing = network.terms(twice), np.full(count, np.nan)
    simple = scorer.classical(twice)
    found |= {key: each / 2 if key == POWER else nothing for key, each in simple.items()}
    found[name] = terms[:, 0] if terms.shape[1] == 2 else nothing
    found["false alarms a year"] = nothing
    return found, 0.0


def _false_alarms(
    strain: Strains, score: np.ndarray, scorer: Scorer, duration: float
) -> tuple[np.ndarray, float]:
    """Rate of slid pieces that score as much; of two that overlap both count, for the time of one."""
    apart = range(2, min(len(strain) - 1, _SLIDES + 2))
    if not apart:
        return np.full(len(score), np.nan), 0.0
    slides = np.concatenate([scorer.classical(slid(strain, k))[VETOED] for k in apart])
    fewest = YEAR / (len(slides) * duration / 2)
    above = len(slides) - np.searchsorted(np.sort(slides), score, side="left")
    return np.maximum(above, 1) * fewest, fewest
