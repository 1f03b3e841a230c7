"""Files of scores: the same from every format, and nothing that is no score."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from femtobarn.data.hdf5 import write_hdf5
from femtobarn.data.scores import read_scores
from femtobarn.errors import InputError

SCORES = {"mass": np.linspace(-1, 1, 9), "tracks": np.arange(9.0)}


def write_csv(path: Path, columns: dict[str, np.ndarray]) -> None:
    table = np.stack([*columns.values()], axis=1)
    np.savetxt(path, table, delimiter=",", header=",".join(columns), comments="")


def write_parquet(path: Path, columns: dict[str, np.ndarray]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path)


WRITERS: dict[str, Callable[[Path, dict[str, np.ndarray]], object]] = {
    ".csv": write_csv,
    ".parquet": write_parquet,
    ".h5": lambda path, columns: write_hdf5(path, columns, {}),
    ".npz": lambda path, columns: np.savez(path, **columns),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_gives_the_same(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"scores{ending}"
    WRITERS[ending](path, SCORES)
    found = read_scores(path)
    assert found.keys() == SCORES.keys()
    for name, scores in SCORES.items():
        assert found[name].dtype == np.float64
        np.testing.assert_array_equal(found[name], scores)
    bad = SCORES["mass"].copy()
    bad[4] = np.nan
    WRITERS[ending](path, SCORES | {"mass": bad})
    with pytest.raises(InputError, match=r"(row 4|line 6): expected finite numbers, got nan in mass"):
        read_scores(path)


def test_scores_without_a_name(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", SCORES["mass"].astype(">f4"))
    np.savetxt(tmp_path / "a.csv", SCORES["tracks"])
    np.testing.assert_allclose(read_scores(tmp_path / "a.npy")["score"], SCORES["mass"], rtol=1e-6)
    np.testing.assert_array_equal(read_scores(tmp_path / "a.csv")["score"], SCORES["tracks"])
    np.savetxt(tmp_path / "b.csv", np.stack([*SCORES.values()], axis=1), delimiter=",")
    assert [*read_scores(tmp_path / "b.csv")] == ["score 1", "score 2"]


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_the_index_of_pandas_is_no_score(name: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", {name: np.arange(9)} | SCORES)
    assert read_scores(tmp_path / "a.csv").keys() == SCORES.keys()


def test_what_is_no_score_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    with pytest.raises(InputError, match=r"got more in array \(2\)"):
        read_scores(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.zeros(0))
    with pytest.raises(InputError, match="scores of at least one event, got none"):
        read_scores(tmp_path / "b.npy")
    with pytest.raises(InputError, match=r"features are read from|no such file"):
        read_scores(tmp_path / "c.txt")
    (tmp_path / "d.csv").write_text("mass,label\n1,top\n")
    with pytest.raises(InputError, match="line 2: label is not a number: 'top'"):
        read_scores(tmp_path / "d.csv")
