"""Settings, presets and the steps of a run: load, train, evaluate, predict, export."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from femtobarn.datasets import jetnet
from femtobarn.errors import InputError
from femtobarn.generator_loop import Course
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.nn.jet_generators import finish, generate
from femtobarn.physics.jets import relative_mass
from femtobarn.runs import Result, Run, read_published
from femtobarn.study import Split, Trained, headline
from femtobarn.systems.jet_generation import judge, study
from femtobarn.systems.jet_generation.judge import Evaluation
from femtobarn.systems.jet_generation.networks import EpicFm, FullyConnected, Gapt, Igapt, Mpgan
from femtobarn.systems.jet_generation.sample import Data, JetTable, load_split, scored
from femtobarn.systems.jet_generation.study import MODELS, Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the split, the stand-in and the noise of the evaluation."""
    workers: int = 2
    """Parallel processes in simulation and training."""


_SHORT = Course(epochs=2, batch=50, ema=0.5)
_COMPACT = Course(epochs=8, batch=64, ema=0.99)
_PUBLISHED = Course(epochs=2000, batch=512, check=5, ema=0.0)

PRESETS = {
    "tiny": Config(
        data=Data(engine="toy", jets=800),
        study=Study(
            check_jets=200,
            gapt=Gapt(width=16, heads=2, course=_SHORT, lr_generator=3e-4, lr_discriminator=3e-4),
            mpgan=Mpgan(
                hidden=8, edge=(8,), node=(16,), course=_SHORT, lr_generator=3e-4, lr_discriminator=3e-4
            ),
            epicfm=EpicFm(hidden=16, layers=1, solver_steps=5, lr=3e-3, course=_SHORT),
            fc=FullyConnected(width=32, course=_SHORT, lr_generator=3e-4, lr_discriminator=3e-4),
        ),
        evaluation=Evaluation(jets=200, batches=(1, 100), repeats=2),
        workers=1,
    ),
    "demo": Config(
        study=Study(
            gapt=Gapt(dropout=0.25, lr_generator=5e-4, lr_discriminator=5e-4, course=_COMPACT),
            mpgan=Mpgan(
                edge=(24, 24),
                node=(64,),
                dropout=0.25,
                lr_generator=3e-5,
                lr_discriminator=3e-5,
                course=Course(epochs=3, batch=64, ema=0.99),
            ),
            fc=FullyConnected(lr_generator=5e-4, lr_discriminator=5e-4, course=_COMPACT),
            epicfm=EpicFm(
                hidden=64,
                layers=3,
                solver_steps=25,
                lr=5e-3,
                course=Course(epochs=90, batch=128, check=30, ema=0.999, schedule="cosine", warmup=0.05),
            ),
        )
    ),
    "paper": Config(
        data=Data(files=(Path("g.hdf5"),), jets=200_000, validation=0.15, test=0.15),
        study=Study(
            models=("gapt", "mpgan", "igapt", "epicfm"),
            scaling="published",
            check_jets=50_000,
            gapt=Gapt(width=128, heads=8, course=_PUBLISHED),
            igapt=Igapt(course=Course(epochs=6000, batch=4096, check=5, ema=0.0)),
            mpgan=Mpgan(course=Course(epochs=2000, batch=256, check=5, ema=0.0)),
            epicfm=EpicFm(
                course=Course(epochs=10_000, batch=1024, check=50, ema=0.999, schedule="cosine", warmup=0.1)
            ),
        ),
    ),
}

PUBLISHED = read_published(__package__)
"""Distances are absolute here; the papers print them times 1e3 (W1-EFP times 1e5)."""
HEADLINE = headline("FPD", "model", ("EPiC-FM", "GAPT", "MPGAN"), ("FC generator", "marginals by rank"))


def load(config: Config, *, progress: bool) -> Split[JetTable]:
    """The jets of the run."""
    return load_split(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Split[JetTable], run: Run, *, progress: bool) -> list[Trained[Part]]:
    """Every generator of the study."""
    task = functools.partial(study.train_one, config.study, data, run.folder / "work")
    return MODELS.train(
        run, config.study.parts(), task, settings=config.study.of, workers=config.workers, progress=progress
    )


def evaluate(
    config: Config,
    data: Split[JetTable],
    trained: Sequence[Trained[Part]],
    run: Run,
    *,
    progress: bool,  # noqa: ARG001, part of the protocol
) -> list[Result]:
    """Every generator against the test jets: results, and the figures of the report."""
    real = scored(data.test.first(config.evaluation.jets).jets)
    found = judge.outcomes(trained, data, settings=config.evaluation, seed=config.seed)
    table = judge.results(found, trained, real)
    judge.draw(run, table, found, trained, real)
    return table


def predict(
    run: Run,
    files: Sequence[Path],
    output: Path,
    *,
    model: str | None = None,
    progress: bool = True,  # noqa: ARG001, part of the protocol
) -> Path:
    """A generated jet for every jet of the user's files, with its multiplicity, in the same layout and order.

    Of the jet columns pT and eta are those of the user's jet, the mass is that of the generated particles times
    this pT.
    """
    generator = MODELS.choose(run, model).model
    source = jetnet.open_jets(files[0] if len(files) == 1 else files, particles=generator.particles)
    columns = source.read(["mask", "jet"], 0, len(source))
    noise = torch.Generator().manual_seed(run.record["seed"])
    made = generate(generator, torch.from_numpy(columns["mask"].sum(axis=1)), generator=noise)
    particles, mask = made.particles.numpy(), made.mask.numpy()
    # The layout knows no particle without momentum.
    particles[..., 2] = np.where(mask, particles[..., 2].clip(min=1e-6), 0)
    pt, eta = columns["jet"][:, 0], columns["jet"][:, 1]
    jets = np.column_stack((pt, eta, relative_mass(particles, mask) * pt, mask.sum(axis=1)))
    jetnet.write_jets(output, particles, mask, jets, kind="generated")
    return output


class Finished(torch.nn.Module):
    """A generator and the clean-up of its jets in one call, so that what is exported is what `predict` runs."""

    def __init__(self, generator: torch.nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, multiplicity: torch.Tensor, *noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Particles and mask of finished jets."""
        particles, mask = finish(self.generator(multiplicity, *noise))
        return particles, mask


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> str:
    """A generator as ONNX, from noise and multiplicity to finished jets, checked in onnxruntime against torch.

    Inputs are ``multiplicity`` int64 (jet) and the noise in its order, ``noise_0`` and so on; outputs are
    ``particles`` (jet, slot, 3) and ``mask`` (jet, slot). The number of jets is free, that of the slots is not.
    """
    if to != "onnx":
        raise InputError(f"a generator of jets is exported to onnx, not to {to}")
    trained = MODELS.choose(run, model)
    path = folder / f"{trained.part.name}.onnx"
    return export_onnx(
        Finished(trained.model),
        example(trained.model),
        path,
        outputs=("particles", "mask"),
        axis="jet",
        tolerance=1e-4,
    ).summary(path)


def example(generator: torch.nn.Module, *, jets: int = 200) -> dict[str, torch.Tensor]:
    """Inputs of the exported generator: multiplicities from 0 to all slots, and noise for them."""
    multiplicity = torch.arange(jets) % (generator.particles + 1)  # type: ignore[operator]
    noise = generator.noise(jets, generator=torch.Generator().manual_seed(0))  # type: ignore[operator]
    return {"multiplicity": multiplicity} | {f"noise_{i}": each for i, each in enumerate(noise)}
