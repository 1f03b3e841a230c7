"""One file of JetClass in the published layout, read piece by piece and checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.data.hardest import hardest
from femtobarn.data.opening import check_memory, numbers
from femtobarn.data.root import branch_names, opened_root, tree_name
from femtobarn.data.source import Arrays, check_columns
from femtobarn.errors import InputError, require
from femtobarn.simulate.collisions.jets import padded

#: The classes in the order of their labels, and how the names of their files begin.
CLASSES = {
    "QCD": "ZJetsToNuNu_",
    "Hbb": "HToBB_",
    "Hcc": "HToCC_",
    "Hgg": "HToGG_",
    "H4q": "HToWW4Q_",
    "Hqql": "HToWW2Q1L_",
    "Zqq": "ZToQQ_",
    "Wqq": "WToQQ_",
    "Tbqq": "TTBar_",
    "Tbl": "TTBarLep_",
}
#: The kinds of particles; padding has -1.
SPECIES = ("h+", "h-", "neutral hadron", "photon", "e-", "e+", "mu-", "mu+")
#: Our name, unit, what it is, where it comes from.
COLUMNS = (
    (
        "particles",
        "rad, GeV",
        "eta from the jet axis (mirrored to eta > 0), phi from it, pT, energy",
        "part_",
    ),
    ("species", "", "which of SPECIES, -1 for padding", "part_is..., part_charge"),
    ("jet", "GeV", "pT, eta, energy, soft-drop mass, number of particles", "jet_"),
    ("tau", "", "N-subjettiness, N = 1 to 4", "jet_tau1 to jet_tau4"),
    ("label", "", "which of CLASSES", "label_"),
)

TREE = "tree"
_MOMENTUM = ("px", "py", "energy", "deta", "dphi", "charge")
_KINDS = ("isChargedHadron", "isNeutralHadron", "isPhoton", "isElectron", "isMuon")
_JET = ("pt", "eta", "energy", "sdmass", "nparticles", "tau1", "tau2", "tau3", "tau4")


class JetClassFile:
    """Source of the jets of one file in the published layout, checked as they are read.

    Args:
        path: The ROOT file.
        particles: How many of the hardest particles to give.

    Raises:
        InputError: No such file, not ROOT or cut short, no tree ``tree``, or a branch that is missing.
        MissingExtraError: uproot is not installed.
    """

    columns = tuple(column[0] for column in COLUMNS)

    def __init__(self, path: Path, *, particles: int = 128) -> None:
        if particles < 1:
            raise InputError(f"expected at least one particle of a jet, got {particles}")
        self.path, self.particles = path, particles
        with opened_root(path) as file:
            self._tree = tree_name(path, file, TREE)
            self._branches = branch_names(file[self._tree])
            check_columns(_branches(), [*self._branches], str(path))
            self._rows = int(file[self._tree].num_entries)

    def __len__(self) -> int:
        return self._rows

    def where(self, row: int) -> str:
        """File and entry."""
        return f"{self.path}, entry {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Jets `start` to `stop`.

        Raises:
            InputError: A number that is not finite, lists of different length, a particle of no kind or of two, a
                jet of no class or of two, or one without particles.
        """
        check_columns(columns, self.columns, str(self.path))
        stop = max(min(stop, len(self)), start)
        check_memory(20 * (stop - start) * self.particles, str(self.path))
        with opened_root(self.path) as file:
            tree = file[self._tree]
            raw = {
                name: tree[self._branches[name]].array(entry_start=start, entry_stop=stop)
                for name in _branches()
            }
        for name, values in raw.items():
            if len(values) != stop - start:
                raise InputError(
                    f"{self.path}: expected {stop - start} jets from entry {start} in {name}, got {len(values)}"
                )
        table = self._named(raw, start)
        return {name: table[name] for name in columns}

    def _named(self, raw: dict[str, Any], start: int) -> Arrays:
        jet = {name: self._flat(raw[f"jet_{name}"], f"jet_{name}", start) for name in _JET}
        labels = np.stack(
            [self._flat(raw[f"label_{name}"], f"label_{name}", start) for name in CLASSES], axis=1
        )
        self._check((labels != 0).sum(axis=1) == 1, "one label that is not 0", start)
        sizes = self._sizes(raw, start)
        self._check(sizes > 0, "at least one particle", start)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        lists = {name: self._list(raw[f"part_{name}"], f"part_{name}", owner, start) for name in _MOMENTUM}
        flags = [self._list(raw[f"part_{name}"], f"part_{name}", owner, start) != 0 for name in _KINDS]
        one = np.stack(flags).sum(axis=0) == 1
        self._check(~np.isin(np.arange(len(sizes)), owner[~one]), "one kind of each particle", start)
        pt = np.hypot(lists["px"], lists["py"])
        self._check(~np.isin(np.arange(len(sizes)), owner[pt <= 0]), "particles with a pT above 0", start)
        columns = np.stack((lists["deta"], lists["dphi"], pt, lists["energy"]), axis=1).astype(np.float32)
        table = padded_table(columns, _species(flags, lists["charge"]), sizes, self.particles)
        return table | {
            "jet": np.stack([jet[name] for name in _JET[:5]], axis=1).astype(np.float32),
            "tau": np.stack([jet[name] for name in _JET[5:]], axis=1).astype(np.float32),
            "label": (labels != 0).argmax(axis=1).astype(np.int64),
        }

    def _sizes(self, raw: dict[str, Any], start: int) -> Int[np.ndarray, "jet"]:
        awkward = require("awkward", extra="root")
        found = {}
        for name in (*_MOMENTUM, *_KINDS):
            if raw[f"part_{name}"].ndim != 2:
                raise InputError(f"{self.path}: expected a list of numbers for each jet in part_{name}")
            found[name] = awkward.to_numpy(awkward.num(raw[f"part_{name}"]))
        sizes = next(iter(found.values()))
        same = np.all([each == sizes for each in found.values()], axis=0)
        self._check(same, "lists of particles of equal length", start)
        return sizes

    def _list(
        self, values: Any, name: str, owner: Int[np.ndarray, "particle"], start: int
    ) -> Float[np.ndarray, "particle"]:
        awkward = require("awkward", extra="root")
        flat = numbers(np.asarray(awkward.flatten(values)), f"{self.path}: {name}").astype(np.float64)
        finite = ~np.isin(np.arange(len(values)), owner[~(np.abs(flat) < 1e30)])
        self._check(finite, f"finite {name}", start)
        return flat

    def _flat(self, values: Any, name: str, start: int) -> Float[np.ndarray, "jet"]:
        if values.ndim != 1:
            raise InputError(f"{self.path}: expected one number for each jet in {name}")
        flat = numbers(np.asarray(values), f"{self.path}: {name}").astype(np.float64)
        self._check(np.abs(flat) < 1e30, f"a finite {name}", start)
        return flat

    def _check(self, right: Bool[np.ndarray, "jet"], expected: str, start: int) -> None:
        if not right.all():
            raise InputError(f"{self.where(start + int(right.argmin()))}: expected {expected}")


def _branches() -> list[str]:
    particles = [f"part_{name}" for name in (*_MOMENTUM, *_KINDS)]
    return [*particles, *(f"jet_{name}" for name in _JET), *(f"label_{name}" for name in CLASSES)]


def _species(
    flags: Sequence[Bool[np.ndarray, "particle"]], charge: Float[np.ndarray, "particle"]
) -> Int[np.ndarray, "particle"]:
    """From the five kinds of the file, three of them by charge."""
    positive = charge > 0
    charged, neutral, photon, electron, muon = flags
    chosen = [charged & positive, charged, neutral, photon, electron & ~positive, electron, muon & ~positive]
    return np.select(chosen, range(7), 7 * muon).astype(np.int8)


def padded_table(
    columns: Float[np.ndarray, "particle 4"],
    species: Int[np.ndarray, "particle"],
    sizes: Int[np.ndarray, "jet"],
    particles: int,
) -> Arrays:
    """Padded lists of the hardest particles."""
    first = np.concatenate(([0], np.cumsum(sizes)))
    most = int(sizes.max(initial=1))
    wide, mask = padded(np.column_stack((columns, species)).astype(np.float32), first, particles=most)
    take = hardest(wide[..., 2], mask, particles)
    kinds = take(np.where(mask, wide[..., 4], -1).astype(np.int8))
    wide = take(wide[..., :4])
    lacking = max(particles - wide.shape[1], 0)
    return {
        "particles": np.pad(wide, ((0, 0), (0, lacking), (0, 0))),
        "species": np.pad(kinds, ((0, 0), (0, lacking)), constant_values=-1),
    }
