"""Fréchet ParticleNet distance to the real gluon, quark and top jets of JetNet (arXiv:2106.11535)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.metrics._blocks import check_blocks, jackknife
from femtobarn.metrics._samples import Jets, jets
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.frechet import FeatureMoments, factor, frechet_distance, left_out_distances
from femtobarn.nn.particle_net import ParticleNet

PARTICLES = 30
REAL_JETS = 50_000  #: behind the stored statistics (JetNet 0.2.5)
_LARGEST = (
    1.6211985349655151,
    0.520724892616272,
    0.8934717178344727,
)  # |eta|, |phi|, pt of the training jets
_SHIFT = (0.0, 0.0, -0.5)
_FILES = ("pnet_state_dict.pt", "jetnet30_activation_stats.npz")


class RealActivations(NamedTuple):
    """The published ParticleNet, and what it makes of one class of real jets."""

    jet_class: str
    network: ParticleNet
    mean: Float64[np.ndarray, " feature"]
    covariance: Float64[np.ndarray, "feature feature"]

    def activations(self, particles_and_mask: Jets, *, batch: int = 32) -> Float64[np.ndarray, "jet feature"]:
        """The 256 activations of each jet: feed them to `FeatureMoments` for samples larger than memory.

        Places without a particle are zeros, normalised like particles, as the network was trained.

        Raises:
            InputError: Not jets of 30 places, a particle that is not finite.
        """
        particles, _ = jets(particles_and_mask, "jets")
        if particles.shape[1] != PARTICLES:
            raise InputError(
                f"expected jets of {PARTICLES} particles, padded where there are fewer, got {particles.shape[1]}"
            )
        normal = torch.from_numpy((particles / _LARGEST + _SHIFT).astype(np.float32))
        weight = next(self.network.parameters())
        with torch.inference_mode():
            parts = [self.network.activations(part.to(weight)).cpu() for part in torch.split(normal, batch)]
        return torch.cat(parts).double().numpy()

    def value(
        self, generated: FeatureMoments, *, null: bool = True, generator: np.random.Generator | None = None
    ) -> Estimate:
        """`fpnd` of generated jets, from the moments of their activations."""
        check_blocks(generated.rows, "generated", features=len(self.mean))
        mean, covariance = generated.pooled()
        value = frechet_distance(self.mean, self.covariance, mean, covariance)
        left_out = left_out_distances(generated, self.mean, self.covariance)
        n = int(generated.rows.sum())
        draw = generator or np.random.default_rng(0)
        floor = [self._null(n, draw) for _ in range(5)] if null else [np.nan]
        return Estimate(
            value=value,
            error=float(np.sqrt(jackknife(value, left_out).variance)),
            n_real=REAL_JETS,
            n_generated=n,
            null=float(np.mean(floor)),
            null_error=float(np.std(floor, ddof=1)) if null else np.nan,
            method=f"FPND to real {self.jet_class} jets, plain (not corrected for its bias), error of the "
            f"generated sample by block jackknife ({len(generated.rows)} blocks)"
            + (", null of Gaussian activations" if null else ""),
        )

    def _null(self, n: int, draw: np.random.Generator) -> float:
        """Distance of two samples of Gaussian activations with the mean and covariance of the real jets."""
        root = factor(self.covariance)
        (a, first), (b, second) = (_gaussian_moments(root, size, draw) for size in (REAL_JETS, n))
        return frechet_distance(a, first, b, second)


def fpnd(
    generated: Jets,
    reference: RealActivations,
    *,
    blocks: int = 100,
    null: bool = True,
    generator: np.random.Generator | None = None,
) -> Estimate:
    """Fréchet distance of the activations of ParticleNet between generated jets and real jets of JetNet.

    The published metric: the plain distance, of 50 000 real and, if comparable, 50 000 generated jets of 30
    particles. Between the real classes it is 57.9 (g-q), 171 (g-t) and 346 (q-t). `null`: the same for two
    Gaussian samples with the mean and covariance of the real activations, of these sizes, five times.

    Args:
        generated: Padded jets (particles, mask), 30 places.
        reference: From `load_fpnd`.
        blocks: Parts of the generated sample, for the error.
        null: Compute the null.
        generator: Of the null; default: one of seed 0.

    Raises:
        InputError: Not jets of 30 places, a particle that is not finite, fewer than 258 jets.
    """
    moments = FeatureMoments(len(reference.mean), blocks=blocks)
    moments.update(reference.activations(generated))
    return reference.value(moments, null=null, generator=generator)


def load_fpnd(folder: Path | str, jet_class: str) -> RealActivations:
    """The published network and statistics of gluon ("g"), light-quark ("q") or top ("t") jets.

    Args:
        folder: Where `pnet_state_dict.pt` and `jetnet30_activation_stats.npz` lie. Nothing in them is executed.
        jet_class: "g", "q" or "t".

    Raises:
        InputError: Another class, a file that is missing or does not hold what it should.
    """
    if jet_class not in ("g", "q", "t"):
        raise InputError(f"expected the jet class g, q or t, got {jet_class!r}")
    weights, statistics = (Path(folder) / name for name in _FILES)
    for path in (weights, statistics):
        if not path.is_file():
            raise InputError(f"expected the published file {path.name} in {folder}, found none")
    network = ParticleNet(3, 5)
    try:
        network.load_state_dict(published_weights(torch.load(weights, map_location="cpu", weights_only=True)))
        with np.load(statistics, allow_pickle=False) as stored:
            mean, covariance = (stored[f"{jet_class}_{name}"] for name in ("mu", "sigma"))
    except (RuntimeError, KeyError, OSError, ValueError, AttributeError) as error:
        raise InputError(
            f"expected the published ParticleNet in {folder}: {str(error).splitlines()[0]}"
        ) from error
    return RealActivations(jet_class, network.eval(), mean, covariance)


def published_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published state dict under the names of `ParticleNet`.

    It holds each edge network twice, once as a part of its convolution.

    Raises:
        InputError: The two copies differ.
    """
    renamed = {}
    for name, tensor in state.items():
        if name.startswith("edge_convs."):
            twin = name.replace("edge_convs.", "edge_nets.").replace(".nn.", ".")
            if not torch.equal(tensor, state[twin]):
                raise InputError(f"expected {name} and {twin} to be the same")
            continue
        ours = name.replace("edge_nets.", "convolutions.").replace(".model.", ".edge.")
        renamed[ours.replace("fc1.0.", "hidden.").replace("fc2.", "scores.")] = tensor
    return renamed


def _gaussian_moments(
    root: Float64[np.ndarray, "feature feature"], n: int, draw: np.random.Generator
) -> tuple[Float64[np.ndarray, " feature"], Float64[np.ndarray, "feature feature"]]:
    """Mean, less the true one, and covariance of n draws, without drawing them (Bartlett 1933)."""
    features = len(root)
    triangle = np.tril(draw.normal(size=root.shape), -1)
    triangle[np.diag_indices(features)] = np.sqrt(draw.chisquare(n - 1 - np.arange(features)))
    spread = root @ triangle
    return root @ draw.normal(size=features) / np.sqrt(n), spread @ spread.T / (n - 1)
