"""Elements of particle flow from files: the public pickles of MLPF, trees of Delphes, EDM4hep."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from femtobarn.data.root import opened_root
from femtobarn.datasets import delphes, edm4hep, mlpf_delphes
from femtobarn.errors import InputError
from femtobarn.physics import particle_flow as flow
from femtobarn.physics.particle_flow import FlowEvents, check_elements
from femtobarn.physics.vectors import cylindrical
from femtobarn.simulate.particles import Particles

_ELECTRON, _MUON, _PHOTON = 11, 13, 22


def read_elements(path: str | Path) -> FlowEvents:
    """Events of one file; true particles are known in the public pickles alone, and else all none.

    Trees of Delphes and EDM4hep have no towers, only what their own energy flow left of them: these stand in for
    towers, and are the rules' particles. EDM4hep does not tell where tracks reach the calorimeters: their direction
    stands in.

    Args:
        path: ``.pkl.bz2`` or ``.pkl`` in the published layout, ``.root`` with a tree ``Delphes`` or ``events``.

    Raises:
        InputError: Another ending, another tree, or what the reader of the layout says.
        MissingExtraError: uproot is not installed.
    """
    path = Path(path)
    if path.suffix in (".bz2", ".pkl"):
        return mlpf_delphes.read_events([path])
    if path.suffix != ".root":
        raise InputError(f"{path}: expected .pkl.bz2 of MLPF, or .root of Delphes or EDM4hep")
    with opened_root(path) as file:
        trees = {key.rsplit("/", 1)[-1] for key in file.keys(cycle=False)}
    if "Delphes" in trees:
        return _of_delphes(path)
    if "events" in trees:
        return _of_edm4hep(path)
    raise InputError(f"{path}: expected a tree Delphes or events, found {', '.join(sorted(trees)) or 'none'}")


def _of_delphes(path: Path) -> FlowEvents:
    found = delphes.tracks(path, "Track")
    x, y, z = found.outer.T
    r = np.hypot(x, y)
    eta = np.arcsinh(np.divide(z, r, out=np.zeros_like(z), where=r > 0))
    outer = np.stack((eta, np.arctan2(y, x)), axis=1)
    neutrals = (delphes.neutrals(path, "EFlowPhoton"), delphes.neutrals(path, "EFlowNeutralHadron"))
    return _events(path, found.candidates, outer, neutrals)


def _of_edm4hep(path: Path) -> FlowEvents:
    found = edm4hep.reconstructed(path).candidates
    charged = found.charge != 0
    tracks, photon = found.keep(charged), found.pdg == _PHOTON
    neutrals = (found.keep(~charged & photon), found.keep(~charged & ~photon))
    return _events(path, tracks, cylindrical(tracks.momentum)[:, 1:3], neutrals)


def _events(
    path: Path,
    tracks: Particles,
    outer: Float[np.ndarray, "track 2"],
    neutrals: tuple[Particles, Particles],
) -> FlowEvents:
    parts = (tracks, *neutrals)
    event = np.concatenate([part.event for part in parts])
    order = np.argsort(event, kind="stable")
    element, particle = (
        np.concatenate(rows)[order].astype(np.float32)
        for rows in zip(
            _track_rows(tracks, outer),
            *(_tower_rows(each, at) for at, each in enumerate(neutrals)),
            strict=True,
        )
    )
    check_elements(element, particle, str(path))
    offset = np.searchsorted(event[order], np.arange(tracks.events + 1))
    none = np.zeros((0, particle.shape[1]), np.float32)
    return FlowEvents(
        offset, element, np.zeros_like(particle), particle, np.zeros(tracks.events + 1, np.int64), none
    )


def _track_rows(tracks: Particles, outer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pt, eta, phi, _ = cylindrical(tracks.momentum).T
    code, turn = np.abs(tracks.pdg), outer[:, 1]
    muon, electron = code == _MUON, code == _ELECTRON
    kind = np.select([muon, electron], [flow.MUON, flow.ELECTRON], flow.CHARGED)
    momentum = np.stack((pt, eta, np.sin(phi), np.cos(phi)), axis=1)
    p = pt * np.cosh(eta)
    element = np.column_stack(
        (
            np.full(len(pt), flow.TRACK), momentum, p, outer[:, 0], np.sin(turn), np.cos(turn), tracks.charge,
            muon, electron,
        )
    )  # fmt: skip
    return element, np.column_stack((kind, tracks.charge, momentum, tracks.momentum[:, 0]))


def _tower_rows(found: Particles, calorimeter: int) -> tuple[np.ndarray, np.ndarray]:
    pt, eta, phi, _ = cylindrical(found.momentum).T
    count, energy = len(pt), found.momentum[:, 0]
    kind = (flow.PHOTON, flow.NEUTRAL)[calorimeter]
    momentum = np.stack((pt, eta, np.sin(phi), np.cos(phi), energy), axis=1)
    element = np.zeros((count, len(flow.TOWER_COLUMNS)))
    element[:, :6] = np.column_stack((np.full(count, flow.TOWER), momentum))
    element[:, 6 + calorimeter] = energy
    return element, np.column_stack((np.full(count, kind), np.zeros(count), momentum))
