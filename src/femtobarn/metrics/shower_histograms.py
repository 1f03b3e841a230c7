"""The histograms in which the CaloChallenge compares showers, with the published ranges and bins."""

from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
from jaxtyping import Float32, Float64, Real

from femtobarn.compiled import njit
from femtobarn.data.hists import hist_of
from femtobarn.errors import InputError
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.separation import Spectrum, separation
from femtobarn.metrics.shower_features import ShowerMoments, sliced_layers, voxel_table
from femtobarn.physics.voxels import VoxelGeometry

VOXELS = "voxel energy"  #: name of the histogram of all voxels
RESPONSE = "E_tot / E_inc"  #: name of the histogram of the response, at all incident energies

_DISCRETE = 2 ** np.arange(8, 23)  # MeV: incident energies of data sets 1
_WIDE = (12, 13)  # layers of the tile calorimeter, and 14 behind


@dataclass(frozen=True)
class Largest:
    """What the reference must tell before the histograms can be filled: where its energies end, in MeV."""

    layer: tuple[float, ...]
    voxel: float

    @classmethod
    def of(cls, found: ShowerMoments, showers: Real[np.ndarray, "shower voxel"]) -> "Largest":
        """Of some showers.

        Raises:
            InputError: No shower, or not as many as there are moments.
        """
        if not len(showers) or len(showers) != len(found.energy):
            raise InputError(
                f"expected showers and their moments, got {len(showers)} and {len(found.energy)}"
            )
        return cls(tuple(found.energy.max(axis=0).tolist()), float(showers.max()))

    def merged(self, other: "Largest") -> "Largest":
        """Of both samples.

        Raises:
            InputError: Samples of different layers.
        """
        if len(self.layer) != len(other.layer):
            raise InputError(f"expected the same layers, got {len(self.layer)} and {len(other.layer)}")
        both = zip(self.layer, other.layer, strict=True)
        return Largest(tuple(max(pair) for pair in both), max(self.voxel, other.voxel))


def binning(geometry: VoxelGeometry, largest: Largest) -> dict[str, Float64[np.ndarray, " edge"]]:
    """Edges of all histograms by name, as published (CaloChallenge/homepage, code/evaluate.py).

    Energies are in MeV and their bins even in the logarithm, from the threshold to the largest of the reference;
    centres and widths are in mm. Layers go by their numbers in the detector.
    """
    numbers = [layer.number for layer in geometry.layers]
    sliced = [numbers[place] for place in sliced_layers(geometry)]
    edges = {RESPONSE: np.linspace(0.5, 1.5, 101)}
    if geometry.name.startswith("1"):
        for place, energy in enumerate(_DISCRETE):
            narrow = geometry.name == "1-photons" and place >= 4
            edges[f"{RESPONSE} at {energy} MeV"] = np.linspace(*((0.9, 1.1) if narrow else (0.4, 1.4)), 21)
    for number, highest in zip(numbers, largest.layer, strict=True):
        edges[f"E_{number}"] = _logarithmic(geometry.threshold, highest, 40)
    for what in ("EC_eta", "EC_phi"):
        edges |= {f"{what}_{n}": np.linspace(-1, 1, 101) * _reach(geometry, n, "centre") for n in sliced}
    for what in ("width_eta", "width_phi"):
        edges |= {f"{what}_{n}": np.linspace(0, 1, 101) * _reach(geometry, n, "width") for n in sliced}
    edges |= {f"EC_r_{n}": np.linspace(0, 1, 101) * _reach(geometry, n, "radius") for n in numbers}
    edges |= {f"width_r_{n}": np.linspace(0, 1, 101) * _reach(geometry, n, "radial width") for n in numbers}
    edges |= {f"sparsity_{n}": np.linspace(0, 1, 21) for n in numbers}
    edges[VOXELS] = _logarithmic(geometry.threshold, largest.voxel, 50)
    return edges


def observables(found: ShowerMoments, geometry: VoxelGeometry) -> dict[str, Float64[np.ndarray, " _"]]:
    """What is filled into each histogram but that of the voxels, by the names of `binning`."""
    numbers = [layer.number for layer in geometry.layers]
    response = found.total / found.incident
    values = {RESPONSE: response}
    if geometry.name.startswith("1"):
        rank = np.rint(np.log2(found.incident))
        discrete = np.abs(found.incident / 2**rank - 1) < 1e-3
        for energy in _DISCRETE:
            values[f"{RESPONSE} at {energy} MeV"] = response[discrete & (rank == np.log2(energy))]
    sliced = {"EC_eta": found.x, "EC_phi": found.y, "width_eta": found.width_x, "width_phi": found.width_y}
    for what, table in sliced.items():
        values |= {f"{what}_{numbers[place]}": table[:, place] for place in sliced_layers(geometry)}
    every = {"E": found.energy, "EC_r": found.r, "width_r": found.width_r, "sparsity": found.sparsity}
    for what, table in every.items():
        values |= {f"{what}_{number}": table[:, place] for place, number in enumerate(numbers)}
    return values


class ShowerHistograms:
    """All histograms of a sample of any length. Updates and merges in any order give the same; can be pickled.

    Args:
        geometry: Of the voxels.
        largest: Of the reference, for both samples.

    Attributes:
        counts: Entries by name, in the bins of `edges`. What lies outside is not counted, as published.
        voxels: The voxels, with their correlations.
        showers: Number of showers seen.
    """

    def __init__(self, geometry: VoxelGeometry, largest: Largest) -> None:
        self.geometry = geometry
        self.edges = binning(geometry, largest)
        self.counts = {name: np.zeros(len(e) - 1, dtype=np.int64) for name, e in self.edges.items()}
        del self.counts[VOXELS]
        self.voxels = Spectrum(len(self.edges[VOXELS]) - 1)
        self.showers = 0

    def update(self, found: ShowerMoments, showers: Real[np.ndarray, "shower voxel"]) -> None:
        """Add showers, with their moments.

        Raises:
            InputError: Another number of voxels than the geometry has, or not as many moments as showers.
        """
        table = voxel_table(showers, found.incident, self.geometry)
        for name, values in observables(found, self.geometry).items():
            self.counts[name] += np.histogram(values, self.edges[name])[0]
        filled = np.zeros((len(table), len(self.edges[VOXELS]) - 1))
        _fill(table, self.edges[VOXELS], filled)
        self.voxels.update(filled)
        self.showers += len(table)

    def merge(self, other: "ShowerHistograms") -> None:
        """Add all showers that another one has seen."""
        if any(not np.array_equal(self.edges[name], edges) for name, edges in other.edges.items()):
            raise InputError(
                "expected histograms with the same bins: give both the `Largest` of one reference"
            )
        for name, counts in other.counts.items():
            self.counts[name] += counts
        self.voxels.merge(other.voxels)
        self.showers += other.showers

    def hists(self) -> dict[str, Any]:
        """The histograms as ``hist.Hist``, but for that of the voxels.

        Raises:
            MissingExtraError: hist is not installed.
        """
        return {name: hist_of(counts, self.edges[name], label=name) for name, counts in self.counts.items()}

    def separations(self, generated: "ShowerHistograms") -> dict[str, Estimate]:
        """Separation power of each histogram of a generated sample, this being the real one, by name."""
        events = self.showers, generated.showers
        found = {
            name: separation(counts, generated.counts[name], events=events)
            for name, counts in self.counts.items()
        }
        return found | {VOXELS: self.voxels.separation(generated.voxels)}


def group(name: str) -> str:
    """Name of a histogram without the layer or the energy: what the challenge averages over."""
    if name.startswith(RESPONSE):
        return RESPONSE
    return name if name == VOXELS else f"{name.rpartition('_')[0]}_layer"


def _logarithmic(low: float, high: float, edges: int) -> Float64[np.ndarray, " edge"]:
    """Even in the logarithm; a decade where the reference has nothing above the threshold."""
    return np.geomspace(low, high if high > low else 10 * low, edges)


def _reach(geometry: VoxelGeometry, number: int, what: str) -> float:
    """Where the axis ends, mm."""
    of_electrons = {"centre": 30, "width": 30, "radius": 42, "radial width": 20}
    of_tiles = {"centre": 500, "width": 400, "radius": 1500, "radial width": 1500}
    of_cells = {"centre": 100, "width": 100, "radius": 500, "radial width": 500}
    if geometry.name in ("2", "3"):
        return of_electrons[what]
    wide = (*_WIDE, 14) if what.startswith("rad") else _WIDE
    return (of_tiles if number in wide else of_cells)[what]


@no_type_check
@njit(cache=True, nogil=True)
def _fill(
    showers: Float32[np.ndarray, "shower voxel"] | Float64[np.ndarray, "shower voxel"],
    edges: Float64[np.ndarray, " edge"],
    filled: Float64[np.ndarray, "shower bin"],
) -> None:
    """Count the voxels of each shower in bins that are closed below, the last also above."""
    low, high, last = edges[0], edges[-1], len(edges) - 2
    for i in range(showers.shape[0]):
        for energy in showers[i]:
            if low <= energy <= high:
                filled[i, min(np.searchsorted(edges, energy, side="right") - 1, last)] += 1
