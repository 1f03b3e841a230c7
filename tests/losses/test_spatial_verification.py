"""Spatial scores against scikit-learn, SciPy and brute force; masks, circular axes, gradients, displaced features."""

import functools
import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from sklearn import metrics as sklearn
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses import FourierBand, HaarBand, Neighbourhood, SpatialScore, spatial

NEIGHBOURLY = ("brier", "cross_entropy", "fss", "csi", "iou", "all_class_iou", "dice", "dice_ref")
PIXELWISE = ("heidke", "peirce", "gerrity")
SCORES: list[SpatialScore] = [
    *(SpatialScore(name, Neighbourhood(radius)) for name in NEIGHBOURLY for radius in (0, 1)),
    *(SpatialScore(name) for name in PIXELWISE),
    *(
        SpatialScore(name, band, apply_to=to)
        for name in (*NEIGHBOURLY, *PIXELWISE)
        for band in (FourierBand(3, 8), HaarBand(4, 8))
        for to in ("target", "both")
    ),
]
every = pytest.mark.parametrize(
    "score",
    SCORES,
    ids=lambda s: f"{s.score}-{type(s.filter).__name__}{getattr(s.filter, 'radius', '')}-{s.apply_to}",
)


def soft(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def hard(*shape: int, seed: int = 1, share: float = 0.3) -> Tensor:
    return (soft(*shape, seed=seed) < share).double()


# Independent implementations


@given(seed=st.integers(0, 2**31), radius=st.sampled_from([0, 1, 4]))
def test_fss_agrees_with_window_means_of_scipy(seed: int, radius: int) -> None:
    p, y = soft(2, 11, 9, seed=seed), hard(2, 11, 9, seed=seed + 1)
    mean = functools.partial(ndimage.uniform_filter, size=2 * radius + 1, mode="constant")
    pairs = [(mean(a), mean(b)) for a, b in zip(p.numpy(), y.numpy(), strict=True)]
    above = sum(((a - b) ** 2).sum() for a, b in pairs)
    below = sum((a**2).sum() + (b**2).sum() for a, b in pairs)
    assert float(spatial.fss(p, y, radius=radius)) == pytest.approx(1 - above / below, abs=1e-12)


@given(seed=st.integers(0, 2**31))
def test_yes_and_no_agree_with_scikit_learn(seed: int) -> None:
    p, y = hard(1, 12, 12, seed=seed, share=0.4), hard(1, 12, 12, seed=seed + 1)
    said, true = p.flatten().int().numpy(), y.flatten().int().numpy()
    expected = {
        spatial.csi: sklearn.jaccard_score(true, said),
        spatial.iou: sklearn.jaccard_score(true, said),
        spatial.dice: sklearn.f1_score(true, said),
        spatial.heidke: sklearn.cohen_kappa_score(true, said),
        spatial.peirce: sklearn.balanced_accuracy_score(true, said, adjusted=True),
        spatial.dice_ref: sklearn.accuracy_score(true, said),
        spatial.bias: said.sum() / true.sum(),
        spatial.all_class_iou: sklearn.jaccard_score(true, said, average="macro"),
    }
    for score, value in expected.items():
        assert float(score(p, y)) == pytest.approx(value, abs=1e-9), score.__name__


def test_errors_of_probabilities_agree_with_scikit_learn() -> None:
    p, y = soft(1, 9, 9), hard(1, 9, 9, seed=2)
    flat = y.flatten().int().numpy(), p.flatten().numpy()
    assert float(spatial.brier(p, y)) == pytest.approx(sklearn.brier_score_loss(*flat))
    assert float(spatial.cross_entropy(p, y)) == pytest.approx(sklearn.log_loss(*flat) / np.log(2), rel=1e-5)


@given(seed=st.integers(0, 2**31), radius=st.integers(1, 3))
def test_near_hits_agree_with_a_loop(seed: int, radius: int) -> None:
    """POD: an event is found by the largest prediction nearby; SR: a prediction is right by the largest target."""
    p, y = soft(1, 8, 7, seed=seed), hard(1, 8, 7, seed=seed + 1)
    found, right = 0.0, 0.0
    for r, c in np.ndindex(8, 7):
        near = (0, slice(max(r - radius, 0), r + radius + 1), slice(max(c - radius, 0), c + radius + 1))
        found += float(y[0, r, c] * p[near].max())
        right += float(p[0, r, c] * y[near].max())
    pod, ratio = found / float(y.sum()), right / float(p.sum())
    assert float(spatial.bias(p, y, radius=radius)) == pytest.approx(pod / ratio)
    assert float(spatial.csi(p, y, radius=radius)) == pytest.approx(1 / (1 / pod + 1 / ratio - 1))


@pytest.mark.parametrize("name", ["brier", "cross_entropy", "iou", "all_class_iou", "dice", "dice_ref"])
def test_a_neighbourhood_widens_the_target_only(name: str) -> None:
    p, y, score = soft(2, 9, 8), hard(2, 9, 8, seed=2, share=0.1), getattr(spatial, name)
    wide = torch.from_numpy(ndimage.maximum_filter(y.numpy(), (1, 5, 5), mode="constant"))
    torch.testing.assert_close(score(p, y, radius=2), score(p, wide))


def test_gerrity_is_peirce_also_for_soft_maps() -> None:
    p, y = soft(3, 9, 9), soft(3, 9, 9, seed=2)
    a, b, c, d = (float(x.sum()) for x in (y * p, (1 - y) * p, y * (1 - p), (1 - y) * (1 - p)))
    odds = (b + d) / (a + c)
    expected = (a * odds + d / odds - b - c) / (a + b + c + d)  # two classes, as in the authors' code
    assert float(spatial.gerrity(p, y)) == pytest.approx(expected, abs=1e-12)


def test_one_map_has_the_same_iou_and_csi_and_several_have_not() -> None:
    p, y = soft(3, 9, 9), hard(3, 9, 9, seed=2)
    for i in range(3):
        torch.testing.assert_close(
            spatial.iou(p[i : i + 1], y[i : i + 1]), spatial.csi(p[i : i + 1], y[i : i + 1])
        )
    assert float((spatial.iou(p, y) - spatial.csi(p, y)).abs()) > 1e-6


def test_the_dice_of_the_reference_is_the_mean_absolute_error() -> None:
    p, y = soft(1, 9, 9), hard(1, 9, 9, seed=2)
    torch.testing.assert_close(spatial.dice_ref(p, y), 1 - (p - y).abs().mean())
    assert float((spatial.dice_ref(p, y) - spatial.dice(p, y)).abs()) > 0.1


# Properties


@every
def test_gradients_are_right(score: SpatialScore) -> None:
    # Few maxima change within the step of the check: values are far apart.
    order = torch.randperm(64, generator=torch.Generator().manual_seed(3)).double()
    p = (0.05 + 0.9 * order / 64).reshape(1, 8, 8).requires_grad_()
    y = hard(1, 8, 8, seed=2)
    if score.apply_to == "both":  # away from the cut to [0, 1], where there is a corner
        lifted = (
            FourierBand(3, pitch=1, window="none") if isinstance(score.filter, FourierBand) else HaarBand(4)
        )
        score = SpatialScore(score.score, lifted, "both")
    assert torch.autograd.gradcheck(lambda x: score.loss(x, y), (p,))


@every
def test_what_is_outside_the_mask_changes_neither_loss_nor_gradient(score: SpatialScore) -> None:
    mask = hard(2, 8, 8, seed=5, share=0.8).bool()
    mask[:, 1:7, 1:7] = True  # leaves something to a neighbourhood
    p, y = soft(2, 8, 8), hard(2, 8, 8, seed=2)
    told = []
    for junk in (0.0, 0.7, float("nan")):
        x = torch.where(mask, p, torch.full_like(p, junk)).requires_grad_()
        loss = score.loss(x, torch.where(mask, y, torch.full_like(y, junk)), mask)
        told.append((loss.detach(), *torch.autograd.grad(loss, x)))
    for loss, gradient in told:
        torch.testing.assert_close(loss, told[0][0], rtol=0, atol=0)
        torch.testing.assert_close(gradient, told[0][1], rtol=0, atol=0)
        assert (gradient[~mask] == 0).all()


@every
def test_masks_of_any_shape_mean_the_same(score: SpatialScore) -> None:
    """As many images as channels is the trap: (image, row, column) is not (channel, row, column)."""
    p, y, mask = soft(3, 3, 8, 8), hard(3, 3, 8, 8, seed=2), hard(3, 8, 8, seed=6, share=0.7).bool()
    whole = mask[:, None].expand(3, 3, 8, 8)
    torch.testing.assert_close(score.loss(p, y, mask), score.loss(p, y, whole))
    torch.testing.assert_close(score.loss(p, y, mask[0]), score.loss(p, y, mask[0].expand(3, 3, 8, 8)))


@pytest.mark.parametrize("name", ["fss", "csi", "iou", "brier", "dice", "heidke", "peirce"])
def test_a_perfect_prediction_has_no_loss(name: str) -> None:
    y = hard(2, 10, 10)
    assert float(SpatialScore(name).loss(y, y)) == pytest.approx(0, abs=1e-6)


def test_a_displaced_copy_is_forgiven_at_scales_beyond_the_displacement() -> None:
    y, p = torch.zeros(1, 40, 40), torch.zeros(1, 40, 40)
    y[0, 18:21, 12:15] = p[0, 18:21, 18:21] = 1
    losses = [float(1 - spatial.fss(p, y, radius=radius)) for radius in range(13)]
    assert losses[0] == 1
    assert losses[1] == 1, "windows that do not meet yet"
    assert all(wide < narrow for narrow, wide in itertools.pairwise(losses[1:]))
    assert losses[-1] < 0.35


@pytest.mark.parametrize("name", [*NEIGHBOURLY, *PIXELWISE])
@pytest.mark.parametrize("axis", [-2, -1])
def test_a_turn_around_a_circular_axis_changes_nothing(name: str, axis: int) -> None:
    p, y = soft(2, 10, 12), hard(2, 10, 12, seed=2)
    filters = [FourierBand(4, 10), FourierBand(4, 10, window="none"), FourierBand(0, 6)]
    filters += [Neighbourhood(0), Neighbourhood(2)] if name in NEIGHBOURLY else [Neighbourhood(0)]
    for band in filters:
        score = SpatialScore(name, band, circular=(axis,))
        turned = score.loss(p.roll(5, axis), y.roll(5, axis))
        torch.testing.assert_close(turned, score.loss(p, y), rtol=0, atol=1e-6)
    if name == "fss":
        seam = SpatialScore(name, Neighbourhood(2))
        assert float((seam.loss(p.roll(5, axis), y.roll(5, axis)) - seam.loss(p, y)).abs()) > 1e-6


@every
def test_empty_targets_are_no_trap(score: SpatialScore) -> None:
    p = soft(2, 8, 8).requires_grad_()
    loss = score.loss(p, torch.zeros(2, 8, 8, dtype=torch.float64))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(p.grad).all()


def test_more_maps_in_a_batch_weigh_by_their_events_or_alike() -> None:
    p, y = soft(2, 9, 9), torch.stack((hard(9, 9, share=0.5), hard(9, 9, seed=3, share=0.1)))
    each = [float(spatial.csi(p[i : i + 1], y[i : i + 1])) for i in range(2)]
    assert float(spatial.csi(p, y, per_image=True)) == pytest.approx(np.mean(each))
    assert float(spatial.csi(p, y)) > np.mean(each), "the map of many events has the better score"


BAD: list[tuple[str, Callable[[], object]]] = [
    ("target", lambda: spatial.fss(soft(1, 8, 8), soft(1, 8, 7))),
    ("pixel by pixel", lambda: spatial.heidke(soft(1, 8, 8), hard(1, 8, 8), radius=2)),
    ("mask", lambda: spatial.csi(soft(1, 8, 8), hard(1, 8, 8), torch.ones(7, 8, dtype=torch.bool))),
    ("-2", lambda: spatial.fss(soft(1, 8, 8), hard(1, 8, 8), radius=1, circular=(0,))),
    (
        "complex, real",
        lambda: spatial.fourier_error(soft(1, 8, 8), hard(1, 8, 8), band=FourierBand(), part="phase"),
    ),
]


@pytest.mark.parametrize(("said", "call"), BAD, ids=[said for said, _ in BAD])
def test_what_cannot_be_is_refused(said: str, call: Callable[[], object]) -> None:
    with pytest.raises((InputError, TypeError), match=said):  # the check of shapes may come first
        call()
