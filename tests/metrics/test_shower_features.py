import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.metrics.shower_features import feature_names, features, moments, sliced_layers
from femtobarn.physics.voxels import GEOMETRIES, VoxelGeometry, geometry

NAMES = tuple(GEOMETRIES)


def _showers(
    voxels: VoxelGeometry, count: int, seed: int, *, empty: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Sparse showers with energies over many decades, some of which are below the threshold."""
    g = np.random.default_rng(seed)
    showers = np.exp(g.normal(0, 3, (count, voxels.voxels))) * (g.random((count, voxels.voxels)) < 0.2)
    if empty:
        showers[0] = 0
        showers[1, voxels.spans[2]] = 0
    return np.exp(g.uniform(6, 13, count)), showers.astype(np.float32)


def _slowly(energies: np.ndarray, showers: np.ndarray, voxels: VoxelGeometry) -> np.ndarray:
    """The features voxel by voxel in extended precision, from the published definition."""
    rows = []
    for incident, shower in zip(energies, showers, strict=True):
        of_layer: dict[str, list[float]] = {name: [] for name in ("E", "x", "y", "wx", "wy", "s", "r", "wr")}
        place = 0
        for layer in voxels.layers:
            total, sums, filled = np.longdouble(0), np.zeros(6, dtype=np.longdouble), 0
            for number in range(layer.voxels):
                alpha, ring = divmod(number, layer.rings)
                energy = np.longdouble(shower[place])
                place += 1
                if energy < voxels.threshold:
                    continue
                r = np.longdouble(layer.r_edges[ring] + layer.r_edges[ring + 1]) / 2
                phi = -np.pi + (alpha + 0.5) * 2 * np.pi / layer.slices
                x, y = r * np.cos(phi), r * np.sin(phi)
                total += energy
                sums += energy * np.array([x, y, r, x * x, y * y, r * r])
                filled += 1
            mean = sums / (total + np.longdouble(1e-30))
            wide = np.sqrt(np.clip(mean[3:] - mean[:3] ** 2, 0, None))
            found = (total, mean[0], mean[1], wide[0], wide[1], 1 - filled / layer.voxels, mean[2], wide[2])
            for name, value in zip(of_layer, found, strict=True):
                of_layer[name].append(float(value))
        cut = [i for i, layer in enumerate(voxels.layers) if layer.slices > 1]
        rows.append(
            [np.log10(incident), *np.log10(np.array(of_layer["E"]) + 1e-8)]
            + [of_layer[name][i] / 100 for name in ("x", "y", "wx", "wy") for i in cut]
            + [np.log10(sum(of_layer["E"]) + 1e-8), *of_layer["s"]]
            + [value / 100 for name in ("r", "wr") for value in of_layer[name]]
        )
    return np.array(rows)


@pytest.mark.parametrize(("name", "count"), [("1-photons", 30), ("1-pions", 20), ("2", 6)])
def test_the_features_equal_a_slow_computation_voxel_by_voxel(name: str, count: int) -> None:
    voxels = geometry(name)
    energies, showers = _showers(voxels, count, seed=3)
    np.testing.assert_allclose(
        features(energies, showers, voxels), _slowly(energies, showers, voxels), rtol=0, atol=1e-10
    )


@pytest.mark.parametrize(("name", "columns"), [("1-photons", 30), ("1-pions", 46), ("2", 362), ("3", 362)])
def test_the_numbers_of_features_are_those_published(name: str, columns: int) -> None:
    voxels = geometry(name)
    energies, showers = _showers(voxels, 3, seed=1)
    assert features(energies, showers, voxels).shape == (3, columns) == (3, len(feature_names(voxels)))
    assert len(set(feature_names(voxels))) == columns


def test_stored_features_of_one_shower() -> None:
    voxels = geometry("1-photons")
    shower = np.zeros((1, 368))
    shower[0, [0, 8, 24, 30]] = 10.0, 20.0, 20.0, 0.5  # the last is below 1 MeV
    found = dict(zip(feature_names(voxels), features(np.array([1000.0]), shower, voxels)[0], strict=True))
    # Layer 1: the ring of 0 to 2 mm in the first two slices, at alpha -0.9 pi and -0.7 pi.
    x, y = np.cos([-0.9 * np.pi, -0.7 * np.pi]), np.sin([-0.9 * np.pi, -0.7 * np.pi])
    expected = {
        "log10 E_inc": 3.0,
        "log10 E_0": np.log10(10 + 1e-8),
        "log10 E_1": np.log10(40 + 1e-8),
        "log10 E_2": -8.0,
        "EC_eta_1": x.mean() / 100,
        "EC_phi_1": y.mean() / 100,
        "width_eta_1": abs(x[0] - x[1]) / 200,
        "width_phi_1": abs(y[0] - y[1]) / 200,
        "EC_eta_2": 0.0,
        "log10 E_tot": np.log10(50 + 1e-8),
        "sparsity_1": 1 - 2 / 160,
        "sparsity_2": 1.0,
        "EC_r_0": 0.025,
        "EC_r_1": 0.01,
        "width_r_1": 0.0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-10)


@given(
    seed=st.integers(0, 2**31), name=st.sampled_from(("1-photons", "1-pions", "2")), steps=st.integers(1, 7)
)
def test_turning_a_shower_turns_its_centre_and_leaves_the_rest(seed: int, name: str, steps: int) -> None:
    voxels = geometry(name)
    energies, showers = _showers(voxels, 4, seed)
    before, after = (moments(energies, s, voxels) for s in (showers, showers[:, voxels.rotated(steps)]))
    for same in ("energy", "r", "width_r", "sparsity", "total"):
        np.testing.assert_allclose(getattr(after, same), getattr(before, same), rtol=1e-12, atol=1e-12)
    for layer in sliced_layers(voxels):
        turn = np.exp(2j * np.pi * steps / voxels.layers[layer].slices)
        expected = (before.x + 1j * before.y)[:, layer] * turn
        np.testing.assert_allclose((after.x + 1j * after.y)[:, layer], expected, atol=1e-9)


@given(seed=st.integers(0, 2**31), factor=st.floats(1.0, 1e3))
def test_scaling_the_energies_scales_them_and_nothing_else(seed: int, factor: float) -> None:
    voxels = geometry("1-photons")
    energies, showers = _showers(voxels, 5, seed)
    double = showers.astype(np.float64)
    before = moments(energies, double, voxels, threshold=0.0)
    after = moments(energies, factor * double, voxels, threshold=0.0)
    np.testing.assert_allclose(after.energy, factor * before.energy, rtol=1e-12)
    for same in ("x", "y", "r", "width_x", "width_y", "width_r", "sparsity"):
        np.testing.assert_allclose(getattr(after, same), getattr(before, same), rtol=1e-9, atol=1e-9)


def test_single_precision_and_pieces_give_the_same() -> None:
    voxels = geometry("2")
    energies, showers = _showers(voxels, 9, seed=8)
    whole = features(energies, showers, voxels)
    np.testing.assert_array_equal(whole, features(energies, showers.astype(np.float64), voxels))
    pieces = [features(energies[i : i + 4], showers[i : i + 4], voxels) for i in (0, 4, 8)]
    np.testing.assert_array_equal(whole, np.concatenate(pieces))


def test_empty_showers_give_finite_features() -> None:
    voxels = geometry("1-pions")
    found = features(np.array([256.0]), np.zeros((1, 533)), voxels)
    assert np.isfinite(found).all()
    assert (moments(np.array([256.0]), np.zeros((1, 533)), voxels).sparsity == 1).all()


def test_showers_of_another_geometry_are_refused() -> None:
    with pytest.raises(InputError, match=r"368 voxels \(data set 1-photons\)"):
        features(np.ones(2), np.ones((2, 367)), geometry("1-photons"))
    with pytest.raises((InputError, TypeError)):
        features(np.ones(3), np.ones((2, 368)), geometry("1-photons"))


@pytest.mark.parametrize("name", ["1-photons", "2"])
def test_the_centre_of_one_voxel_is_exactly_there(name: str) -> None:
    """Whatever its energy, which a sum of products would round."""
    voxels = geometry(name)
    chosen = np.arange(0, voxels.voxels, 7)
    showers = np.zeros((len(chosen), voxels.voxels), np.float32)
    showers[np.arange(len(chosen)), chosen] = np.random.default_rng(1).uniform(1, 1e5, len(chosen))
    found = moments(np.full(len(chosen), 1e5), showers, voxels)
    layer = voxels.layer[chosen]
    rows = np.arange(len(chosen))
    np.testing.assert_array_equal(found.r[rows, layer], voxels.radius[chosen])
    np.testing.assert_array_equal(found.x[rows, layer], voxels.x[chosen])
    np.testing.assert_array_equal(found.y[rows, layer], voxels.y[chosen])
    assert not found.width_r.any()
    assert not found.width_x.any()
