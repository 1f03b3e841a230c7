"""Autoencoders of jets as sets of particles or as images, and how representations of the Lorentz group combine."""

from femtobarn.nn.jet_autoencoders.couplings import couplings, four_vector, irreducible
from femtobarn.nn.jet_autoencoders.graph import GraphAutoencoder
from femtobarn.nn.jet_autoencoders.image import ImageAutoencoder, jet_images, pixel_particles
from femtobarn.nn.jet_autoencoders.lorentz import (
    Bells,
    ComplexLinear,
    Latent,
    LorentzAutoencoder,
    LorentzDecoder,
    LorentzEncoder,
    LorentzLevel,
    pair_invariants,
)

__all__ = [
    "Bells",
    "ComplexLinear",
    "GraphAutoencoder",
    "ImageAutoencoder",
    "Latent",
    "LorentzAutoencoder",
    "LorentzDecoder",
    "LorentzEncoder",
    "LorentzLevel",
    "couplings",
    "four_vector",
    "irreducible",
    "jet_images",
    "pair_invariants",
    "pixel_particles",
]
