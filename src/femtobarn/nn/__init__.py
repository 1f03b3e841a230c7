"""Layers and blocks used by two systems or worth calling alone; those with trained bits are in `nn.quantised`."""

from femtobarn.nn.binned_graph import BinnedGraph, Neighbours
from femtobarn.nn.cell_statistics import cell_statistics
from femtobarn.nn.circular_conv import CircularConv2d, CircularConv3d, CircularUpsample3d
from femtobarn.nn.condensation_net import CondensationNet, Condensed
from femtobarn.nn.condensing import Condensing, hit_batch, network_output
from femtobarn.nn.corrected_map import CorrectedMap, event_probabilities
from femtobarn.nn.deep_set import DeepSet
from femtobarn.nn.denoising import ddim, denoised, denoising_loss
from femtobarn.nn.dirichlet_vae import DirichletVae
from femtobarn.nn.distilled import (
    ImageTeacher,
    RegionTeacher,
    anomaly_teacher,
    fixed_point_students,
    region_target,
)
from femtobarn.nn.dual_autoencoder import DualAutoencoder, SpatialConditioning
from femtobarn.nn.edge_network import EdgeNetwork
from femtobarn.nn.efficientnet_lite import EfficientNetLite0, load_efficientnet_lite0
from femtobarn.nn.epic import EpicLayer
from femtobarn.nn.feature_bank import FeatureBank, furthest_points
from femtobarn.nn.flow_matching import follow, matching_loss, unit_velocity
from femtobarn.nn.fpga_benchmarks import MuonTracker, digit_classifier, jet_classifier
from femtobarn.nn.frame_cnn import FrameCnn
from femtobarn.nn.gated_graph_conv import GatedGraphConv
from femtobarn.nn.googlenet_3d import GoogLeNet3d
from femtobarn.nn.graph import Graph, joined_graphs, line_graph
from femtobarn.nn.gravnet import DistanceMessages, GravNet, HitNeighbours
from femtobarn.nn.hit_embedding import (
    HitEmbedding,
    crowded_radius,
    hard_pairs,
    metric_loss,
    near_share,
    pair_hinge,
    true_radius,
)
from femtobarn.nn.image_autoencoder import ImageAutoencoder, PixelPReLU
from femtobarn.nn.image_encoder import ClusterNetwork, ImageEncoder, Lite0Trunk, small_trunk
from femtobarn.nn.inner_loop import adapted, weights_of
from femtobarn.nn.input_scale import InputScale
from femtobarn.nn.interaction_network import InteractionNetwork
from femtobarn.nn.lif import Neuron, potentials, spikes, trace_response, traces
from femtobarn.nn.lorentz_net import LorentzBlock, LorentzNet, psi
from femtobarn.nn.map_inverse import MapInverse, map_cross_entropy, map_loss
from femtobarn.nn.masked_batch_norm import MaskedBatchNorm
from femtobarn.nn.message_passing import MessagePassing
from femtobarn.nn.minkowski import minkowski
from femtobarn.nn.mlpf import Flow, Mlpf
from femtobarn.nn.modulated import DiTBlock, ModulatedMlp, ModulatedMlpBlock, Modulation
from femtobarn.nn.normalised_autoencoder import FeatureAutoencoder, langevin
from femtobarn.nn.particle_net import EdgeConvolution, ParticleNet, nearest
from femtobarn.nn.patch_autoencoder import PatchAutoencoder, PatchPca
from femtobarn.nn.patch_classifier import BackgroundNet, PatchClassifier
from femtobarn.nn.patch_inspector import PatchInspector
from femtobarn.nn.patches import cut_patches, join_patches
from femtobarn.nn.position_gaussian import PositionGaussian
from femtobarn.nn.ragged_neighbours import nearest_in_events
from femtobarn.nn.recurrent_autoencoder import (
    ConvolutionalAutoencoder,
    DenseAutoencoder,
    RecurrentAutoencoder,
    ZeroAutoencoder,
    window_errors,
)
from femtobarn.nn.relaxed_one_hot import (
    RelaxedMixture,
    monte_carlo_kl,
    relaxed_log_density,
    relaxed_sample,
)
from femtobarn.nn.resnet_3d import ResidualBlock3d, ShowerResNet
from femtobarn.nn.scatter import scatter_max, scatter_mean, scatter_sum
from femtobarn.nn.set_attention import IPAB, ISAB, MAB, PMA, SAB
from femtobarn.nn.set_vae import SetLayer, SetVae
from femtobarn.nn.set_vae_loss import SetVaeLoss, set_vae_scores
from femtobarn.nn.spiking_net import SpikingConv, SpikingNet, inference_cost, start_near_threshold
from femtobarn.nn.spline_flow import SplineCoupling, SplineFlow
from femtobarn.nn.strain_networks import StrainAutoencoder, StrainClassifier
from femtobarn.nn.text_encoder import TextEncoder, TextLayer, load_text_encoder
from femtobarn.nn.text_heads import (
    ConvolutionHead,
    FirstTokenHead,
    MeanHead,
    RecurrentHead,
    TextClassifier,
    mean_of_tokens,
)
from femtobarn.nn.text_reader import TextReader, TextStates
from femtobarn.nn.time_features import TimeFeatures
from femtobarn.nn.track_condenser import TrackCondenser
from femtobarn.nn.trigger_vae import TriggerVae, score_in_fixed_point, trigger_score
from femtobarn.nn.turned_images import randomly_turned, turned
from femtobarn.nn.unet_2d import UNet2d
from femtobarn.nn.unet_3d import ContextResBlock, LinearAttention3d, UNet3d
from femtobarn.nn.weight_grid import on_grid, weight_ranges
from femtobarn.nn.without_batch_norm import without_batch_norm

__all__ = [
    "IPAB",
    "ISAB",
    "MAB",
    "PMA",
    "SAB",
    "BackgroundNet",
    "BinnedGraph",
    "CircularConv2d",
    "CircularConv3d",
    "CircularUpsample3d",
    "ClusterNetwork",
    "CondensationNet",
    "Condensed",
    "Condensing",
    "ContextResBlock",
    "ConvolutionHead",
    "ConvolutionalAutoencoder",
    "CorrectedMap",
    "DeepSet",
    "DenseAutoencoder",
    "DiTBlock",
    "DirichletVae",
    "DistanceMessages",
    "DualAutoencoder",
    "EdgeConvolution",
    "EdgeNetwork",
    "EfficientNetLite0",
    "EpicLayer",
    "FeatureAutoencoder",
    "FeatureBank",
    "FirstTokenHead",
    "Flow",
    "FrameCnn",
    "GatedGraphConv",
    "GoogLeNet3d",
    "Graph",
    "GravNet",
    "HitEmbedding",
    "HitNeighbours",
    "ImageAutoencoder",
    "ImageEncoder",
    "ImageTeacher",
    "InputScale",
    "InteractionNetwork",
    "LinearAttention3d",
    "Lite0Trunk",
    "LorentzBlock",
    "LorentzNet",
    "MapInverse",
    "MaskedBatchNorm",
    "MeanHead",
    "MessagePassing",
    "Mlpf",
    "ModulatedMlp",
    "ModulatedMlpBlock",
    "Modulation",
    "MuonTracker",
    "Neighbours",
    "Neuron",
    "ParticleNet",
    "PatchAutoencoder",
    "PatchClassifier",
    "PatchInspector",
    "PatchPca",
    "PixelPReLU",
    "PositionGaussian",
    "RecurrentAutoencoder",
    "RecurrentHead",
    "RegionTeacher",
    "RelaxedMixture",
    "ResidualBlock3d",
    "SetLayer",
    "SetVae",
    "SetVaeLoss",
    "ShowerResNet",
    "SpatialConditioning",
    "SpikingConv",
    "SpikingNet",
    "SplineCoupling",
    "SplineFlow",
    "StrainAutoencoder",
    "StrainClassifier",
    "TextClassifier",
    "TextEncoder",
    "TextLayer",
    "TextReader",
    "TextStates",
    "TimeFeatures",
    "TrackCondenser",
    "TriggerVae",
    "UNet2d",
    "UNet3d",
    "ZeroAutoencoder",
    "adapted",
    "anomaly_teacher",
    "cell_statistics",
    "crowded_radius",
    "cut_patches",
    "ddim",
    "denoised",
    "denoising_loss",
    "digit_classifier",
    "event_probabilities",
    "fixed_point_students",
    "follow",
    "furthest_points",
    "hard_pairs",
    "hit_batch",
    "inference_cost",
    "jet_classifier",
    "join_patches",
    "joined_graphs",
    "langevin",
    "line_graph",
    "load_efficientnet_lite0",
    "load_text_encoder",
    "map_cross_entropy",
    "map_loss",
    "matching_loss",
    "mean_of_tokens",
    "metric_loss",
    "minkowski",
    "monte_carlo_kl",
    "near_share",
    "nearest",
    "nearest_in_events",
    "network_output",
    "on_grid",
    "pair_hinge",
    "potentials",
    "psi",
    "randomly_turned",
    "region_target",
    "relaxed_log_density",
    "relaxed_sample",
    "scatter_max",
    "scatter_mean",
    "scatter_sum",
    "score_in_fixed_point",
    "set_vae_scores",
    "small_trunk",
    "spikes",
    "start_near_threshold",
    "trace_response",
    "traces",
    "trigger_score",
    "true_radius",
    "turned",
    "unit_velocity",
    "weight_ranges",
    "weights_of",
    "window_errors",
    "without_batch_norm",
]
