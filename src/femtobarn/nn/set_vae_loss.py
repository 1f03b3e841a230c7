"""What autoencoders of particle sets minimise, and the anomaly scores they give: Set-VAE and CLIP-VAE."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from femtobarn.losses.best_share import mean_of_best
from femtobarn.losses.kl import kl_standard_normal
from femtobarn.losses.particle_sets import set_error
from femtobarn.nn.set_vae import SetVae, shares_and_angles

Batch = Mapping[str, Tensor]  #: the arguments of `SetVae` by name: particles, species, jet


class SetVaeLoss(NamedTuple):
    """Error of the set, plus `beta` times the divergence of some of the jets (arXiv:2311.17162)."""

    angle: float
    """Angle that counts as much as a wrong share of momentum (see `particle_cost`)."""
    beta: float
    kept: float = 1.0
    """Share of the jets of a batch, those with the smallest errors, that feel the divergence."""
    species: bool = True
    """Whether the network sees the kinds of particles, and only those of one kind may be partners."""

    def value(self, network: nn.Module, batch: Batch, noise: Tensor | None = None) -> Float[Tensor, ""]:
        """The loss of a batch; latent noise is standard normal numbers."""
        cut = cropped(batch)
        made, encoded = network(cut["particles"], cut["species"], cut["jet"], noise)
        error = self.error(made, cut)
        divergence = kl_standard_normal(*encoded).mean(dim=1)
        return error.mean() + self.beta * mean_of_best(divergence, error, self.kept)

    def error(self, made: Float[Tensor, "jet particle 3"], batch: Batch) -> Float[Tensor, "jet"]:
        """Error of each set that was made."""
        real, mask = shares_and_angles(batch["particles"], batch["jet"]), batch["species"] >= 0
        return set_error(real, made, mask, batch["species"] if self.species else None, angle=self.angle)


#: As in the published checkpoints; the file of settings beside that of CLIP-VAE has angle 0.1 and kept 0.75.
SET_VAE = SetVaeLoss(angle=0.15, beta=1e-3)
CLIP_VAE = SetVaeLoss(angle=0.05, beta=0.08, kept=0.70)


class WarmUp(nn.Module):
    """A loss with latent noise that rises from 0 to 1 over the first steps, which it counts."""

    step: Tensor

    def __init__(self, loss: SetVaeLoss, *, steps: int) -> None:
        super().__init__()
        self.loss, self.steps = loss, steps
        self.register_buffer("step", torch.tensor(0))

    def forward(self, network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        """Loss of a training batch; one step."""
        assert isinstance(network, SetVae)
        noise = torch.randn(len(batch["jet"]), network.mean.out_features, device=batch["jet"].device)
        noise = noise * (self.step / max(self.steps, 1)).clamp(max=1)
        self.step += 1
        return self.loss.value(network, batch, noise)


@torch.no_grad()
def set_vae_scores(
    network: nn.Module, jets: Batch, loss: SetVaeLoss, *, together: int = 500
) -> dict[str, Float64[np.ndarray, "jet"]]:
    """Anomaly scores of each jet, none of them with noise.

    "error": of the set, what Set-VAE proposes. "error without veto", of a network that sees kinds: the same if
    particles of any kind may be partners. "KL": mean divergence of the latent components, what CLIP-VAE proposes; it
    needs no decoder.

    Args:
        network: A trained `SetVae`.
        jets: Its arguments by name, of any number of jets.
        loss: What it was trained with.
        together: Jets that are computed at a time.
    """
    losses = {"error": loss} | ({"error without veto": loss._replace(species=False)} if loss.species else {})
    found: dict[str, list[Tensor]] = {name: [] for name in (*losses, "KL")}
    for rows in torch.split(torch.arange(len(jets["jet"])), together):
        cut = cropped({name: column[rows] for name, column in jets.items()})
        made, encoded = network(cut["particles"], cut["species"], cut["jet"])
        for name, each in losses.items():
            found[name].append(each.error(made, cut))
        found["KL"].append(kl_standard_normal(*encoded).mean(dim=1))
    return {name: torch.cat(parts).double().numpy() for name, parts in found.items()}


def cropped(batch: Batch) -> dict[str, Tensor]:
    """Without the padding that no jet of the batch needs."""
    most = max(1, int((batch["species"] >= 0).sum(dim=1).max()))
    return dict(batch) | {name: batch[name][:, :most] for name in ("particles", "species")}
