"""Photon pairs of Higgs bosons against continuum: outputs of weak classifiers as published, and our toy of events.

`open_outputs` reads the two text files of arXiv:1908.04480, `stand_in` makes events with eight observables.
"""

from pathlib import Path

import numpy as np

from femtobarn.data.opening import check_file, reading
from femtobarn.data.source import InMemory
from femtobarn.errors import InputError
from femtobarn.simulate.diphotons import OBSERVABLES, diphotons

NAME = "diphotons"
SUMMARY = "Photon pairs of Higgs bosons against continuum: outputs of weak classifiers (stand-in: toy events)"
RECORD = "CaltechDATA 1335: sig.csv and bkg.csv, one row an event, one column a weak classifier"
COLUMNS = (
    (
        "features",
        "outputs of weak classifiers, above 0 for signal; of the stand-in eight observables",
        "all columns",
    ),
    ("label", "1 for signal, 0 for background", "sig.csv, bkg.csv"),
)


def open_outputs(signal: str | Path, background: str | Path) -> InMemory:
    """Outputs of weak classifiers of both files: "features" (event, classifier) and "label".

    Args:
        signal, background: Text of numbers between spaces or commas, without a header.

    Raises:
        InputError: No such file, other numbers of columns, numbers that are not finite, or more than a twentieth of
            them beyond 1.5: these are no outputs of weak classifiers.
    """
    tables = [_table(Path(path)) for path in (signal, background)]
    if tables[0].shape[1] != tables[1].shape[1]:
        raise InputError(
            f"{signal} and {background}: expected as many columns, got {tables[0].shape[1]} and {tables[1].shape[1]}"
        )
    label = np.repeat([1, 0], [len(table) for table in tables])
    return InMemory({"features": np.concatenate(tables), "label": label})


def stand_in(count: int, *, seed: int) -> InMemory:
    """Toy events, half of them signal: the eight observables of `femtobarn.simulate.diphotons`.

    Raises:
        InputError: Fewer than two events.
    """
    if count < 2:
        raise InputError(f"at least two events expected: got {count}")
    halves = count // 2, count - count // 2
    pieces = [
        diphotons(many, signal=signal, generator=np.random.default_rng([seed, int(signal)]))
        for many, signal in zip(halves, (True, False), strict=True)
    ]
    return InMemory({"features": np.concatenate(pieces), "label": np.repeat([1, 0], halves)})


def _table(path: Path) -> np.ndarray:
    check_file(path)
    with reading(path, "text"):
        text = path.read_text("ascii")
        if not text.endswith("\n"):
            raise InputError(f"{path}: expected an end to the last line: is it cut short?")
        table = np.loadtxt(text.replace(",", " ").splitlines(), ndmin=2, comments=None)
    if not table.size or not np.isfinite(table).all():
        raise InputError(f"{path}: expected rows of finite numbers, got {'others' if table.size else 'none'}")
    if (np.abs(table) > 1.5).mean() > 0.05:
        raise InputError(
            f"{path}: expected outputs of weak classifiers in [-1, 1], got up to {np.abs(table).max():g}"
        )
    return table


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [SUMMARY, "", f"published: {RECORD}", "", f"{'column':9} {'from':18} what"]
    lines += [f"{name:9} {source:18} {what}" for name, what, source in COLUMNS]
    return "\n".join([*lines, "", f"observables of the stand-in: {', '.join(OBSERVABLES)}"])
