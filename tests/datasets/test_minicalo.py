"""Files of the authors' toy give the hits, the owners and the particles that went into them."""

from pathlib import Path

import numpy as np
import pytest

from endcap_files import some_hits, toy_events, write_toy
from femtobarn.datasets import minicalo
from femtobarn.datasets.hgcalml import HitEvents, of_endcap
from femtobarn.errors import InputError


@pytest.fixture(scope="module")
def sample() -> tuple[HitEvents, list[dict[str, np.ndarray]]]:
    hits, endcap = some_hits(3)
    return of_endcap(hits, endcap), toy_events(hits, endcap)


@pytest.mark.parametrize("name", ["a.pkl", "a.pkl.gz", "a.parquet"])
def test_hits_and_owners_are_those_of_the_simulation(
    sample: tuple[HitEvents, list[dict[str, np.ndarray]]], name: str, tmp_path: Path
) -> None:
    """Energies in the silicon become those of showers; who owns a hit follows from the shares alone."""
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    expected, events = sample
    found = minicalo.open_events(write_toy(tmp_path / name, events))
    np.testing.assert_allclose(found.hits[:, :4], expected.hits[:, :4], rtol=1e-5)
    for column in ("offset", "of_object", "owner", "pdg"):
        np.testing.assert_array_equal(getattr(found, column), getattr(expected, column))
    for column in ("energy", "deposited"):
        np.testing.assert_allclose(getattr(found, column), getattr(expected, column), rtol=1e-6)


def test_one_event_need_not_stand_in_a_list(
    sample: tuple[HitEvents, list[dict[str, np.ndarray]]], tmp_path: Path
) -> None:
    found = minicalo.open_events(write_toy(tmp_path / "a.pkl", sample[1][:1]))
    np.testing.assert_array_equal(found.owner, sample[0].event(0).owner)


def test_a_particle_through_a_layer_leaves_the_same_in_silicon_and_in_hits(
    sample: tuple[HitEvents, list[dict[str, np.ndarray]]], tmp_path: Path
) -> None:
    """One minimum-ionising particle: 0.116 MeV in each silicon are the energy of one in each layer."""
    from femtobarn.simulate.endcap import Endcap

    endcap, like = Endcap(), sample[1][0]
    n = endcap.layers
    event = {name: np.zeros(0, values.dtype) for name, values in like.items()}
    event |= {"rechit_energy": np.full(n, 0.1163e-3), "rechit_x": np.full(n, 700.0), "rechit_y": np.zeros(n)}
    event |= {"rechit_z": endcap.z, "rechit_idx": np.arange(n, dtype=np.int32)}
    found = minicalo.open_events(write_toy(tmp_path / "a.pkl", [event]))
    np.testing.assert_allclose(found.hits[:, 0], endcap.mip, rtol=2e-3)
    assert (found.owner == -1).all()


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("hit_particle_id", lambda a: a + 100, "beyond the"),
        ("hit_particle_sensor_idx", lambda a: a + 10_000_000, "not among rechit_idx"),
        ("rechit_idx", lambda a: 0 * a, "twice"),
        ("rechit_z", lambda a: np.where(np.arange(len(a)) == 2, np.nan, a), "rechit_z of 2 is nan"),
        ("rechit_x", lambda a: 1e4 * a, "is the unit mm"),
        ("rechit_energy", lambda a: -a, "expected GeV from 0"),
        ("rechit_energy", lambda a: a[1:], "arrays of one length"),
        ("hit_particle_id", lambda a: a.astype(np.float64), "whole numbers"),
        ("particles_pdgid", None, "no 'particles_pdgid'"),
        ("rechit_y", lambda a: a[:, None], "one number each in rechit_y"),
    ],
)
def test_what_does_not_fit_is_told(
    sample: tuple[HitEvents, list[dict[str, np.ndarray]]],
    name: str,
    change: object,
    words: str,
    tmp_path: Path,
) -> None:
    event = dict(sample[1][0])
    if change is None:
        del event[name]
    else:
        event[name] = change(event[name])  # type: ignore[operator]
    with pytest.raises(InputError, match=words) as told:
        minicalo.open_events(write_toy(tmp_path / "a.pkl", [event]))
    assert "\n" not in str(told.value)


class Bang:
    """Something that would be called by an ordinary reader of pickles."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("bang",)


def test_nothing_in_a_file_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_toy(tmp_path / "a.pkl", [{"rechit_energy": Bang()}])  # type: ignore[dict-item]
    with pytest.raises(InputError, match=r"the name builtins\.print"):
        minicalo.open_events(tmp_path / "a.pkl")
    assert capsys.readouterr().out == ""


def test_its_description_names_every_array() -> None:
    assert all(name in minicalo.describe() for name in minicalo.COLUMNS)
