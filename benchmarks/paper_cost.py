"""What the trainings of each preset `paper` cost: operations counted in one step, times the steps.

`python benchmarks/paper_cost.py [SYSTEM...]` writes results/paper_cost.json. Networks, sizes of an event and numbers of
passes are those of `paper`; the few events of the step are stand-ins, since public samples are not at hand.
Operations are those of matrix products and convolutions; those of LSTM and GRU layers are missing. What cannot be
built so is named with the reason. Nothing is trained.
"""

import contextlib
import functools
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch.utils.flop_counter import FlopCounterMode

import _common
from femtobarn import generator_loop
from femtobarn import recipe as recipes
from femtobarn.engine import Fit, fit_front, step_cost, trainer
from femtobarn.errors import InputError
from femtobarn.evaluation.few_shot import episodes
from femtobarn.evaluation.image_stacks import training as stacks
from femtobarn.study import models

FEW = 4  # events of the step that is counted
EVENTS = {  # of one pass over the public training sample, or over what `paper` makes
    "calo-challenge": 56_000,
    "calo-gan": 100_000,
    "calo-reconstruction": 240_000,
    "codae": 1_000,
    "contrastive-clustering": 300,
    "generative-metrics": 0,
    "gw-anomaly": 12_000,
    "hgq": 620_000,
    "jet-distillation": 1_211_000,
    "jet-fastsim": 500_000,
    "jet-generation": 124_000,
    "kd-anomaly": 10_000,
    "latent-feedback": 16_000,
    "lgae": 280_000,
    "mlpf": 40_000,
    "object-condensation": 400,
    "sensor-inspection": 3_264,
    "set-vae": 800_000,
    "spiking-maml": 100_000,
    "suep": 1_700,
    "text-triage": 60_000,
    "tracking": 80,
}
USUAL = 100_000  # events of a pass where no number stands above
SIZES = {  # of an event in `paper`, which `tiny` has smaller
    "calo-challenge": {"dataset": "2"},
    "calo-reconstruction": {"window": 25},
    "contrastive-clustering": {"side": 96},
    "gw-anomaly": {"preparation.rate": 2048, "strain.rate": 2048},
    "jet-distillation": {"particles": 200},
    "latent-feedback": {"size": 64},
    "lgae": {"particles": 30},
    "mlpf": {"pileup": (80.0,)},
    "object-condensation": {"slice": 30.0, "etas": 96, "pileup": (200.0,)},
    "sensor-inspection": {"patch": 160, "camera.pixel": 0.0025, "camera.columns": 3840, "camera.rows": 2720},
    "set-vae": {"particles": 128},
    "spatial-losses": {"size": (36, 256, 384)},
    "spiking-maml": {"bin": 1000, "steps": 100},
    "suep": {"fine": True},
    "tracking": {"pileup": 200.0},
}


class _EnoughError(Exception):
    """The step was counted."""


Row = dict[str, Any]


def measured(name: str) -> list[Row]:
    """Of each training of a system: operations of an event in one pass, and passes."""
    system = recipes.find_system(name)
    recipe = system.recipe()
    paper, data = recipe.PRESETS["paper"], recipe.PRESETS["tiny"].data
    for field, value in SIZES.get(name, {}).items():
        data = _changed(data, field.split("."), value)
    config = replace(paper, data=data, workers=1)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, _counting(rows):
        run = recipes.start(system, config, preset="paper", root=Path(folder))
        with contextlib.suppress(_EnoughError):
            recipe.train(config, recipe.load(config, progress=False), run, progress=False)
    return rows


def _changed(settings: Any, names: list[str], value: Any) -> Any:
    first, *others = names
    return replace(
        settings, **{first: _changed(getattr(settings, first), others, value) if others else value}
    )


@contextlib.contextmanager
def _counting(rows: list[Row]) -> Iterator[None]:
    patches = (
        patch.object(trainer, "carry_out", functools.partial(_of_fit, rows)),
        patch.object(fit_front_module(), "_epoch", functools.partial(_of_front, rows)),
        patch.object(generator_loop, "_followed", functools.partial(_course, rows)),
        patch.object(generator_loop, "_step", functools.partial(_of_generator, rows)),
        patch.object(episodes, "_step", functools.partial(_of_task, rows)),
        patch.object(stacks, "_contrast_step", functools.partial(_of_stack, rows)),
        patch.object(models, "run_parts", functools.partial(_each, rows)),
    )
    with contextlib.ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield


def fit_front_module() -> Any:
    """The module, whose name the function has too."""
    import importlib

    return importlib.import_module(fit_front.__module__)


def _each(rows: list[Row], work: Any, parts: Any, **_: Any) -> list[None]:
    """Every part until its first step; those that need another's weights are counted by their like."""
    for part in parts:
        before = len(rows)
        try:
            work(part, lambda *_: None)
        except _EnoughError:
            pass
        except Exception as error:  # what it needs was never trained
            rows.append({"reason": f"{type(error).__name__}: {error}"[:200]})
        for row in rows[before:]:
            row["part"] = part.name
    raise _EnoughError


def _of_fit(
    rows: list[Row], model: Any, objective: Any, train: Any, _: Any, *, settings: Any, **__: Any
) -> Fit:
    few = train[torch.arange(min(FEW, len(train)))]
    cost = step_cost(objective, model, few, batch=1)
    rows.append({"parameters": cost.parameters, "operations": cost.operations, "passes": settings.epochs})
    raise _EnoughError


def _of_front(
    rows: list[Row], model: Any, _: Any, loss: Any, table: Any, course: Any, *__: Any, **___: Any
) -> float:
    cost = step_cost(loss, model, table[torch.arange(min(FEW, len(table)))], batch=1)
    rows.append({"parameters": cost.parameters, "operations": cost.operations, "passes": course.epochs})
    raise _EnoughError


def _course(rows: list[Row], course: Any, *_: Any) -> dict[str, Any]:
    rows.append({"passes": course.epochs})
    return {}


def _of_generator(rows: list[Row], learner: Any, batch: Any, noise: Any) -> Any:
    events = len(batch["offset"]) - 1 if "offset" in batch else len(next(iter(batch.values())))
    weights = sum(w.numel() for w in learner.networks.parameters() if w.requires_grad)
    rows[-1] |= {
        "parameters": weights,
        "operations": _counted(functools.partial(learner.step, batch, generator=noise)) // events,
    }
    raise _EnoughError


def _of_task(rows: list[Row], one: Any, examples: Any, task: Any, *_: Any) -> Any:
    weights = sum(w.numel() for w in one.net.parameters())
    count = _counted(lambda: torch.autograd.backward(episodes.task_logits(one, examples, task).sum()))
    rows.append({"parameters": weights, "operations": count, "passes": 1})
    raise _EnoughError


def _of_stack(
    rows: list[Row], encoder: Any, images: Any, view: Any, settings: Any, _: Any, generator: Any
) -> Any:
    some = images[: 2 * FEW]
    count = _counted(lambda: torch.autograd.backward(encoder.project(view(some, generator)).sum()))
    weights = sum(w.numel() for w in encoder.parameters())
    rows.append({"parameters": weights, "operations": 2 * count // len(some), "passes": settings.epochs})
    raise _EnoughError


def _counted(step: Any) -> int:
    with FlopCounterMode(display=False) as counter:
        step()
    return int(counter.get_total_flops())


def told(name: str, rows: list[Row]) -> Row:
    """What is stored of a system: its trainings with their cost, and what could not be counted."""
    events, counted = EVENTS.get(name, USUAL), [row for row in rows if "operations" in row]
    for row in counted:
        row["total"] = row["operations"] * row["passes"] * events
    left_out = {row["part"]: row["reason"] for row in rows if "reason" in row}
    return {"events": events, "trainings": counted, "not counted": left_out}


def main() -> None:
    """See the head of the file."""
    _common.one_thread()
    path = _common.RESULTS / "paper_cost.json"
    found: dict[str, Any] = json.loads(path.read_text())["systems"] if path.exists() else {}
    for name in sys.argv[1:] or recipes.all_systems():
        try:
            found[name] = told(name, measured(name))
        except InputError as error:
            found[name] = {"reason": str(error)}
        print(name, found[name], flush=True)
        about = {"machine": _common.machine(("torch",))}
        _common.store("paper_cost", {**about, "systems": dict(sorted(found.items()))})


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
