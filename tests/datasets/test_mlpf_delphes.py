"""The published pickles of MLPF: round trip, an independent reader, hostile files, what cannot be an event."""

import bz2
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from femtobarn import datasets
from femtobarn.datasets import mlpf_delphes
from femtobarn.errors import InputError
from femtobarn.physics.particle_flow import FlowEvents
from flow_files import toy_events


def _content(events: FlowEvents) -> dict[str, Any]:
    """The file's dictionary, written by hand as the authors do."""
    return {
        "X": np.split(events.element.astype(float), events.offset[1:-1]),
        "ygen": np.split(events.target.astype(float), events.offset[1:-1]),
        "ycand": np.split(events.candidate.astype(float), events.offset[1:-1]),
        "ygen_remaining": np.split(events.remaining.astype(float), events.remaining_offset[1:-1]),
    }


def _write(path: Path, content: Any) -> Path:
    with bz2.BZ2File(path, "wb") as file:
        pickle.dump(content, file)
    return path


def _same(one: FlowEvents, two: FlowEvents) -> None:
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, vars(two)[name], err_msg=name)


def test_files_as_the_authors_write_them_are_read(tmp_path: Path) -> None:
    events = toy_events(5, seed=1)
    _same(
        mlpf_delphes.read_events(_write(tmp_path / "tev14_pythia8_ttbar_0_0.pkl.bz2", _content(events))),
        events,
    )


def test_what_is_written_can_be_read_by_python_and_by_us(tmp_path: Path) -> None:
    events, path = toy_events(4, seed=2, sizes=[3, 0, 1, 7]), tmp_path / "some.pkl.bz2"
    mlpf_delphes.write_events(path, events)
    _same(mlpf_delphes.read_events(path), events)
    theirs = pickle.loads(bz2.decompress(path.read_bytes()))
    assert [len(each) for each in theirs["X"]] == [3, 0, 1, 7]
    np.testing.assert_array_equal(np.concatenate(theirs["ygen"]), events.target)


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    parts = [toy_events(2, seed=seed) for seed in (1, 2)]
    for number, part in enumerate(parts):
        mlpf_delphes.write_events(tmp_path / f"tev14_{number}.pkl.bz2", part)
    both = mlpf_delphes.read_events(tmp_path)
    assert len(both) == 4
    _same(both.take(np.array([2, 3])), parts[1])


class Hostile:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_malicious_file_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    content = _content(toy_events(2, seed=1)) | {"note": Hostile(tmp_path / "made")}
    path = _write(tmp_path / "bad.pkl.bz2", content)
    with pytest.raises(InputError, match=r"bad\.pkl\.bz2: expected a pickle of .*mkdir"):
        mlpf_delphes.read_events(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("ygen"), "no 'ygen'"),
        (lambda c: c.update(X=c["X"][:-1]), "differ in their events"),
        (lambda c: c.update(ygen=[each[:-1] for each in c["ygen"]]), "differ in their events or elements"),
        (lambda c: c.update(ygen_remaining=c["ygen_remaining"][:-1]), "ygen_remaining has 4 events"),
        (lambda c: c.update(X=[each[:, :11] for each in c["X"]]), r"expected an array \(rows, 12\)"),
        (lambda c: c.update(X=[each[0] for each in c["X"]]), "expected an array"),
        (lambda c: c.update(X="text"), "expected a list"),
        (lambda c: c["ygen"][0].__setitem__((0, 0), 7), "unknown class of particle 7"),
        (lambda c: c["X"][1].__setitem__((0, 0), 3), "unknown type of element 3"),
        (lambda c: c["X"][1].__setitem__((0, 2), np.nan), "not finite"),
        (lambda c: c["X"][1].__setitem__((0, 5), -1), "negative energy"),
        (lambda c: c["X"][1].__setitem__((0, 3), 40.0), "degrees"),
        (
            lambda c: [each.__imul__([1, 1000, 1, 1, 1, 1000, 1, 1, 1, 1, 1, 1]) for each in c["X"]],
            "is it in GeV",
        ),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, change: Any, said: str) -> None:
    content = _content(toy_events(5, seed=1))
    change(content)
    with pytest.raises(InputError, match=said):
        mlpf_delphes.read_events(_write(tmp_path / "some.pkl.bz2", content))


def test_the_description_names_every_column() -> None:
    text = datasets.describe("mlpf_delphes")
    for word in ("ygen_remaining", "eta outer", "E em", "neutral hadron", "zenodo.4559324"):
        assert word in text
