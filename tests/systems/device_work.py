"""What `test_devices` does in a process that has a device of its own, which a process of the test run must not have."""

import dataclasses
import functools
import importlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

#: One step of a training, in each loop that there is.
STEPS = (
    ("femtobarn.engine.trainer", "_Task", "training_step"),
    ("femtobarn.engine.fit_front", "", "_step"),
    ("femtobarn.generator_loop", "", "_step"),
    ("femtobarn.evaluation.text.models", "", "_step"),
    ("femtobarn.evaluation.few_shot.episodes", "", "_step"),
    ("femtobarn.evaluation.image_stacks.training", "", "_contrast_step"),
    ("femtobarn.evaluation.image_stacks.training", "", "_label_step"),
)


class Course(NamedTuple):
    """How trainings went."""

    steps: int
    """In which tensors of the device were used."""
    waits: tuple[str, ...]
    """What in a step waited for a number of the device, or brought numbers there."""
    validation: tuple[float, ...]
    """Of each part."""


def prepare() -> None:
    """In a new process: the device, before anything else."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    import pretended

    pretended.register()


def train(name: str, device: str) -> Course:
    """The parts of the preset `tiny` of a system, of an epoch each, trained on a device."""
    from femtobarn import recipe as recipes
    from femtobarn.settings import on_device

    system = recipes.find_system(name)
    recipe = system.recipe()
    config = on_device(shortened(recipes.preset(recipe, "tiny")), device)
    with tempfile.TemporaryDirectory() as folder, _watched_steps() as (steps, waits):
        run = recipes.start(system, config, preset="tiny", root=Path(folder))
        trained = recipe.train(config, recipe.load(config, progress=False), run, progress=False)
    return Course(len(steps), tuple(dict.fromkeys(waits)), tuple(each.validation for each in trained))


def predict(run: Path, file: Path, output: Path, device: str) -> None:
    """What a finished run makes of a file, on a device."""
    from femtobarn.cli import execute

    assert execute(["predict", str(run), str(file), "-o", str(output), "--device", device]) == 0


def shortened(config: Any) -> Any:
    """The settings with all trainings cut to one pass, or to as many tasks as checks."""
    changes = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value) and field.name != "evaluation":
            changes[field.name] = shortened(value)
        elif field.name == "epochs" or field.name.endswith("_epochs"):
            changes[field.name] = 1
        elif field.name == "tasks" and hasattr(config, "checks"):
            changes[field.name] = config.checks
    return dataclasses.replace(config, **changes)


@contextmanager
def _watched_steps() -> Iterator[tuple[list[str], list[str]]]:
    steps, waits, patches = list[str](), list[str](), []
    for module, owner, name in STEPS:
        place = importlib.import_module(module)
        holder = getattr(place, owner) if owner else place
        patches.append(patch.object(holder, name, _watching(getattr(holder, name), steps, waits)))
    for each in patches:
        each.start()
    try:
        yield steps, waits
    finally:
        for each in patches:
            each.stop()


def _watching(step: Callable[..., Any], steps: list[str], waits: list[str]) -> Callable[..., Any]:
    import pretended

    @functools.wraps(step)
    def watched(*args: Any, **kwargs: Any) -> Any:
        with pretended.watched() as seen:
            result = step(*args, **kwargs)
        if seen.used:
            steps.append(step.__qualname__)
            waits.extend(seen.waits)
        return result

    return watched
