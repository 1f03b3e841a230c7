"""Stacks of a run: simulated ones of several kinds, drawn several times, or the user's own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from femtobarn.data.image_stack import ImageStack
from femtobarn.data.imzml import Cube
from femtobarn.datasets.msi_uterine import NAME, published_folder, stand_in_templates
from femtobarn.errors import InputError
from femtobarn.evaluation.image_stacks.files import read_stack
from femtobarn.runs import Provenance
from femtobarn.simulate.ion_images import CLASS_SIZES, Ions, ion_images
from femtobarn.simulate.occupancy import occupancy_maps

Kind = Literal["clean", "faint", "faint, shifted", "occupancy"]
OWN = "own"  #: kind of the user's stack
IONS = {"clean": Ions(0.3, 1.8), "faint": Ions(-0.5, 0.7), "faint, shifted": Ions(-0.5, 0.7, shift=3)}


@dataclass(frozen=True)
class Data:
    """Which images a run clusters."""

    stack: Path | None = None
    """The user's: .imzML, .npz with "counts" (image, row, column), or .npy; simulated ones if not given."""
    mask: Path | None = None
    """.npy with a number for each pixel, 0 where it counts, as published."""
    cube: Cube = field(default_factory=Cube)
    mz: tuple[float, ...] = ()
    """m/z to make images of; the peaks of the mean spectrum if empty."""
    kinds: tuple[Kind, ...] = ("clean", "faint", "faint, shifted")
    """Simulated: ions with many counts or few, few and shifted by up to 3 pixels of 48; occupancy of a calorimeter."""
    sizes: tuple[int, ...] = CLASS_SIZES
    """Simulated ions of each class; as published."""
    runs: tuple[int, ...] = (40, 15, 15, 15, 20, 15)
    """Simulated runs without a fault and with each."""
    drawn: bool = False
    """Templates of ions are drawn; else the class means of real tissue where FEMTOBARN_DATA holds them."""
    side: int = 48
    """Pixels of an image a side."""

    def __post_init__(self) -> None:
        if self.side < 16 or not (self.stack or self.kinds):
            raise InputError(f"expected 16 pixels a side and a kind of images: got {self.side}, {self.kinds}")


def shift_of(kind: str, largest: int) -> int:
    """Largest shift of images of a kind: towers of a calorimeter stay where they are."""
    return 0 if kind == "occupancy" else largest


@dataclass(frozen=True)
class Stacks:
    """The stacks of each kind, one for each seed; of a user's there is one for all."""

    of: dict[str, dict[int, ImageStack]]
    provenance: Provenance

    @property
    def sizes(self) -> dict[str, int]:
        """Images of a stack of each kind."""
        return {kind: len(next(iter(drawn.values()))) for kind, drawn in self.of.items()}


def load(settings: Data, *, seeds: tuple[int, ...], seed: int) -> Stacks:
    """The stacks of a run.

    Args:
        settings: See `Data`.
        seeds: Of the stacks.
        seed: Of the run: another one gives others.

    Raises:
        InputError: A file cannot be read.
    """
    if (path := settings.stack) is not None:
        stack = read_stack(path, side=settings.side, cube=settings.cube, mz=settings.mz, mask=settings.mask)
        files = [each for each in (path, settings.mask) if each is not None]
        name = NAME if path.name == "training_data.npy" else "own images"
        return Stacks({OWN: dict.fromkeys(seeds, stack)}, Provenance.of_files(name, files))
    folder = None if settings.drawn else published_folder()
    source = "drawn patterns" if folder is None else f"class means of {NAME}"
    content = {"templates": source, "kinds": list(settings.kinds), "seed": seed}
    made: dict[str, dict[int, ImageStack]] = {
        kind: {each: _drawn(settings, kind, folder, np.random.default_rng([seed, each])) for each in seeds}
        for kind in settings.kinds
    }
    return Stacks(made, Provenance("stand-in", "ion images", f"counts around {source}", generator=content))


def _drawn(settings: Data, kind: Kind, folder: Path | None, generator: np.random.Generator) -> ImageStack:
    if kind == "occupancy":
        return occupancy_maps(settings.runs, side=settings.side, generator=generator)
    templates, inside = stand_in_templates(len(settings.sizes), settings.side, folder)
    return ion_images(templates, inside, IONS[kind], sizes=settings.sizes, generator=generator)
