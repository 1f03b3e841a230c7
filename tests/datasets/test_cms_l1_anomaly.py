"""Level-1 objects of CMS: both published layouts, units, what is refused, and the stand-in."""

from pathlib import Path

import numpy as np
import pytest

import level1_files
from femtobarn.datasets import cms_l1_anomaly
from femtobarn.errors import InputError

pytest.importorskip("pyarrow")


def test_both_layouts_give_the_same_events(tmp_path: Path) -> None:
    first, second = level1_files.events(20, 1), level1_files.events(11, 2)
    (tmp_path / "hub").mkdir()
    for index, table in enumerate((first, second)):
        level1_files.side_by_side(
            tmp_path / "hub" / f"train-0000{index}-of-00002.parquet",
            table,
            L1bit=[True] * len(table["ET"]["Et"]),
        )
        level1_files.folders(tmp_path / "zenodo", table, name=f"L1Ntuple_{index}")
    hub = cms_l1_anomaly.open_events(tmp_path / "hub")
    zenodo = cms_l1_anomaly.open_events(tmp_path / "zenodo")
    assert len(hub) == len(zenodo) == 31
    assert hub.columns == ("objects", "mask", "saturated", "accepted")
    for name in zenodo.columns:
        whole = zenodo.read([name], 0, 31)[name]
        np.testing.assert_array_equal(hub.read([name], 0, 31)[name], whole)
        pieces = [hub.read([name], start, start + 9)[name] for start in (0, 9, 18, 27)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert hub.read(["accepted"], 0, 31)["accepted"].all()


def test_codes_become_gev_and_radians_hardest_first(tmp_path: Path) -> None:
    """By the published steps; a muon's code 1 is 0 GeV, and muons come in no order."""
    table = level1_files.events(1)
    table["muons"] = {
        "muonIEt": [[11, 41]], "muonIEtaAtVtx": [[0, -80]], "muonIPhiAtVtx": [[0, 432]], "muonQual": [[12, 12]],
    }  # fmt: skip
    table["jets"] = {
        "jetIEt": [[200, 100]],
        "jetIEta": [[46, 0]],
        "jetIPhi": [[36, 0]],
        "jetHwQual": [[0, 0]],
    }
    table["egammas"] = {name: [[]] for name in ("egIEt", "egIEta", "egIPhi", "egIso")}
    table["MET"] = {"Et": [[60]], "phi": [[108]]}
    table["ET"] = {"Et": [[4095]], "ETTEM": [[1]]}
    # An empty list needs a type.
    import pyarrow

    empty = pyarrow.array([[]], pyarrow.list_(pyarrow.int64()))
    table["egammas"] = dict.fromkeys(table["egammas"], empty)
    path = tmp_path / "x.parquet"
    level1_files.side_by_side(path, table)
    found = cms_l1_anomaly.open_events(path).read(["objects", "mask", "saturated"], 0, 1)
    objects = found["objects"][0]
    np.testing.assert_allclose(objects[0], (30, 0, -np.pi / 2), rtol=1e-6)
    np.testing.assert_allclose(objects[5], (20, -80 * 0.0870 / 8, -np.pi / 2), rtol=1e-6)
    np.testing.assert_allclose(objects[6], (5, 0, 0), rtol=1e-6)
    np.testing.assert_allclose(objects[9], (100, 46 * 0.0870 / 2, np.pi / 2), rtol=1e-6)
    assert (
        found["mask"][0].tolist()
        == [True] + 4 * [False] + [True] * 2 + [False] * 2 + [True] * 2 + [False] * 8
    )
    assert found["saturated"].all()


def test_a_wrong_file_is_refused(tmp_path: Path) -> None:
    table = level1_files.events(5)
    level1_files.side_by_side(tmp_path / "short.parquet", {k: v for k, v in table.items() if k != "MET"})
    with pytest.raises(InputError, match=r"short\.parquet.*MET_Et"):
        cms_l1_anomaly.open_events(tmp_path / "short.parquet")
    table["jets"]["jetIEta"][2].append(3)
    level1_files.side_by_side(tmp_path / "uneven.parquet", table)
    with pytest.raises(InputError, match=r"uneven\.parquet: expected lists of equal length"):
        cms_l1_anomaly.open_events(tmp_path / "uneven.parquet").read(["objects"], 0, 5)
    level1_files.folders(tmp_path / "zenodo", level1_files.events(5))
    level1_files.folders(tmp_path / "zenodo", {"jets": level1_files.events(4)["jets"]})
    with pytest.raises(InputError, match="equally many events"):
        cms_l1_anomaly.open_events(tmp_path / "zenodo")


def test_the_stand_in_has_steps_and_depends_on_nothing_but_its_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pythia8mc")
    pytest.importorskip("fastjet")
    made = cms_l1_anomaly.stand_in("top pairs", 12, seed=2, pileup=(2.0, 4.0), workers=1)
    objects = made.read(["objects"], 0, 12)["objects"]
    assert objects.shape == (12, 19, 3)
    assert not (objects[..., 0] * 2 % 1).any(), "half a GeV is a step"
    assert (objects[:, 9, 0] > 20).mean() > 0.8, "top pairs have a hard jet"
    assert not objects[objects[..., 0] == 0].any(), "zeros where there is no object"
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path))
    fresh = cms_l1_anomaly.stand_in("top pairs", 12, seed=2, pileup=(2.0, 4.0), workers=1)
    np.testing.assert_array_equal(fresh.read(["objects"], 0, 12)["objects"], objects)
    with pytest.raises(InputError, match="samples are zero bias"):
        cms_l1_anomaly.stand_in("bias", 12, seed=2)
