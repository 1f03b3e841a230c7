"""What a run trains: parts that are made side by side, each kept in a folder of its own, found and chosen again.

A part is a small tuple of what differs from training to training; its name is that of its folder and of
``predict --model``. What it leaves is one file, ``work/NAME/model.pt``: plain data and tensors, never code.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import nn

from femtobarn.engine import load_tensors, placed, save_tensors
from femtobarn.errors import InputError
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Run
from femtobarn.settings import from_dict, to_dict

FORMAT = 1  #: of ``model.pt``
_FILE, _CHECKPOINTS = "model.pt", ("last.ckpt", "best.ckpt")


@runtime_checkable
class Part(Protocol):
    """One training: a NamedTuple with these, of plain fields."""

    @property
    def seed(self) -> int:
        """Seed of the initial weights, batches and noise."""

    @property
    def name(self) -> str:
        """Name of its folder, such as ``gapt-seed1``."""

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables; parts that differ by their seed only have the same."""

    def _asdict(self) -> dict[str, Any]: ...


P = TypeVar("P", bound=Part)


@dataclass(frozen=True)
class Trained(Generic[P]):
    """A trained part and how it came to be."""

    part: P
    model: Any
    """A module in evaluation mode; None where nothing has weights, as for trees and annealers."""
    history: list[dict[str, float]]
    """A row for each epoch or check."""
    validation: float
    """By which the best part is chosen; less is better."""
    kept: dict[str, Any] = field(default_factory=dict)
    """Tensors and plain data that belong to it, such as what `Models.build` has to know."""


Train = Callable[[P, Report], Trained[P]]


def _no_network(*_: Any) -> None:
    return None


def _nothing(_: Any) -> tuple[()]:
    return ()


@dataclass(frozen=True)
class Models(Generic[P]):
    """The trained parts of a system: how they are trained side by side, and built again from their files."""

    part: Callable[..., P]
    """The tuple that describes a training."""
    settings: Callable[[P], type[Any]]
    """Dataclass of the settings of a part, those without which its model cannot be built."""
    build: Callable[[P, Any, Mapping[str, Any]], nn.Module | None] = _no_network
    """The untrained model of (part, settings, kept); its weights are then loaded. Without it all is in `kept`."""
    needs: Callable[[P], Iterable[P]] = _nothing
    """Parts that must be there before a part can be trained: teachers, embeddings."""

    def train(
        self,
        run: Run,
        parts: Sequence[P],
        train: Train[P],
        *,
        settings: Callable[[P], Any],
        title: str = "training",
        workers: int,
        scheduler: str | None = None,
        progress: bool,
    ) -> list[Trained[P]]:
        """All parts, in their order; those whose file is there are read, the others trained and kept.

        Args:
            run: Where they are kept.
            parts: What is asked for; what they need is trained if it is among them.
            train: Trains one part; called with a callback for its progress.
            settings: The dataclass that `build` is given when the part is read again.
            title: Of the progress display.
            workers: Processes.
            scheduler: Address of a Dask scheduler that trains instead of processes here.
            progress: Show bars.

        Raises:
            InputError: A part needs another that is neither there nor asked for.
        """
        work = run.folder / "work"
        task = functools.partial(_train_one, self, work, train, settings)
        missing = [part for part in parts if not self.is_there(work / part.name)]
        while missing:
            waiting = {part.name for part in missing}
            ready = [p for p in missing if not waiting & {need.name for need in self.needs(p)}]
            for need in (need for part in ready for need in self.needs(part)):
                if not self.is_there(work / need.name):
                    raise InputError(f"{need.name} is needed first and is not among what is trained")
            if not ready:
                raise InputError(f"each of these needs another first: {', '.join(sorted(waiting))}")
            run_parts(
                task,
                ready,
                name=_name,
                title=title,
                workers=workers,
                scheduler=scheduler,
                progress=progress,
            )
            missing = [part for part in missing if part not in ready]
        return [self.load(work / part.name) for part in parts]

    def is_there(self, folder: Path) -> bool:
        """Whether the folder holds a trained part."""
        return (folder / _FILE).exists()

    def save(self, trained: Trained[P], settings: Any, folder: Path) -> None:
        """Write the file of a part; the checkpoints, which served to resume, are removed."""
        content = {
            "format": FORMAT,
            "part": trained.part._asdict(),
            "settings": to_dict(settings),
            "weights": trained.model.state_dict() if isinstance(trained.model, nn.Module) else {},
            "history": trained.history,
            "validation": trained.validation,
            "kept": trained.kept,
        }
        save_tensors(content, folder / _FILE)
        for name in _CHECKPOINTS:
            (folder / name).unlink(missing_ok=True)

    def load(self, folder: Path) -> Trained[P]:
        """The trained part in a folder.

        Raises:
            InputError: The file is missing, damaged, of another system or of another format.
        """
        path = folder / _FILE
        content = load_tensors(path)
        if "part" not in content:
            raise InputError(f"{path} does not hold a model of this system")
        if content.get("format") != FORMAT:
            found = content.get("format", "none")
            raise InputError(
                f"{path} has model format {found}, this femtobarn reads {FORMAT}: run it again with "
                "femtobarn run --like RUN"
            )
        try:
            part, kept = self.part(**content["part"]), content["kept"]
            model = self.build(part, from_dict(self.settings(part), content["settings"]), kept)
            if model is not None:
                model.load_state_dict(content["weights"])
                model.eval()
            return Trained(part, model, content["history"], content["validation"], kept)
        except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
            raise InputError(f"{path} does not hold a model of this system") from error

    def choose(
        self, run: Run, name: str | None = None, *, among: Callable[[P], int] = lambda _: True
    ) -> Trained[P]:
        """The trained part of that name; without one, the best on the validation sample of those asked for.

        Its network computes on the device of the run and is called with tensors on the CPU, see `engine.placed`.

        Args:
            run: A run whose training is done.
            name: Of a part.
            among: Whether a part is asked for, or its rank: one of the highest rank that there is gets chosen.

        Raises:
            InputError: The run holds no trained part, or none of that name.
        """
        trained = [self.load(folder) for folder in run.trained(name)]
        best = min(trained, key=lambda each: (-int(among(each.part)), each.validation, each.part))
        return replace(best, model=placed(best.model, run.device)) if best.model is not None else best


def _train_one(
    models: Models[P], work: Path, train: Train[P], settings: Callable[[P], Any], part: P, report: Report
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small models train faster side by side than on many threads each
    try:
        models.save(train(part, report), settings(part), work / part.name)
    finally:
        torch.set_num_threads(threads)


def _name(part: Part) -> str:
    return part.name
