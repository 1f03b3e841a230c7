"""Metrics of samples, each with its error, its sample size and its value for two samples of the same thing."""

from femtobarn.metrics.attribution import Attribution, attribution
from femtobarn.metrics.calibration import (
    CalibrationError,
    Scaling,
    calibration_error,
    fit_scaling,
    reliability,
)
from femtobarn.metrics.classifier_test import Schedule, auc, classifier_test
from femtobarn.metrics.clustered_auc import clustered_auc
from femtobarn.metrics.clustering import Agreement, agreement, purity, silhouette
from femtobarn.metrics.compatibility import fpd_jetnet, fpd_literature, kpd_jetnet
from femtobarn.metrics.coverage_mmd import CoverageMmd, coverage_mmd
from femtobarn.metrics.decorrelation import (
    Dependence,
    Profile,
    distance_correlation,
    mistag_profile,
    residual,
    two_sided,
)
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.false_alarm import FalseAlarms, false_alarm_rate
from femtobarn.metrics.few_shot import FewShotAccuracy, few_shot_accuracy
from femtobarn.metrics.fpnd import RealActivations, fpnd, load_fpnd
from femtobarn.metrics.frechet import FeatureMoments, feature_moments, fpd, fpd_robust, frechet_distance
from femtobarn.metrics.invariance import invariance_score
from femtobarn.metrics.isotonic import isotonic_curve
from femtobarn.metrics.kernel import KernelMoments, kpd
from femtobarn.metrics.particle_flow import (
    Finding,
    Response,
    confusion,
    fake_at_efficiency,
    finding,
    response,
)
from femtobarn.metrics.prdc import Prdc, prdc
from femtobarn.metrics.precision_recall import average_precision, precision_at_share, recall_threshold
from femtobarn.metrics.repeated import RepeatedRowsWarning
from femtobarn.metrics.roc import (
    SignalEfficiency,
    accuracy,
    auc_difference,
    background_efficiency,
    background_rejection,
    roc_curve,
    signal_efficiency,
)
from femtobarn.metrics.scaling import max_scale, robust_scale
from femtobarn.metrics.separability import Separability, separability
from femtobarn.metrics.separation import separation, separation_power
from femtobarn.metrics.spatial import SpatialSums, reliability_curve, spatial_scores, spatial_sums
from femtobarn.metrics.structural_similarity import structural_similarity
from femtobarn.metrics.subsample import Subsample
from femtobarn.metrics.tracking import TrackingPerformance, trackml_score
from femtobarn.metrics.training import Training
from femtobarn.metrics.trigger_rate import Rate, process_rate, pure_rate, trigger_rate
from femtobarn.metrics.wasserstein import ParticleDistances, w1efp, w1m, w1p, w2_squared, wasserstein_1d
from femtobarn.metrics.working_point import (
    Fraction,
    TiedScoresError,
    WorkingPoint,
    calibrate,
    clopper_pearson,
    measured,
    threshold_if_any,
)

__all__ = [
    "Agreement",
    "Attribution",
    "CalibrationError",
    "CoverageMmd",
    "Dependence",
    "Estimate",
    "FalseAlarms",
    "FeatureMoments",
    "FewShotAccuracy",
    "Finding",
    "Fraction",
    "KernelMoments",
    "ParticleDistances",
    "Prdc",
    "Profile",
    "Rate",
    "RealActivations",
    "RepeatedRowsWarning",
    "Response",
    "Scaling",
    "Schedule",
    "Separability",
    "SignalEfficiency",
    "SpatialSums",
    "Subsample",
    "TiedScoresError",
    "TrackingPerformance",
    "Training",
    "WorkingPoint",
    "accuracy",
    "agreement",
    "attribution",
    "auc",
    "auc_difference",
    "average_precision",
    "background_efficiency",
    "background_rejection",
    "calibrate",
    "calibration_error",
    "classifier_test",
    "clopper_pearson",
    "clustered_auc",
    "confusion",
    "coverage_mmd",
    "distance_correlation",
    "fake_at_efficiency",
    "false_alarm_rate",
    "feature_moments",
    "few_shot_accuracy",
    "finding",
    "fit_scaling",
    "fpd",
    "fpd_jetnet",
    "fpd_literature",
    "fpd_robust",
    "fpnd",
    "frechet_distance",
    "invariance_score",
    "isotonic_curve",
    "kpd",
    "kpd_jetnet",
    "load_fpnd",
    "max_scale",
    "measured",
    "mistag_profile",
    "prdc",
    "precision_at_share",
    "process_rate",
    "pure_rate",
    "purity",
    "recall_threshold",
    "reliability",
    "reliability_curve",
    "residual",
    "response",
    "robust_scale",
    "roc_curve",
    "separability",
    "separation",
    "separation_power",
    "signal_efficiency",
    "silhouette",
    "spatial_scores",
    "spatial_sums",
    "structural_similarity",
    "threshold_if_any",
    "trackml_score",
    "trigger_rate",
    "two_sided",
    "w1efp",
    "w1m",
    "w1p",
    "w2_squared",
    "wasserstein_1d",
]
