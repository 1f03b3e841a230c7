"""Files of pairs of jets in exactly the published layouts, of momenta that are known."""

from pathlib import Path

import numpy as np
import pytest
import torch

PARTICLES = 20


def momenta(jets: int, *, seed: int = 1, particles: int = PARTICLES) -> tuple[np.ndarray, np.ndarray]:
    """(jet, particle, 3) of px, py, pz, hardest first, and the same scaled by 0.9 without the last particles."""
    draw = np.random.default_rng(seed)
    pt = np.sort(draw.exponential(10, (jets, particles)) + 1, axis=1)[:, ::-1]
    eta = draw.uniform(-1, 1, (jets, 1)) + draw.normal(0, 0.05, pt.shape)
    phi = draw.uniform(-3, 3, (jets, 1)) + draw.normal(0, 0.05, pt.shape)
    momentum = np.stack((pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)), axis=-1)
    mask = np.arange(particles) < draw.integers(particles // 2, particles + 1, (jets, 1))
    generated = np.where(mask[..., None], momentum, 0)
    fewer = mask & (np.arange(particles) < particles - 4)
    return generated, np.where(fewer[..., None], 0.9 * generated, 0)


def write_tensors(folder: Path, jets: int, *, particles: int = PARTICLES, seed: int = 1) -> Path:
    """The pair of torch files; gives that of the generated jets."""
    for side, x in zip(("gen", "reco"), momenta(jets, seed=seed, particles=particles), strict=True):
        tensor = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 2, 1)[:, None], dtype=np.float32))
        torch.save(tensor, folder / f"train_data_{side}_pxpypz_wDijets_{particles}pCut.pt")
    return folder / f"train_data_gen_pxpypz_wDijets_{particles}pCut.pt"


def write_omnifold(path: Path, jets: int) -> Path:
    """All arrays of a file of Zenodo 3548091; particles are charged pions and photons in turn."""
    arrays: dict[str, np.ndarray] = {}
    for side, x in zip(("gen", "sim"), momenta(jets), strict=True):
        pt = np.hypot(x[..., 0], x[..., 1])
        mass = np.where(np.arange(pt.shape[1]) % 2 == 0, 0.13957, 0.0)
        rapidity = np.arcsinh(x[..., 2] / np.hypot(pt, mass).clip(1e-9))
        whole = x.sum(axis=1)
        axis_pt, axis_phi = np.hypot(whole[:, 0], whole[:, 1]), np.arctan2(whole[:, 1], whole[:, 0])
        axis_y = np.arcsinh(whole[:, 2] / axis_pt)
        phi = np.arctan2(x[..., 1], x[..., 0]) - axis_phi[:, None]
        kind = np.where(np.arange(pt.shape[1]) % 2 == 0, 0.1, 0.0)
        table = np.stack((pt / 100, rapidity - axis_y[:, None], phi, kind + 0 * pt), axis=-1)
        arrays[f"{side}_particles"] = np.where(pt[..., None] > 0, table, 0)
        arrays[f"{side}_jets"] = np.stack((axis_pt, axis_y, axis_phi, np.full(jets, 10.0)), axis=1)
        arrays[f"{side}_mults"] = (pt > 0).sum(axis=1)
        for name in ("lhas", "widths", "ang2s", "tau2s", "sdms", "zgs"):
            arrays[f"{side}_{name}"] = np.full(jets, 0.1)
    arrays["gen_Zs"] = np.full((jets, 3), 200.0)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return path


def write_parnassus(path: Path, jets: int) -> Path:
    """The branches of a tree with an entry a jet."""
    uproot, awkward = pytest.importorskip("uproot"), pytest.importorskip("awkward")
    columns: dict[str, object] = {}
    for prefix, x in zip(("truth_", "pflow_"), momenta(jets), strict=True):
        pt = np.hypot(x[..., 0], x[..., 1])
        values = {
            "pt": pt,
            "eta": np.arcsinh(x[..., 2] / pt.clip(1e-9)),
            "phi": np.arctan2(x[..., 1], x[..., 0]),
            "class": np.where(np.arange(pt.shape[1]) % 2 == 0, 0, 4) + 0 * pt.astype(int),
            "pdgid": np.where(np.arange(pt.shape[1]) % 2 == 0, 211, 22) + 0 * pt.astype(int),
        }
        for name, array in values.items():
            columns[prefix + name] = awkward.Array(
                [row[there].tolist() for row, there in zip(array, pt > 0, strict=True)]
            )
        columns[f"n{prefix.removesuffix('_')}"] = awkward.Array((pt > 0).sum(axis=1))
    with uproot.recreate(path) as file:
        kinds = {n: a.type.content for n, a in columns.items()}  # type: ignore[attr-defined]
        file.mktree("event_tree", kinds)
        file["event_tree"].extend(columns)
    return path
