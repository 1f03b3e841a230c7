"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from femtobarn.datasets import hgcal
from femtobarn.engine import Training
from femtobarn.errors import InputError, nearest
from femtobarn.losses import EmdNet
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Published, Result, Run
from femtobarn.systems.emd_compression import evaluation, figures, predictions, study, surrogate
from femtobarn.systems.emd_compression.sample import Data, Split, load_split
from femtobarn.systems.emd_compression.study import Part, Study, Trained
from femtobarn.systems.emd_compression.surrogate import Surrogate


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    train: Training = field(default_factory=lambda: Training(epochs=12, lr=8e-3, batch=100))
    surrogate: Surrogate = field(default_factory=Surrogate)
    seed: int = 1
    """Seed of the split and the stand-in."""
    workers: int = 2
    """Processes that simulate and train side by side."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers must be at least 1: got {self.workers}")


PRESETS = {
    "tiny": Config(
        data=Data(engine="analytic", wafers=2_000),
        study=Study(losses=("emd", "mse"), links=(5,), large_decoder=False, other_losses=(), seeds=(1,)),
        train=Training(epochs=20, lr=8e-3, batch=100),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(path=Path(hgcal.TTBAR) / "nElinks_5", wafers=100_000_000),
        train=Training(epochs=96, lr=1e-3, schedule="constant", patience=30),
        study=Study(
            losses=("emd", "telescope", "mse"), other_losses=("sinkhorn", "sliced", "learned", "emd+0.5*mse")
        ),
        surrogate=Surrogate(pairs=600_000, epochs=64),
    ),
}

_LOGS = "training logs, github.com/oliviaweng/fastml-science, branch quantized-autoencoder"
PUBLISHED = [
    Published(
        "mean EMD",
        value,
        error,
        "cell",
        {"method": "telescope"},
        data,
        f"{encoder} encoder, {runs} runs, {_LOGS}",
    )
    for value, error, data, encoder, runs in (
        (1.165, 0.037, hgcal.TTBAR, "floating-point", 4),
        (1.39, 0.036, hgcal.TTBAR, "quantised", 3),
        (1.21, 0.026, hgcal.ELECTRONS, "floating-point", 3),
        (1.485, 0.106, hgcal.ELECTRONS, "quantised", 2),
    )
]  # errors are standard deviations of those runs


def load(config: Config, run: Run, *, progress: bool = True) -> Split:
    """The wafers of the run; records where they come from."""
    split = load_split(config.data, seed=config.seed, workers=config.workers, progress=progress)
    run.set_data(split.provenance)
    run.log(
        event="data",
        train=len(split.train),
        validation=len(split.validation),
        test=len(split.test),
    )
    return split


def train(config: Config, data: Split, run: Run, *, progress: bool = True) -> list[Trained]:
    """Train every autoencoder of the study that the run has not trained yet."""
    parts = config.study.parts()
    surrogate_folder = run.work("learned-emd")
    needs_net = [part for part in parts if "learned" in part.loss]
    others: list[Part | None] = [part for part in parts if part not in needs_net]
    if needs_net:
        others.insert(0, None)  # the learned EMD itself, which the trainings with it wait for
    work = functools.partial(_train, config, data, run.folder / "work", surrogate_folder)
    for stage, title in ((others, "training"), (needs_net, "training with the learned EMD")):
        if stage:
            run_parts(work, stage, name=_name, title=title, workers=config.workers, progress=progress)
    return [study.load_part(run.folder / "work" / part.name) for part in parts]


def evaluate(
    config: Config,
    data: Split,
    trained: Sequence[Trained],
    run: Run,
    *,
    progress: bool = True,  # noqa: ARG001, part of the protocol
) -> list[Result]:
    """Every algorithm on the test wafers: results, and the figures of the report."""
    test, kind = data.test, data.provenance.kind
    outcomes = [evaluation.learned_outcome(each, test) for each in trained]
    outcomes += evaluation.conventional_outcomes(test, config.study.links)
    results = evaluation.results(outcomes, test, data=kind)
    results += evaluation.ratios(outcomes, test, pairs=_pairs(config.study), data=kind)
    learned = None
    if any("learned" in part.loss for part in config.study.parts()):
        net = surrogate.load_net(run.work("learned-emd"))
        learned = surrogate.examine(net, test, seed=config.seed)
        results += surrogate.results(learned, data=kind)
    best = min(trained, key=lambda each: (each.validation, each.part.name))
    display = next(o for o in outcomes if o.labels == best.part.labels and o.seed == best.part.seed)
    links = config.study.other_links if config.study.other_losses else max(config.study.links)
    figures.draw_all(
        run, results, outcomes, trained, test, display=display, links=str(links), learned=learned, data=kind
    )
    return results


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Codes, decoded charges and EMD of every wafer in the user's files, see ``predictions``.

    Args:
        run: A finished run.
        files: Files or folders in one of the formats of ``datasets.hgcal``.
        output: HDF5 file to write.
        model: Name of one of the trained models, such as ``emd-5links-large-seed1``; if not given, the one with
            the smallest validation EMD.
        progress: Show a bar.
    """
    folders = sorted(path.parent for path in run.folder.glob("work/*/model.pt"))
    if not folders:
        raise InputError(f"{run.folder} holds no trained model: finish it with femtobarn run --resume")
    names = [folder.name for folder in folders]
    if model is None:
        chosen = min(
            (study.load_part(folder) for folder in folders), key=lambda t: (t.validation, t.part.name)
        )
    elif model in names:
        chosen = study.load_part(folders[names.index(model)])
    else:
        raise InputError(f"the run has no model {model!r}: {nearest(model, names)}")
    return predictions.write(chosen, files, output, progress=progress)


def _train(
    config: Config, data: Split, work: Path, surrogate_folder: Path, part: Part | None, report: Report
) -> None:
    if part is None:
        surrogate.train_net(data, config.surrogate, seed=config.seed, folder=surrogate_folder, report=report)
        return
    net: EmdNet | None = surrogate.load_net(surrogate_folder) if "learned" in part.loss else None
    study.train_part(
        part,
        data.train,
        data.validation,
        settings=config.train,
        quantised=config.study.quantised,
        large_lr=config.study.large_lr,
        folder=work / part.name,
        net=net,
        report=report,
    )


def _name(part: Part | None) -> str:
    return "learned EMD" if part is None else part.name


def _pairs(settings: Study) -> list[tuple[str, str]]:
    """Which method's mean EMD is set against which other's."""
    methods = dict.fromkeys(part.labels["method"] for part in settings.parts())
    first, *others = methods
    large = [method for method in others if "decoder" in method]
    pairs = [(first, "MSE")] if "MSE" in others else []
    pairs += [(method, first) for method in others if method != "MSE"]
    return pairs + [(method, "best choice") for method in (first, *large)]
