"""Settings of the evaluation, and what networks and trees say of the same test showers."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float64
from numpy import ndarray

from femtobarn.errors import InputError
from femtobarn.hardware.latency import single_event_latency
from femtobarn.runs import Result
from femtobarn.study import Trained, by_name, grouped, row
from femtobarn.systems.calo_reconstruction.sample import Selection
from femtobarn.systems.calo_reconstruction.study import Part, outputs


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test showers."""

    bins: tuple[float, ...] = (5.0, 7.0, 10.0, 14.0, 20.0, 28.0, 38.0, 50.0)
    """Energy bin edges for response and resolution, in GeV."""
    wide_bins: tuple[float, ...] = (5.0, 10.0, 20.0, 30.0, 50.0)
    """Energy bin edges for the AUC, in GeV."""
    electron_like: float = 0.05
    """HCAL/ECAL ratio, in file units, below which e/pi separation is also quoted (electron-like pions)."""
    rounds: int = 400
    """Maximum number of boosted trees."""
    bootstraps: int = 200
    """Bootstrap samples for the errors of differences."""
    least: int = 40
    """Minimum number of showers in an energy bin."""
    calls: int = 100
    """Single-shower calls in the latency measurement; 0 for none."""

    def __post_init__(self) -> None:
        for edges in (self.bins, self.wide_bins):
            if len(edges) < 2 or list(edges) != sorted(set(edges)):
                raise InputError(f"expected rising edges of bins in GeV, got {edges}")
        if self.bootstraps < 2 or self.rounds < 1 or self.least < 2 or self.calls < 0:
            raise InputError(
                "expected at least two bootstraps and showers a bin, one round, calls of 0 or more"
            )


class Outcome(NamedTuple):
    """One training on the test showers of its task."""

    part: Part
    score: Float64[ndarray, "shower"]
    """Logit of the signal."""
    energy: Float64[ndarray, "shower"]
    """GeV."""


def outcomes(
    trained: Sequence[Trained[Part]], tests: Mapping[str, Selection], *, window: int
) -> list[Outcome]:
    """All networks and trees on the test showers of their tasks.

    Args:
        trained: Networks and trees.
        tests: Test showers of each task.
        window: Cells of the ECAL in x and y that networks see.
    """
    tables = {task: test.table(window) for task, test in tests.items()}
    found = []
    for each in trained:
        if each.model is None:
            score, energy = each.kept["score"], each.kept["energy"]
        else:
            said = outputs(each.model, tables[each.part.task])
            score, energy = said.logit, said.energy
        found.append(Outcome(each.part, score.numpy(), energy.numpy()))
    return found


def over_seeds(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Outcomes that differ by their seed only, together; CLIC's cells first."""

    def place(outcome: Outcome) -> tuple[bool, str, str, str]:
        part = outcome.part
        return part.geometry != "clic", part.task, part.geometry, part.network

    return list(grouped(sorted(outcomes, key=place), place).values())


def costs(
    trained: Sequence[Trained[Part]], tests: Mapping[str, Selection], *, window: int, calls: int
) -> list[Result]:
    """Weights, latency of one shower, and time of a shower in a batch, of each kind of network."""
    found = []
    networks = [each for each in trained if each.model is not None]
    for part, model in {each.part.network: (each.part, each.model) for each in reversed(networks)}.values():
        labels = {"method": part.method}
        weights = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        found.append(row("weights", [(weights, 0)], labels, split=""))
        if not calls:
            continue
        table = tests[part.task].table(window)
        for size in (1, min(1000, len(table))):
            batch = table[torch.arange(size)]
            more = labels | {"showers at once": str(size)}
            found.append(_time(model, batch, more, calls=calls))
    return by_name(found)


def _time(
    model: torch.nn.Module, batch: Mapping[str, torch.Tensor], labels: dict[str, str], *, calls: int
) -> Result:
    """Microseconds a shower: the median of single calls for a batch of one, else one call."""
    arguments = [batch[name] for name in ("ecal", "hcal", "sums", "direction")]
    size, words = len(batch["ecal"]), "95 % quantile - median"
    with torch.inference_mode():
        if size == 1:
            call = single_event_latency(lambda: model(*arguments), calls=calls)
            value = call.median, call.percentile_95 - call.median
        else:
            start = time.perf_counter()
            model(*arguments)
            value = 1e6 * (time.perf_counter() - start) / size, 0.0
    return row("time per shower", [value], labels, n=size, unit="us", split="", sample=words)
