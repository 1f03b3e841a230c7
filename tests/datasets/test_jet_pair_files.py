"""Pairs of jets in the published layouts: the momenta that were written, and one line for what is wrong."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from femtobarn.data.root import opened_root
from femtobarn.datasets import cms_pfnano, jet_tensors, parnassus, zjets_delphes
from femtobarn.errors import InputError
from femtobarn.evaluation.fast_simulation.files import open_jets, read_pairs
from femtobarn.physics.jet_pairs import jet_axes
from femtobarn.physics.vectors import cylindrical
from jet_pair_files import PARTICLES, momenta, write_omnifold, write_parnassus, write_tensors

JETS = 12

WRITERS: dict[str, Callable[[Path], Path]] = {
    "tensors": lambda folder: write_tensors(folder, JETS),
    "omnifold": lambda folder: write_omnifold(folder / "Herwig_Zjet_pTZ-200GeV_0.npz", JETS),
    "parnassus": lambda folder: write_parnassus(folder / "a.root", JETS),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_layout_gives_the_momenta_written(name: str, tmp_path: Path) -> None:
    path = WRITERS[name](tmp_path)
    source = open_jets(path, particles=PARTICLES)
    assert len(source) == JETS
    found = source.read(["generated", "reconstructed"], 0, JETS)
    for side, expected in zip(("generated", "reconstructed"), momenta(JETS), strict=True):
        np.testing.assert_allclose(found[side], expected, rtol=2e-5, atol=2e-5, err_msg=side)
    part = source.read(["generated"], 5, 8)["generated"]
    np.testing.assert_array_equal(part, found["generated"][5:8])
    pairs = read_pairs([path], particles=14, distance=0.2, most=10)
    assert len(pairs) == pairs.wanted == 10
    assert pairs.generated.mask.shape == (10, 14)


def test_pairs_at_different_places_are_dropped(tmp_path: Path) -> None:
    path = write_tensors(tmp_path, JETS)
    reco = tmp_path / path.name.replace("_gen_", "_reco_")
    tensor = torch.load(reco, weights_only=True)
    tensor[2] = -tensor[2]  # back to back
    tensor[4] = 0.0  # nothing was found
    torch.save(tensor, reco)
    pairs = read_pairs([path], particles=PARTICLES, distance=0.2, most=100)
    assert (pairs.wanted, len(pairs)) == (JETS, JETS - 2)
    assert not {2, 4} & set(pairs.event.tolist())


def test_generated_jets_alone_can_be_simulated_but_not_learnt_from(tmp_path: Path) -> None:
    path = write_tensors(tmp_path, JETS)
    (tmp_path / path.name.replace("_gen_", "_reco_")).unlink()
    assert open_jets(path, particles=20).columns == ("generated",)
    with pytest.raises(InputError, match="expected reconstructed jets to learn from"):
        read_pairs([path], particles=20, distance=0.2, most=10)


class _Trap:
    """What a hostile file may hold: unpickled, it would call a function."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.witness,)


@pytest.mark.parametrize("old", [False, True])
def test_a_tensor_file_is_never_executed(tmp_path: Path, old: bool) -> None:
    path, witness = tmp_path / "train_data_gen_pxpypz.pt", tmp_path / "executed"
    torch.save(_Trap(witness), path, _use_new_zipfile_serialization=not old)
    with pytest.raises(InputError, match="not a readable torch file") as error:
        jet_tensors.open_pairs(path)
    assert "\n" not in str(error.value)
    path.write_bytes(pickle.dumps(_Trap(witness)))
    with pytest.raises(InputError):
        jet_tensors.open_pairs(path)
    assert not witness.exists()
    pickle.loads(path.read_bytes())
    assert witness.exists(), "the trap works"


def test_tensors_of_the_old_format_are_read_too(tmp_path: Path) -> None:
    path = write_tensors(tmp_path, JETS)
    for file in tmp_path.iterdir():
        torch.save(torch.load(file, weights_only=True), file, _use_new_zipfile_serialization=False)
    found = jet_tensors.open_pairs(path).read(["generated"], 0, JETS)["generated"]
    np.testing.assert_allclose(found, momenta(JETS)[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(3, 3), r"expected \(jet, 1, 3, particle\) of px, py, pz, got \(3, 3\)"),
        (torch.zeros(3, 1, 4, 50), "got"),
        ({"a": torch.zeros(2, 1, 3, 20)}, "expected one tensor, got dict"),
        (torch.zeros(2, 1, 3, 20, dtype=torch.complex64), "expected real numbers"),
        (torch.zeros(2, 1, 3, 20).to_sparse(), "dense tensor"),
    ],
)
def test_other_tensors_are_told_in_one_line(tmp_path: Path, tensor: Any, message: str) -> None:
    path = tmp_path / "x_gen_y.pt"
    torch.save(tensor, path)
    with pytest.raises(InputError, match=message):
        jet_tensors.open_pairs(path)


def test_what_does_not_fit_is_told_in_one_line(tmp_path: Path) -> None:
    path = write_tensors(tmp_path, JETS)
    torch.save(torch.zeros(JETS + 1, 1, 3, 20), tmp_path / path.name.replace("_gen_", "_reco_"))
    with pytest.raises(InputError, match="a reconstructed jet for each generated one"):
        jet_tensors.open_pairs(path)
    tensor = torch.load(path, weights_only=True)
    tensor[3, 0, 1, 2] = torch.nan
    (tmp_path / path.name.replace("_gen_", "_reco_")).unlink()
    torch.save(tensor, path)
    with pytest.raises(InputError, match="row 3: py of particle 2 is nan"):
        jet_tensors.open_pairs(path).read(["generated"], 2, 8)
    with pytest.raises(InputError, match=r"expected \.pt, \.npz or \.root"):
        open_jets(tmp_path / "jets.parquet", particles=20)


def test_kinds_of_omnifold_are_pdg_codes(tmp_path: Path) -> None:
    source = zjets_delphes.open_pairs(write_omnifold(tmp_path / "a.npz", JETS))
    found = source.read(["generated_pdg", "generated"], 0, JETS)
    real = found["generated"].any(axis=2)
    expected = np.where(np.arange(PARTICLES) % 2 == 0, 211, 22)
    np.testing.assert_array_equal(found["generated_pdg"], np.where(real, expected, 0))
    assert len({pdg for pdg, _ in zjets_delphes.KINDS.values()}) == len(zjets_delphes.KINDS) == 14


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("gen_particles", (2, 1, 3), 0.15, r"gen_particles\[2, 1\] has the kind 0.15"),
        ("gen_particles", (2, 1, 0), np.nan, r"gen_particles\[2, 1, 0\] is nan"),
        ("sim_jets", (4, 0), -1.0, r"sim_jets\[4, 0\] is -1"),
    ],
)
def test_a_wrong_number_of_omnifold_is_told(
    tmp_path: Path, name: str, place: tuple[int, ...], value: float, message: str
) -> None:
    with np.load(write_omnifold(tmp_path / "a.npz", JETS)) as file:
        arrays = dict(file)
    arrays[name][place] = value
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(InputError, match=message):
        zjets_delphes.open_pairs(tmp_path / "b.npz")


def test_real_jets_of_cms_are_paired(real_data: Path) -> None:
    pytest.importorskip("uproot")
    path = real_data / "cms_pfnano" / "pfnano.root"
    pairs = cms_pfnano.jet_pairs(path, particles=200)
    there = pairs.reconstructed.mask.any(axis=1)
    assert (len(pairs), int(there.sum())) == (24, 23)
    linked = cms_pfnano.jets(path, "GenJetAK8").momentum
    before, after = jet_axes(pairs.generated), jet_axes(pairs.reconstructed)
    np.testing.assert_allclose(before[:, 0], cylindrical(linked)[:, 0], rtol=2e-3)
    response = after[there, 0] / before[there, 0]
    hard = before[there, 0] > 400
    assert 0.85 < np.median(response[hard]) < 1.05
    assert len(open_jets(path, particles=50)) == 24


def test_a_root_file_within_its_context_is_opened_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uproot = pytest.importorskip("uproot")
    path = write_parnassus(tmp_path / "a.root", 3)
    opened: list[Path] = []
    truly = uproot.open

    def counted(file: Path) -> Any:
        opened.append(file)
        return truly(file)

    monkeypatch.setattr(uproot, "open", counted)
    with opened_root(path):
        inside = parnassus.open_pairs(path).read(["generated"], 0, 3)["generated"]
    assert opened == [path]
    outside = parnassus.open_pairs(path).read(["generated"], 0, 3)["generated"]
    assert len(opened) > 1, "closed with its context"
    np.testing.assert_array_equal(inside, outside)
