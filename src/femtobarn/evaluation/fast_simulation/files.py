"""Jets before and after a detector from files of any known layout: torch tensors, OmniFold, Parnassus, PFNano."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from femtobarn.data.collections import branches
from femtobarn.data.source import InMemory, Source, stream
from femtobarn.datasets import cms_pfnano, jet_tensors, parnassus, zjets_delphes
from femtobarn.errors import InputError
from femtobarn.physics.jet_pairs import Cloud, JetPairs, cloud, jet_axes
from femtobarn.physics.vectors import delta_phi

_ROWS = 10_000  # read at a time


def open_jets(path: str | Path, *, particles: int) -> Source:
    """Columns "generated" and, if the file has them, "reconstructed": momenta (jet, particle, 3) in GeV.

    Args:
        path: ``*_gen_*.pt`` with ``*_reco_*.pt`` beside it, ``.npz`` of OmniFold, ``.root`` of Parnassus or PFNano.
        particles: Hardest particles listed, where the layout has lists of any length.

    Raises:
        InputError: Another ending, or what the reader of the layout says.
        MissingExtraError: uproot is not installed.
    """
    path = Path(path)
    match path.suffix:
        case ".pt":
            return jet_tensors.open_pairs(path)
        case ".npz":
            return zjets_delphes.open_pairs(path)
        case ".root":
            if not _is_nanoaod(path):
                return parnassus.open_pairs(path, particles=particles)
            pairs = cms_pfnano.jet_pairs(path, particles=particles)
            sides = {"generated": pairs.generated.momentum, "reconstructed": pairs.reconstructed.momentum}
            return InMemory(sides)
        case _:
            raise InputError(f"{path}: expected .pt, .npz or .root, see `femtobarn data`")


def read_pairs(files: Sequence[Path], *, particles: int, distance: float, most: int) -> JetPairs:
    """The pairs of all files, those whose jets are not at the same place left out; `event` is the row.

    Args:
        files: See `open_jets`.
        particles: Hardest particles listed of each jet.
        distance: Largest distance of the two jets in (eta, phi).
        most: Rows read.

    Raises:
        InputError: A file cannot be read, or has no reconstructed jets.
    """
    sides: dict[str, list[Cloud]] = {"generated": [], "reconstructed": []}
    for path in files:
        source = open_jets(path, particles=particles)
        if "reconstructed" not in source.columns:
            raise InputError(f"{path}: expected reconstructed jets to learn from, got generated ones alone")
        for piece in stream(source, list(sides), rows=_ROWS, stop=most):
            for name, found in sides.items():
                found.append(listed(piece[name], particles=particles))
            most -= len(piece["generated"])
    if not sides["generated"]:
        raise InputError(f"{', '.join(map(str, files))}: expected pairs of jets, got none")
    before, after = (Cloud(*map(np.concatenate, zip(*found, strict=True))) for found in sides.values())
    first, second = jet_axes(before), jet_axes(after)
    apart = np.hypot(first[:, 1] - second[:, 1], delta_phi(first[:, 2], second[:, 2]))
    rows = np.flatnonzero((apart <= distance) & before.mask.any(axis=1) & after.mask.any(axis=1))
    return JetPairs(before.take(rows), after.take(rows), rows, len(apart))


def listed(momentum: Float[np.ndarray, "jet particle 3"], *, particles: int) -> Cloud:
    """The hardest particles of padded lists of any length, in any order."""
    real = np.hypot(momentum[..., 0], momentum[..., 1]) > 0
    return cloud(momentum[real], np.nonzero(real)[0], len(momentum), particles=particles)


def _is_nanoaod(path: Path) -> bool:
    try:
        return bool(branches(path, tree="Events"))
    except InputError:  # another tree, or no such file: the other reader says which
        return False
