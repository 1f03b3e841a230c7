"""Presets and the steps of a run: load, train, evaluate, predict, export."""

import functools
from collections.abc import Sequence
from pathlib import Path

from femtobarn.data.source import Arrays
from femtobarn.datasets import muon_tgc
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Split, Trained, Writing, headline, write_predictions
from femtobarn.systems.hgq import figures, hardware, judge, points, sample
from femtobarn.systems.hgq.points import MODELS, Networks
from femtobarn.systems.hgq.sample import Data, Events
from femtobarn.systems.hgq.study import Config, Part, Study, Training
from femtobarn.systems.hgq.tasks import TASKS

PRESETS = {
    "tiny": Config(
        data=Data(engine="mixture", events=4_000),
        study=Study(hidden=(12,), uniform=(5, 3), after=(8, 5), seeds=(1,), within=(0.02, 0.05, 0.1)),
        train=Training(
            float_epochs=20,
            uniform_epochs=10,
            sweep_epochs=40,
            restart=5,
            batch=128,
            lr=1e-2,
            beta=(1e-5, 3e-2),
            hold=0.05,
        ),
        hardware=Writing(vectors=100, pipeline=0, optimise=False, synthesis=False),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(files=(Path("hls4ml-jets"),), events=100_000_000),
        study=Study(hidden=(64, 32, 32), norm=True),
        train=Training(
            float_epochs=5_000,
            uniform_epochs=5_000,
            sweep_epochs=300_000,
            restart=2_500,
            batch=33_200,
            beta=(5e-7, 2e-3),
            hold=1 / 60,
            fraction=2.0,
            weight_fraction=2.0,
        ),
    ),
    "svhn": Config(
        data=Data(task="svhn", events=6_000),
        study=Study(uniform=(6, 4), after=(8, 6), seeds=(1,), within=(0.01, 0.03, 0.1)),
        train=Training(
            float_epochs=12, uniform_epochs=12, sweep_epochs=12, restart=6, batch=256, beta=(1e-9, 1e-7)
        ),
    ),
    "svhn-paper": Config(
        data=Data(
            task="svhn",
            files=(Path("train_32x32.mat"), Path("extra_32x32.mat")),
            test_files=(Path("test_32x32.mat"),),
            events=100_000_000,
            validation=0.1,
        ),
        study=Study(uniform=(7, 6, 5, 4), after=(14, 12, 10, 8), seeds=(1,)),
        train=Training(
            float_epochs=200,
            uniform_epochs=200,
            sweep_epochs=12_000,
            restart=100,
            batch=2_048,
            lr=1e-3,
            beta=(1e-7, 1e-5),
            hold=1 / 30,
            fraction=6.0,
            weight_fraction=6.0,
        ),
    ),
    "muon": Config(
        data=Data(task="muon", events=30_000),
        study=Study(uniform=(8, 6, 5, 4), after=(12, 10, 8, 6), seeds=(1,), within=(0.1, 0.5, 1.0)),
        train=Training(
            float_epochs=60, uniform_epochs=160, sweep_epochs=160, restart=20, lr=3e-3, beta=(1e-8, 1e-5)
        ),
    ),
    "muon-paper": Config(
        data=Data(
            task="muon",
            files=(Path(muon_tgc.FILE),),
            events=100_000_000,
            validation=0.1,
            test=0.2,
        ),
        study=Study(uniform=(8, 7, 6, 5, 4, 3), seeds=(1,), within=(0.05, 0.25, 0.5)),
        train=Training(
            float_epochs=1_000,
            uniform_epochs=1_000,
            sweep_epochs=60_000,
            restart=100,
            batch=16_384,
            lr=3e-3,
            beta=(1e-8, 1e-5),
            fraction=8.0,
            weight_fraction=8.0,
        ),
    ),
}

PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "near floating point",
    "method",
    ("trained bits",),
    ("uniform bits", "after training"),
    quantity="LUT",
)


def load(config: Config, *, progress: bool = True) -> Split[Events]:
    """The events of the run."""
    return sample.load_split(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Split[Events], run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """Train in floating point, then everything else from there."""
    task = functools.partial(points.train_one, config, data, run.folder / "work")
    parts = config.study.parts()
    return MODELS.train(
        run, parts, task, settings=lambda _: config, workers=config.workers, progress=progress
    )


def evaluate(
    config: Config, data: Split[Events], trained: Sequence[Trained[Part]], run: Run, *, progress: bool = True
) -> list[Result]:
    """Points chosen on the validation events: in hardware, on the test events, and the figures of the report."""
    networks, task = Networks(trained), config.data.task
    chosen = hardware.chosen(networks, config.study)
    reports = hardware.write(config, data, [each.point for each in chosen], run, progress=progress)
    on_test = judge.OnTest(networks, task, data.test)
    entries = judge.front(networks, on_test)
    figures.draw_all(run, networks, TASKS[task], entries, chosen, reports)
    return judge.results(networks, on_test, entries, chosen, reports, within=config.study.within[0])


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """What the hardware of a point gives for every event of the user's files, bit for bit.

    The file holds ``output`` float64, the numbers of the last layer, and ``label``, the largest of them, or ``angle``
    in mrad. The attribute "overflows" counts numbers off the range of their format: with many of them the events
    are unlike those of the training. Files are in the layout of the run's data set. The name is that of a point,
    such as ``trained-bits-seed1-2345ebops``; without one it is the cheapest of the first seed near floating point.
    """
    config = from_dict(Config, run.settings)
    networks, task = Networks.of(run), config.data.task
    point = networks.choose(model, within=config.study.within)
    integers, scale, inputs = networks.integers(point), networks.scale, sample.COLUMNS[task][0]
    attributes = {"overflows": 0}

    def predicted(columns: Arrays) -> Arrays:
        x = scale.apply(columns[inputs]).double().numpy()
        found = integers(x)
        attributes["overflows"] += sum(integers.overflows(x).values())
        if task == "muon":
            return {"output": found, "angle": scale.offset + scale.unit * found[:, 0]}
        return {"output": found, "label": found.argmax(axis=1)}

    return write_predictions(
        files,
        output,
        lambda path: sample.open_files(task, [path]),
        predicted,
        model=point.name,
        columns=(inputs,),
        units={"angle": "mrad"},
        attributes=attributes,
        progress=progress,
    )


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> str:
    """A point as Verilog, ONNX or hls4ml, see `hardware.export`; the events of the run are read or made again.

    Raises:
        VerificationError: What was written differs from the integer model.
    """
    config = from_dict(Config, run.settings)
    test = load(config, progress=False).test
    return hardware.export(run, test, folder, to=to, config=config, model=model).summary()
