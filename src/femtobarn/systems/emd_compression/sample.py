"""The wafers of a run: from the published files, from Geant4, or from the analytic stand-in."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from femtobarn.datasets import hgcal
from femtobarn.errors import InputError
from femtobarn.runs import Provenance
from femtobarn.simulate.toy_wafers import toy_wafers
from femtobarn.simulate.wafers import WaferSimulation, simulate_wafers


@dataclass(frozen=True)
class Data:
    """Which wafers a run works on."""

    engine: Literal["geant4", "analytic"] = "geant4"
    """Generator of the stand-in, where no path is given."""
    path: Path | None = None
    """Folder or file of published wafers: CSV, ROOT or femtobarn's HDF5."""
    wafers: int = 20_000
    """Wafers of the analytic stand-in, or of the files, at most."""
    simulation: WaferSimulation = field(default_factory=WaferSimulation)
    """Settings of the Geant4 stand-in."""
    minimum: float = 35.0
    """Smallest sum of a wafer, in CALQ counts; 35 are one transverse MIP. Less is noise."""
    test: float = 0.2
    """Share of the showers kept for the results."""
    validation: float = 0.1
    """Share of the showers by which the best epoch is chosen."""

    def __post_init__(self) -> None:
        if not (0 < self.test < 1 and 0 < self.validation < 1 and self.test + self.validation < 1):
            raise InputError(
                f"shares in (0, 1) that leave some wafers to train on: got {self.test}, {self.validation}"
            )
        if self.wafers < 100:
            raise InputError(f"at least 100 wafers are needed: got {self.wafers}")


@dataclass(frozen=True)
class Sample:
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

    def take(self, rows: np.ndarray) -> "Sample":
        """The wafers of these rows."""
        return Sample(self.charge[rows], self.eta[rows], self.layer[rows], self.group[rows])


class Split(NamedTuple):
    """Three samples without a common shower."""

    train: Sample
    validation: Sample
    test: Sample
    provenance: Provenance


def load_split(data: Data, *, seed: int, workers: int, progress: bool) -> Split:
    """Wafers of a run, cut at the minimum sum and split so that no shower stands on two sides.

    Published files have no shower number: there, as published, the first fifth of the rows (the share ``test``)
    is kept for the results.

    Raises:
        InputError: A file cannot be read, or too few wafers are left.
    """
    if data.path is not None:
        sample, provenance = read_sample(data.path, limit=data.wafers), _real(data.path)
    elif data.engine == "geant4":
        sample = from_arrays(simulate_wafers(data.simulation, workers=workers, progress=progress))
        provenance = Provenance(
            "stand-in", "hgcal", source="Geant4, silicon-tungsten stack", generator=asdict(data.simulation)
        )
    else:
        arrays = toy_wafers(data.wafers, generator=np.random.default_rng(seed))
        sample = from_arrays(
            arrays | {"shower": np.arange(data.wafers)}
        )  # each wafer has a shower of its own
        provenance = Provenance(
            "stand-in", "hgcal", source="analytic wafers", generator={"wafers": data.wafers, "seed": seed}
        )
    sample = sample.take(np.flatnonzero(sample.charge.sum(axis=1) >= data.minimum))
    shares = (1 - data.test - data.validation, data.validation, data.test)
    if len(sample) * min(shares) < 10:
        raise InputError(
            f"too few wafers above {data.minimum:g} counts to train, validate and test: {len(sample)}"
        )
    if data.path is not None and len(np.unique(sample.group)) == 1:
        first = int(data.test * len(sample))
        rest = hgcal.split_by_group(np.arange(first, len(sample)), fractions=_unit(shares[:2]), seed=seed)
        rows = [first + part for part in rest] + [np.arange(first)]
    else:
        rows = list(hgcal.split_by_group(sample.group, fractions=shares, seed=seed))
    train, validation, test = (sample.take(part) for part in rows)
    return Split(train, validation, test, provenance)


def read_sample(path: Path, *, limit: int) -> Sample:
    """Up to ``limit`` wafers of a file or folder in one of the formats of ``datasets.hgcal``."""
    source = hgcal.open_wafers(path)
    wanted = [name for name in ("charge", "eta", "layer", "shower") if name in source.columns]
    return from_arrays(source.read(wanted, 0, min(limit, len(source))))


def from_arrays(arrays: dict[str, np.ndarray]) -> Sample:
    """Columns a source lacks are filled with a constant: the large decoder then cannot learn from them."""
    charge = np.ascontiguousarray(arrays["charge"], dtype=np.float32)

    def column(name: str, missing: float) -> np.ndarray:
        return np.asarray(arrays.get(name, np.full(len(charge), missing)))

    return Sample(
        charge,
        column("eta", 2.0).astype(np.float32),
        column("layer", 9).astype(np.float32),
        column("shower", 0).astype(np.int64) if "shower" in arrays else np.zeros(len(charge), np.int64),
    )


def _real(path: Path) -> Provenance:
    """The published set is known by the name of its folder; anything else is the user's own."""
    known = (name for name in (hgcal.TTBAR, hgcal.ELECTRONS) if name in path.resolve().parts)
    return Provenance("real", next(known, "own wafers"), source=str(path), files=hgcal.checksums(path))


def _unit(shares: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(share / sum(shares) for share in shares)
