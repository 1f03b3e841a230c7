"""Top quark tagging reference data: jets of tops and of light partons as four-momenta (arXiv:1902.09914).

`open_jets` reads the published pandas tables, and the copies that were converted for LorentzNet, piece by
piece and without pandas; `write_jets` and `write_converted` write the same layouts; `stand_in` makes such
jets with Pythia 8 and FastJet.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float

from femtobarn.data.hardest import hardest
from femtobarn.data.hdf5 import Hdf5File, opened_hdf5, write_hdf5
from femtobarn.data.opening import as_float32
from femtobarn.data.pandas_table import PandasTable, write_pandas_table
from femtobarn.data.source import Arrays, InMemory, Source, check_columns
from femtobarn.errors import InputError
from femtobarn.simulate.collisions import processes
from femtobarn.simulate.collisions.jets import JetSample, matched_jets, padded

NAME = "top_tagging"
SUMMARY = "Jets of tops and light partons as four-momenta (top tagging reference; stand-in from Pythia 8)"
RECORD = "Zenodo 10.5281/zenodo.2603256; converted copies: OSF project 7u3fk (arXiv:2201.08187)"
PUBLISHED_JETS = {"train.h5": 1_211_000, "val.h5": 403_000, "test.h5": 404_000}
#: Particles of a jet in the published files.
PARTICLES = 200
#: Our name, unit, what it is, in the pandas table, in the converted copy.
COLUMNS = (
    ("momentum", "GeV", "E, px, py, pz of the particles, hardest first", "E_0 PX_0 ... PZ_199", "Pmu"),
    ("mask", "", "true where there is a particle, false where padding", "E_i above 0", "label"),
    ("is_signal", "", "true for tops", "is_signal_new", "is_signal"),
    ("truth", "GeV", "E, px, py, pz of the top before it decays, else 0", "truthE ... truthPZ", ""),
)

_COMPONENTS = ("E", "PX", "PY", "PZ")
_TRUTH = tuple(f"truth{component}" for component in _COMPONENTS)
_PT, _ETA, _ENERGY = (550.0, 650.0), 2.0, 14_000.0
_PT_HAT = (470.0, 1000.0)  # from 15 % below the jets, which may gain that much


class TopJetSource:
    """Source of jets under our names, checked as they are read.

    Raises:
        InputError: A file that is missing, cut short or of another layout, or fewer particles in it than
            asked for.
    """

    def __init__(self, layout: "_Layout", *, particles: int | None = None) -> None:
        self.columns, self._layout = layout.columns, layout
        self.particles = layout.particles if particles is None else particles
        if not 1 <= self.particles <= layout.particles:
            raise InputError(
                f"{layout.where(0)}: expected 1 to {layout.particles} particles to be asked for, got {particles}"
            )

    def __len__(self) -> int:
        return len(self._layout)

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Jets `start` to `stop`; momenta as float32.

        Raises:
            InputError: A number that is not finite, a mask that does not fit the particles, a jet without
                particles, or a label that is neither 0 nor 1.
        """
        check_columns(columns, self.columns, self._layout.where(0))
        stop = max(min(stop, len(self)), start)
        table = self._layout.read(start, stop)
        _check(table, lambda row: self._layout.where(start + row))
        table["is_signal"] = table["is_signal"] == 1
        pt = np.hypot(table["momentum"][..., 1], table["momentum"][..., 2])
        first = hardest(pt, table["mask"], self.particles)
        for name in ("momentum", "mask"):
            table[name] = first(table[name])
        return {name: table[name] for name in columns}


def open_jets(path: str | Path, *, particles: int | None = None) -> Source:
    """Jets of one file as a source that reads piece by piece; the two layouts are told apart by what is there.

    Args:
        path: A published file, or a converted copy.
        particles: How many of the hardest particles to give; all 200 if None.

    Raises:
        InputError: What is wrong, with the file.
    """
    path = Path(path)
    return TopJetSource(_Converted(path) if _is_converted(path) else _Published(path), particles=particles)


def is_published(files: Sequence[Path]) -> bool:
    """Whether files can be the published ones: all three by name, with as many jets as there are in the record."""
    if {path.name for path in files} != set(PUBLISHED_JETS):
        return False
    return all(len(open_jets(path)) == PUBLISHED_JETS[path.name] for path in files)


def write_jets(
    path: str | Path,
    momentum: Float[np.ndarray, "jet particle 4"],
    mask: Bool[np.ndarray, "jet particle"],
    is_signal: Bool[np.ndarray, "jet"],
    truth: Float[np.ndarray, "jet 4"] | None = None,
    *,
    part: int = 0,
) -> None:
    """Write jets in the published layout, padded to 200 particles; pandas reads the file.

    Args:
        path: Where to.
        momentum: E, px, py, pz in GeV, hardest particles first.
        mask: True where there is a particle.
        is_signal: True for tops.
        truth: Momentum of the top, zeros if None.
        part: The published column ttv: 0 training, 1 test, 2 validation.

    Raises:
        InputError: More than 200 particles, a number that is not finite, a jet without particles, or the file
            cannot be written.
    """
    table = _padded_to_published(momentum, mask, is_signal, truth)
    names = _published_names(PARTICLES)
    flat = table["momentum"].reshape(len(mask), -1).T
    columns = dict(zip(names, flat, strict=True)) | dict(zip(_TRUTH, table["truth"].T, strict=True))
    columns |= {"ttv": np.full(len(mask), part), "is_signal_new": is_signal.astype(np.int64)}
    write_pandas_table(Path(path), columns)


def write_converted(
    path: str | Path,
    momentum: Float[np.ndarray, "jet particle 4"],
    mask: Bool[np.ndarray, "jet particle"],
    is_signal: Bool[np.ndarray, "jet"],
) -> None:
    """Write jets in the layout of the converted copies; arguments and errors as in `write_jets`."""
    table = _padded_to_published(momentum, mask, is_signal, None)
    arrays = {
        "Pmu": table["momentum"],
        "Nobj": table["mask"].sum(axis=1),
        "label": table["mask"],
        "is_signal": is_signal.astype(np.int64),
    }
    write_hdf5(Path(path), arrays, {})


def stand_in(
    count: int, *, seed: int, particles: int = PARTICLES, workers: int = 2, progress: bool = False
) -> InMemory:
    """Jets like the published ones from Pythia 8 and FastJet, in the same columns; every other one is a top.

    As published: protons of 14 TeV, no underlying event, anti-kT jets of radius 0.8, 550 to 650 GeV,
    |eta| < 2, matched to the top within 0.8. Not as published: the particles have not been through a
    detector (those below 0.5 GeV are not listed), and the top's three quarks need not be in the jet. So
    **numbers obtained on these jets must not be set beside published ones**.

    Args:
        count: Number of jets, tops and others.
        seed: Of the sample.
        particles: How many of the hardest particles to give.
        workers: Processes.
        progress: Show a bar with the rate.

    Raises:
        InputError: Fewer than two jets, or no particles asked for.
        MissingExtraError: pythia8mc or fastjet is not installed.
    """
    if count < 2 or particles < 1:
        raise InputError(f"expected at least two jets of at least one particle, got {count} of {particles}")
    sources = (processes.dijets(_PT_HAT), processes.top_pairs(_PT_HAT, hadronic=True))
    parts = [
        _one_kind(process, (count + is_top) // 2, seed, particles, workers, progress)
        for is_top, process in enumerate(sources)
    ]
    is_signal = np.arange(count) % 2 == 0
    arrays = {name: np.empty((count, *parts[0][name].shape[1:]), parts[0][name].dtype) for name in parts[0]}
    for name, array in arrays.items():
        array[~is_signal], array[is_signal] = parts[0][name], parts[1][name]
    arrays["truth"][~is_signal] = 0
    return InMemory(arrays | {"is_signal": is_signal})


def describe() -> str:
    """The data set in plain text: where it is, its layouts, its columns."""
    lines = [
        SUMMARY,
        "",
        f"published: {RECORD}",
        f"jets: {', '.join(f'{name} {n}' for name, n in PUBLISHED_JETS.items())}, half of them tops",
        "",
        f"{'column':12} {'unit':6} {'pandas table':22} {'converted':12} what",
    ]
    lines += [f"{name:12} {unit:6} {table:22} {copy:12} {what}" for name, unit, what, table, copy in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


class _Layout(Protocol):
    """A file of either layout: its jets as momentum, mask, is_signal and, if it has them, truth."""

    columns: tuple[str, ...]
    particles: int

    def __len__(self) -> int: ...

    def where(self, row: int) -> str: ...

    def read(self, start: int, stop: int) -> Arrays: ...


class _Published:
    columns: tuple[str, ...] = ("momentum", "mask", "is_signal", "truth")

    def __init__(self, path: Path) -> None:
        self._table = PandasTable(path)
        self.particles = sum(name.startswith("E_") for name in self._table.columns)
        self._names = _published_names(self.particles)
        check_columns((*self._names, *_TRUTH, "is_signal_new"), self._table.columns, str(path))

    def __len__(self) -> int:
        return len(self._table)

    def where(self, row: int) -> str:
        return self._table.where(row)

    def read(self, start: int, stop: int) -> Arrays:
        numbers = self._table.matrix((*self._names, *_TRUTH, "is_signal_new"), start, stop)
        momentum = as_float32(numbers[:, :-5]).reshape(-1, self.particles, 4)
        return {
            "momentum": momentum,
            "mask": momentum[..., 0] > 0,
            "is_signal": numbers[:, -1],
            "truth": as_float32(numbers[:, -5:-1]),
        }


class _Converted:
    columns: tuple[str, ...] = ("momentum", "mask", "is_signal")

    def __init__(self, path: Path) -> None:
        self._file = Hdf5File(path, known=("Pmu", "label", "is_signal"))
        check_columns(("Pmu", "label", "is_signal"), self._file.names, str(path))
        shapes = self._file.shapes
        self.particles = shapes["Pmu"][0] if shapes["Pmu"] else 0
        if shapes != {"Pmu": (self.particles, 4), "label": (self.particles,), "is_signal": ()}:
            raise InputError(
                f"{path}: expected Pmu (jet, particle, 4), label (jet, particle) and is_signal (jet), got a jet's "
                f"shapes {shapes}"
            )

    def __len__(self) -> int:
        return len(self._file)

    def where(self, row: int) -> str:
        return self._file.where(row)

    def read(self, start: int, stop: int) -> Arrays:
        found = self._read(start, stop)
        momentum = as_float32(found["Pmu"])
        return {"momentum": momentum, "mask": found["label"] > 0, "is_signal": found["is_signal"]}

    def _read(self, start: int, stop: int) -> Arrays:
        return self._file.read(("Pmu", "label", "is_signal"), start, stop)


def _is_converted(path: Path) -> bool:
    with opened_hdf5(path) as file:
        return "Pmu" in file


def _published_names(particles: int) -> tuple[str, ...]:
    return tuple(f"{component}_{i}" for i in range(particles) for component in _COMPONENTS)


def _check(table: Arrays, where: Callable[[int], str]) -> None:
    momentum, mask = table["momentum"], table["mask"]
    complaints = {
        "finite momenta": ~np.isfinite(momentum).all(axis=(1, 2)),
        "a finite momentum of the top": ~np.isfinite(table.get("truth", mask)).all(axis=1),
        "zeros where there is no particle": (momentum.any(axis=2) & ~mask).any(axis=1),
        "energies above 0 where there is a particle": ((momentum[..., 0] <= 0) & mask).any(axis=1),
        "at least one particle": ~mask.any(axis=1),
        "a label of 0 or 1": (table["is_signal"] != 0) & (table["is_signal"] != 1),
    }
    for expected, bad in complaints.items():
        if bad.any():
            row = int(bad.argmax())
            raise InputError(
                f"{where(row)}: expected {expected}; {bad.sum()} of the {len(bad)} jets read are like this one"
            )


def _padded_to_published(
    momentum: np.ndarray, mask: np.ndarray, is_signal: np.ndarray, truth: np.ndarray | None
) -> Arrays:
    n, most = mask.shape
    if most > PARTICLES:
        raise InputError(f"expected at most {PARTICLES} particles of a jet, got {most}: give the hardest")
    table: Arrays = {
        "momentum": np.zeros((n, PARTICLES, 4), np.float32),
        "mask": np.zeros((n, PARTICLES), bool),
        "is_signal": is_signal,
        "truth": np.zeros((n, 4), np.float32) if truth is None else truth.astype(np.float32),
    }
    table["momentum"][:, :most] = np.where(mask[..., None], momentum, 0)
    table["mask"][:, :most] = mask
    _check(table, lambda row: f"jet {row}")
    return table


def _one_kind(
    process: processes.Process, count: int, seed: int, particles: int, workers: int, progress: bool
) -> Arrays:
    sample = JetSample(process, pt=_PT, eta=_ETA, matching=0.8, min_pt=0.5, energy=_ENERGY)
    jets = matched_jets(sample, count, seed=seed, workers=workers, progress=progress)
    momentum, mask = padded(jets.constituent, jets.first, particles=particles)
    return {"momentum": momentum, "mask": mask, "truth": jets.parton.astype(np.float32)}
