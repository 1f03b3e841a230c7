"""Contrastive training and self-labelling: they learn, from the same seed the same, and small clusters survive."""

import copy
import functools
import math

import numpy as np
import pytest
import torch
from torch import nn

from femtobarn.data.image_stack import scaled
from femtobarn.data.image_views import Counting
from femtobarn.errors import InputError
from femtobarn.evaluation.image_stacks.training import (
    Contrasting,
    SelfLabelling,
    Views,
    batch_size,
    confident,
    contrast,
    embed,
    self_label,
)
from femtobarn.nn import ImageEncoder
from femtobarn.simulate.ion_images import Ions, drawn_templates, ion_images


def silent(*_: object) -> None:
    """Say nothing."""


def data(images: int = 24) -> tuple[np.ndarray, torch.Tensor, np.ndarray]:
    templates, inside = drawn_templates(3, 16, generator=np.random.default_rng(17))
    sizes = [images // 3] * 3
    stack = ion_images(templates, inside, Ions(0.5, 1.0), sizes=sizes, generator=np.random.default_rng(1))
    assert stack.label is not None
    return scaled(stack.counts, stack.inside), torch.from_numpy(inside), stack.label


@functools.cache
def trained(epochs: int = 3, seed: int = 1) -> tuple[ImageEncoder, list[dict[str, float]]]:
    images, inside, _ = data(72)
    torch.manual_seed(seed)
    encoder = ImageEncoder(inside)
    view = Views(counting=Counting()).of("medium", inside)
    return encoder, contrast(encoder, images, view, Contrasting(epochs=epochs), seed=seed, report=silent)


def test_the_loss_falls_and_the_seed_decides() -> None:
    encoder, history = trained()
    assert history[-1]["train"] < history[0]["train"] < 1.5 * math.log(71)
    again, _ = trained.__wrapped__()
    images, _, _ = data(72)
    np.testing.assert_array_equal(embed(encoder, images), embed(again, images))
    assert not np.array_equal(embed(encoder, images), embed(trained(seed=2)[0], images))


def test_an_image_is_embedded_by_itself() -> None:
    encoder, images = trained()[0], data(72)[0]
    np.testing.assert_allclose(embed(encoder, images)[3:5], embed(encoder, images[3:5]), atol=1e-5)


def test_self_labelling_keeps_clusters_and_says_how_many_are_sure() -> None:
    encoder = copy.deepcopy(trained()[0])
    images, inside, label = data(72)
    cluster = np.where(label == 2, np.arange(72) % 8 // 7 + 2, label).astype(np.int64)  # the last is small
    head = nn.Linear(encoder.outputs, 4)
    views = Views(counting=Counting())
    history = self_label(
        encoder, head, images, cluster, views.of("weak", inside), views.of("strong", inside),
        SelfLabelling(head_epochs=300, epochs=4), seed=1, report=silent,
    )  # fmt: skip
    assert len(history) == 4
    assert all(0 <= row["sure"] <= 1 and row["clusters"] <= 4 for row in history)
    found, chance = confident(encoder, head, images)
    assert ((chance > 0.25 - 1e-6) & (chance <= 1)).all()
    assert (found == cluster).mean() > 0.6


def test_stacks_without_a_sure_image_are_skipped_and_not_refused() -> None:
    encoder = copy.deepcopy(trained()[0])
    images, inside, label = data(72)
    head = nn.Linear(encoder.outputs, 3)

    def nothing(given: torch.Tensor, _: torch.Generator) -> torch.Tensor:
        return torch.zeros_like(given)

    history = self_label(
        encoder, head, images, label.astype(np.int64), nothing, Views().of("strong", inside),
        SelfLabelling(head_epochs=200, epochs=1, unsure=0.99), seed=1, report=silent,
    )  # fmt: skip
    assert math.isnan(history[0]["train"]) == (history[0]["sure"] == 0)


@pytest.mark.parametrize(
    ("images", "wanted", "size"), [(367, 0, 184), (40, 0, 40), (5000, 0, 512), (50, 183, 50)]
)
def test_batches(images: int, wanted: int, size: int) -> None:
    assert batch_size(images, wanted) == size


def test_weak_views_are_nearer_to_the_image_than_strong_ones() -> None:
    images, inside, _ = data()
    given, away = torch.from_numpy(images), {}
    for kind in ("counting", "published"):
        for strength in ("weak", "strong"):
            view = Views(kind).of(strength, inside)  # type: ignore[arg-type]
            seen = view(given, torch.Generator().manual_seed(1))
            away[strength] = float(
                torch.nn.functional.cosine_similarity(seen.flatten(1), given.flatten(1)).mean()
            )
        assert away["weak"] > away["strong"], kind


def test_settings_that_train_nothing() -> None:
    with pytest.raises(InputError, match="an epoch"):
        Contrasting(epochs=0)
    with pytest.raises(InputError, match="quantile"):
        SelfLabelling(unsure=1.0)
