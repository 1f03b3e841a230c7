"""Tables of what dark-shower events look like and how they were produced."""

import numpy as np
import pytest

from femtobarn.data.source import InMemory
from femtobarn.data.sparse_images import SparseImages
from femtobarn.datasets.dark_showers import Produced
from femtobarn.evaluation.dark_showers import coarse, event_means, production_table
from femtobarn.physics.event_images import COARSE, FINE


def _events(shape: tuple[int, ...]) -> SparseImages:
    """Two events: one track of 10 GeV and 8 GeV in the ECAL; two tracks of 5 GeV."""
    image = np.zeros((2, *shape), np.float32)
    image[0, 30, 30, 0], image[0, 40, 40, 1] = 10.0, 8.0
    image[1, 30, 30, 0] = image[1, 50, 50, 0] = 5.0
    return SparseImages.of_source(InMemory({"image": image, "n_tracks": np.array([1, 2])}))


@pytest.mark.parametrize("shape", [COARSE, FINE])
def test_means_are_those_of_the_events(shape: tuple[int, ...]) -> None:
    events = _events(shape)
    assert coarse(events).shape == (2, *COARSE)
    table = event_means("public sample", {"QCD": events})
    found = {each.labels["quantity"]: (each.value, each.error) for each in table}
    assert found["tracks"] == pytest.approx((1.5, 0.5 / np.sqrt(2)))
    assert found["occupied tracker pixels"] == pytest.approx((1.5, 0.5 / np.sqrt(2)))
    assert found["sum of tracker"] == pytest.approx((10.0, 0.0), abs=1e-5)
    assert found["sum of ECAL"] == pytest.approx((4.0, 4 / np.sqrt(2)), rel=1e-5)
    assert len(found) == 7


def test_shares_have_their_binomial_error() -> None:
    made = Produced(InMemory({"n_tracks": np.zeros(90)}), 400, 100, 0.2, 1.0, "gluon fusion")
    (share,) = production_table("stand-in", {"SUEP 125 GeV": made})
    assert (share.value, share.n) == (0.25, 400)
    assert share.error == pytest.approx(np.sqrt(0.25 * 0.75 / 400))
    assert share.labels["made as"] == "gluon fusion"
