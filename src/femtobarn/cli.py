"""The command ``femtobarn``: every verb is a thin call of a public Python function.

A user's mistake ends in one line on stderr and exit code 2, Ctrl-C in exit code 130.
"""

import contextlib
import dataclasses
import functools
import io
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tyro

from femtobarn.errors import InputError, MissingExtraError, VerificationError, nearest

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a run goes."""

    out: Path = Path("runs")
    """Folder of all runs."""


@dataclasses.dataclass(frozen=True)
class RunFlags(Place):
    """Where a run goes and what it starts from."""

    like: Path | None = None
    """Take the settings of this run instead of a preset's."""
    resume: Path | None = None
    """Go on with this run where it stopped; its settings are kept."""


def list_systems() -> None:
    """Systems that can be run, a line each."""
    from femtobarn.recipe import all_systems

    systems = all_systems()
    width = max(map(len, systems))
    for system in systems.values():
        print(f"{system.name:{width}}  {system.summary}")


def show(system: tyro.conf.Positional[str], /) -> None:
    """What a system does, its presets and all their settings."""
    from femtobarn.recipe import find_system
    from femtobarn.settings import flatten, to_dict

    found = find_system(system)
    recipe = found.recipe()
    print(f"{found.name}: {found.summary}\n")
    presets = {name: flatten(to_dict(config)) for name, config in recipe.PRESETS.items()}
    rows = [("setting", *presets)]
    rows += [(key, *(_short(flat[key]) for flat in presets.values())) for key in next(iter(presets.values()))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    if recipe.PUBLISHED:
        print("\npublished:")
    for number in recipe.PUBLISHED:
        labels = ", ".join(f"{key} {value}" for key, value in number.labels.items())
        print(f"  {number.name} {number.value:g} {number.unit} ({labels}; {number.data}; {number.source})")


def data(name: tyro.conf.Positional[str] = "", /) -> None:
    """What a data set holds: columns, units, where it is published; without a name, all data sets."""
    from femtobarn import datasets

    print(datasets.describe(name) if name else datasets.summaries())


def predict(
    run: tyro.conf.Positional[Path],
    files: tyro.conf.Positional[tuple[Path, ...]],
    /,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("predictions.h5"),
    model: str = "",
) -> None:
    """Apply a trained run to your files.

    Args:
        run: Folder of a finished run.
        files: Your files, in a format that ``femtobarn data`` describes.
        output: File to write.
        model: Which of the trained models; the best one if not given.
    """
    from femtobarn.recipe import find_system
    from femtobarn.runs import Run

    opened = Run.open(run)
    recipe = find_system(opened.record["system"]).recipe()
    if not files:
        raise InputError("no file given: femtobarn predict RUN FILE... -o OUTPUT.h5")
    print(recipe.predict(opened, files, output, model=model or None, progress=True))


def export(
    run: tyro.conf.Positional[Path],
    /,
    to: Literal["onnx", "verilog", "hls4ml"] = "onnx",
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("export"),
    model: str = "",
) -> None:
    """Write a trained model for other programs or for hardware, and check that it does the same.

    A single output number that differs ends with exit code 1.

    Args:
        run: Folder of a finished run.
        to: What to write; not every system offers all of them.
        output: Folder to write to; for hardware it also gets test vectors, the integer model and a page.
        model: Which of the trained models; the best one if not given.
    """
    from femtobarn.recipe import find_system
    from femtobarn.runs import Run

    opened = Run.open(run)
    recipe: Any = find_system(opened.record["system"]).recipe()
    if not hasattr(recipe, "export"):
        raise InputError(f"{opened.record['system']} has nothing to export")
    print(recipe.export(opened, output, to=to, model=model or None))
    page = output / "export.html"
    if page.is_file():
        print(f"page: {page}")


def report(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    /,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("report.html"),
) -> None:
    """Write one page about one or several runs.

    Args:
        runs: Folders of runs; several are compared side by side.
        output: Page to write.
    """
    from femtobarn.report import write_report
    from femtobarn.runs import Run

    if not runs:
        raise InputError("no run given: femtobarn report RUN...")
    print(write_report([Run.open(folder) for folder in runs], output))


def metric(
    name: tyro.conf.Positional[str],
    real: tyro.conf.Positional[Path],
    generated: tyro.conf.Positional[Path],
    /,
    jets: int = 50_000,
    seed: int = 0,
    fpnd: Path | None = None,
    jet_class: str = "g",
) -> None:
    """One metric of a generated file against a real one: fpd, kpd, w1, prdc, cov, auc, fpnd ...

    Args:
        name: fpd, kpd, fpd-published, kpd-published, w1, prdc, cov, auc or fpnd.
        real: Jets in JetNet's layout, or rows of features (.npy, .npz, .parquet, .h5).
        generated: The sample to judge.
        jets: Jets or rows at most, for metrics that need the rows themselves; fpd and kpd take all.
        seed: Of random draws.
        fpnd: Folder with the published ParticleNet, for fpnd.
        jet_class: Class of real jets that fpnd compares with: g, q or t.
    """
    from femtobarn.evaluation.single import Options
    from femtobarn.evaluation.single import metric as compute
    from femtobarn.report.numbers import measurement

    found = compute(name, real, generated, options=Options(jets, seed, fpnd, jet_class))
    for title, estimate in found.items():
        print(f"{title}: {measurement(estimate.value, estimate.error)}", end="")
        if estimate.null == estimate.null:
            print(f"; null {measurement(estimate.null, estimate.null_error)}, ", end="")
            print(f"significance {estimate.significance:.3g}", end="")
        print(f"; n = {estimate.n_real} real, {estimate.n_generated} generated\n  {estimate.method}")


def evaluate(arguments: Sequence[str]) -> None:
    """All metrics of generated files against real ones, and a report: femtobarn evaluate jets|showers ..."""
    names, flags = _positionals(arguments)
    if not names and flags[:1] in (["-h"], ["--help"]):
        print(
            f"usage: {_JETS_USAGE}\n       {_SHOWERS_USAGE}\n--help after jets or showers lists the settings"
        )
        return
    if names[:1] == ["jets"]:
        _evaluate_jets(names[1:], flags)
    elif names[:1] == ["showers"]:
        _evaluate_showers(names[1:], flags)
    else:
        got = names[0] if names else "nothing"
        raise InputError(f"evaluate knows jets and showers, got {got}: {_JETS_USAGE}, or {_SHOWERS_USAGE}")


_JETS_USAGE = "femtobarn evaluate jets REAL GENERATED... [--settings]"
_SHOWERS_USAGE = "femtobarn evaluate showers GENERATED... --ref REAL [--fast|--full] [--settings]"


def _evaluate_jets(names: list[str], flags: list[str]) -> None:
    from femtobarn.evaluation.jets import JetEvaluation, evaluate_jets
    from femtobarn.report import print_summary

    settings, place = _settings(JetEvaluation(), Place(), flags, prog="femtobarn evaluate jets")
    if len(names) < 2:
        raise InputError(f"a real and at least one generated file expected: {_JETS_USAGE}")
    real, *generated = map(Path, names)
    found = evaluate_jets(real, generated, settings=settings, out=place.out)
    print_summary(found)
    print(f"\nreport: {found.folder / 'report.html'}")


@dataclasses.dataclass(frozen=True)
class ShowerFlags(Place):
    """Where an evaluation of showers goes and what it compares with."""

    ref: tuple[Path, ...] = ()
    """The real showers: a file, a folder, or several files that belong together."""


def _evaluate_showers(names: list[str], flags: list[str]) -> None:
    from femtobarn.evaluation.leaderboard import leaderboard, print_leaderboard
    from femtobarn.evaluation.showers import ShowerEvaluation, evaluate_showers
    from femtobarn.report import print_summary

    short = {"--fast": ["--depth", "fast"], "--full": ["--depth", "full"]}
    flags = [word for flag in flags for word in short.get(flag, [flag])]
    settings, place = _settings(ShowerEvaluation(), ShowerFlags(), flags, prog="femtobarn evaluate showers")
    if not names or not place.ref:
        raise InputError(
            f"at least one generated file, and --ref with the real ones, expected: {_SHOWERS_USAGE}"
        )
    found = evaluate_showers(place.ref, list(map(Path, names)), settings=settings, out=place.out)
    print_summary(found)
    for event in found.events():
        if "warning" in event:
            print(f"note: {event['warning']}")
    if settings.real == "challenge":
        dataset = found.settings["dataset"]
        print_leaderboard(dataset, leaderboard(dataset, [found]))
    print(f"\nreport: {found.folder / 'report.html'}")


def leaderboard(
    runs: tyro.conf.Positional[tuple[Path, ...]] = (),
    /,
    dataset: Literal["1-photons", "1-pions", "2", "3"] = "2",
) -> None:
    """The tables of the CaloChallenge, with own generators among them.

    Args:
        runs: Folders of runs of ``evaluate showers`` against the published reference.
        dataset: Which table.
    """
    from femtobarn.evaluation import leaderboard as board
    from femtobarn.runs import Run

    board.print_leaderboard(dataset, board.leaderboard(dataset, [Run.open(folder) for folder in runs]))


def run(arguments: Sequence[str]) -> None:
    """Run a system: femtobarn run SYSTEM [tiny|demo|paper] [--settings]."""
    from femtobarn import recipe as recipes
    from femtobarn.report import print_summary
    from femtobarn.runs import Run
    from femtobarn.settings import from_dict

    names, flags = _positionals(arguments)
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
    like = _value_of("--like", flags)
    if like is not None:
        earlier = Run.open(Path(like))
        _same_system(earlier, system.name)
        preset, default = earlier.record["preset"], from_dict(recipe.Config, earlier.settings)
    config, run_flags = _settings(default, RunFlags(), flags, prog=f"femtobarn run {' '.join(names)}")
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command; ends the process with its exit code."""
    sys.exit(execute(sys.argv[1:] if arguments is None else arguments))


def execute(arguments: Sequence[str]) -> int:
    """Carry out one command line and return its exit code."""
    try:
        _dispatch(list(arguments))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # as in: femtobarn list | head -1
        sys.stdout = None
        return 0
    except (InputError, MissingExtraError) as error:
        print(f"femtobarn: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except VerificationError as error:
        print(f"femtobarn: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"femtobarn: {error.filename or 'system'}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


_VERBS: dict[str, Callable[..., None]] = {
    "list": list_systems,
    "show": show,
    "data": data,
    "run": run,
    "evaluate": evaluate,
    "leaderboard": leaderboard,
    "metric": metric,
    "predict": predict,
    "export": export,
    "report": report,
}


def _dispatch(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print("usage: femtobarn VERB ...\n")
        for name, function in _VERBS.items():
            print(f"  {name:11} {(function.__doc__ or '').splitlines()[0]}")
        print("\nfemtobarn VERB --help tells more. An example: femtobarn run emd-compression tiny")
        return
    if arguments[0] in ("-V", "--version"):
        from femtobarn import __version__

        print(__version__)
        return
    verb, rest = arguments[0], arguments[1:]
    if verb not in _VERBS:
        raise InputError(f"there is no verb {verb!r}: {nearest(verb, _VERBS)}")
    function = _VERBS[verb]
    if function in (run, evaluate):  # these take settings that depend on their first words
        function(rest)
        return
    # Parse first and call then: what the verb itself writes to stderr must not be taken for a parser's message.
    positional, named = _parse(_recorder(function), rest, prog=f"femtobarn {verb}")
    function(*positional, **named)


def _settings(default: Any, place: T, flags: list[str], *, prog: str) -> tuple[Any, T]:
    """The settings with the flags applied, and where the run goes."""
    nameless = tyro.conf.arg(name="")
    both = dataclasses.make_dataclass(
        "Settings",
        [
            ("config", Annotated[type(default), nameless], dataclasses.field(default=default)),
            ("flags", Annotated[type(place), nameless], dataclasses.field(default=place)),
        ],
        frozen=True,
    )
    parsed = _parse(both, flags, prog=prog)
    return parsed.config, parsed.flags


def _parse(what: Callable[..., T], arguments: list[str], *, prog: str) -> T:
    """Call ``what`` with the arguments; whatever is wrong with them becomes one line."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            result, unknown = tyro.cli(what, args=arguments, prog=prog, return_unknown_args=True)
    except SystemExit as end:
        if end.code in (0, None):
            raise
        raise InputError(_one_line(said.getvalue()) + f" (see {prog} --help)") from None
    if unknown:
        if not dataclasses.is_dataclass(result):
            raise InputError(f"unknown option {unknown[0]} (see {prog} --help)")
        known = [f"--{name}" for name in _flag_names(result)]
        flag = unknown[0].split("=")[0].replace("_", "-")
        raise InputError(f"unknown option {unknown[0]}: {nearest(flag, known)}")
    return result


def _recorder(function: Callable[..., None]) -> Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]:
    """Something with the function's signature that returns the arguments it was called with."""

    @functools.wraps(function)
    def record(*positional: Any, **named: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return positional, named

    return record


def _flag_names(settings: Any, prefix: str = "") -> list[str]:
    names = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        name = f"{prefix}{field.name}".replace("_", "-")
        if dataclasses.is_dataclass(value):
            names += _flag_names(
                value, "" if not prefix and field.name in ("config", "flags") else f"{name}."
            )
        else:
            names.append(name)
    return names


def _positionals(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Leading words, and everything from the first flag on."""
    first = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    return list(arguments[:first]), list(arguments[first:])


def _value_of(flag: str, arguments: Sequence[str]) -> str | None:
    for i, word in enumerate(arguments):
        if word.startswith(f"{flag}="):
            return word.split("=", 1)[1]
        if word == flag and i + 1 < len(arguments):
            return arguments[i + 1]
    return None


def _same_system(run: Any, system: str) -> None:
    if run.record["system"] != system:
        raise InputError(f"{run.folder} is a run of {run.record['system']}, not of {system}")


def _one_line(message: str) -> str:
    """Tyro draws its messages in a box; keep the words."""
    words = re.sub(r"\x1b\[[0-9;]*m", "", message)
    words = re.sub(r"[╭╮╰╯│─┌┐└┘|]+", " ", words)
    lines = [line.strip() for line in words.splitlines()]
    kept = [line for line in lines if line and "full helptext" not in line and line != "Parsing error"]
    return " ".join(kept).removeprefix("Parsing error ").strip()


def _short(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
