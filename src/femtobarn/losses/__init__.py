"""Losses: functions on tensors, differentiable in all their data."""

from femtobarn.losses.best_share import mean_of_best
from femtobarn.losses.binary_focal import binary_focal
from femtobarn.losses.chamfer import chamfer, point_chamfer
from femtobarn.losses.condensation import (
    Condensation,
    condensation,
    condensation_2022,
    energy_loss,
    object_weight,
    payload,
)
from femtobarn.losses.distance_correlation import distance_correlation
from femtobarn.losses.distillation import distillation_loss, soft_loss
from femtobarn.losses.emd import Transport, emd, emd_potentials
from femtobarn.losses.emd_points import emd_points
from femtobarn.losses.inverse_dice import inverse_dice
from femtobarn.losses.jet_reconstruction import JetTerms, jet_mass_pt, jet_terms
from femtobarn.losses.kl import kl_standard_normal
from femtobarn.losses.learned_emd import (
    EmdAccuracy,
    EmdNet,
    emd_accuracy,
    learned_emd,
    load_emd_net,
    pairs_all,
    save_emd_net,
    train_emd_net,
)
from femtobarn.losses.nt_xent import nt_xent
from femtobarn.losses.particle_flow import flow_loss, published_flow_loss
from femtobarn.losses.particle_sets import particle_cost, set_error
from femtobarn.losses.prototype import prototype_logits, prototype_loss, prototypes
from femtobarn.losses.sinkhorn import sinkhorn, sinkhorn_cost
from femtobarn.losses.sliced_wasserstein import sliced_wasserstein
from femtobarn.losses.spatial_filters import FourierBand, HaarBand, Neighbourhood, fourier_band, haar_band
from femtobarn.losses.spatial_score import SpatialScore, spatial_score
from femtobarn.losses.telescope import telescope_mse, weighted_mse

__all__ = [
    "Condensation",
    "EmdAccuracy",
    "EmdNet",
    "FourierBand",
    "HaarBand",
    "JetTerms",
    "Neighbourhood",
    "SpatialScore",
    "Transport",
    "binary_focal",
    "chamfer",
    "condensation",
    "condensation_2022",
    "distance_correlation",
    "distillation_loss",
    "emd",
    "emd_accuracy",
    "emd_points",
    "emd_potentials",
    "energy_loss",
    "flow_loss",
    "fourier_band",
    "haar_band",
    "inverse_dice",
    "jet_mass_pt",
    "jet_terms",
    "kl_standard_normal",
    "learned_emd",
    "load_emd_net",
    "mean_of_best",
    "nt_xent",
    "object_weight",
    "pairs_all",
    "particle_cost",
    "payload",
    "point_chamfer",
    "prototype_logits",
    "prototype_loss",
    "prototypes",
    "published_flow_loss",
    "save_emd_net",
    "set_error",
    "sinkhorn",
    "sinkhorn_cost",
    "sliced_wasserstein",
    "soft_loss",
    "spatial_score",
    "telescope_mse",
    "train_emd_net",
    "weighted_mse",
]
