"""Scores of a reconstruction: closed forms, sides that only the background decides, what is left beside a counter."""

from pathlib import Path

import numpy as np
import torch

from femtobarn.evaluation.reconstruction_figures import draw_reconstructions
from femtobarn.evaluation.reconstruction_scores import (
    cross_entropy,
    reconstruction_scores,
    signed,
    two_sided_residuals,
)
from femtobarn.metrics import auc
from femtobarn.runs import Run


def test_scores_of_a_constant_probability() -> None:
    x = torch.zeros(2, 1, 10, 10, dtype=torch.float64)
    x[1, 0, 0, :5] = 1
    p = 0.2
    logits = torch.full_like(x, float(np.log(p / (1 - p))))
    found = reconstruction_scores(logits, x)
    on = torch.tensor([0.0, 5.0], dtype=torch.float64)
    entropy = -on * np.log(p) - (100 - on) * np.log(1 - p)
    torch.testing.assert_close(found["BCE"], entropy)
    torch.testing.assert_close(found["squared error"], on * (1 - p) ** 2 + (100 - on) * p**2)
    torch.testing.assert_close(found["count difference"], (100 * p - on).abs())
    torch.testing.assert_close(
        found["Dice"][1:], (100 * p**2 + on[1:]) / (2 * p * on[1:]), rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(found["BCE + Dice"], found["BCE"] + found["Dice"])


def test_a_sure_and_right_reconstruction_costs_nothing() -> None:
    x = (torch.rand(3, 1, 12, 12) < 0.3).double()
    logits = torch.where(x > 0, 1000.0, -1000.0).double()
    assert cross_entropy(logits, x).abs().max() == 0
    assert cross_entropy(-logits, x).isfinite().all(), "wrong with full confidence stays finite"


def test_the_side_of_a_score_is_that_of_the_background() -> None:
    draw = np.random.default_rng(1)
    count, signal = draw.poisson(90, 500).astype(float), draw.poisson(120, 100).astype(float)
    for sign in (-1.0, 1.0):
        told = signed({"signal": sign * signal}, sign * count + draw.normal(0, 1, 500), count)
        np.testing.assert_array_equal(told["signal"], signal)


def test_what_is_left_of_a_counter_is_blind_to_the_count_and_sees_both_sides() -> None:
    draw = np.random.default_rng(2)

    def events(n: int, mean: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
        count = draw.poisson(mean, n).astype(float)
        return 3 * count + 0.01 * count**2 + draw.normal(shift, 5, n), count

    known, test = events(2000, 90, 0), events(1000, 90, 0)
    samples = {"more": events(1000, 110, 0), "above": events(1000, 90, 20), "below": events(1000, 90, -20)}
    told = two_sided_residuals(
        {"test": test[0]} | {name: score for name, (score, _) in samples.items()},
        {"test": test[1]} | {name: count for name, (_, count) in samples.items()},
        *known,
    )
    areas = {name: auc(told["test"], told[name])[0] for name in samples}
    assert abs(areas["more"] - 0.5) < 0.06, "more tracks alone are nothing"
    assert areas["above"] > 0.95
    assert areas["below"] > 0.95


def test_images_are_drawn_with_their_numbers(tmp_path: Path) -> None:
    run = Run.create(tmp_path, system="test", preset="tiny", settings={}, seed=1)
    image = np.eye(6, 5)
    draw_reconstructions(run, {"a$b": (image, image / 2), "c": (image, image)}, caption="Two.")
    (figure,) = run.figures()
    assert figure.csv.read_text().splitlines()[1].startswith("1")
