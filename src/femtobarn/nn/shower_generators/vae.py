"""CaloVAE+INN: a variational autoencoder of the voxels and a flow of its latent numbers (arXiv:2410.21611)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.shower_generators.preprocessing import Preprocessing, read_out
from femtobarn.nn.shower_generators.showers import Batch, normal, perceptron
from femtobarn.nn.spline_flow import SplineFlow

_EMPTY = -50.0  # in network units: far below any threshold


class CaloVae(nn.Module):
    """Flow of (u, latent numbers) given the incident energy, and decoder of those to voxels.

    The decoder tells of each voxel the chance that it reads anything, and mean and deviation of its logit if it
    does. With the published decoder, one value a voxel trained on absolute differences, a voxel that is hit in
    less than half of the showers would never be hit.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        *,
        latent: int = 50,
        hidden: tuple[int, ...] = (1500, 1000, 500),
        flow_blocks: int = 18,
        flow_width: int = 32,
        flow_bins: int = 10,
    ) -> None:
        super().__init__()
        self.preprocessing, self.latent = preprocessing, latent
        geometry = preprocessing.geometry
        self.split = len(geometry.layers)
        self.decoder = perceptron((latent + 1 + self.split, *reversed(hidden), 3 * geometry.voxels))
        self.flow = SplineFlow(
            self.split + latent, 1, blocks=flow_blocks, bins=flow_bins, bound=20.0, width=flow_width, layers=3
        )

    def sample(
        self, energies: Float[Tensor, "shower"], *, generator: torch.Generator
    ) -> Float[Tensor, "shower voxel"]:
        """Showers in MeV, before the threshold."""
        condition = self.preprocessing.condition(energies)
        numbers = self.flow.sample(condition, generator=generator)
        layers = numbers[:, : self.split]
        hit, mean, deviation = self.decoded(numbers[:, self.split :], torch.cat((condition, layers), dim=1))
        value = mean + deviation * normal(*mean.shape, generator=generator)
        chance = torch.rand(hit.shape, generator=generator, device=hit.device)
        voxels = torch.where(chance < hit.sigmoid(), value, _EMPTY)
        return self.preprocessing.decode(energies, layers, voxels)

    def decoded(
        self, latent: Float[Tensor, "shower latent"], condition: Float[Tensor, "shower condition"]
    ) -> tuple[Float[Tensor, "shower voxel"], ...]:
        """Logit of the chance of a hit, mean and deviation of its value, of each voxel."""
        hit, mean, deviation = self.decoder(torch.cat((latent, condition), dim=1)).chunk(3, dim=1)
        return hit, mean, F.softplus(deviation) + 0.01


class CaloVaeTraining(nn.Module):
    """The generator with the encoder that only its training needs.

    Args:
        generator: Decoder and flow.
        hidden: Widths of the encoder.
        beta: Weight of the Kullback-Leibler divergence of the latent numbers from normal noise.
    """

    def __init__(self, generator: CaloVae, *, hidden: tuple[int, ...], beta: float) -> None:
        super().__init__()
        self.generator, self.beta = generator, beta
        voxels = generator.preprocessing.geometry.voxels
        self.encoder = perceptron((2 * voxels + 1 + generator.split, *hidden, 2 * generator.latent))

    def loss(self, batch: Batch, *, generator: torch.Generator) -> Float[Tensor, ""]:
        """Evidence bound of the autoencoder, per voxel, plus negative log density of the flow, per number.

        The flow learns from the latent numbers without a gradient back to the encoder.
        """
        model = self.generator
        energies, showers = batch["energies"], batch["showers"]
        layers, voxels = model.preprocessing.encode(energies, showers, generator=generator)
        hits = (read_out(showers, model.preprocessing.geometry.threshold) > 0).float()
        energy = model.preprocessing.condition(energies)
        condition = torch.cat((energy, layers), dim=1)
        centre, log_width = self.encoder(torch.cat((hits, hits * voxels, condition), dim=1)).chunk(2, dim=1)
        log_width = log_width.clamp(-6, 2)
        latent = centre + log_width.exp() * normal(*centre.shape, generator=generator)
        hit, mean, deviation = model.decoded(latent, condition)
        seen = F.binary_cross_entropy_with_logits(hit, hits, reduction="none")
        value = hits * (0.5 * ((voxels - mean) / deviation).square() + deviation.log())
        divergence = 0.5 * (centre.square() + (2 * log_width).exp() - 1) - log_width
        bound = (seen + value).sum(dim=1) + self.beta * divergence.sum(dim=1)
        density = model.flow.log_density(torch.cat((layers, latent.detach()), dim=1), energy)
        return bound.mean() / voxels.shape[1] - density.mean() / model.flow.features
