"""Samples in the voxels of the CaloChallenge: seeds, energies, and the anchors of the published files."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from femtobarn.errors import InputError
from femtobarn.physics.voxels import GEOMETRIES, geometry
from femtobarn.simulate.chunks import run_chunks
from femtobarn.simulate.showers import incident_energies, shower_chunks, shower_sample, showers
from femtobarn.simulate.showers.cylinders import cylinder

each_set = pytest.mark.parametrize("name", GEOMETRIES)


@cache
def sample(name: str) -> tuple[np.ndarray, np.ndarray]:
    return shower_sample(name, 600, seed=11, workers=1)


def at(name: str, energy: float, n: int) -> np.ndarray:
    """Showers of one energy in GeV."""
    return showers(name, np.full(n, energy * 1e3), generator=np.random.default_rng(5))


@each_set
def test_sections_that_are_read_are_the_layers_of_the_geometry(name: str) -> None:
    assert cylinder(name).layers == len(geometry(name).layers)


@each_set
def test_showers_are_whole_and_cut_at_the_threshold(name: str) -> None:
    energies, made = sample(name)
    assert energies.shape == (600,)
    assert made.shape == (600, geometry(name).voxels)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert made[made > 0].min() >= geometry(name).threshold
    assert np.all(made >= 0)


def test_a_smaller_sample_is_the_beginning_of_a_larger_one() -> None:
    large, small = (shower_sample("1-pions", n, seed=3, workers=1) for n in (1020, 7))
    np.testing.assert_array_equal(small[0], large[0][:7])
    np.testing.assert_array_equal(small[1], large[1][:7])
    other = shower_sample("1-pions", 7, seed=4, workers=1)
    assert not np.array_equal(small[1], other[1])


@pytest.mark.slow
def test_workers_do_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = []
    for workers in (1, 2):
        monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path / str(workers)))
        parts = run_chunks(shower_chunks("1-photons", 2500, seed=1), workers=workers)
        made.append(np.concatenate([part["showers"] for part in parts]))
    np.testing.assert_array_equal(*made)


def test_two_half_samples_have_the_distribution_of_one() -> None:
    whole = sample("1-photons")
    halves = [shower_sample("1-photons", 300, seed=seed, workers=1) for seed in (21, 22)]
    joined = [np.concatenate(column) for column in zip(*halves, strict=True)]
    for first, second in zip(quantities(*whole), quantities(*joined), strict=True):
        assert stats.ks_2samp(first, second).pvalue > 0.01


def quantities(energies: np.ndarray, made: np.ndarray) -> list[np.ndarray]:
    """Response, occupancy and share of the first layer of the accordion."""
    return [made.sum(axis=1) / energies, (made > 0).mean(axis=1), made[:, 8:168].sum(axis=1) / energies]


def test_energies_of_data_sets_1_are_those_of_the_files() -> None:
    for name, published in (("1-photons", [10_000] * 11), ("1-pions", [10_000] * 10 + [9800])):
        counts = np.array([*published, 5000, 3000, 2000, 1000])
        energies = incident_energies(name, 50_000, generator=np.random.default_rng(1))
        exponent = np.log2(energies)
        np.testing.assert_array_equal(exponent, np.round(exponent))
        assert (
            stats.chisquare(
                np.bincount(exponent.astype(int), minlength=23)[8:], 50_000 * counts / counts.sum()
            ).pvalue
            > 0.01
        )


def test_energies_of_data_sets_2_and_3_are_uniform_in_the_logarithm() -> None:
    energies = incident_energies("2", 20_000, generator=np.random.default_rng(1))
    assert stats.kstest(np.log10(energies), stats.uniform(3, 3).cdf).pvalue > 0.01


def test_mean_response_is_that_of_the_files() -> None:
    """Anchors: 0.785, 0.968 and 0.73 (CaloDiffusion, utils/consts.py)."""
    response = {}
    for name in ("2", "1-photons", "1-pions"):
        energies = incident_energies(name, 2000, generator=np.random.default_rng(2))
        made = showers(name, energies, generator=np.random.default_rng(3))
        response[name] = float((made.sum(axis=1) / energies).mean())
    assert response["2"] == pytest.approx(0.785, abs=0.02)
    assert response["1-photons"] == pytest.approx(0.968, abs=0.03)
    assert response["1-pions"] == pytest.approx(0.73, abs=0.05)


@pytest.mark.parametrize(("energy", "published"), [(1.0, 5), (10.0, 7), (100.0, 10), (1000.0, 13)])
def test_shower_maximum_of_data_set_2_is_where_it_is_known_to_be(energy: float, published: int) -> None:
    """Layers 5, 7, 10 and 13, counted from 1, at 1, 10, 100 and 1000 GeV, within one."""
    made = at("2", energy, 200 if energy < 500 else 20)
    profile = made.reshape(len(made), 45, -1).sum(axis=2).mean(axis=0)
    assert abs(profile.argmax() + 1 - published) <= 1


def test_data_set_3_is_data_set_2_in_finer_voxels() -> None:
    """Same calorimeter, seed and radius: what one voxel of the coarse set holds lies in those of the fine set."""
    energies = np.geomspace(1e3, 1e5, 20)
    coarse, fine = (
        showers(name, energies, generator=np.random.default_rng(1)).reshape(20, 45, -1) for name in ("2", "3")
    )
    np.testing.assert_allclose(fine.sum(axis=2), coarse.sum(axis=2), rtol=2e-3, atol=0.05)
    rings = fine.reshape(20, 45, 50, 9, 2).sum(axis=(2, 4))
    np.testing.assert_allclose(rings, coarse.reshape(20, 45, 16, 9).sum(axis=2), rtol=5e-3, atol=0.1)


def test_what_cannot_be_simulated_is_refused() -> None:
    with pytest.raises(InputError, match="at least one shower"):
        shower_sample("2", 0, seed=1)
    with pytest.raises(InputError, match="no CaloChallenge data set"):
        shower_sample("4", 1, seed=1)
    with pytest.raises((InputError, TypeError), match="delphes"):
        shower_chunks("2", 1, seed=1, engine="delphes")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no CaloChallenge data set"):
        cylinder("5")
