"""The samples of the metrics' tests: a family of Gaussians with exact answers, heavy tails, jets."""

import numpy as np

TRUTH = np.array([[1, 0.25], [0.25, 1]])
ONES = np.ones(2)

#: Exact population values of the squared Fréchet distance and of MMD^2 (quartic, cubic) to the truth.
EXACT = {
    "truth": (0.0, 0.0, 0.0),
    "shift 1": (1.0, 16.953, 4.7187),
    "shift 0.1": (0.01, 0.084478, 0.031088),
    "zero covariance": (0.031881, 0.47461, 0.09375),
    "times 10": (9.3509, 18692.0, 129.09),
    "over 10": (0.93509, 4.4253, 1.2909),
    "mixture 0.6": (0.0, 0.067185, 0.0),
    "mixture 0.75": (0.0, 0.40045, 0.0),
}


def gaussian(name: str, n: int, generator: np.random.Generator) -> np.ndarray:
    """Rows of one member of the family of arXiv:2211.10295, section III."""
    covariance, shift = TRUTH, np.zeros(2)
    kind, _, number = name.partition(" ")
    sign = generator.choice((-1.0, 1.0), size=(n, 1))
    if kind == "shift":
        shift = np.array([float(number), 0.0])
    elif kind == "zero":
        covariance = np.eye(2)
    elif kind in ("times", "over"):
        covariance = TRUTH * (10.0 if kind == "times" else 0.1)
    elif kind == "mixture":
        shift = sign * float(number)
        covariance = TRUTH - float(number) ** 2
    return generator.normal(size=(n, 2)) @ np.linalg.cholesky(covariance).T + shift


def heavy_tails(n: int, features: int, generator: np.random.Generator) -> np.ndarray:
    """Nearly collinear log-normal features, much like energy flow polynomials; the same law at every call."""
    mixing = np.random.default_rng(12345).normal(size=(6, features)) / np.sqrt(6)
    return np.exp(0.6 * generator.normal(size=(n, 6)) @ mixing + 0.1 * generator.normal(size=(n, features)))


def jets(n: int, generator: np.random.Generator, *, particles: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Padded jets of 1 or more particles, with nonsense in the padding."""
    mask = np.arange(particles) < generator.integers(1, particles + 1, size=(n, 1))
    x = generator.normal(size=(n, particles, 3)) * (0.1, 0.1, 0.05)
    x[..., 2] = np.abs(x[..., 2])
    return np.where(mask[..., None], x, 1e3), mask
