"""The tracker of the TrackML challenge as a table: 48 layers of 18 728 flat modules.

Radii, disks, counts, sizes, tilts and pitches are those of the challenge's ``detectors.csv`` (arXiv:1904.06778)
and of the generic detector of ACTS (acts-project/acts, Examples/Detectors/GenericDetector). Lengths are in mm.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Sensor:
    """What one kind of module is made of and what its channels see."""

    pitch: tuple[float, float]
    """Of the channels along u (r-phi) and v."""
    half_thickness: float
    depth: float
    """Of the part whose charge is read. In events of the challenge it is half the sensor in barrels, all of it in
    disks: their clusters are as long, and their pixels as charged, as that says."""
    drift: float = 0.0
    """Tangent of the Lorentz angle along u, barrels only: the angle at which clusters of the challenge are shortest."""
    readout: int = 1
    """Face where the charge is read: +1 at -w, -1 at +w; w is the normal, outwards."""
    digital: bool = False
    """Whether a channel tells only that it fired."""


@dataclass(frozen=True)
class Ring:
    """Modules around the beam at the same place but for small steps that let them overlap."""

    place: float
    """Of the centres: z in a barrel, r in a disk."""
    count: int
    half: tuple[float, float, float]
    """Half the width at the inner and at the outer end, half the length along v."""
    steps: tuple[float, ...]
    """Added to the layer's radius or |z|, module after module, again and again."""


@dataclass(frozen=True)
class Layer:
    """A cylinder (of radius `at`) or a disk (at z = `at`) of modules."""

    volume: int
    layer: int
    barrel: bool
    at: float
    sensor: Sensor
    rings: tuple[Ring, ...]
    tilt: float
    radiation_lengths: float
    """Of support and sensor together, crossed at a right angle."""
    interaction_lengths: float
    """The same in nuclear interaction lengths, from how many hadrons go on to the next layer in the challenge."""
    silicon: float
    """Thickness of both, mm."""
    order: str = ""
    """Of the rings in the numbers of a disk's modules."""


class Modules(NamedTuple):
    """All modules in the order of ``detectors.csv``: by volume, layer and module."""

    volume: Int[np.ndarray, "module"]
    layer: Int[np.ndarray, "module"]
    module: Int[np.ndarray, "module"]
    of_layer: Int[np.ndarray, "module"]  # index of its layer in `layers()`
    centre: Float[np.ndarray, "module 3"]
    rotation: Float[np.ndarray, "module 3 3"]  # columns are the axes u, v, w
    half: Float[
        np.ndarray, "module 3"
    ]  # half widths at the low and the high end of v, half the length along v


PIXEL_BARREL = Sensor((0.05, 0.05625), 0.15, 0.15, 0.12, 1)
PIXEL_DISK = Sensor((0.05, 0.05625), 0.15, 0.30)
SHORT_BARREL = Sensor((0.08, 1.2), 0.25, 0.25, 0.12, -1, digital=True)
SHORT_DISK = Sensor((0.08, 1.2), 0.25, 0.50, digital=True)
LONG_BARREL = Sensor((0.12, 10.8), 0.35, 0.35, 0.08, -1, digital=True)
LONG_DISK = Sensor((0.12, 10.4), 0.35, 0.70, digital=True)

_BARRELS = (  # volume, sensor, radii, modules in phi, rows, distance of rows, half u, v, step, tilt, X0, nuclear, mm
    (
        8,
        PIXEL_BARREL,
        (32, 72, 116, 172),
        (16, 32, 52, 78),
        14,
        70,
        8.4,
        36,
        0.25,
        0.14,
        0.0172,
        0.0071,
        1.65,
    ),
    (
        13,
        SHORT_BARREL,
        (260, 360, 500, 660),
        (40, 56, 78, 102),
        21,
        103,
        24,
        54,
        1.5,
        -0.15,
        0.0235,
        0.0097,
        2.25,
    ),
    (17, LONG_BARREL, (820, 1020), (120, 152), 21, 103, 24, 54, 1.5, -0.15, 0.0298, 0.0123, 2.85),
)
_FAR = (1220, 1500, 1800, 2150, 2550, 2950)
_ENDCAPS = (  # volumes at -z and +z, sensor, |z|, rings, X0, nuclear, mm
    (
        (7, 9), PIXEL_DISK, (600, 700, 820, 960, 1100, 1300, 1500),
        (Ring(66, 40, (8.4, 8.4, 36), (2.5, -2, 2, -2.5)), Ring(140, 68, (8.4, 8.4, 36), (2, -2))),
        0.0172, 0.012, 1.65,
    ),
    (
        (12, 14), SHORT_DISK, _FAR,
        (
            Ring(318, 54, (16.4, 24.2, 78), (-1.5, -4.5)),
            Ring(470, 56, (24.2, 32.2, 78), (4.5, 1.5)),
            Ring(622, 60, (32.2, 40.0, 78), (-1.5, -4.5)),
        ),
        0.0287, 0.0473, 2.75,
    ),
    (
        (16, 18), LONG_DISK, _FAR,
        (Ring(828, 48, (54.0, 64.2, 78), (-2.5, -5.5)), Ring(942, 50, (66.0, 72.0, 78), (5.5, 2.5))),
        0.0402, 0.0497, 3.85,
    ),
)  # fmt: skip
#: The ring of each module of a disk in the order of their numbers; ring by ring they go round with phi.
_ORDER = {
    108: "011010110110101101101101011011010110110110101101101011011010110110101101101101011011010110110110101101101011",
    170: "0122012012102102102102102102102120120120120120120210210210212012012012012012012012012012201201210210"
    "2102102102102102120120120120120120210210210212012012012012012012012012",
    98: "01101010101010101010101010101010101010101010101010101010101101010101010101010101010101010101010101",
}


@cache
def layers() -> tuple[Layer, ...]:
    """The 48 layers, by volume and layer number."""
    found = [layer for barrel in _BARRELS for layer in _barrel(*barrel)]
    found += [layer for endcap in _ENDCAPS for side in (0, 1) for layer in _endcap(side, *endcap)]
    return tuple(sorted(found, key=lambda layer: (layer.volume, layer.layer)))


@cache
def modules() -> Modules:
    """All modules; arrays that cannot be written to."""
    columns = [_modules(index, layer) for index, layer in enumerate(layers())]
    joined = Modules(*(np.concatenate(column) for column in zip(*columns, strict=True)))
    for column in joined:
        column.setflags(write=False)
    return joined


def layer_index(volume: Int[np.ndarray, "*n"], layer: Int[np.ndarray, "*n"]) -> Int[np.ndarray, "*n"]:
    """Index of the layer in `layers()`, -1 where there is none."""
    table = np.full((20, 16), -1)
    for index, each in enumerate(layers()):
        table[each.volume, each.layer] = index
    inside = (volume >= 0) & (volume < 20) & (layer >= 0) & (layer < 16)
    return np.where(inside, table[np.where(inside, volume, 0), np.where(inside, layer, 0)], -1)


def module_row(
    volume: Int[np.ndarray, "*n"], layer: Int[np.ndarray, "*n"], module: Int[np.ndarray, "*n"]
) -> Int[np.ndarray, "*n"]:
    """Row of the module in `modules()`, -1 where there is none."""
    index = layer_index(volume, layer)
    first = np.searchsorted(modules().of_layer, np.arange(len(layers()) + 1))
    row = first[index] + module - 1
    return np.where((index >= 0) & (module >= 1) & (row < first[index + 1]), row, -1)


def detectors() -> dict[str, np.ndarray]:
    """The columns of the challenge's ``detectors.csv``, one row a module."""
    every = modules()
    sensors = [layers()[index].sensor for index in every.of_layer]
    columns: dict[str, np.ndarray] = {
        "volume_id": every.volume,
        "layer_id": every.layer,
        "module_id": every.module,
    }
    columns |= {f"c{axis}": column for axis, column in zip("xyz", every.centre.T, strict=True)}
    for row, axis in enumerate("xyz"):
        columns |= {
            f"rot_{axis}{local}": every.rotation[:, row, column] for column, local in enumerate("uvw")
        }
    columns["module_t"] = np.array([sensor.half_thickness for sensor in sensors])
    names = ("module_minhu", "module_maxhu", "module_hv")
    columns |= dict(zip(names, every.half.T, strict=True))
    pitch = np.array([sensor.pitch for sensor in sensors])
    return columns | {"pitch_u": pitch[:, 0], "pitch_v": pitch[:, 1]}


def _barrel(
    volume: int, sensor: Sensor, radii: tuple[float, ...], counts: tuple[int, ...], rows: int, distance: float,
    half_u: float, half_v: float, step: float, tilt: float, x0: float, nuclear: float, silicon: float,
) -> list[Layer]:  # fmt: skip
    found = []
    for number, (radius, count) in enumerate(zip(radii, counts, strict=True)):
        rings = tuple(
            Ring((row - (rows - 1) / 2) * distance, count, (half_u, half_u, half_v), (step * (-1) ** row,))
            for row in range(rows)
        )
        found.append(Layer(volume, 2 * number + 2, True, radius, sensor, rings, tilt, x0, nuclear, silicon))
    return found


def _endcap(
    side: int, volumes: tuple[int, int], sensor: Sensor, places: tuple[float, ...], rings: tuple[Ring, ...],
    x0: float, nuclear: float, silicon: float,
) -> list[Layer]:  # fmt: skip
    order = _ORDER[sum(ring.count for ring in rings)]
    along = places if side else tuple(-z for z in reversed(places))
    return [
        Layer(volumes[side], 2 * number + 2, False, z, sensor, rings, 0.0, x0, nuclear, silicon, order)
        for number, z in enumerate(along)
    ]


def _modules(index: int, layer: Layer) -> tuple[np.ndarray, ...]:
    rings = [_ring(layer, ring) for ring in layer.rings]
    ring = np.repeat(np.arange(len(rings)), [each.count for each in layer.rings])
    if not layer.barrel:  # the k-th module of a ring comes at the k-th place of that ring in the order
        asked = np.array(list(layer.order), np.int64)
        ring_first = np.cumsum([0, *(each.count for each in layer.rings)])
        within = np.array([np.count_nonzero(asked[:i] == asked[i]) for i in range(len(asked))])
        rows = ring_first[asked] + within
    else:
        rows = np.arange(len(ring))
    centre, rotation = (np.concatenate(part)[rows] for part in zip(*rings, strict=True))
    half = np.array([each.half for each in layer.rings], float)[ring][rows]
    count = len(rows)
    whole = (np.full(count, value) for value in (layer.volume, layer.layer))
    return (*whole, np.arange(1, count + 1), np.full(count, index), centre, rotation, half)


def _ring(layer: Layer, ring: Ring) -> tuple[np.ndarray, np.ndarray]:
    """Centres and axes of a ring's modules with rising phi."""
    phi = -np.pi + (np.arange(ring.count) + 0.5) * 2 * np.pi / ring.count
    step = np.resize(np.array(ring.steps, float), ring.count)
    zero, one = np.zeros(ring.count), np.ones(ring.count)
    if layer.barrel:
        radius, z = layer.at + step, np.full(ring.count, ring.place)
        normal = np.stack((np.cos(phi + layer.tilt), np.sin(phi + layer.tilt), zero), axis=1)
        along = np.stack((zero, zero, one), axis=1)
    else:
        side = np.sign(layer.at)
        radius, z = np.full(ring.count, ring.place), layer.at + side * step
        normal = np.stack((zero, zero, side * one), axis=1)
        along = np.stack((np.cos(phi), np.sin(phi), zero), axis=1)
    centre = np.stack((radius * np.cos(phi), radius * np.sin(phi), z), axis=1)
    return centre, np.stack((np.cross(along, normal), along, normal), axis=2)
