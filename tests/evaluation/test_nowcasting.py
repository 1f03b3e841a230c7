"""Times of issue: which frames are known, which came, strips of columns, unknown rain, files on another grid."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn.datasets import mrms
from femtobarn.errors import InputError
from femtobarn.evaluation.maps.nowcasting import Issues, nowcasts, open_issues


def rain(frames: int = 12, columns: int = 80) -> mrms.Rain:
    """A bar of heavy rain that moves one pixel to the right in each frame of 2 minutes."""
    rate = np.zeros((frames, 64, columns), np.float32)
    draw = np.random.default_rng(1).random((64, 6)).astype(np.float32)
    for frame in range(frames):
        rate[frame, :, 10 + frame : 16 + frame] = 20 + 20 * draw
    return mrms.Rain(rate, 2.0 * np.arange(frames), -0.02 * np.arange(64), 0.02 * np.arange(columns))


def issues(**more: object) -> Issues:
    about = {"lags": (8, 4, 0), "leads": (4, 10), "place": "a test"} | more
    return Issues(rain(), **about)  # type: ignore[arg-type]


def test_a_time_of_issue_knows_its_past_and_moves_it_on() -> None:
    found = issues().read(("minutes", "past", "guess"), 1, 3)
    assert found["minutes"].tolist() == [10, 12]
    rate = rain().rate
    np.testing.assert_array_equal(found["past"][0], rate[[1, 3, 5]])
    for place, lead in enumerate((2, 5)):
        np.testing.assert_allclose(found["guess"][0, place][:, 8:], rate[5 + lead][:, 8:], atol=1e-3)
    assert issues().read(("minutes",), 5, 5)["minutes"].size == 0


def test_what_came_is_known_up_to_the_last_frame() -> None:
    found = nowcasts(issues(), threshold=10)
    assert len(found) == 6, "times 8 to 18 minutes, the shortest lead of the last at 22"
    assert found.known[:, 0].all()
    assert found.known[:, 1].all(axis=(1, 2)).tolist() == [True] * 3 + [False] * 3
    np.testing.assert_array_equal(found.target[0, 1], rain().rate[4 + 5] >= 10)
    assert not found.target[3:, 1].any()
    assert len(nowcasts(issues(), threshold=10, every=4)) == 2


def test_rain_that_no_radar_saw_is_not_dry() -> None:
    whole = rain()
    whole.rate[:, :8] = np.nan
    found = nowcasts(Issues(whole, lags=(8, 0), leads=(4,), place="a test"), threshold=10)
    assert not found.known[:, :, :8].any()
    assert found.known[:, :, 8:].all()
    assert np.isfinite(found.past).all()
    assert np.isfinite(found.guess).all()


def test_strips_have_no_column_in_common() -> None:
    whole = nowcasts(issues(), threshold=10)
    number = whole.past.copy()
    number[:] = np.arange(80)
    strips = type(whole)(number, whole.guess, whole.target, whole.known).strips(
        validation=0.2, test=0.25, gap=4
    )
    columns = [set(np.unique(strip.past).astype(int)) for strip in strips]
    assert [len(each) for each in columns] == [36, 16, 20]
    assert max(columns[0]) + 5 == min(columns[1])
    assert max(columns[1]) + 5 == min(columns[2])
    assert max(columns[2]) == 79
    with pytest.raises(InputError, match="room for three strips"):
        whole.strips(validation=0.2, test=0.25, gap=20)


def test_frames_that_do_not_meet_the_minutes() -> None:
    with pytest.raises(InputError, match="meet 5, 10 minutes"):
        issues(leads=(5, 10))
    with pytest.raises(InputError, match="20 frames or more"):
        issues(lags=(38, 0))
    with pytest.raises(InputError, match="more frames"):
        nowcasts(issues(leads=(30,)), threshold=10)


def test_a_file_on_another_grid_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "rain.nc"
    mrms.write_rain(path, rain())
    about = {"lags": (8, 0), "leads": (4,), "pitch": 0.02}
    assert len(open_issues(path, coarse=1, **about)) == 8
    with pytest.raises(InputError, match=r"expected the grid of the training, 0.02 .* got 0.04"):
        open_issues(path, coarse=2, **about)
