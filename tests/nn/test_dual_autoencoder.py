"""Two encoders: published sizes, what conditioning can and cannot do, categories, and the score without the decoder."""

import pytest
import torch
from torch import Tensor

from femtobarn.nn.dual_autoencoder import DualAutoencoder, SpatialConditioning

SMALL = {"widths": (4, 4, 8, 8), "latent": 8}


def _images(count: int = 3) -> Tensor:
    return (torch.rand(count, 1, 72, 58, generator=torch.Generator().manual_seed(1)) < 0.02).float()


def _count(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def test_published_sizes() -> None:
    """The recorded summaries of the authors: exactly, not within 2 %."""
    model = DualAutoencoder()
    parts = (model.energy_encoder, model.mask_encoder, model.decoder)
    assert [*map(_count, parts)] == [612_032, 270_594, 763_841]
    latent, _ = model.encoded(_images(1))
    assert latent.shape == (1, 64, 5, 4)
    assert model.summary(_images(1)).shape == (1, 2)
    assert model.decoded(latent, torch.zeros(1, 2)).shape == (1, 1, 72, 58)


def test_conditioning_of_zero_weights_and_unit_bias_changes_nothing() -> None:
    layer, x = SpatialConditioning(2, 5), torch.randn(4, 5, 6, 7)
    torch.nn.init.zeros_(layer.conv.weight)
    torch.nn.init.ones_(layer.conv.bias)
    torch.testing.assert_close(layer(x, torch.randn(4, 2)), x)


def test_conditioning_knows_z_and_place() -> None:
    torch.manual_seed(1)
    layer, z = SpatialConditioning(2, 5), torch.randn(4, 2)
    flat = torch.ones(4, 5, 9, 8)
    inside = layer(flat, z)[..., 1:-1, 1:-1]  # zeros beyond the edges change the outermost pixels
    assert (inside.std(dim=(2, 3)) > 1e-3).all(), "places differ though the features do not"
    assert not torch.allclose(layer(flat, z), layer(flat, z.flip(0))), "z of another event"


@pytest.mark.parametrize("categorical", [False, True])
@pytest.mark.parametrize("circular", [False, True])
def test_every_weight_is_reached_and_kept(categorical: bool, circular: bool) -> None:
    torch.manual_seed(2)
    model, x = DualAutoencoder(**SMALL, categorical=categorical, circular=circular), _images()
    loss = model(x).logits.square().mean()
    if categorical:
        loss = loss + model.divergence(x)[0].mean()
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())
    again = DualAutoencoder(**SMALL, categorical=categorical, circular=circular)
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(again(x).logits, model(x).logits, rtol=0, atol=0)


def test_an_event_does_not_depend_on_its_batch_and_may_be_empty() -> None:
    model, x = DualAutoencoder(**SMALL).eval(), _images()
    x[0] = 0
    torch.testing.assert_close(model(x[1:2]).logits, model(x).logits[1:2], rtol=1e-4, atol=1e-4)
    assert model(x).logits.isfinite().all()


def test_the_latent_score_is_the_same_with_and_without_the_decoder() -> None:
    model, x = DualAutoencoder(**SMALL).eval(), _images()
    assert torch.equal(model(x).summary, model.summary(x))
    del model.decoder, model.energy_encoder
    assert model.summary(x).shape == (3, 2)


def test_categories_of_a_cell_are_shares_and_its_temperature_is_at_least_one() -> None:
    model, x = DualAutoencoder(**SMALL, categorical=True), _images()
    torch.testing.assert_close(model(x).latent.sum(dim=1), torch.ones(3, 5, 4))
    divergence, sample = model.divergence(x, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(sample.sum(dim=1), torch.ones(3, 5, 4), rtol=0, atol=1e-5)
    assert divergence.shape == (3,)
    assert (model.encoded(x)[1] >= 1).all()
    again, _ = model.divergence(x, generator=torch.Generator().manual_seed(1))
    assert torch.equal(divergence, again)
    with pytest.raises(ValueError, match="categorical"):
        DualAutoencoder(**SMALL).divergence(x)
