"""Objects of each event from a ROOT tree, and what can be wrong with the file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from femtobarn.data.collections import read_collection
from femtobarn.data.root import opened_root
from femtobarn.errors import InputError

uproot, awkward = pytest.importorskip("uproot"), pytest.importorskip("awkward")


def write(path: Path, columns: dict[str, Any]) -> Path:
    arrays = {
        name: awkward.values_astype(awkward.Array(values), np.float32) for name, values in columns.items()
    }
    with uproot.recreate(path) as file:
        file.mktree("Events", {name: array.type.content for name, array in arrays.items()})
        file["Events"].extend(arrays)
    return path


PT = [[1.0, 2.0], [], [3.0], []]


def test_events_without_objects_stay(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", {"Jet_pt": PT, "Jet_eta": [[0.1, 0.2], [], [0.3], []]})
    found = read_collection(path, tree="Events", prefix="Jet_", columns=("pt", "eta"))
    assert found.offset.tolist() == [0, 2, 2, 3, 3]
    assert found.event.tolist() == [0, 0, 2]
    np.testing.assert_allclose(found.stack("eta", "pt"), [[0.1, 1], [0.2, 2], [0.3, 3]], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_told_with_its_entry(tmp_path: Path, bad: float) -> None:
    path = write(tmp_path / "a.root", {"Jet_pt": [[1.0, 2.0], [], [bad], []]})
    with pytest.raises(InputError, match=rf"a.root, entry 2: Jet_pt is {bad}, expected a finite number"):
        read_collection(path, tree="Events", prefix="Jet_", columns=("pt",))


def test_files_that_do_not_fit_are_told_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", {"Jet_pt": PT, "Jet_mass": PT})

    def says(message: str, columns: tuple[str, ...] = ("pt",), tree: str = "Events") -> None:
        with pytest.raises(InputError, match=message) as error:
            read_collection(path, tree=tree, prefix="Jet_", columns=columns)
        assert "\n" not in str(error.value)

    says("no column 'Jet_phi'", columns=("pt", "phi"))
    says("no column 'Jet_masss'; did you mean Jet_mass", columns=("masss",))
    says("expected one tree Delphes, found none", tree="Delphes")
    whole = path.read_bytes()
    for size in (0, 40, len(whole) // 10):  # most of so small a file is room to grow
        path.write_bytes(whole[:size])
        says("not a readable ROOT file")
    path.unlink()
    says("no such file")


def write_of_version_269(path: Path) -> Path:
    """A file with a branch of a version that nobody has: uproot then goes by what the file says of branches."""
    content = bytearray(write(path, {"Jet_pt": PT}).read_bytes())
    at = content.index(b"TBranch\0@") + len(b"TBranch\0") + 4  # behind the number of bytes
    assert content[at : at + 2] == b"\0\x0d"
    content[at] = 1
    path.write_bytes(content)
    return path


def test_a_damaged_file_does_not_change_how_others_are_read(tmp_path: Path) -> None:
    path = write_of_version_269(tmp_path / "a.root")
    before = dict(uproot.classes), dict(uproot.classes["TBranch"].known_versions)
    read_collection(path, tree="Events", prefix="Jet_", columns=("pt",))
    assert before == (uproot.classes, uproot.classes["TBranch"].known_versions)
    with pytest.raises(InputError, match="not a readable ROOT file"), opened_root(path) as file:
        raise IndexError(file["Events"])
    assert before == (uproot.classes, uproot.classes["TBranch"].known_versions)


def test_a_real_file_is_read_after_a_damaged_one(tmp_path: Path, real_data: Path) -> None:
    path = write_of_version_269(tmp_path / "a.root")
    read_collection(path, tree="Events", prefix="Jet_", columns=("pt",))
    real = real_data / "delphes_events" / "delphes_10events.root"
    assert len(read_collection(real, tree="Delphes", prefix="Particle.", columns=("PID",)).offset) == 11
