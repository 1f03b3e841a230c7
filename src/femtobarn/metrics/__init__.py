"""Metrics of samples, each with its error, its sample size and its value for two samples of the same thing."""

from femtobarn.metrics.attribution import Attribution, attribution
from femtobarn.metrics.classifier_test import Schedule, auc, classifier_test
from femtobarn.metrics.compatibility import fpd_jetnet, fpd_literature, kpd_jetnet
from femtobarn.metrics.coverage_mmd import CoverageMmd, coverage_mmd
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.fpnd import RealActivations, fpnd, load_fpnd
from femtobarn.metrics.frechet import FeatureMoments, feature_moments, fpd, fpd_robust, frechet_distance
from femtobarn.metrics.invariance import invariance_score
from femtobarn.metrics.kernel import KernelMoments, kpd
from femtobarn.metrics.prdc import Prdc, prdc
from femtobarn.metrics.roc import accuracy, background_efficiency, background_rejection, roc_curve
from femtobarn.metrics.scaling import max_scale, robust_scale
from femtobarn.metrics.separability import Separability, separability
from femtobarn.metrics.separation import separation, separation_power
from femtobarn.metrics.subsample import Subsample
from femtobarn.metrics.training import Training
from femtobarn.metrics.wasserstein import ParticleDistances, w1efp, w1m, w1p, w2_squared, wasserstein_1d

__all__ = [
    "Attribution",
    "CoverageMmd",
    "Estimate",
    "FeatureMoments",
    "KernelMoments",
    "ParticleDistances",
    "Prdc",
    "RealActivations",
    "Schedule",
    "Separability",
    "Subsample",
    "Training",
    "accuracy",
    "attribution",
    "auc",
    "background_efficiency",
    "background_rejection",
    "classifier_test",
    "coverage_mmd",
    "feature_moments",
    "fpd",
    "fpd_jetnet",
    "fpd_literature",
    "fpd_robust",
    "fpnd",
    "frechet_distance",
    "invariance_score",
    "kpd",
    "kpd_jetnet",
    "load_fpnd",
    "max_scale",
    "prdc",
    "robust_scale",
    "roc_curve",
    "separability",
    "separation",
    "separation_power",
    "w1efp",
    "w1m",
    "w1p",
    "w2_squared",
    "wasserstein_1d",
]
