"""What is kept of a file of showers of any length, read piece by piece by several processes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64

from femtobarn.data.source import Source, stream
from femtobarn.datasets.calochallenge import Unit, open_showers
from femtobarn.metrics import FeatureMoments, KernelMoments, Subsample
from femtobarn.metrics.kernel import MOST_FEATURES
from femtobarn.metrics.shower_features import ShowerMoments, features_of, moments
from femtobarn.metrics.shower_histograms import Largest, ShowerHistograms
from femtobarn.parts import Report
from femtobarn.physics.voxels import VoxelGeometry, geometry

_BYTES = 1 << 25  # of voxels read at a time
_PIECE = 3 << 28  # of voxels summed up by one process


@dataclass(frozen=True)
class ShowerFiles:
    """One sample: a file, or several that belong together."""

    name: str
    files: tuple[Path, ...]
    dataset: str
    unit: Unit | None = None

    def open(self) -> Source:
        """The showers."""
        return open_showers(self.files, self.dataset, unit=self.unit)


@dataclass(frozen=True)
class Piece:
    """Some showers of a sample, the work of one process."""

    sample: ShowerFiles
    start: int
    stop: int

    def label(self) -> str:
        """In words."""
        return f"{self.sample.name} from shower {self.start}"


@dataclass
class Extent:
    """What the reference must tell before anything can be compared: where energies and features end."""

    largest: Largest
    features: Float64[np.ndarray, " feature"]  # largest absolute value

    def merge(self, other: "Extent", /) -> None:
        """Of both."""
        self.largest = self.largest.merged(other.largest)
        self.features = np.maximum(self.features, other.features)

    @property
    def scale(self) -> Float64[np.ndarray, " feature"]:
        """Unit of each feature."""
        return np.where(self.features > 0, self.features, 1.0)


class ShowerSummary:
    """Sums over all showers of a sample, and some rows of features; merges in any order."""

    def __init__(self, voxels: VoxelGeometry, extent: Extent, rows: int, seed: int) -> None:
        self.histograms = ShowerHistograms(voxels, extent.largest)
        self.features = FeatureMoments(len(extent.scale))
        self.kernel = KernelMoments(extent.scale) if len(extent.scale) <= MOST_FEATURES else None
        self.rows = Subsample(rows, seed=seed)
        self.mean = np.zeros(voxels.voxels)  # energies of the voxels, summed
        self.layers = np.zeros(
            (2, len(voxels.layers))
        )  # shares of E_inc in the layers and their squares, summed
        self.totals: list[
            Float64[np.ndarray, "shower 2"]
        ] = []  # incident and deposited energy of each shower
        self.empty = 0

    @property
    def showers(self) -> int:
        """Number of showers seen."""
        return self.histograms.showers

    @property
    def energies(self) -> Float64[np.ndarray, "shower 2"]:
        """Incident and deposited energy of each shower, in no order."""
        return np.concatenate(self.totals)

    def update(
        self,
        found: ShowerMoments,
        showers: Float[np.ndarray, "shower voxel"],
        voxels: VoxelGeometry,
        start: int,
    ) -> None:
        """Add showers; the first has number `start` in the sample."""
        table = features_of(found, voxels)
        self.histograms.update(found, showers)
        self.features.update(table, start=start)
        if self.kernel is not None:
            self.kernel.update(table, start=start)
        self.rows.update(table, start=start)
        self.mean += showers.sum(axis=0, dtype=np.float64)
        share = found.energy / found.incident[:, None]
        self.layers += share.sum(axis=0), np.square(share).sum(axis=0)
        self.totals.append(np.column_stack((found.incident, found.total)))
        self.empty += int((found.total == 0).sum())

    def merge(self, other: "ShowerSummary", /) -> None:
        """Add all showers that another one has seen."""
        for name in ("histograms", "features", "rows"):
            getattr(self, name).merge(getattr(other, name))
        if self.kernel is not None and other.kernel is not None:
            self.kernel.merge(other.kernel)
        self.mean += other.mean
        self.layers += other.layers
        self.totals += other.totals
        self.empty += other.empty


def pieces(sample: ShowerFiles) -> list[Piece]:
    """The sample in pieces of about a gigabyte."""
    n, rows = len(sample.open()), _PIECE // (4 * geometry(sample.dataset).voxels)
    return [Piece(sample, start, min(start + rows, n)) for start in range(0, n, rows)]


def extent(piece: Piece, report: Report) -> Extent:
    """Of one piece of the reference."""
    whole: Extent | None = None
    voxels = geometry(piece.sample.dataset)
    for _, found, showers in _read(piece, report):
        part = Extent(Largest.of(found, showers), np.abs(features_of(found, voxels)).max(axis=0))
        if whole is None:
            whole = part
        else:
            whole.merge(part)
    if whole is None:
        raise ValueError("a piece without showers")
    return whole


def summarise(found: Extent, rows: int, seed: int, piece: Piece, report: Report) -> ShowerSummary:
    """Of one piece of any sample."""
    voxels = geometry(piece.sample.dataset)
    summary = ShowerSummary(voxels, found, rows, seed)
    for start, measured, showers in _read(piece, report):
        summary.update(measured, showers, voxels, start)
    return summary


def some_showers(
    sample: ShowerFiles, count: int, *, seed: int
) -> tuple[Float32[np.ndarray, " shower"], Float32[np.ndarray, "shower voxel"]]:
    """Energies and voxels of a random part of the sample in random order, voxels below the threshold set to 0."""
    table = shower_table(sample, count, seed=seed)
    return table[:, 0], table[:, 1:]


def shower_table(sample: ShowerFiles, count: int, *, seed: int) -> Float32[np.ndarray, "shower column"]:
    """The same as one table: incident energy, then the voxels."""
    source, voxels = sample.open(), geometry(sample.dataset)
    chosen = np.random.default_rng(seed).permutation(len(source))[:count]
    order = np.argsort(chosen)
    table = np.empty((len(chosen), 1 + voxels.voxels), dtype=np.float32)
    wanted, rows = chosen[order], _rows_at_once(voxels)
    for start in range(0, len(source), rows):
        first, last = np.searchsorted(wanted, (start, start + rows))
        if first == last:
            continue
        part = source.read(("energies", "showers"), start, start + rows)
        here, place = wanted[first:last] - start, order[first:last]
        showers = part["showers"][here]
        showers[showers < voxels.threshold] = 0
        table[place, 0], table[place, 1:] = part["energies"][here], showers
    return table


def _read(piece: Piece, report: Report) -> Any:
    """Number of the first shower, moments and voxels, a few megabytes at a time."""
    voxels, row = geometry(piece.sample.dataset), piece.start
    source = piece.sample.open()
    rows = _rows_at_once(voxels)
    for part in stream(source, ("energies", "showers"), rows=rows, start=piece.start, stop=piece.stop):
        showers = part["showers"]
        yield row, moments(part["energies"], showers, voxels), showers
        row += len(showers)
        report(row - piece.start, piece.stop - piece.start, "showers")


def _rows_at_once(voxels: VoxelGeometry) -> int:
    return max(1, _BYTES // (4 * voxels.voxels))
