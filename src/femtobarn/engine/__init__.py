"""Training with one objective: progress, checkpoints, resume, early stop, many devices. And feedback without it."""

from femtobarn.engine.checkpoints import check_course, load_tensors, save_tensors
from femtobarn.engine.descent import Descent
from femtobarn.engine.extremum_seeking import ExtremumSeeking, Seeking
from femtobarn.engine.feedback import Feedback, latent_cost, no_feedback, tune
from femtobarn.engine.fit import fit
from femtobarn.engine.fit_front import Sweep, fit_front
from femtobarn.engine.fit_rates import fit_rates
from femtobarn.engine.placed import placed
from femtobarn.engine.step_cost import StepCost, check_fits, step_cost
from femtobarn.engine.training import (
    Batch,
    Fit,
    MadeTable,
    Objective,
    ShuffledBatches,
    TensorTable,
    Training,
    batch_on,
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
    "StepCost",
    "Sweep",
    "TensorTable",
    "Training",
    "batch_on",
    "check_course",
    "check_fits",
    "fit",
    "fit_front",
    "fit_rates",
    "latent_cost",
    "load_tensors",
    "no_feedback",
    "placed",
    "save_tensors",
    "step_cost",
    "tune",
]
