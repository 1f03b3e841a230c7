"""Tables of inspected images: counts by hand, intervals, readings at a position."""

import numpy as np
import pytest
import torch

from femtobarn.data.patch_images import PatchImages
from femtobarn.errors import InputError
from femtobarn.evaluation.inspection import scores as patch_scores
from femtobarn.evaluation.inspection import tables as inspection
from femtobarn.evaluation.inspection.tables import Inspected
from femtobarn.metrics import clopper_pearson

LEVEL = np.array([""] * 40 + ["weak"] * 20)
KIND = np.array([""] * 40 + ["dust", "stain"] * 10)


def _defect() -> np.ndarray:
    found = np.zeros((60, 2, 3), bool)
    found[40:, 1, 2] = True
    return found


def _maps(seed: int = 1) -> np.ndarray:
    maps = np.random.default_rng(seed).random((60, 2, 3))
    maps[40:52, 1, 2] += 1  # twelve of twenty are found
    return maps


def test_what_is_shown_and_found_is_counted() -> None:
    maps = _maps()
    maps[:4, 0, 0] = 1.5
    rows = inspection.operation([Inspected({"score": "s"}, None, maps, 1.0)], _defect(), LEVEL, KIND)
    found = {(row.name, row.labels.get("kind", "")): row for row in rows}
    assert found["clean images shown", ""].value == pytest.approx(0.1)
    assert found["images found", "all"].value == pytest.approx(0.6)
    assert found["images found", "dust"].n == 10
    assert found["patches found", ""].value == pytest.approx(0.6)
    low, high = clopper_pearson(12, 20)
    assert found["images found", "all"].error == pytest.approx((high - low) / 2)


def test_no_defect_found_still_has_an_error() -> None:
    rows = inspection.operation([Inspected({"score": "s"}, None, _maps(), 9.0)], _defect(), LEVEL, KIND)
    assert all(row.value == 0 and row.error is not None and row.error > 0 for row in rows)


def test_a_score_without_a_threshold_has_no_operation() -> None:
    with pytest.raises(InputError, match="expected a threshold"):
        inspection.operation([Inspected({"score": "s"}, None, _maps())], _defect(), LEVEL, KIND)


def test_patches_of_defects_are_told_from_all_others() -> None:
    (row,) = inspection.patch_areas([Inspected({"score": "s"}, 1, _maps())], _defect(), LEVEL)
    assert row.labels == {"score": "s", "defects": "weak"}
    assert row.value == pytest.approx(0.6 + 0.4 / 2, abs=0.1)


def test_the_threshold_keeps_the_share_of_clean_images() -> None:
    maps = _maps()
    limit = inspection.thresholds({"s": maps}, LEVEL == "", share=0.25)["s"]
    assert (maps[:40].max(axis=(1, 2)) > limit).sum() == 10


def _sample(count: int) -> PatchImages:
    images = np.random.default_rng(5).integers(0, 256, (count, 80, 80), dtype=np.uint8)
    return PatchImages.unknown(list(images), np.arange(count) % 2, 40)


def test_a_score_read_at_its_position_forgets_what_is_usual_there() -> None:
    """Multiplying the scores of a place by a constant changes nothing."""
    sample = _sample(20)
    draw = torch.Generator().manual_seed(1)
    table = [0.5 + torch.rand(2, 2, generator=draw) for _ in range(20)]

    def score(factor: float) -> patch_scores.Score:
        rows = iter(table)
        weight = torch.tensor([[1.0, factor], [1.0, 1.0]])
        return lambda _, __: {"s": next(rows) * weight}

    readings = []
    for factor in (1.0, 7.0):
        found = patch_scores.score_maps(score(factor), sample)
        usual = patch_scores.usual_scores(found, sample.position.tolist(), prior=4.0)
        readings.append(patch_scores.score_maps(score(factor), sample, usual)["s at its position"])
    np.testing.assert_allclose(readings[0], readings[1], atol=1e-4)
    assert abs(readings[0].mean()) < 0.1


def test_a_score_of_0_can_be_read() -> None:
    sample = _sample(6)
    nothing: patch_scores.Score = lambda _, __: {"s": torch.zeros(2, 2)}  # noqa: E731
    usual = patch_scores.usual_scores(
        patch_scores.score_maps(nothing, sample), sample.position.tolist(), prior=4.0
    )
    assert np.isfinite(patch_scores.score_maps(nothing, sample, usual)["s at its position"]).all()


def test_simple_scores_see_a_mark_where_it_is() -> None:
    sample = _sample(12)
    pca, kept = patch_scores.fit_simple(sample, 4)
    score = patch_scores.simple_score(pca, kept, 40)
    image = sample.image(1).clone()
    marked = image.clone()
    marked[0, 50:60, 10:20] += 3
    before, after = (score(each, 1) for each in (image, marked))
    for name in before:
        change = (after[name] - before[name])[[0, 0, 1], [0, 1, 1]]
        assert after[name][1, 0] > before[name][1, 0], name
        if name != "cell statistics":  # which look at the brightness around
            assert (change == 0).all(), name


def test_columns_of_a_file() -> None:
    columns = patch_scores.written_scores({"s": _maps()}, {"s": 1.0})
    assert columns["s, look at it"].sum() == 12
    assert columns["s, patches"].shape == (60, 2, 3)
