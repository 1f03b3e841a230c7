"""What arrives of the endcap off the detector, and how many bits a crossing that takes."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from femtobarn.chain.joining import answer
from femtobarn.chain.settings import CELLS, HITS, LINKS
from femtobarn.chain.wafers import Wafers, frames, hits_of
from femtobarn.datasets.hgcal import write_wafers
from femtobarn.datasets.hgcalml import HitEvents, of_endcap
from femtobarn.errors import InputError
from femtobarn.physics.wafer_formats import LOGARITHMIC, logarithmic_choice, repeater
from femtobarn.simulate.endcap import Endcap

LINK_BITS = 32  #: of an e-link in a crossing


class Arrived(NamedTuple):
    """Hits as they arrive."""

    hits: HitEvents
    bits: float
    """Of all wafers of the endcap in a crossing, empty ones too: frames have a fixed size. NaN without a trigger path."""


def arrived(choice: str, wafers: Wafers, endcap: Endcap) -> Arrived:
    """The hits of some crossings after one choice of compression.

    Args:
        choice: hits, none, best-choice-2 to best-choice-5, or the folder of a run.
        wafers: As they are read out.
        endcap: Where they are.

    Raises:
        InputError: A run that does not compress wafers, or does not say over how many e-links it sends.
    """
    if choice == HITS:
        return Arrived(of_endcap(wafers.hits, endcap), float("nan"))
    charge = wafers.charge.astype(np.float64)
    if choice == CELLS:
        every = repeater(charge)
        received, bits = every.charge, float(every.bits.max(initial=0))
    elif choice in LINKS:
        links = LINKS[choice]
        received = logarithmic_choice(charge, **LOGARITHMIC[links]._asdict()).charge
        bits = float(LINK_BITS * links)
    else:
        received, bits = _by_run(choice, wafers)
    return Arrived(hits_of(wafers, received, endcap), bits * frames())


def _by_run(choice: str, wafers: Wafers) -> tuple[Float[np.ndarray, "wafer 48"], float]:
    full = np.flatnonzero(wafers.charge.any(axis=1))  # readers leave empty wafers out

    def write(folder: Path) -> list[Path]:
        path = folder / "wafers.h5"
        columns = {"charge": wafers.charge[full], "eta": wafers.eta[full].astype(np.float32)}
        write_wafers(path, {**columns, "layer": wafers.layer[full] + 1})
        return [path]

    found = answer("compress", choice, write)
    if (links := getattr(found.part, "links", 0)) < 1:
        raise InputError(f"compress: {choice} does not say over how many e-links it sends (part.links)")
    received = np.zeros(wafers.charge.shape)
    received[full] = found.columns["decoded"]
    return received, float(LINK_BITS * links)
