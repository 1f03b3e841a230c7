import json
from pathlib import Path

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.voxels import GEOMETRIES, geometry

VOXELS = {"1-photons": 368, "1-pions": 533, "2": 6480, "3": 40500}


@pytest.mark.parametrize(("name", "voxels"), VOXELS.items())
def test_voxels_are_as_many_as_published(name: str, voxels: int) -> None:
    found = geometry(name)
    assert found.voxels == voxels == len(found.radius) == len(found.alpha) == len(found.layer)
    assert found.spans[-1].stop == voxels


@pytest.mark.parametrize("name", ["2", "3"])
def test_a_row_of_voxels_is_layers_of_slices_of_rings(name: str) -> None:
    found = geometry(name)
    first = found.layers[0]
    shape = len(found.layers), first.slices, first.rings
    layer, alpha, ring = np.unravel_index(np.arange(found.voxels), shape)
    np.testing.assert_array_equal(found.layer, layer)
    np.testing.assert_allclose(found.alpha, (alpha + 0.5) * 2 * np.pi / first.slices - np.pi)
    np.testing.assert_allclose(found.radius, (ring + 0.5) * first.r_edges[1])


@pytest.mark.parametrize("name", GEOMETRIES)
def test_turning_by_one_slice_turns_the_voxels(name: str) -> None:
    found = geometry(name)
    order = found.rotated(1)
    slices = np.array([layer.slices for layer in found.layers])[found.layer]
    turn = np.exp(2j * np.pi / slices)
    place = found.x + 1j * found.y
    many = slices > 1
    np.testing.assert_allclose(place[many], (place[order] * turn)[many], atol=1e-9)
    np.testing.assert_array_equal(found.radius[order], found.radius)
    np.testing.assert_array_equal(np.sort(order), np.arange(found.voxels))


def test_an_unknown_data_set_names_the_nearest() -> None:
    with pytest.raises(InputError, match="1-photons"):
        geometry("1-photon")


@pytest.mark.parametrize("name", GEOMETRIES)
def test_edges_are_the_published_ones(name: str, real_data: Path) -> None:
    bins = json.loads((real_data / "calochallenge_binning" / "bins.json").read_text())
    published = bins[f"dataset_{name.replace('-', '_')}"]
    layers = [each for each in published["layers"] if len(each["r_edges_mm"]) > 1]
    found = geometry(name)
    assert found.pdg == published["pid"]
    assert [layer.number for layer in found.layers] == [each["id"] for each in layers]
    assert [layer.slices for layer in found.layers] == [each["n_alpha"] for each in layers]
    for ours, theirs in zip(found.layers, layers, strict=True):
        np.testing.assert_allclose(ours.r_edges, theirs["r_edges_mm"], atol=1e-9)
