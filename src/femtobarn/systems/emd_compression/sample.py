"""The wafers of a run: from the published files, from Geant4, or from the analytic stand-in."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from femtobarn.datasets import hgcal
from femtobarn.errors import InputError
from femtobarn.runs import Provenance
from femtobarn.simulate.toy_wafers import toy_wafers
from femtobarn.simulate.wafers import WaferSimulation, simulate_wafers
from femtobarn.study import Split, check_shares


@dataclass(frozen=True)
class Data:
    """Which wafers a run works on."""

    engine: Literal["geant4", "analytic"] = "geant4"
    """Simulation of the stand-in, used where no path is given."""
    path: Path | None = None
    """Folder or file of published wafers: CSV, ROOT or femtobarn's HDF5."""
    wafers: int = 20_000
    """Number of wafers of the analytic stand-in; of files, the maximum."""
    simulation: WaferSimulation = field(default_factory=WaferSimulation)
    """Settings of the Geant4 stand-in."""
    minimum: float = 35.0
    """Minimum sum of a wafer in CALQ counts (35 are one transverse MIP); wafers below it are noise and dropped."""
    test: float = 0.2
    """Fraction of the showers in the test sample."""
    validation: float = 0.1
    """Fraction of the showers in the validation sample, which chooses the best epoch."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        if self.wafers < 100:
            raise InputError(f"at least 100 wafers are needed: got {self.wafers}")


@dataclass(frozen=True)
class Wafers:
    """Wafers, one row each."""

    charge: np.ndarray
    """CALQ counts, float32 (wafer, 48)."""
    eta: np.ndarray
    """Pseudorapidity of the wafer, float32."""
    layer: np.ndarray
    """Layer of the calorimeter, float32."""
    group: np.ndarray
    """Shower or event the wafer belongs to, int64."""

    def __len__(self) -> int:
        return len(self.charge)

    def take(self, rows: Any) -> "Wafers":
        """The wafers of these rows."""
        return Wafers(self.charge[rows], self.eta[rows], self.layer[rows], self.group[rows])


def load_split(data: Data, *, seed: int, workers: int, progress: bool) -> Split[Wafers]:
    """Wafers of a run, cut at the minimum sum and split so that no shower stands on two sides.

    Published files have no shower number: there, as published, the first fifth of the rows (the share ``test``)
    is kept for the results.

    Raises:
        InputError: A file cannot be read, or too few wafers are left.
    """
    wafers, provenance = _load(data, seed=seed, workers=workers, progress=progress)
    wafers = wafers.take(np.flatnonzero(wafers.charge.sum(axis=1) >= data.minimum))
    shares = (1 - data.test - data.validation, data.validation, data.test)
    if len(wafers) * min(shares) < 10:
        raise InputError(
            f"too few wafers above {data.minimum:g} counts to train, validate and test: {len(wafers)}"
        )
    if data.path is not None and len(np.unique(wafers.group)) == 1:
        first = int(data.test * len(wafers))
        fractions = tuple(share / sum(shares[:2]) for share in shares[:2])
        rest = hgcal.split_by_group(np.arange(first, len(wafers)), fractions=fractions, seed=seed)
        rows = [*(first + part for part in rest), np.arange(first)]
    else:
        rows = list(hgcal.split_by_group(wafers.group, fractions=shares, seed=seed))
    train, validation, test = map(wafers.take, rows)
    return Split(train, validation, test, provenance)


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Wafers:
    """Columns a source lacks are filled with a constant: the large decoder then cannot learn from them."""
    charge = np.ascontiguousarray(arrays["charge"], dtype=np.float32)

    def column(name: str, missing: float, kind: type) -> np.ndarray:
        return np.asarray(arrays.get(name, np.full(len(charge), missing))).astype(kind)

    eta, layer = column("eta", 2.0, np.float32), column("layer", 9, np.float32)
    return Wafers(charge, eta, layer, column("shower", 0, np.int64))


def _load(data: Data, *, seed: int, workers: int, progress: bool) -> tuple[Wafers, Provenance]:
    if data.path is not None:
        source = hgcal.open_wafers(data.path)
        wanted = [name for name in ("charge", "eta", "layer", "shower") if name in source.columns]
        wafers = from_arrays(source.read(wanted, 0, min(data.wafers, len(source))))
        # The published set is known by the name of its folder; anything else is the user's own.
        known = (name for name in (hgcal.TTBAR, hgcal.ELECTRONS) if name in data.path.resolve().parts)
        files = hgcal.checksums(data.path)
        return wafers, Provenance("real", next(known, "own wafers"), str(data.path), files)
    if data.engine == "geant4":
        arrays = simulate_wafers(data.simulation, workers=workers, progress=progress)
        settings = asdict(data.simulation)
        return from_arrays(arrays), Provenance(
            "stand-in", "hgcal", "Geant4, silicon-tungsten stack", generator=settings
        )
    arrays = toy_wafers(data.wafers, generator=np.random.default_rng(seed))
    arrays |= {"shower": np.arange(data.wafers)}  # each wafer has a shower of its own
    settings = {"wafers": data.wafers, "seed": seed}
    return from_arrays(arrays), Provenance("stand-in", "hgcal", "analytic wafers", generator=settings)
