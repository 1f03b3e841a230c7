"""One collision in space, from the beam to the calorimeters, as a drawing that the report page lets a reader turn."""

import numpy as np
from matplotlib.colors import hsv_to_rgb, to_hex

from femtobarn.chain.collisions import ENDCAP
from femtobarn.chain.jets import found_jets, without_pileup
from femtobarn.chain.passage import Through, learning, seen_first
from femtobarn.chain.settings import Chain
from femtobarn.chain.tracking import needs_hits
from femtobarn.physics.vectors import cylindrical
from femtobarn.plots import turnable
from femtobarn.runs import Run

_LENGTH, _RADIUS = 4000.0, 1500.0  # mm of the drawing
_MOST = 900  # of each kind of thing drawn, those of the highest energy
_GREY = "#c4c8cc"


def draw_collision(run: Run, chain: Chain) -> None:
    """The first dijet event as the reference sees it, coloured by jet; and the same with all that pile-up left."""
    learned = learning(chain).get(0)
    seen, wafers = seen_first(chain, tracks=any(map(needs_hits, chain.track[:1])))
    through, way = Through(chain, seen, wafers, learned), chain.ways()[0]
    every = through.flow(way)
    for name, title, kept in (
        (
            "collision",
            "One collision: what is left without pile-up",
            without_pileup(every, seen.crossings.vertex),
        ),
        ("collision-all", "One collision: all that particle flow finds", every),
    ):
        first = kept.keep(np.arange(len(kept.charged)) < kept.offset[1])
        jets = found_jets(first)
        jet = np.full(len(first.charged), -1)
        count = int(jets.offset[1])
        pt = cylindrical(jets.momentum[:count])[:, 0]
        for number in np.flatnonzero(pt > 20.0):
            jet[jets.constituent[jets.first[number] : jets.first[number + 1]]] = number
        picture, drawn = _picture(first.momentum, first.charged, jet)
        run.save_figure(
            name, picture, title=title, section="One collision", data=drawn,
            caption="Particles of the reference way, from the collision to where they end: tracks as lines to the edge "
            "of the tracker, neutrals as circles on the calorimeters, of an area that grows with their pT. Colours: "
            "jets above 20 GeV; grey: in none. The beam runs along the long axis. Drag to turn.",
        )  # fmt: skip


def _picture(
    momentum: np.ndarray, charged: np.ndarray, jet: np.ndarray
) -> tuple[bytes, dict[str, np.ndarray]]:
    pt, eta, phi, _ = cylindrical(momentum).T
    order = np.argsort(-pt, kind="stable")[:_MOST]
    pt, eta, phi, charged, jet = pt[order], eta[order], phi[order], charged[order], jet[order]
    direction = np.stack((np.cos(phi), np.sin(phi), np.sinh(eta)), axis=1)
    way = np.minimum(_RADIUS, 3200.0 / np.maximum(np.abs(np.sinh(eta)), 1e-6))
    end = direction * way[:, None] / _LENGTH * 1.2
    hue = (np.maximum(jet, 0) * 0.618034) % 1
    colour = np.array(
        [
            to_hex(hsv_to_rgb((h, 0.85, 0.75))) if own >= 0 else _GREY  # type: ignore[arg-type]
            for h, own in zip(hue, jet, strict=True)
        ]
    )
    size = np.where(charged, 1.2, 1.2 + 1.3 * np.sqrt(np.minimum(pt, 100.0)))
    lines = [np.stack((np.zeros(3), 0.8 * each)) for each in end[charged]]
    around = np.linspace(0, 2 * np.pi, 61)
    z = 3200.0 / _LENGTH * 1.2
    rings = [
        np.column_stack((r * np.cos(around), r * np.sin(around), np.full(61, side * z)))
        for side, r in ((-1, 0.45), (1, z / np.sinh(ENDCAP[0] - 0.2)), (1, z / np.sinh(ENDCAP[1] + 0.3)))
    ]
    columns = {"pT": pt, "eta": eta, "phi": phi, "charged": charged.astype(np.int64), "jet": jet}
    words = f"{len(pt)} particles, {len(np.unique(jet[jet >= 0]))} jets; silicon endcap: the two rings on one side"
    return turnable(end, size, colour, lines=[*rings, *lines], words=words), columns
