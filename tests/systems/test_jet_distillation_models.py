"""Teachers and students: symmetry with beams, features, sizes, layers without batch norm, toys, frames."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.physics.boosts import boost_torch
from femtobarn.systems.jet_distillation import evaluation, model, sample, study
from femtobarn.systems.jet_distillation.frames import moving_frame
from femtobarn.systems.jet_distillation.objectives import Objective
from femtobarn.systems.jet_distillation.toy import toy_jets


def toys(count: int = 40, particles: int = 16) -> sample.Sample:
    columns = toy_jets(count, particles=particles, generator=np.random.default_rng(0))
    return sample.from_arrays(dict(zip(("momentum", "mask", "is_signal"), columns, strict=True)), particles)


def inputs(jets: sample.Sample) -> tuple[Tensor, Tensor, Tensor]:
    columns = study.table(jets)
    return columns["momentum"].double(), columns["mass"], columns["mask"]


def used(net: nn.Module, *arguments: Tensor) -> nn.Module:
    """In evaluation, with batch norms that have seen these jets."""
    with torch.no_grad():
        for _ in range(20):
            net.train()(*arguments)
    return net.eval()


def weights(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


def test_published_sizes() -> None:
    assert weights(model.LorentzTagger()) == 224_072
    assert weights(model.DeepSetTagger()) == 68_226
    assert weights(model.MlpTagger()) == 528_386


def test_published_costs() -> None:
    """33,280 multiply-adds a particle and 33,024 for the Deep Set, 0.53 M for the MLP; pooling comes on top."""
    jets = toys(200, 50).take(np.arange(200))
    row = int(np.flatnonzero(jets.mask.sum(axis=1) == 50)[0])
    one = tuple(
        each[row : row + 1].float() if each.is_floating_point() else each[row : row + 1]
        for each in inputs(jets)
    )
    deep_set = evaluation.multiply_adds(model.DeepSetTagger().eval(), one)
    assert deep_set == 33_280 * 50 + 33_024 + 128 * 50
    assert evaluation.multiply_adds(model.MlpTagger().eval(), one) == 512 * 512 * 2 + 512 * 2


@pytest.mark.parametrize("axis", ["x", "z", "jet"])
def test_the_teacher_is_the_same_in_every_frame_if_the_beams_move_too(axis: str) -> None:
    torch.manual_seed(0)
    arguments = inputs(toys())
    net = used(model.LorentzTagger(width=16, blocks=3), *arguments).double()
    expected = net(*arguments)
    speed = float(np.tanh(3))
    moved = moving_frame(speed, axis, beams=True)(*arguments)  # type: ignore[arg-type]
    assert (net(*moved) - expected).abs().max() < 1e-9
    beams_left = moving_frame(speed, axis)(*arguments)  # type: ignore[arg-type]
    assert (net(*beams_left) - expected).abs().max() > 1e-3, "the beams tell the frame"
    free = used(model.LorentzTagger(width=16, blocks=3, beams=False), *arguments).double()
    assert (free(*beams_left) - free(*arguments)).abs().max() < 1e-9


def test_students_notice_the_frame_and_forget_the_azimuth() -> None:
    momentum, mass, mask = inputs(toys())
    angle = torch.tensor(2.1, dtype=torch.float64)
    turned = momentum.clone()
    turned[..., 1] = momentum[..., 1] * angle.cos() - momentum[..., 2] * angle.sin()
    turned[..., 2] = momentum[..., 1] * angle.sin() + momentum[..., 2] * angle.cos()
    torch.manual_seed(1)
    for net in (model.DeepSetTagger(width=16), model.MlpTagger(particles=16, hidden=16)):
        used(net, momentum, mass, mask)
        expected = net(momentum, mass, mask)
        torch.testing.assert_close(net(turned, mass, mask), expected, rtol=1e-4, atol=1e-4)
        moved = moving_frame(0.5, "x")(momentum, mass, mask)
        assert (net(*moved) - expected).abs().max() > 1e-3


def test_features_are_the_fields_coordinates_and_padding_is_nothing() -> None:
    jets = toys()
    momentum, mass, mask = inputs(jets)
    found = model.features(momentum, mass, mask)
    torch.testing.assert_close(found.share, torch.where(mask, torch.hypot(*momentum[..., 1:3].unbind(-1)), 0)
                               / torch.hypot(*momentum.sum(1, keepdim=True)[..., 1:3].unbind(-1)))  # fmt: skip
    assert found.eta.abs().max() < 1.5
    assert found.phi.abs().max() <= np.pi
    junk = torch.where(mask[..., None], momentum, torch.nan)
    for a, b in zip(model.features(junk, mass, mask), found, strict=True):
        torch.testing.assert_close(a, b)
        assert not a[~mask].any()
    # Along z rapidities shift alike: only differences count.
    along_z = boost_torch(momentum, torch.tensor((0.0, 0.0, 0.6), dtype=torch.float64))
    moved = model.features(along_z, mass, mask)
    torch.testing.assert_close(moved.share, found.share)
    torch.testing.assert_close(moved.eta[:, :1] - moved.eta[:, 1:2], found.eta[:, :1] - found.eta[:, 1:2])


@pytest.mark.parametrize("leak", [0.01, 0.0])
def test_layers_without_batch_norm_are_the_same_function(leak: float) -> None:
    torch.manual_seed(2)
    arguments = inputs(toys())
    net = used(model.MlpTagger(particles=8, hidden=12, leak=leak), *arguments)
    plain = model.without_batch_norm(net.net)
    assert [type(layer) for layer in plain[::2]] == [nn.Linear] * 3
    assert all(isinstance(layer, nn.ReLU if leak == 0 else nn.LeakyReLU) for layer in plain[1::2])
    torch.testing.assert_close(plain(net.row(*arguments)), net(*arguments), rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match="the last one has none"):
        model.without_batch_norm(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    with pytest.raises(InputError, match="expected a linear layer behind"):
        model.without_batch_norm(nn.Sequential(nn.BatchNorm1d(2), nn.ReLU()))


def test_a_short_jet_list_is_padded_for_the_mlp() -> None:
    torch.manual_seed(2)
    momentum, mass, mask = inputs(toys(particles=6))
    net = used(model.MlpTagger(particles=10, hidden=12), momentum, mass, mask)
    assert net.row(momentum, mass, mask).shape == (40, 40)
    assert not net.row(momentum, mass, mask)[:, 24:].any()


def test_masses_are_real_or_zero() -> None:
    jets = toys()
    assert not jets.mass.any(), "massless particles have no mass, whatever rounding says"
    heavy = np.array([[5.0, 3.0, 0.0, 0.0], [100.0, 0.0, 99.9, 0.0]], np.float32)
    np.testing.assert_allclose(sample.resolved_mass(heavy), [4.0, np.sqrt(100**2 - 99.9**2)], rtol=1e-3)


def test_toys_are_massless_jets_of_the_window() -> None:
    momentum, mask, is_signal = toy_jets(300, particles=60, generator=np.random.default_rng(1))
    pt = np.hypot(momentum[..., 1], momentum[..., 2])
    assert np.all(np.diff(pt, axis=1) <= 0)
    assert np.all((pt.sum(axis=1) > 540) & (pt.sum(axis=1) < 660))
    assert np.array_equal(mask, pt > 0)
    assert is_signal.mean() == 0.5
    same = toy_jets(300, particles=60, generator=np.random.default_rng(1))[0]
    np.testing.assert_array_equal(same, momentum)


def test_objective_of_boosted_jets_keeps_the_target() -> None:
    """For LorentzNet the logits at rest are those in the moving frame, so they need no second computation."""
    arguments = inputs(toys())
    torch.manual_seed(3)
    net = used(model.LorentzTagger(width=8, blocks=2, beams=False), *arguments).double()
    batch = {**study.table(toys()), "teacher": net(*arguments).detach()}
    loss = Objective(weight=1.0, boost=0.9)(net, batch)
    assert float(loss.detach()) < 1e-12, (
        "a symmetric student that is its teacher has nothing to learn from boosts"
    )
    student = used(model.DeepSetTagger(width=8), *arguments)
    at_rest, moving = (Objective(weight=1.0, boost=b)(student, batch).detach() for b in (0.0, 0.9))
    assert float(at_rest) != pytest.approx(float(moving), rel=1e-3)


def test_invariance_score() -> None:
    assert evaluation.invariance_score(np.array([0.9, 0.9, 0.9])) == pytest.approx(1)
    assert evaluation.invariance_score(np.array([0.9, 0.7, 0.5])) == pytest.approx(0.5)
    assert np.isnan(evaluation.invariance_score(np.array([0.5, 0.4])))
    # The curve of the published Deep Set, read from its figure in steps, gives about its score.
    speeds = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9]
    curve = [0.9304, 0.9141, 0.8614, 0.7892, 0.7154, 0.6558, 0.5864, 0.5401]
    grid = np.interp(np.arange(0, 0.96, 0.05), speeds, curve)
    assert evaluation.invariance_score(grid) == pytest.approx(0.481, abs=0.01)
