"""Interaction tables that let a binary Geant4 run without its 2 GB download.

The wheel of calzone brings Geant4 but not its data. With ``em_model="option1"`` and
``had_model="FTFP_BERT"`` only a few of the data files are read; this module writes stand-ins for them
(15 MB, seconds) from textbook formulas and two packages of element data:

=========================== ==============================================================================
bremsstrahlung, below 1 GeV Koch-Motz/Tsai with screening; Coulomb correction switched on around 50 MeV
photo-electric absorption   xraydb (Elam tables) to 0.8 MeV, then 1/E with a smooth tail; one shell only
neutrons                    Letaw's inelastic cross-section, black disc for elastic scattering, scattering
                            lengths and 1/v capture from periodictable
photo-nuclear               giant dipole resonance (Lorentzian) and quasi-deuteron, to 130 MeV
light ions                  geometrical cross-section above the Coulomb barrier
=========================== ==============================================================================

Good for calorimetry at GeV energies: energies and profiles, not for radioactivity or shielding. Below
1 MeV bremsstrahlung and neutrons are approximate; there is no fluorescence, no Rayleigh scattering, no
gamma line of an excited nucleus. With the official data, set ``GEANT4_DATA_DIR`` to their folder.
"""

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from femtobarn.data.cache import cache_folder, write_whole
from femtobarn.errors import require

_VERSION = 1  # raise it when a table changes: the folder's name carries it, so old tables are not reused

Array = np.ndarray[Any, np.dtype[np.float64]]

_ELECTRON_MASS = 0.51099895  # MeV
_FINE_STRUCTURE = 1 / 137.036
_MM2_PER_BARN = 1e-22
_ALPHA_RE2 = 0.5795  # fine-structure constant times squared classical electron radius, mb
_EM, _HADRONIC = "G4EMLOW8.8", "G4PARTICLEXS4.2"
# Folders that Geant4 11.4 must find, most of them empty.
_FOLDERS = (
    f"{_EM}/brem_SB", f"{_EM}/livermore/phot_epics2014", f"{_EM}/epics2017/phot",
    *(f"{_HADRONIC}/{name}" for name in ("neutron", "gamma", "proton", "deuteron", "triton", "He3", "alpha")),
    "G4ENSDFSTATE3.0", "PhotonEvaporation6.1.2", "RadioactiveDecay6.1.2", "G4SAIDDATA2.0", "G4ABLA3.3",
    "G4INCL1.3", "G4NDL4.7.1", "G4PII1.3", "RealSurface2.2", "G4CHANNELING2.0",
)  # fmt: skip


def data_folder() -> Path:
    """Geant4 data to use: ``GEANT4_DATA_DIR`` if set, else our tables, written once into the cache.

    Raises:
        MissingExtraError: The tables have to be written and xraydb or periodictable is not installed.
    """
    official = os.environ.get("GEANT4_DATA_DIR")
    if official:
        return Path(official)
    folder = cache_folder() / f"geant4-tables-{_VERSION}"
    if not folder.is_dir():
        write_whole(folder, write_tables)
    return folder


def version() -> int:
    """Number of our tables; 0 where ``GEANT4_DATA_DIR`` names other data."""
    return 0 if os.environ.get("GEANT4_DATA_DIR") else _VERSION


def write_tables(folder: Path) -> None:
    """Write the stand-in for the Geant4 data into a new folder."""
    elements = require("periodictable", extra="showers").elements
    photo_absorption = partial(require("xraydb", extra="showers").mu_elam, kind="photo")  # cm2/g of E in eV
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True)
    (folder / "G4ENSDFSTATE3.0" / "ENSDFSTATE.dat").write_text("1 1 0 - -1 1 0\n")
    for Z in range(1, 95):
        element = elements[Z]
        if Z <= 92:
            _write_bremsstrahlung(folder / _EM / "brem_SB" / f"br{Z}", Z)
            _write_photoelectric(folder / _EM, Z, element.mass, partial(photo_absorption, Z))
        hadronic = folder / _HADRONIC
        _write_neutron(hadronic / "neutron", Z, element)
        _write_photonuclear(hadronic / "gamma", Z, element.mass)
        _write_ions(hadronic, Z, element.mass)


def bremsstrahlung(Z: int, T: Float[np.ndarray, " t"], kappa: Float[np.ndarray, " k"]) -> Array:
    """Scaled cross-section beta^2/Z^2 k dsigma/dk in mb, for kinetic energies T (MeV) and kappa = k/T.

    Koch and Motz, Rev. Mod. Phys. 31 (1959) 920, and Tsai, Rev. Mod. Phys. 46 (1974) 815: screened Born
    approximation; (Z + xi)/Z adds the atomic electrons. The Coulomb correction holds at high energy only
    and is switched on smoothly around 50 MeV.
    """
    kappa, T = np.meshgrid(kappa, T)
    total = T + _ELECTRON_MASS
    photon = kappa * T
    after = total - photon
    phi1, phi2 = _screening(136 * Z ** (-1 / 3) * photon * _ELECTRON_MASS / (total * after))
    coulomb = _coulomb_correction(Z)
    f = 4 * coulomb / (1 + np.exp(-np.log(T / 50) / 0.3)) + 4 / 3 * np.log(Z)
    xi = np.log(1440 * Z ** (-2 / 3)) / (np.log(183 * Z ** (-1 / 3)) - coulomb)
    beta2 = T * (T + 2 * _ELECTRON_MASS) / total**2
    spectrum = (1 + (after / total) ** 2) * (phi1 - f) - 2 / 3 * (after / total) * (phi2 - f)
    scaled = beta2 * _ALPHA_RE2 * (Z + xi) / Z * spectrum
    # The formula turns negative at the tip, where the true cross-section stays finite.
    floored: Array = np.maximum(np.maximum(scaled, 0.02 * scaled[:, :1]), 1e-3)
    return floored


def inelastic(A: float, E: Float[np.ndarray, " e"]) -> Array:
    """Inelastic nucleon-nucleus cross-section in barn, E in MeV (Letaw et al., ApJS 51 (1983) 271)."""
    asymptotic = 0.045 * A**0.7 * (1 + 0.016 * np.sin(5.3 - 2.63 * np.log(A)))
    sigma: Array = asymptotic * (1 - 0.62 * np.exp(-E / 200) * np.sin(10.9 * np.maximum(E, 10) ** -0.28))
    return sigma


def _screening(d: Array) -> tuple[Array, Array]:
    """Butcher and Messel's fits to the Thomas-Fermi screening functions."""
    far = 21.12 - 4.184 * np.log(d + 0.952)
    phi1 = np.where(d <= 1, 20.867 - 3.242 * d + 0.625 * d * d, far)
    return phi1, np.where(d <= 1, 20.029 - 1.930 * d - 0.086 * d * d, far)


def _coulomb_correction(Z: int) -> float:
    a = (_FINE_STRUCTURE * Z) ** 2
    return a * (1 / (1 + a) + 0.20206 - 0.0369 * a + 0.0083 * a**2 - 0.002 * a**3)


def _write_bremsstrahlung(path: Path, Z: int) -> None:
    """Text: type and sizes, the kappa, the ln(T / MeV), one row of values per energy."""
    kappa = np.r_[0, 1e-6, 1e-4, 1e-3, 0.01, np.linspace(0.025, 0.95, 38), 0.97, 0.99, 0.995, 1.0]
    T = np.logspace(-3, 4, 71)
    rows = [f"0 {len(kappa)} {len(T)}", _line(kappa, "%.6g"), _line(np.log(T), "%.8g")]
    rows += [_line(row, "%.5g") for row in bremsstrahlung(Z, T, kappa)]
    path.write_text("\n".join(rows) + "\n")


def _write_photoelectric(folder: Path, Z: int, A: float, absorption: Any) -> None:
    """Cross-section times E^3, in barn MeV^3, and a dummy parametrisation that is never reached."""
    low = np.logspace(np.log10(1.1e-4), np.log10(0.8), 400)
    high = np.logspace(np.log10(0.81), 5, 120)
    measured = np.asarray(absorption(low * 1e6)) * A / 0.602214
    ratio = low[-1] / high
    tail = measured[-1] * ratio * np.maximum(1, (1 + 0.5 * ratio) / 1.5)
    E, sigma = np.r_[low, high], np.r_[measured, tail]
    for name in ("livermore/phot_epics2014", "epics2017/phot"):
        _write_vector(folder / name / f"pe-cs-{Z}.dat", E, sigma * E**3)
        for part in ("high", "low"):  # one shell, whose threshold of 1 TeV hands all energies to the table
            (folder / name / f"pe-{part}-{Z}.dat").write_text("1 1 1e6\n1.0e-5 0 0 0 0 0 0\n")


def _write_neutron(folder: Path, Z: int, element: Any) -> None:
    # Geant4 scales its own high-energy model to the last point; at 1e8 MeV that factor does no harm.
    E = np.logspace(-11, 8, 381)
    A = element.mass
    absorption, length = element.neutron.absorption or 1.0, element.neutron.b_c or 6.0  # barn, fm
    if Z == 1:  # protons at rest: no nucleus to break up, pions from 300 MeV on
        lost = np.where(E > 300, 0.028 * np.clip((E - 300) / 700, 0, 1), 0)
        elastic = np.where(E > 100, 0.033, np.maximum(20.4 / (1 + E / 0.8), 0.033))
    else:
        threshold = 0.5 if A > 50 else (1.0 if A > 20 else 4.0)
        lost = inelastic(A, E) * (1 - np.exp(-np.maximum(E - threshold, 0) / 2))
        elastic = _elastic(A, E, lost, length)
    capture = np.minimum(absorption * np.sqrt(2.53e-8 / E), 1e5) * np.where(E > 1, 1 / E, 1)
    for name, sigma in (("inel", lost), ("el", elastic), ("cap", capture)):
        _write_vector(folder / f"{name}{Z}", E, sigma * _MM2_PER_BARN)


def _elastic(A: float, E: Array, lost: Array, length: float) -> Array:
    """Potential scattering below 0.1 MeV, a black disc above, a fixed ratio to inelastic beyond 60 MeV."""
    radius = 0.135 * A ** (1 / 3)  # in sqrt(barn)
    wave = np.minimum(0.455 / np.sqrt(np.maximum(E, 0.05)), 0.5)
    total = 2 * np.pi * (radius + wave) ** 2
    potential = 4 * np.pi * (length / 10) ** 2 * (A / (A + 1)) ** 2
    low = np.where(E < 0.1, potential, np.maximum(total - lost, 0.2 * total))
    weight = 1 / (1 + (E / 60) ** 2)
    mixed: Array = low * weight + lost * 0.167 * A ** (1 / 3) * (1 - weight)
    return mixed


def _write_photonuclear(folder: Path, Z: int, A: float) -> None:
    # Linear in energy: Geant4 reads a logarithmic table wrongly and then throws energy away.
    E = np.linspace(1, 130, 1291)
    sigma = np.full_like(E, 1e-9)
    if Z > 1:
        peak, width, dipole = 31.2 * A ** (-1 / 3) + 20.6 * A ** (-1 / 6), 5.0, Z * (A - Z) / A
        resonance = (E * width) ** 2 / ((E**2 - peak**2) ** 2 + (E * width) ** 2)
        sigma += np.where(E > 7, 2 / np.pi * 0.06 * dipole / width * resonance, 0)
        sigma += np.where(E > 10, 6.5e-5 * dipole * np.exp(-60 / E), 0)
    _write_vector(folder / f"inel{Z}", E, sigma * _MM2_PER_BARN)


def _write_ions(folder: Path, Z: int, A: float) -> None:
    E = np.logspace(-2.95, 8, 220)
    ions = (("proton", 1, 1), ("deuteron", 1, 2), ("triton", 1, 3), ("He3", 2, 3), ("alpha", 2, 4))
    for name, charge, mass in ions:
        barrier = 1.44 * charge * Z / (1.4 * (A ** (1 / 3) + 1.2))
        disc = 1.2 * np.pi * 0.0135 * (A ** (1 / 3) + mass ** (1 / 3)) ** 2
        sigma = disc * np.clip(1 - barrier / E, 0, 1)
        _write_vector(folder / name / f"inel{Z}", E, sigma * _MM2_PER_BARN)


def _write_vector(path: Path, x: Array, y: Array) -> None:
    """Geant4's text form of a table: first and last x and the length, the length again, the points."""
    rows = [f"{x[0]:.8g} {x[-1]:.8g} {len(x)}", f"{len(x)}"]
    rows += [f"{a:.8g} {b:.6g}" for a, b in zip(x, y, strict=True)]
    path.write_text("\n".join(rows) + "\n")


def _line(values: Array, style: str) -> str:
    return " ".join(style % value for value in values)
