"""What is trained: the zoomed classifier and its relatives, for each problem, number of events and draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from femtobarn.errors import InputError, check_known
from femtobarn.metrics.classifier_test import auc
from femtobarn.parts import Report
from femtobarn.qubo.classifier import QAMLZClassifier
from femtobarn.qubo.zoom import Annealer
from femtobarn.study import Models, Trained
from femtobarn.systems.qaml_z.data import Problems

ZOOMED, EXACT, BINARY, EQUAL = "QAML-Z", "exact minimum", "QAML", "all cuts equal"
MACHINES = {
    "pruned 95 %": Annealer(prune=0.95, fix=True),
    "on Chimera": Annealer("embedded", prune=0.95, fix=True, graph="chimera"),
    "on Pegasus": Annealer("embedded", prune=0.95, fix=True, graph="pegasus"),
}
#: Arguments of `QAMLZClassifier`.
VARIANTS: dict[str, dict[str, Any]] = {
    ZOOMED: {},
    "QAML-Z, no offsets": {"offsets": 0},
    "QAML-Z, flips": {"flips": True},
    "QAML-Z, bins": {"bins": True},
    EXACT: {"weights": "box"},
    BINARY: {"weights": "binary", "offsets": 0},
    EQUAL: {"weights": "equal", "offsets": 0},
    **{f"QAML-Z, {name}": {"annealer": machine} for name, machine in MACHINES.items()},
}
PENALTIES = (0.0, 0.05, 0.1, 0.2)  #: of QAML, chosen on validation events


@dataclass(frozen=True)
class Study:
    """How many events are learned from, how often, and by which classifiers."""

    sizes: tuple[int, ...] = (100, 1000, 5000)
    """Training events."""
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    """Draws of the training events; the same for every classifier."""
    variants: tuple[str, ...] = (
        ZOOMED,
        "QAML-Z, no offsets",
        "QAML-Z, flips",
        "QAML-Z, bins",
        EXACT,
        BINARY,
        EQUAL,
    )
    """Classifiers of cuts that are trained at every size. Known: the zoom as published, without shifted cuts, with
    random flips, with binned weak classifiers; the exact minimum; each cut or not (QAML); all cuts equal."""
    machines: tuple[str, ...] = tuple(MACHINES)
    """Emulated annealers: the zoom again for the first draw at one size. pruned 95 %: spins are fixed where
    roof duality can. on Chimera, on Pegasus: the rest is annealed on the graph of the machine, where it fits."""
    machine_size: int = 1000
    """Training events of the emulated annealers."""

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 20 or not self.seeds:
            raise InputError(
                f"at least 20 training events and one draw expected: got {self.sizes}, {self.seeds}"
            )
        check_known("classifier", self.variants, VARIANTS)
        check_known("annealer", self.machines, MACHINES)
        if ZOOMED not in self.variants or EXACT not in self.variants:
            raise InputError(
                f"the classifiers {ZOOMED} and {EXACT} are always needed: the second checks the first"
            )

    def parts(self, problems: Sequence[str]) -> list["Part"]:
        """All trainings."""
        found = []
        for problem in problems:
            for size in self.sizes:
                found += [Part(problem, size, name, seed) for name in self.variants for seed in self.seeds]
            found += [
                Part(problem, self.machine_size, f"QAML-Z, {name}", self.seeds[0]) for name in self.machines
            ]
        return found


class Part(NamedTuple):
    """One training."""

    problem: str
    size: int
    variant: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder, such as ``HIGGS-1000-QAML-Z-seed1``."""
        words = self.variant.replace(",", "").replace(" %", "").replace(" ", "-")
        return f"{self.problem}-{self.size}-{words}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"problem": self.problem, "training events": str(self.size), "classifier": self.variant}


MODELS = Models(Part, lambda _: Study)


def classifier(trained: Trained[Part]) -> QAMLZClassifier:
    """The classifier of a trained part."""
    return QAMLZClassifier.from_content(trained.kept["classifier"])


def train_one(problems: Problems, part: Part, report: Report) -> Trained[Part]:
    """Fit one classifier; its validation is 1 - AUC on the validation events."""
    problem = problems.by_name[part.problem]
    events, checked = problem.drawn(part.size, part.seed), problem.split.validation
    given = VARIANTS[part.variant] | {
        "names": problem.names,
        "paired": problem.paired,
        "ready": problem.ready,
    }
    tried = []
    for penalty in PENALTIES if part.variant == BINARY else (0.0,):
        made = QAMLZClassifier(**given, penalty=penalty, seed=part.seed).fit(events.x, events.label)
        tried.append((1 - auc(*checked.classes(made.decision_function(checked.x)))[0], made))
    validation, best = min(tried, key=lambda each: each[0])
    report(1, 1, f"AUC {1 - validation:.3f}")
    history = [{"step": float(i + 1), **step._asdict()} for i, step in enumerate(best.history_)]
    return Trained(part, None, history, validation, {"classifier": best.content()})
