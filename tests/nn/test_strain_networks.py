"""Networks of whitened strain: published sizes, shapes, windows, terms, what gives zero, and what a code can hold."""

import numpy as np
import pytest
import torch

from femtobarn.errors import InputError
from femtobarn.nn import (
    ConvolutionalAutoencoder,
    DenseAutoencoder,
    RecurrentAutoencoder,
    StrainAutoencoder,
    StrainClassifier,
    ZeroAutoencoder,
    window_errors,
)
from femtobarn.nn.strain_networks import TOGETHER, WIDTHS
from femtobarn.physics.coherence import windowed_power

STRAIN = np.random.default_rng(1).normal(size=(3, 2, 130)).astype(np.float32)


def _autoencoder(name: str, **more: bool) -> StrainAutoencoder:
    torch.manual_seed(1)
    return StrainAutoencoder(name, window=32, **more)


def test_the_lstm_has_the_published_weights() -> None:
    """11,489 in Keras, where each gate has one bias."""
    model = RecurrentAutoencoder()
    doubled = sum(p.numel() for name, p in model.named_parameters() if "bias_hh" in name)
    assert sum(p.numel() for p in model.parameters()) - doubled == 11_489


def test_the_forget_gate_begins_open() -> None:
    layer = RecurrentAutoencoder().encoder[0]
    total = layer.bias_ih_l0 + layer.bias_hh_l0
    assert (total[32:64] == 1).all()
    assert total.sum() == 32


@pytest.mark.parametrize("name", WIDTHS)
def test_windows_come_back_in_their_shape(name: str) -> None:
    model = _autoencoder(name, published=False)
    x = torch.randn(5, *model.input_shape, requires_grad=True)
    out = model(x)
    assert out.shape == x.shape
    if name != "zero":
        out.square().sum().backward()
        assert all(p.grad is not None and p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("name", WIDTHS)
def test_the_terms_are_the_largest_errors(name: str) -> None:
    model = _autoencoder(name, published=False).eval()
    found = model.terms(STRAIN, at_once=3)
    assert found.shape == (3, 1 if name == TOGETHER else 2)
    for event in range(3):
        for term in range(found.shape[1]):
            rows = STRAIN[event] if name == TOGETHER else STRAIN[event, [term]]
            windows = [torch.from_numpy(rows[:, t : t + 32].T.copy())[None] for t in range(0, 128, 32)]
            with torch.no_grad():
                errors = [float((model(w) - w).square().mean()) for w in windows]
            assert found[event, term] == pytest.approx(max(errors), rel=1e-4)


def test_one_that_gives_zero_is_the_excess_power() -> None:
    np.testing.assert_allclose(
        _autoencoder("zero").terms(STRAIN), windowed_power(STRAIN, 32).max(axis=2), rtol=1e-5
    )
    assert not ZeroAutoencoder()(torch.ones(2, 5, 1)).any()


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_the_code_is_all_that_the_decoder_knows(cell: str) -> None:
    """Windows that end in the same state are restored alike, whatever they were."""
    torch.manual_seed(1)
    model = RecurrentAutoencoder(1, (6, 3), cell=cell)
    with torch.no_grad():
        for parameter in model.encoder[-1].parameters():
            parameter.zero_()
        one, two = model(torch.randn(2, 10, 1))
    torch.testing.assert_close(one, two)


def test_a_sine_can_be_learned_and_noise_cannot() -> None:
    torch.manual_seed(1)
    phase = torch.rand(64, 1) * 6.28
    sines = torch.sin(torch.arange(16) * 0.4 + phase)[..., None]
    model = RecurrentAutoencoder(1, (16, 4))
    optimiser = torch.optim.Adam(model.parameters(), 2e-2)
    for _ in range(120):
        optimiser.zero_grad()
        window_errors(model, sines).mean().backward()
        optimiser.step()
    with torch.no_grad():
        learned = float(window_errors(model, sines).mean()) / float(sines.square().mean())
        noise = torch.randn(64, 16, 1)
        left = float(window_errors(model, noise).mean()) / float(noise.square().mean())
    assert learned < 0.8 < left


@pytest.mark.parametrize("published", [True, False])
def test_the_classifier_gives_one_logit(published: bool) -> None:
    torch.manual_seed(1)
    model = StrainClassifier(2560, published=published).eval()
    strain = np.random.default_rng(2).normal(size=(3, 2, 2560)).astype(np.float32)
    found = model.terms(strain, at_once=2)
    with torch.no_grad():
        np.testing.assert_allclose(found[:, 0], model(torch.from_numpy(strain)).numpy(), rtol=1e-4, atol=1e-6)
    if not published:
        assert model.terms(strain[:, :, :700]).shape == (3, 1), "events of any length"


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(InputError, match="no autoencoder"):
        StrainAutoencoder("RNN")
    with pytest.raises(InputError, match="too short"):
        StrainClassifier(100)
    with pytest.raises(InputError, match="multiple of 4"):
        ConvolutionalAutoencoder(1, (4, 2))(torch.zeros(1, 30, 1))
    with pytest.raises(InputError, match="LSTM or GRU"):
        RecurrentAutoencoder(1, ())
    assert DenseAutoencoder(30)(torch.zeros(2, 30, 1)).shape == (2, 30, 1)
