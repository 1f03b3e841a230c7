"""Parametrised showers: their formulas, their fluctuations, and what every shower must show."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from femtobarn.errors import InputError
from femtobarn.simulate.detector.draws import event_keys
from femtobarn.simulate.showers import (
    ALUMINIUM,
    ARGON,
    LEAD,
    LEAD_TUNGSTATE,
    SILICON,
    TUNGSTEN,
    Calorimeter,
    Section,
    Spots,
    block,
    gflash,
    homogeneous,
    sampling,
)
from femtobarn.simulate.showers.electromagnetic import (
    Profile,
    drawn_profile,
    electromagnetic,
    mean_profile,
    radial,
)
from femtobarn.simulate.showers.spots import Slices, scatter

CRYSTAL = block(homogeneous(LEAD_TUNGSTATE), depth=890.4, layers=100)  # a radiation length to a layer
SAMPLING = block(sampling((TUNGSTEN, 1.4), (SILICON, 0.3)), depth=170.0, layers=50, stochastic=0.15)
both = pytest.mark.parametrize("calorimeter", [CRYSTAL, SAMPLING], ids=["PbWO4", "W/Si"])


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def showers(energy: float, n: int, calorimeter: Calorimeter, **options: int) -> tuple[Spots, np.ndarray]:
    spots = gflash(np.full(n, energy), calorimeter, generator=rng(), **options)
    return spots, spots.layers(n, calorimeter.layers)


def centroid(layers: np.ndarray, calorimeter: Calorimeter) -> np.ndarray:
    edges = calorimeter.radiation_depth
    return layers @ ((edges[1:] + edges[:-1]) / 2) / layers.sum(axis=1)


@both
@pytest.mark.parametrize("energy", [0.5, 10.0, 300.0])
def test_slices_are_the_integrals_of_the_profile_and_sum_to_the_energy(
    calorimeter: Calorimeter, energy: float
) -> None:
    one = np.array([energy])
    profile = drawn_profile(one, calorimeter.medium, event_keys(rng(), 1))
    deep = block(calorimeter.medium, depth=3000.0, layers=1000, stochastic=0.15)
    slices = electromagnetic(one, np.zeros(1), profile, deep)
    assert slices.energy.sum() == pytest.approx(energy, rel=1e-6)
    alpha, beta, t = profile.alpha[0], profile.beta[0], deep.radiation_depth
    for section in (0, 7, 40):
        expected, _ = quad(lambda x: stats.gamma.pdf(x, alpha, scale=1 / beta), t[section], t[section + 1])
        assert slices.energy[0, section] == pytest.approx(energy * expected, rel=1e-6, abs=1e-12)


@both
def test_photons_of_an_ev_have_a_profile_too(calorimeter: Calorimeter) -> None:
    energies = np.logspace(-14, 3, 200)
    profile = drawn_profile(energies, calorimeter.medium, event_keys(rng(), 200))
    assert all(np.isfinite(column).all() for column in profile)
    spots = gflash(energies, calorimeter, generator=rng())
    assert np.isfinite(spots.layers(200, calorimeter.layers)).all()


@both
def test_mean_longitudinal_profile_is_the_analytic_one(calorimeter: Calorimeter) -> None:
    """The mean over showers against a quadrature over the two correlated normal laws of ln T and ln alpha."""
    n, energy = 3000, 20.0
    _, layers = showers(energy, n, calorimeter)
    mean, y = (
        mean_profile(np.array([energy]), calorimeter.medium),
        np.log(energy * 1e3 / calorimeter.medium.critical_energy),
    )
    if calorimeter is CRYSTAL:  # hep-ex/0001020, appendix A
        width_T, width_alpha, rho = 1 / (-1.4 + 1.26 * y), 1 / (-0.58 + 0.86 * y), 0.705 - 0.023 * y
    else:
        width_T, width_alpha, rho = 1 / (-2.5 + 1.25 * y), 1 / (-0.82 + 0.79 * y), 0.784 - 0.023 * y
    covariance = [[width_T**2, rho * width_T * width_alpha], [rho * width_T * width_alpha, width_alpha**2]]
    node, weight = np.polynomial.hermite_e.hermegauss(24)
    z = np.stack(np.meshgrid(node, node)).reshape(2, -1)
    weight = np.outer(weight, weight).ravel() / weight.sum() ** 2
    T, alpha = np.exp(np.linalg.cholesky(covariance) @ z) * [[mean.maximum[0]], [mean.alpha[0]]]
    T, alpha = np.maximum(T, 1.0), np.maximum(alpha, 1.1)  # the outermost nodes
    cumulative = stats.gamma.cdf(calorimeter.radiation_depth[:, None], alpha, scale=T / (alpha - 1)) @ weight
    expected = energy * np.diff(cumulative)
    used = slice(0, 22)
    pull = (layers - expected)[:, used].mean(axis=0)
    chi2 = pull @ np.linalg.solve(np.cov(layers[:, used].T) / n, pull)
    assert chi2 / 22 < 1.5


@both
def test_energy_is_spread_as_the_radial_profile(calorimeter: Calorimeter) -> None:
    n = 2000
    energy = np.full(n, 10.0)
    slices = electromagnetic(energy, np.zeros(n), mean_profile(energy, calorimeter.medium), calorimeter)
    spots = scatter(slices, calorimeter, event_keys(rng(), n))
    for layer in (2, 8, 15):
        core, tail, weight = (column[0, layer] for column in slices[2:])
        here = spots.layer == layer
        shower, radius, share = spots.shower[here], spots.radius[here], spots.energy[here]
        total = np.bincount(shower, share, n)
        for r in np.array([0.3, 1.0, 3.0]) * np.sqrt(core * tail):
            inside = np.bincount(shower, share * (radius < r), n) / total
            expected = weight * r**2 / (r**2 + core**2) + (1 - weight) * r**2 / (r**2 + tail**2)
            assert inside.mean() == pytest.approx(expected, abs=4.5 * inside.std() / n**0.5 + 0.002)
    assert stats.kstest(spots.phi[:100_000], stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01
    r, phi = spots.radius[:100_000], spots.phi[:100_000]
    assert abs(stats.spearmanr(r, np.abs(phi)).statistic) < 0.02


def test_core_and_tail_grow_with_depth_and_the_weight_is_a_share() -> None:
    tau = np.linspace(0.05, 3, 60)[None]
    core, tail, weight = radial(np.array([[10.0]]), tau, CRYSTAL.medium)
    assert np.all(np.diff(core) > 0)
    assert np.all(np.diff(tail[0, 30:]) > 0)
    assert np.all(tail >= core)
    assert np.all((weight >= 0) & (weight <= 1))


@pytest.mark.parametrize("energy", [1.0, 30.0])
def test_a_moliere_radius_holds_90_percent(energy: float) -> None:
    """Particle Data Group, Passage of particles through matter: 90 % within one, 99 % within 3.5 radii."""
    spots, _ = showers(energy, 300, CRYSTAL)
    r = spots.radius / CRYSTAL.medium.moliere_radius
    assert 0.85 < spots.energy[r < 1].sum() / spots.energy.sum() < 0.95
    assert spots.energy[r < 3.5].sum() / spots.energy.sum() > 0.95


@both
def test_depth_of_the_maximum_grows_by_one_radiation_length_per_unit_of_ln_energy(
    calorimeter: Calorimeter,
) -> None:
    energies = np.array([1.0, np.e, np.e**2, np.e**3])
    np.testing.assert_allclose(np.diff(mean_profile(energies, calorimeter.medium).maximum), 1.0, atol=1e-9)
    depth = [centroid(showers(energy, 1500, calorimeter)[1], calorimeter).mean() for energy in energies[1:]]
    np.testing.assert_allclose(np.diff(depth), 1.0, atol=0.15)


def test_photons_start_nine_sevenths_of_a_radiation_length_later() -> None:
    electrons, photons = (centroid(showers(10.0, 6000, CRYSTAL, pdg=pdg)[1], CRYSTAL) for pdg in (11, 22))
    error = np.hypot(electrons.std(), photons.std()) / 6000**0.5
    assert photons.mean() - electrons.mean() == pytest.approx(9 / 7, abs=4 * error)


@pytest.mark.parametrize("energy", [1.0, 20.0])
def test_sampling_resolution_is_the_stochastic_term(energy: float) -> None:
    n = 4000
    total = showers(energy, n, SAMPLING)[1].sum(axis=1)
    assert total.std() / total.mean() * energy**0.5 == pytest.approx(0.15, rel=4 / (2 * n) ** 0.5 + 0.01)
    assert total.mean() == pytest.approx(energy, rel=5 * 0.15 / (energy * n) ** 0.5 + 0.002)


def test_a_crystal_has_no_sampling_fluctuations() -> None:
    _, layers = showers(5.0, 200, CRYSTAL)
    np.testing.assert_allclose(layers.sum(axis=1), 5.0, rtol=1e-3)


@pytest.mark.parametrize("shape", [0.03, 0.5, 1.0, 7.0, 400.0])
def test_measured_energies_of_a_section_follow_a_gamma_law(shape: float) -> None:
    n, c = 20_000, 0.2
    calorimeter = block(SAMPLING.medium, depth=10.0, layers=1, stochastic=c)
    one = np.ones((n, 1))
    spots = scatter(Slices(shape * c**2 * one, one, one, one, one), calorimeter, event_keys(rng(), n))
    measured = spots.layers(n, 1)[:, 0] / c**2
    assert stats.kstest(measured[measured > 1e-6], stats.gamma(shape).cdf).statistic < 0.02 + np.mean(
        measured <= 1e-6
    )
    assert measured.mean() == pytest.approx(shape, rel=5 / (shape * n) ** 0.5)


@both
def test_number_of_spots_is_that_of_the_paper_with_a_finer_tail(calorimeter: Calorimeter) -> None:
    energy = np.full(200, 10.0)
    slices = electromagnetic(energy, np.zeros(200), mean_profile(energy, calorimeter.medium), calorimeter)
    paper = 93 * np.log(68.36) * 10**0.876 if calorimeter is CRYSTAL else 10.3 / 0.15 * 10**0.959
    assert slices.spots.sum(axis=1).mean() == pytest.approx(paper, rel=1e-3)
    spots = scatter(slices, calorimeter, event_keys(rng(), 200))
    expected = (slices.spots * (2 - slices.weight)).sum(axis=1).mean()
    assert len(spots.energy) / 200 == pytest.approx(expected, rel=0.04)  # at least one in a layer


def test_spots_of_a_section_are_exponential_in_energy() -> None:
    one = np.ones((1, 1))
    calorimeter = block(CRYSTAL.medium, depth=10.0, layers=1)
    spots = scatter(Slices(5 * one, 20_000 * one, one, one, one), calorimeter, event_keys(rng(), 1))
    assert spots.energy.sum(dtype=float) == pytest.approx(5.0)
    assert stats.kstest(spots.energy, stats.expon(scale=5 / 20_000).cdf).pvalue > 0.01


def test_energy_too_low_for_a_shower_stays_where_it_starts() -> None:
    spots, layers = showers(0.01, 50, CRYSTAL)  # ln(E / critical energy) < 0.812
    np.testing.assert_allclose(layers[:, 0], 0.01, rtol=1e-6)
    assert spots.radius.max() < 10 * CRYSTAL.medium.moliere_radius
    _, layers = showers(0.01, 500, CRYSTAL, pdg=22)
    np.testing.assert_allclose(layers.sum(axis=1), 0.01, rtol=1e-6)
    assert np.mean(layers[:, 0] > 0) == pytest.approx(1 - np.exp(-7 / 9), abs=0.08)


def test_a_shower_does_not_depend_on_those_after_it() -> None:
    energies = np.geomspace(0.2, 50, 12)
    for pdg in (11, 22, 211):
        whole, part = (gflash(some, SAMPLING, generator=rng(3), pdg=pdg) for some in (energies, energies[:5]))
        first = whole.shower < 5
        for a, b in zip(whole, part, strict=True):
            np.testing.assert_array_equal(a[first], b)
    other = gflash(energies, SAMPLING, generator=rng(4))
    assert not np.array_equal(other.radius[:10], gflash(energies, SAMPLING, generator=rng(3)).radius[:10])


def test_no_showers_are_no_spots() -> None:
    for pdg in (11, 22, 211):
        assert len(gflash(np.empty(0), SAMPLING, generator=rng(), pdg=pdg).energy) == 0


def test_a_shower_that_starts_behind_leaves_nothing() -> None:
    energy = np.array([5.0])
    profile = Profile(*(np.array([value]) for value in (6.0, 4.0, 4.0, 0.0)))
    assert electromagnetic(energy, np.array([1e3]), profile, CRYSTAL).energy.sum() == 0


@pytest.mark.parametrize(
    ("energies", "pdg", "message"),
    [([1.0, -1.0], 11, "positive energies"), ([np.nan], 22, "positive energies"), ([1.0], 15, "got 15")],
)
def test_what_cannot_shower_is_refused(energies: list[float], pdg: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gflash(np.array(energies), CRYSTAL, generator=rng(), pdg=pdg)


def test_dead_material_of_the_same_medium_only_hides_what_lies_in_it() -> None:
    """Sections that are not read, or are read together, change nothing in the others."""
    whole = block(CRYSTAL.medium, depth=267.12, layers=30)
    first, rest = whole.sections[0], whole.sections[1:]
    dead = Calorimeter(
        (replace(first, read=False), *rest[:5], *(replace(each, continues=True) for each in rest[5:])),
        whole.medium,
    )
    energy = np.full(50, 8.0)
    seen, part = (gflash(energy, each, generator=rng()).layers(50, each.layers) for each in (whole, dead))
    np.testing.assert_allclose(part[:, :4], seen[:, 1:5], rtol=1e-6)
    np.testing.assert_allclose(part[:, 4], seen[:, 5:].sum(axis=1), rtol=1e-5)


def test_energy_before_the_calorimeter_is_shared_by_the_loss_of_particles() -> None:
    """All of it is somewhere; a radiation length of aluminium takes four times that of lead and argon."""
    lead = sampling((LEAD, 1.53), (ARGON, 5.1))
    energy = np.array([5.0])
    profile = mean_profile(energy, lead)
    shares = []
    for medium in (lead, homogeneous(ALUMINIUM)):
        front = Section(medium, 2 * medium.radiation_length)
        calorimeter = Calorimeter((front, *(Section(lead, 20.0),) * 60), lead, 0.1)
        shares.append(electromagnetic(energy, np.zeros(1), profile, calorimeter).energy[0])
        assert shares[-1].sum() == pytest.approx(5.0, rel=1e-4)
    ratio = (shares[1][0] / shares[1][10]) / (shares[0][0] / shares[0][10])
    losses = 24.01 * 1.615 / (lead.mip * lead.radiation_length)  # MeV in a radiation length
    assert ratio == pytest.approx(losses, rel=1e-3)
    assert 3.5 < losses < 4.5
