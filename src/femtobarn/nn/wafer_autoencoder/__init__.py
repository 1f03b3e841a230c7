"""Autoencoder of the 48 trigger cells of a wafer: encoders for a chip, decoders for what receives their codes.

An encoder has ``encode(charge)``, which gives the `Codes` that travel; a decoder makes the image of them.
"""

from femtobarn.nn.wafer_autoencoder.autoencoder import Autoencoder
from femtobarn.nn.wafer_autoencoder.best_choice import BestChoice
from femtobarn.nn.wafer_autoencoder.bit_encoder import BitEncoder, fixed_point
from femtobarn.nn.wafer_autoencoder.decoders import Decoder, LargeDecoder, RestDecoder, ShareDecoder
from femtobarn.nn.wafer_autoencoder.encoder import (
    BITS,
    CODES,
    HIDDEN,
    INPUT,
    WEIGHT,
    Codes,
    Encoder,
    normalise,
    transmitted_sum,
)
from femtobarn.nn.wafer_autoencoder.pyramid_code import PyramidCode, pyramid_code

__all__ = [
    "BITS",
    "CODES",
    "HIDDEN",
    "INPUT",
    "WEIGHT",
    "Autoencoder",
    "BestChoice",
    "BitEncoder",
    "Codes",
    "Decoder",
    "Encoder",
    "LargeDecoder",
    "PyramidCode",
    "RestDecoder",
    "ShareDecoder",
    "fixed_point",
    "normalise",
    "pyramid_code",
    "transmitted_sum",
]
