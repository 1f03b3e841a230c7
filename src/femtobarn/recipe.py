"""The interface of a published system, the list of systems, and a run from data to report."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from femtobarn import systems
from femtobarn.errors import InputError, check_known
from femtobarn.runs import Published, Result, Run, check_output
from femtobarn.settings import check_machine, device_of, from_dict

PRESETS = ("tiny", "demo", "paper")  #: every system has these: seconds, minutes on two cores, as published


@runtime_checkable
class Recipe(Protocol):
    """The module ``recipe`` of a system. It satisfies this by its names alone; there is nothing to inherit."""

    @property
    def Config(self) -> type[Any]:
        """Frozen dataclass of all settings, with a ``seed``."""

    @property
    def PRESETS(self) -> Mapping[str, Any]:
        """A ``Config`` for each preset."""

    @property
    def PUBLISHED(self) -> Sequence[Published]:
        """Numbers of the papers, with their data set and source."""

    @property
    def load(self) -> Callable[..., Any]:
        """``load(config, *, progress)``: the data, read or simulated, with a ``provenance`` and ``sizes``."""

    @property
    def train(self) -> Callable[..., Any]:
        """``train(config, data, run, *, progress)``: trains the models; resumes where it stopped."""

    @property
    def evaluate(self) -> Callable[..., list[Result]]:
        """``evaluate(config, data, trained, run, *, progress)``: the results; saves the figures in the run."""

    @property
    def predict(self) -> Callable[..., Path]:
        """``predict(run, files, output, *, model, progress)``: applies a trained model to a user's files."""


class System(NamedTuple):
    """A system: its name on the command line and its Python package."""

    name: str
    package: str

    @property
    def summary(self) -> str:
        """First line of the package's docstring."""
        text = importlib.import_module(self.package).__doc__ or ""
        return text.strip().split("\n")[0]

    def recipe(self) -> Recipe:
        """The recipe; this imports torch and whatever else the system needs."""
        module: Any = importlib.import_module(f"{self.package}.recipe")
        return module


def all_systems() -> dict[str, System]:
    """Every system by name: those of this package, and those other packages offer as ``femtobarn.systems``."""
    own = [
        System(module.name.replace("_", "-"), f"{systems.__name__}.{module.name}")
        for module in pkgutil.iter_modules(systems.__path__)
    ]
    outside = [System(point.name, point.value) for point in entry_points(group="femtobarn.systems")]
    return {system.name: system for system in sorted(outside + own)}


def find_system(name: str) -> System:
    """The system of that name, or an error that names the nearest one."""
    known = all_systems()
    check_known("system", [name], known)
    return known[name]


def preset(recipe: Recipe, name: str) -> Any:
    """The settings of a preset, or an error that names the nearest one."""
    check_known("preset", [name], recipe.PRESETS)
    return recipe.PRESETS[name]


def start(
    system: System, config: Any, *, preset: str, root: Path, command: Sequence[str] | None = None
) -> Run:
    """A new, empty run of the system with these settings."""
    return Run.create(
        root,
        system=system.name,
        preset=preset,
        settings=config,
        seed=config.seed,
        summary=system.summary,
        device=device_of(config),
        command=command,
    )


def carry_out(system: System, run: Run, *, progress: bool = True) -> list[Result]:
    """Load, train, evaluate and report; trainings that are finished are not repeated.

    Raises:
        InputError: A mistake of the user; the run is marked as failed and keeps what it has.
        KeyboardInterrupt: On Ctrl-C; the run is marked as interrupted and can be resumed.
    """
    recipe = system.recipe()
    config = from_dict(recipe.Config, run.settings)
    with reported(run, config):
        data = recipe.load(config, progress=progress)
        run.set_data(data.provenance)
        run.log(event="data", **data.sizes)
        trained = recipe.train(config, data, run, progress=progress)
        results = recipe.evaluate(config, data, trained, run, progress=progress)
        return run.save_results(results, published=recipe.PUBLISHED)


@contextmanager
def reported(run: Run, settings: Any) -> Iterator[None]:
    """A run at work: locked, begun or resumed, how it ends is noted, and after success its report is written.

    Args:
        run: New, interrupted or failed.
        settings: Of the run, which may have been started on another machine.

    Raises:
        InputError: What the machine lacks, or files of the run that are not as they were written.
    """
    from femtobarn.report import write_report

    check_machine(settings)
    run.check_files()
    with run.lock():
        if run.events():
            run.resume()
        else:
            run.log(event="started")
        try:
            yield
            run.finish("done")
        except KeyboardInterrupt:
            run.finish("interrupted", reason="stopped by the user")
            raise
        except BaseException as error:
            run.finish("failed", reason=str(error))
            raise
        write_report([run], run.folder / "report.html")


def predict(
    run: Run,
    files: Sequence[Path],
    output: Path,
    *,
    model: str | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> Path:
    """Apply a trained run to a user's files, and return the path of the predictions.

    Args:
        run: A finished run.
        files: The files, in a format that the system reads.
        output: File to write; never one of the inputs, of the data of the run or of its own files.
        model: Which of the trained models; the best one if not given.
        device: Where its network computes, such as cuda.
        progress: Show a progress bar.

    Raises:
        InputError: No file is given, one cannot be read, or the output would replace one.
    """
    if not files:
        raise InputError("no file given: femtobarn predict RUN FILE... -o OUTPUT.h5")
    known = map(Path, run.data.files if run.data else ())
    check_output(output, [*files, *known])
    check_machine({"device": device})
    run.device = device
    recipe = find_system(run.record["system"]).recipe()
    return recipe.predict(run, files, output, model=model, progress=progress)


def export(run: Run, output: Path, *, to: str, model: str | None = None) -> Any:
    """Export a trained model of a run to other programs or to hardware; returns what the system reports.

    Raises:
        InputError: The system has nothing to export, or the output belongs to a run.
        VerificationError: What was written does not do the same as the model.
    """
    recipe: Any = find_system(run.record["system"]).recipe()
    if not hasattr(recipe, "export"):
        raise InputError(f"{run.record['system']} has nothing to export")
    check_output(output)
    return recipe.export(run, output, to=to, model=model)
