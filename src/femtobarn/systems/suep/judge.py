"""How well the autoencoder finds SUEP, beside counting tracks: tables of each sample."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from femtobarn.data.sparse_images import SparseImages
from femtobarn.errors import InputError
from femtobarn.evaluation.anomaly_baselines import EventScore, counting_scores, supervised_ceiling
from femtobarn.evaluation.comparisons import draw_efficiencies, paired_gains
from femtobarn.evaluation.dark_showers import coarse, event_means, production_table
from femtobarn.evaluation.feature_autoencoders import feature_scores
from femtobarn.evaluation.mistag import draw_mistag, mistag_table, rate_table
from femtobarn.evaluation.network_costs import latencies, network_costs
from femtobarn.evaluation.scores import Scored, draw_scores, score_table
from femtobarn.metrics.working_point import LEAST
from femtobarn.nn.image_autoencoder import ImageAutoencoder, network_input
from femtobarn.physics.event_images import FINE, event_features
from femtobarn.runs import Result, Run
from femtobarn.simulate.dark_images import QCD, DarkImages, detected_events, suep_mass
from femtobarn.simulate.detector.images import coarse_images, fine_images
from femtobarn.study import Trained, Value, by_name, draw_spectra, draw_training, grouped, row
from femtobarn.systems.suep.data import STAND_IN, Problem, Problems
from femtobarn.systems.suep.study import Part, scores

NETWORK, RESTORED = "autoencoder", "small restored energy"
PUBLISHED_EFFICIENCY = 0.40  #: at a mistag of 2 %, abstract of arXiv:2306.13595
SIMPLE = ("number of tracks", "soft5", "z-sum")  #: drawn beside the networks
Samples = Mapping[str, SparseImages]


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test events."""

    fractions: tuple[float, ...] = (0.02,)
    """Shares of QCD events that may pass a threshold."""
    luminosity: float = 2e34
    """Instantaneous, cm^-2 s^-1, behind the rate of QCD events."""
    calls: int = 100
    """Single events behind a latency; 0 leaves it out."""

    def __post_init__(self) -> None:
        if not self.fractions or not all(0 < f < 1 for f in self.fractions) or self.luminosity <= 0:
            raise InputError(f"expected shares in (0, 1) and a luminosity, got {self}")


def results(
    run: Run, problems: Problems, trained: Sequence[Trained[Part]], settings: Evaluation
) -> list[Result]:
    """All tables, those of the first sample first; the figures that show events or all scores are of that sample."""
    table: list[Result] = []
    for name, problem in problems.by_name.items():
        mine = [each for each in trained if each.part.sample == name]
        samples = {QCD: problem.split.test, **problem.signals()}
        found, kind = scored(name, problem, samples, mine), problem.split.provenance.kind
        rows = _judged(found, samples, settings) + _falls(mine, problem)
        rows += event_means(name, samples) + production_table(name, problem.production())
        rows += _rates(problem, found, settings) + _crowded(run, problem, mine, max(settings.fractions))
        table += [replace(each, data=kind) for each in rows]
        masses = {sample: mass for sample in samples if (mass := suep_mass(sample)) is not None}
        drawn = [r for r in rows if r.labels.get("score") in (*SIMPLE, NETWORK)]
        draw_efficiencies(
            run, [replace(r, labels=r.labels | {"sample": ""}) for r in drawn], masses, kind=kind, bold=NETWORK,
            xlabel="mass of the scalar [GeV]", published=PUBLISHED_EFFICIENCY, title=f"Efficiency: {name}",
            name=f"efficiency-{name.replace(' ', '-')}", caption="Share of SUEP above a threshold that few QCD events "
            "pass. Dotted: 40 % at 2 %, as published, mass not given. Bars: of both samples, and between seeds.",
        )  # fmt: skip
        if name == next(iter(problems.by_name)):
            shown = [
                e
                for e in found
                if e.labels["score"] in (*SIMPLE, NETWORK) or "supervised" in e.labels["score"]
            ]
            bare = [each._replace(labels=each.labels | {"sample": ""}) for each in shown]
            draw_scores(run, bare, background=QCD, shown=len(bare))
            pixels = {sample: [x[x > 0] for x in coarse(each)[..., 0]] for sample, each in samples.items()}
            draw_spectra(
                run, pixels, np.geomspace(0.1, 1000, 33), xlabel="energy of a track pixel [GeV]", name="pixels",
                ylabel="pixels an event", title="Track pixels by their energy", section="Events",
                caption="Mean number of track pixels of an event in each bin of energy.",
            )  # fmt: skip
    draw_training(
        run, [t for t in trained if t.part.seed == trained[0].part.seed], ylabel="loss on validation events",
        caption="After each epoch; the mean of the inverse Dice or, by the settings, of log(1 + inverse Dice).",
    )  # fmt: skip
    return by_name(table + _costs(trained, problems, settings))


def _judged(found: Sequence[Scored], samples: Samples, settings: Evaluation) -> list[Result]:
    """Scores beside each other; logarithms against energies as published; thresholds on events of their own."""
    networks, share = [e for e in found if e.labels["score"] == NETWORK], max(settings.fractions)
    table = score_table(
        found, background=QCD, trivial=[each.labels for each in found if _is_trivial(each)],
        fractions=settings.fractions, reference=samples[QCD].columns["n_tracks"].astype(np.float64),
        variable="number of tracks",
    )  # fmt: skip
    table += paired_gains(networks, background=QCD, label="energies", one="log", other="linear")
    if share * (len(samples[QCD]) // 2) >= LEAST:
        table += mistag_table([e for e in found if _is_main(e)], background=QCD, fraction=share)
    return table


def scored(name: str, problem: Problem, samples: Samples, trained: Sequence[Trained[Part]]) -> list[Scored]:
    """Every score on every sample: counting, supervised trees, the networks."""
    images = {key: coarse(events) for key, events in samples.items()}
    tracks = {key: events.columns["n_tracks"] for key, events in samples.items()}
    found = [
        Scored(_labels(name, score), None, {k: rule(x, tracks[k]) for k, x in images.items()})
        for score, rule in _counting(problem).items()
    ]
    small = {k: -x.sum(axis=(1, 2, 3), dtype=np.float64) for k, x in images.items()}
    found.append(Scored(_labels(name, "small total energy"), None, small))
    numbers = {k: event_features(x) for k, x in images.items()}
    for signal in (key for key in images if key != QCD):
        ceiling = supervised_ceiling(
            *(np.column_stack((numbers[k], tracks[k])) for k in (QCD, signal)), seed=1
        )
        labels = _labels(name, f"supervised trees ({signal})")
        found.append(Scored(labels, None, dict(zip((QCD, signal), ceiling, strict=True))))
    train, seeds = event_features(coarse(problem.split.train)), [each.part.seed for each in trained]
    found += feature_scores(train, numbers, seeds=seeds, labels=functools.partial(_labels, name))
    for each in trained:
        given = {k: scores(each.model, events) for k, events in samples.items()}
        for score, column, sign in ((NETWORK, "inverse Dice", 1), (RESTORED, "restored", -1)):
            values = {k: sign * columns[column] for k, columns in given.items()}
            found.append(Scored(_labels(name, score, each.part.energies), each.part.seed, values))
    return found


def _counting(problem: Problem) -> dict[str, EventScore]:
    train = problem.split.train
    return counting_scores(coarse(train), train.columns["n_tracks"], seed=1)


def _labels(sample: str, score: str, energies: str = "") -> dict[str, str]:
    return {"sample": sample, "score": score, "energies": energies}


def _is_trivial(each: Scored) -> bool:
    return each.seed is None and "supervised" not in each.labels["score"]


def _is_main(each: Scored) -> bool:
    return _is_trivial(each) or each.labels["score"] == NETWORK


def _falls(trained: Sequence[Trained[Part]], problem: Problem) -> list[Result]:
    """How training lowers the median inverse Dice of validation events, and test events that nothing overlaps."""
    table, split = [], problem.split
    for group in grouped(trained, lambda each: tuple(each.part.labels.items())).values():
        labels, seeds = group[0].part.labels, [each.part.seed for each in group]
        falls: list[Value] = [(each.kept["before"] / each.kept["after"], 0.0) for each in group]
        n, name = len(split.validation), "fall of the inverse Dice"
        table.append(row(name, falls, labels, seeds=seeds, n=n, split="validation"))
        apart = [(1 - float(scores(each.model, split.test)["overlap"].mean()), 0.0) for each in group]
        table.append(row("QCD events without overlap", apart, labels, seeds=seeds, n=len(split.test)))
    return table


def _rates(problem: Problem, found: Sequence[Scored], settings: Evaluation) -> list[Result]:
    """Rates of QCD of the stand-in; the weights of events undo the preference for hard collisions."""
    if (made := problem.production().get(QCD)) is None:
        return []
    section, main = made.cross_section * made.share, [each for each in found if _is_main(each)]
    return rate_table(
        main, background=QCD, weight=problem.split.test.columns["weight"], cross_section=section,
        luminosity=settings.luminosity, fraction=max(settings.fractions),
    )  # fmt: skip


def _crowded(run: Run, problem: Problem, trained: Sequence[Trained[Part]], share: float) -> list[Result]:
    """Mistag against pile-up, of the networks of the first seed and of counting."""
    events = problem.crowded()
    if events is None:
        return []
    image, simple = coarse(events), _counting(problem)
    values = {name: simple[name](image, events.columns["n_tracks"]) for name in SIMPLE}
    for each in trained:
        if each.part.seed == trained[0].part.seed:
            values[f"{NETWORK}, {each.part.energies}"] = scores(each.model, events)["inverse Dice"]
    return draw_mistag(
        run, values, events.columns["pileup"], fraction=share, what="pile-up",
        kind=problem.split.provenance.kind,
        caption=f"Share of QCD events of the stand-in above a threshold that {100 * share:g} % of all of them pass. "
        "Networks of the first seed, trained at a fixed pile-up. Bars: Clopper-Pearson.",
    )  # fmt: skip


def _costs(trained: Sequence[Trained[Part]], problems: Problems, settings: Evaluation) -> list[Result]:
    """The trained network, that of the published size and, where Pythia made the events, their images; one event."""
    image = next(iter(problems.splits.values())).test.full(slice(0, 1))
    networks = {
        "trained network": (trained[0].model, network_input(image)),
        "published size": (ImageAutoencoder().eval(), network_input(np.zeros((1, *FINE), np.float32))),
    }
    steps: dict[str, Callable[[], object]] = {
        n: functools.partial(net.score, x) for n, (net, x) in networks.items()
    }
    table = [r for n, (net, x) in networks.items() for r in network_costs({n: net}, (x,), calls=0)]
    if settings.calls and STAND_IN in problems.by_name:
        seen = detected_events(DarkImages(QCD, problems.pileup), 1, seed=1)
        steps["coarse image"] = functools.partial(coarse_images, seen)
        steps["fine image"] = functools.partial(fine_images, seen)
    return by_name(table + latencies(steps, calls=settings.calls))
