"""Training with one objective: progress, checkpoints, resume, early stop, many devices."""

from femtobarn.engine.checkpoints import check_course, load_tensors, save_tensors
from femtobarn.engine.descent import Descent
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
    "Fit",
    "MadeTable",
    "Objective",
    "ShuffledBatches",
    "Sweep",
    "TensorTable",
    "Training",
    "check_course",
    "fit",
    "fit_front",
    "fit_rates",
    "load_tensors",
    "save_tensors",
]
