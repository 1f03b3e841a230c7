"""Generated jets for a user's jets: as many, each with as many particles, in the same file layout."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from femtobarn.datasets import jetnet
from femtobarn.physics.jets import relative_mass
from femtobarn.systems.jet_generation import model
from femtobarn.systems.jet_generation.study import Trained

_LEAST_PT = 1e-6  # of a particle in a file: the layout knows no particle without momentum


def write(trained: Trained, files: Sequence[Path], output: Path, *, seed: int) -> Path:
    """Write a generated jet for every jet of the files, in JetNet layout, in their order.

    The multiplicity of each jet conditions the generator. Of the jet columns pT and eta are those of the user's
    jet, the mass is that of the generated particles times this pT. The same call gives the same numbers.

    Raises:
        InputError: A file cannot be read or has fewer slots for particles, or the output cannot be written.
    """
    slots: int = trained.generator.particles  # type: ignore[assignment]
    source = jetnet.open_jets(files[0] if len(files) == 1 else files, particles=slots)
    columns = source.read(["mask", "jet"], 0, len(source))
    multiplicity = torch.from_numpy(columns["mask"].sum(axis=1))
    noise = torch.Generator().manual_seed(seed)
    made = model.generate(trained.generator, multiplicity, generator=noise)
    particles, mask = made.particles.numpy(), made.mask.numpy()
    particles[..., 2] = np.where(mask, particles[..., 2].clip(min=_LEAST_PT), 0)
    pt, eta = columns["jet"][:, 0], columns["jet"][:, 1]
    mass = relative_mass(particles, mask) * pt
    jetnet.write_jets(output, particles, mask, np.column_stack((pt, eta, mass, mask.sum(axis=1))))
    return output
