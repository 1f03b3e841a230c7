"""What arrives of the endcap off the detector, and how many bits a crossing that takes."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from femtobarn.chain.joining import answer
from femtobarn.chain.settings import CELLS, HITS, LINKS, PYRAMID
from femtobarn.chain.wafers import Wafers, frames, hits_of
from femtobarn.datasets.hgcal import write_wafers
from femtobarn.datasets.hgcalml import HitEvents, of_endcap
from femtobarn.errors import InputError
from femtobarn.nn.wafer_autoencoder.pyramid_code import pyramid_code
from femtobarn.physics.wafer_formats import LOGARITHMIC, logarithmic_choice, repeater, transmitted_sum
from femtobarn.simulate.endcap import Endcap

LINK_BITS = 32  #: of an e-link in a crossing


class Arrived(NamedTuple):
    """Hits as they arrive."""

    hits: HitEvents
    bits: float
    """Of a crossing, from all wafers of the endcap: empty ones send frames too. NaN without a trigger path."""


def arrived(choice: str, wafers: Wafers, endcap: Endcap) -> Arrived:
    """The hits of some crossings after one choice of compression; without a trigger path, all hits as they are.

    Args:
        choice: hits, none, best-choice-2 to best-choice-5, pyramid-2 to pyramid-5, the folder of a run, or the stem of
            a file with answers.
        wafers: As they are read out.
        endcap: Where they are.

    Raises:
        InputError: A run that does not compress wafers, or does not say over how many e-links it sends; answers that
            do not fit.
    """
    if choice == HITS:
        return Arrived(of_endcap(wafers.hits, endcap), float("nan"))
    charge, bits = received(choice, wafers)
    return Arrived(hits_of(wafers, charge, endcap), bits * frames())


def received(choice: str, wafers: Wafers) -> tuple[Float[np.ndarray, "wafer 48"], float]:
    """Charges of the trigger cells off the detector, in counts, and the bits of the frame of a wafer."""
    charge = wafers.charge.astype(np.float64)
    if choice == CELLS:
        every = repeater(charge)
        return every.charge, float(every.bits.max(initial=0))
    if choice in LINKS:
        links = LINKS[choice]
        sent = logarithmic_choice(charge, **LOGARITHMIC[links]._asdict())
        return sent.charge, float(LINK_BITS * links)
    if choice in PYRAMID:
        links = PYRAMID[choice]
        shares = pyramid_code(links)(torch.from_numpy(charge)).numpy()
        return shares * transmitted_sum(charge)[:, None], float(LINK_BITS * links)
    return _by_run(choice, wafers)


def write_input(folder: Path, wafers: Wafers, name: str = "wafers") -> list[Path]:
    """The wafers with a charge as a run reads them; readers leave empty ones out."""
    full, path = _full(wafers), folder / f"{name}.h5"
    columns = {"charge": wafers.charge[full], "eta": wafers.eta[full].astype(np.float32)}
    write_wafers(path, {**columns, "layer": wafers.layer[full] + 1})
    return [path]


def _full(wafers: Wafers) -> Int[np.ndarray, "full"]:
    return np.flatnonzero(wafers.charge.any(axis=1))


def _by_run(choice: str, wafers: Wafers) -> tuple[Float[np.ndarray, "wafer 48"], float]:
    full = _full(wafers)
    found = answer("compress", choice, partial(write_input, wafers=wafers), rows=len(full))
    decoded = np.zeros(wafers.charge.shape)
    decoded[full] = found.columns["decoded"]
    if "bits" in found.columns:
        return decoded, float(found.columns["bits"].mean())
    if (links := getattr(found.part, "links", 0)) < 1:
        raise InputError(
            f"compress: {choice} has no column bits and does not say over how many e-links it sends"
        )
    return decoded, float(LINK_BITS * links)
