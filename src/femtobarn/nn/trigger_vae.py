"""A variational autoencoder small enough for the first level of a trigger, and its score as a circuit.

Sizes of AXOL1TL, the anomaly detector in the Global Trigger of CMS (arXiv:2411.19506): 57 inputs, layers of 28 and 15,
8 latent components. Only facts of it are used.
"""

import copy
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.losses.kl import kl_standard_normal
from femtobarn.nn.quantised import BitTrue, quantise

_OBJECTS = 19


def input_scale(objects: Float[Tensor, "event object 3"]) -> Float[Tensor, "input"]:
    """The power of two that brings the spread of each input nearest to one; nothing is enlarged.

    A circuit then needs no more than to read the trigger's codes at another point. Without it a network sees little
    but angles, which are as random in a signal.

    Args:
        objects: (pT, eta, phi) in GeV and radians, of the events to train on.
    """
    return 2.0 ** torch.round(-torch.log2(objects.flatten(1).std(dim=0).clamp(min=1.0)))


class TriggerVae(nn.Module):
    """Encoder and decoder of (pT, eta, phi) of trigger objects.

    Inputs are in GeV and radians and are multiplied by a scale. The decoder, which no trigger needs, mirrors the
    encoder.

    Args:
        scale: Of each input, three an object, such as `input_scale`; one for each of 19 objects if it is None.
        hidden: Widths of the encoder's layers.
        latent: Components.
    """

    scale: Tensor

    def __init__(
        self,
        scale: Float[Tensor, "input"] | None = None,
        *,
        hidden: tuple[int, ...] = (28, 15),
        latent: int = 8,
    ) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(3 * _OBJECTS) if scale is None else scale)
        inputs = len(self.scale)
        self.encoder = _layers((inputs, *hidden))
        self.mean, self.log_variance = (nn.Linear(hidden[-1], latent) for _ in range(2))
        self.decoder = nn.Sequential(*_layers((latent, *reversed(hidden))), nn.Linear(hidden[0], inputs))

    def scaled(self, objects: Float[Tensor, "event object 3"]) -> Float[Tensor, "event input"]:
        """What the network computes with: a row of numbers for each event."""
        return objects.flatten(1) * self.scale

    def forward(self, objects: Float[Tensor, "event object 3"]) -> Float[Tensor, "event"]:
        """The score: sum of the absolute latent means."""
        means: Tensor = self.mean(self.encoder(self.scaled(objects)))
        return means.abs().sum(dim=1)

    def loss(
        self,
        objects: Float[Tensor, "event object 3"],
        *,
        beta: float,
        noise: Float[Tensor, "event latent"] | None,
    ) -> Float[Tensor, ""]:
        """Mean squared error of the scaled inputs plus `beta` times the divergence, summed over the components."""
        x = self.scaled(objects)
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden).clamp(-10, 10)
        z = mean if noise is None else mean + noise * (log_variance / 2).exp()
        error = (self.decoder(z) - x).square().mean()
        return error + beta * kl_standard_normal(mean, log_variance).sum(dim=1).mean()

    def circuit(self) -> nn.Sequential:
        """The score of scaled inputs by linear layers and ReLU alone: |m| = ReLU(m) + ReLU(-m)."""
        mean = self.mean
        both = nn.Linear(mean.in_features, 2 * mean.out_features)
        added = nn.Linear(2 * mean.out_features, 1)
        with torch.no_grad():
            both.weight.copy_(torch.cat((mean.weight, -mean.weight)))
            both.bias.copy_(torch.cat((mean.bias, -mean.bias)))
            added.weight.fill_(1.0)
            added.bias.zero_()
        return nn.Sequential(*copy.deepcopy(self.encoder), both, nn.ReLU(), added)


class TriggerLoss(NamedTuple):
    """The loss of a batch {"objects"} as an objective, with latent noise in training only."""

    divergence: float
    """Weight of the latent divergence."""

    def __call__(self, network: nn.Module, batch: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """Of one batch."""
        assert isinstance(network, TriggerVae)
        objects, noise = batch["objects"], None
        if network.training:
            noise = torch.randn(len(objects), network.mean.out_features, device=objects.device)
        return network.loss(objects, beta=self.divergence, noise=noise)


def score_difference(network: nn.Module, batch: Mapping[str, Tensor]) -> Float[Tensor, ""]:
    """Mean absolute error of a score, from scaled inputs "x" and the "score" that is to be learned."""
    error: Tensor = (network(batch["x"]).squeeze(1) - batch["score"]).abs().mean()
    return error


class FixedPointScore(BitTrue):
    """The circuit of a score with bits of its own for every number; its inputs are objects times `scale`."""

    scale: Tensor

    def __init__(self, circuit: nn.Module, scale: Float[Tensor, "input"]) -> None:
        super().__init__(circuit)
        self.register_buffer("scale", scale)


def score_in_fixed_point(
    vae: TriggerVae, example: Float[Tensor, "event input"] | None = None
) -> FixedPointScore:
    """The circuit of a network's score in fixed point, to be trained with the price of its bits.

    Args:
        vae: Whose score it is.
        example: Scaled inputs, whose ranges the numbers start with; none for a circuit whose weights are to be loaded.
    """
    if example is None:
        example = torch.zeros(2, len(vae.scale))
    circuit = quantise(vae.circuit(), example, fraction=4.0, weight_fraction=6.0, overflow="SAT")
    return FixedPointScore(circuit, vae.scale.clone())


@torch.no_grad()
def trigger_score(
    network: TriggerVae | FixedPointScore, objects: Float[Tensor, "event object 3"]
) -> Float[Tensor, "event"]:
    """The score of each event by the network, or by its circuit in fixed point."""
    if isinstance(network, TriggerVae):
        return network(objects)
    return network(objects.flatten(1) * network.scale).squeeze(1)


def _layers(widths: tuple[int, ...]) -> nn.Sequential:
    return nn.Sequential(
        *(layer for inputs, outputs in pairwise(widths) for layer in (nn.Linear(inputs, outputs), nn.ReLU()))
    )
