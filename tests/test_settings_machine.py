"""Settings checked against the machine, before anything is computed."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from femtobarn.cli import execute
from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.runs import Run
from femtobarn.settings import check_machine


@dataclass(frozen=True)
class Study:
    seeds: tuple[int, ...] = (1, 2)
    device: str = "cpu"


@dataclass(frozen=True)
class Config:
    seed: int = 0
    workers: int = 2
    study: Study = field(default_factory=Study)
    train: Training = field(default_factory=Training)


def test_what_every_machine_has_is_accepted() -> None:
    check_machine(Config())
    check_machine(
        Config(seed=2**32 - 1, study=Study(seeds=()), train=Training(accelerator="auto", devices=2))
    )
    check_machine({"seed": 1, "nested": {"seeds": [1]}})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (Config(seed=-1), "seed must be from 0 to 4294967295: got -1"),
        (Config(seed=2**64), "seed must be from 0 to 4294967295: got 18446744073709551616"),
        (Config(study=Study(seeds=(1, -1))), "study.seeds must be from 0 to 4294967295: got -1"),
        (Config(workers=0), "workers must be at least 1: got 0"),
        (Config(study=Study(device="cdua")), "study.device must be a device, as cpu or cuda: got 'cdua'"),
        (Config(study=Study(device="cuda:99")), "study.device: this machine has "),
        (Config(train=Training(accelerator="cuda0")), "no accelerator 'cuda0': did you mean cuda?"),
        (Config(train=Training(devices=4000)), "train.devices must be at most "),
        (Config(train=Training(nodes=3)), "train.nodes: several machines are started by torchrun or SLURM"),
        (Config(train=Training(strategy="dpp")), "train.strategy: no strategy 'dpp': did you mean ddp?"),
    ],
    ids=str,
)
def test_what_no_machine_has_is_told_with_its_path(tmp_path: Path, config: Config, message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_machine(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError):
        Run.create(tmp_path, system="x", preset="tiny", settings=config, seed=1)
    assert not list(tmp_path.iterdir()), "no run is left behind"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_where_there_is_none() -> None:
    with pytest.raises(
        InputError, match=r"study\.device: this machine has 0 devices of that kind: got 'cuda'"
    ):
        check_machine(Config(study=Study(device="cuda")))
    with pytest.raises(InputError, match=r"train\.accelerator: this machine has no device for 'cuda'"):
        check_machine(Config(train=Training(accelerator="cuda")))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weight_decay": -1.0}, "weight_decay must not be negative: got -1.0"),
        ({"lr": float("nan")}, "lr must be positive: got nan"),
        ({"clip": 0.0}, "clip must be positive: got 0.0"),
        ({"patience": 0}, "patience must be positive: got 0"),
    ],
)
def test_numbers_that_no_optimiser_takes(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Training(**wrong)


@pytest.mark.parametrize(
    "command",
    ["run emd-compression tiny", "evaluate jets a b", "evaluate showers a --ref b", "evaluate scores a b"],
)
def test_a_command_tells_it_before_it_reads_or_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in ("-1", str(2**64)):
        assert execute([*command.split(), "--seed", seed]) == 2
        assert f"seed must be from 0 to 4294967295: got {seed}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
