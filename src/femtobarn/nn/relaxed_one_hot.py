"""One-hot vectors made smooth by a temperature: samples, density, a mixture of them, and a divergence from it.

Concrete or Gumbel-softmax distribution (Maddison et al., arXiv:1611.00712; Jang et al., arXiv:1611.01144). Vectors are
given by their logarithms, in which the density stays finite at low temperature.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


def relaxed_sample(
    logits: Float[Tensor, "*batch k"],
    temperature: Float[Tensor, "*#batch 1"],
    *,
    samples: int,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "sample *batch k"]:
    """Logarithms of vectors on the simplex; the position of the largest entry follows softmax(logits).

    Args:
        logits: Of the categories.
        temperature: Above 0; small ones give nearly one-hot vectors.
        samples: Drawn for each row.
        generator: Of the noise; torch's own if not given.
    """
    uniform = torch.rand(
        (samples, *logits.shape), dtype=logits.dtype, device=logits.device, generator=generator
    )
    tiny = torch.finfo(logits.dtype).tiny
    gumbel = -torch.log(-torch.log(uniform.clamp(tiny, 1 - torch.finfo(logits.dtype).eps)))
    return torch.log_softmax((logits + gumbel) / temperature, dim=-1)


def relaxed_log_density(
    log_z: Float[Tensor, "... k"], logits: Float[Tensor, "... k"], temperature: Float[Tensor, "... 1"]
) -> Float[Tensor, "..."]:
    """Logarithm of the density of log z (arXiv:1611.00712, equation 24); the three are broadcast to one shape."""
    k = log_z.shape[-1]
    scaled = logits - temperature * log_z
    shares = (scaled - torch.logsumexp(scaled, dim=-1, keepdim=True)).sum(dim=-1)
    return shares + math.lgamma(k) + (k - 1) * torch.log(temperature).squeeze(-1)


class RelaxedMixture(nn.Module):
    """A mixture of relaxed one-hot distributions of equal weight, whose logits and temperatures are learned.

    Args:
        categories: Length of the vectors.
        modes: Distributions in the mixture; the published prior has five.
    """

    def __init__(self, categories: int, *, modes: int = 5) -> None:
        super().__init__()
        offset = torch.linspace(-3, 3, modes)[:, None]
        self.logits = nn.Parameter(torch.randn(modes, categories) + offset)
        start = 0.1 + 0.9 * torch.rand(modes, 1)
        self.raw = nn.Parameter(torch.log(torch.expm1(start)))  # softplus of it is the temperature

    def log_density(self, log_z: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch"]:
        """Logarithm of the density of log z."""
        temperature = nn.functional.softplus(self.raw)
        each = relaxed_log_density(log_z.unsqueeze(-2), self.logits, temperature)
        return torch.logsumexp(each, dim=-1) - math.log(len(self.logits))


def monte_carlo_kl(
    log_z: Float[Tensor, "sample event cell k"],
    logits: Float[Tensor, "event cell k"],
    temperature: Float[Tensor, "event cell 1"],
    prior: RelaxedMixture,
) -> Float[Tensor, "event"]:
    """Kullback-Leibler divergence of the cells of each event from the prior, estimated from samples of them.

    Args:
        log_z: Samples of `relaxed_sample(logits, temperature)`.
        logits, temperature: Of the posterior.
        prior: Of every cell.
    """
    difference = relaxed_log_density(log_z, logits, temperature) - prior.log_density(log_z)
    return difference.mean(dim=0).sum(dim=-1)
