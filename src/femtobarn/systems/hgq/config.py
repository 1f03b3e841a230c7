"""All settings of a run, and those of the presets."""

from dataclasses import dataclass, field
from pathlib import Path

from femtobarn.datasets import muon_tgc
from femtobarn.errors import InputError
from femtobarn.systems.hgq.designs import Hardware
from femtobarn.systems.hgq.sample import Data
from femtobarn.systems.hgq.study import Study
from femtobarn.systems.hgq.training import Training


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    train: Training = field(default_factory=Training)
    hardware: Hardware = field(default_factory=Hardware)
    seed: int = 1
    """Seed of the split and the stand-in."""
    workers: int = 2
    """Processes that simulate, train and count look-up tables side by side."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers must be at least 1: got {self.workers}")


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
        hardware=Hardware(vectors=100, pipeline=0, optimise=False, synthesis=False),
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
            float_epochs=12, uniform_epochs=4, sweep_epochs=12, restart=6, batch=256, beta=(1e-9, 1e-7)
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
            float_epochs=60, uniform_epochs=40, sweep_epochs=160, restart=20, lr=3e-3, beta=(1e-8, 1e-5)
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
