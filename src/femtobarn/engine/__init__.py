"""Training with one objective: progress, checkpoints, resume, early stop, many devices. And feedback without it."""

from femtobarn.engine.checkpoints import check_course, load_tensors, save_tensors
from femtobarn.engine.descent import Descent
from femtobarn.engine.extremum_seeking import ExtremumSeeking, Seeking
from femtobarn.engine.feedback import Feedback, latent_cost, no_feedback, tune
from femtobarn.engine.fit import fit
from femtobarn.engine.fit_front import Sweep, fit_front
from femtobarn.engine.fit_rates import fit_rates
from femtobarn.engine.training import (
    Batch,
    Fit,
    MadeTable,
    Objective,
    ShuffledBatches,
    TensorTable,
    Training,
)

__all__ = [
    "Batch",
    "Descent",
    "ExtremumSeeking",
    "Feedback",
    "Fit",
    "MadeTable",
    "Objective",
    "Seeking",
    "ShuffledBatches",
    "Sweep",
    "TensorTable",
    "Training",
    "check_course",
    "fit",
    "fit_front",
    "fit_rates",
    "latent_cost",
    "load_tensors",
    "no_feedback",
    "save_tensors",
    "tune",
]
