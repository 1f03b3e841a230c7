"""One collision in space, stage by stage: a drawing that the report page turns, and whose layers it shows or hides."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.colors import hsv_to_rgb, to_hex

from femtobarn.chain.collisions import RADIUS, true_jets
from femtobarn.chain.jets import NEAR, found_jets, without_pileup
from femtobarn.chain.passage import Through, drawn
from femtobarn.chain.settings import Chain, title_of
from femtobarn.physics.vectors import cylindrical, delta_phi
from femtobarn.plots import turnable
from femtobarn.runs import Run

TRUTH = ("true particles", "true jets")  #: layers that are hidden at first
PILEUP = "tracks of pile-up"
_SCALE, _MIDDLE = 2900.0, 1100.0  # mm of a length of 1, and of the middle of the drawing along the beam
_RADIUS, _FACE = 1100.0, 3200.0  # of the tracker and of the endcap, where lines end
_MOST = 1200  # hits drawn of each detector
_LEAST_JET = 15.0  # GeV
_GREY, _HIT, _CELL, _TRUE = "#b8bec4", "#8fa3b5", "#d8a657", "#333333"


class _Layer(NamedTuple):
    """Points or lines of one kind."""

    name: str
    at: list[np.ndarray]
    """Of points one row each, of lines more; mm."""
    size: np.ndarray
    colour: list[str]


def draw_collision(run: Run, chain: Chain) -> None:
    """A dijet event as the reference sees it at every stage, and the truth."""
    through = drawn(chain)
    layers = list(_layers(through, chain))
    points = [layer for layer in layers if all(len(each) == 1 for each in layer.at)]
    lines = [layer for layer in layers if layer not in points]
    picture = turnable(
        _placed(np.concatenate([each for layer in points for each in layer.at])),
        np.concatenate([layer.size for layer in points]),
        np.array([colour for layer in points for colour in layer.colour]),
        layer=[layer.name for layer in points for _ in layer.at],
        lines=[_placed(each) for layer in lines for each in layer.at],
        line_colour=[colour for layer in lines for colour in layer.colour],
        line_layer=[layer.name for layer in lines for _ in layer.at],
        hidden=(*TRUTH, PILEUP),
        words=f"one dijet, pile-up {chain.pileup:g}; beam from left to right, the silicon endcap at its end",
    )
    run.save_figure(
        "collision", picture, title="One collision through all stages", section="One collision",
        data=_columns(layers),
        caption=f"A dijet event as the reference sees it ({', '.join(map(title_of, chain.ways()[0]))}). "
        "Tracks as lines, of the vertex and of pile-up; hits of the tracker and what arrives of those of the endcap, "
        f"of each about {_MOST} evenly chosen; clusters as circles, of an area that grows with the energy; jets above "
        f"{_LEAST_JET:g} GeV as straight lines. Tracks, clusters and jets of one jet have its colour; grey: in none. "
        "Truth: charged particles of the hard collision as lines, its jets as dark straight ones. Tick what is to be "
        "seen; drag to turn.",
    )  # fmt: skip


def _columns(layers: list[_Layer]) -> dict[str, np.ndarray]:
    """All that is drawn, and what it belongs to: lines by their corners."""
    at = np.concatenate([each for layer in layers for each in layer.at])
    names = [layer.name for layer in layers for each in layer.at for _ in each]
    return {"layer": np.array(names), **{f"{axis} [mm]": at[:, i] for i, axis in enumerate("xyz")}}


def _layers(through: Through, chain: Chain) -> Iterator[_Layer]:
    way, seen = chain.ways()[0], through.seen.crossings
    vertex, hits = seen.vertex, through.seen.hits
    if hits is not None:
        yield _dots("tracker hits", hits.position, _HIT)
    yield _dots("endcap hits", through.arrived(way).hits.hits[:, 1:4], _CELL)
    jets = _hard(found_jets(without_pileup(through.flow(way), vertex)).momentum)
    clusters, tracks = through.clusters(way), through.tracks(way)
    large = np.argsort(-clusters.energy)[:_MOST]
    eta, phi = clusters.eta[large], clusters.phi[large]
    size = np.minimum(1.0 + 0.8 * np.sqrt(clusters.energy[large]), 9.0)
    yield _Layer("clusters", list(clusters.position[large][:, None]), size, _colours(eta, phi, jets))
    near = np.abs(tracks.vertex[:, 3] - vertex[0]) < NEAR
    for name, chosen in (("tracks", near), (PILEUP, ~near)):
        axis = cylindrical(tracks.momentum[chosen])
        paths = _paths(axis, tracks.charge[chosen], tracks.vertex[chosen, 3], chain.field)
        yield _Layer(name, paths, np.ones(len(paths)), _colours(axis[:, 1], axis[:, 2], jets))
    yield _straight("jets", jets, vertex[0], _colours(jets[:, 1], jets[:, 2], jets))
    own = seen.particles.keep(seen.own & (seen.particles.charge != 0))
    axis = cylindrical(own.momentum)
    paths = _paths(axis, own.charge, own.vertex[:, 3], chain.field)
    yield _Layer(TRUTH[0], paths, np.ones(len(paths)), [_TRUE] * len(paths))
    true = _hard(true_jets(seen.visible()).momentum)
    yield _straight(TRUTH[1], true, vertex[0], [_TRUE] * len(true))


def _dots(name: str, at: Float[np.ndarray, "hit 3"], colour: str) -> _Layer:
    chosen = at[:: max(len(at) // _MOST, 1)].astype(np.float64)
    return _Layer(name, list(chosen[:, None]), np.full(len(chosen), 0.8), [colour] * len(chosen))


def _hard(momentum: Float[np.ndarray, "jet 4"]) -> Float[np.ndarray, "hard 4"]:
    axis = cylindrical(momentum)
    return axis[axis[:, 0] > _LEAST_JET]


def _straight(name: str, axis: Float[np.ndarray, "jet 4"], z: float, colour: list[str]) -> _Layer:
    """Jets as lines as long as their pT has digits, one third longer for each factor of two."""
    length = _FACE * np.log2(1 + axis[:, 0] / _LEAST_JET) / 2.5 / np.cosh(axis[:, 1])
    ends = np.stack((np.cos(axis[:, 2]), np.sin(axis[:, 2]), np.sinh(axis[:, 1])), axis=1) * length[:, None]
    start = np.array([0.0, 0.0, z])
    return _Layer(name, [np.stack((start, start + end)) for end in ends], np.ones(len(ends)), colour)


def _paths(axis: np.ndarray, charge: np.ndarray, z: np.ndarray, field: float) -> list[np.ndarray]:
    """Helices from the beam to the edge of the tracker."""
    found = []
    for (pt, eta, phi, _), sign, start in zip(axis, charge, z, strict=True):
        radius = pt / (0.3 * field) * 1e3
        farthest = min(_FACE / max(abs(np.sinh(eta)), 1e-6), np.pi * radius)
        length = np.linspace(0.0, min(farthest, 2 * radius * np.arcsin(min(_RADIUS / (2 * radius), 1.0))), 12)
        turned = phi - sign * length / radius
        x, y = radius * sign * (np.sin(phi) - np.sin(turned)), radius * sign * (np.cos(turned) - np.cos(phi))
        found.append(np.column_stack((x, y, start + length * np.sinh(eta))))
    return found


def _colours(eta: np.ndarray, phi: np.ndarray, jets: Float[np.ndarray, "jet 4"]) -> list[str]:
    """Of what flies in each direction: that of the nearest jet, grey if there is none within the radius."""
    if not len(jets):
        return [_GREY] * len(eta)
    apart = np.hypot(eta[:, None] - jets[:, 1], delta_phi(phi[:, None], jets[:, 2]))
    shades = [to_hex(hsv_to_rgb((0.618034 * i % 1, 0.85, 0.75))) for i in range(len(jets))]  # type: ignore[arg-type]
    nearest = apart.argmin(axis=1)
    return [shades[i] if near < RADIUS else _GREY for i, near in zip(nearest, apart.min(axis=1), strict=True)]


def _placed(at: Float[np.ndarray, "point 3"]) -> Float[np.ndarray, "point 3"]:
    return (at.astype(np.float64) - [0.0, 0.0, _MIDDLE]) / _SCALE
