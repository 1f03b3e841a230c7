import copy
from pathlib import Path

import numpy as np
import ot
import pytest
import torch
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.losses.learned_emd import (
    EmdNet,
    _draw_nearer,
    _split,
    emd_accuracy,
    learned_emd,
    load_emd_net,
    pairs_all,
    save_emd_net,
    train_emd_net,
)
from femtobarn.physics import wafer
from femtobarn.simulate.toy_wafers import toy_wafers


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def wafers(n: int, *, seed: int = 0) -> Tensor:
    return torch.from_numpy(toy_wafers(n, generator=np.random.default_rng(seed))["charge"])


def exact(a: Tensor, b: Tensor) -> Tensor:
    a, b = (x.double() / x.double().sum(-1, keepdim=True) for x in (a, b))
    pairs = zip(a.numpy(), b.numpy(), strict=True)
    return torch.tensor([ot.emd2(p, q, wafer.distances()) for p, q in pairs], dtype=torch.float64)


@pytest.fixture(scope="module")
def trained() -> EmdNet:
    """A small network after a second of training."""
    net, _ = train_emd_net(
        wafers(600), generator=seeded(), pairs=4000, epochs=3, batch=128, net=EmdNet(filters=8, dense=32)
    )
    return net


def test_published_network_has_the_published_number_of_weights() -> None:
    net = EmdNet()
    assert sum(weight.numel() for weight in net.parameters()) == 188_385
    running = [value for name, value in net.named_buffers() if "running" in name]
    assert sum(value.numel() for value in running) == 704
    kinds = [type(layer) for layer in net.one_way]
    block = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert kinds == [*block * 3, nn.Flatten, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    norms = [layer for layer in net.one_way if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert {(layer.eps, layer.momentum) for layer in norms} == {(1e-3, 0.01)}


def test_other_hyper_parameters_of_the_published_scan() -> None:
    """The published `pair_msle` network: four convolutions and a hidden layer of 32."""
    net = EmdNet(convolutions=4, dense=32)
    assert sum(isinstance(layer, nn.Conv2d) for layer in net.one_way) == 4
    assert net.eval()(wafers(3), wafers(3, seed=1)).shape == (3,)


def test_images_have_one_channel_per_rhombus_and_both_orders() -> None:
    p, q = torch.arange(48.0)[None], 100 + torch.arange(48.0)[None]
    images = EmdNet().images(p, q)
    assert images.shape == (2, 6, 4, 4)
    for rhombus in range(3):
        for row in range(4):
            for column in range(4):
                cell = 16 * rhombus + 4 * row + column
                assert images[:, rhombus, row, column].tolist() == [cell, 100 + cell]
                assert images[:, 3 + rhombus, row, column].tolist() == [100 + cell, cell]


def test_estimate_is_symmetric_free_of_scale_and_of_the_rest_of_the_batch(trained: EmdNet) -> None:
    a, b = wafers(50, seed=3), wafers(50, seed=4)
    with torch.no_grad():
        estimate = trained(a, b)
        torch.testing.assert_close(trained(b, a), estimate, rtol=0, atol=1e-6)
        torch.testing.assert_close(trained(3 * a, 0.01 * b), estimate, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(trained(a[:7], b[:7]), estimate[:7], rtol=1e-4, atol=1e-5)


def test_loss_moves_the_wafers_and_leaves_the_network_as_it_is(trained: EmdNet) -> None:
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    a, b = wafers(6, seed=3).requires_grad_(), wafers(6, seed=4).double().view(2, 3, 48).requires_grad_()
    loss = learned_emd(a.view(2, 3, 48).double(), b, trained)
    assert loss.shape == (2, 3)
    assert loss.dtype == torch.float64
    loss.sum().backward()
    for side in (a, b):
        assert side.grad is not None
        assert bool((side.grad.flatten(0, -2).abs().sum(dim=-1) > 0).all())
    assert all(weight.grad is None for weight in trained.parameters())
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())
    assert all(weight.requires_grad for weight in trained.parameters())
    assert not trained.training


def test_gradient_is_that_of_the_estimate(trained: EmdNet) -> None:
    """Central differences in double precision along a random direction."""
    net = EmdNet(filters=8, dense=32).double().eval()
    net.load_state_dict(trained.state_dict())
    a, b = wafers(20, seed=3).double(), wafers(20, seed=4).double() + 1
    b.requires_grad_()
    (gradient,) = torch.autograd.grad(learned_emd(a, b, net).sum(), b)
    direction, step = torch.rand(b.shape, generator=seeded(), dtype=torch.float64), 1e-5
    with torch.no_grad():
        up, down = (learned_emd(a, b + sign * step * direction, net) for sign in (1, -1))
    torch.testing.assert_close((up - down) / (2 * step), (gradient * direction).sum(-1), rtol=1e-4, atol=1e-8)


def test_an_empty_wafer_gives_nan_without_gradient(trained: EmdNet) -> None:
    a, b = wafers(3), wafers(3, seed=1)
    b[1] = 0
    result = learned_emd(a, b.requires_grad_(), trained)
    assert result.isnan().tolist() == [False, True, False]
    result.nansum().backward()
    assert b.grad is not None
    assert float(b.grad[1].abs().max()) == 0
    assert bool(b.grad.isfinite().all())


def test_loss_is_the_same_in_training_mode_and_the_mode_stays(trained: EmdNet) -> None:
    """As part of a loss module the network is put into training mode with it."""
    net = copy.deepcopy(trained).train()
    net.one_way[1].eval()
    modes, running = [layer.training for layer in net.modules()], copy.deepcopy(dict(net.named_buffers()))
    a, b = wafers(5), wafers(5, seed=1)
    assert torch.equal(learned_emd(a, b, net), learned_emd(a, b, trained))
    assert [layer.training for layer in net.modules()] == modes
    assert all(torch.equal(value, running[name]) for name, value in net.named_buffers())


def test_pairs_are_of_two_different_images_each_about_equally_often() -> None:
    images = torch.eye(48)
    first, second = (side.argmax(dim=1) for side in pairs_all(images, 48_000, generator=seeded()))
    assert bool((first != second).all())
    for side in (first, second):
        counts = side.bincount(minlength=48)
        assert float((counts - 1000).abs().max()) < 5 * 1000**0.5
    with pytest.raises(InputError, match="two images"):
        pairs_all(images[:1], 3, generator=seeded())


def test_no_image_is_in_both_samples_and_empty_ones_are_left_out() -> None:
    images = torch.diag(torch.ones(48))
    images[5] = 0
    seen, unseen = _split(images, images.roll(1, dims=1), seeded(), torch.float32)
    where = [set(side[0].argmax(dim=1).tolist()) for side in (seen, unseen)]
    assert where[0].isdisjoint(where[1])
    assert where[0] | where[1] == set(range(48)) - {5}
    assert len(where[0]) == 28
    assert torch.equal(seen[0].roll(1, dims=1), seen[1])  # an image stays with its decoded image


def test_labels_of_nearer_pairs_are_exact() -> None:
    a, b = (x.double() / x.double().sum(dim=1, keepdim=True) for x in (wafers(40), wafers(40, seed=1)))
    w = exact(a, b)
    near_b, near_w = _draw_nearer(a, b, w, 0.5, seeded())
    np.testing.assert_allclose(near_w, exact(a, near_b), rtol=1e-9)
    assert 8 < int((near_w == w).sum()) < 32
    assert torch.equal(_draw_nearer(a, b, w, 0.0, seeded())[0], b)


def test_accuracy_of_a_network_that_always_says_nothing() -> None:
    net = EmdNet().eval()
    last = net.one_way[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, 0.5)
    a, b = wafers(300), wafers(300, seed=1)
    accuracy = emd_accuracy(net, a, b)
    relative = 0.5 / exact(a, b) - 1
    assert accuracy.mean == pytest.approx(float(relative.mean()), rel=1e-5)
    assert accuracy.sigma == pytest.approx(float(relative.std()), rel=1e-5)
    assert (accuracy.itself, accuracy.smallest, accuracy.n) == (0.5, 0.5, 300)


def test_a_short_training_learns_and_repeats_itself() -> None:
    told: list[tuple[int, float]] = []

    def train() -> tuple[EmdNet, float]:
        net, accuracy = train_emd_net(
            wafers(600),
            generator=seeded(),
            pairs=4000,
            epochs=5,
            batch=128,
            net=EmdNet(filters=8, dense=32, generator=seeded(1)),
            progress=lambda epoch, loss: told.append((epoch, loss)),
        )
        assert accuracy.n == 800
        return net, accuracy.correlation

    net, correlation = train()
    assert correlation > 0.9
    assert [epoch for epoch, _ in told] == [0, 1, 2, 3, 4]
    again, _ = train()
    assert told[:5] == told[5:]
    for weight, same in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(weight, same)


@pytest.mark.parametrize("loss", ["mse", "msle"])
@pytest.mark.parametrize("recipe", ["ae", "app"])
def test_recipes_and_losses(recipe: str, loss: str) -> None:
    images = wafers(300)
    decoded = images.roll(1, dims=1)
    net, accuracy = train_emd_net(
        images,
        generator=seeded(),
        recipe=recipe,
        decoded=decoded,
        loss=loss,
        pairs=500,
        epochs=1,
        batch=64,
        net=EmdNet(filters=4, dense=16),
    )
    assert accuracy.n == {"ae": 120, "app": 220}[recipe]
    assert not net.training
    assert all(bool(weight.isfinite().all()) for weight in net.parameters())


def test_training_further_does_not_touch_the_given_network(trained: EmdNet) -> None:
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    train_emd_net(wafers(100), generator=seeded(), pairs=200, epochs=1, net=trained)
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": "ae"}, "needs decoded"),
        ({"recipe": "app"}, "needs decoded"),
        ({"nearer": 1.5}, "nearer in 0 to 1"),
        ({"epochs": 0}, "at least 1"),
    ],
)
def test_bad_settings_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train_emd_net(wafers(20), generator=seeded(), pairs=20, **change)


@pytest.mark.parametrize("change", [{"recipe": "pairs"}, {"loss": "mae"}])
def test_unknown_names_are_refused(change: dict[str, str]) -> None:
    with pytest.raises((ValueError, TypeError)):
        train_emd_net(wafers(20), generator=seeded(), pairs=20, **change)


def test_saved_and_loaded_gives_the_same_estimates(trained: EmdNet, tmp_path: Path) -> None:
    save_emd_net(trained, tmp_path / "net.pt")
    loaded = load_emd_net(tmp_path / "net.pt")
    assert loaded.settings == trained.settings
    a, b = wafers(9), wafers(9, seed=1)
    assert torch.equal(learned_emd(a, b, loaded), learned_emd(a, b, trained))


def test_files_that_are_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    with pytest.raises(InputError, match="to be none"):
        load_emd_net(path)
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="something else"):
        load_emd_net(path)
    torch.save({"settings": {"filters": 3}, "weights": {}}, path)
    with pytest.raises(InputError, match="something else"):
        load_emd_net(path)


@pytest.mark.slow
def test_acceptance_of_the_specification() -> None:
    """60,000 training pairs: sigma < 8 %, correlation > 0.98, symmetric, small for equal wafers."""
    net, accuracy = train_emd_net(wafers(10_000), generator=seeded(), pairs=60_000, epochs=3)
    print(accuracy)
    assert accuracy.n == 12_000
    assert accuracy.sigma < 0.08
    assert abs(accuracy.mean) < 0.03
    assert accuracy.correlation > 0.98
    assert accuracy.itself < 0.5
    a, b = wafers(1000, seed=8), wafers(1000, seed=9)
    with torch.no_grad():
        torch.testing.assert_close(net(a, b), net(b, a), rtol=0, atol=1e-6)
