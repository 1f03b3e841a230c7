"""Parquet files of level-1 objects in both published layouts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

#: Branches of each collection, the most objects of an event, and the largest code of the first branch.
COLLECTIONS: dict[str, tuple[tuple[str, ...], int, int]] = {
    "muons": (("muonIEt", "muonIEtaAtVtx", "muonIPhiAtVtx", "muonQual"), 8, 511),
    "jets": (("jetIEt", "jetIEta", "jetIPhi", "jetHwQual"), 12, 2047),
    "egammas": (("egIEt", "egIEta", "egIPhi", "egIso"), 12, 511),
    "taus": (("tauIEt", "tauIEta", "tauIPhi", "tauIso"), 12, 511),
}
SUMS = dict.fromkeys(("MET", "MHT", "FET", "FHT"), ("Et", "phi")) | {
    "ET": ("Et", "ETTEM"),
    "HT": ("Et", "tower_count"),
}


def events(count: int, seed: int = 1) -> dict[str, dict[str, list[list[int]]]]:
    """Hardware codes by collection and branch: jagged lists of the objects, lists of one for the sums."""
    draw = np.random.default_rng(seed)
    found: dict[str, dict[str, list[list[int]]]] = {}
    for name, (branches, most, largest) in COLLECTIONS.items():
        sizes = draw.integers(0, most + 1, count)
        table: dict[str, list[list[int]]] = {branch: [] for branch in branches}
        turn = 576 if name == "muons" else 144
        for size in sizes.tolist():
            pt = draw.integers(1, largest + 1, size)
            if name != "muons":  # these alone come in no order
                pt = np.sort(pt)[::-1]
            columns = (
                pt,
                draw.integers(-100, 101, size),
                draw.integers(0, turn, size),
                draw.integers(0, 2, size),
            )
            for branch, values in zip(branches, columns, strict=True):
                table[branch].append(values.tolist())
        found[name] = table
    for name, branches in SUMS.items():
        found[name] = {
            branch: [[int(x)] for x in draw.integers(0, 144 if branch == "phi" else 4000, count)]
            for branch in branches
        }
    return found


def side_by_side(path: Path, table: dict[str, dict[str, Any]], **more: Any) -> None:
    """One file with all collections, as on Hugging Face."""
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {f"{name}_{branch}": x for name, group in table.items() for branch, x in group.items()}
    count = len(next(iter(columns.values())))
    columns |= {"run": [396102] * count, "split": ["train"] * count, "order": list(range(count))} | more
    parquet.write_table(pyarrow.table(columns), path, row_group_size=7)


def folders(folder: Path, table: dict[str, dict[str, Any]], *, name: str = "L1Ntuple_1") -> None:
    """A folder for each collection, as on Zenodo."""
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for collection, group in table.items():
        (folder / collection).mkdir(parents=True, exist_ok=True)
        parquet.write_table(pyarrow.table(group), folder / collection / f"{name}.parquet")
