"""Presets and the steps of a run: load, train, evaluate, predict, export."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from femtobarn.data.source import Arrays
from femtobarn.datasets import hgcal
from femtobarn.engine import Training
from femtobarn.nn.wafer_autoencoder import Autoencoder
from femtobarn.physics.wafer_formats import BEST_CHOICE
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Split, Trained, Writing, headline, write_predictions
from femtobarn.systems.emd_compression import figures, hardware, judge, learned_emd, training
from femtobarn.systems.emd_compression.learned_emd import LearnedEmd
from femtobarn.systems.emd_compression.sample import Data, Wafers, from_arrays, load_split
from femtobarn.systems.emd_compression.study import PYRAMID, Config, Part, Study, TrainedBits
from femtobarn.systems.emd_compression.training import MODELS

PRESETS = {
    "tiny": Config(
        data=Data(engine="analytic", wafers=2_000),
        study=Study(losses=("emd", "mse"), links=(5,), large_decoder=False, other_losses=(), seeds=(1,)),
        train=Training(epochs=20, lr=8e-3, batch=100),
        hgq=TrainedBits(
            betas=(1e-6,), train=Training(epochs=3, lr=4e-2, batch=50), synthesis=(), reference=False
        ),
        verilog=Writing(vectors=10_000, optimise=False),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(path=Path(hgcal.TTBAR) / "nElinks_5", wafers=100_000_000),
        train=Training(epochs=96, lr=1e-3, schedule="constant", patience=30),
        study=Study(
            losses=("emd", "telescope", "mse"), other_losses=("sinkhorn", "sliced", "learned", "emd+0.5*mse")
        ),
        surrogate=LearnedEmd(pairs=600_000, epochs=64),
    ),
}

PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "mean EMD",
    "method",
    PYRAMID,
    (BEST_CHOICE[2], "exact EMD, large decoder"),
    **{"e-links": "5"},
)


def load(config: Config, *, progress: bool) -> Split[Wafers]:
    """The wafers of the run."""
    return load_split(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Split[Wafers], run: Run, *, progress: bool) -> list[Trained[Part]]:
    """Every autoencoder of the study, the learned EMD if a loss needs it and, if asked for, trained bits."""
    task = functools.partial(training.train_one, config, data, run.folder / "work")
    return MODELS.train(
        run, config.parts(), task, settings=config.of, workers=config.workers, progress=progress
    )


def evaluate(
    config: Config, data: Split[Wafers], trained: Sequence[Trained[Part]], run: Run, *, progress: bool
) -> list[Result]:
    """Every algorithm on the test wafers: results, and the figures of the report."""
    test = data.test
    nets = [each.model for each in trained if not each.part.links]
    plain = [each for each in trained if each.part.links and not each.part.further]
    outcomes = [judge.learned_outcome(each, test) for each in plain]
    outcomes += judge.conventional_outcomes(test, config.study.links)
    results = judge.results(outcomes, test)
    results += judge.ratios(outcomes, test, pairs=judge.pairs(each.part for each in plain))
    learned = learned_emd.examine(nets[0], test, seed=config.seed) if nets else None
    if learned is not None:
        results += learned_emd.results(learned)
    if config.quantiser == "hgq":
        results += _trained_bits(config, data, trained, outcomes, run, progress=progress)
    learnt = [each for each in plain if each.part.decoder != "best-choice"]
    best = min(learnt, key=lambda each: (each.validation, each.part.name)).part
    display = next(each for each in outcomes if (each.labels, each.seed) == (best.labels, best.seed))
    links = config.study.other_links if config.study.other_losses else max(config.study.links)
    figures.draw_all(run, results, outcomes, plain, test, display=display, links=links, learned=learned)
    return results


def _trained_bits(
    config: Config,
    data: Split[Wafers],
    trained: Sequence[Trained[Part]],
    outcomes: Sequence[judge.Outcome],
    run: Run,
    *,
    progress: bool,
) -> list[Result]:
    """Encoders with trained bits: what they cost in hardware, and in EMD against those with the chip's formats."""
    written = hardware.chosen(trained, config.hgq)
    reports = hardware.write(config, data, written, run, progress=progress)
    further = [judge.learned_outcome(each, data.test) for each in trained if each.part.further]
    found = hardware.results(written, judge.results(further, data.test), reports)
    hardware.draw(run, written, found, reports)
    first = outcomes[0].labels["method"]
    chip, *bits = dict.fromkeys(outcome.labels["method"] for outcome in further)
    pairs = [(chip, first), *((method, chip) for method in bits)]
    return found + judge.ratios([*outcomes, *further], data.test, pairs=pairs)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Codes, decoded charges and EMD of every wafer in the user's files, empty ones left out.

    The file holds ``codes`` uint16 (n, 16) as sent (float32 from a floating-point encoder), ``sum``, the
    transmitted sum, ``decoded`` (n, 48) in CALQ counts, and ``emd`` in sensor-cell pitches. Files and folders are
    in one of the formats of ``datasets.hgcal``; without a name the model is that of `training.autoencoder`.
    """
    trained = training.autoencoder(run, model)
    return write_predictions(
        files,
        output,
        hgcal.open_wafers,
        functools.partial(predicted, trained.model),
        model=trained.part.name,
        columns=("charge", "eta", "layer"),
        what="wafers",
        units={"sum": "CALQ count", "decoded": "CALQ count", "emd": "sensor-cell pitch"},
        progress=progress,
    )


@torch.no_grad()
def predicted(model: Autoencoder, columns: Arrays) -> Arrays:
    """What an autoencoder sends of these wafers, and what arrives."""
    wafers = from_arrays(columns)
    charge, decoded = torch.from_numpy(wafers.charge), training.decode(model, wafers)
    sent = model.encoder.encode(charge)
    whole = model.encoder.bits is not None
    codes = model.encoder.integer_codes(charge.long()).numpy().astype(np.uint16) if whole else sent.values
    return {
        "codes": np.asarray(codes),
        "sum": sent.total.numpy(),
        "decoded": decoded,
        "emd": judge.exact_emd(wafers.charge, decoded).astype(np.float32),
    }


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> str:
    """An encoder as Verilog or ONNX, see `hardware.export`; the wafers of the run are read or made again.

    Raises:
        VerificationError: What was written differs from the integer model.
    """
    config = from_dict(Config, run.settings)
    split = load(config, progress=False)
    return hardware.export(run, split, folder, to=to, config=config, model=model).summary()
