"""Verbs that judge files of samples or scores: ``evaluate``, ``leaderboard``, ``metric``."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import tyro

from femtobarn.cli.arguments import Place, leading_words, read_settings
from femtobarn.errors import InputError


def evaluate(arguments: Sequence[str]) -> None:
    """Compare generated files with real ones, or scores with each other: femtobarn evaluate jets|showers|scores ..."""
    names, flags = leading_words(arguments)
    usages = {verb: usage for verb, (usage, _) in _KINDS.items()}
    if not names and flags[:1] in (["-h"], ["--help"]):
        print("usage: " + "\n       ".join(usages.values()))
        print(f"--help after {' or '.join(usages)} lists the settings")
        return
    kind = names[0] if names else ""
    if kind not in _KINDS:
        usage = ", or ".join(usages.values())
        raise InputError(f"evaluate knows {', '.join(usages)}, got {kind or 'nothing'}: {usage}")
    _, judge = _KINDS[kind]
    judge(names[1:], flags)


_JETS_USAGE = "femtobarn evaluate jets REAL GENERATED... [--settings]"
_SHOWERS_USAGE = "femtobarn evaluate showers GENERATED... --ref REAL [--fast|--full] [--settings]"
_SCORES_USAGE = "femtobarn evaluate scores BACKGROUND SIGNAL... [--reference COLUMN] [--settings]"


def _evaluate_jets(names: list[str], flags: list[str]) -> None:
    from femtobarn.evaluation.jets import JetEvaluation, evaluate_jets
    from femtobarn.report import print_summary

    settings, place = read_settings(JetEvaluation(), Place(), flags, prog="femtobarn evaluate jets")
    if len(names) < 2:
        raise InputError(f"a real and at least one generated file expected: {_JETS_USAGE}")
    real, *generated = map(Path, names)
    found = evaluate_jets(real, generated, settings=settings, out=place.out)
    print_summary(found)
    print(f"\nreport: {found.folder / 'report.html'}")


@dataclasses.dataclass(frozen=True)
class ShowerFlags(Place):
    """Output folder and reference showers."""

    ref: tuple[Path, ...] = ()
    """Reference showers: a file, a folder, or several files of one sample."""


def _evaluate_showers(names: list[str], flags: list[str]) -> None:
    from femtobarn.evaluation.leaderboard import leaderboard, print_leaderboard
    from femtobarn.evaluation.showers import ShowerEvaluation, evaluate_showers
    from femtobarn.report import print_summary

    short = {"--fast": ["--depth", "fast"], "--full": ["--depth", "full"]}
    flags = [word for flag in flags for word in short.get(flag, [flag])]
    settings, place = read_settings(
        ShowerEvaluation(), ShowerFlags(), flags, prog="femtobarn evaluate showers"
    )
    if not names or not place.ref:
        raise InputError(
            f"at least one generated file, and --ref with the real ones, expected: {_SHOWERS_USAGE}"
        )
    found = evaluate_showers(place.ref, list(map(Path, names)), settings=settings, out=place.out)
    print_summary(found)
    _print_notes(found)
    if settings.real == "challenge":
        dataset = found.settings["dataset"]
        print_leaderboard(dataset, leaderboard(dataset, [found]))
    print(f"\nreport: {found.folder / 'report.html'}")


def _evaluate_scores(names: list[str], flags: list[str]) -> None:
    from femtobarn.evaluation.score_files import ScoreEvaluation, evaluate_scores
    from femtobarn.report import print_summary

    settings, place = read_settings(ScoreEvaluation(), Place(), flags, prog="femtobarn evaluate scores")
    if len(names) < 2:
        raise InputError(f"scores of the background and of at least one signal expected: {_SCORES_USAGE}")
    background, *signals = map(Path, names)
    found = evaluate_scores(background, signals, settings=settings, out=place.out)
    print_summary(found)
    _print_notes(found)
    print(f"\nreport: {found.folder / 'report.html'}")


def _print_notes(run: Any) -> None:
    for event in run.events():
        if "warning" in event:
            print(f"note: {event['warning']}")


_KINDS: dict[str, tuple[str, Callable[[list[str], list[str]], None]]] = {
    "jets": (_JETS_USAGE, _evaluate_jets),
    "showers": (_SHOWERS_USAGE, _evaluate_showers),
    "scores": (_SCORES_USAGE, _evaluate_scores),
}


def leaderboard(
    runs: tyro.conf.Positional[tuple[Path, ...]] = (),
    /,
    dataset: Literal["1-photons", "1-pions", "2", "3"] = "2",
) -> None:
    """Tables of the CaloChallenge, including your generators.

    Args:
        runs: Folders of runs of ``evaluate showers`` against the published reference.
        dataset: CaloChallenge data set.
    """
    from femtobarn.evaluation import leaderboard as board
    from femtobarn.runs import Run

    board.print_leaderboard(dataset, board.leaderboard(dataset, [Run.open(folder) for folder in runs]))


def metric(
    name: tyro.conf.Positional[str],
    real: tyro.conf.Positional[Path],
    generated: tyro.conf.Positional[Path],
    /,
    jets: int = 50_000,
    seed: int = 0,
    fpnd: Path | None = None,
    jet_class: str = "g",
    particles: int | None = None,
) -> None:
    """One metric of a generated file against a real one: fpd, kpd, w1, prdc, cov, auc, fpnd ...

    Args:
        name: fpd, kpd, fpd-published, kpd-published, w1, prdc, cov, auc or fpnd.
        real: Jets in JetNet's layout, or rows of features (.npy, .npz, .parquet, .h5).
        generated: The generated sample.
        jets: Maximum number of jets or rows, for metrics that need the rows themselves; fpd and kpd use all.
        seed: Random seed.
        fpnd: Folder with the published ParticleNet, for fpnd.
        jet_class: Class of real jets that fpnd compares with: g, q or t.
        particles: Hardest particles of each jet; all that the files hold if not given.
    """
    from femtobarn.evaluation.single import Options
    from femtobarn.evaluation.single import metric as compute
    from femtobarn.report.numbers import measurement
    from femtobarn.settings import check_machine

    check_machine({"seed": seed})
    found = compute(name, real, generated, options=Options(jets, seed, fpnd, jet_class, particles))
    for title, estimate in found.items():
        print(f"{title}: {measurement(estimate.value, estimate.error)}", end="")
        if estimate.null == estimate.null:
            print(f"; null {measurement(estimate.null, estimate.null_error)}, ", end="")
            print(f"significance {estimate.significance:.3g}", end="")
        print(f"; n = {estimate.n_real} real, {estimate.n_generated} generated\n  {estimate.method}")
