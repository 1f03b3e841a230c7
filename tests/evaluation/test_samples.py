"""Files that are compared: told apart, each there once, and not real unless they say so."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.datasets.calochallenge import write_showers
from femtobarn.errors import InputError
from femtobarn.evaluation.jet_scores import Scoring
from femtobarn.evaluation.jets import JetEvaluation, evaluate_jets
from femtobarn.evaluation.results import NULL
from femtobarn.evaluation.samples import is_stand_in, sample_names
from femtobarn.evaluation.shower_summary import ShowerFiles
from femtobarn.evaluation.showers import ShowerEvaluation, _kind

Files = dict[str, Path]
QUICK = JetEvaluation(
    scoring=Scoring(jets=200, wasserstein=False, manifolds=False, matching=False), workers=1
)


def test_names_tell_samples_apart(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "jets.h5").write_text(folder)
    (tmp_path / NULL).write_text("")
    one, two = tmp_path / "one" / "jets.h5", tmp_path / "two" / "jets.h5"
    assert sample_names([one], reference="real") == ["jets"]
    cases = [
        ([one, two], "real"),
        ([one], "jets"),
        ([one, tmp_path / NULL], "real"),
        ([Path("jets")], "jets"),
    ]
    for files, reference in cases:
        names = sample_names(files, reference=reference)
        assert len({*names, reference, NULL}) == len(files) + 2
    (tmp_path / "link.h5").symlink_to(one)
    for again in (one, tmp_path / "link.h5"):
        with pytest.raises(InputError, match="given twice"):
            sample_names([one, again], reference="real")


@pytest.mark.usefixtures("numbers_alone")
def test_jets_beside_themselves_count_once(jet_files: Files, tmp_path: Path) -> None:
    """The reference may be judged as a sample; its jets must not be summed up twice."""
    copy = shutil.copy(jet_files["real"], tmp_path / "copy.hdf5")
    runs = [
        evaluate_jets(jet_files["real"], [Path(path)], settings=QUICK, out=tmp_path / "runs", progress=False)
        for path in (jet_files["real"], copy)
    ]
    same, copied = (run.results() for run in runs)
    assert [result.n for result in same] == [result.n for result in copied]
    np.testing.assert_allclose(
        [result.value for result in same], [result.value for result in copied], atol=1e-9
    )
    errors = [[result.error or 0.0 for result in results] for results in (same, copied)]
    np.testing.assert_allclose(*errors, rtol=1e-6)
    with pytest.raises(InputError, match="given twice"):
        evaluate_jets(
            jet_files["real"], [Path(copy), Path(copy)], settings=QUICK, out=tmp_path / "runs", progress=False
        )


def test_only_other_programs_may_leave_it_unsaid(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    sample = np.full(3, 2.0**12), np.ones((3, 368))
    for kind, stand_in in ((None, True), ("stand-in", True), ("generated", True), ("real", False)):
        write_showers(path, *sample, kind=kind)  # type: ignore[arg-type]
        assert is_stand_in([path]) is stand_in
        files = ShowerFiles("a", (path,), "1-photons")
        assert _kind(files, ShowerEvaluation()) == ("stand-in" if stand_in else "own")
        assert _kind(files, ShowerEvaluation(real="own")) == "own", "the user knows better"
        if kind in ("stand-in", "generated"):
            with pytest.raises(InputError, match="no published sample"):
                _kind(files, ShowerEvaluation(real="challenge"))
    with h5py.File(path, "w") as file:
        file["incident_energies"], file["showers"] = sample
    assert not is_stand_in([path])


@pytest.mark.usefixtures("numbers_alone")
@pytest.mark.parametrize(("real", "kind"), [(None, "stand-in"), ("own", "real")])
def test_jets_of_our_writer_are_no_real_ones_unless_told(
    jet_files: Files, tmp_path: Path, real: str | None, kind: str
) -> None:
    settings = JetEvaluation(scoring=QUICK.scoring, workers=1, real=real)  # type: ignore[arg-type]
    run = evaluate_jets(
        jet_files["real"], [jet_files["good"]], settings=settings, out=tmp_path, progress=False
    )
    assert run.data is not None
    assert run.data.kind == kind
    assert {result.data for result in run.results()} == {kind}
