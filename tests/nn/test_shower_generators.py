"""Units of showers, and the networks in them: what is normal, what comes back, what each number knows."""

import numpy as np
import pytest
import torch
from torch import nn

from femtobarn.nn.shower_generators import (
    Batch,
    EnergyTransformer,
    GridNet,
    Preprocessing,
    TokenNet,
    read_out,
)
from femtobarn.nn.shower_generators.token_net import patches
from femtobarn.physics.energy_split import layer_energies
from femtobarn.physics.voxels import GEOMETRIES, geometry
from toy_showers import sparse_showers

PHOTONS = geometry("1-photons")


def _units(batch: Batch, name: str = "1-photons", knots: int = 15) -> Preprocessing:
    units = Preprocessing(geometry(name), knots=knots)
    units.learn(batch["energies"], batch["showers"], generator=torch.Generator().manual_seed(0))
    return units


@pytest.mark.parametrize("knots", [1, 15])
@pytest.mark.parametrize("name", ["1-photons", "1-pions", "2"])
def test_decoding_undoes_encoding(name: str, knots: int) -> None:
    batch = sparse_showers(300, name=name)
    units = _units(batch, name, knots)
    layers, voxels = units.encode(**batch, generator=torch.Generator().manual_seed(1))
    again = read_out(units.decode(batch["energies"], layers, voxels), geometry(name).threshold)
    torch.testing.assert_close(again.float(), batch["showers"], rtol=2e-4, atol=2e-4)


def test_network_units_are_of_order_one_at_every_energy() -> None:
    batch = sparse_showers(3000)
    encoded = _units(batch).encode(**batch, generator=torch.Generator().manual_seed(1))
    for energy in batch["energies"].unique():
        for numbers, most in zip(
            encoded, (0.2, 1.0), strict=True
        ):  # tables of voxels are in energies of layers
            some = numbers[batch["energies"] == energy]
            assert some.mean(dim=0).abs().max() < most
            assert 0.5 < float(some.std(dim=0).median()) < 1.5


def test_voxels_are_normal_numbers_however_rarely_hit() -> None:
    """Exponential energies above the threshold with another chance in each voxel: mean 0, deviation 1, no gap.

    In layers with energy: what the voxels of an empty layer are counts for nothing.
    """
    random = np.random.default_rng(0)
    chance = np.linspace(0.02, 0.7, 368)
    height = random.exponential(1, (4000, 368))
    hit = random.random((4000, 368)) < chance
    showers = torch.from_numpy(np.where(hit, np.exp(height), 0).astype(np.float32))
    batch = {"energies": torch.full((4000,), 1e4, dtype=torch.float64), "showers": showers}
    z = _units(batch, knots=1).encode(**batch, generator=torch.Generator().manual_seed(0)).voxels
    empty = layer_energies(showers, PHOTONS)[:, PHOTONS.layer] == 0
    z = torch.where(empty, torch.nan, z)
    assert z.nanmean(dim=0).abs().max() < 0.25
    assert ((z - z.nanmean(dim=0)).square().nanmean(dim=0).sqrt() - 1).abs().max() < 0.3
    for part in (0.1, 0.5, 0.9):
        wanted = torch.special.ndtri(torch.tensor(part))
        assert (z.nanquantile(part, dim=0) - wanted).abs().max() < 0.4


def test_voxels_of_an_empty_layer_are_plain_normal_numbers() -> None:
    """They count for nothing, so nothing has to be learned of them."""
    batch, random = sparse_showers(4000), torch.Generator().manual_seed(3)
    units = _units(batch)
    z = units.encode(**batch, generator=random).voxels
    empty = layer_energies(batch["showers"], PHOTONS)[:, PHOTONS.layer] == 0
    assert 0.1 < empty.double().mean() < 0.3
    for part in (0.05, 0.5, 0.95):
        assert (z[empty].quantile(part) - torch.special.ndtri(torch.tensor(part))).abs() < 0.02
    assert z[empty].max() > 3, "not cut above"


def test_a_layer_that_is_often_empty_is_a_normal_number() -> None:
    """Two peaks with nothing between them become one."""
    batch, random = sparse_showers(6000), torch.Generator().manual_seed(2)
    empty = torch.rand(6000, generator=random) < 0.4
    batch["showers"][empty, PHOTONS.spans[3]] = 0.0
    units = _units(batch)
    z = units.encode(**batch, generator=random).layers
    for part in (0.05, 0.25, 0.5, 0.75, 0.95):
        wanted = torch.special.ndtri(torch.tensor(part))
        assert (z.quantile(part, dim=0) - wanted).abs().max() < 0.15


def test_a_layer_without_a_hit_has_its_energy_where_hits_are_likely() -> None:
    batch = sparse_showers(2000)
    units = _units(batch)
    layers = units.encode(**batch, generator=torch.Generator().manual_seed(1)).layers
    cut = units.cut(batch["energies"], layers)
    showers = units.decode(batch["energies"], layers, cut - 1.0)
    for span in PHOTONS.spans:
        lit = showers[:, span] > 0
        assert bool((lit.sum(dim=1) <= 1).all())
        assert torch.equal(lit.nonzero()[:, 1], cut[:, span].argmin(dim=1)[lit.any(dim=1)])


def test_coloured_noise_has_the_correlations_of_the_showers() -> None:
    random = torch.Generator().manual_seed(0)
    batch = sparse_showers(2000)
    batch["showers"] = batch["showers"].clamp(min=1) * torch.rand(2000, 1, generator=random).exp()
    units = Preprocessing(PHOTONS, knots=1, coloured=True)
    units.learn(batch["energies"], batch["showers"], generator=random)
    wanted = units.encode(**batch, generator=random).voxels.T.corrcoef()
    found = units.noise(20_000, generator=random).voxels
    assert (found.T.corrcoef() - wanted).abs().max() < 0.08
    assert (found.std(dim=0) - 1).abs().max() < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_layers_hold_the_sampled_energies_before_the_threshold(seed: int) -> None:
    """Acceptance: whatever the networks give, the layers have the energies of the split."""
    batch, random = sparse_showers(200, seed), torch.Generator().manual_seed(seed)
    units = _units(batch)
    layers, voxels = 3 * torch.randn(200, 5, generator=random), 3 * torch.randn(200, 368, generator=random)
    showers = units.decode(batch["energies"], layers, voxels)
    wanted = units.layer_energies(batch["energies"], layers)
    torch.testing.assert_close(layer_energies(showers, PHOTONS), wanted, rtol=1e-9, atol=1e-9)
    read = read_out(showers, PHOTONS.threshold)
    lost = (wanted - layer_energies(read, PHOTONS))[wanted >= PHOTONS.threshold * 100]
    assert lost.abs().max() < 1e-6, "voxels below the threshold are gone before the layers are scaled"


@pytest.mark.parametrize("name", sorted(GEOMETRIES))
def test_patches_hold_every_voxel_once(name: str) -> None:
    for patch in ((1, 10, 1), (3, 16, 1), (3, 5, 2)):
        cells = patches(geometry(name), patch)
        assert sorted(cells[cells >= 0].tolist()) == list(range(geometry(name).voxels))
        assert cells.shape[1] <= np.prod(patch)
    assert len(patches(geometry("2"), (3, 16, 1))) == 135  # arXiv:2405.09629
    assert len(patches(geometry("3"), (3, 5, 2))) == 1350


def _voxels_of(net: nn.Module, name: str) -> torch.Tensor:
    torch.manual_seed(0)
    for weight in net.parameters():
        nn.init.normal_(weight, std=0.1)
    voxels = geometry(name).voxels
    return net(torch.randn(2, voxels), torch.rand(2), torch.randn(2, 3))


@pytest.mark.parametrize("name", sorted(GEOMETRIES))
def test_networks_answer_for_every_voxel(name: str) -> None:
    shape = geometry(name)
    nets = (
        TokenNet(shape, 3, patch=(3, 5, 2), width=8, depth=1, heads=2),
        GridNet(shape, 3, channels=(8, 8, 8), blocks=1, fold=2, context=8),
    )
    for net in nets:
        found = _voxels_of(net, name)
        assert found.shape == (2, shape.voxels)
        assert (found.std(dim=1) > 0).all()


@pytest.mark.parametrize("name", ["1-photons", "1-pions"])
@pytest.mark.parametrize("fold", [1, 4])
def test_irregular_rings_come_back_from_the_common_ones(name: str, fold: int) -> None:
    net = GridNet(geometry(name), 1, channels=(8, 8), blocks=1, fold=fold)
    x = torch.randn(3, geometry(name).voxels)
    assert net.rings == (30 if name == "1-photons" else 23), "as in arXiv:2308.03876"
    torch.testing.assert_close(net._voxels(net._unfolded(net._folded(net._grid(x)))), x, rtol=1e-5, atol=1e-5)


def test_the_published_network_of_dataset_2_has_the_published_size() -> None:
    net = TokenNet(geometry("2"), 46, patch=(3, 16, 1), width=480, depth=6, heads=6, ratio=4)
    assert sum(w.numel() for w in net.parameters()) == pytest.approx(26.04e6, rel=0.1)  # counted in its code


def test_each_u_knows_those_before_it_alone() -> None:
    torch.manual_seed(0)
    net = EnergyTransformer(5, width=16, heads=2, layers=1, hidden=32, flow_width=16, flow_blocks=1).eval()
    u, energy = torch.randn(3, 5), torch.rand(3, 1)
    moved = u.clone()
    moved[:, 2] += 1
    before, after = net.contexts(u, energy), net.contexts(moved, energy)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert (before[:, 3] - after[:, 3]).abs().max() > 1e-3
    made = net.sample(energy, steps=2, generator=torch.Generator().manual_seed(0))
    assert made.shape == (3, 5)
    loss = net.loss(u, energy, generator=torch.Generator().manual_seed(0))
    loss.backward()
    assert loss.isfinite()
