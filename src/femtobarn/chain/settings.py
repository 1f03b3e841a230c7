"""Which choices are compared at each stage, on how many events of which kind."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from femtobarn.errors import InputError, nearest
from femtobarn.runs import Run

HITS, CELLS = "hits", "none"  #: without a trigger path; trigger cells as they are read out
LINKS = {f"best-choice-{links}": links for links in (2, 3, 4, 5)}
PYRAMID = {f"pyramid-{links}": links for links in (2, 3, 4, 5)}
CLUE, TRUTH, AUTOMATON, CARD, RULES = "clue", "truth", "automaton", "card", "rules"
#: What each stage knows by name; anything else is the folder of a run, or of files with answers.
CHOICES = {
    "compress": (HITS, CELLS, *LINKS, *PYRAMID),
    "cluster": (CLUE, TRUTH),
    "track": (AUTOMATON, TRUTH, CARD),
    "flow": (RULES,),
    "tag": ("multiplicity", "mass"),
    "trigger": ("HT", "count", "missing momentum"),
}
ENDINGS = (".h5", ".hdf5", ".parquet", ".root")  #: of files with answers
TRACKML_FIELD = 2.0  #: tesla, of the events that runs on files of TrackML have learned from
#: Stages whose choices are paths through the chain, each with those that it is given the work of.
STAGES: dict[str, tuple[str, ...]] = {
    "compress": (),
    "cluster": ("compress",),
    "track": (),
    "flow": ("track",),
}


class Way(NamedTuple):
    """A path through the chain: one choice at each stage."""

    compress: str
    cluster: str
    track: str
    flow: str


@dataclass(frozen=True)
class Chain:
    """All settings of a chain. At each stage the first choice is the reference; the others are tried one at a time."""

    compress: tuple[str, ...] = ("best-choice-5", "best-choice-2", "pyramid-5", "pyramid-2", CELLS, HITS)
    """How the endcap's trigger cells are sent: hits (all hits, no trigger path), none (every cell), best-choice-2 to
    best-choice-5 (the largest cells in logarithmic shares over as many e-links), pyramid-2 to pyramid-5 (equal portions
    of the sum over as many), or runs of emd-compression."""
    cluster: tuple[str, ...] = (CLUE, TRUTH)
    """How showers of the endcap are found: clue, truth, or runs of object-condensation."""
    track: tuple[str, ...] = (AUTOMATON, TRUTH, CARD)
    """How tracks are found: automaton, truth (hits by their particle), card (efficiency and resolution as numbers, no
    hits), or runs of tracking."""
    flow: tuple[str, ...] = (RULES,)
    """How tracks and calorimeters become particles: rules, or runs of mlpf."""
    tag: tuple[str, ...] = CHOICES["tag"]
    """Scores that tell jets of gluons from those of quarks: multiplicity, mass, or runs of jet-distillation."""
    trigger: tuple[str, ...] = CHOICES["trigger"]
    """Scores of a trigger that sees calorimeters only: HT, count, missing momentum, or runs of kd-anomaly."""
    pileup: float = 60.0
    """Mean number of soft collisions laid over an event."""
    trigger_pileup: tuple[float, ...] = (0.0, 200.0)
    """Mean numbers at which the trigger of the reference is judged beside that."""
    field: float = 3.8
    """Tesla along the beam, everywhere."""
    events: int = 360
    """Dijets with a jet in the endcap, for all end-points but the trigger."""
    crossings: int = 300
    """Zero-bias crossings, the background of the trigger; their mean pile-up is spread by half of it either way."""
    signals: int = 60
    """Events of each signal of the trigger."""
    learning: int = 6
    """Events that windows of the automaton, settings of CLUE and energies of clusters are learned from."""
    passing: float = 0.1
    """Share of zero bias that the trigger may accept."""
    bunches: int = 2500
    """Colliding bunches."""
    together: int = 10
    """Events of a piece of work."""
    bootstrap: int = 200
    """Samples of events behind the errors."""
    seed: int = 1
    """Of all events."""
    workers: int = 2
    """Processes."""
    scheduler: str | None = None
    """Address of a Dask scheduler whose workers do the work instead."""
    write: str | None = None
    """Folder that each stage's input in the reference is written to, for algorithms of your own."""

    def __post_init__(self) -> None:
        for stage in CHOICES:
            chosen = getattr(self, stage)
            if not chosen or len(set(chosen)) < len(chosen):
                raise InputError(f"{stage}: expected different choices, got {' '.join(chosen) or 'none'}")
            for choice in chosen:
                check_choice(stage, choice)
        counts = (self.events, self.crossings, self.signals, self.learning, self.together, self.bootstrap)
        if min(counts) < 1 or self.bunches < 1 or self.workers < 1:
            raise InputError(f"expected numbers of events, bunches and workers above 0, got {self}")
        if self.crossings * self.passing < 20:
            raise InputError(
                f"expected 20 crossings that pass or more, got {self.passing:g} of {self.crossings}: "
                f"give --crossings {int(20 / self.passing) + 1}"
            )
        _check_runs(self)
        piles = (self.pileup, *self.trigger_pileup)
        if len(set(piles)) < len(piles) or max(piles) > 400:
            raise InputError(
                f"expected different pile-ups of 0 to 400, got {' '.join(f'{each:g}' for each in piles)}"
            )
        if not (min(piles) >= 0 and 0 < self.field < 10 and 0 < self.passing < 1):
            got = f"{self.pileup:g}, {self.field:g} T, {self.passing:g}"
            raise InputError(f"expected a pile-up of 0 to 400, a field and a share that may pass, got {got}")

    def ways(self) -> list[Way]:
        """The reference, then every other choice of each stage with the reference at all others."""
        first = Way(*(getattr(self, stage)[0] for stage in STAGES))
        others = [first._replace(**{stage: each}) for stage in STAGES for each in getattr(self, stage)[1:]]
        return [first, *others]

    def runs(self) -> list[str]:
        """Choices that are folders of runs."""
        return [
            each
            for stage, known in CHOICES.items()
            for each in getattr(self, stage)
            if each not in known and not holds_answers(each)
        ]

    def reference_only(self, pileup: float) -> "Chain":
        """The reference of a trigger, which has no tracks, by itself with another pile-up."""
        compress, cluster = self.compress[:1], self.cluster[:1]
        alone = replace(self, compress=compress, cluster=cluster, track=(CARD,), flow=(RULES,))
        return replace(alone, pileup=pileup, trigger_pileup=())


def holds_answers(choice: str) -> bool:
    """Whether a choice is a folder of files with what an algorithm of the user made of each piece of work."""
    folder = Path(choice)
    if not folder.is_dir() or (folder / "run.json").exists() or folder.parent.name == "work":
        return False
    return any(each.suffix in ENDINGS for each in folder.iterdir())


def check_choice(stage: str, choice: str) -> None:
    """Refuse what is neither a name that the stage knows nor the folder of a run or of answers.

    Raises:
        InputError: The message names the nearest choice.
    """
    if choice in CHOICES[stage]:
        return
    if not Path(choice).is_dir():
        known = nearest(choice, CHOICES[stage])
        raise InputError(
            f"{stage}: {choice!r} is neither a choice nor the folder of a run or of answers: {known}"
        )
    if not holds_answers(choice):
        folder_of(choice)


def folder_of(choice: str) -> tuple[Run, str | None]:
    """The run behind a choice, and the name of its model if the folder is that of one, in ``work``.

    Raises:
        InputError: The folder is no run, or the run is not done.
    """
    path, model = Path(choice), None
    if path.parent.name == "work" and not (path / "run.json").exists():
        path, model = path.parent.parent, path.name
    return Run.open(path), model


def title_of(choice: str) -> str:
    """What a choice is called in tables: a run by its system and its name."""
    if any(choice in known for known in CHOICES.values()):
        return choice
    if holds_answers(choice):
        return f"answers in {Path(choice).name}"
    run, model = folder_of(choice)
    return f"{run.record['system']} {model or run.name}"


def _check_runs(chain: Chain) -> None:
    """Refuse what has seen another detector, or the work of other choices, than those it would stand behind."""
    ways = chain.ways()
    for way in ways:
        if _is_run("cluster", way.cluster) and way.compress != HITS:
            raise InputError(
                f"cluster: {way.cluster} has learned all hits, not trigger cells: give --compress hits with it"
            )
        if _is_run("track", way.track) and chain.field != TRACKML_FIELD:
            raise InputError(
                f"track: {way.track} has learned the {TRACKML_FIELD:g} T of TrackML, this field has {chain.field:g} T: "
                f"give --field {TRACKML_FIELD:g} with it"
            )
        for stage, before in STAGES.items():
            choice = getattr(way, stage)
            other = [each for each in before if getattr(way, each) != getattr(ways[0], each)]
            if other and choice not in CHOICES[stage] and holds_answers(choice):
                raise InputError(
                    f"{stage}: answers in {choice} are to one choice of {other[0]}: put {stage} "
                    f"{CHOICES[stage][0]} first, or give one choice of {other[0]}"
                )


def _is_run(stage: str, choice: str) -> bool:
    return choice not in CHOICES[stage] and not holds_answers(choice)


PRESETS = {
    "tiny": Chain(
        compress=(CELLS, "best-choice-2"), track=(CARD,), pileup=2.0, trigger_pileup=(), events=4, crossings=40,
        signals=10, passing=0.5, together=20, bootstrap=20, workers=1,
    ),
    "demo": Chain(),
    "full": replace(
        Chain(), pileup=200.0, trigger_pileup=(0.0, 60.0), events=2000, crossings=20_000, signals=1000, passing=0.01
    ),
}  # fmt: skip
