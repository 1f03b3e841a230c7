"""Convolutional autoencoder of jet images (arXiv:2212.07347, baseline)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

PIXELS, HALF_WIDTH = 40, 0.6  #: of an image, along either axis; as published for jets of radius 0.8


def jet_images(
    x: Float[Tensor, "jet particle 3"],
    mask: Bool[Tensor, "jet particle"],
    *,
    pixels: int = PIXELS,
    half_width: float = HALF_WIDTH,
) -> Float[Tensor, "jet eta phi"]:
    """Shares of a jet's pT in square pixels around its axis; particles (eta_rel, phi_rel, pt_rel) outside are lost.

    A jet without particles in the image is empty.
    """
    place = ((x[..., :2] / half_width + 1) * pixels / 2).floor().long()
    inside = mask & ((place >= 0) & (place < pixels)).all(dim=-1)
    flat = torch.where(inside, place[..., 0] * pixels + place[..., 1], 0)
    pt = torch.where(inside, x[..., 2], 0.0)
    image = x.new_zeros(len(x), pixels * pixels).scatter_add(1, flat, pt)
    return (image / image.sum(dim=1, keepdim=True).clamp(min=1e-12)).view(-1, pixels, pixels)


def pixel_particles(
    image: Float[Tensor, "jet eta phi"], *, half_width: float = HALF_WIDTH
) -> Float[Tensor, "jet pixel 3"]:
    """A particle (eta_rel, phi_rel, pt_rel) at the centre of each pixel."""
    pixels = image.shape[-1]
    centre = (
        (torch.arange(pixels, device=image.device, dtype=image.dtype) + 0.5) * 2 / pixels - 1
    ) * half_width
    eta, phi = torch.meshgrid(centre, centre, indexing="ij")
    place = torch.stack((eta, phi), dim=-1).flatten(0, 1).expand(len(image), -1, -1)
    return torch.cat((place, image.flatten(1)[..., None]), dim=-1)


class ImageAutoencoder(nn.Module):
    """Jet images that went through the latent space: two convolutions down, two up, and a softmax over the pixels.

    Args:
        latent: Numbers of the latent.
        channels: Of the convolutions.
        pixels: Of an image, along either axis; a multiple of 4.
    """

    def __init__(self, latent: int = 55, *, channels: int = 128, pixels: int = PIXELS) -> None:
        super().__init__()
        self.latent_numbers = latent
        inner = pixels // 4
        self.encoder = nn.Sequential(
            nn.Conv2d(1, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(channels * inner**2, latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, channels * inner**2),
            nn.ReLU(),
            nn.Unflatten(1, (channels, inner, inner)),
            nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, 1, 3, stride=2, padding=1, output_padding=1),
        )

    def compress(self, image: Float[Tensor, "jet eta phi"]) -> Float[Tensor, "jet number"]:
        """The latent of each image."""
        # Shares of some hundred lit pixels are of order 0.01: the network works in units of that.
        latent: Tensor = self.encoder(100 * image.unsqueeze(1))
        return latent

    def forward(self, image: Float[Tensor, "jet eta phi"]) -> Float[Tensor, "jet eta phi"]:
        """The images that come out, each with a sum of 1."""
        logits: Tensor = self.decoder(self.compress(image))
        return logits.flatten(1).softmax(dim=1).view(image.shape)
