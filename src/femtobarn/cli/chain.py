"""The verb ``chain``: one collision through every stage."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from femtobarn.cli.arguments import Place, leading_words, read_settings
from femtobarn.errors import InputError, nearest


@dataclasses.dataclass(frozen=True)
class ChainFlags(Place):
    """Output folder, and the run to resume."""

    resume: Path | None = None
    """Folder of an interrupted run to resume with its own settings."""


def chain(arguments: Sequence[str]) -> None:
    """Pass collisions through every stage: femtobarn chain [tiny|demo|full] [--compress|--cluster|... CHOICES]."""
    from femtobarn.chain.settings import PRESETS

    names, flags = leading_words(arguments)
    preset = names[0] if names else "demo"
    if len(names) > 1 or preset not in PRESETS:
        raise InputError(f"one preset expected, got {' '.join(names)}: {nearest(preset, PRESETS)}")
    default = PRESETS[preset]
    settings, place = read_settings(default, ChainFlags(), flags, prog=f"femtobarn chain {preset}")
    from femtobarn.chain.carry_out import NAME, carry_out, start  # slow to import: mistakes are told before
    from femtobarn.report import print_summary
    from femtobarn.runs import Run

    if place.resume is None:
        run = start(settings, preset=preset, root=place.out)
    elif settings != default:
        raise InputError("a resumed run keeps its settings: give --resume alone")
    else:
        run = Run.open(place.resume)
    print(f"run {run.folder}", file=sys.stderr)
    try:
        carry_out(run)
    except KeyboardInterrupt:
        print(f"stopped; go on with: femtobarn {NAME} --resume {run.folder}", file=sys.stderr)
        raise
    print_summary(run)
    print(f"\nreport: {run.folder / 'report.html'}")
