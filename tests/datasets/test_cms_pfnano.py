"""The sample of CMS full simulation, against sums that must come out right."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from femtobarn import datasets
from femtobarn.datasets import cms_pfnano
from femtobarn.errors import InputError
from femtobarn.physics.vectors import cylindrical
from femtobarn.simulate.particles import Particles


@pytest.fixture(scope="module")
def sample(real_data: Path) -> Path:
    pytest.importorskip("uproot")
    return real_data / "cms_pfnano" / "pfnano.root"


@pytest.fixture(scope="module")
def generator(sample: Path) -> Particles:
    return cms_pfnano.generator_particles(sample)


@pytest.fixture(scope="module")
def flow(sample: Path) -> cms_pfnano.ParticleFlow:
    return cms_pfnano.particle_flow(sample)


def pt(momentum: np.ndarray) -> np.ndarray:
    return np.hypot(momentum[:, 1], momentum[:, 2])


def test_counts(generator: Particles, flow: cms_pfnano.ParticleFlow) -> None:
    assert generator.events == flow.candidates.events == 10
    sizes = np.diff(generator.offset), np.diff(flow.candidates.offset)
    assert [(size.min(), size.max()) for size in sizes] == [(176, 705), (1344, 2492)]
    share = np.add.reduceat(flow.puppi == 0, flow.candidates.offset[:-1]) / sizes[1]
    assert 0.83 < share.min() < share.max() < 0.92
    assert set(np.unique(np.abs(flow.candidates.pdg))) <= {1, 2, 11, 13, 22, 130, 211}
    assert not np.any((np.abs(generator.pdg) == 22) & (generator.charge != 0))


@pytest.mark.parametrize(
    ("kind", "jets", "links", "off"), [("GenJetAK8", 24, 1447, 2e-4), ("FatJet", 24, 1076, 3e-3)]
)
def test_the_candidates_linked_to_a_jet_add_up_to_it(
    sample: Path,
    generator: Particles,
    flow: cms_pfnano.ParticleFlow,
    kind: Literal["GenJetAK8", "FatJet"],
    jets: int,
    links: int,
    off: float,
) -> None:
    found = cms_pfnano.jets(sample, kind)
    if kind == "FatJet":
        momentum = flow.candidates.momentum * flow.puppi[:, None]
        assert (found.correction > 1).all()
    else:
        momentum = generator.momentum
        assert (found.correction == 1).all()
    assert (len(found.momentum), len(found.jet)) == (jets, links)
    total = np.zeros_like(found.momentum)
    np.add.at(total, found.jet, momentum[found.candidate])
    np.testing.assert_allclose(pt(total), pt(found.momentum), rtol=off)
    np.testing.assert_allclose(cylindrical(total)[:, 1], cylindrical(found.momentum)[:, 1], atol=2e-3)


def small(path: Path, **changes: Any) -> Path:
    """A file of one event in the layout of the published one."""
    uproot, awkward = pytest.importorskip("uproot"), pytest.importorskip("awkward")
    columns: dict[str, Any] = {f"{kind}_{name}": [[1.0, 2.0]] for kind in ("GenCands", "GenJetAK8") for name in
                               ("pt", "eta", "phi", "mass")}  # fmt: skip
    columns |= {"GenCands_charge": [[0, 1]], "GenCands_pdgId": [[22, 211]]}
    columns |= {"GenFatJetCands_jetIdx": [[0, 1]], "GenFatJetCands_pFCandsIdx": [[1, 0]]} | changes
    arrays = {name: awkward.Array(values) for name, values in columns.items()}
    with uproot.recreate(path) as file:
        file.mktree("Events", {name: array.type.content for name, array in arrays.items()})
        file["Events"].extend(arrays)
    return path


def test_a_small_file(tmp_path: Path) -> None:
    path = small(tmp_path / "a.root", GenFatJetCands_jetIdx=[[-1, 1]])
    assert cms_pfnano.generator_particles(path).charge.tolist() == [0, 1]
    found = cms_pfnano.jets(path, "GenJetAK8")
    assert (found.jet.tolist(), found.candidate.tolist()) == ([1], [0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"GenFatJetCands_jetIdx": [[0, 2]]}, "points beyond its event"),
        ({"GenFatJetCands_pFCandsIdx": [[0, 7]]}, "points beyond its event"),
        ({"GenCands_pt": [[1.0, np.nan]]}, "entry 0: GenCands_pt is nan"),
    ],
)
def test_a_bad_file_is_told_in_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = small(tmp_path / "a.root", **changes)
    with pytest.raises(InputError, match=message) as error:
        cms_pfnano.jets(path, "GenJetAK8")
    assert "\n" not in str(error.value)
    with pytest.raises(
        InputError,
        match="no links from FatJet to candidates: expected a branch FatJetPFCands_jetIdx or FatJetPFCand_jetIdx",
    ):
        cms_pfnano.jets(path, "FatJet")


def version_15() -> dict[str, Any]:
    """Branches of NanoAOD 15: candidates of AK8 jets with PUPPI weights in their momenta, and no charge."""
    columns: dict[str, Any] = {
        "PFCand_pt": [[10.0, 20.0, 5.0, 2.0], [], [7.0]],
        "PFCand_eta": [[0.1, 0.2, 0.3, 0.4], [], [1.0]],
        "PFCand_phi": [[0.1, 0.2, 0.3, 0.4], [], [1.0]],
        "PFCand_mass": [[0.1, 0.0, 0.1, 0.0], [], [0.0]],
        "PFCand_pdgId": [[211, 22, -13, 11], [], [-211]],
        "FatJetPFCand_jetIdx": [[0, 0, 1], [], [0]],
        "FatJetPFCand_pfCandIdx": [[1, 0, 3], [], [0]],
    }
    jets = {"pt": [[30.0, 2.0], [], [7.0]], "rawFactor": [[0.0, 0.1], [], [0.0]]}
    jets |= {name: [[0.1, 0.2], [], [1.0]] for name in ("eta", "phi", "mass")}
    return columns | {f"FatJet_{name}": values for name, values in jets.items()}


def write(path: Path, columns: dict[str, Any]) -> Path:
    uproot, awkward = pytest.importorskip("uproot"), pytest.importorskip("awkward")
    arrays = {name: awkward.Array(values) for name, values in columns.items()}
    with uproot.recreate(path) as file:
        file.mktree("Events", {name: array.type.content for name, array in arrays.items()})
        file["Events"].extend(arrays)
    return path


def test_nanoaod_15(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", version_15())
    flow = cms_pfnano.particle_flow(path)
    assert flow.candidates.offset.tolist() == [0, 4, 4, 5]
    assert flow.candidates.charge.tolist() == [1, 0, 1, -1, -1]
    assert flow.puppi.tolist() == [1] * 5, "they are in the momenta"
    np.testing.assert_allclose(pt(flow.candidates.momentum), [10, 20, 5, 2, 7])
    found = cms_pfnano.jets(path, "FatJet")
    assert (found.jet.tolist(), found.candidate.tolist()) == ([0, 0, 1, 2], [1, 0, 3, 4])
    assert found.offset.tolist() == [0, 2, 2, 3]
    for kind, wanted in (
        ("GenJetAK8", "GenFatJetCands_jetIdx"),
        ("Jet", "JetPFCands_jetIdx or JetPFCand_jetIdx"),
    ):
        with pytest.raises(
            InputError, match=f"no links from {kind} to candidates: expected a branch {wanted}"
        ):
            cms_pfnano.jets(path, kind)


def test_files_without_candidates_name_what_was_looked_for(tmp_path: Path) -> None:
    """As NanoAOD 12."""
    columns = {name: values for name, values in version_15().items() if "PFCand" not in name}
    path = write(tmp_path / "a.root", columns)
    with pytest.raises(
        InputError, match=r"no candidates of particle flow: expected a branch PFCands_pt or PFCand_pt"
    ):
        cms_pfnano.particle_flow(path)
    with pytest.raises(InputError, match="no candidates of the generator: expected a branch GenCands_pt"):
        cms_pfnano.generator_particles(path)
    with pytest.raises(InputError, match="no links from FatJet"):
        cms_pfnano.jets(path, "FatJet")


def test_branches_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    columns = version_15() | {"PFCand_eta": [[0.1, 0.2, 0.3], [0.4], [1.0]]}
    with pytest.raises(InputError, match="entry 0: PFCand_eta has another number of objects than the rest"):
        cms_pfnano.particle_flow(write(tmp_path / "a.root", columns))


def test_it_is_listed_and_described() -> None:
    assert cms_pfnano.SUMMARY in datasets.summaries()
    assert "PFCands_puppiWeight" in datasets.describe("cms_pfnano")
