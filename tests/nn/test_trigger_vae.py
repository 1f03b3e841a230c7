"""The autoencoder of a trigger: its size, and its score as a circuit of linear layers and ReLU."""

import torch
from torch import nn

from femtobarn.nn import TriggerVae


def test_sizes_are_those_of_the_deployed_one() -> None:
    vae = TriggerVae()
    widths = [layer.out_features for layer in vae.encoder if isinstance(layer, nn.Linear)]
    assert (vae.encoder[0].in_features, *widths, vae.mean.out_features) == (57, 28, 15, 8)


def test_the_circuit_gives_the_sum_of_absolute_means() -> None:
    torch.manual_seed(1)
    vae, objects = TriggerVae(), torch.randn(50, 19, 3) * torch.tensor([60.0, 2.0, 2.0])
    expected = vae.mean(vae.encoder(vae.scaled(objects))).abs().sum(dim=1)
    torch.testing.assert_close(vae(objects), expected)
    circuit = vae.circuit()
    torch.testing.assert_close(circuit(vae.scaled(objects)).squeeze(1), expected)
    assert all(isinstance(layer, nn.Linear | nn.ReLU) for layer in circuit)


def test_inputs_are_scaled_by_powers_of_two() -> None:
    scale = TriggerVae().scale
    assert (scale.log2() == scale.log2().round()).all()


def test_gradients_reach_every_weight() -> None:
    torch.manual_seed(1)
    vae = TriggerVae()
    vae.loss(torch.randn(200, 19, 3) * 20, beta=0.1, noise=torch.randn(200, 8)).backward()
    for name, weight in vae.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name
