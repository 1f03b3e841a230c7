"""The autoencoder of a trigger: its size, and its score as a circuit of linear layers and ReLU."""

import torch
from torch import nn

from femtobarn.nn import TriggerVae, trigger_score
from femtobarn.nn.trigger_vae import TriggerLoss, input_scale


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


def test_inputs_are_scaled_to_a_spread_near_one_by_powers_of_two() -> None:
    draw = torch.Generator().manual_seed(1)
    spread = torch.tensor([30.0, 3.3, 1.8, 7.0, 0.01, 0.0])
    objects = (torch.randn(4000, 6, generator=draw) * spread).reshape(4000, 2, 3)
    scale = input_scale(objects)
    assert scale.tolist() == [1 / 32, 1 / 4, 1 / 2, 1 / 8, 1.0, 1.0]
    assert float(TriggerVae(scale).scaled(objects).std(dim=0).max()) < 1.5


def test_hard_objects_among_soft_ones_have_a_large_score() -> None:
    """Angles alike, momenta ten times as large: what a trigger is for."""
    torch.manual_seed(1)
    soft = torch.randn(2000, 4, 3).abs() * torch.tensor([4.0, 2.0, 2.0])
    hard = torch.randn(200, 4, 3).abs() * torch.tensor([40.0, 2.0, 2.0])
    vae = TriggerVae(input_scale(soft))
    optimizer, loss = torch.optim.Adam(vae.parameters(), 3e-3), TriggerLoss(0.01)
    for batch in torch.arange(2000).repeat(10).split(100):
        optimizer.zero_grad()
        torch.autograd.backward(loss(vae, {"objects": soft[batch]}))
        optimizer.step()
    normal, odd = trigger_score(vae, soft), trigger_score(vae, hard)
    assert float((odd[:, None] > normal[None]).float().mean()) > 0.9


def test_gradients_reach_every_weight() -> None:
    torch.manual_seed(1)
    vae = TriggerVae()
    vae.loss(torch.randn(200, 19, 3) * 20, beta=0.1, noise=torch.randn(200, 8)).backward()
    for name, weight in vae.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name
