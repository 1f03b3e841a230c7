"""Files exactly as published, and what can be wrong with them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from femtobarn import datasets
from femtobarn.data.hdf5 import write_hdf5
from femtobarn.data.source import Source, stream
from femtobarn.datasets import hgcal
from femtobarn.errors import InputError
from femtobarn.physics.wafer import image_8x8
from femtobarn.simulate.toy_wafers import toy_wafers

N = 60
#: Columns of the published files with a header, in their order.
HEADER = [
    "entry", *(f"CALQ_{i}" for i in range(48)), "SimEnergyTotal", "EventSimEnergy", "SimEnergyFraction",
    "subdet", "layer", "waferu", "waferv", "HD_LD", "ModType",
]  # fmt: skip
TREE = "FloatingpointThreshold0DummyHistomaxDummynTuple/HGCalTriggerNtuple"


@pytest.fixture
def charge() -> np.ndarray:
    charge = toy_wafers(N, generator=np.random.default_rng(1))["charge"]
    charge[[7, 30, 31]] = 0
    return charge


@pytest.fixture
def filled(charge: np.ndarray) -> np.ndarray:
    return charge[charge.any(axis=1)]


def eta_phi(n: int = N) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(2)
    return generator.uniform(1.6, 2.9, n), generator.uniform(-3, 3, n)


def headerless(charge: np.ndarray) -> list[str]:
    """Lines of a shuffled file: charges in fields 0-47, seven others, tc_eta and tc_phi in 55 and 56."""
    eta, phi = eta_phi(len(charge))
    return [
        ",".join([*(f"{q:.1f}" for q in row), "12", "1", "9", "3", "-4", "0.25", "1", repr(a), repr(b)])
        for row, a, b in zip(charge, eta.tolist(), phi.tolist(), strict=True)
    ]


def with_header(charge: np.ndarray) -> list[str]:
    lines = [",".join(HEADER)]
    for i, row in enumerate(charge):
        lines.append(
            ",".join(
                [str(i), *(f"{q:.0f}" for q in row), "3.5", "70.0", "0.05", "1", "9", "3", "-4", "LD", "FI"]
            )
        )
    return lines


def write(path: Path, lines: list[str], end: str = "\n") -> Path:
    path.write_text("\n".join(lines) + end)
    return path


def ntuple(path: Path, charge: np.ndarray, *, without_first: bool = False) -> Path:
    """Wafers in events of 1, 2, 3, ... as the ntuples have them: 64 branches, index 8 u + v."""
    awkward = pytest.importorskip("awkward")
    counts: list[int] = []
    while sum(counts) < len(charge):
        counts.append(min(len(counts) + 1, len(charge) - sum(counts)))
    image = np.zeros((len(charge), 64), np.uint32)
    index = image_8x8().ravel()
    image[:, index >= 0] = charge[:, index[index >= 0]]
    eta, phi = eta_phi(len(charge))
    total = np.maximum(charge.sum(axis=1), 1)
    columns = {"eta": eta, "phi": phi, "layer": np.full(len(charge), 9), "waferu": np.arange(len(charge)) % 5}
    columns |= {
        "waferv": -np.arange(len(charge)) % 7,
        "wafertype": np.arange(len(charge)) % 3,
        "simenergy": eta * 2,
    }
    columns |= {f"CALQ{i}": image[:, i] for i in range(without_first, 64)}
    columns |= {
        f"AEin{i}": (image[:, i] / 2 ** np.floor(np.log2(total))).astype(np.float32) for i in range(64)
    }
    jagged = {f"wafer_{name}": awkward.unflatten(values, counts) for name, values in columns.items()}
    return tree(path, jagged | {"event": np.arange(len(counts))})


def tree(path: Path, columns: dict[str, Any]) -> Path:
    """A ROOT file with one tree, as CMS writes them."""
    awkward, uproot = pytest.importorskip("awkward"), pytest.importorskip("uproot")
    arrays = {name: awkward.Array(values) for name, values in columns.items()}
    with uproot.recreate(path) as file:
        file.mktree(TREE, {name: array.type.content for name, array in arrays.items()})
        file[TREE].extend(arrays)
    return path


def everything(source: Source, *names: str) -> dict[str, np.ndarray]:
    return source.read(names, 0, len(source))


def test_csv_without_header_loses_no_row(tmp_path: Path, charge: np.ndarray, filled: np.ndarray) -> None:
    source = hgcal.open_wafers(write(tmp_path / "a.csv", headerless(charge)))
    assert isinstance(source, Source)
    assert (len(source), source.empty) == (N - 3, 3)
    found = everything(source, "charge", "eta", "phi")
    np.testing.assert_array_equal(found["charge"], filled)
    assert found["charge"].dtype == np.float32
    np.testing.assert_allclose(found["eta"], eta_phi()[0][charge.any(axis=1)], rtol=1e-6)
    np.testing.assert_allclose(found["phi"], eta_phi()[1][charge.any(axis=1)], rtol=1e-6)


def test_csv_with_header(tmp_path: Path, charge: np.ndarray, filled: np.ndarray) -> None:
    source = hgcal.open_wafers(write(tmp_path / "a.csv", with_header(charge)))
    found = everything(source, *source.columns)
    np.testing.assert_array_equal(found["charge"], filled)
    np.testing.assert_array_equal(found["event"], np.flatnonzero(charge.any(axis=1)))
    np.testing.assert_allclose(found["sim_fraction"], 0.05)
    assert set(found["module"]) == {"FI"}
    assert set(found["layer"]) == {9}
    assert found["layer"].dtype == found["event"].dtype == np.int64
    assert "eta" not in source.columns


def test_a_folder_is_read_in_order_of_names(tmp_path: Path, charge: np.ndarray, filled: np.ndarray) -> None:
    write(tmp_path / "b_2.csv", headerless(charge[40:]))
    write(tmp_path / "b_1.csv", headerless(charge[:40]))
    (tmp_path / "readme.txt").write_text("wafers")
    source = hgcal.open_wafers(tmp_path)
    np.testing.assert_array_equal(everything(source, "charge")["charge"], filled)
    np.testing.assert_array_equal(source.read(("charge",), 35, 45)["charge"], filled[35:45])
    assert [Path(path).name for path in hgcal.checksums(tmp_path)] == ["b_1.csv", "b_2.csv"]


@pytest.mark.parametrize("without_first", [False, True])
def test_root_ntuples(tmp_path: Path, charge: np.ndarray, filled: np.ndarray, without_first: bool) -> None:
    source = hgcal.open_wafers(ntuple(tmp_path / "a.root", charge, without_first=without_first))
    assert source.empty >= 3
    found = everything(source, "charge", "eta", "u", "type", "layer", "event", "sim_energy")
    np.testing.assert_array_equal(found["charge"], filled)
    keep = charge.any(axis=1)
    np.testing.assert_allclose(found["eta"], eta_phi()[0][keep], rtol=1e-6)
    np.testing.assert_array_equal(found["u"], (np.arange(N) % 5)[keep])
    event = np.repeat(np.arange(20), np.arange(1, 21))[:N]
    np.testing.assert_array_equal(found["event"], event[keep])
    for start in range(0, 57, 9):
        np.testing.assert_array_equal(
            source.read(("charge",), start, start + 13)["charge"], filled[start : start + 13]
        )
        np.testing.assert_array_equal(
            source.read(("event",), start, start + 13)["event"], event[keep][start : start + 13]
        )


def test_scintillator_modules_are_no_wafers(tmp_path: Path) -> None:
    names = [*(f"wafer_CALQ{i}" for i in range(64)), "wafer_layer"]
    source = hgcal.open_wafers(tree(tmp_path / "a.root", {name: [[5, -999, 7]] for name in names}))
    assert (len(source), source.empty) == (2, 1)
    np.testing.assert_array_equal(source.read(("charge",), 0, 2)["charge"][:, 0], [5, 7])


def test_own_hdf5_keeps_every_column(tmp_path: Path, charge: np.ndarray) -> None:
    arrays = {
        "charge": charge,
        "eta": eta_phi()[0].astype(np.float32),
        "layer": np.arange(N),
        "shower": np.arange(N) // 4,
    }
    hgcal.write_wafers(tmp_path / "a.h5", arrays)
    source = hgcal.open_wafers(tmp_path / "a.h5")
    assert set(source.columns) == set(arrays)
    found = everything(source, *arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array[charge.any(axis=1)])


@pytest.mark.parametrize("rows", [1, 10, 1000])
def test_any_piece_is_a_piece_of_the_whole(
    tmp_path: Path, charge: np.ndarray, filled: np.ndarray, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hgcal, "_ROWS", 8)
    source = hgcal.open_wafers(write(tmp_path / "a.csv", headerless(charge)))
    pieces = [piece["charge"] for piece in stream(source, ("charge",), rows=rows)]
    np.testing.assert_array_equal(np.concatenate(pieces), filled)
    assert source.read(("charge",), 5, 5)["charge"].shape == (0, 48)
    assert source.read(("charge",), 50, 5000)["charge"].shape == (7, 48)


def changed(lines: list[str], line: int, field: int, text: str) -> list[str]:
    fields = lines[line].split(",")
    fields[field] = text
    return [*lines[:line], ",".join(fields), *lines[line + 1 :]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-3", "line 5: charge of cell 17 is -3, expected 0 or more"),
        ("nan", "line 5: charge of cell 17 is nan, expected 0 or more"),
        ("inf", "line 5: charge of cell 17 is inf, expected 0 or more"),
        ("", "line 5: CALQ_17 is not a number: ''"),
        ("12;5", "line 5: CALQ_17 is not a number: '12;5'"),
    ],
)
def test_a_bad_charge_is_told_with_its_line(
    tmp_path: Path, charge: np.ndarray, text: str, message: str
) -> None:
    path = write(tmp_path / "a.csv", changed(headerless(charge), 4, 17, text))
    with pytest.raises(InputError) as error:
        hgcal.open_wafers(path)
    assert str(error.value) == f"{path}, {message}"
    # In the second file of a folder, with a header.
    path.unlink()
    write(tmp_path / "1.csv", with_header(charge))
    path = write(tmp_path / "2.csv", changed(with_header(charge), 4, 18, text))
    with pytest.raises(InputError) as error:
        hgcal.open_wafers(tmp_path)
    assert str(error.value) == f"{path}, {message}"


def test_files_that_do_not_fit_are_told_in_one_line(tmp_path: Path, charge: np.ndarray) -> None:
    path = tmp_path / "a.csv"

    def says(message: str, what: Path = path) -> None:
        with pytest.raises(InputError, match=message) as error:
            hgcal.open_wafers(what)
        assert "\n" not in str(error.value)

    lines = headerless(charge)
    write(path, [line.split(",", 20)[-1] for line in lines])
    says("line 1: no column 'CALQ_37'; did you mean")
    write(path, [line.replace("CALQ_5,", "calq5,") for line in with_header(charge)])
    says("no column 'CALQ_5'")
    write(path, [*lines[:-1], lines[-1][:70]], end="")
    says(r"line 60: \d+ fields, expected 57; is the file cut short\?")
    write(path, [",".join(["0"] * 57)] * 4)
    says("no wafer with any charge, 4 empty ones")
    write(path, [])
    path.write_text("")
    says("no rows")
    write(path, with_header(charge)[:1])
    says("no rows")
    says("no such file", tmp_path / "none.csv")
    (tmp_path / "a.parquet").touch()
    says("expected a file that ends in .csv", tmp_path / "a.parquet")
    (tmp_path / "empty").mkdir()
    says("holds no file", tmp_path / "empty")
    (tmp_path / "b.root").touch()
    says("several kinds", tmp_path)


def test_broken_root_files_are_told_in_one_line(
    tmp_path: Path, charge: np.ndarray, filled: np.ndarray
) -> None:
    path = ntuple(tmp_path / "a.root", charge)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 95 // 100])  # the last bytes are a list of free places
    np.testing.assert_array_equal(everything(hgcal.open_wafers(path), "charge")["charge"], filled)
    for size in (0, 50, len(whole) // 10, len(whole) // 2, len(whole) * 8 // 10):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="not a readable ROOT file") as error:
            everything(hgcal.open_wafers(path), "charge")
        assert "\n" not in str(error.value)
    with pytest.importorskip("uproot").recreate(path) as file:
        file["other"] = {"wafer_layer": np.zeros(3)}
    with pytest.raises(InputError, match="expected one tree HGCalTriggerNtuple, found none"):
        hgcal.open_wafers(path)
    tree(path, {"wafer_layer": [9, 9], "wafer_CALQ0": [1, 2]})
    with pytest.raises(InputError, match="no column 'CALQ"):
        hgcal.open_wafers(path)


def test_hdf5_with_other_wafers_is_refused(tmp_path: Path, charge: np.ndarray) -> None:
    import h5py

    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["charge"] = charge[:, :47]
    with pytest.raises(
        InputError, match=r"expected 48 trigger cells a wafer, got charges of shape \(60, 47\)"
    ):
        hgcal.open_wafers(path)
    with h5py.File(path, "w") as file:
        file["energy"] = charge
    with pytest.raises(InputError, match="no column 'charge'"):
        hgcal.open_wafers(path)
    with h5py.File(path, "w") as file:
        file["charge"] = charge[:0]
    with pytest.raises(InputError, match="no wafer with any charge"):
        hgcal.open_wafers(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"charge": np.zeros((3, 47))}, "48 trigger cells"),
        ({"charge": -np.ones((3, 48))}, "row 0: charge of cell 0 is -1"),
        ({"eta": np.zeros(3)}, "without a column 'charge'"),
        ({"charge": np.ones((3, 48)), "eat": np.zeros(3)}, "no column 'eat'; did you mean eta"),
        ({"charge": np.ones((3, 48)), "eta": np.zeros(4)}, "charge 3, eta 4"),
    ],
)
def test_what_is_not_wafers_is_not_written(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        hgcal.write_wafers(tmp_path / "a.h5", arrays)
    assert not list(tmp_path.iterdir())


def test_published_split_keeps_the_first_fifth_for_validation() -> None:
    train, validation = hgcal.published_split(101)
    np.testing.assert_array_equal(validation, np.arange(20))
    np.testing.assert_array_equal(train, np.arange(20, 101))


def test_description_has_every_column_and_its_unit() -> None:
    text = datasets.describe("hgcal")
    for name, unit, *_ in hgcal.COLUMNS:
        (line,) = [line for line in text.splitlines() if line.split()[:1] == [name]]
        assert unit in line
    assert hgcal.TTBAR in text
    assert any(line.startswith("hgcal ") for line in datasets.summaries().splitlines())
    with pytest.raises(InputError, match="did you mean hgcal"):
        datasets.describe("hgcl")


_MILLION = """
import resource, sys
from femtobarn.datasets import hgcal
source = hgcal.open_wafers(sys.argv[1])
wafers = source.read(("charge", "eta", "phi"), 0, len(source))
print(len(wafers["charge"]), source.empty, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_million_rows_fit_into_memory(tmp_path: Path, charge: np.ndarray) -> None:
    block = "\n".join(headerless(charge)) + "\n"
    with (tmp_path / "a.csv").open("w") as file:
        for _ in range(1_000_000 // N + 1):
            file.write(block)
    command = [sys.executable, "-c", _MILLION, str(tmp_path / "a.csv")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows, empty, kilobytes = map(int, said.split())
    assert rows + empty == (1_000_000 // N + 1) * N
    assert kilobytes < 1.5e6


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("eta", np.nan, "eta is nan, expected a finite number, of at most 10"),
        ("eta", 1e300, r"eta is 1e\+300, expected a finite number, of at most 10"),
        ("phi", np.inf, "phi is inf"),
        ("layer", 3.5, "layer is 3.5, expected a whole number"),
        ("layer", np.nan, "layer is nan"),
    ],
)
@pytest.mark.parametrize("ending", [".csv", ".root", ".h5"])
def test_numbers_beside_the_charges_are_checked(
    tmp_path: Path, ending: str, column: str, value: float, message: str
) -> None:
    rows, charge = 6, np.random.default_rng(1).integers(1, 100, (6, 64)).astype(float)
    beside = {"eta": np.full(rows, 2.0), "phi": np.zeros(rows), "layer": np.full(rows, 9.0)}
    path = tmp_path / f"a{ending}"

    def write() -> None:
        if ending == ".csv":
            names = {"eta": "tc_eta", "phi": "tc_phi", "layer": "layer"}
            header = ",".join([f"CALQ_{i}" for i in range(48)] + [names[name] for name in beside])
            table = np.column_stack((charge[:, :48], *beside.values()))
            np.savetxt(path, table, delimiter=",", header=header, comments="")
        elif ending == ".h5":
            write_hdf5(path, {"charge": charge[:, :48], **beside}, {})
        else:
            uproot = pytest.importorskip("uproot")
            columns = {f"CALQ{i}": charge[:, i] for i in range(64)} | beside
            with uproot.recreate(path) as file:
                tree = {f"wafer_{name}": values for name, values in columns.items()}
                file.mktree("HGCalTriggerNtuple", {name: values.dtype for name, values in tree.items()})
                file["HGCalTriggerNtuple"].extend(tree)

    write()
    found = hgcal.open_wafers(path)
    np.testing.assert_array_equal(found.read(("layer",), 0, rows)["layer"], np.full(rows, 9))
    beside[column][3] = value
    write()
    with pytest.raises(InputError, match=rf"(row 3|line 5|entry 3): {message}"):
        hgcal.open_wafers(path).read(("charge", column), 0, rows)


def test_an_index_before_the_charges_is_refused(tmp_path: Path) -> None:
    charge = np.random.default_rng(1).integers(0, 9, (20, 48))
    for first in (0, 1):
        table = np.column_stack((np.arange(20) + first, charge))
        np.savetxt(tmp_path / "a.csv", table, fmt="%d", delimiter=",")
        with pytest.raises(InputError, match="charges of cell 0 count the rows: is it an index of pandas"):
            hgcal.open_wafers(tmp_path / "a.csv")


def test_a_header_of_numbers_is_no_wafer(tmp_path: Path) -> None:
    charge = np.random.default_rng(1).integers(1, 9, (20, 48))
    header = ",".join(map(str, range(48)))
    np.savetxt(tmp_path / "a.csv", charge, fmt="%d", delimiter=",", header=header, comments="")
    source = hgcal.open_wafers(tmp_path / "a.csv")
    np.testing.assert_array_equal(source.read(("charge",), 0, 99)["charge"], charge)
