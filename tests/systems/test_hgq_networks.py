"""Networks, their uniform baseline, the muon masks and the sample, each by itself."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from femtobarn.datasets import muon_tgc, svhn
from femtobarn.errors import InputError
from femtobarn.hardware.integer_nodes import Input, Quantise
from femtobarn.nn.quantised import Quantiser, WeightQuantiser, calibrate, ebops, quantise, to_integer
from femtobarn.systems.hgq import model, sample
from femtobarn.systems.hgq.training import Course, Training, train
from femtobarn.systems.hgq.uniform import best_integer_bits, uniform


def test_sizes_of_the_published_networks() -> None:
    jets = model.network("jets", hidden=(64, 32, 32), norm=True)
    assert [layer.weight.shape for layer in jets if isinstance(layer, nn.Linear)] == [
        (64, 16), (32, 64), (32, 32), (5, 32)
    ]  # fmt: skip
    house = model.network("svhn", hidden=(), norm=False)
    assert house(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert [tuple(layer.weight.shape[:2]) for layer in house if isinstance(layer, nn.Linear)] == [
        (42, 96), (64, 42), (10, 64)
    ]  # fmt: skip
    muon = model.network("muon", hidden=(), norm=False)
    assert muon(torch.zeros(2, 7, 50)).shape == (2, 1)


@pytest.mark.parametrize("task", ["svhn", "muon"])
def test_each_network_becomes_exact_integers(task: sample.Task) -> None:
    torch.manual_seed(0)
    shape = {"svhn": (3, 32, 32), "muon": (7, 50)}[task]
    x = torch.rand(40, *shape).round(decimals=2)
    net = quantise(model.network(task, hidden=(), norm=False), x, fraction=6, weight_fraction=8)
    calibrate(net, x)
    integers = to_integer(net)
    with torch.no_grad():
        expected = net.double().eval()(x[:6].double()).numpy()
    np.testing.assert_array_equal(integers(x[:6].double().numpy()), expected)
    assert np.ptp(expected) > 0


@given(bits=st.integers(2, 9), scale=st.floats(1e-3, 1e3), signed=st.booleans())
def test_the_best_range_is_that_of_a_search_over_all(bits: int, scale: float, signed: bool) -> None:
    x = scale * torch.randn(200, generator=torch.Generator().manual_seed(bits))
    x = x if signed else x.relu()

    def error(integer: int) -> float:
        step = 2.0 ** (integer - bits + signed)
        low, high = (-(2.0**integer) if signed else 0.0), 2.0**integer - step
        q = (torch.floor(x.double() / step + 0.5) * step).clamp(low, high)
        return float(((q - x) ** 2).sum())

    best = best_integer_bits(x, bits=bits, signed=signed, symmetric=False)
    assert error(best) <= min(map(error, range(-15, 16))) * (1 + 1e-5) + 1e-12


def test_zeros_have_a_range_too() -> None:
    assert best_integer_bits(torch.zeros(5), bits=4, signed=True, symmetric=True) == 0


@pytest.mark.parametrize("norm", [False, True])
def test_uniform_numbers_all_have_the_same_width(norm: bool) -> None:
    torch.manual_seed(0)
    net = model.jet_classifier((8, 6), norm=norm).eval()
    x = torch.randn(500, 16)
    for bits in (3, 6):
        quantised = uniform(net, x, bits=bits)
        integers = to_integer(quantised)
        for node in integers.nodes:
            if isinstance(node, Input | Quantise):
                assert (node.format.width == bits).all()
                assert node.format.overflow == "SAT"
        for module in quantised.modules():
            if isinstance(module, WeightQuantiser):
                assert module.overflow == "SAT_SYM"
                assert float((module.integer + module.fraction).detach().max()) == bits - 1
            if isinstance(module, Quantiser | WeightQuantiser):
                assert not any(each.requires_grad for each in module.parameters(recurse=False))


def test_many_uniform_bits_are_the_network_and_fewer_are_farther() -> None:
    torch.manual_seed(0)
    net = model.jet_classifier((8,), norm=False)
    x = torch.randn(1000, 16)
    with torch.no_grad():
        distance = [float((uniform(net, x, bits=bits)(x) - net(x)).abs().mean()) for bits in (4, 8, 16)]
    assert distance[0] > 4 * distance[1] > 16 * distance[2]
    assert distance[2] < 1e-3


@pytest.fixture(scope="module")
def muons() -> sample.Split:
    return sample.load_split(sample.Data(task="muon", events=6000), seed=1, workers=1, progress=False)


def test_masks_join_strips_that_a_track_can_join() -> None:
    hits = muon_tgc.stand_in(20_000, seed=1).read(("hits",), 0, 20_000)["hits"]
    masks = sample.muon_masks(hits)
    rise = np.arange(50)[None] - np.arange(50)[:, None]  # from a strip of the first station outwards
    fired = [hits[:, layers].any(axis=1) for layers in (slice(0, 3), slice(3, 5), slice(5, 7))]
    for name, other, depth in (("link2", 1, 39), ("link3", 2, 79)):
        mask = masks[name].numpy()
        np.testing.assert_array_equal(mask, np.corrcoef(fired[0].T, fired[other].T)[:50, 50:] > 0.01)
        low, high = np.tan(0.029) * depth, np.tan(0.429) * depth
        assert mask[(rise < low - 4) | (rise > high + 4)].mean() < 0.15
        assert mask[(rise > low) & (rise < high)].mean() > 0.4


def test_masked_weights_stay_zero_and_cost_nothing(muons: sample.Split, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = model.network("muon", hidden=(), norm=False)
    model.keep_masked(net, muons.masks)
    settings = Training(batch=256)
    train(net, muons, Course(1, 1), settings, seed=1, folder=tmp_path / "a")
    quantised = quantise(net, muons.train.x[:500], fraction=4, weight_fraction=5)
    train(quantised, muons, Course(1, 1, settings.betas()), settings, seed=1, folder=tmp_path / "b")
    for name, mask in muons.masks.items():
        assert not net.get_submodule(name).weight[~mask].any()
        weights = quantised.get_submodule(name).weights
        assert not weights.weight[~mask].any()
        assert weights.weight[mask].abs().sum() > 0
        ebops(quantised)
        assert not weights.kernel_quantiser.bits()[~mask].any()


def test_the_muon_net_learns_the_angle(muons: sample.Split, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = model.network("muon", hidden=(), norm=False)
    model.keep_masked(net, muons.masks)
    (best,), history = train(
        net, muons, Course(15, 15), Training(batch=128, lr=3e-3), seed=1, folder=tmp_path
    )
    angle = muons.validation.y * muons.scale.unit
    guess = np.zeros((len(angle), 1))
    assert model.quality("muon", guess, muons.validation.y, muons.scale)[0] == -math.inf
    assert -20 < best.quality < 0
    assert history[-1]["train"] < 0.5 * history[0]["train"]


def test_resolution_of_known_residuals() -> None:
    scale = sample.Scale(torch.tensor(0.0), torch.tensor(1.0), 200.0, 64.0)
    y = torch.linspace(-2, 2, 1000)
    shift = np.where(np.arange(1000) % 2, 3.0, -3.0) / 64
    shift[:10] = 40 / 64  # beyond 30 mrad: not counted
    value, error = model.quality("muon", (y.numpy() + shift)[:, None], y, scale)
    assert value == pytest.approx(-3, rel=1e-4)
    assert error == pytest.approx(3 / math.sqrt(2 * 990), rel=1e-4)


def test_accuracy_of_known_outputs() -> None:
    scale = sample.Scale(torch.tensor(0.0), torch.tensor(1.0))
    y = torch.arange(100) % 5
    output = np.eye(5)[(y.numpy() + (np.arange(100) < 20)) % 5]
    assert model.quality("jets", output, y, scale) == (0.8, pytest.approx(0.04))


@pytest.mark.parametrize("task", ["jets", "svhn", "muon"])
def test_no_event_stands_on_two_sides(task: sample.Task) -> None:
    engine = "mixture" if task == "jets" else "generated"
    data = sample.Data(task=task, engine=engine, events=900, test=0.3, validation=0.2)
    split = sample.load_split(data, seed=4, workers=1, progress=False)
    parts = [part.x.reshape(len(part.x), -1).numpy() for part in (split.train, split.validation, split.test)]
    assert [len(part) for part in parts] == [450, 180, 270]
    rows = {row.tobytes() for part in parts for row in part}
    assert len(rows) == 900
    if task == "jets":
        assert np.abs(parts[0].mean(axis=0)).max() < 1e-5
        assert parts[0].std(axis=0) == pytest.approx(np.ones(16), abs=1e-4)
    if task == "svhn":
        assert 0 <= parts[0].min() < parts[0].max() <= 1


def test_real_house_numbers_keep_their_own_test_file(tmp_path: Path) -> None:
    for name, seed, count in (("train_32x32.mat", 1, 300), ("test_32x32.mat", 2, 60)):
        arrays = svhn.stand_in(count, seed=seed).read(("image", "label"), 0, count)
        svhn.write_images(tmp_path / name, arrays["image"], arrays["label"])
    data = sample.Data(
        task="svhn",
        files=(tmp_path / "train_32x32.mat",),
        test_files=(tmp_path / "test_32x32.mat",),
        validation=0.2,
    )
    split = sample.load_split(data, seed=1, workers=1, progress=False)
    assert [len(part.x) for part in (split.train, split.validation, split.test)] == [240, 60, 60]
    np.testing.assert_array_equal(split.test.x.numpy() * 255, arrays["image"])
    np.testing.assert_array_equal(split.test.y, arrays["label"])
    # The names of the published files with other numbers of images do not make them published.
    assert (split.provenance.kind, split.provenance.name) == ("real", "own svhn")
    assert len(split.provenance.files) == 2


def test_real_muon_tracks(tmp_path: Path) -> None:
    arrays = muon_tgc.stand_in(600, seed=1).read(("hits", "angle"), 0, 600)
    muon_tgc.write_tracks(tmp_path / "tgc.h5", arrays["hits"], arrays["angle"])
    data = sample.Data(task="muon", files=(tmp_path / "tgc.h5",), events=500)
    split = sample.load_split(data, seed=1, workers=1, progress=False)
    assert sum(len(part.x) for part in (split.train, split.validation, split.test)) == 500
    angles = np.concatenate([p.y for p in (split.train, split.validation, split.test)])
    np.testing.assert_allclose(
        np.sort(split.scale.offset + split.scale.unit * angles), np.sort(arrays["angle"][:500]), atol=1e-3
    )
    assert split.provenance.name == "own muon"
    (tmp_path / "tgc.h5").rename(tmp_path / muon_tgc.FILE)
    data = sample.Data(task="muon", files=(tmp_path / muon_tgc.FILE,))
    assert sample.load_split(data, seed=1, workers=1, progress=False).provenance.name == "fake TGC"
    with pytest.raises(InputError, match="one file"):
        sample.open_files("muon", [tmp_path / "tgc.h5"] * 2)
