"""Whitened events in the published layout: what is written is read, in parts, and what is wrong is told."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.datasets.gw_samples import open_samples, read_samples, write_samples
from femtobarn.errors import InputError

STRAIN = np.random.default_rng(1).normal(size=(7, 2, 64)).astype(np.float32)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "samples.hdf"
    write_samples(path, noise_samples=STRAIN, injection_samples=STRAIN[:3])
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["noise_samples/l1_strain"][2], STRAIN[2, 1])
    source = open_samples(path, "injection_samples")
    assert len(source) == 3
    np.testing.assert_array_equal(source.read(["strain"], 1, 3)["strain"], STRAIN[1:3])
    np.testing.assert_array_equal(read_samples(path, "noise_samples", start=10, stop=20), STRAIN[:, :, 10:20])


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    path = tmp_path / "samples.hdf"
    wrong = STRAIN.copy()
    wrong[4, 1, 7] = np.nan
    write_samples(path, noise_samples=wrong, injection_samples=STRAIN)
    with pytest.raises(InputError, match="row 4: the strain is not finite"):
        read_samples(path, "noise_samples", start=0, stop=64)
    with pytest.raises(InputError, match="events of 80 samples or more"):
        read_samples(path, "injection_samples", start=0, stop=80)
    with pytest.raises(InputError, match="noise_samples or injection_samples"):
        open_samples(path, "signals")
    with h5py.File(path, "r+") as file:
        del file["noise_samples/l1_strain"]
        file["noise_samples/l1_strain"] = STRAIN[:5, 1]
    with pytest.raises(InputError, match="one shape"):
        open_samples(path, "noise_samples")
