"""The hits of an endcap in space, coloured by shower, as a drawing that the report page lets a reader turn."""

import numpy as np
from jaxtyping import Float, Int
from matplotlib.colors import hsv_to_rgb, to_hex

from femtobarn.plots.turnable import turnable

_MOST = 2500  # hits drawn, those of the highest energy
_GREY = "#b0b4ba"
_GOLDEN = 0.618034  # of the circle of colours from a shower to the next


def endcap_drawing(
    hits: Float[np.ndarray, "hit 6"], label: Int[np.ndarray, " hit"]
) -> tuple[bytes, dict[str, np.ndarray]]:
    """An SVG drawing of the hits of one event, and the columns drawn: x, y, z (mm), energy (GeV), shower.

    The area of a circle grows with the energy. Of many hits those of the highest energies are drawn, scaled so that
    they fill the picture; the frame is the box around them.

    Args:
        hits: Energy (GeV), x, y, z (mm) and more, which is not used.
        label: Shower of each hit, negative for none.
    """
    order = np.argsort(-hits[:, 0], kind="stable")[:_MOST]
    energy, place = hits[order, 0].astype(np.float64), hits[order, 1:4].astype(np.float64)
    shower = label[order]
    low, high = (place.min(axis=0), place.max(axis=0)) if len(order) else (np.zeros(3), np.ones(3))
    across = max(float((high - low)[:2].max()), 1.0)
    span = np.array([across, across, max(high[2] - low[2], 1.0)])
    at = 2 * (place - (low + high) / 2) / span
    _, number = np.unique(shower, return_inverse=True)
    number = number.ravel()
    hue = (number * _GOLDEN) % 1
    tone = np.where(number % 2 == 0, 0.8, 0.6)
    rgb = hsv_to_rgb(np.column_stack((hue, np.full(len(hue), 0.8), tone))).reshape(-1, 3)
    colour = np.array(
        [
            to_hex((each[0], each[1], each[2])) if own else _GREY
            for each, own in zip(rgb, shower >= 0, strict=True)
        ]
    )
    size = 1.0 + 5.0 * np.sqrt(energy / max(float(energy.max(initial=0.0)), 1e-9))
    shown = len(np.unique(shower[shower >= 0]))
    words = (
        f"beam from the left; {across / 10:.0f} cm across; {len(order)} of {len(hits)} hits, {shown} showers"
    )
    columns = {"x": place[:, 0], "y": place[:, 1], "z": place[:, 2], "energy": energy, "shower": shower}
    return turnable(at, size, colour, lines=_box(2 * (high - low) / span / 2), words=words), columns


def _box(half: np.ndarray) -> list[np.ndarray]:
    """Front and back of the box around the hits, and the beam's direction."""
    x, y, z = half
    ring = np.array([[-x, -y], [x, -y], [x, y], [-x, y], [-x, -y]])
    return [
        *(np.column_stack((ring, np.full(5, end))) for end in (-z, z)),
        np.array([[0, 0, -z - 0.25], [0, 0, -z]]),
    ]
