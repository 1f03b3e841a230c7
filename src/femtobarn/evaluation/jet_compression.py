"""Compressions of jets beside each other: what they keep of QCD-like jets, and their errors as anomaly scores."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from femtobarn import plots
from femtobarn.evaluation.anomaly_baselines import pca
from femtobarn.evaluation.jet_clouds import Jets
from femtobarn.evaluation.jet_reconstruction import (
    Reconstruction,
    reconstruction,
    reconstruction_gain,
    reconstruction_rows,
    relative_particles,
)
from femtobarn.evaluation.scores import Samples, Scored
from femtobarn.physics.boosts import boost
from femtobarn.physics.jets import massless
from femtobarn.runs import Result, Run
from femtobarn.study import by_name, drawing, draws_of_units, grouped, row

#: Momenta that come out for jets that go in, both in units of each jet's largest energy (`Jets.unit`).
Rebuild = Callable[[Jets], Float[Tensor, "jet _ 4"]]
_AT_ONCE = 250  # jets, whose pairs of particles are held together


class Compression(NamedTuple):
    """What one compression makes of the jets of every sample."""

    model: str
    seed: int | None
    """Of the training; none for a compression without one."""
    latent: int
    """Real numbers that are kept of a jet."""
    rebuilt: dict[str, Reconstruction]
    scores: dict[str, Samples]
    """By name, larger for unusual jets; the first is the one that was chosen beforehand."""

    @property
    def scored(self) -> list[Scored]:
        """The scores as the shared tables take them; the first is that of the model, without another name."""
        first, *others = self.scores.items()
        found = [Scored({"score": self.model}, self.seed, first[1])]
        return found + [Scored({"score": self.model, "by": by}, self.seed, each) for by, each in others]


def compression(
    model: str, seed: int | None, latent: int, samples: Mapping[str, Jets], rebuild: Rebuild
) -> Compression:
    """Jets of every sample through a compression.

    The score is the Chamfer distance in units of the jet's largest energy. For reference: the same in units of its
    pT, and the distance in the best one-to-one match. A distance in GeV^2 would measure the pT.
    """
    found = {name: compared(jets, rebuild) for name, jets in samples.items()}
    scale = {name: (jets.unit[:, 0, 0] / jets.axis[:, 0]).square().numpy() for name, jets in samples.items()}
    scores: dict[str, Samples] = {
        "Chamfer distance": {name: each.chamfer for name, each in found.items()},
        "Chamfer distance over pT^2": {name: each.chamfer * scale[name] for name, each in found.items()},
        "matched distance": {name: each.matched for name, each in found.items()},
    }
    return Compression(model, seed, latent, found, scores)


def principal_components(train: Jets, samples: Mapping[str, Jets], latent: int) -> Compression:
    """So many principal components of the momenta along the jet and across it, three numbers a particle."""
    project = pca(_flat(train), components=min(latent, 3 * train.mask.shape[1] - 1))

    def rebuild(jets: Jets) -> Tensor:
        p = project(_flat(jets)).reshape(len(jets), -1, 3)
        p = np.concatenate((np.linalg.norm(p, axis=-1, keepdims=True), p), axis=-1)
        velocity = np.stack((0 * jets.eta, 0 * jets.eta, -np.tanh(jets.eta)), axis=-1)[:, None]
        return torch.from_numpy(boost(p, velocity) * jets.pt[:, None, None]) / jets.unit

    return compression(f"PCA, {latent} numbers", None, latent, samples, rebuild)


def hardest_particles(samples: Mapping[str, Jets], count: int) -> Compression:
    """The hardest particles as they are, three numbers each, and nothing of the others."""

    def rebuild(jets: Jets) -> Tensor:
        return torch.where(torch.arange(jets.mask.shape[1])[:, None] < count, jets.momentum / jets.unit, 0.0)

    return compression(f"hardest {count} particles", None, 3 * count, samples, rebuild)


@torch.no_grad()
def compared(jets: Jets, rebuild: Rebuild) -> Reconstruction:
    """Jets before and after a compression."""
    parts = []
    for part in pieces(jets):
        true, found = part.momentum / part.unit, rebuild(part).double()
        parts.append(reconstruction(true.numpy(), found.numpy(), part.mask.numpy(), part.eta))
    return Reconstruction(*map(np.concatenate, zip(*parts, strict=True)))


def pieces(jets: Jets) -> list[Jets]:
    """Jets in groups small enough for all pairs of particles."""
    return [jets.take(slice(start, start + _AT_ONCE)) for start in range(0, len(jets), _AT_ONCE)]


def compression_table(
    found: Sequence[Compression],
    plain: Sequence[Compression],
    sample: str,
    *,
    bootstrap: int,
    seed: int,
) -> list[Result]:
    """Residuals of every compression, their errors over those without training of equal size, and the sizes.

    Args:
        found: Of the trainings.
        plain: Without training.
        sample: The jets that are to be kept.
        bootstrap: Samples drawn with replacement.
        seed: Of these draws.
    """
    jets, particles, _ = (plain or found)[0].rebuilt[sample].particle.shape
    draws = draws_of_units(np.arange(jets), count=bootstrap, seed=seed)
    table = []
    for group in grouped([*found, *plain], lambda each: each.model).values():
        labels, seeds = {"model": group[0].model}, [each.seed for each in group if each.seed is not None]
        own = [each.rebuilt[sample] for each in group]
        table += reconstruction_rows(own, labels, draws, seeds=seeds)
        others = {o.model: o.rebuilt[sample] for o in plain if 0 <= group[0].latent - o.latent < 3}
        if seeds and np.isfinite(own[0].matched).all():
            table += reconstruction_gain(own, others, labels, draws, seeds=seeds)
        for size, whole in (
            ("numbers", 100),
            ("% of 3 a particle", 3 * particles),
            ("% of 4", 4 * particles),
        ):
            value = 100 * group[0].latent / whole
            table.append(row("latent", [(value, 0.0)], {**labels, "size": size}, split=""))
    return by_name(table)


def draw_masses(run: Run, found: Sequence[Compression], sample: str, *, section: str = "Compression") -> None:
    """Residuals of the jet mass, a line for each compression."""
    edges = np.linspace(-0.5, 0.5, 41)
    with drawing(
        run, "jet-mass", title="Mass of the jet", section=section, by="compression", legend={},
        caption=f"(Found - true) / true of the mass of {sample} test jets that went through each compression, with "
        "the numbers it keeps; one training of each. What lies outside is in the first and the last bin.",
    ) as d:  # fmt: skip
        for each in found:
            values = each.rebuilt[sample].jet[:, 0]
            values = np.clip(values[np.isfinite(values)], edges[0], edges[-1] - 1e-9)
            share = np.histogram(values, edges)[0] / max(len(values), 1)
            d.ax.stairs(share, edges, label=f"{each.model} ({each.latent})")
            d.drawn[each.model] = {"low": edges[:-1], "high": edges[1:], "share": share}
        d.ax.set(xlabel="(found - true) / true mass", ylabel="share of jets", yscale="log")


@torch.no_grad()
def draw_jet(run: Run, jet: Jets, rebuild: Rebuild, *, model: str, section: str = "Compression") -> None:
    """One jet before and after, as particles around its axis."""
    both = {"before": (jet.momentum / jet.unit).numpy(), "after": rebuild(jet).numpy()}
    with drawing(
        run, "one-jet", title="A jet before and after", section=section, by="jet", legend={},
        caption=f"The first test jet and what {model} makes of it. Areas grow with pT.",
    ) as d:  # fmt: skip
        for (name, momentum), look in zip(both.items(), plots.MARKERS, strict=False):
            eta, phi, pt = relative_particles(momentum, jet.eta)[0].T
            lit = pt > 1e-4 * pt.max()
            d.ax.scatter(eta[lit], phi[lit], s=400 * pt[lit] / pt.max(), marker=look, label=name, alpha=0.5)
            d.drawn[name] = {"eta": eta[lit], "phi": phi[lit], "pt": pt[lit]}
        d.ax.set(
            xlabel="eta relative to the jet", ylabel="phi relative to the jet", xlim=(-1, 1), ylim=(-1, 1)
        )


def _flat(jets: Jets) -> Float64[np.ndarray, "jet number"]:
    """Momenta of the particles along the jet and across it, over its pT."""
    return massless(jets.relative.numpy(), jets.mask.numpy())[..., 1:].reshape(len(jets), -1)
