import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.metrics.separation import Spectrum, separation, separation_power


def test_known_values() -> None:
    assert separation_power(np.array([1, 0]), np.array([0, 7])) == 1
    assert separation_power(np.array([2, 2]), np.array([5, 5])) == 0
    assert separation_power(np.array([3, 1]), np.array([1, 3])) == pytest.approx(0.25)
    assert separation_power(np.zeros(2), np.zeros(2)) == 0
    assert separation_power(np.zeros(2), np.array([1, 0])) == 1


@given(seed=st.integers(0, 2**31), bins=st.integers(1, 60))
def test_it_is_symmetric_between_0_and_1_and_knows_no_scale(seed: int, bins: int) -> None:
    a, b = np.random.default_rng(seed).integers(0, 50, (2, bins)).astype(float) + 1e-3
    value = separation_power(a, b)
    assert 0 <= value <= 1
    assert value == pytest.approx(separation_power(b, a), abs=1e-15)
    assert value == pytest.approx(separation_power(3 * a, 0.1 * b), abs=1e-12)


@pytest.mark.parametrize(
    ("n", "m", "tail"), [(20_000, 20_000, 0.1), (5000, 20_000, 0.02), (500, 500, 1.0), (3000, 3000, 0.01)]
)
def test_the_null_is_what_samples_of_the_same_thing_give(n: int, m: int, tail: float) -> None:
    """Also where many bins have hardly an entry."""
    g = np.random.default_rng(5)
    shares = np.exp(-np.arange(100) * (0.01 / tail))
    shares /= shares.sum()
    found = [separation(g.multinomial(n, shares), g.multinomial(m, shares)) for _ in range(400)]
    values = np.array([each.value for each in found])
    nulls = np.array([each.null for each in found])
    assert nulls.mean() == pytest.approx(values.mean(), rel=0.06)
    assert np.mean([each.null_error for each in found]) == pytest.approx((values - nulls).std(), rel=0.15)
    below = np.mean([each.p_value < 0.05 for each in found])
    assert 0.02 < below < 0.09


def test_the_null_of_full_bins_is_the_published_one() -> None:
    g = np.random.default_rng(1)
    sample = [np.histogram(g.random(10_000), np.linspace(0, 1, 41))[0] for _ in range(2)]
    assert separation(*sample).null == pytest.approx(39 / (2 * 10_000))


def test_the_error_covers_the_scatter_of_a_real_difference() -> None:
    g = np.random.default_rng(2)
    a, b = np.full(20, 0.05), np.linspace(0.8, 1.2, 20) / 20
    found = [separation(g.multinomial(8000, a), g.multinomial(8000, b)) for _ in range(300)]
    scatter = np.std([each.value for each in found])
    assert np.mean([each.error for each in found]) == pytest.approx(scatter, rel=0.15)


def test_a_histogram_without_entries_is_told_from_chance() -> None:
    full = np.full(39, 100)
    missing = separation(full, np.zeros(39, dtype=np.int64), events=(4000, 4000))
    assert missing.value == 1
    assert missing.significance > 100
    assert np.isnan(separation(full, np.zeros(39, dtype=np.int64)).null)
    assert np.isnan(separation(np.zeros(3), np.zeros(3), events=(5, 5)).null)


def test_a_spectrum_knows_that_entries_of_a_shower_go_together() -> None:
    """Showers of very different numbers of entries and their own slopes: the plain null is far too small."""
    g = np.random.default_rng(3)
    place = np.linspace(0, 1, 12)

    def spectrum(showers: int) -> Spectrum:
        slope = g.normal(0, 0.7, (showers, 1))
        rate = g.exponential(30, (showers, 1)) * np.exp(-slope * place)
        whole, parts = g.poisson(rate).astype(float), Spectrum(12)
        for start in range(0, showers, 700):
            part = Spectrum(12)
            part.update(whole[start : start + 700])
            parts.merge(part)
        return parts

    found = [spectrum(2000).separation(spectrum(2000)) for _ in range(300)]
    values = np.array([each.value for each in found])
    assert np.mean([each.null for each in found]) == pytest.approx(values.mean(), rel=0.1)
    assert np.mean([each.null_error for each in found]) == pytest.approx(values.std(), rel=0.25)
    example = spectrum(2000), spectrum(2000)
    assert separation(example[0].counts, example[1].counts).null < 0.5 * values.mean()


def test_one_entry_a_shower_gives_the_plain_null() -> None:
    g = np.random.default_rng(4)
    tables = [np.eye(10)[g.integers(0, 10, 5000)] for _ in range(2)]
    spectra = [Spectrum(10), Spectrum(10)]
    for spectrum, table in zip(spectra, tables, strict=True):
        spectrum.update(table)
    first, plain = spectra[0].separation(spectra[1]), separation(tables[0].sum(0), tables[1].sum(0))
    assert first.value == plain.value
    assert first.null == pytest.approx(plain.null, rel=2e-3)
    assert first.null_error == pytest.approx(plain.null_error, rel=2e-2)


def test_what_is_no_histogram_is_refused() -> None:
    with pytest.raises(InputError, match="bins of 0 or more"):
        separation_power(np.array([1.0, -1.0]), np.array([1.0, 1.0]))
    with pytest.raises((InputError, TypeError)):
        separation_power(np.ones(3), np.ones(4))
    with pytest.raises(InputError, match="expected 3 bins"):
        Spectrum(3).merge(Spectrum(4))
