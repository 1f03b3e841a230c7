"""Events of a moved image: against real recordings, and what must be so whatever the image."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from femtobarn.data.events import Events, check_events
from femtobarn.datasets import mnist
from femtobarn.errors import InputError
from femtobarn.simulate.saccades import SACCADE, SIDE, saccade_events


def _bar() -> np.ndarray:
    image = np.zeros((28, 28))
    image[6:22, 12:16] = 1
    return image


def test_events_are_a_stream_of_the_sensor() -> None:
    events = saccade_events(_bar(), generator=np.random.default_rng(1))
    check_events(events, "here", rows=SIDE, columns=SIDE)
    assert events.t[-1] < 3 * 1000 * SACCADE
    assert 1000 < len(events.t) < 10_000


def test_an_image_without_contrast_gives_noise_only() -> None:
    events = saccade_events(np.zeros((28, 28)), generator=np.random.default_rng(1))
    assert len(events.t) < 100


def test_a_bright_edge_is_on_where_it_arrives_and_off_where_it_leaves() -> None:
    """In the last saccade a bar moves to the left."""
    events = saccade_events(_bar(), generator=np.random.default_rng(1))
    last = events.take(events.t > 2 * 1000 * SACCADE)
    inner = last.take((last.y > 10) & (last.y < 20))
    assert inner.x[inner.p == 1].mean() < inner.x[inner.p == 0].mean() - 2


def test_fewer_saccades_are_the_begin_of_all_three() -> None:
    counts = [
        len(saccade_events(_bar(), generator=np.random.default_rng(1), saccades=n).t) for n in (1, 2, 3)
    ]
    assert counts[0] < counts[1] < counts[2]


def test_other_images_are_refused() -> None:
    for image, saccades in ((np.zeros((35, 28)), 3), (np.full((28, 28), 2.0), 3), (_bar(), 4), (-_bar(), 1)):
        with pytest.raises(InputError, match="at most 34 pixels a side from 0 to 1 and 1 to 3 saccades"):
            saccade_events(image, generator=np.random.default_rng(1), saccades=saccades)


def _summary(events: list[Events]) -> dict[str, float]:
    third = [[((e.t >= i * 105_000) & (e.t < (i + 1) * 105_000)).sum() for e in events] for i in range(3)]
    return {
        "events": np.mean([len(e.t) for e in events]),
        "on": np.mean(np.concatenate([e.p for e in events])),
        "pixels": np.mean([len(np.unique(e.x.astype(int) * SIDE + e.y)) for e in events]),
        **{f"saccade {i}": np.mean(third[i]) for i in range(3)},
    }


def test_simulated_recordings_are_as_the_real_ones(real_data: Path) -> None:
    images = mnist.open_images(real_data / "mnist_t10k" / "t10k-images-idx3-ubyte.gz").read(["image"], 0, 60)[
        "image"
    ]
    draw = np.random.default_rng(1)
    found = _summary([saccade_events(image / 255, generator=draw) for image in images])
    with np.load(real_data / "nmnist_small" / "nmnist_train1K.npz") as file:
        columns = [file[name] for name in ("t_us", "x", "y", "p")]
        rows = file["offsets"]
    real = _summary([Events(*(c[a:b] for c in columns)) for a, b in itertools.pairwise(rows[:301])])
    assert 0.45 < found["on"] < 0.55
    for name in ("events", "pixels", "saccade 0", "saccade 1", "saccade 2"):
        assert found[name] == pytest.approx(real[name], rel=0.2), name
