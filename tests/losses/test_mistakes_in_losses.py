"""What a user gets wrong is said in one line, where torch would broadcast or cut it to another number."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from femtobarn import losses
from femtobarn.errors import InputError
from femtobarn.losses import spatial


def _users(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as users call it, without the check of shapes of the test run."""
    return inspect.unwrap(function)


DRAW = torch.Generator().manual_seed(1)
MASK, HITS = torch.ones(3, 4, dtype=torch.bool), torch.rand(12, generator=DRAW)
PLACE, OWNER = torch.rand(12, 2, generator=DRAW), torch.arange(12) % 4 - 1
JETS, FOUR = torch.rand(3, 4, 3, generator=DRAW), torch.rand(3, 4, 4, generator=DRAW)
MAPS = torch.rand(2, 8, 8, generator=DRAW)
EVENTS = MAPS.roll(1, -1) < 0.3
KNOWN = torch.rand(8, 8, generator=DRAW) < 0.8
LOGITS, CHARGE, MOMENTUM, TARGET = (torch.ones(2, 2, n) for n in (3, 1, 5, 7))
SUBJECTS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {
    "logits in a column": (losses.binary_focal, (HITS[:, None], HITS < 0.5), {}),
    "one truth for all": (losses.binary_focal, (HITS, HITS[:1] < 0.5), {}),
    "truth of numbers": (losses.binary_focal, (HITS, torch.ones(12)), {}),
    "errors of some": (losses.mean_of_best, (HITS, HITS[:6], 0.5), {}),
    "share in percent": (losses.mean_of_best, (HITS, HITS, 50.0), {}),
    "share below 0": (losses.mean_of_best, (HITS, HITS, -0.5), {}),
    "share NaN": (losses.mean_of_best, (HITS, HITS, math.nan), {}),
    "charge in a column": (losses.published_flow_loss, (LOGITS, CHARGE, MOMENTUM, TARGET), {}),
    "one momentum": (losses.published_flow_loss, (LOGITS, CHARGE[..., 0], CHARGE, TARGET), {}),
    "elements of numbers": (losses.flow_loss, (LOGITS, CHARGE[..., 0], MOMENTUM, TARGET, CHARGE[..., 0]), {}),
    "energy first": (losses.jet_mass_pt, (FOUR, MASK), {}),
    "energy first in the loss": (losses.jet_terms, (FOUR, FOUR, MASK, MASK), {}),
    "one mask for all jets": (losses.jet_mass_pt, (JETS, MASK[0]), {}),
    "four features": (losses.particle_cost, (FOUR, FOUR), {"angle": 1.0}),
    "other jets": (losses.particle_cost, (JETS[:1], JETS), {"angle": 1.0}),
    "no angle": (losses.particle_cost, (JETS, JETS), {"angle": 0.0}),
    "points on a line": (losses.point_chamfer, (JETS[..., :1], JETS), {}),
    "masks of bytes": (losses.chamfer, (torch.ones(3, 4, 4), MASK.byte(), MASK.byte()), {}),
    "places of more hits": (losses.condensation, (HITS[:9], PLACE, OWNER[:9]), {}),
    "owners of more hits": (losses.condensation, (HITS[:9], PLACE[:9], OWNER), {}),
    "beta in a column": (losses.condensation_2022, (HITS[:, None], PLACE, HITS, OWNER), {}),
    "lengths of more hits": (losses.condensation_2022, (HITS[:9], PLACE[:9], HITS, OWNER[:9]), {}),
    "payload of more hits": (losses.payload, (HITS, HITS[:9], OWNER[:9]), {}),
    "factors in a column": (losses.energy_loss, (HITS[:, None], HITS, HITS), {}),
    "means of one feature": (losses.prototype_logits, (PLACE, PLACE[:3, :1]), {}),
    "known in bytes": (spatial.brier, (MAPS, EVENTS.float(), KNOWN.byte()), {}),
    "known in numbers": (spatial.fss, (MAPS, EVENTS.float(), KNOWN.float()), {}),
    "radius below 0": (spatial.fss, (MAPS, EVENTS.float()), {"radius": -1}),
}  # fmt: skip


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_would_become_another_number_is_refused(subject: str) -> None:
    loss, arguments, named = SUBJECTS[subject]
    with pytest.raises(InputError) as told:
        _users(loss)(*arguments, **named)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("radius", [0, 1])
@pytest.mark.parametrize("name", ["brier", "cross_entropy", "fss", "csi", "iou", "dice"])
def test_events_of_a_map_are_true_and_false_or_1_and_0(name: str, radius: int) -> None:
    score = getattr(spatial, name)
    right = score(MAPS, EVENTS.float(), KNOWN, radius=radius)
    for events in (EVENTS, EVENTS.byte(), EVENTS.long()):
        assert score(MAPS, events, KNOWN, radius=radius) == right


@pytest.mark.parametrize("name", ["fss_neigh2", "brier_2d_8d", "csi_2d_8d_wavelets1"])
def test_named_scores_take_events_of_any_type(name: str) -> None:
    score = losses.spatial_score(name)
    right = score.value(MAPS, EVENTS.float(), KNOWN)
    assert score.value(MAPS, EVENTS, KNOWN) == score.value(MAPS, EVENTS.byte(), KNOWN) == right


def test_a_number_that_is_none_does_not_pass_for_independence() -> None:
    x = torch.randn(50, generator=torch.Generator().manual_seed(2))
    broken = torch.where(torch.arange(50) == 3, math.nan, x)
    assert losses.distance_correlation(broken, x).isnan()
    assert losses.distance_correlation(x, torch.ones(50)) == 0


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_the_unit_of_what_is_correlated_does_not_count(unit: float) -> None:
    x, y = torch.randn(2, 50, generator=torch.Generator().manual_seed(2))
    right = losses.distance_correlation(x, x + y)
    torch.testing.assert_close(losses.distance_correlation(unit * x, unit * (x + y)), right)
