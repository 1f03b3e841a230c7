"""EfficientNet-Lite0: its published weights through our network, the grid, and refusals."""

import socket
from pathlib import Path

import pytest
import torch

from femtobarn.errors import InputError, MissingExtraError
from femtobarn.nn import EfficientNetLite0, load_efficientnet_lite0
from femtobarn.nn import efficientnet_lite as module


@pytest.fixture(scope="module")
def weights() -> Path:
    try:
        return module._installed()
    except MissingExtraError as error:
        pytest.skip(str(error))


def test_features_are_those_of_the_published_network(weights: Path) -> None:
    """Oracle: efficientnet-lite-pytorch, which has a network of its own for the same weights."""
    oracle = pytest.importorskip("efficientnet_lite_pytorch")
    net = oracle.EfficientNet.from_name("efficientnet-lite0").eval()
    net.load_state_dict(torch.load(weights, weights_only=True))
    image = torch.rand(1, 224, 224, generator=torch.Generator().manual_seed(1))
    seen = {}
    for place in (2, 4, 15):
        net._blocks[place].register_forward_hook(lambda _, __, out, place=place: seen.update({place: out}))
    mean, deviation = (torch.tensor(each)[:, None, None] for each in (module._MEAN, module._DEVIATION))
    with torch.no_grad():
        net((image[:, None] - mean) / deviation)
        for place, expected in seen.items():
            found = load_efficientnet_lite0((place,))(image)
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.usefixtures("weights")
def test_blocks_come_on_the_grid_of_the_last() -> None:
    network = load_efficientnet_lite0()
    image = torch.rand(2, 80, 160)
    found = network(image)
    assert found.shape == (2, 24 + 40, 10, 20)
    torch.testing.assert_close(found[1:], network(image[1:]), rtol=1e-4, atol=1e-4)
    assert not any(weight.requires_grad for weight in network.parameters())


@pytest.mark.usefixtures("weights")
def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", closed)
    load_efficientnet_lite0((0,))


def test_without_the_package_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"femtobarn\[vision\]"):
        load_efficientnet_lite0()


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"other")
    with pytest.raises(InputError, match="SHA-256"):
        load_efficientnet_lite0(path=path)
    with pytest.raises(InputError, match=r"nothing\.pth"):
        load_efficientnet_lite0(path=tmp_path / "nothing.pth")


def test_blocks_that_are_not_there() -> None:
    for blocks in ((), (16,), (4, 2), (-1,)):
        with pytest.raises(InputError, match="expected blocks from 0 to 15"):
            EfficientNetLite0(blocks)
