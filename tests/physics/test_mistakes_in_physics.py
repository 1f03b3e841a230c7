"""What a user gets wrong is said in one line, where NumPy would make another number of it."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.clue import clue
from femtobarn.physics.clustering import Jets
from femtobarn.physics.coherence import coherence
from femtobarn.physics.condense import condense
from femtobarn.physics.event_images import COARSE, softness, transverse_sphericity
from femtobarn.physics.jets import massless
from femtobarn.physics.n_subjettiness import n_subjettiness
from femtobarn.physics.soft_killer import soft_killer
from femtobarn.physics.substructure import zlogz

DRAW = np.random.default_rng(1)
JETS = Jets(np.array([0, 1, 3]), DRAW.random((3, 4)), np.array([0, 1, 2, 3]), np.arange(3))
MOMENTA, PLACE, ENERGY = (
    massless(DRAW.random((9, 5, 3)), np.ones((9, 5), bool)),
    DRAW.random((9, 2)),
    np.ones(9),
)
STRAIN = DRAW.normal(size=(2, 2, 512)).astype(np.float32)
SUBJECTS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {
    "jets wanted by 1 and 0": (Jets.keep, (JETS, np.array([0, 1, 1])), {}),
    "wanted of other jets": (Jets.keep, (JETS, np.array([True, False])), {}),
    "events from the middle": (soft_killer, (MOMENTA[:, 0], np.array([2, 5, 9])), {}),
    "too few events": (soft_killer, (MOMENTA[:, 0], np.array([0, 5])), {}),
    "events that fall": (soft_killer, (MOMENTA[:, 0], np.array([0, 7, 5, 9], np.uint64)), {}),
    "a particle of NaN": (soft_killer, (np.where(np.eye(9, 4) > 0, np.nan, MOMENTA[:, 0]), np.array([0, 9])), {}),
    "lengths of more hits": (condense, (ENERGY, PLACE, np.ones(12)), {}),
    "places of more hits": (condense, (ENERGY[:5], PLACE), {}),
    "energies of fewer points": (clue, (PLACE, ENERGY[:4]), {"distance": 1.0, "density": 1.0}),
    "layers of fewer points": (clue, (PLACE, ENERGY), {"distance": 1.0, "density": 1.0, "layer": np.arange(4)}),
    "three detectors": (coherence, (np.repeat(STRAIN, 2, axis=1)[:, :3],), {"rate": 1024.0}),
    "strain with a gap": (coherence, (np.where(np.arange(512) < 9, np.nan, STRAIN),), {"rate": 1024.0}),
    "masked particles": (massless, (np.ma.masked_less(DRAW.random((9, 5, 3)), 0.5), np.ones((9, 5), bool)), {}),
    "masked momenta": (n_subjettiness, (np.ma.masked_less(MOMENTA, 0.5), np.ones((9, 5), bool)), {}),
}  # fmt: skip


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_would_become_another_number_is_refused(subject: str) -> None:
    function, arguments, named = SUBJECTS[subject]
    with pytest.raises(InputError) as told:
        inspect.unwrap(function)(*arguments, **named)  # as users call it, without the check of the test run
    assert "\n" not in str(told.value)


def test_a_pixel_of_nan_does_not_pass_for_an_event_of_one_track() -> None:
    images = DRAW.random((2, *COARSE))
    images[0, 3, 4, 0] = np.nan
    for found in (softness(images, leading=5), transverse_sphericity(images)):
        assert np.isnan(found).tolist() == [True, False]
    assert softness(np.zeros((1, *COARSE)), leading=5) == 0


def test_an_energy_of_nan_does_not_pass_for_a_jet_of_one_particle() -> None:
    energy = np.array([[3.0, np.nan, 1.0], [3.0, 2.0, np.nan]])
    found = zlogz(energy, np.array([[True, True, True], [True, True, False]]))
    assert np.isnan(found).tolist() == [True, False]
