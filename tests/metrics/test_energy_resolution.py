"""The fit of the three terms against what it was given."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.metrics.energy_resolution import fit_resolution

ENERGY = np.geomspace(2, 200, 12)


def _sigma(a: float, b: float, c: float) -> np.ndarray:
    return np.sqrt(a**2 / ENERGY + (b / ENERGY) ** 2 + c**2)


@pytest.mark.parametrize("terms", [(0.2, 0.3, 0.01), (0.5, 0.0, 0.05), (0.1, 0.0, 0.0)])
def test_exact_widths_give_the_terms(terms: tuple[float, float, float]) -> None:
    width = _sigma(*terms)
    fit = fit_resolution(ENERGY, width, 0.01 * width, generator=np.random.default_rng(0))
    np.testing.assert_allclose(fit[:3], terms, atol=2e-3)
    np.testing.assert_allclose(fit(ENERGY), width, rtol=1e-3)
    assert fit.degrees == 9
    assert fit.chi2 < 1e-2


def test_without_noise_the_other_terms_are_better_known() -> None:
    """Seven bins of one decade do not tell the noise term from the others."""
    energy = np.geomspace(6, 44, 7)
    width = np.sqrt(0.2**2 / energy + 0.02**2)
    free, fixed = (
        fit_resolution(energy, width, 0.05 * width, noise=noise, generator=np.random.default_rng(0))
        for noise in (True, False)
    )
    np.testing.assert_allclose(fixed[:3], (0.2, 0.0, 0.02), atol=2e-3)
    assert fixed.noise == fixed.noise_error == 0
    assert fixed.degrees == free.degrees + 1
    assert fixed.stochastic_error < 0.7 * free.stochastic_error
    with pytest.raises(InputError, match="two points"):
        fit_resolution(energy[:1], width[:1], width[:1], noise=False, generator=np.random.default_rng(0))


def test_errors_cover_the_terms() -> None:
    generator = np.random.default_rng(1)
    true, pulls, chi2 = (0.2, 0.3, 0.02), [], []
    width = _sigma(*true)
    for _ in range(100):
        seen = width * (1 + 0.03 * generator.normal(size=len(width)))
        fit = fit_resolution(ENERGY, seen, 0.03 * width, toys=100, generator=generator)
        pulls.append((np.array(fit[:3]) - true) / np.array(fit[3:6]))
        chi2.append(fit.chi2)
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.4
    np.testing.assert_allclose(np.std(pulls, axis=0), 1, atol=0.3)
    assert np.mean(chi2) == pytest.approx(9, abs=1.5)


def test_no_term_is_negative_and_mistakes_are_told() -> None:
    fit = fit_resolution(ENERGY, 0.3 / ENERGY, 0.001 / ENERGY, generator=np.random.default_rng(0))
    assert fit.stochastic >= 0
    assert fit.constant == pytest.approx(0, abs=1e-3)
    with pytest.raises(InputError, match="three points"):
        fit_resolution(ENERGY[:2], ENERGY[:2], ENERGY[:2], generator=np.random.default_rng(0))
    with pytest.raises(InputError, match="above 0"):
        fit_resolution(ENERGY, np.zeros(12), ENERGY, generator=np.random.default_rng(0))
