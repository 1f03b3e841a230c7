"""The Lorentz group autoencoder and its baselines: symmetry, order, padding, sizes, products; couplings solved for."""

import itertools

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.evaluation.lorentz_symmetry import boost_of_each, deviation, rotation_of_each
from femtobarn.nn import minkowski
from femtobarn.nn.jet_autoencoders import (
    Bells,
    ComplexLinear,
    GraphAutoencoder,
    ImageAutoencoder,
    LorentzAutoencoder,
    LorentzLevel,
    couplings,
    four_vector,
    irreducible,
    jet_images,
    pair_invariants,
    pixel_particles,
)
from femtobarn.nn.jet_autoencoders.lorentz import Aggregation, complex_dot, complex_product, extreme
from femtobarn.physics.boosts import boost

AGGREGATIONS: tuple[Aggregation, ...] = ("mix", "min & max", "mean")
SCALAR, VECTOR = irreducible(0, 0), four_vector()


def clouds(jets: int = 6, particles: int = 9, seed: int = 3) -> tuple[Tensor, Tensor]:
    """Massless particles in narrow jets, the hardest with an energy of about 1, and their mask; float64."""
    g = torch.Generator().manual_seed(seed)
    pt = (
        torch.rand(jets, particles, generator=g, dtype=torch.float64).sort(dim=1, descending=True).values
        + 0.01
    )
    eta, phi = (0.3 * torch.randn(jets, particles, generator=g, dtype=torch.float64) for _ in range(2))
    p = torch.stack((pt * eta.cosh(), pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()), dim=-1)
    mask = torch.arange(particles) < torch.tensor([9, 5, 2, 1, 7, 9])[:jets, None]
    return torch.where(mask[..., None], p, 0), mask


def net(aggregation: Aggregation = "mix", **sizes: int) -> LorentzAutoencoder:
    torch.manual_seed(0)
    return (
        LorentzAutoencoder(9, aggregation=aggregation, **{"vectors": 2, "hidden": 2} | sizes).double().eval()
    )


# Couplings


@pytest.mark.parametrize(
    "generators", [VECTOR, irreducible(0.5, 0.5), irreducible(1, 0.5), irreducible(0, 1)]
)
def test_generators_form_the_algebra_of_the_lorentz_group(generators: np.ndarray) -> None:
    """[J_i, J_j] = e_ijk J_k, [J_i, K_j] = e_ijk K_k, [K_i, K_j] = -e_ijk J_k."""
    j, k = generators[:3], generators[3:]
    for a in range(3):
        b, c = (a + 1) % 3, (a + 2) % 3
        for one, other, result in ((j, j, j), (j, k, k), (k, k, -j)):
            np.testing.assert_allclose(one[a] @ other[b] - other[b] @ one[a], result[c], atol=1e-12)


def test_generators_of_vectors_make_the_boosts_of_the_house() -> None:
    for axis, p in itertools.product(range(3), np.eye(4)):
        velocity = np.zeros(3)
        velocity[axis] = -np.tanh(1.3)
        np.testing.assert_allclose(expm(1.3 * VECTOR[3 + axis]).real @ p, boost(p, velocity), atol=1e-12)


def test_the_minkowski_product_is_the_only_scalar_of_two_vectors() -> None:
    (found,) = couplings(VECTOR, VECTOR, SCALAR)
    np.testing.assert_allclose(found[0] / found[0, 0, 0], np.diag([1, -1, -1, -1]), atol=1e-12)
    p, q = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = np.einsum("ij,ni,nj->n", (found[0] / found[0, 0, 0]).real, p, q)
    np.testing.assert_allclose(minkowski(p, q), expected, rtol=1e-12)


def test_the_products_of_a_level_are_all_there_are_in_its_two_representations() -> None:
    (scaled,) = couplings(SCALAR, VECTOR, VECTOR)
    np.testing.assert_allclose(scaled[:, 0] / scaled[0, 0, 0], np.eye(4), atol=1e-12)
    for one, other, result in ((VECTOR, VECTOR, VECTOR), (SCALAR, VECTOR, SCALAR), (SCALAR, SCALAR, VECTOR)):
        assert len(couplings(one, other, result)) == 0


SPINS = [(0, 0), (0.5, 0.5), (0.5, 0), (1, 0), (0, 1)]


@pytest.mark.parametrize("spins", list(itertools.product(SPINS, repeat=2)))
def test_couplings_follow_the_clebsch_gordan_series(spins: tuple[tuple[float, float], ...]) -> None:
    """(a, b) x (c, d) holds every (e, f) with |a - c| <= e <= a + c and |b - d| <= f <= b + d once."""
    (a, b), (c, d) = spins
    for e, f in itertools.product([0, 0.5, 1, 1.5], repeat=2):
        there = all(
            abs(x - y) <= z <= x + y and (x + y - z) == int(x + y - z) for x, y, z in ((a, c, e), (b, d, f))
        )
        assert len(couplings(irreducible(a, b), irreducible(c, d), irreducible(e, f))) == there


def test_components_do_not_matter_to_the_vector() -> None:
    """(1/2, 1/2) is (E, px, py, pz) in another basis: one map from one to the other, and it can be undone."""
    (change,) = couplings(SCALAR, irreducible(0.5, 0.5), VECTOR)
    assert np.linalg.cond(change[:, 0]) < 10


def test_a_spin_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match=r"a spin of 0, 1/2, 1"):
        irreducible(0.3, 0)


# The Lorentz group autoencoder


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_boosts_and_rotations_commute_with_it(aggregation: Aggregation) -> None:
    model, (p, mask) = net(aggregation), clouds()
    if aggregation == "min & max":
        p, mask = (x[mask.sum(dim=1) != 2] for x in (p, mask))  # a tie, see LorentzAutoencoder
    count = len(mask)
    assert model(p, mask).std() > 1e-4, "what comes out must differ for this to mean anything"
    for seed in range(3):
        for rapidity, bound in ((0.5, 1e-9), (2.0, 1e-8), (5.0, 1e-6)):
            assert deviation(model, p, mask, boost_of_each(count, rapidity, seed=seed)).max() < bound
        assert deviation(model, p, mask, rotation_of_each(count, seed=seed)).max() < 1e-9


def test_a_boost_of_one_particle_alone_is_noticed() -> None:
    model, (p, mask) = net(), clouds()
    some = torch.arange(9) < 1
    part = boost_of_each(6, 0.5, seed=1)
    assert deviation(model, p, mask, lambda x: torch.where(some[:, None], part(x), x)).max() > 1e-3


def test_products_do_not_change_under_boosts() -> None:
    g = torch.Generator().manual_seed(2)
    a, b = torch.randn(2, 100, 4, 2, 3, generator=g, dtype=torch.float64)
    move = boost_of_each(100, 5.0, seed=1)
    seen = [move(x.flatten(2).mT).mT.unflatten(2, (2, 3)) for x in (a, b)]
    scale = (seen[0].abs().amax(dim=(1, 2, 3)) * seen[1].abs().amax(dim=(1, 2, 3)))[:, None, None]
    assert ((complex_dot(*seen) - complex_dot(a, b)) / scale).abs().max() < 1e-14


def test_complex_numbers_multiply_as_torch_multiplies_them() -> None:
    g = torch.Generator().manual_seed(2)
    a, b = torch.randn(2, 5, 2, 3, generator=g, dtype=torch.float64)
    as_complex = [torch.complex(*x.unbind(dim=1)) for x in (a, b)]
    product = complex_product(a, b)
    torch.testing.assert_close(torch.complex(*product.unbind(dim=1)), as_complex[0] * as_complex[1])
    mix = ComplexLinear(3, 4).double()
    expected = as_complex[0] @ torch.complex(mix.real, mix.imaginary).T
    torch.testing.assert_close(torch.complex(*mix(a).unbind(dim=1)), expected)


def test_messages_are_the_sum_over_pairs_written_out() -> None:
    """f_ij (p_i - p_j) . v_j and f_ij (p_i - p_j) s_j, in complex numbers, in a loop over the pairs."""
    torch.manual_seed(1)
    level, (p, _) = LorentzLevel(2, 3).double(), clouds(2, 4)
    s, v = torch.randn(2, 4, 2, 2, dtype=torch.float64), torch.randn(2, 4, 4, 2, 2, dtype=torch.float64)
    found = level._messages(s, v, p, pair_invariants(p))
    cs, cv = torch.complex(s[..., 0, :], s[..., 1, :]), torch.complex(v[..., 0, :], v[..., 1, :])
    metric = torch.tensor([1.0, -1, -1, -1], dtype=torch.float64)
    scalars, vectors = torch.zeros_like(cs), torch.zeros_like(cv)
    for i, j in itertools.permutations(range(4), 2):
        apart = p[:, i] - p[:, j]
        square = (apart**2 * metric).sum(-1)
        f = level.bells(square[:, None])[..., 0].view(2, 2, 2, 2)
        f = torch.complex(f[..., 0], f[..., 1])
        scalars[:, i] += f[:, 0] * ((apart * metric)[..., None] * cv[:, j]).sum(1)
        vectors[:, i] += f[:, 1, None] * apart[..., None] * cs[:, j, None]
    for one, other in zip(found, (scalars, vectors), strict=True):
        torch.testing.assert_close(torch.complex(*one.unbind(dim=-2)), other)


def test_order_of_the_particles_matters_to_mix_only() -> None:
    p, mask = clouds()
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    for aggregation in AGGREGATIONS:
        model = net(aggregation)
        before, after = model.compress(p, mask), model.compress(p[:, order], mask[:, order])
        apart = (before - after).abs().max() / before.abs().max()
        assert apart > 1e-3 if aggregation == "mix" else apart < 1e-10


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_padding_does_not_matter(aggregation: Aggregation) -> None:
    model, (p, mask) = net(aggregation), clouds()
    loud = torch.where(mask[..., None], p, torch.nan)
    torch.testing.assert_close(model(loud, mask), model(p, mask), rtol=0, atol=0)
    if aggregation != "mix":
        more = [torch.cat((x, torch.zeros_like(x[:, :4])), dim=1) for x in (p, mask)]
        torch.testing.assert_close(model.compress(*more), model.compress(p, mask), rtol=1e-12, atol=1e-12)


def test_a_boost_does_not_change_which_particle_is_extreme() -> None:
    p, mask = clouds(particles=9)
    rest = torch.tensor([0.3, 0, 0, 0], dtype=torch.float64)
    vectors = torch.stack((p + rest, 2 * p.flip(1) + rest), dim=2)
    move = boost_of_each(6, 5.0, seed=2)
    seen = move(vectors.flatten(1, 2)).view(vectors.shape)
    for largest in (False, True):
        one, other = (extreme(minkowski(x, x)[..., None], mask, largest=largest) for x in (vectors, seen))
        assert torch.equal(one, other)


def test_ties_choose_the_first() -> None:
    value, mask = torch.zeros(1, 4, 2, 1), torch.tensor([[False, True, True, False]])
    assert (extreme(value, mask, largest=True) == 1).all()
    assert (extreme(value, mask, largest=False) == 1).all()


def test_gradients_are_finite_for_particles_that_coincide_and_reach_every_weight() -> None:
    model, (p, mask) = net(), clouds()
    p = torch.cat((p[:, :1], p[:, :1], p[:, 2:]), dim=1).requires_grad_()
    model(p, mask).square().sum().backward()
    assert p.grad is not None
    assert p.grad.isfinite().all()
    assert not p.grad[~mask].any()
    last = "decoder.levels.2"  # its scalars are published too, and nothing asks for them
    for name, weight in model.named_parameters():
        if not name.startswith((f"{last}.scalar_mix", f"{last}.network")):
            assert weight.grad is not None, name
            assert weight.grad.isfinite().all(), name
            assert weight.grad.any(), name


def test_bells_and_their_gradients_are_finite_at_nothing() -> None:
    square = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    bells = Bells(3).double()
    assert torch.autograd.gradcheck(
        bells, torch.tensor([[0.3, -2.0]], dtype=torch.float64, requires_grad=True)
    )
    bells(square).sum().backward()
    assert square.grad is not None
    assert square.grad.isfinite().all()


@pytest.mark.parametrize(
    ("aggregation", "vectors", "encoder", "decoder"),
    [("min & max", 4, 34_114, 28_862), ("mix", 2, 34_794, 28_442), ("mix", 9, 36_474, 28_862)],
)
def test_published_numbers_of_weights_within_a_tenth(
    aggregation: Aggregation, vectors: int, encoder: int, decoder: int
) -> None:
    model = LorentzAutoencoder(aggregation=aggregation, vectors=vectors)
    for part, published in ((model.encoder, encoder), (model.decoder, decoder)):
        assert sum(w.numel() for w in part.parameters()) == pytest.approx(published, rel=0.1)


@pytest.mark.parametrize(
    ("aggregation", "vectors", "percent"),
    [("min & max", 2, 30), ("min & max", 4, 56.67), ("min & max", 7, 96.67), ("mix", 2, 15), ("mix", 4, 28.33),
     ("mix", 7, 48.33), ("mix", 9, 61.67), ("mix", 13, 88.33)],
)  # fmt: skip
def test_published_compression(aggregation: Aggregation, vectors: int, percent: float) -> None:
    model = LorentzAutoencoder(aggregation=aggregation, vectors=vectors, hidden=1)
    assert 100 * model.latent_numbers / 120 == pytest.approx(percent, abs=0.01)
    latent = model.compress(*(x.float() if x.is_floating_point() else x for x in clouds(2, 30)))
    assert latent.shape[1] == model.latent_numbers


def test_saved_and_loaded_gives_the_same() -> None:
    model, (p, mask) = net("min & max"), clouds()
    torch.manual_seed(9)
    other = LorentzAutoencoder(9, aggregation="min & max", vectors=2, hidden=2).double()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(p, mask), model(p, mask))


def test_what_cannot_be_is_refused() -> None:
    p, mask = clouds()
    with pytest.raises(InputError, match="expected 9 particles of a jet, got 5"):
        net()(p[:, :5], mask[:, :5])


# The baselines


@pytest.mark.parametrize(("level", "numbers"), [("particle", 18), ("jet", 2)])
def test_graph_autoencoder(level: str, numbers: int) -> None:
    torch.manual_seed(0)
    model = GraphAutoencoder(9, level=level, latent=2, deviation=(0.2, 0.2, 0.1))
    g = torch.Generator().manual_seed(1)
    x, mask = torch.randn(6, 9, 3, generator=g), clouds()[1]
    found = model(torch.where(mask[..., None], x, torch.nan), mask)
    assert found.shape == (6, 9, 3)
    assert model.compress(x, mask).shape == (6, numbers)
    assert model.latent_numbers == numbers
    order = torch.randperm(9, generator=g)
    again = model(x[:, order], mask[:, order])
    torch.testing.assert_close(again, found[:, order] if level == "particle" else found, rtol=1e-4, atol=1e-5)
    found.square().sum().backward()
    assert all(w.grad is not None and w.grad.any() for w in model.parameters())


def test_graph_autoencoder_has_the_published_layers() -> None:
    model = GraphAutoencoder()
    sizes = [[(w.in_features, w.out_features) for w in layer.edge] for layer in model.encoder]
    assert sizes == [
        [(61, 50), (50, 40), (40, 30)],
        [(31, 30), (30, 30), (30, 30)],
        [(17, 16), (16, 20), (20, 30)],
    ]
    nodes = [[(w.in_features, w.out_features) for w in layer.node] for layer in model.encoder]
    assert nodes == [[(60, 30), (30, 15)], [(45, 15), (15, 8)], [(38, 8), (8, 2)]]


def test_images_hold_the_momentum_inside_and_nothing_else() -> None:
    x = torch.tensor(
        [[[0.01, 0.01, 0.5], [0.01, 0.01, 0.1], [-0.5, 0.3, 0.2], [0.7, 0.0, 0.3], [0.1, 0.1, 9.0]]]
    )
    mask = torch.tensor([[True, True, True, True, False]])
    image = jet_images(x, mask)
    assert image.shape == (1, 40, 40)
    assert sorted(image[image > 0].tolist()) == pytest.approx([0.25, 0.75])
    centre = pixel_particles(image)[0]
    lit = centre[centre[:, 2] > 0]
    assert (lit[:, :2] - torch.tensor([[-0.5, 0.3], [0.01, 0.01]])).abs().max() <= 0.015 + 1e-6
    assert not jet_images(x, torch.zeros_like(mask)).any()


def test_image_autoencoder() -> None:
    torch.manual_seed(0)
    model = ImageAutoencoder(5, channels=2)
    image = jet_images(torch.rand(3, 9, 3) - 0.5, torch.ones(3, 9, dtype=torch.bool))
    found = model(image)
    torch.testing.assert_close(found.sum(dim=(1, 2)), torch.ones(3))
    assert model.compress(image).shape == (3, 5)
    (found - image).square().sum().backward()
    assert all(w.grad is not None and w.grad.any() for w in model.parameters())
