import numpy as np
import pytest
from _networks import integer_network
from torch import nn

from femtobarn.hardware.integer_model import IntegerModel


@pytest.fixture(scope="session")
def dense() -> tuple[IntegerModel, np.ndarray]:
    layers = [nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 5)]
    return integer_network(nn.Sequential(*layers), (16,))


@pytest.fixture(scope="session")
def encoder() -> tuple[IntegerModel, np.ndarray]:
    """A convolutional encoder of 8x8 images, as the EMD compression has it."""
    layers = [
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 4),
    ]
    return integer_network(nn.Sequential(*layers), (1, 8, 8))
