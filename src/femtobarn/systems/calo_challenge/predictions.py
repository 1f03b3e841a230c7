"""Generated showers for a user's incident energies, in the layout of the challenge."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from femtobarn.data.source import stream
from femtobarn.datasets import calochallenge
from femtobarn.systems.calo_challenge import model
from femtobarn.systems.calo_challenge.study import Trained

_ROWS = 10_000  # made and written together


def write(trained: Trained, files: Sequence[Path], output: Path, *, seed: int) -> Path:
    """Write a generated shower for every incident energy of the files, in their order.

    The showers of the files are not looked at. The same call gives the same numbers.

    Raises:
        InputError: A file cannot be read or is of another data set, or the output cannot be written.
    """
    dataset = trained.generator.preprocessing.geometry.name
    source = calochallenge.open_showers(files, dataset)
    noise = torch.Generator().manual_seed(seed)

    def pieces() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for part in stream(source, ["energies"], rows=_ROWS):
            energies = torch.from_numpy(part["energies"])
            yield part["energies"], model.generate(trained.generator, energies, generator=noise).numpy()

    calochallenge.write_pieces(output, pieces())
    return output
