"""Parts of a run: trained once, in the order of what they need, read back as they were, chosen by validation."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from femtobarn.engine import load_tensors, save_tensors
from femtobarn.errors import InputError
from femtobarn.parts import Report
from femtobarn.runs import Run
from femtobarn.study import Models, Trained


@dataclass(frozen=True)
class Size:
    """Settings of the network of these tests."""

    width: int = 3


class Part(NamedTuple):
    """A training of these tests."""

    seed: int
    teacher: str = ""

    @property
    def name(self) -> str:
        return f"student-seed{self.seed}" if self.teacher else f"teacher-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        return {"network": "student" if self.teacher else "teacher"}


def _build(_: Part, settings: Size, kept: Mapping[str, Any]) -> nn.Module | None:
    return nn.Linear(kept["inputs"], settings.width) if kept else None


def _needs(part: Part) -> list[Part]:
    return [Part(part.seed)] if part.teacher else []


MODELS = Models(Part, lambda _: Size, _build, _needs)


def _train(part: Part, report: Report) -> Trained[Part]:
    report(1, 1, "")
    torch.manual_seed(part.seed)
    return Trained(part, nn.Linear(2, 3), [{"epoch": 0.0, "loss": 0.5}], 0.1 * part.seed, {"inputs": 2})


def _of_size(_: Part) -> Size:
    return Size()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path, system="test", preset="tiny", settings={}, seed=1)


def test_parts_are_trained_once_and_read_back_as_they_were(run: Run) -> None:
    made: list[str] = []

    def train(part: Part, report: Report) -> Trained[Part]:
        made.append(part.name)
        return _train(part, report)

    parts = [Part(2, "teacher"), Part(1), Part(2)]
    found = MODELS.train(run, parts, train, settings=_of_size, workers=1, progress=False)
    assert made == ["teacher-seed1", "teacher-seed2", "student-seed2"], "teachers come first"
    assert [each.part for each in found] == parts
    torch.manual_seed(2)
    torch.testing.assert_close(found[0].model.weight, nn.Linear(2, 3).weight)
    assert not found[0].model.training
    assert (found[0].history, found[0].kept) == ([{"epoch": 0.0, "loss": 0.5}], {"inputs": 2})
    MODELS.train(run, parts, train, settings=_of_size, workers=1, progress=False)
    assert len(made) == 3, "nothing is trained twice"


def test_parts_travel_to_other_processes(run: Run) -> None:
    parts = [Part(1), Part(2), Part(1, "teacher")]
    found = MODELS.train(run, parts, _train, settings=_of_size, workers=2, progress=False)
    assert [each.part for each in found] == parts


def test_what_a_part_needs_must_be_there(run: Run) -> None:
    with pytest.raises(InputError, match="teacher-seed3 is needed first"):
        MODELS.train(run, [Part(3, "teacher")], _train, settings=_of_size, workers=1, progress=False)


def test_the_best_on_validation_is_chosen_unless_one_is_named(run: Run) -> None:
    parts = [Part(2), Part(1), Part(2, "teacher")]
    MODELS.train(run, parts, _train, settings=_of_size, workers=1, progress=False)
    assert MODELS.choose(run).part == Part(1)
    assert MODELS.choose(run, "student-seed2").part == Part(2, "teacher")
    assert MODELS.choose(run, among=lambda part: bool(part.teacher)).part == Part(2, "teacher")
    assert MODELS.choose(run, among=lambda part: part.seed).part == Part(2), "of the highest rank"
    assert MODELS.choose(run, among=lambda _: False).part == Part(1), "none is asked for: all of them"
    with pytest.raises(InputError, match="did you mean student-seed2"):
        MODELS.choose(run, "student-seed")


def test_a_part_without_weights_keeps_plain_data(run: Run) -> None:
    def train(part: Part, _: Report) -> Trained[Part]:
        return Trained(part, None, [], 0.0, {})

    (found,) = MODELS.train(run, [Part(1)], train, settings=_of_size, workers=1, progress=False)
    assert found.model is None


def test_files_of_other_formats_and_systems_are_refused(run: Run) -> None:
    MODELS.train(run, [Part(1)], _train, settings=_of_size, workers=1, progress=False)
    path = run.folder / "work" / "teacher-seed1" / "model.pt"
    good = load_tensors(path)
    save_tensors(good | {"format": 99}, path)
    with pytest.raises(InputError, match="model format 99, this femtobarn reads 1"):
        MODELS.choose(run)
    save_tensors(good | {"part": {"colour": 3}}, path)
    with pytest.raises(InputError, match="does not hold a model of this system"):
        MODELS.choose(run)
    save_tensors(good | {"weights": {}}, path)
    with pytest.raises(InputError, match="does not hold a model of this system"):
        MODELS.choose(run)


def test_threads_are_as_before_after_a_training(run: Run) -> None:
    seen: list[int] = []

    def train(part: Part, report: Report) -> Trained[Part]:
        seen.append(torch.get_num_threads())
        return _train(part, report)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        MODELS.train(run, [Part(1)], train, settings=_of_size, workers=1, progress=False)
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)
