"""How the relative resolution of a calorimeter falls with energy: stochastic, noise and constant term."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from femtobarn.errors import InputError


class ResolutionFit(NamedTuple):
    """``sigma / E = a / sqrt(E) (+) b / E (+) c``, added in quadrature, E in GeV; and the errors of the terms."""

    stochastic: float
    """a, sqrt(GeV)."""
    noise: float
    """b, GeV."""
    constant: float
    """c."""
    stochastic_error: float
    noise_error: float
    constant_error: float
    chi2: float
    degrees: int
    """Points minus fitted terms."""

    def __call__(self, energy: Float[np.ndarray, "_"]) -> Float[np.ndarray, "_"]:
        """The fitted sigma / E."""
        a, b, c = self[:3]
        return np.sqrt(a**2 / energy + (b / energy) ** 2 + c**2)


def fit_resolution(
    energy: Float[np.ndarray, "point"],
    width: Float[np.ndarray, "point"],
    error: Float[np.ndarray, "point"],
    *,
    noise: bool = True,
    toys: int = 300,
    generator: np.random.Generator,
) -> ResolutionFit:
    """Fit of the terms to relative widths; no term is negative.

    Least squares of the squared widths, in which the terms squared are linear. Errors are standard deviations over
    toys in which each width moves by its own error: a term that the fit leaves at 0 has one too.

    Args:
        energy: GeV.
        width: sigma / E at each energy.
        error: Of the widths.
        noise: Fit the noise term; without it b is 0, as in a simulation without noise.
        toys: Fits behind the errors.
        generator: Of the toys.

    Raises:
        InputError: Fewer points than terms, or values that are not positive and finite.
    """
    values = np.stack((energy, width, error)).astype(np.float64)
    terms = 3 if noise else 2
    if values.shape[1] < terms:
        count = {2: "two", 3: "three"}[terms]
        raise InputError(f"{count} points or more are needed for {count} terms, got {values.shape[1]}")
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise InputError("expected energies, widths and errors that are finite and above 0")
    energy, width, error = values
    best = _terms(energy, width, error, noise)
    moved = width + error * generator.normal(size=(toys, len(width)))
    spread = np.std([_terms(energy, np.abs(each), error, noise) for each in moved], axis=0, ddof=1)
    a, b, c, a_error, b_error, c_error = np.concatenate((best, spread)).tolist()
    fit = ResolutionFit(a, b, c, a_error, b_error, c_error, 0.0, len(energy) - terms)
    return fit._replace(chi2=float((((width - fit(energy)) / error) ** 2).sum()))


def _terms(energy: np.ndarray, width: np.ndarray, error: np.ndarray, noise: bool) -> np.ndarray:
    from scipy.optimize import nnls

    weight = 1 / (2 * width * error)
    design = np.stack((1 / energy, noise / energy**2, np.ones_like(energy)), axis=1)
    scale = (design * weight[:, None]).max(axis=0)  # the columns differ by orders of magnitude
    scale = np.where(scale > 0, scale, 1.0)
    squares, _ = nnls(design * weight[:, None] / scale, width**2 * weight)
    root: np.ndarray = np.sqrt(squares / scale)
    return root
