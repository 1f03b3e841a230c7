"""Any score of this family can be taught: here one that is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from femtobarn.engine import Training
from femtobarn.engine.distil import distil
from femtobarn.errors import InputError


def test_a_known_score_is_learned_by_a_few_weights(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    images = (draw.random((1500, 12, 10)) < draw.uniform(0.05, 0.5, (1500, 1, 1))).astype(np.float32)
    occupancy = images.sum(axis=(1, 2))
    torch.manual_seed(1)
    student = nn.Sequential(nn.Flatten(), nn.Linear(120, 4), nn.ReLU(), nn.Linear(4, 1))
    assert sum(p.numel() for p in student.parameters()) < 500
    settings = Training(epochs=25, batch=50, lr=1e-2, clip=None)
    distil(occupancy[:1000], images[:1000], student, settings=settings, seed=1, folder=tmp_path)
    with torch.no_grad():
        found = student(torch.from_numpy(images[1000:])).squeeze(1).numpy()
    assert spearmanr(found, occupancy[1000:]).statistic > 0.98


def test_scores_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for scores, inputs in ((np.zeros(3), np.zeros((4, 2))), (np.array([0.0, np.nan]), np.zeros((2, 2)))):
        with pytest.raises(InputError, match="one finite score for each input"):
            distil(scores, inputs, nn.Linear(2, 1), settings=Training(), seed=1, folder=tmp_path)
