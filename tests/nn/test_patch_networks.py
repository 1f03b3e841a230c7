"""Networks of patches: published sizes, independence of the patches, the linear twin, the chain."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from femtobarn.errors import InputError
from femtobarn.nn import (
    BackgroundNet,
    PatchAutoencoder,
    PatchClassifier,
    PatchInspector,
    PatchPca,
    cut_patches,
    join_patches,
)
from femtobarn.nn.patch_inspector import PatchNetworks

REDUCED = PatchNetworks(
    kernels=((5, 5), (2, 2), (2, 2), (2, 2)), widths=(8, 8, 8, 8), stages=((4, 4), (8,), (8,)), dense=(8,),
    background=(2, 5, 4),
)  # fmt: skip


def _images(count: int = 2, rows: int = 2, columns: int = 3, patch: int = 40, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, rows * patch, columns * patch, generator=torch.Generator().manual_seed(seed))


def _count(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def test_the_published_networks_have_their_sizes() -> None:
    """Counts of arXiv:2303.15319 and its code."""
    autoencoder = PatchAutoencoder()
    assert _count(autoencoder.encoder) == 183_728
    assert _count(autoencoder.decoder) == 183_713
    assert autoencoder.patch == (160, 160)
    assert _count(PatchClassifier()) == 2_847_777
    assert _count(BackgroundNet()) == 84_401


def test_a_published_image_has_a_code_of_17_x_24_cells() -> None:
    with torch.device("meta"):
        autoencoder = PatchAutoencoder()
        image = torch.zeros(1, 2720, 3840)
        assert autoencoder.encode(image).shape == (1, 16, 17, 24)
        assert autoencoder(image).shape == image.shape
        assert BackgroundNet()(image).shape == (1, 17, 24)


def test_patches_tile_the_image_and_come_together_again() -> None:
    image = torch.arange(2720 * 3840, dtype=torch.float32).view(1, 2720, 3840)
    patches = cut_patches(image, 160)
    assert patches.shape == (1, 17, 24, 160, 160)
    assert len(patches.flatten(0, 2)) == 408
    torch.testing.assert_close(join_patches(patches), image, rtol=0, atol=0)
    assert torch.equal(patches[0, 3, 5], image[0, 480:640, 800:960])
    second = cut_patches(image[:, 80:-80, 80:-80], 160)
    assert second.shape[1] * second.shape[2] == 368
    with pytest.raises(InputError, match="whole patches of 160"):
        cut_patches(image[:, :100], 160)


@pytest.mark.parametrize("network", [REDUCED.autoencoder, REDUCED.inspector])
def test_a_patch_does_not_see_the_others(network: object) -> None:
    torch.manual_seed(2)
    model = network().eval()  # type: ignore[operator]
    one = _images()
    other = one.clone()
    other[1, 40:80, 40:80] = 1 - other[1, 40:80, 40:80]
    with torch.no_grad():
        changed = model(one) != model(other)
    if changed.shape == one.shape:
        changed = cut_patches(changed.float(), 40).amax(dim=(3, 4)) > 0
    expected = torch.zeros(2, 2, 3, dtype=torch.bool)
    expected[1, 1, 1] = True
    assert torch.equal(changed, expected)


def test_gradients_reach_every_weight_but_those_of_the_fixed_autoencoder() -> None:
    torch.manual_seed(3)
    model = REDUCED.inspector()
    patches = _images(6, 1, 1)
    model.loss(patches, torch.arange(6) < 2, torch.arange(6) > 3).backward()
    for name, weight in model.named_parameters():
        assert (weight.grad is None) == name.startswith("autoencoder"), name
    autoencoder = REDUCED.autoencoder()
    autoencoder(_images()).square().mean().backward()
    assert all(weight.grad is not None for weight in autoencoder.parameters())


@pytest.mark.parametrize("fall", [0.7, 0.98])
def test_the_linear_twin_is_that_of_principal_components(fall: float) -> None:
    """The plane itself where its widths fall fast; what is left, the least possible, even where they hardly do."""
    draw = np.random.default_rng(4)
    rows = draw.normal(size=(300, 64)) * fall ** np.arange(64) + draw.normal(size=64)
    patches = torch.from_numpy(rows.reshape(300, 8, 8).astype(np.float32))
    ours, theirs = PatchPca.fit(patches, 5)(patches).flatten(1).numpy(), PCA(5, svd_solver="full").fit(rows)
    expected = theirs.inverse_transform(theirs.transform(rows))
    assert np.square(rows - ours).mean() == pytest.approx(np.square(rows - expected).mean(), rel=0.01)
    if fall < 0.9:
        np.testing.assert_allclose(ours, expected, atol=2e-3)
    with pytest.raises(InputError, match="fewer components"):
        PatchPca.fit(patches[:5], 5)


def test_no_other_plane_leaves_less_of_what_it_is_fitted_to() -> None:
    patches = _images(200, 1, 1, 8, seed=5)
    pca = PatchPca.fit(patches, 6)
    other = PatchPca(8, 6)
    other.mean.copy_(patches.flatten(1).mean(dim=0))
    other.directions.copy_(torch.linalg.qr(torch.randn(64, 6))[0].T)
    assert (patches - pca(patches)).square().mean() < (patches - other(patches)).square().mean()


def test_what_lies_beside_the_sensor_has_the_score_0() -> None:
    torch.manual_seed(6)
    model = REDUCED.inspector(of_difference=False).eval()
    assert model.background is not None
    image = _images(1)
    for sign, zero in ((1.0, True), (-1.0, False)):
        torch.nn.init.constant_(model.background.layers[-1].bias, 1e3 * sign)
        with torch.no_grad():
            assert (model(image) == 0).all() == zero


def test_the_classifier_of_differences_sees_what_the_autoencoder_leaves() -> None:
    model = REDUCED.inspector()
    assert model.autoencoder is not None
    image = _images()
    torch.testing.assert_close(model.seen(image), (image - model.autoencoder(image)).abs())
    assert not model.seen(image.requires_grad_()).requires_grad


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(InputError, match="a width for each kernel"):
        PatchAutoencoder(kernels=((2, 2),), widths=(4, 4))
    with pytest.raises(InputError, match="halved 3 times"):
        PatchClassifier(20, stages=((4,), (4,), (4,)))
    with pytest.raises(InputError, match="whole patches"):
        REDUCED.autoencoder()(torch.zeros(1, 41, 40))
    with pytest.raises(InputError, match="a width for each kernel"):
        BackgroundNet(kernels=(2, 2))


def test_an_inspector_without_a_background_network() -> None:
    model = PatchInspector(PatchClassifier(40, stages=((2,),), dense=(2,)), patch=40).eval()
    assert model(_images()).shape == (2, 2, 3)
    assert torch.isfinite(
        model.loss(_images(2, 1, 1), torch.tensor([True, False]), torch.tensor([False, False]))
    )
