"""Parametrised showers against those of Geant4, and Geant4's in the voxels of the CaloChallenge."""

from functools import cache

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.voxels import geometry
from femtobarn.simulate.showers import (
    ARGON,
    COPPER,
    LEAD_TUNGSTATE,
    Calorimeter,
    Section,
    Spots,
    block,
    geant4,
    gflash,
    homogeneous,
    sampling,
    shower_sample,
    showers,
)
from femtobarn.simulate.showers.cylinders import cylinder
from femtobarn.simulate.showers.geant4 import stack_of

pytest.importorskip("calzone", reason="Geant4 comes with the extra showers")

CRYSTAL = block(homogeneous(LEAD_TUNGSTATE), depth=534.0, layers=120)
ELECTRONS = {1.0: 900, 10.0: 80, 50.0: 30}


@cache
def followed(name: str, energy: float) -> Spots:
    n = ELECTRONS[energy]
    return geant4(np.full(n, energy), calorimeter(name), generator=np.random.default_rng(1))


@cache
def parametrised(name: str, energy: float) -> Spots:
    return gflash(np.full(1000, energy), calorimeter(name), generator=np.random.default_rng(1))


def calorimeter(name: str) -> Calorimeter:
    return CRYSTAL if name == "PbWO4" else cylinder("2")


def centroid(name: str, spots: Spots, n: int) -> float:
    edges, seen = calorimeter(name).depth, spots.layers(n, calorimeter(name).layers)
    return float(np.mean(seen @ ((edges[1:] + edges[:-1]) / 2) / seen.sum(axis=1)))


def radius_of_90_percent(spots: Spots) -> float:
    order = np.argsort(spots.radius)
    running = np.cumsum(spots.energy[order].astype(float))
    return float(spots.radius[order][np.searchsorted(running, 0.9 * running[-1])])


@pytest.mark.slow
@pytest.mark.parametrize("energy", ELECTRONS)
@pytest.mark.parametrize("name", ["PbWO4", "W/Si"])
def test_showers_are_as_deep_and_as_wide_as_those_of_geant4(name: str, energy: float) -> None:
    ours, theirs = parametrised(name, energy), followed(name, energy)
    assert centroid(name, ours, 1000) == pytest.approx(centroid(name, theirs, ELECTRONS[energy]), rel=0.10)
    assert radius_of_90_percent(ours) == pytest.approx(radius_of_90_percent(theirs), rel=0.20)


@pytest.mark.slow
@pytest.mark.parametrize("energy", ELECTRONS)
def test_sampling_resolution_and_response_are_those_of_geant4(energy: float) -> None:
    total = []
    for spots, n in ((parametrised("W/Si", energy), 1000), (followed("W/Si", energy), ELECTRONS[energy])):
        total.append(spots.layers(n, 45).sum(axis=1))
    ours, theirs = ((each.std(ddof=1) / each.mean(), each.mean()) for each in total)
    assert ours[0] == pytest.approx(theirs[0], rel=0.25)
    assert ours[1] == pytest.approx(theirs[1], rel=0.05)


@pytest.mark.slow
def test_depth_resolution_and_response_of_pions_are_near_those_of_geant4() -> None:
    """In liquid argon; in plastic Geant4 counts neutrons in full (see docs/showers.md)."""
    argon = block(sampling((COPPER, 25.0), (ARGON, 8.5)), depth=60 * 33.5, layers=60, stochastic=0.21)
    electron = geant4(np.full(30, 10.0), argon, generator=np.random.default_rng(1)).layers(30, 60).sum(axis=1)
    theirs = geant4(np.full(100, 20.0), argon, generator=np.random.default_rng(2), pdg=211).layers(100, 60)
    ours = gflash(np.full(1500, 20.0), argon, generator=np.random.default_rng(2), pdg=211).layers(1500, 60)
    depth = [np.mean(seen @ np.arange(60) / seen.sum(axis=1)) for seen in (ours, theirs)]
    assert depth[0] == pytest.approx(depth[1], rel=0.2)
    theirs, ours = theirs.sum(axis=1) / 20 / (electron.mean() / 10), ours.sum(axis=1) / 20
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.2)
    assert ours.std() / ours.mean() == pytest.approx(theirs.std() / theirs.mean(), rel=0.35)


def test_stack_has_the_material_of_the_calorimeter() -> None:
    for name in ("1-pions", "2"):
        stack, section = stack_of(cylinder(name))
        sections = cylinder(name).sections
        crossed = np.bincount(section, [layer.thickness for layer in stack.layers])
        np.testing.assert_allclose(crossed, [each.thickness for each in sections], rtol=1e-6)
        read = {row for row, layer in zip(section, stack.layers, strict=True) if layer.sensitive}
        assert read == {row for row, each in enumerate(sections) if each.read}


def test_energy_in_a_block_is_that_of_the_particle() -> None:
    spots = geant4(np.array([0.5, 2.0]), CRYSTAL, generator=np.random.default_rng(1))
    np.testing.assert_allclose(spots.layers(2, 120).sum(axis=1), [0.5, 2.0], rtol=0.05)
    assert spots.radius.min() >= 0


def test_deposits_in_dead_material_are_not_seen() -> None:
    lead_tungstate = homogeneous(LEAD_TUNGSTATE)
    sections = (Section(lead_tungstate, 100.0, read=False), Section(lead_tungstate, 300.0))
    spots = geant4(np.full(5, 1.0), Calorimeter(sections, lead_tungstate), generator=np.random.default_rng(1))
    assert set(spots.layer) == {0}
    assert spots.energy.sum() < 2.5  # GeV of 5: eleven radiation lengths lie before


def test_samples_of_geant4_are_in_the_voxels_of_the_data_set() -> None:
    energies, made = shower_sample("1-photons", 3, seed=2, engine="geant4", workers=1)
    assert made.shape == (3, geometry("1-photons").voxels)
    assert np.all(made.sum(axis=1) < 1.5 * energies)
    same = shower_sample("1-photons", 2, seed=2, engine="geant4", workers=1)
    np.testing.assert_array_equal(same[1], made[:2])
    electrons = showers("2", np.array([1e3, 2e3]), generator=np.random.default_rng(1), engine="geant4")
    np.testing.assert_allclose(electrons.sum(axis=1) / [1e3, 2e3], 0.78, atol=0.4)


def test_energies_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="positive energies"):
        geant4(np.array([0.0]), CRYSTAL, generator=np.random.default_rng(1))
