"""The stand-in for Geant4's data: what is written, where, and that it is written whole."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from femtobarn.simulate.geant4 import tables

pytest.importorskip("xraydb", reason="element data come with the extra showers")
pytest.importorskip("periodictable", reason="element data come with the extra showers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("geant4") / "tables"
    tables.write_tables(folder)
    return folder


def vector(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A table as Geant4 reads it, its header checked against its points."""
    first, last, n = path.read_text().split("\n", 1)[0].split()
    x, y = np.loadtxt(path, skiprows=2).T
    assert (float(first), float(last), int(n)) == (x[0], x[-1], len(x))
    assert np.all(np.diff(x) > 0)
    assert np.all(y >= 0)
    return x, y


@pytest.mark.parametrize("Z", [1, 14, 29, 74, 82, 92])
def test_every_table_is_a_function_of_energy(folder: Path, Z: int) -> None:
    for path in folder.rglob(f"*-cs-{Z}.dat"):
        vector(path)
    found = [*folder.glob(f"G4PARTICLEXS4.2/*/*[a-z]{Z}")]
    assert len(found) == 3 + 1 + 5  # neutron inelastic, elastic, capture; photon; five ions
    for path in found:
        vector(path)


def test_photo_nuclear_tables_are_linear_in_energy_and_peak_at_the_giant_resonance(folder: Path) -> None:
    E, sigma = vector(folder / "G4PARTICLEXS4.2/gamma/inel82")
    np.testing.assert_allclose(np.diff(E), E[1] - E[0], rtol=1e-4)
    assert E[-1] == 130
    assert 12 < E[sigma.argmax()] < 15  # lead: 13.5 MeV
    dipole_sum = 0.06 * 82 * 125.2 / 207.2  # Thomas-Reiche-Kuhn, barn MeV
    assert np.trapezoid(sigma[E < 30], E[E < 30]) / 1e-22 == pytest.approx(dipole_sum, rel=0.2)


def test_photo_absorption_of_lead_has_its_k_edge(folder: Path) -> None:
    E, scaled = vector(folder / "G4EMLOW8.8/livermore/phot_epics2014/pe-cs-82.dat")
    sigma = np.interp([0.086, 0.0905], E, scaled / E**3)  # barn, either side of the K edge at 88.0 keV
    assert 3 < sigma[1] / sigma[0] < 6


def test_bremsstrahlung_gives_the_radiation_length_of_tungsten() -> None:
    """1/X0 = n/E times the integral of k dsigma/dk; the PDG has 6.76 g/cm2."""
    kappa = np.linspace(1e-4, 1, 4000)
    scaled = tables.bremsstrahlung(74, np.array([10_000.0]), kappa)[0]  # beta^2/Z^2 k dsigma/dk, mb
    lost = np.trapezoid(scaled, kappa) * 74**2 * 1e-27
    assert 183.84 / 6.022e23 / lost == pytest.approx(6.76, rel=0.05)


def test_inelastic_cross_section_of_iron_is_that_measured() -> None:
    assert tables.inelastic(55.85, np.array([1000.0]))[0] == pytest.approx(0.775, rel=0.05)  # barn


def test_official_data_are_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GEANT4_DATA_DIR", str(tmp_path))
    assert tables.data_folder() == tmp_path
    assert tables.version() == 0, "results are kept apart from those with our tables"
    monkeypatch.delenv("GEANT4_DATA_DIR")
    assert tables.version() > 0


def test_two_processes_that_start_at_once_leave_one_whole_folder(tmp_path: Path) -> None:
    script = "from femtobarn.simulate.geant4.tables import data_folder; print(data_folder())"
    environment = {"FEMTOBARN_CACHE": str(tmp_path), "PATH": ""}
    both = [
        subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    folders = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    (folder,) = map(Path, folders)
    assert list(tmp_path.iterdir()) == [folder], "no scratch folder is left"
    assert len([*(folder / "G4EMLOW8.8/brem_SB").iterdir()]) == 92
    assert (folder / "G4PARTICLEXS4.2/alpha/inel94").exists()  # the last file to be written
