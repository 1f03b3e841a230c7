"""Effective quantities of calorimeters: against the Particle Data Group's, and their limits."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.simulate.showers import (
    ARGON,
    COPPER,
    IRON,
    LEAD,
    LEAD_TUNGSTATE,
    POLYSTYRENE,
    SILICON,
    TUNGSTEN,
    Calorimeter,
    Section,
    block,
    homogeneous,
    sampling,
)

#: mm, from pdg.lbl.gov/AtomicNuclearProperties: radiation length, interaction length, Moliere radius.
PUBLISHED = {
    TUNGSTEN: (3.504, 99.46, 9.327),
    LEAD: (5.612, 175.9, 16.02),
    IRON: (17.57, 167.7, 17.19),
    COPPER: (14.36, 153.2, 15.68),
    ARGON: (140.0, 857.7, 90.43),
    SILICON: (93.70, 465.2, 49.44),
    LEAD_TUNGSTATE: (8.903, 202.7, 19.59),
}


@pytest.mark.parametrize("material", PUBLISHED, ids=lambda material: material.name)
def test_lengths_are_the_published_ones(material: object) -> None:
    medium, (radiation, interaction, moliere) = homogeneous(material), PUBLISHED[material]  # type: ignore[index,arg-type]
    assert medium.radiation_length == pytest.approx(radiation, rel=5e-3)
    assert medium.interaction_length == pytest.approx(interaction, rel=5e-3)
    # GFLASH has a formula of its own for the critical energy, the tables another.
    assert medium.moliere_radius == pytest.approx(moliere, rel=0.15)
    assert medium.frequency == np.inf
    assert medium.e_mip == 1


@given(first=st.floats(0.1, 20), second=st.floats(0.1, 20))
def test_slabs_of_one_material_are_that_material(first: float, second: float) -> None:
    slabs, whole = sampling((LEAD, first), (LEAD, second)), homogeneous(LEAD)
    for name in (
        "Z",
        "density",
        "radiation_length",
        "interaction_length",
        "moliere_radius",
        "critical_energy",
        "mip",
    ):
        assert getattr(slabs, name) == pytest.approx(getattr(whole, name))


@given(thickness=st.floats(0.1, 20))
def test_lengths_of_slabs_lie_between_those_of_their_materials(thickness: float) -> None:
    slabs = sampling((TUNGSTEN, thickness), (SILICON, 1.0))
    crossed = thickness / 3.504 + 1.0 / 93.70  # radiation lengths, by definition additive
    assert slabs.period / slabs.radiation_length == pytest.approx(crossed, rel=2e-3)
    crossed = thickness / 99.46 + 1.0 / 465.2
    assert slabs.period / slabs.interaction_length == pytest.approx(crossed, rel=2e-3)
    assert 9.0 < slabs.moliere_radius < 55.0


def test_edges_of_sections_add_up_in_every_unit() -> None:
    dead, crystal = Section(homogeneous(IRON), 17.57, read=False), Section(homogeneous(LEAD_TUNGSTATE), 202.7)
    calorimeter = Calorimeter((dead, crystal, crystal), crystal.medium)
    np.testing.assert_allclose(calorimeter.depth, [0, 17.57, 220.27, 422.97])
    np.testing.assert_allclose(
        np.diff(calorimeter.radiation_depth), [1, 202.7 / 8.903, 202.7 / 8.903], rtol=2e-3
    )
    np.testing.assert_allclose(np.diff(calorimeter.interaction_depth), [17.57 / 167.7, 1, 1], rtol=2e-3)
    np.testing.assert_array_equal(calorimeter.layer, [-1, 0, 1])
    assert calorimeter.layers == 2


def test_an_unread_sampling_fraction_is_that_of_a_mip_times_e_over_mip() -> None:
    medium = sampling((IRON, 19.0), (POLYSTYRENE, 3.0))
    section = Section(medium, 220.0)
    lost = 19.0 * 0.7874 * 1.451, 3.0 * 0.1060 * 1.936  # MeV, by hand
    assert section.visible == pytest.approx(lost[1] / sum(lost) * medium.e_mip, rel=1e-6)
    assert section.mip * medium.period == pytest.approx(sum(lost) / medium.e_mip, rel=1e-6)


def test_calorimeters_that_cannot_be_are_refused() -> None:
    medium = sampling((LEAD, 1.0), (ARGON, 2.0))
    with pytest.raises(InputError, match="positive thicknesses"):
        sampling((LEAD, 0.0), (ARGON, 2.0))
    with pytest.raises(InputError, match="positive thickness"):
        Section(medium, -1.0)
    with pytest.raises(InputError, match="stochastic"):
        Section(medium, 1.0, stochastic=-0.1)
    with pytest.raises(InputError, match="stochastic term > 0"):
        block(medium, depth=100.0, layers=3)
    with pytest.raises(InputError, match="at least one layer"):
        block(medium, depth=100.0, layers=0, stochastic=0.1)
    with pytest.raises(InputError, match="read out"):
        Calorimeter((Section(medium, 1.0, read=False),), medium, 0.1)


def test_sections_may_share_a_layer() -> None:
    crystal = Section(homogeneous(LEAD_TUNGSTATE), 50.0)
    more = replace(crystal, continues=True)
    dead = replace(crystal, read=False)
    calorimeter = Calorimeter((dead, crystal, more, more, dead, crystal, more), crystal.medium)
    np.testing.assert_array_equal(calorimeter.layer, [-1, 0, 0, 0, -1, 1, 1])
    assert calorimeter.layers == 2
    for wrong in ((more, crystal), (dead, more)):
        with pytest.raises(InputError, match="section before it"):
            Calorimeter((*wrong, crystal), crystal.medium)
