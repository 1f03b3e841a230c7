"""Pairs of generated and reconstructed jets as torch tensors, the layout of the authors of arXiv:2203.00520.

A file such as ``train_data_gen_pxpypz_wDijets_50pCut.pt``, and another with ``reco`` in place of ``gen``, hold one
tensor each, (jet, 1, 3, particle): px, py, pz in GeV, padded with zeros.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from femtobarn.data.opening import check_file, check_memory, reading
from femtobarn.data.source import Arrays, check_columns
from femtobarn.errors import InputError

NAME = "jet_tensors"
SUMMARY = "Jets before and after the detector as torch tensors of px, py, pz (arXiv:2203.00520)"
#: Our name, unit, what it is, where it comes from.
COLUMNS = (
    ("generated", "GeV", "px, py, pz of the particles of a generated jet (jet, particle, 3)", "*_gen_*.pt"),
    ("reconstructed", "GeV", "the same after detector and reconstruction", "*_reco_*.pt"),
)
_GENERATED, _RECONSTRUCTED = "_gen_", "_reco_"  # in the names of a pair of files


class JetTensors:
    """Source of a pair of files, or of the generated jets alone; read in pieces, so that they may exceed the memory.

    Raises:
        InputError: No such file, not a file of one tensor, other shapes, or different numbers of jets.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        partner = path.with_name(path.name.replace(_GENERATED, _RECONSTRUCTED))
        there = partner != path and partner.exists()
        self._paths = {"generated": path} | ({"reconstructed": partner} if there else {})
        self._tensors = {name: _tensor(each) for name, each in self._paths.items()}
        sizes = {self._paths[name].name: len(tensor) for name, tensor in self._tensors.items()}
        if len(set(sizes.values())) > 1:
            raise InputError(f"{path}: expected a reconstructed jet for each generated one, got {sizes}")
        self.columns = tuple(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors["generated"])

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return f"{self.path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Momenta (jet, particle, 3) as float32.

        Raises:
            InputError: One is not finite.
        """
        check_columns(columns, self.columns, str(self.path))
        return {name: self._momenta(name, start, stop) for name in columns}

    def _momenta(self, name: str, start: int, stop: int) -> np.ndarray:
        path = self._paths[name]
        with reading(path, "torch"):
            piece = self._tensors[name][start:stop].to(torch.float32).clone().numpy()
        if not np.isfinite(piece).all():
            row, axis, particle = np.argwhere(~np.isfinite(piece))[0]
            what = f"{'xyz'[axis]} of particle {particle}"
            raise InputError(
                f"{path}, row {start + row}: p{what} is {piece[row, axis, particle]}, expected numbers"
            )
        return np.ascontiguousarray(piece.transpose(0, 2, 1))


def open_pairs(path: str | Path) -> JetTensors:
    """The jets of a ``*_gen_*.pt`` file and of the ``*_reco_*.pt`` file beside it, if there is one."""
    return JetTensors(Path(path))


def describe() -> str:
    """The data set in plain text: its layout, its columns."""
    lines = [
        SUMMARY,
        "",
        "format: one torch tensor a file; read without executing what a file may hold besides",
        "",
    ]
    lines += [f"{'column':14} {'unit':5} {'from':12} what"]
    lines += [f"{name:14} {unit:5} {place:12} {what}" for name, unit, what, place in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


def _tensor(path: Path) -> torch.Tensor:
    """The tensor (jet, 3, particle) of a file; weights_only refuses anything that would have to be executed."""
    check_file(path)
    with reading(path, "torch"):
        _check_archive(path)
        tensor = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    if not isinstance(tensor, torch.Tensor):
        raise InputError(f"{path}: expected one tensor, got {type(tensor).__name__}")
    if tensor.layout != torch.strided or tensor.is_complex() or tensor.is_quantized:
        raise InputError(
            f"{path}: expected real numbers in a dense tensor, got {tensor.dtype} {tensor.layout}"
        )
    if tensor.ndim == 4 and tensor.shape[1] == 1:
        tensor = tensor[:, 0]
    if tensor.ndim != 3 or tensor.shape[1] != 3 or not tensor.shape[2]:
        raise InputError(f"{path}: expected (jet, 1, 3, particle) of px, py, pz, got {tuple(tensor.shape)}")
    check_memory(tensor.shape[2] * 12, str(path))  # of a row; more are read as they fit
    return tensor.detach()


def _check_archive(path: Path) -> None:
    """Read all but the numbers, so that checksums are compared: torch does not, and a changed shape would pass."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if "/data/" not in name:
                    archive.read(name)
