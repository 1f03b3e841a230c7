"""Jets before and after a full simulation of CMS as ROOT trees, the layout of Parnassus (arXiv:2406.01620).

An entry of the tree is a jet: ``truth_pt, truth_eta, truth_phi, truth_class`` of its generated particles and
``pflow_*`` of its particle-flow candidates, above 1 GeV.
"""

from pathlib import Path

import numpy as np

from femtobarn.data.collections import Collection, finite, read_collection
from femtobarn.data.root import opened_root
from femtobarn.data.source import InMemory
from femtobarn.errors import InputError
from femtobarn.physics.jet_pairs import cloud
from femtobarn.physics.vectors import cartesian

NAME = "parnassus"
SUMMARY = "Jets before and after CMS full simulation, matched (layout of Parnassus)"
RECORD = "huggingface.co/datasets/Patchouli123/detector-simulation-tuning-data, 200,000 jets, 1 TeV; see its licence"
#: Names of the numbers in ``truth_class`` and ``pflow_class``.
CLASSES = ("charged hadron", "electron", "muon", "neutral hadron", "photon")
#: Our name, unit, what it is, where it comes from.
COLUMNS = (
    (
        "generated",
        "GeV",
        "px, py, pz of the generated particles, hardest first",
        "truth_pt, truth_eta, truth_phi",
    ),
    ("reconstructed", "GeV", "the same of the candidates", "pflow_pt, pflow_eta, pflow_phi"),
)
_SIDES = {"generated": "truth_", "reconstructed": "pflow_"}


def open_pairs(path: str | Path, *, particles: int = 50) -> InMemory:
    """The jets of one file, `particles` of the hardest each; candidates are missing where the file has none.

    Raises:
        InputError: The file cannot be read, has no such tree or several, or a number that is not finite.
        MissingExtraError: uproot is not installed.
    """
    tree, names = _tree(Path(path))
    columns: dict[str, np.ndarray] = {}
    for name, prefix in _SIDES.items():
        if name == "reconstructed" and f"{prefix}pt" not in names:
            continue
        found = read_collection(path, tree=tree, prefix=prefix, columns=("pt", "eta", "phi"))
        columns[name] = _listed(path, prefix, found, particles)
    return InMemory(columns)


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [
        SUMMARY,
        "",
        f"sample: {RECORD}",
        "format: ROOT, one tree, an entry a jet; needs the extra root",
        "",
    ]
    lines += [f"classes: {', '.join(f'{i} {name}' for i, name in enumerate(CLASSES))}", ""]
    lines += [f"{'column':14} {'unit':5} {'from':30} what"]
    lines += [f"{name:14} {unit:5} {place:30} {what}" for name, unit, what, place in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


def _tree(path: Path) -> tuple[str, frozenset[str]]:
    """The one tree with generated particles, and its branches."""
    with opened_root(path) as file:
        trees = [key for key, kind in file.classnames(cycle=False).items() if kind == "TTree"]
        found = {key: frozenset(map(str, file[key].keys())) for key in trees}
    found = {key: names for key, names in found.items() if "truth_pt" in names}
    if len(found) != 1:
        raise InputError(
            f"{path}: expected one tree with a branch truth_pt, found {', '.join(found) or 'none'}"
        )
    return next(iter(found.items()))


def _listed(path: str | Path, prefix: str, found: Collection, particles: int) -> np.ndarray:
    kinematics = found.stack("pt", "eta", "phi")
    if (kinematics[:, 0] < 0).any():
        row = int(np.flatnonzero(kinematics[:, 0] < 0)[0])
        raise InputError(
            f"{path}: {prefix}pt of particle {row} is {kinematics[row, 0]:g} GeV, expected 0 or more"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        momentum = cartesian(np.column_stack((kinematics, np.zeros(len(kinematics)))))
    momentum = finite(momentum, f"{path}: {prefix}")[:, 1:]
    return cloud(momentum, found.event, len(found.offset) - 1, particles=particles).momentum
