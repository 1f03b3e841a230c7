"""Jets recoiling against a Z before and after Delphes' CMS card: the samples of OmniFold (arXiv:1911.09107).

Files ``{Herwig,Pythia21,Pythia25,Pythia26}_Zjet_pTZ-200GeV_{0..16}.npz``. In each event the hardest generated and the
hardest simulated jet stand side by side; nothing says that they are the same jet: compare their axes first.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from femtobarn.data.npy import NumpyFile
from femtobarn.data.source import InMemory
from femtobarn.errors import InputError

NAME = "zjets_delphes"
SUMMARY = "Z + jets before and after Delphes, four generators (OmniFold)"
RECORD = "Zenodo 10.5281/zenodo.3548091"
#: Code of a particle's kind in the files, times ten, and the PDG code and mass (GeV) that it stands for.
KINDS = {
    0: (22, 0.0), 1: (211, 0.13957), 2: (-211, 0.13957), 3: (130, 0.49761), 4: (11, 0.000511), 5: (-11, 0.000511),
    6: (13, 0.10566), 7: (-13, 0.10566), 8: (321, 0.49368), 9: (-321, 0.49368), 10: (2212, 0.93827),
    11: (-2212, 0.93827), 12: (2112, 0.93957), 13: (-2112, 0.93957),
}  # fmt: skip
#: Our name, unit, what it is, where it comes from.
COLUMNS = (
    (
        "generated",
        "GeV",
        "px, py, pz of the particles of the hardest generated jet",
        "gen_jets, gen_particles",
    ),
    ("reconstructed", "GeV", "the same of the hardest jet in Delphes", "sim_jets, sim_particles"),
    ("generated_pdg", "", "their PDG codes, 0 for padding", "gen_particles"),
    ("reconstructed_pdg", "", "the same; cells are photons and K0L", "sim_particles"),
    ("generated_jet", "GeV, rad", "pT, rapidity, phi, mass", "gen_jets"),
    ("reconstructed_jet", "GeV, rad", "pT, rapidity, phi, mass", "sim_jets"),
)
_UNIT = 100.0  # GeV, of the momenta of particles
_SIDES: dict[str, Literal["gen", "sim"]] = {"generated": "gen", "reconstructed": "sim"}


def open_pairs(path: str | Path) -> InMemory:
    """The jets of one file; the columns of the simulated ones are missing where the file has none.

    Raises:
        InputError: The file cannot be read, lacks an array, or holds what is no jet.
    """
    source = NumpyFile(Path(path))
    columns: dict[str, np.ndarray] = {}
    for name, side in _SIDES.items():
        wanted = [f"{side}_jets", f"{side}_particles"]
        if side == "sim" and wanted[0] not in source.columns:
            continue
        arrays = source.read(wanted, 0, len(source))
        jets, particles = (arrays[each].astype(np.float64) for each in wanted)
        _check(path, side, jets, particles)
        pdg, mass = _kinds(path, side, particles)
        columns |= {name: _momenta(jets, particles, mass), f"{name}_pdg": pdg, f"{name}_jet": jets}
    return InMemory(columns)


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [SUMMARY, "", f"published: {RECORD}, 17 files a generator", "format: .npz", ""]
    lines += [f"{'column':18} {'unit':9} {'from':24} what"]
    lines += [f"{name:18} {unit:9} {place:24} {what}" for name, unit, what, place in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


def _check(path: str | Path, side: str, jets: np.ndarray, particles: np.ndarray) -> None:
    if jets.ndim != 2 or jets.shape[1] != 4 or particles.ndim != 3 or particles.shape[2] != 4:
        got = f"{jets.shape} and {particles.shape}"
        raise InputError(
            f"{path}: expected {side}_jets (jet, 4) and {side}_particles (jet, particle, 4), got {got}"
        )
    for what, array in (("jets", jets), ("particles", particles)):
        largest = np.array([1e6, 20.0, 20.0, 1e6] if what == "jets" else [1e4, 20.0, 20.0, 2.0])
        good = np.isfinite(array) & (np.abs(array) <= largest)
        good[..., 0] &= array[..., 0] >= 0
        if not good.all():
            place = tuple(np.argwhere(~good)[0].tolist())
            raise InputError(f"{path}: {side}_{what}{list(place)} is {array[place]:g}, which no jet has")


def _kinds(
    path: str | Path, side: str, particles: Float[np.ndarray, "jet particle 4"]
) -> tuple[Int[np.ndarray, "jet particle"], Float[np.ndarray, "jet particle"]]:
    real = particles[..., 0] > 0
    code = np.rint(10 * particles[..., 3]).astype(np.int64)
    bad = real & (~np.isin(code, list(KINDS)) | (np.abs(10 * particles[..., 3] - code) > 0.1))
    if bad.any():
        place = tuple(np.argwhere(bad)[0].tolist())
        raise InputError(
            f"{path}: {side}_particles{list(place)} has the kind {particles[place][3]:g}, expected 0 to 1.3"
        )
    pdg, mass = (np.array([kind[k] for kind in KINDS.values()]) for k in (0, 1))
    code = np.where(real, code, 0)
    return np.where(real, pdg[code], 0).astype(np.int64), mass[code]


def _momenta(
    jets: Float[np.ndarray, "jet 4"],
    particles: Float[np.ndarray, "jet particle 4"],
    mass: Float[np.ndarray, "jet particle"],
) -> Float[np.ndarray, "jet particle 3"]:
    """px, py, pz; the files have rapidities, so that pz depends on the mass."""
    pt = _UNIT * particles[..., 0]
    rapidity, phi = (particles[..., k] + jets[:, None, k] for k in (1, 2))
    pz = np.hypot(pt, mass) * np.sinh(rapidity)
    momentum = np.stack((pt * np.cos(phi), pt * np.sin(phi), pz), axis=-1)
    return np.where(pt[..., None] > 0, momentum, 0).astype(np.float32)
