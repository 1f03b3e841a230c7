"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from femtobarn.datasets import hgcal
from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.losses import EmdNet
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Published, Result, Run
from femtobarn.settings import from_dict
from femtobarn.systems.emd_compression import designs, evaluation, figures, predictions, study, surrogate
from femtobarn.systems.emd_compression import export as exporting
from femtobarn.systems.emd_compression.evaluation import Outcome
from femtobarn.systems.emd_compression.quantised import TrainedBits
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
    quantiser: Literal["chip", "hgq"] = "chip"
    """Formats of the encoder: those of the chip, or also a study of encoders whose bits are trained (HGQ,
    arXiv:2405.00645) and written as Verilog, beside the chip's formats trained as long."""
    hgq: TrainedBits = field(default_factory=TrainedBits)
    seed: int = 1
    """Seed of the split and the stand-in."""
    workers: int = 2
    """Processes that simulate and train side by side."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers must be at least 1: got {self.workers}")
        if self.quantiser == "hgq" and not self.study.quantised:
            raise InputError("trained bits start from the chip's formats: leave study.quantised on")


PRESETS = {
    "tiny": Config(
        data=Data(engine="analytic", wafers=2_000),
        study=Study(losses=("emd", "mse"), links=(5,), large_decoder=False, other_losses=(), seeds=(1,)),
        train=Training(epochs=20, lr=8e-3, batch=100),
        hgq=TrainedBits(
            betas=(1e-6,),
            train=Training(epochs=3, lr=4e-2, batch=50),
            optimise=False,
            synthesis=(),
            reference=False,
        ),
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
    """Train every autoencoder of the study that the run has not trained yet; then, if asked for, the bits."""
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
    if config.quantiser == "hgq":
        further = config.study.further_parts(config.hgq)
        run_parts(
            functools.partial(_train_further, config, data, run.folder / "work"),
            further,
            name=_name,
            title="training of bits",
            workers=config.workers,
            progress=progress,
        )
        parts = parts + further
    return [study.load_part(run.folder / "work" / part.name) for part in parts]


def evaluate(
    config: Config,
    data: Split,
    trained: Sequence[Trained],
    run: Run,
    *,
    progress: bool = True,
) -> list[Result]:
    """Every algorithm on the test wafers: results, and the figures of the report."""
    test, kind = data.test, data.provenance.kind
    everything, trained = trained, [each for each in trained if not each.part.further]
    outcomes = [evaluation.learned_outcome(each, test) for each in trained]
    outcomes += evaluation.conventional_outcomes(test, config.study.links)
    results = evaluation.results(outcomes, test, data=kind)
    results += evaluation.ratios(outcomes, test, pairs=_pairs(config.study), data=kind)
    learned = None
    if any("learned" in part.loss for part in config.study.parts()):
        net = surrogate.load_net(run.work("learned-emd"))
        learned = surrogate.examine(net, test, seed=config.seed)
        results += surrogate.results(learned, data=kind)
    if config.quantiser == "hgq":
        results += _hardware(config, data, everything, outcomes, run, progress=progress)
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
    return predictions.write(study.choose(run, model), files, output, progress=progress)


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> str:
    """An encoder as Verilog or ONNX, see ``export``; the wafers of the run are read or made again.

    Raises:
        VerificationError: What was written differs from the integer model.
    """
    config = from_dict(Config, run.settings)
    split = load_split(config.data, seed=config.seed, workers=config.workers, progress=False)
    return exporting.export(run, split, folder, to=to, settings=config.hgq, model=model).told()


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


def _train_further(config: Config, data: Split, work: Path, part: Part, report: Report) -> None:
    study.train_further(part, data.train, data.validation, settings=config.hgq, work=work, report=report)


def _hardware(
    config: Config,
    data: Split,
    trained: Sequence[Trained],
    outcomes: Sequence[Outcome],
    run: Run,
    *,
    progress: bool,
) -> list[Result]:
    """Encoders with trained bits: what they cost in hardware, and in EMD against those with the chip's formats."""
    written = designs.chosen(trained, config.hgq)
    missing = [each.part for each in written if run.done(_place(each.part)) is None]
    run_parts(
        functools.partial(_write, config, data, run),
        missing,
        name=_name,
        title="encoders in hardware",
        workers=config.workers,
        progress=progress,
    )
    reports: dict[str, dict[str, Any]] = {
        each.part.name: run.done(_place(each.part)) or {} for each in written
    }
    for name, report in reports.items():
        for note in report.get("notes", ()):
            run.log(event="note", design=name, note=note)
    further = [evaluation.learned_outcome(each, data.test) for each in trained if each.part.further]
    kind = data.provenance.kind
    found = designs.results(written, further, reports, data.test, data=kind)
    figures.draw_hardware(run, written, found, reports, data=kind)
    first = outcomes[0].labels["method"]
    chip, *bits = dict.fromkeys(outcome.labels["method"] for outcome in further)
    pairs = [(chip, first), *((method, chip) for method in bits)]
    return found + evaluation.ratios([*outcomes, *further], data.test, pairs=pairs, data=kind)


def _write(config: Config, data: Split, run: Run, part: Part, _: Report) -> None:
    trained = study.load_part(run.folder / "work" / part.name)
    folder = run.folder / "verilog" / part.name
    run.mark_done(_place(part), designs.write(trained, data, folder, settings=config.hgq))


def _place(part: Part) -> str:
    return f"designs/{part.name}"


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
