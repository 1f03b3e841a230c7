"""Designs: what is simulated, what is only counted, and that none is written twice."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.nn.quantised import quantise, to_integer
from femtobarn.runs import Run
from femtobarn.study import Design, Writing, write_designs


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path, system="toy", preset="tiny", settings={}, seed=1)


def _integers() -> IntegerModel:
    torch.manual_seed(0)
    return to_integer(quantise(nn.Sequential(nn.Linear(3, 2)), torch.rand(50, 3)).eval())


def test_other_vectors_than_the_test_events_are_simulated(run: Run) -> None:
    """The range is that of the first inputs, so that larger test events are off it and the vectors are not."""
    test, settings = np.full((4, 3), 100.0), Writing(vectors=20, optimise=False, synthesis=False)
    vectors = np.random.default_rng(0).uniform(size=(30, 3))
    given = {"settings": settings, "workers": 1, "progress": False}
    reports = write_designs(
        run, [Design("own", _integers), Design("same", _integers)], test, vectors=vectors, **given
    )
    plain = write_designs(run, [Design("plain", _integers)], test, **given)
    assert (reports["own"]["vectors"], plain["plain"]["vectors"]) == (20, 4)
    assert reports["own"]["overflows"] == plain["plain"]["overflows"], "those of the test events in both"
    assert sum(reports["own"]["overflows"].values()) > 0
    again = write_designs(run, [Design("own", _fails)], test, vectors=vectors[:2], **given)
    assert again["own"] == reports["own"], "what is there is not written again"


def _fails() -> IntegerModel:
    raise AssertionError("this design is there already")
