from pathlib import Path

import numpy as np
import pytest
import torch
from _samples import jets

from femtobarn.errors import InputError
from femtobarn.metrics import FeatureMoments, RealActivations, fpnd, frechet_distance, load_fpnd
from femtobarn.metrics.fpnd import _gaussian_moments, published_weights
from femtobarn.metrics.frechet import factor
from femtobarn.nn.particle_net import ParticleNet


@pytest.fixture(scope="module")
def published(real_data: Path) -> Path:
    return real_data / "jetnet_fpnd"


@pytest.fixture
def small() -> RealActivations:
    """A reference of the right form, of an untrained narrow network."""
    torch.manual_seed(0)
    network = ParticleNet(3, 5, widths=(4, 4), hidden=6).eval()
    reference = RealActivations("g", network, np.zeros(6), np.eye(6))
    x = reference.activations(jets(600, np.random.default_rng(0), particles=30))
    return reference._replace(mean=x.mean(axis=0), covariance=np.cov(x.T))


def test_distances_between_the_real_classes(published: Path) -> None:
    g, q, t = (load_fpnd(published, c) for c in "gqt")
    for a, b, expected in ((g, q, 57.9), (g, t, 171), (q, t, 346)):
        found = frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
        assert found == pytest.approx(expected, rel=3e-3)
        assert frechet_distance(b.mean, b.covariance, a.mean, a.covariance) == pytest.approx(found)


def test_all_published_tensors_are_used(published: Path) -> None:
    state = torch.load(published / "pnet_state_dict.pt", map_location="cpu", weights_only=True)
    assert len(state) == 130
    renamed = published_weights(state)
    network = ParticleNet(3, 5)
    assert not any(network.load_state_dict(renamed, strict=True))
    copies = sum(name.startswith("edge_convs.") for name in state)
    assert len(renamed) + copies == 130
    state["edge_convs.0.nn.model.0.bias"] = state["edge_convs.0.nn.model.0.bias"] + 1
    with pytest.raises(InputError, match="to be the same"):
        published_weights(state)


def test_published_network_tells_the_shapes_of_jets_apart(published: Path) -> None:
    """A narrow soft spray is no top: the class scores follow (order g, t, q, w, z)."""
    reference = load_fpnd(published, "g")
    value = fpnd(jets(300, np.random.default_rng(0), particles=30), reference, blocks=10, null=False)
    assert value.value > 50
    assert value.n_real == 50_000


def test_moments_in_parts_give_the_same(small: RealActivations) -> None:
    x, mask = jets(260, np.random.default_rng(1), particles=30)
    whole = fpnd((x, mask), small, blocks=20)
    moments = FeatureMoments(6, blocks=20)
    for k in (130, 0):
        moments.update(small.activations((x[k : k + 130], mask[k : k + 130])), start=k)
    np.testing.assert_allclose(small.value(moments)[:6], whole[:6], rtol=1e-5)
    assert "plain" in whole.method


def test_error_and_null_are_those_of_repeated_samples(small: RealActivations) -> None:
    r = np.random.default_rng(2)
    root = factor(small.covariance)
    values, nulls = [], []
    for _ in range(30):
        moments = FeatureMoments(6, blocks=20)
        moments.update(r.normal(size=(200, 6)) @ root.T + small.mean)
        values.append(small.value(moments, generator=r))
        nulls.append(values[-1].null)
    plain = np.array([v.value for v in values])
    assert np.mean(nulls) == pytest.approx(plain.mean(), rel=0.25)
    assert np.mean([v.null_error for v in values]) == pytest.approx(plain.std(), rel=0.5)


def test_gaussian_moments_are_those_of_drawn_rows() -> None:
    r = np.random.default_rng(3)
    root = r.normal(size=(3, 3))
    drawn = []
    for _ in range(4000):
        x = r.normal(size=(7, 3)) @ root.T
        drawn.append((x.mean(axis=0), np.cov(x.T)))
    made = [_gaussian_moments(root, 7, r) for _ in range(4000)]
    for a, b in zip(zip(*drawn, strict=True), zip(*made, strict=True), strict=True):
        a, b = np.array(a), np.array(b)
        scatter = a.std(axis=0) / np.sqrt(2000)
        assert (abs(a.mean(axis=0) - b.mean(axis=0)) < 5 * scatter).all()
        np.testing.assert_allclose(a.std(axis=0), b.std(axis=0), rtol=0.15)


def test_padding_cannot_leak(small: RealActivations) -> None:
    x, mask = jets(20, np.random.default_rng(4), particles=30)
    np.testing.assert_array_equal(
        small.activations((x, mask)), small.activations((np.where(mask[..., None], x, -5), mask))
    )


def test_wrong_files_and_jets_are_refused(small: RealActivations, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="g, q or t"):
        load_fpnd(tmp_path, "w")
    with pytest.raises(InputError, match=r"pnet_state_dict.pt in .* found none"):
        load_fpnd(tmp_path, "g")
    torch.save({"fc2.bias": torch.zeros(5)}, tmp_path / "pnet_state_dict.pt")
    np.savez(tmp_path / "jetnet30_activation_stats.npz", g_mu=np.zeros(256))
    with pytest.raises(InputError, match="expected the published ParticleNet") as error:
        load_fpnd(tmp_path, "g")
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="jets of 30 particles"):
        small.activations(jets(5, np.random.default_rng(5), particles=8))
