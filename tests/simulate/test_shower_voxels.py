"""Spots in voxels: against a search by NumPy, and what happens at edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.physics.voxels import GEOMETRIES, geometry
from femtobarn.simulate.showers import Spots, voxelise

each_set = pytest.mark.parametrize("name", GEOMETRIES)


def random_spots(name: str, n: int, seed: int) -> Spots:
    rng, voxels = np.random.default_rng(seed), geometry(name)
    return Spots(
        rng.integers(4, size=n).astype(np.int32),
        rng.integers(len(voxels.layers), size=n).astype(np.int16),
        (1200 * rng.random(n) ** 4).astype(np.float32),
        rng.uniform(-np.pi, np.pi, n).astype(np.float32),
        rng.exponential(size=n).astype(np.float32),
    )


@each_set
@given(seed=st.integers(0, 2**31))
def test_agrees_with_a_search(name: str, seed: int) -> None:
    spots, voxels = random_spots(name, 300, seed), geometry(name)
    expected = np.zeros((4, voxels.voxels))
    for shower, layer, radius, phi, energy in zip(*spots, strict=True):
        edges, slices = np.array(voxels.layers[layer].r_edges, np.float32), voxels.layers[layer].slices
        ring = np.searchsorted(edges, radius, side="right") - 1
        turn = np.searchsorted(np.linspace(-np.pi, np.pi, slices + 1)[1:-1], phi, side="right")
        if ring < len(edges) - 1:
            row = voxels.spans[layer].start + turn * (len(edges) - 1) + ring
            expected[shower, row] += energy
    np.testing.assert_allclose(voxelise(spots, voxels, showers=4), expected, rtol=1e-5)


@each_set
def test_a_spot_lands_in_the_voxel_whose_middle_it_is_at(name: str) -> None:
    voxels = geometry(name)
    n = voxels.voxels
    order = np.random.default_rng(1).permutation(n)[:2000]
    columns = voxels.layer.astype(np.int16), voxels.radius.astype(np.float32), voxels.alpha.astype(np.float32)
    spots = Spots(
        np.arange(len(order), dtype=np.int32),
        *(column[order] for column in columns),
        np.ones(len(order), np.float32),
    )
    np.testing.assert_array_equal(voxelise(spots, voxels, showers=len(order)).argmax(axis=1), order)


@each_set
def test_turning_the_spots_turns_the_voxels(name: str) -> None:
    voxels = geometry(name)
    spots = random_spots(name, 500, 3)
    slices = np.array([layer.slices for layer in voxels.layers])[spots.layer]
    middle = np.floor(spots.phi / (2 * np.pi) * slices) + 0.5  # away from the edges of the slices
    phi = ((middle + np.array([[0], [1]])) * 2 * np.pi / slices + np.pi) % (2 * np.pi) - np.pi
    before, after = (voxelise(spots._replace(phi=each.astype(np.float32)), voxels, showers=4) for each in phi)
    np.testing.assert_allclose(after, before[:, voxels.rotated()], rtol=1e-5)


def test_energy_is_kept_up_to_the_outermost_ring() -> None:
    voxels, spots = geometry("2"), random_spots("2", 2000, 5)
    inside = spots.radius < 41.85
    assert voxelise(spots, voxels, showers=4).sum() == pytest.approx(spots.energy[inside].sum(), rel=1e-5)


def test_phi_at_both_ends_is_in_a_slice() -> None:
    ends = np.array([-np.pi, np.pi], np.float32)
    two = np.zeros(2, np.int32), np.zeros(2, np.int16), np.ones(2, np.float32)
    made = voxelise(Spots(*two, ends, np.ones(2, np.float32)), geometry("2"), showers=1)
    assert made[0, 0] == 1
    assert made[0, 15 * 9] == 1


def test_spots_of_other_calorimeters_are_refused() -> None:
    spots = random_spots("2", 50, 1)
    with pytest.raises(InputError, match="layers 0 to 4"):
        voxelise(spots, geometry("1-photons"), showers=4)
    with pytest.raises(InputError, match="showers 0 to 1"):
        voxelise(spots, geometry("2"), showers=2)
