"""Simulators, trained and not, on the same test jets: tables and figures of the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from femtobarn.datasets import cms_pfnano
from femtobarn.errors import InputError
from femtobarn.evaluation.fast_simulation import tables
from femtobarn.evaluation.fast_simulation.baselines import (
    BinnedResponse,
    NearestJet,
    Simulator,
    copied,
    network,
)
from femtobarn.evaluation.fast_simulation.tables import Outcome, outcome
from femtobarn.nn.jet_simulators import columns_of
from femtobarn.physics.jet_pairs import JetPairs
from femtobarn.runs import Result
from femtobarn.study import Split, Trained, by_name, grouped, row
from femtobarn.systems.jet_fastsim.data import Data, measured_many_times
from femtobarn.systems.jet_fastsim.study import TITLES, Part

COPY = "copy of the generated jet"
_ACTIVE = 0.01  # nat, of a latent component in use
_FEW = 1000  # pairs in training below which the response is measured in fewer bins


@dataclass(frozen=True)
class Evaluation:
    """How the simulators are judged."""

    jets: int = 3000
    """Test pairs, at most."""
    cuts: int = 20
    """Random halves of the test pairs, over which distances are averaged."""
    bootstrap: int = 50
    """Bootstrap samples behind the error of a ratio."""
    repeated: int = 30
    """Generated jets, or collisions, that are simulated many times."""
    times: int = 50
    """Simulations of each jet or collision."""
    batches: tuple[int, ...] = (1, 100, 1000)
    """Jets asked for at once, for the time a jet takes."""
    repeats: int = 3
    """Times each is timed; the median counts."""
    reference: Path | None = None
    """A PFNano file, whose real response is put beside that of the stand-in."""

    def __post_init__(self) -> None:
        if (
            self.jets < 50
            or min(self.cuts, self.bootstrap, self.repeated, self.times) < 2
            or self.repeats < 1
        ):
            raise InputError(f"expected at least 50 jets, and 2 of what is averaged over: got {self}")


def outcomes(
    trained: Sequence[Trained[Part]], data: Split[JetPairs], test: JetPairs, *, seed: int
) -> list[Outcome]:
    """The test jets by every trained simulator, then by the baselines."""
    pairs = data.train.generated, data.train.reconstructed
    baselines: dict[str, Simulator] = {
        COPY: copied,
        "binned response": BinnedResponse.of(*pairs, bins=(6, 3) if len(data.train) >= _FEW else (3, 2)),
        "nearest jet": NearestJet.of(*pairs),
    }
    found = [outcome(t.part.labels, t.part.seed, network(t.model), test, draw=seed) for t in trained]
    return found + [outcome({"model": name}, None, each, test, draw=seed) for name, each in baselines.items()]


def results(
    found: Sequence[Outcome],
    trained: Sequence[Trained[Part]],
    data: Split[JetPairs],
    test: JetPairs,
    *,
    settings: Evaluation,
    sample: Data,
    seed: int,
) -> list[Result]:
    """All tables."""
    table = tables.distance_rows(found, test, cuts=settings.cuts, seed=seed)
    table += tables.fpd_rows(found, test, seed=seed)
    with_and_without = TITLES["vae"], TITLES["plain"]
    name = "W1 with jet terms over W1 without"
    table += tables.ratio_rows(name, found, test, with_and_without, bootstrap=settings.bootstrap, seed=seed)
    table += tables.condition_rows(found, test, seed=seed)
    again = measured_many_times(sample, settings.repeated, settings.times, seed=seed + 1)
    table += tables.spread_rows(found, again, seed=seed) if again else []
    table += tables.response_rows(test, "test jets")
    if settings.reference:
        real = cms_pfnano.jet_pairs(settings.reference, particles=test.generated.mask.shape[1])
        table += tables.response_rows(real, "CMS full simulation", data="real")
    matched = len(data.train) + len(data.validation) + len(data.test)
    share = [(matched / data.test.wanted, 0.0)]
    table.append(row("share of generated jets with a partner", share, {}, n=data.test.wanted, split="all"))
    table += tables.time_rows(found, test, batches=settings.batches, repeats=settings.repeats)
    return by_name(table + training_rows(trained, test))


def training_rows(trained: Sequence[Trained[Part]], test: JetPairs) -> list[Result]:
    """How far the loss fell on the validation jets, time, size, and latent components in use."""
    columns, table = columns_of(test), []
    for same in grouped(trained, lambda each: each.part.model).values():
        labels, seeds = same[0].part.labels, [each.part.seed for each in same]
        fall = [(each.kept["losses"][0] / each.kept["losses"][1], 0.0) for each in same]
        seconds = [(each.history[-1]["seconds"], 0.0) for each in same]
        weights = float(sum(p.numel() for p in same[0].model.parameters()))
        table.append(row("validation loss, before over after", fall, labels, seeds=seeds, split="validation"))
        table.append(row("training time", seconds, labels, seeds=seeds, unit="s", split="train"))
        table.append(row("weights", [(weights, 0.0)], labels, split=""))
        if hasattr(same[0].model, "divergences"):
            kl = [each.model.divergences(columns["generated"], columns["generated_mask"]) for each in same]
            used = [(float((each > _ACTIVE).sum()), 0.0) for each in kl]
            nats = [(float(each.sum()), 0.0) for each in kl]
            about: dict[str, Any] = {"seeds": seeds, "n": len(test)}
            table.append(row("latent components in use", used, labels, **about))
            table.append(row("divergence of the latent vector", nats, labels, unit="nat", **about))
    return table
