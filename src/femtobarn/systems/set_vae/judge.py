"""How well set autoencoders find jets that are not of QCD, beside scores without a network, and what they cost."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from femtobarn.datasets.jetclass import Jets
from femtobarn.errors import InputError
from femtobarn.evaluation.anomaly_table import TOLD, by_score, labels
from femtobarn.evaluation.jet_anomaly import jet_baselines, simple_jet_scores
from femtobarn.evaluation.network_costs import latency_ratio, network_costs
from femtobarn.evaluation.scores import Scored, draw_scores, score_table
from femtobarn.evaluation.signals_together import (
    geometric_mean_efficiency,
    mean_area,
    paired_change,
    paired_gain,
    summary,
    together,
)
from femtobarn.evaluation.trigger import process_rates
from femtobarn.nn.set_vae import SetVae
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, by_name, draw_training, row
from femtobarn.systems.set_vae import trigger
from femtobarn.systems.set_vae.data import DIJETS, QCD, Samples
from femtobarn.systems.set_vae.study import BLIND, CLIP, LOSSES, SET, Part, scores, table

#: What is compared with what, by (score, model): a claim of the paper each, or an explanation.
COMPARED = (
    (("KL", CLIP), ("KL", SET)),
    (("KL", CLIP), ("error", SET)),
    (("error", SET), ("error", BLIND)),
    (("error", SET), ("error without veto", SET)),
)
_NAMED = (("error", SET), ("KL", CLIP))  # the scores that the paper proposes


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test jets."""

    fractions: tuple[float, ...] = (0.01, 0.02)
    """Shares of QCD jets that may pass a threshold; the first is that of summaries and of the rate."""
    draws: int = 100
    """Bootstrap samples behind the errors of numbers over all signals."""
    calls: int = 50
    """Times that a latency is measured; 0 leaves it out."""

    def __post_init__(self) -> None:
        if not self.fractions or not all(0 < f < 1 for f in self.fractions) or self.draws < 2:
            raise InputError(f"expected shares in (0, 1) and two draws: got {self.fractions}, {self.draws}")


def results(
    run: Run, samples: Samples, every: Sequence[Trained[Part]], settings: Evaluation, *, progress: bool
) -> list[Result]:
    """All tables and figures."""
    trained = [each for each in every if each.part.of_jets]
    jets = {QCD: samples.qcd.test, **samples.signals(progress=progress)}
    found = jet_baselines(samples.qcd.train, jets, background=QCD, seed=samples.seed)
    trivial = [each.labels for each in found if not each.labels["model"]]
    found += [each for one in trained for each in network_scores(one, jets, samples.qcd.validation)]
    rows = score_table(
        found,
        background=QCD,
        trivial=trivial,
        fractions=settings.fractions,
        reference=jets[QCD].jet[:, 4].astype(np.float64),
        variable="multiplicity",
    )
    rows += _summaries(found, settings, seed=samples.seed)
    rows += _ablation(found)
    rows += _rates(samples, trained, settings.fractions[0], progress=progress)
    rows += _costs(trained, jets[QCD], settings.calls)
    if samples.level1 is not None:
        rows += trigger.results(
            run,
            samples.level1,
            samples.level1_signals(progress=progress),
            [each for each in every if not each.part.of_jets],
            samples.trigger,
            fraction=settings.fractions[0],
            seed=samples.seed,
            workers=samples.workers,
            progress=progress,
        )
    shown = [*(labels(*each) for each in (*_NAMED, ("KL", SET))), labels("t"), labels("multiplicity")]
    kept = [each for each in found if each.labels in shown or each.labels["model"] == TOLD]
    draw_scores(run, kept, background=QCD, shown=len(kept))
    draw_training(
        run,
        [each for each in trained if each.part.seed == trained[0].part.seed],
        ylabel="loss",
        caption="On validation jets of QCD, without latent noise, after each epoch. The losses of different models "
        "have different weights and are not to be compared.",
    )
    return by_name(rows)


def network_scores(trained: Trained[Part], jets: Mapping[str, Jets], calibration: Jets) -> list[Scored]:
    """Every score of a network on every sample; the two-sided one is centred on the jets for calibration."""
    part = trained.part
    given = {name: scores(trained.model, sample, part) for name, sample in jets.items()}
    low, middle, high = np.quantile(scores(trained.model, calibration, part)["KL"], (0.25, 0.5, 0.75))
    for values in given.values():
        values["KL, two-sided"] = np.abs(values["KL"] - middle) / max(high - low, 1e-12)
        if not LOSSES[part.model].species:  # it has no veto
            del values["error without veto"]
    return [Scored(labels(name, part.model), part.seed, values) for name, values in by_score(given).items()]


def _of(found: Sequence[Scored], *score: str) -> list[Scored]:
    return [each for each in found if each.labels == labels(*score)]


def _summaries(found: Sequence[Scored], settings: Evaluation, *, seed: int) -> list[Result]:
    events = together(found[0], background=QCD, draws=settings.draws, seed=seed)
    fraction = settings.fractions[0]
    at, efficiency = f"at {100 * fraction:g} % of background", geometric_mean_efficiency(fraction)
    rows = summary(found, events, mean_area, "mean AUC over signals")
    rows += summary(found, events, efficiency, f"geometric mean over signals {at}")
    for ours, theirs in COMPARED:
        mine, other = _of(found, *ours), _of(found, *theirs)
        if mine and other:
            rows.append(paired_gain(mine, other, events, mean_area, "gain in mean AUC over signals"))
    for mine in (_of(found, *each) for each in _NAMED):
        for over in ("t", "multiplicity", "leptons' share of pT") if mine else ():
            name = f"ratio of geometric means {at}"
            rows.append(paired_gain(mine, _of(found, over), events, efficiency, name, ratio=True))
    return rows


def _ablation(found: Sequence[Scored]) -> list[Result]:
    """How much of each signal's area goes with the veto: trained without it, or only scored without it."""
    rows, ours = [], _of(found, "error", SET)
    for how, score in {"trained": ("error", BLIND), "scored": ("error without veto", SET)}.items():
        if ours and (without := _of(found, *score)):
            name = "change of AUC without the species veto"
            rows += paired_change(without, ours, name, background=QCD, labels={"without": how})
    return rows


def _rates(
    samples: Samples, trained: Sequence[Trained[Part]], share: float, *, progress: bool
) -> list[Result]:
    """Rate of dijets above the threshold that this share of the jets of the background passes."""
    if (made := samples.dijets(progress=progress)) is None:
        return []
    jets = {QCD: samples.qcd.test, DIJETS: made[0]}
    simple = by_score({name: simple_jet_scores(each) for name, each in jets.items()})
    given = [Scored(labels(score), None, simple[score]) for score in ("multiplicity", "jet mass", "t")]
    for one in trained:
        own = network_scores(one, jets, samples.qcd.validation)
        given += [each for score in _NAMED for each in _of(own, *score)]
    return process_rates(given, background=QCD, process=DIJETS, share=share, cross_section=made[1])


def _costs(trained: Sequence[Trained[Part]], jets: Jets, calls: int) -> list[Result]:
    """Weights and operations of the published size and of ours; time of the encoder over that of the whole."""
    network = next((each.model for each in trained if each.part.model != BLIND), trained[0].model)
    torch.manual_seed(0)
    published, event = SetVae().eval(), tuple(table(jets.take(slice(1))).columns.values())
    named: dict[str, nn.Module] = {}
    for size, each in (("published", published), ("trained", network)):
        named |= {f"{size} size, whole": each, f"{size} size, encoder": _Encoder(each)}
    rows = network_costs(named, event, calls=0, what="jet", size=int((jets.species[0] >= 0).sum()))
    for batch in (1, 256) if calls else ():
        event = tuple(table(jets.take(np.arange(batch) % len(jets))).columns.values())
        part, whole = (functools.partial(call, *event) for call in (published.encode, published))
        value = latency_ratio(part, whole, calls=calls)
        where = {"batch": str(batch), "what": "ms of the encoder over ms of the whole, published size"}
        sample = "half the middle 68 % of calls"
        rows.append(row("latency ratio", [value], where, n=calls, split="", sample=sample))
    return rows


class _Encoder(nn.Module):
    """The encoder of a network alone, to be counted."""

    def __init__(self, network: SetVae) -> None:
        super().__init__()
        self.enter, self.encoder = network.enter, network.encoder
        self.mean, self.log_variance = network.mean, network.log_variance
        self._encode = network.encode

    def forward(self, *event: torch.Tensor) -> torch.Tensor:
        mean, _ = self._encode(*event)
        return mean
