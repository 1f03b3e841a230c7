"""Jets of one or several prongs without generators: for tests, meaningless for the quality of taggers."""

import numpy as np
from jaxtyping import Bool, Float

from femtobarn.errors import InputError
from femtobarn.physics.vectors import cartesian

_PT = (550.0, 650.0)  # GeV
_CORE, _SPREAD = 0.06, 0.15  # radians: of particles about their prong, of prongs about the jet


def toy_prongs(
    count: int, *, particles: int, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "jet particle 4"], Bool[np.ndarray, "jet particle"], Bool[np.ndarray, "jet"]]:
    """Momenta (E, px, py, pz) in GeV, mask and label of jets; every other one is a signal of three prongs.

    The others have one or two. Particles are massless, 10 to 60 of them, their momenta shares of the jet's
    are exponential; the hardest are kept.

    Args:
        count: Jets.
        particles: Particles kept of a jet.
        generator: Of all randomness.
    """
    if count < 1 or particles < 1:
        raise InputError(f"expected jets and particles, got {count} and {particles}")
    most = 60
    is_signal = np.arange(count) % 2 == 0
    prongs = np.where(is_signal, 3, generator.integers(1, 3, count))
    listed = np.arange(most) < generator.integers(10, most + 1, count)[:, None]
    share = np.where(listed, generator.exponential(size=listed.shape), 0)
    pt = -np.sort(-share / share.sum(axis=1, keepdims=True), axis=1)[:, :particles]
    pt *= generator.uniform(*_PT, (count, 1))
    centre = np.stack((generator.uniform(-2, 2, count), generator.uniform(-np.pi, np.pi, count)), axis=-1)
    prong = centre[:, None] + generator.normal(0, _SPREAD, (count, 3, 2))
    chosen = generator.integers(0, prongs[:, None], pt.shape)
    place = np.take_along_axis(prong, chosen[..., None], axis=1)
    place = place + generator.normal(0, _CORE, place.shape)
    momentum = cartesian(np.concatenate((pt[..., None], place, np.zeros_like(pt)[..., None]), axis=-1))
    mask = pt > 0
    return np.where(mask[..., None], momentum, 0).astype(np.float32), mask, is_signal
