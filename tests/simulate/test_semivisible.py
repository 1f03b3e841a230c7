"""Semi-visible jets: what leaves unseen, how many dark mesons there are, and the real sample beside them."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn.datasets import dark_showers
from femtobarn.errors import InputError
from femtobarn.simulate.collisions.semivisible import DarkSector, semivisible_process, without_invisible

_DARK = (4900111, 4900113, 4900211, 4900213)


def test_settings_that_make_no_dark_mesons() -> None:
    with pytest.raises(InputError, match="shares of 0 to below 1"):
        DarkSector(invisible=1.0)
    with pytest.raises(InputError, match="two colours"):
        DarkSector(colours=1)
    with pytest.raises(InputError, match="above 80 GeV, got 50"):
        semivisible_process(50.0)


def test_shares_of_the_decays_add_up_to_one() -> None:
    lines = semivisible_process(2100.0, DarkSector(invisible=0.4)).settings
    for meson in (4900111, 4900113):
        channels = [
            line.split("= 1 ")[1].split()
            for line in lines
            if line.startswith(f"{meson}:") and "Channel" in line
        ]
        assert sum(float(share) for share, *_ in channels) == pytest.approx(1)
        assert channels[0] == ["0.4", "0", "51", "-51"]


@pytest.mark.parametrize(("mass", "invisible", "dark"), [(2100.0, 0.3, 11.3), (3100.0, 0.0, 12.0)])
def test_dark_mesons_and_what_is_seen_of_them(mass: float, invisible: float, dark: float) -> None:
    """Multiplicities measured before with Pythia by other code: 11.3 and 12.0 dark hadrons."""
    pytest.importorskip("pythia8mc")
    from femtobarn.simulate.collisions.pythia import final_particles, next_records, start_pythia

    process = semivisible_process(mass, DarkSector(invisible=invisible))
    pythia = start_pythia(process, seed=np.random.SeedSequence(1), energy=13_600.0, mpi=False)
    records = next_records(pythia, 100)
    code = np.abs(records.pdg)
    mesons, unseen = int(np.isin(code, _DARK).sum()), int((code == 51).sum()) / 2
    assert mesons / 100 == pytest.approx(dark, abs=1.2)
    error = (invisible * (1 - invisible) / mesons) ** 0.5
    assert abs(unseen / mesons - invisible) <= 4 * error
    events = final_particles(pythia, records)
    left = without_invisible(events)
    assert not np.isin(np.abs(left.pdg), (51, *_DARK)).any()
    assert len(events.pdg) - len(left.pdg) == 2 * unseen
    assert left.events == 100


@pytest.mark.slow
@pytest.mark.parametrize("mass", ["2.1", "4.1"])
def test_the_sum_of_track_pt_is_that_of_the_real_sample(mass: str, real_data: Path) -> None:
    """The number of tracks is not: real events have more, see the README of codae."""
    pytest.importorskip("pythia8mc")
    name = f"SVJ {mass} TeV"
    made = dark_showers.stand_in(name, 150, seed=1, workers=1)
    (path,) = dark_showers.find_samples(real_data / dark_showers.NAME)[name][:1]
    real = dark_showers.open_images(path)
    totals = [
        source.read(["image"], 0, len(source))["image"][..., 0].sum(axis=(1, 2)).mean()
        for source in (made, real)
    ]
    assert totals[0] == pytest.approx(totals[1], rel=0.15)
