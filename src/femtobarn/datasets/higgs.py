"""HIGGS of the UCI repository: exotic Higgs bosons against top pairs, 28 features of simulated events.

`open_higgs` reads the published file, packed or not, or part of it with a header. There is no stand-in.
"""

import gzip
import itertools
from pathlib import Path

import numpy as np

from femtobarn.data.opening import check_file, reading
from femtobarn.data.source import InMemory
from femtobarn.errors import InputError

NAME = "higgs"
SUMMARY = "HIGGS (UCI): exotic Higgs bosons against top pairs, 21 measured and 7 derived features"
RECORD = (
    "UCI Machine Learning Repository, DOI 10.24432/C5V312 (arXiv:1402.4735): HIGGS.csv.gz, 11 000 000 events"
)
LICENCE = "CC BY 4.0"
_OBJECTS = (
    ("lepton", ("pT", "eta", "phi")),
    ("missing_energy", ("magnitude", "phi")),
    *((f"jet{i}", ("pt", "eta", "phi", "btag")) for i in range(1, 5)),
)
MEASURED = tuple(f"{thing}_{what}" for thing, whats in _OBJECTS for what in whats)
DERIVED = ("m_jj", "m_jjj", "m_lv", "m_jlv", "m_bb", "m_wbb", "m_wwbb")
FEATURES = MEASURED + DERIVED  #: in the order of the file, after the label
COLUMNS = (
    ("features", "the 28 features, each divided by its mean, so without units", "columns 2 to 29"),
    ("label", "1 for signal, 0 for background", "column 1"),
)


def open_higgs(path: str | Path, *, rows: int = 100_000) -> InMemory:
    """The first events of a file: "features" (event, 28) and "label".

    Args:
        path: CSV of 29 columns, packed by gzip or not, with a header or without.
        rows: Events at most.

    Raises:
        InputError: No such file, damaged, of another layout, or a label other than 0 and 1.
    """
    path = Path(path)
    check_file(path)
    with reading(path, "CSV"):
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            lines = [line.decode("ascii") for line in itertools.islice(file, rows + 1)]
    if lines and not lines[0][:1].isdigit():
        names = lines.pop(0).strip().split(",")
        if tuple(names) != ("label", *FEATURES):
            raise InputError(
                f"{path}: expected columns label, {', '.join(FEATURES[:3])} ..., got {', '.join(names[:4])}"
            )
    lines = lines[:rows]
    if not lines or not lines[-1].endswith("\n"):
        raise InputError(
            f"{path}: expected lines of 29 numbers, got {'a last line without an end' if lines else 'none'}"
        )
    with reading(path, "CSV"):
        table = np.loadtxt(lines, delimiter=",", ndmin=2, comments=None)
    if table.shape[1] != 1 + len(FEATURES):
        raise InputError(f"{path}: expected 29 columns, got {table.shape[1]}")
    if not np.isfinite(table).all() or not np.isin(table[:, 0], (0, 1)).all():
        raise InputError(f"{path}: expected finite features and labels 0 or 1, got others")
    return InMemory({"features": table[:, 1:], "label": table[:, 0].astype(np.int64)})


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [SUMMARY, "", f"published: {RECORD}", f"licence: {LICENCE}", "", f"{'column':9} {'from':16} what"]
    lines += [f"{name:9} {source:16} {what}" for name, what, source in COLUMNS]
    return "\n".join([*lines, "", f"features: {', '.join(FEATURES)}"])
