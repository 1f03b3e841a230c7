"""Every training and prediction on a device other than the processor, which here is pretended: see `pretended`."""

import importlib
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

import device_work
import numpy as np
import pytest
import torch
from test_every_system import OWN, _content

from femtobarn.cli import execute
from femtobarn.errors import InputError
from femtobarn.recipe import System, preset
from femtobarn.runs import Run
from femtobarn.settings import check_machine, device_of, on_device

NAME = "pretended"
#: Annealers and metrics: nothing is trained on a device.
WITHOUT = {"generative-metrics", "qa-tracking", "qaml-z"}
TRAINED = [system for system in OWN if system.name not in WITHOUT]
#: What may make a step wait for the device, by the place, and why.
ALLOWED = {
    "engine/trainer.py": "Lightning brings the weight of a batch into its running mean of the losses",
    "evaluation/few_shot/episodes.py": "a step reads the recordings of its task, as a loader does for others",
    "losses/_arrays.py": "exact transport is solved on the processor",
    "losses/emd.py": "exact transport is solved on the processor",
    "losses/prototype.py": "labels of a task are checked on the processor",
    "nn/hit_embedding.py": "hard pairs are found by a tree on the processor, and drawn there",
    "nn/lorentz_net.py": "padding is cut to the longest jet of a batch, which saves more than the wait",
    "nn/set_vae_loss.py": "padding is cut to the longest jet of a batch, which saves more than the wait",
    "physics/boosts.py": "a velocity for each jet is drawn and checked on the processor",
    "physics/_constant.py": "brought once a process",
    "physics/energy_split.py": "the layer of each voxel, brought once a process",
    "nn/text_heads.py": "torch packs sequences by lengths on the processor (pack_padded_sequence)",
}

#: Their data take long to simulate, also of `tiny`.
LONG = {"codae", "mlpf", "object-condensation", "set-vae", "tracking"}

each_trained = pytest.mark.parametrize("system", TRAINED, ids=lambda system: system.name)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Executor]:
    """A process that has the device: torch takes one for good, and only before its first gradient."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=device_work.prepare) as pool:
        yield pool


@pytest.mark.parametrize(
    "system",
    [pytest.param(s, marks=pytest.mark.slow if s.name in LONG else (), id=s.name) for s in TRAINED],
)
def test_a_training_step_neither_mixes_devices_nor_waits(system: System, elsewhere: Executor) -> None:
    """All that a step uses is on the device already; nothing goes there or comes from there while it runs."""
    course = elsewhere.submit(device_work.train, system.name, NAME).result()
    assert course.steps, "nothing was trained on the device"
    waits = [each for each in course.waits if not any(place in each for place in ALLOWED)]
    assert not waits, "\n".join(waits)


@pytest.mark.slow
@each_trained
def test_trainings_end_in_the_numbers_of_the_processor(system: System, elsewhere: Executor) -> None:
    """The pretended device computes as the processor does, so any difference is a tensor that was left behind."""
    found = [elsewhere.submit(device_work.train, system.name, name).result() for name in ("cpu", NAME)]
    assert found[0].validation == pytest.approx(found[1].validation, rel=1e-5, nan_ok=True)


@pytest.mark.slow
@each_trained
def test_predictions_are_those_of_the_processor(
    system: System, elsewhere: Executor, tiny_run: Callable[[str], Run], tmp_path: Path
) -> None:
    file = importlib.import_module(f"test_{system.package.rpartition('.')[2]}").users_file(tmp_path)
    run, found = tiny_run(system.name), []
    for name in ("cpu", NAME):
        output = tmp_path / f"{name}.h5"
        elsewhere.submit(device_work.predict, run.folder, file, output, name).result()
        found.append(_content(output))
    assert found[0].keys() == found[1].keys()
    for column, wanted in found[0].items():
        if system.name in NOISY:
            assert found[1][column].shape == wanted.shape
        else:
            np.testing.assert_allclose(found[1][column], wanted, rtol=1e-6, err_msg=column)


#: Generators: noise drawn on a device is another.
NOISY = {"calo-challenge", "calo-gan", "jet-fastsim", "jet-generation"}


@pytest.mark.parametrize("system", OWN, ids=lambda system: system.name)
def test_one_flag_reaches_every_training(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    config = preset(system.recipe(), "paper")
    assert device_of(config) == "cpu"
    if system.name in WITHOUT:
        with pytest.raises(InputError, match="nothing of this system runs on a device"):
            on_device(config, "cuda")
        return
    placed = on_device(config, "cuda")
    check_machine(placed)
    assert device_of(placed) == "cuda", "some training stayed behind"
    assert on_device(placed, "cpu") == config, "nothing else is changed"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:1", "cud", "meta", "cpu:1"])
def test_a_device_that_is_not_there_is_one_line(
    device: str, tiny_run: Callable[[str], Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, file = tiny_run("suep").folder, tmp_path / "file.h5"
    for command in (
        ["run", "suep", "tiny", "--device", device, "--out", str(tmp_path / "runs")],
        ["predict", str(run), str(file), "-o", str(tmp_path / "out.h5"), "--device", device],
    ):
        assert execute(command) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith("femtobarn: device")
        assert device in line
    assert not list(tmp_path.iterdir()), "nothing was begun"
