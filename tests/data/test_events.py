"""Events as counts, as files, and as tasks."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.data import event_file
from femtobarn.data.episodes import draw_episode
from femtobarn.data.event_file import EventFile, write_events
from femtobarn.data.events import Binning, Events, check_events, event_counts
from femtobarn.errors import InputError

BINNING = Binning(steps=8, bin=500, rows=10, columns=12, join=2)


def _events(count: int = 300, seed: int = 1) -> Events:
    draw = np.random.default_rng(seed)
    x, y, p = (draw.integers(0, most, count) for most in (16, 14, 2))
    return Events(np.sort(draw.integers(0, 4000, count)), x, y, p)


@given(st.integers(0, 1000))
def test_all_events_inside_the_crop_are_counted(seed: int) -> None:
    events = _events(seed=seed)
    inside = (events.x < 12) & (events.y < 10)
    counts = event_counts(events, BINNING)
    assert counts.shape == BINNING.shape == (8, 2, 5, 6)
    assert counts.sum() == inside.sum()
    for polarity in (0, 1):
        assert counts[:, polarity].sum() == (inside & (events.p == polarity)).sum()


def test_one_event_falls_into_its_own_bin() -> None:
    counts = event_counts(Events(*(np.array([each]) for each in (1501, 7, 4, 1))), BINNING)
    assert np.argwhere(counts).tolist() == [[3, 1, 2, 3]]


@pytest.mark.parametrize("bins", [-2, 1, 3])
def test_a_shift_in_time_shifts_the_bins(bins: int) -> None:
    events = _events()
    late = events._replace(t=events.t + 2000 + bins * 500)
    one, other = event_counts(events, BINNING._replace(steps=8)), event_counts(late, BINNING, start=2000)
    low, high = max(0, bins), min(8, 8 + bins)
    np.testing.assert_array_equal(other[low:high], one[low - bins : high - bins])


def test_pieces_of_a_stream_count_as_the_whole() -> None:
    events = _events()
    pieces = (events.take(slice(start, start + 70)) for start in range(0, 300, 70))
    np.testing.assert_array_equal(event_counts(pieces, BINNING), event_counts(events, BINNING))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"t": np.array([5, 9, 8])}, "event 2 is out of order, 8 us after 9 us: sort the events"),
        ({"t": np.array([-5, 9, 18])}, "event 0 is out of order, -5 us after 0 us"),
        ({"p": np.array([1, -1, 0])}, "event 1 has p = -1, expected 0 to 1"),
        ({"p": np.array([1, 2, 0])}, "event 1 has p = 2"),
        ({"x": np.array([1, 34, 0])}, "event 1 has x = 34, expected 0 to 33"),
        ({"y": np.array([1, 3, -1])}, "event 2 has y = -1"),
        ({"y": np.array([1, 3])}, "of one length"),
        ({"t": np.array([0.1, 0.2, 0.3])}, "expected whole numbers in t, got float64"),
    ],
)
def test_what_is_no_stream_is_one_line(change: dict[str, np.ndarray], words: str) -> None:
    good = Events(np.array([1, 2, 2]), np.array([0, 1, 2]), np.array([0, 1, 2]), np.array([0, 1, 1]))
    check_events(good, "here", rows=34, columns=34)
    if change.keys() == {"t"} and change["t"].dtype == float:
        with pytest.raises((InputError, TypeError)):
            check_events(good._replace(**change), "here")
        return
    with pytest.raises(InputError, match=f"here: .*{words}") as error:
        check_events(good._replace(**change), "here", rows=34, columns=34)
    assert "\n" not in str(error.value)


def test_a_bin_that_overflows_and_bins_of_no_length_are_refused() -> None:
    many = Events(*(np.zeros(70_000, np.int64) for _ in range(4)))
    with pytest.raises(InputError, match="70000 events in one bin"):
        event_counts(many, BINNING)
    with pytest.raises(InputError, match="at least one unit"):
        event_counts(_events(), BINNING._replace(bin=0))


def test_a_file_gives_back_its_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings, label = [_events(200 + seed, seed) for seed in range(4)], np.array([3, -1, 0, 3])
    write_events(tmp_path / "e.h5", recordings, label)
    monkeypatch.setattr(event_file, "_PIECE", 37)  # more pieces than one for each recording
    source = EventFile(tmp_path / "e.h5", BINNING)
    assert len(source) == 4
    found = source.read(("counts", "label"), 1, 9)
    np.testing.assert_array_equal(found["label"], label[1:])
    for own, events in zip(found["counts"], recordings[1:], strict=True):
        np.testing.assert_array_equal(own, event_counts(events, BINNING))
    write_events(tmp_path / "u.h5", recordings)
    assert EventFile(tmp_path / "u.h5", BINNING).label.tolist() == [-1] * 4


def _changed(path: Path, name: str, value: np.ndarray) -> Path:
    write_events(path, [_events(50, 1), _events(60, 2)], np.array([0, 1]))
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = value
    return path


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("offsets", np.array([0, 50, 90]), r"offsets that rise from 0 to the 110 events, got \[0, 90\]"),
        ("offsets", np.array([0, 120, 110]), "offsets that rise"),
        ("offsets", np.array([0.0, 50, 110]), "whole offsets"),
        ("label", np.array([0, -2]), "a whole label from -1 on for each of 2"),
        ("label", np.array([0, 1, 2]), "a whole label"),
        ("p", np.full(110, -1), "recording 0: event 0 has p = -1"),
        ("t_us", np.arange(110)[::-1].copy(), "recording 0: event 1 is out of order"),
        ("t_us", np.arange(110) + 10**7, "recording 0: no event within the bins"),
        ("x", np.zeros(7, np.int64), "t_us, x, y, p of one length"),
    ],
)
def test_a_file_that_is_wrong_is_one_line(tmp_path: Path, name: str, value: np.ndarray, words: str) -> None:
    path = _changed(tmp_path / "e.h5", name, value)
    with pytest.raises(InputError, match=words) as error:
        EventFile(path, BINNING).read(("counts",), 0, 2)
    assert str(path) in str(error.value)


def _draw(name: int, count: int, generator: np.random.Generator) -> np.ndarray:
    return 100 * name + generator.choice(20, count, replace=False)


def test_support_and_query_of_a_task_have_no_example_in_common() -> None:
    draw, seen = np.random.default_rng(1), set()
    for _ in range(50):
        task = draw_episode(_draw, range(8), ways=3, shots=2, queries=4, generator=draw)
        assert not set(task.support.tolist()) & set(task.query.tolist())
        np.testing.assert_array_equal(task.support // 100, task.classes[task.support_label])
        np.testing.assert_array_equal(task.query // 100, task.classes[task.query_label])
        assert len(set(task.classes.tolist())) == 3
        seen.add(int(task.classes[0]))
    assert len(seen) == 8, "no label stands for a class of its own"


def test_too_few_classes_are_refused() -> None:
    with pytest.raises(InputError, match="got 2 classes, 3 ways"):
        draw_episode(_draw, [1, 1, 2], ways=3, shots=1, queries=1, generator=np.random.default_rng(1))
