"""How well set autoencoders find jets that are not of QCD, beside scores without a network, and what they cost."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from femtobarn.datasets.jetclass import Jets
from femtobarn.errors import InputError
from femtobarn.evaluation.anomaly_table import SUPERVISED, by_score, labels
from femtobarn.evaluation.jet_anomaly import jet_baselines, simple_jet_scores
from femtobarn.evaluation.network_costs import EncoderAlone, latency_ratio, network_costs
from femtobarn.evaluation.scores import Scored, draw_scores, score_table
from femtobarn.evaluation.signals_together import paired_change, signals_table
from femtobarn.evaluation.trigger import process_rates
from femtobarn.metrics import two_sided
from femtobarn.nn.set_vae import SetVae
from femtobarn.nn.set_vae_loss import set_vae_scores
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, by_name, draw_training, row
from femtobarn.systems.set_vae import trigger
from femtobarn.systems.set_vae.data import DIJETS, QCD, Samples
from femtobarn.systems.set_vae.study import BLIND, CLIP, LOSSES, SET, Part, table

#: The scores that the paper proposes.
NAMED = labels("error", SET), labels("KL", CLIP)
#: What is compared with what: a claim of the paper each, or an explanation.
COMPARED = (
    (labels("KL", CLIP), labels("KL", SET)),
    (labels("KL", CLIP), labels("error", SET)),
    (labels("error", SET), labels("error", BLIND)),
    (labels("error", SET), labels("error without veto", SET)),
)
_OVER = labels("t"), labels("multiplicity"), labels("leptons' share of pT")
_ENCODER = ("enter", "encoder", "mean", "log_variance")  # parts of the network that `encode` uses


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
        found, background=QCD, trivial=trivial, fractions=settings.fractions,
        reference=jets[QCD].jet[:, 4].astype(np.float64), variable="multiplicity",
    )  # fmt: skip
    rows += signals_table(
        found, background=QCD, fraction=settings.fractions[0], draws=settings.draws, seed=samples.seed,
        pairs=COMPARED, ratios=[(ours, over) for ours in NAMED for over in _OVER],
    )  # fmt: skip
    rows += _ablation(found)
    rows += _rates(samples, samples.dijets(progress=progress), trained, settings.fractions[0])
    rows += _costs(trained, jets[QCD], settings.calls)
    if samples.level1 is not None:
        rows += trigger.results(
            run, samples.level1, samples.level1_signals(progress=progress),
            [each for each in every if not each.part.of_jets], samples.trigger, fraction=settings.fractions[0],
            seed=samples.seed, workers=samples.workers, progress=progress,
        )  # fmt: skip
    shown = *NAMED, labels("KL", SET), *_OVER[:2]
    kept = [each for each in found if each.labels in shown or each.labels["model"] == SUPERVISED]
    draw_scores(run, kept, background=QCD, shown=len(kept))
    first = [each for each in trained if each.part.seed == trained[0].part.seed]
    caption = (
        "On validation jets of QCD, without latent noise. Losses of different models are not to be compared."
    )
    draw_training(run, first, ylabel="loss", caption=caption)
    return by_name(rows, ["mean AUC over signals", "gain in mean AUC over signals"])


def network_scores(trained: Trained[Part], jets: Mapping[str, Jets], calibration: Jets) -> list[Scored]:
    """Every score of a network on every sample; the two-sided one is centred on the jets for calibration."""
    part, loss = trained.part, LOSSES[trained.part.model]
    given = {name: set_vae_scores(trained.model, table(each).columns, loss) for name, each in jets.items()}
    reference = set_vae_scores(trained.model, table(calibration).columns, loss)["KL"]
    for values in given.values():
        values["KL, two-sided"] = two_sided(values["KL"], reference)
    return [Scored(labels(name, part.model), part.seed, values) for name, values in by_score(given).items()]


def _ablation(found: Sequence[Scored]) -> list[Result]:
    """How much of each signal's area goes with the veto: trained without it, or only scored without it."""
    rows, name = [], "change of AUC without the species veto"
    without = {"trained": labels("error", BLIND), "scored": labels("error without veto", SET)}
    for how, place in without.items():
        theirs, ours = ([each for each in found if each.labels == key] for key in (NAMED[0], place))
        if ours and theirs:
            rows += paired_change(ours, theirs, name, background=QCD, labels={"without": how})
    return rows


def _rates(
    samples: Samples, made: tuple[Jets, float] | None, trained: Sequence[Trained[Part]], share: float
) -> list[Result]:
    """Rate of dijets above the threshold that this share of the jets of the background passes."""
    if made is None:
        return []
    jets = {QCD: samples.qcd.test, DIJETS: made[0]}
    simple = by_score({name: simple_jet_scores(each) for name, each in jets.items()})
    given = [Scored(labels(score), None, simple[score]) for score in ("multiplicity", "jet mass", "t")]
    for one in trained:
        own = network_scores(one, jets, samples.qcd.validation)
        given += [each for each in own if each.labels in NAMED]
    return process_rates(given, background=QCD, process=DIJETS, share=share, cross_section=made[1])


def _costs(trained: Sequence[Trained[Part]], jets: Jets, calls: int) -> list[Result]:
    """Weights and operations of the published size and of ours; time of the encoder over that of the whole."""
    torch.manual_seed(0)
    published = SetVae().eval()
    named: dict[str, torch.nn.Module] = {}
    for size, each in (("published", published), ("trained", trained[0].model)):
        named |= {f"{size} size, whole": each, f"{size} size, encoder": EncoderAlone(each, _ENCODER)}
    events = {n: tuple(table(jets.take(np.arange(n) % len(jets))).columns.values()) for n in (1, 256)}
    rows = network_costs(named, events[1], calls=0, what="jet", size=int((jets.species[0] >= 0).sum()))
    for batch, event in events.items() if calls else ():
        part, whole = (functools.partial(call, *event) for call in (published.encode, published))
        where = {"batch": str(batch), "what": "ms of the encoder over ms of the whole, published size"}
        value = [latency_ratio(part, whole, calls=calls)]
        rows.append(
            row("latency ratio", value, where, n=calls, split="", sample="half the middle 68 % of calls")
        )
    return rows
