"""The verb ``run``: a system from data to report."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from femtobarn.cli.arguments import Place, leading_words, read_settings, value_of
from femtobarn.errors import InputError


@dataclasses.dataclass(frozen=True)
class RunFlags(Place):
    """Output folder, and the run to repeat or resume."""

    like: Path | None = None
    """Folder of a run whose settings are used instead of a preset."""
    resume: Path | None = None
    """Folder of an interrupted run to resume with its own settings."""
    device: str = ""
    """Where all networks of the run are trained, as cuda: sets each ``device`` and ``accelerator`` of the settings.
    Results are computed on the CPU."""


def run(arguments: Sequence[str]) -> None:
    """Run a system: femtobarn run SYSTEM [tiny|demo|paper] [--settings]."""
    from femtobarn import recipe as recipes
    from femtobarn.report import print_summary
    from femtobarn.runs import Run
    from femtobarn.settings import from_dict, on_device

    names, flags = leading_words(arguments)
    if not names:
        if flags[:1] in (["-h"], ["--help"]):
            print(
                "usage: femtobarn run SYSTEM [tiny|demo|paper] [--settings]; femtobarn run SYSTEM --help lists them"
            )
            return
        raise InputError("which system? femtobarn run SYSTEM [tiny|demo|paper]; femtobarn list shows them")
    if len(names) > 2:
        raise InputError(f"one system and one preset expected: got {' '.join(names)}")
    system = recipes.find_system(names[0])
    recipe = system.recipe()
    preset = names[1] if len(names) == 2 else "demo"
    default = recipes.preset(recipe, preset)
    like = value_of("--like", flags)
    if like is not None:
        earlier = Run.open(Path(like))
        _same_system(earlier, system.name)
        preset, default = earlier.record["preset"], from_dict(recipe.Config, earlier.settings)
    config, run_flags = read_settings(default, RunFlags(), flags, prog=f"femtobarn run {' '.join(names)}")
    if run_flags.device:
        config = on_device(config, run_flags.device)
    if run_flags.resume is not None:
        opened = Run.open(run_flags.resume)
        _same_system(opened, system.name)
        if config != default:
            raise InputError("a resumed run keeps its settings: give --resume alone, or --like for a new run")
    else:
        opened = recipes.start(system, config, preset=preset, root=run_flags.out)
    print(f"run {opened.folder}", file=sys.stderr)
    try:
        recipes.carry_out(system, opened)
    except KeyboardInterrupt:
        print(f"stopped; go on with: femtobarn run {system.name} --resume {opened.folder}", file=sys.stderr)
        raise
    print_summary(opened)
    print(f"\nreport: {opened.folder / 'report.html'}")


def _same_system(run: Any, system: str) -> None:
    if run.record["system"] != system:
        raise InputError(f"{run.folder} is a run of {run.record['system']}, not of {system}")
