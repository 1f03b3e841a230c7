"""What is trained on and what is followed: simulated pairs, drifting histories, or recorded screens of a user."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from femtobarn.datasets import beam_images
from femtobarn.engine import TensorTable
from femtobarn.errors import InputError
from femtobarn.evaluation.feedback.files import recorded
from femtobarn.runs import Provenance
from femtobarn.simulate.beam_histories import BeamHistory, Machine, beam_history, training_pairs
from femtobarn.simulate.cathode_maps import burning, leaving_spots, spots

OUTSIDE, BURNT, LENS, CHARGE = "spots leave", "burnt spot", "burnt spot, lens off", "burnt spot, charge"
STILL = "no drift"


@dataclass(frozen=True)
class Data:
    """The beam line, what is trained on, and how it drifts."""

    path: Path | None = None
    """HDF5 of recorded screens and settings, see `femtobarn.datasets.beam_images`, to follow instead."""
    public: bool = True
    """Take the measured laser image as what is hidden, if FEMTOBARN_DATA has it; else a stand-in."""
    machine: Machine = field(default_factory=Machine)
    size: int = 32
    """Pixels of the maps along a side."""
    pairs: int = 2500
    """Pairs of map and screen to train on; a tenth as many choose the epoch."""
    shots: int = 120
    """Shots of each history."""
    charge: float = 10.0
    """Charge of the bunch while a spot burns in, fC; the forward model has none."""
    hidden_charge: float = 2000.0
    """Charge of the bunch in the history that asks what comes of a wrong forward model, fC."""
    lens_error: float = 0.06
    """Relative error of the field that is read back in one history."""

    def __post_init__(self) -> None:
        if self.pairs < 20 or self.shots < 4 or min(self.charge, self.hidden_charge) < 0:
            raise InputError(f"expected 20 pairs, 4 shots and charges of 0 fC or more, got {self}")
        if abs(self.lens_error) >= 0.5:
            raise InputError(f"expected a lens error below 0.5, got {self.lens_error:g}")


@dataclass(frozen=True)
class Problem:
    """Pairs to train on, and what is followed afterwards."""

    pairs: Callable[[str, int, bool], TensorTable]
    """Of (train or validation, seed, whether spots lie in a box twice as wide)."""
    histories: list[BeamHistory]
    tuning: list[BeamHistory]
    """Of other spots and a disc instead of the laser, by which the settings of each method are chosen."""
    provenance: Provenance
    sizes: dict[str, int]


def load(settings: Data, *, seed: int) -> Problem:
    """The histories of a run.

    Raises:
        InputError: A file cannot be read or does not fit the beam line.
    """

    def pairs(part: str, of: int, wide: bool) -> TensorTable:
        count = settings.pairs if part == "train" else max(settings.pairs // 10, 10)
        draw = np.random.default_rng((seed, of, len(part), wide))
        return TensorTable(
            training_pairs(count, settings.machine, size=settings.size, wide=wide, generator=draw)
        )

    laser = beam_images.published_file() if settings.public else None
    if settings.path:
        histories = [recorded(settings.path, pixels=settings.machine.line.pixels, size=settings.size)]
        provenance = Provenance.of_files(beam_images.NAME, [settings.path])
    else:
        histories = _simulated(settings, laser, seed=seed)
        files = Provenance.of_files(beam_images.NAME, [laser]).files if laser else {}
        source = "simulated beam line, " + ("measured laser image" if laser else "stand-in of the laser")
        provenance = Provenance("stand-in", beam_images.NAME, source, files, generator={"seed": seed})
    half, other = settings.shots // 2, seed + 900
    disc = torch.from_numpy(beam_images.stand_in(settings.size, seed=other))
    tuned_on = (
        (OUTSIDE, _leaving(settings, other)[::2][:half], 0.0),
        (BURNT, burning(disc, half), settings.charge),
    )
    tuning = [beam_history(name, maps, settings.machine, charge=q, seed=other) for name, maps, q in tuned_on]
    sizes = {"train": settings.pairs, "test": sum(len(each.field) for each in histories)}
    return Problem(pairs, histories, tuning, provenance, sizes)


def _simulated(settings: Data, laser: Path | None, *, seed: int) -> list[BeamHistory]:
    size = settings.size
    image = (
        beam_images.stand_in(size, seed=seed) if laser is None else beam_images.read_laser(laser, pixels=size)
    )
    burnt = burning(torch.from_numpy(image), settings.shots)
    still = spots(settings.shots, generator=np.random.default_rng((seed, 5)), size=size)
    some, much = settings.charge, settings.hidden_charge
    each = [
        (OUTSIDE, _leaving(settings, seed), 0.0, 0.0), (BURNT, burnt, some, 0.0),
        (LENS, burnt, some, settings.lens_error), (CHARGE, burnt, much, 0.0), (STILL, still, 0.0, 0.0),
    ]  # fmt: skip
    return [
        beam_history(name, maps, settings.machine, charge=charge, lens_error=lens, seed=seed + place)
        for place, (name, maps, charge, lens) in enumerate(each)
    ]


def _leaving(settings: Data, seed: int) -> Tensor:
    return leaving_spots(settings.shots, generator=np.random.default_rng((seed, 9)), size=settings.size)
