"""JetClass: the published layout, and the stand-in."""

import itertools
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import jetclass_files
from femtobarn.data.source import stream
from femtobarn.datasets import jetclass
from femtobarn.datasets.jetclass import Jets
from femtobarn.errors import InputError


@pytest.fixture(scope="module")
def made() -> dict[str, Jets]:
    pytest.importorskip("pythia8mc")
    pytest.importorskip("fastjet")
    return {
        name: Jets.of(jetclass.stand_in(name, 40, seed=3, workers=1))
        for name in ("QCD", "Hbb", "Tbl", "Hqql")
    }


def test_a_file_in_the_published_layout_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "HToBB_000.root"
    told = jetclass_files.write(path, "Hbb", 25)
    jets = jetclass.open_jets(path).read(["particles", "species", "jet", "tau", "label"], 0, 25)
    assert (jets["label"] == 1).all()
    for row in range(25):
        size = len(told["part_px"][row])
        assert ((jets["species"][row] >= 0) == (np.arange(128) < size)).all()
        pt = np.hypot(told["part_px"][row], told["part_py"][row])
        expected = np.stack(
            (told["part_deta"][row], told["part_dphi"][row], pt, told["part_energy"][row]), axis=1
        )
        np.testing.assert_allclose(jets["particles"][row, :size], expected, rtol=1e-6)
        assert not jets["particles"][row, size:].any()
        for place in range(size):
            flag, charge = jetclass_files.KINDS[jets["species"][row, place]]
            assert told[f"part_{jetclass_files.FLAGS[flag]}"][row][place]
            assert told["part_charge"][row][place] == charge
    np.testing.assert_allclose(jets["jet"][:, 4], [len(each) for each in told["part_px"]])
    np.testing.assert_allclose(jets["tau"][:, 2], told["jet_tau3"], rtol=1e-6)


def test_pieces_of_several_files_are_the_whole_and_keep_the_hardest(tmp_path: Path) -> None:
    for index, name in enumerate(("QCD", "Tbl")):
        jetclass_files.write(tmp_path / f"{name}.root", name, 17, seed=index)
    source = jetclass.open_jets(tmp_path, particles=5)
    whole = source.read(source.columns, 0, len(source))
    pieces = list(stream(source, source.columns, rows=7))
    for name, values in whole.items():
        np.testing.assert_array_equal(np.concatenate([piece[name] for piece in pieces]), values)
    all_of_them = jetclass.open_jets(tmp_path).read(["particles"], 0, 34)["particles"]
    hardest = -np.sort(-all_of_them[..., 2], axis=1)[:, :5]
    np.testing.assert_array_equal(whole["particles"][..., 2], hardest)
    assert whole["label"].tolist() == [0] * 17 + [9] * 17


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: {"part_px": [[np.nan, *t["part_px"][0][1:]], *t["part_px"][1:]]}, "finite part_px"),
        (lambda t: {"part_isMuon": [[1] * len(each) for each in t["part_px"]]}, "one kind of each particle"),
        (lambda _: {"label_Hbb": [1] * 6}, "one label"),
        (
            lambda t: {"part_dphi": [each[:-1] for each in t["part_dphi"]]},
            "lists of particles of equal length",
        ),
        (lambda t: {k: [[], *v[1:]] for k, v in t.items() if k.startswith("part_")}, "at least one particle"),
        (lambda _: {"jet_pt": [np.inf] * 6}, "a finite jet_pt"),
    ],
)
def test_a_wrong_file_is_refused_with_its_entry(
    change: Callable[[dict[str, list]], dict[str, list]], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.root"
    told = jetclass_files.columns("QCD", 6, 1)
    jetclass_files.write(path, "QCD", 6, **change(told))
    with pytest.raises(InputError, match=f"entry 0: expected {words}"):
        jetclass.open_jets(path).read(["particles"], 0, 6)


def test_a_branch_of_fewer_jets_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.root"
    jetclass_files.write(path, "QCD", 6)
    content = bytearray(path.read_bytes())
    entries = struct.pack(">?qq", True, 0, 6)  # of the one basket: the first, and the last of all
    content[content.index(entries, content.index(b"label_QCD/")) + 1] = 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="expected 6 jets from entry 0 in label_QCD, got 0"):
        jetclass.open_jets(path).read(["label"], 0, 6)


def test_a_branch_that_is_missing_is_named(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    with uproot.recreate(tmp_path / "x.root") as file:
        file.mktree("tree", {"part_px": "float64"})
    with pytest.raises(InputError, match="part_py"):
        jetclass.open_jets(tmp_path / "x.root")
    with pytest.raises(InputError, match=r"ZJetsToNuNu_\*\.root"):
        jetclass.files_of(tmp_path, "QCD")


def test_stand_in_has_jets_of_the_published_cuts_and_consistent_columns(made: dict[str, Jets]) -> None:
    for jets in made.values():
        pt, eta, energy, mass, count = jets.jet.T
        assert ((pt > 500) & (pt < 1000) & (np.abs(eta) < 2) & (energy > pt) & (mass >= 0)).all()
        mask = jets.species >= 0
        assert (mask.sum(axis=1) == np.minimum(count, 128)).all()
        assert (np.diff(np.where(mask, jets.particles[..., 2], 0), axis=1) <= 0).all(), "hardest first"
        # All particles are listed: their vector sum is the jet, within the rounding of float32.
        px = (jets.particles[..., 2] * np.cos(jets.particles[..., 1])).sum(axis=1)
        np.testing.assert_allclose(px, pt, rtol=1e-4)
        np.testing.assert_allclose(jets.particles[..., 3].sum(axis=1), energy, rtol=1e-4)
        assert (np.diff(jets.tau, axis=1) <= 1e-6).all(), "with winner-takes-all axes tau falls with N"


def test_the_kinds_of_jets_are_what_they_are_said_to_be(made: dict[str, Jets]) -> None:
    """A Higgs boson has its mass, a leptonic decay a hard lepton; gluons and quarks have neither."""

    def hard_leptons(jets: Jets) -> float:
        share = jets.particles[..., 2] / jets.jet[:, :1]
        return float(((jets.species >= 4) & (share > 0.1)).any(axis=1).mean())

    near = np.abs(made["Hbb"].jet[:, 3] - 120) < 25
    assert near.mean() > 0.4 > (np.abs(made["QCD"].jet[:, 3] - 120) < 25).mean() + 0.1
    for name in ("Tbl", "Hqql"):
        assert hard_leptons(made[name]) > 0.4 > hard_leptons(made["QCD"]) + 0.2


def test_both_charges_of_the_lepton_are_made(made: dict[str, Jets]) -> None:
    jets = made["Hqql"]
    leading = [jets.species[row][jets.species[row] >= 4][:1] for row in range(len(jets))]
    kinds = set(itertools.chain.from_iterable(each.tolist() for each in leading))
    assert kinds & {4, 6}
    assert kinds & {5, 7}


def test_the_stand_in_does_not_depend_on_workers_and_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: dict[str, Jets]
) -> None:
    again = Jets.of(jetclass.stand_in("QCD", 25, seed=3, workers=1))
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path))
    fresh = Jets.of(jetclass.stand_in("QCD", 25, seed=3, workers=1))
    for name in ("particles", "species", "jet", "tau"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fresh, name))
        np.testing.assert_array_equal(getattr(fresh, name), getattr(made["QCD"], name)[:25])
    assert 0 < jetclass.cross_section("QCD", 25, seed=3) < 10
    with pytest.raises(InputError, match="no class of jets 'Hbv'"):
        jetclass.stand_in("Hbv", 5, seed=1)
    with pytest.raises(InputError, match="at least one jet"):
        jetclass.stand_in("QCD", 0, seed=1)
