import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.evaluation.generation_time import (
    BatchTime,
    GenerationCost,
    generation_time,
    read_costs,
    write_costs,
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """The clock stands still but for the seconds that a call lets pass."""
    now = 0.0

    def let_pass(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "perf_counter", lambda: now)
    return let_pass


def test_the_time_of_a_shower_is_that_of_its_batch_over_its_size(clock: Callable[[float], None]) -> None:
    seen: list[int] = []

    def generate(energies: np.ndarray) -> None:
        seen.append(len(energies))
        clock(0.02)

    one, many = generation_time(generate, np.array([1e3, 1e4]), batches=(1, 50), runs=3)
    assert seen == [1] * 4 + [50] * 4, "one run of each size is not timed"
    assert (one.batch, many.batch, one.runs) == (1, 50, 3)
    assert one.mean == pytest.approx(20)
    assert many.mean == pytest.approx(20 / 50)


def test_the_clock_waits_for_the_device() -> None:
    waited = []
    generation_time(len, np.ones(3), batches=(2,), runs=2, wait=lambda: waited.append(1))
    assert len(waited) == 3


def test_what_takes_too_long_is_timed_less_or_left_out(clock: Callable[[float], None]) -> None:
    slow, long = generation_time(lambda _: clock(0.05), np.ones(1), batches=(1, 2), runs=10, limit=0.16)
    assert slow.runs == 3
    assert long.batch == 2
    assert generation_time(lambda _: clock(0.05), np.ones(1), batches=(1,), limit=0.01) == ()


def test_costs_come_back_as_written(tmp_path: Path) -> None:
    costs = {"flow": GenerationCost("cuda", (BatchTime(1, 3.0, 0.2, 10),), 10, 12), "gan": GenerationCost()}
    write_costs(tmp_path / "costs.json", costs)
    assert read_costs(tmp_path / "costs.json") == costs
    with pytest.raises(InputError, match="No such file"):
        read_costs(tmp_path / "none.json")


def test_nothing_to_time() -> None:
    with pytest.raises(InputError, match="expected energies"):
        generation_time(len, np.zeros(0))
    with pytest.raises(InputError, match="two runs"):
        generation_time(len, np.ones(1), runs=1)
