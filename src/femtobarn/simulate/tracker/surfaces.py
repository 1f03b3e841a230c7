"""The layers as flat arrays in the order in which a track meets them, for compiled loops."""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.simulate.tracker.geometry import Layer, layers, modules

#: Radius, radiation lengths, interaction lengths, mm of beryllium; the interactions as those of layers.
BEAM_PIPE, SUPPORT_TUBE = (19.0, 0.0023, 0.0039, 0.8), (200.0, 0.0051, 0.0265, 1.8)
_LOSS_SILICON, _LOSS_BERYLLIUM = 0.39e-3, 0.29e-3  # GeV per mm of a minimum ionising particle


class Surfaces(NamedTuple):
    """Cylinders with rising radius and disks with rising z."""

    at: Float[np.ndarray, "surface"]
    reach: Float[np.ndarray, "surface 2"]  # |z| of a cylinder, r of a disk between which there is matter
    layer: Int[np.ndarray, "surface"]  # -1 where there are no modules
    matter: Float[np.ndarray, "surface 3"]  # x/X0, interaction lengths, GeV lost, at a right angle


class Rings(NamedTuple):
    """The rings of modules; those of layer i are `first[i]` to `first[i + 1]`."""

    first: Int[np.ndarray, "layer+1"]
    place: Float[np.ndarray, "ring"]  # z in a barrel, r in a disk
    half: Float[np.ndarray, "ring"]  # of the length of the modules
    wide: Float[np.ndarray, "ring"]  # half the greatest width
    size: Int[np.ndarray, "ring"]
    start: Int[np.ndarray, "ring"]  # in `rows`
    rows: Int[np.ndarray, "module"]  # of `modules()`, with rising phi from -pi
    depth: Float[np.ndarray, "layer"]  # how far modules stand off the layer's surface, mm


@cache
def cylinders() -> Surfaces:
    """Beam pipe, support tube and barrel layers."""
    found = [
        (radius, (0.0, 3000.0), -1, (x0, nuclear, mm * _LOSS_BERYLLIUM))
        for radius, x0, nuclear, mm in (BEAM_PIPE, SUPPORT_TUBE)
    ]
    for index, layer in enumerate(layers()):
        if layer.barrel:
            end = layer.rings[-1].place + layer.rings[-1].half[2]
            found.append((layer.at, (0.0, end), index, _matter(layer)))
    return _surfaces(found)


@cache
def disks() -> Surfaces:
    """The layers of both end caps."""
    found = []
    for index, layer in enumerate(layers()):
        if not layer.barrel:
            inner, outer = layer.rings[0], layer.rings[-1]
            reach = (inner.place - inner.half[2], outer.place + outer.half[2])
            found.append((layer.at, reach, index, _matter(layer)))
    return _surfaces(found)


@cache
def rings() -> Rings:
    """All rings, by layer."""
    found = [(layer, ring) for layer in layers() for ring in layer.rings]
    all_modules = modules()
    phi = np.arctan2(all_modules.centre[:, 1], all_modules.centre[:, 0])
    rows = []
    for index, layer in enumerate(layers()):
        members = np.flatnonzero(all_modules.of_layer == index)
        across = np.hypot(*all_modules.centre[members, :2].T)
        where = all_modules.centre[members, 2] if layer.barrel else across
        for ring in layer.rings:
            own = members[np.abs(where - ring.place) < 1.0]
            rows.append(own[np.argsort(phi[own])])
    count = np.array([ring.count for _, ring in found])
    return Rings(
        np.cumsum([0, *(len(layer.rings) for layer in layers())]),
        np.array([ring.place for _, ring in found], float),
        np.array([ring.half[2] for _, ring in found], float),
        np.array([max(ring.half[:2]) for _, ring in found], float),
        count,
        np.cumsum(count) - count,
        np.concatenate(rows),
        np.array([_depth(index) for index in range(len(layers()))]),
    )


def _depth(index: int) -> float:
    layer = layers()[index]
    widest = max(max(ring.half[:2]) for ring in layer.rings)
    return max(abs(step) for ring in layer.rings for step in ring.steps) + widest * abs(np.sin(layer.tilt))


def _matter(layer: Layer) -> tuple[float, float, float]:
    return layer.radiation_lengths, layer.interaction_lengths, layer.silicon * _LOSS_SILICON


def _surfaces(rows: list[tuple[float, tuple[float, float], int, tuple[float, float, float]]]) -> Surfaces:
    at, reach, layer, matter = zip(*sorted(rows), strict=True)
    return Surfaces(np.array(at, float), np.array(reach), np.array(layer), np.array(matter))
