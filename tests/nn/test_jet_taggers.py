"""Taggers: symmetry with beams, features, sizes, frames, logits piece by piece."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from femtobarn.hardware.multiply_adds import multiply_adds
from femtobarn.nn import jet_taggers as taggers
from femtobarn.nn.jet_taggers import moving_frame
from femtobarn.physics.boosts import boost_torch
from femtobarn.simulate.toy_prongs import toy_prongs


def jets(count: int = 40, particles: int = 16) -> tuple[Tensor, Tensor, Tensor]:
    """Momentum, mass and mask of toy jets."""
    momentum, mask, _ = toy_prongs(count, particles=particles, generator=np.random.default_rng(0))
    return torch.from_numpy(momentum).double(), torch.zeros(mask.shape), torch.from_numpy(mask)


def used(net: nn.Module, *arguments: Tensor) -> nn.Module:
    """In evaluation, with batch norms that have seen these jets."""
    with torch.no_grad():
        for _ in range(20):
            net.train()(*arguments)
    return net.eval()


def weights(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


def test_published_sizes() -> None:
    assert weights(taggers.LorentzTagger()) == 224_072
    assert weights(taggers.DeepSetTagger()) == 68_226
    assert weights(taggers.MlpTagger()) == 528_386


def test_published_costs() -> None:
    """33,280 multiply-adds a particle and 33,024 for the Deep Set, 0.53 M for the MLP; pooling comes on top."""
    momentum, mass, mask = jets(200, 50)
    one = slice((row := int((mask.sum(dim=1) == 50).nonzero()[0])), row + 1)
    jet = momentum[one].float(), mass[one], mask[one]
    deep_set = multiply_adds(taggers.DeepSetTagger().eval(), *jet)
    assert deep_set == 33_280 * 50 + 33_024 + 128 * 50
    assert multiply_adds(taggers.MlpTagger().eval(), *jet) == 512 * 512 * 2 + 512 * 2


@pytest.mark.parametrize("axis", ["x", "z", "jet"])
def test_the_teacher_is_the_same_in_every_frame_if_the_beams_move_too(axis: str) -> None:
    torch.manual_seed(0)
    arguments = jets()
    net = used(taggers.LorentzTagger(width=16, blocks=3), *arguments).double()
    expected = net(*arguments)
    speed = float(np.tanh(3))
    moved = moving_frame(speed, axis, beams=True)(*arguments)  # type: ignore[arg-type]
    assert (net(*moved) - expected).abs().max() < 1e-9
    beams_left = moving_frame(speed, axis)(*arguments)  # type: ignore[arg-type]
    assert (net(*beams_left) - expected).abs().max() > 1e-3, "the beams tell the frame"
    free = used(taggers.LorentzTagger(width=16, blocks=3, beams=False), *arguments).double()
    assert (free(*beams_left) - free(*arguments)).abs().max() < 1e-9


def test_students_notice_the_frame_and_forget_the_azimuth() -> None:
    momentum, mass, mask = jets()
    angle = torch.tensor(2.1, dtype=torch.float64)
    turned = momentum.clone()
    turned[..., 1] = momentum[..., 1] * angle.cos() - momentum[..., 2] * angle.sin()
    turned[..., 2] = momentum[..., 1] * angle.sin() + momentum[..., 2] * angle.cos()
    torch.manual_seed(1)
    for net in (taggers.DeepSetTagger(width=16), taggers.MlpTagger(particles=16, hidden=16)):
        used(net, momentum, mass, mask)
        expected = net(momentum, mass, mask)
        torch.testing.assert_close(net(turned, mass, mask), expected, rtol=1e-4, atol=1e-4)
        moved = moving_frame(0.5, "x")(momentum, mass, mask)
        assert (net(*moved) - expected).abs().max() > 1e-3


def test_features_are_the_fields_coordinates_and_padding_is_nothing() -> None:
    momentum, mass, mask = jets()
    found = taggers.features(momentum, mass, mask)
    torch.testing.assert_close(found.share, torch.where(mask, torch.hypot(*momentum[..., 1:3].unbind(-1)), 0)
                               / torch.hypot(*momentum.sum(1, keepdim=True)[..., 1:3].unbind(-1)))  # fmt: skip
    assert found.eta.abs().max() < 1.5
    assert found.phi.abs().max() <= np.pi
    junk = torch.where(mask[..., None], momentum, torch.nan)
    for a, b in zip(taggers.features(junk, mass, mask), found, strict=True):
        torch.testing.assert_close(a, b)
        assert not a[~mask].any()
    # Along z rapidities shift alike: only differences count.
    along_z = boost_torch(momentum, torch.tensor((0.0, 0.0, 0.6), dtype=torch.float64))
    moved = taggers.features(along_z, mass, mask)
    torch.testing.assert_close(moved.share, found.share)
    torch.testing.assert_close(moved.eta[:, :1] - moved.eta[:, 1:2], found.eta[:, :1] - found.eta[:, 1:2])


def test_a_short_jet_list_is_padded_for_the_mlp() -> None:
    torch.manual_seed(2)
    momentum, mass, mask = jets(particles=6)
    net = used(taggers.MlpTagger(particles=10, hidden=12), momentum, mass, mask)
    assert net.row(momentum, mass, mask).shape == (40, 40)
    assert not net.row(momentum, mass, mask)[:, 24:].any()


@pytest.mark.parametrize("beams", [True, False])
def test_logits_piece_by_piece_are_those_of_all_jets(beams: bool) -> None:
    torch.manual_seed(3)
    arguments = jets(30)
    net = used(taggers.LorentzTagger(width=8, blocks=2), *arguments)
    frame = moving_frame(0.3, "x", beams=beams)
    with torch.no_grad():
        expected = net(*frame(*arguments)).float()
    found = taggers.logits(net, *arguments, frame=frame, chunk=7)
    torch.testing.assert_close(found, expected)
    assert (found.dtype, found.requires_grad) == (torch.float32, False)
    right = (taggers.score(found) > 0) == (expected.argmax(dim=1) == 1)
    assert right.all()


def test_trained_bits_start_as_the_network_they_come_from() -> None:
    torch.manual_seed(4)
    arguments = jets(200)
    net = used(taggers.MlpTagger(particles=6, hidden=8, leak=0.0), *arguments)
    bits = taggers.BitTagger(net, net.row(*arguments), fraction=16, weight_fraction=16).eval()
    torch.testing.assert_close(bits(*arguments), net(*arguments), rtol=1e-3, atol=1e-3)
