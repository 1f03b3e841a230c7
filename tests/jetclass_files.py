"""Files in the published layout of JetClass."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from femtobarn.datasets.jetclass import CLASSES

#: The five flags of a particle's kind and its charge, for each of the eight kinds in their order.
FLAGS = ("isChargedHadron", "isNeutralHadron", "isPhoton", "isElectron", "isMuon")
KINDS = ((0, 1), (0, -1), (1, 0), (2, 0), (3, -1), (3, 1), (4, -1), (4, 1))


def columns(name: str, jets: int, seed: int, *, most: int = 30) -> dict[str, Any]:
    """Branches of `jets` jets of a class as lists: whole jets, hardest particle first."""
    draw = np.random.default_rng(seed)
    sizes = draw.integers(2, most, jets)
    lists: dict[str, list[list[float]]] = {}
    table: dict[str, Any] = {f"jet_{key}": [] for key in ("pt", "eta", "energy", "sdmass", "nparticles")}
    table |= {f"jet_tau{n}": [] for n in (1, 2, 3, 4)}
    for size in sizes.tolist():
        pt = np.sort(draw.exponential(1, size))[::-1]
        pt *= draw.uniform(500, 1000) / pt.sum()
        eta, phi = draw.normal(0, 0.15, (2, size))
        kind = draw.integers(0, 8, size)
        flags, charges = np.array(KINDS)[kind].T
        jet_eta = draw.uniform(-2, 2)
        energy = pt * np.cosh(eta + abs(jet_eta))
        particle = {
            "px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta + abs(jet_eta)),
            "energy": energy, "deta": eta, "dphi": phi, "charge": charges.astype(float),
            "d0val": np.zeros(size), "dzval": np.zeros(size),
        }  # fmt: skip
        particle |= {flag: (flags == place).astype(np.int32) for place, flag in enumerate(FLAGS)}
        for key, values in particle.items():
            lists.setdefault(f"part_{key}", []).append(values.tolist())
        tau = np.sort(draw.uniform(0, 0.3, 4))[::-1]
        jet = (pt.sum(), jet_eta, energy.sum(), draw.uniform(10, 150), float(size), *tau)
        names = ("pt", "eta", "energy", "sdmass", "nparticles", "tau1", "tau2", "tau3", "tau4")
        for key, value in zip(names, jet, strict=True):
            table[f"jet_{key}"].append(float(value))
    labels = {f"label_{each}": [int(each == name)] * jets for each in CLASSES}
    return lists | table | labels


def write(
    path: Path, name: str, jets: int, *, seed: int = 1, most: int = 30, **changed: Any
) -> dict[str, Any]:
    """A file of jets of one class; `changed` branches instead of those drawn. What was written is returned."""
    uproot, awkward = pytest.importorskip("uproot"), pytest.importorskip("awkward")
    table = columns(name, jets, seed, most=most) | changed
    arrays = {key: awkward.Array(values) for key, values in table.items()}
    with uproot.recreate(path) as file:
        file.mktree("tree", {key: array.type.content for key, array in arrays.items()})
        file["tree"].extend(arrays)
    return table
