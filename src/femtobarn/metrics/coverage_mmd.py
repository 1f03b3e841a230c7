"""Coverage and minimum matching distance of jets, by the energy mover's distance (arXiv:2106.11535)."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float64

from femtobarn.errors import InputError
from femtobarn.losses import emd_points
from femtobarn.metrics._samples import Jets, jets
from femtobarn.metrics.estimate import Estimate

_Sample = tuple[Float64[np.ndarray, "jet particle 3"], Bool[np.ndarray, "jet particle"]]


class CoverageMmd(NamedTuple):
    """How much of the real sample is found, and how well."""

    coverage: Estimate  # share of real jets that are the nearest one of some generated jet
    mmd: Estimate  # mean distance of a real jet to the nearest generated one


def coverage_mmd(
    real: Jets,
    generated: Jets,
    *,
    sample: int = 100,
    batches: int = 10,
    null: bool = True,
    threads: int = 1,
    generator: np.random.Generator | None = None,
) -> CoverageMmd:
    """Coverage and minimum matching distance (MMD, not that of kernels) of generated jets.

    Both are means over batches of `sample` real and `sample` generated jets, drawn without replacement, and
    both depend strongly on `sample`: never compare without it. The distance is the energy mover's with R = 1,
    beta = 1: the least sum of pt moved times distance in (eta, phi), plus the difference of the sums of pt. A
    jet without particles is as far from another as that has pt.

    `null`: the same between disjoint parts of the real sample.

    Args:
        real, generated: Padded jets (particles, mask).
        sample: Jets of each kind in a batch; 100 is the published choice.
        batches: Number of batches.
        null: Compute the null, which doubles the time.
        threads: Threads that share the distances.
        generator: Of the draws; default: one of seed 0.

    Raises:
        InputError: Shapes that do not match, a particle that is not finite or of negative pt, too few jets.
    """
    x, y = jets(real, "real"), jets(generated, "generated")
    if sample < 1 or batches < 2 or min(len(x[0]) // (1 + null), len(y[0])) < sample:
        raise InputError(
            f"expected at least {sample * (1 + null)} real and {sample} generated jets, "
            f"got {len(x[0])} and {len(y[0])}"
        )
    draw = generator or np.random.default_rng(0)
    values = np.array(
        [_match(_drawn(x, sample, draw), _drawn(y, sample, draw), threads) for _ in range(batches)]
    )
    floor = np.full((2, 2), np.nan)
    if null:
        pairs = [_drawn(x, 2 * sample, draw) for _ in range(batches)]
        floor = np.array([_match(both[:sample], both[sample:], threads) for both in pairs])
    method = f"{{}}, EMD with R = 1, beta = 1, mean over {batches} batches of {sample} and {sample} jets"
    method += ", null of disjoint parts of the real sample" if null else ""
    return CoverageMmd(
        *(
            Estimate(
                float(v.mean()),
                float(v.std(ddof=1) / np.sqrt(batches)),
                len(x[0]),
                len(y[0]),
                float(z.mean()),
                float(z.std(ddof=1) / np.sqrt(len(z))),
                method.format(name),
            )
            for name, v, z in zip(("coverage", "MMD"), values.T, floor.T, strict=True)
        )
    )


def _drawn(sample: _Sample, n: int, draw: np.random.Generator) -> Float64[np.ndarray, "n particle 3"]:
    """Particles of some jets; padding is zero, hence has pt 0."""
    particles, _ = sample
    return particles[draw.choice(len(particles), size=n, replace=False)]


def _match(
    real: Float64[np.ndarray, "n real_particle 3"],
    generated: Float64[np.ndarray, "n generated_particle 3"],
    threads: int,
) -> tuple[float, float]:
    """Coverage and minimum matching distance of one batch."""
    n = len(real)
    x = torch.from_numpy(real).repeat_interleave(n, dim=0)
    y = torch.from_numpy(generated).repeat(n, 1, 1)
    distance = emd_points(x[..., :2], y[..., :2], x[..., 2], y[..., 2], penalty=1.0, threads=threads).reshape(
        n, n
    )
    return len(set(distance.argmin(dim=0).tolist())) / n, float(distance.min(dim=1).values.mean())
